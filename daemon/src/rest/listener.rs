//! Where the API listens: a TCP port, with TLS or without, or a Unix socket.

use std::{
    fmt, fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixSocket, UnixStream};
use tokio_rustls::TlsAcceptor;

use super::tls;
use crate::config;

/// How many clients may wait to be taken, as tokio has it for TCP.
const BACKLOG: u32 = 1024;

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
    let listener = bound(path, mode)?.listen(BACKLOG)?;
    Ok(Socket::Unix(listener, path.to_owned()))
}

/// A socket at a path that only those reach whom `mode` lets, and nobody before it listens: its file is there with the
/// rights that the umask gives at first, and whoever connected then would stay connected.
fn bound(path: &Path, mode: u32) -> io::Result<UnixSocket> {
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use super::*;

    #[tokio::test]
    async fn nobody_gets_in_before_the_mode_is_set() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("api");
        let socket = bound(&path, 0o600).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let early = UnixStream::connect(&path).await.unwrap_err();
        assert_eq!(early.kind(), io::ErrorKind::ConnectionRefused);
        let listener = socket.listen(BACKLOG).unwrap();
        let (one, other) = tokio::join!(UnixStream::connect(&path), listener.accept());
        assert!(one.is_ok() && other.is_ok());
    }
}
