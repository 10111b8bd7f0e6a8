//! What can go wrong between this crate and the kernel's routing sockets.

use std::io;

use nix::errno::Errno;
use nix::libc;

/// A netlink request failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {action}: {kind}{}", explained(.explanation))]
pub struct LinkError {
    /// What was asked for, with the names and addresses that were in the request, such as
    /// ``create link `vx0` ``.
    pub action: String,
    /// The class of failure.
    pub kind: LinkErrorKind,
    /// The kernel's own words (its extended acknowledgement), when it has any.
    pub explanation: Option<String>,
}

/// The classes of failure that callers tell apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkErrorKind {
    /// The thing is there already.
    #[error("it exists already")]
    Exists,
    /// The thing, or the link it belongs to, is not there.
    #[error("it does not exist")]
    NotFound,
    /// The caller lacks CAP_NET_ADMIN in the namespace.
    #[error("permission denied")]
    Permission,
    /// The kernel was built without it.
    #[error("this kernel does not support it")]
    Unsupported,
    /// The kernel found the request invalid.
    #[error("invalid request")]
    Invalid,
    /// Any other answer of the kernel, as an `errno` value.
    #[error("{}", Errno::from_raw(*.0).desc())]
    Os(i32),
    /// The answer could not be understood.
    #[error("unreadable answer ({0})")]
    Decode(String),
}

impl LinkError {
    pub(crate) fn from_errno(action: String, errno: i32, explanation: Option<String>) -> Self {
        Self {
            action,
            kind: LinkErrorKind::from_errno(errno),
            explanation,
        }
    }

    pub(crate) fn from_io(action: impl Into<String>, error: &io::Error) -> Self {
        Self::from_errno(
            action.into(),
            error.raw_os_error().unwrap_or(libc::EIO),
            None,
        )
    }

    pub(crate) fn not_found(action: impl Into<String>) -> Self {
        Self {
            action: action.into(),
            kind: LinkErrorKind::NotFound,
            explanation: None,
        }
    }

    pub(crate) fn decode(action: impl Into<String>, why: impl ToString) -> Self {
        let kind = LinkErrorKind::Decode(why.to_string());
        Self {
            action: action.into(),
            kind,
            explanation: None,
        }
    }

    /// Whether the thing was there already.
    pub fn is_exists(&self) -> bool {
        self.kind == LinkErrorKind::Exists
    }

    /// Whether the thing was not there.
    pub fn is_not_found(&self) -> bool {
        self.kind == LinkErrorKind::NotFound
    }
}

impl LinkErrorKind {
    fn from_errno(errno: i32) -> Self {
        match Errno::from_raw(errno) {
            Errno::EEXIST => Self::Exists,
            Errno::ENODEV | Errno::ENOENT | Errno::ESRCH | Errno::EADDRNOTAVAIL => Self::NotFound,
            Errno::EPERM | Errno::EACCES => Self::Permission,
            Errno::EOPNOTSUPP | Errno::EAFNOSUPPORT => Self::Unsupported,
            Errno::EINVAL => Self::Invalid,
            _ => Self::Os(errno),
        }
    }
}

fn explained(explanation: &Option<String>) -> String {
    explanation
        .as_ref()
        .map(|text| format!(" (kernel: {text})"))
        .unwrap_or_default()
}

/// Makes requests idempotent: the state that was asked for is there, whoever made it.
pub trait Idempotent: Sized {
    /// "It exists already" is success.
    fn ignore_exists(self) -> Self;

    /// "It does not exist" is success (of a deletion).
    fn ignore_not_found(self) -> Self;
}

impl Idempotent for Result<(), LinkError> {
    fn ignore_exists(self) -> Self {
        self.or_else(|error| {
            if error.is_exists() {
                Ok(())
            } else {
                Err(error)
            }
        })
    }

    fn ignore_not_found(self) -> Self {
        self.or_else(|error| {
            if error.is_not_found() {
                Ok(())
            } else {
                Err(error)
            }
        })
    }
}
