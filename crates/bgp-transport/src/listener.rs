use std::{
    io,
    net::{IpAddr, SocketAddr},
};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::Password;

/// A socket on which peers call, usually port 179.
#[derive(Debug)]
pub struct Listener {
    inner: TcpListener,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else does.
    #[error("`{0}` is in use by another program")]
    InUse(SocketAddr),
    /// Ports below 1024 need a privilege.
    #[error("no permission to listen on `{0}` (ports below 1024 need CAP_NET_BIND_SERVICE)")]
    NotPermitted(SocketAddr),
    /// No interface has it.
    #[error("`{0}` is not an address of this host")]
    NotLocal(SocketAddr),
    /// Anything else.
    #[error("cannot listen on `{address}`")]
    Other {
        /// What was asked for.
        address: SocketAddr,
        /// What the kernel said.
        source: io::Error,
    },
}

impl Listener {
    /// Listens; `[::]` takes IPv4 too. Needs a tokio runtime with I/O.
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        let bound = || {
            let socket = match address {
                SocketAddr::V4(_) => TcpSocket::new_v4()?,
                SocketAddr::V6(_) => TcpSocket::new_v6()?,
            };
            socket.set_reuseaddr(true)?;
            socket.bind(address)?;
            socket.listen(1024)
        };
        let inner = bound().map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse(address),
            io::ErrorKind::PermissionDenied => ListenError::NotPermitted(address),
            io::ErrorKind::AddrNotAvailable => ListenError::NotLocal(address),
            _ => ListenError::Other { address, source },
        })?;
        Ok(Self { inner })
    }

    /// The next caller. IPv4 callers have IPv4 addresses, whatever socket they came in by.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, from) = self.inner.accept().await?;
        Ok((
            stream,
            SocketAddr::new(from.ip().to_canonical(), from.port()),
        ))
    }

    /// Signs connections from `peer`, or does so no more: unsigned ones are then dropped by the kernel, and never seen
    /// here (RFC 2385).
    ///
    /// # Errors
    /// The kernel cannot.
    pub fn sign(&self, peer: IpAddr, password: Option<&Password>) -> io::Result<()> {
        let key = password.map_or(&[][..], Password::key);
        netns::tcp::sign(&self.inner, peer, key)
    }

    /// Where it listens, the port filled in if 0 was asked for.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}
