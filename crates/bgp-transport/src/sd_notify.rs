//! Telling the service manager (systemd, or a lab) that the program is ready: the `NOTIFY_SOCKET` protocol.

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
};

/// Sends `READY=1` to the socket that `NOTIFY_SOCKET` names; a name that begins with `@` is an abstract one.
/// False if nobody wants to know.
pub fn notify_ready() -> io::Result<bool> {
    let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return Ok(false);
    };
    let address = match name.as_bytes() {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
        _ => SocketAddr::from_pathname(&name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(b"READY=1\n", &address)?;
    Ok(true)
}
