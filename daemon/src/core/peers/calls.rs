//! Connections that peers open.

use std::{
    collections::BTreeMap,
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bgp_transport::{Listener, Seldom};
use tokio::{net::TcpStream, time::sleep};

use super::Wanted;
use crate::{
    config::{Bgp, Host, PeerName},
    core::Core,
};

/// How long to wait after a call could not be taken: usually there are too many open files, which trying at once
/// would not mend. The call waits in the kernel.
const AFTER_FAILURE: Duration = Duration::from_millis(100);

/// What became of the callers, as far as somebody may want to know.
#[derive(Debug, Default)]
pub struct Calls {
    /// Where the daemon listens, if it does.
    pub address: Option<SocketAddr>,
    /// Callers that are no peer of ours.
    pub refused: u64,
    /// Connections of peers that opened more than could be looked at.
    pub dropped: u64,
    strangers: Seldom,
    floods: Seldom,
    failures: Seldom,
}

impl Calls {
    /// None so far.
    pub(in crate::core) fn of(listener: Option<&Listener>) -> Self {
        Self {
            address: listener.and_then(|listener| listener.local_addr().ok()),
            ..Self::default()
        }
    }
}

/// Listens, if it is to; says why if it does not.
///
/// Unless told, it leaves the port alone where a peer is on this host: that one needs it, and may start later.
pub(super) fn listen(bgp: &Bgp, local: IpAddr) -> Option<Listener> {
    let here = |peer: &PeerName| match peer.host {
        Host::Address(address) => address.is_loopback() || address == local,
        Host::Name(_) => false,
    };
    let mut peers = bgp.all_peers().map(|(peer, _)| peer).peekable();
    if bgp.listen == Some(false) {
        return None;
    }
    if bgp.listen.is_none() && (peers.peek().is_none() || peers.any(here)) {
        return None;
    }
    let address = SocketAddr::new(local, bgp.listen_port.unwrap_or(bgp.bgp_port));
    match Listener::bind(address) {
        Ok(listener) => {
            tracing::info!("peers can call {address}");
            Some(listener)
        }
        Err(error) if bgp.listen == Some(true) => {
            tracing::warn!("peers cannot call: {error}");
            None
        }
        Err(error) => {
            tracing::info!("peers cannot call: {error}");
            None
        }
    }
}

/// Has connections that peers open signed as configured.
pub(in crate::core) fn sign(listener: Option<&Listener>, peers: &BTreeMap<IpAddr, Wanted>) {
    let Some(listener) = listener else { return };
    for (address, wanted) in peers {
        // A listener of IPv4 is called by nobody else.
        let same = listener
            .local_addr()
            .is_ok_and(|own| own.is_ipv4() == address.is_ipv4());
        if same && let Err(error) = listener.sign(*address, wanted.password()) {
            tracing::error!(
                "calls of peer {address} cannot be signed, its session will not come up: {error} (does this kernel \
                 have CONFIG_TCP_MD5SIG?)"
            );
        }
    }
}

/// The next caller; never, without a listener.
pub(in crate::core) async fn next(
    listener: Option<&Listener>,
) -> io::Result<(TcpStream, SocketAddr)> {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    let call = listener.accept().await;
    if call.is_err() {
        sleep(AFTER_FAILURE).await;
    }
    call
}

impl Core {
    /// Somebody has called.
    pub(in crate::core) fn called(&mut self, call: io::Result<(TcpStream, SocketAddr)>) {
        let (stream, from) = match call {
            Ok(call) => call,
            Err(error) => {
                if let Some(times) = self.calls.failures.happened() {
                    tracing::warn!(times, "cannot take a call: {error}");
                }
                return;
            }
        };
        let Some(peer) = self.peers.get(&from.ip()) else {
            self.calls.refused += 1;
            if let Some(times) = self.calls.strangers.happened() {
                tracing::warn!(times, "refused a call from {}, which is no peer", from.ip());
            }
            return;
        };
        if !peer.handle.accept(stream) {
            self.calls.dropped += 1;
            if let Some(times) = self.calls.floods.happened() {
                let worker = peer.worker();
                tracing::warn!(%worker, times, "dropped a call: the peer calls too often");
            }
        }
    }
}
