use std::net::{IpAddr, SocketAddr};

use bgp_session::SessionConfig;

use crate::Password;

/// What a peer task is to run.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerConfig {
    /// The session.
    pub session: SessionConfig,
    /// Whom to call, unless the session is passive; and how log lines name the peer.
    pub remote: SocketAddr,
    /// Source address of the connection; chosen by the kernel if `None`.
    pub local: Option<IpAddr>,
    /// What connections to the peer are signed with; see [`Listener::sign`](crate::Listener::sign) for its own.
    pub password: Option<Password>,
    /// How many octets of messages may wait to be sent. A peer that is further behind is told "out of
    /// resources" and dropped, instead of memory growing.
    pub max_queue: usize,
    /// For a caller nobody configured: the task ends with the first connection handed in.
    pub once: bool,
}

impl PeerConfig {
    /// A session with `remote`; the source address is the kernel's choice, 64 MiB may wait.
    pub fn new(session: SessionConfig, remote: SocketAddr) -> Self {
        Self {
            session,
            remote,
            local: None,
            password: None,
            max_queue: 64 << 20,
            once: false,
        }
    }
}
