//! The sessions with configured peers, from their options.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use bgp_rib::{Helper, WorkerId, helper::Limits};
use bgp_session::{Backoff, Mode, SessionConfig, State};
use bgp_transport::{Listener, PeerConfig, PeerEvent};
use bgp_wire::{Capability, Family};
use tokio::sync::mpsc;

use super::{Peer, PrefixCounts, calls};
use crate::{clock, config::Bgp};

/// How many peer events may wait before nothing more is read from peers.
const EVENTS: usize = 256;

/// The sessions of a daemon, before there is a core to take in what they bring.
pub struct Sessions {
    pub(in crate::core) peers: BTreeMap<IpAddr, Peer>,
    pub(in crate::core) events: mpsc::Receiver<(IpAddr, PeerEvent)>,
    pub(in crate::core) listener: Option<Listener>,
}

impl Sessions {
    /// Connects to every peer of the configuration, at once, and listens for them; `seed` varies the timers. Events wait for the
    /// core, and when too many do, so do the peers.
    pub fn connect(bgp: &Bgp, local_address: Ipv4Addr, seed: u64) -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        let listener = calls::listen(bgp, local_address.into());
        let peers = bgp.all_peers().zip(0..);
        let peers = peers.map(|(address, index)| {
            let mut session = session(bgp, local_address, seed.wrapping_add(index));
            if bgp.passive_peers.iter().any(|peer| *peer == address) {
                session.mode = Mode::Passive;
            }
            let mut config = PeerConfig::new(session, SocketAddr::new(address, bgp.bgp_port));
            config.local = Some(local_address.into());
            let limits = Limits {
                away: bgp.graceful_restart_max,
                returning: bgp.stale_path_time,
                settling: bgp.end_of_rib_wait,
            };
            let peer = Peer {
                address,
                state: State::Idle,
                previous: State::Idle,
                since: clock::now(),
                hold_time: bgp.hold_time,
                families: Vec::new(),
                peer_as: bgp.my_as,
                flaps: 0,
                last_error: None,
                prefixes: PrefixCounts::default(),
                restart: None,
                helper: Helper::new(WorkerId::Peer(address), limits),
                session: None,
                handle: bgp_transport::spawn(address, config, sender.clone()),
            };
            (address, peer)
        });
        Self {
            peers: peers.collect(),
            events,
            listener,
        }
    }
}

/// The families offered: one capability each, ascending.
pub(super) fn families(bgp: &Bgp) -> Vec<Family> {
    let mut families = vec![
        Family::VPNV4,
        Family::VPNV6,
        Family::FLOWSPEC_VPNV4,
        Family::EVPN,
    ];
    if bgp.enable_rtc {
        families.push(Family::RTC);
    }
    families.sort_unstable();
    families
}

fn session(bgp: &Bgp, local_address: Ipv4Addr, seed: u64) -> SessionConfig {
    let mut session = SessionConfig::new(bgp.my_as, local_address);
    session.hold_time = bgp.hold_time;
    session.families = families(bgp);
    session.capabilities.push(Capability::ExtendedMessage);
    if !bgp.graceful_restart_max.is_zero() {
        session.capabilities.push(HELPER);
    }
    session.connect_retry = Backoff {
        first: bgp.connect_retry,
        max: bgp.connect_retry_max.max(bgp.connect_retry),
        ..Backoff::default()
    };
    session.idle_hold = session.connect_retry;
    session.seed = seed;
    session
}

/// Keeps the routes of peers that restart, after a NOTIFICATION too; asks for nothing of the kind itself, by naming
/// no family (RFC 4724 section 3, RFC 8538 section 2).
const HELPER: Capability = Capability::GracefulRestart {
    restarting: false,
    notification: true,
    time: 0,
    families: Vec::new(),
};
