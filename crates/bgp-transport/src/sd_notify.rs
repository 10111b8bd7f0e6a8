//! Telling the service manager (systemd, or a lab) that the program is ready, and well: the `NOTIFY_SOCKET` protocol.

use std::{
    env, io,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            ffi::OsStrExt,
            net::{SocketAddr, UnixDatagram},
        },
    },
    time::Duration,
};

/// All is well.
pub const WATCHDOG: &str = "WATCHDOG=1";

/// Sends `READY=1`, see [`notify`].
///
/// # Errors
/// As [`notify`].
pub fn notify_ready() -> io::Result<bool> {
    notify("READY=1")
}

/// Sends a state to the socket that `NOTIFY_SOCKET` names; a name that begins with `@` is an abstract one.
/// False if nobody wants to know.
///
/// # Errors
/// The socket is not there, or does not take it.
pub fn notify(state: &str) -> io::Result<bool> {
    let Some(name) = env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else {
        return Ok(false);
    };
    let address = match name.as_bytes() {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
        _ => SocketAddr::from_pathname(&name)?,
    };
    UnixDatagram::unbound()?.send_to_addr(format!("{state}\n").as_bytes(), &address)?;
    Ok(true)
}

/// How often the service manager is to hear [`WATCHDOG`]: half of what it waits for (`WATCHDOG_USEC`). `None` if it does
/// not watch this process.
pub fn watchdog_interval() -> Option<Duration> {
    let number = |name| env::var(name).ok()?.parse::<u64>().ok();
    let microseconds = number("WATCHDOG_USEC").filter(|time| *time > 0)?;
    let of_other = number("WATCHDOG_PID").is_some_and(|pid| pid != u64::from(std::process::id()));
    (!of_other).then(|| Duration::from_micros(microseconds) / 2)
}
