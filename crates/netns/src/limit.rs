//! How many files a process may have open.

use std::fs;
use std::io;
use std::sync::OnceLock;

use nix::libc;

/// What this process was started with; its children are started with it again.
static BEFORE: OnceLock<libc::rlimit> = OnceLock::new();

/// Lets this process have as many files open as it may: a lab holds some for every node. Programs that it starts get
/// the old limit, because many close every number up to it one by one. Says how many there may be.
pub fn raise_open_files() -> io::Result<u64> {
    let now = open_files()?;
    BEFORE.get_or_init(|| now);
    let most = fs::read_to_string("/proc/sys/fs/nr_open").ok();
    let most = most.and_then(|text| text.trim().parse().ok());
    // Beyond its hard limit only a privileged process gets.
    for wanted in most.into_iter().chain([now.rlim_max]) {
        let wanted = wanted.max(now.rlim_max);
        let limit = libc::rlimit {
            rlim_cur: wanted,
            rlim_max: wanted,
        };
        if set(&limit).is_ok() {
            return Ok(wanted);
        }
    }
    Ok(now.rlim_cur)
}

/// In a child between clone and exec. A failure leaves it with the higher limit.
pub(crate) fn restore_open_files() {
    if let Some(before) = BEFORE.get() {
        let _ = set(before);
    }
}

fn open_files() -> io::Result<libc::rlimit> {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the pointer is to a limit.
    match unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } {
        0 => Ok(limit),
        _ => Err(io::Error::last_os_error()),
    }
}

fn set(limit: &libc::rlimit) -> io::Result<()> {
    // SAFETY: the pointer is to a limit.
    match unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, limit) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}
