//! Where the API listens: a TCP port, with TLS or without, or a Unix socket.

use std::{
    fmt, fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::tls;
use crate::config;

/// A place where clients connect to.
pub struct Listener {
    socket: Socket,
    pub(super) tls: Option<TlsAcceptor>,
    /// Whether a client needs more than to reach it: a certificate, or the rights to the socket's file.
    asks: bool,
}

enum Socket {
    Tcp(TcpListener, SocketAddr),
    Unix(UnixListener, PathBuf),
}

/// A client's connection.
pub(super) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Listener {
    /// Listens where the configuration says.
    ///
    /// # Errors
    /// The address or path is taken or no such thing, or TLS cannot be set up.
    pub async fn bind(api: &config::Api) -> io::Result<Self> {
        let tls = api.tls.as_ref().map(tls::acceptor).transpose();
        let tls = tls.map_err(io::Error::other)?;
        let has_client_ca = api.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some());
        let (socket, is_guarded) = match api.host.strip_prefix("unix:") {
            Some(path) => (unix(Path::new(path), api.socket_mode).await?, true),
            None => {
                let listener = TcpListener::bind((api.host.as_str(), api.port)).await?;
                let address = listener.local_addr()?;
                (Socket::Tcp(listener, address), false)
            }
        };
        Ok(Self {
            socket,
            tls,
            asks: is_guarded || has_client_ca,
        })
    }

    /// Whether whoever reaches this may do everything, unless there is a token.
    pub fn is_open(&self) -> bool {
        let is_local = match &self.socket {
            Socket::Tcp(_, address) => address.ip().is_loopback(),
            Socket::Unix(..) => true,
        };
        !is_local && !self.asks
    }

    pub(super) async fn accept(&self) -> io::Result<Stream> {
        Ok(match &self.socket {
            Socket::Tcp(listener, _) => Stream::Tcp(listener.accept().await?.0),
            Socket::Unix(listener, _) => Stream::Unix(listener.accept().await?.0),
        })
    }
}

impl fmt::Display for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.socket {
            Socket::Tcp(_, address) => address.fmt(f),
            Socket::Unix(_, path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Socket::Unix(_, path) = &self.socket {
            // Whoever comes next removes it as well.
            fs::remove_file(path).ok();
        }
    }
}

async fn unix(path: &Path, mode: u32) -> io::Result<Socket> {
    // What a daemon that has died left behind answers nobody; where somebody answers, the place is taken.
    let is_socket = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    if is_socket {
        match UnixStream::connect(path).await {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                fs::remove_file(path)?;
            }
            Err(_) => {}
        }
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(Socket::Unix(listener, path.to_owned()))
}
