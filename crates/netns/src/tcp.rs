//! TCP connections and listeners in a namespace, for tokio.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::ns::{Context, NetNs, NsError};
use crate::sys;

/// The longest key for [`sign`], in octets.
pub const KEY_MAX: usize = sys::TCP_KEY_MAX;

/// A TCP socket that belongs to `ns`, to be bound or connected from anywhere. `like` tells the
/// address family.
pub fn socket_in(ns: &NetNs, like: SocketAddr) -> Result<TcpSocket, NsError> {
    let made = ns.run(|| match like {
        SocketAddr::V4(_) => TcpSocket::new_v4(),
        SocketAddr::V6(_) => TcpSocket::new_v6(),
    })?;
    made.context("open a TCP socket")
}

/// Connects to `addr` as seen from `ns`. Waits as long as the kernel does: put a timeout around.
pub async fn tcp_in(ns: &NetNs, addr: SocketAddr) -> Result<TcpStream, NsError> {
    let socket = socket_in(ns, addr)?;
    socket
        .connect(addr)
        .await
        .context(format!("connect to `{addr}`"))
}

/// Listens on `addr` in `ns`. Must be called inside a tokio runtime.
pub fn listen_in(ns: &NetNs, addr: SocketAddr) -> Result<TcpListener, NsError> {
    const BACKLOG: u32 = 1024;
    let listen = |socket: TcpSocket| -> io::Result<TcpListener> {
        // Restarting a daemon must not wait for connections of its predecessor to time out.
        socket.set_reuseaddr(true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    };
    listen(socket_in(ns, addr)?).context(format!("listen on `{addr}`"))
}

/// Signs what a TCP socket says to `peer`, and has the kernel drop what comes from there unsigned or wrongly signed
/// (RFC 2385). For a listening socket, it holds for connections it accepts. An empty key ends it.
///
/// # Errors
/// The key is longer than [`KEY_MAX`], or the kernel cannot (`CONFIG_TCP_MD5SIG`).
pub fn sign(socket: &impl AsFd, peer: IpAddr, key: &[u8]) -> io::Result<()> {
    match sys::sign_tcp(socket.as_fd(), peer, key) {
        // There was none.
        Err(error) if key.is_empty() && error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
