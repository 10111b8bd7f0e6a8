//! The sessions with configured peers, from their options.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bgp_rib::{Helper, WorkerId, helper::Limits};
use bgp_session::{Backoff, Mode, SessionConfig, State};
use bgp_transport::{Listener, PeerConfig, PeerEvent, SeldomOf};
use bgp_wire::{Capability, Family};
use tokio::sync::mpsc;

use super::{
    Peer, PrefixCounts, calls,
    names::{self, Names},
};
use crate::{clock, config::Bgp, host::Addresses};

/// How many peer events may wait before nothing more is read from peers.
const EVENTS: usize = 256;

/// How often a minute the log has the same change of a peer's state.
const CHANGES_LOGGED: u32 = 10;

/// One life of a peer: what an earlier one still says does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    pub(super) address: IpAddr,
    number: u32,
}

/// The sessions of a daemon, before there is a core to take in what they bring.
pub struct Sessions {
    pub(in crate::core) peers: BTreeMap<IpAddr, Peer>,
    pub(in crate::core) events: mpsc::Receiver<(Life, PeerEvent)>,
    pub(in crate::core) names: mpsc::Receiver<names::Answer>,
    pub(in crate::core) listener: Option<Arc<Listener>>,
    pub(in crate::core) starter: Starter,
}

/// The address family of IPv6 (RFC 4760).
const IPV6: u16 = 2;

/// Makes sessions out of options.
pub struct Starter {
    addresses: Addresses,
    seed: u64,
    kept: bool,
    /// The restart is over, for those who had a session since and for those who have yet to get one.
    returned: BTreeSet<IpAddr>,
    is_over: bool,
    lives: u32,
    events: mpsc::Sender<(Life, PeerEvent)>,
    names: Names,
}

/// What a peer is to be.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::core) struct Wanted {
    config: PeerConfig,
    limits: Limits,
}

/// The way from the peers there are to those that are configured.
pub(in crate::core) struct Plan {
    /// What is configured.
    pub(in crate::core) all: BTreeMap<IpAddr, Wanted>,
    /// Sessions to end, and whether another follows.
    pub(in crate::core) ended: BTreeMap<IpAddr, bool>,
    /// Sessions to start, then.
    pub(in crate::core) started: BTreeMap<IpAddr, Wanted>,
}

impl Sessions {
    /// Listens for peers, where the configuration has it so.
    pub fn listen(bgp: &Bgp, local_address: IpAddr) -> Option<Listener> {
        calls::listen(bgp, local_address)
    }

    /// Connects to every peer of the configuration, at once, and takes their calls; `seed` varies the timers.
    /// Events wait for the core, and when too many do, so do the peers.
    /// `kept` is whether the dataplane has gone on forwarding since a previous run.
    pub fn connect(
        bgp: &Bgp,
        addresses: Addresses,
        seed: u64,
        kept: bool,
        listener: Option<Listener>,
    ) -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        let (names, answers) = Names::new();
        let mut starter = Starter {
            addresses,
            seed,
            kept,
            returned: BTreeSet::new(),
            is_over: false,
            lives: 0,
            events: sender,
            names,
        };
        starter.names.watch(bgp);
        let wanted = starter.wanted(bgp);
        calls::sign(listener.as_ref(), &wanted);
        let peers = wanted.into_iter();
        let peers = peers.map(|(address, wanted)| (address, starter.start(address, wanted)));
        Self {
            peers: peers.collect(),
            events,
            names: answers,
            listener: listener.map(Arc::new),
            starter,
        }
    }
}

impl Starter {
    /// What every peer whose address is known is to be.
    pub(super) fn wanted(&self, bgp: &Bgp) -> BTreeMap<IpAddr, Wanted> {
        let mut all = BTreeMap::new();
        for (peer, passive) in bgp.all_peers() {
            let Some(address) = self.names.address(&peer.host) else {
                continue;
            };
            let mut session = session(bgp, &self.addresses, self.seed_of(address));
            session.capabilities.extend(self.restart(bgp));
            if passive {
                session.mode = Mode::Passive;
            }
            let remote = SocketAddr::new(address, peer.port.unwrap_or(bgp.bgp_port));
            let mut config = PeerConfig::new(session, remote);
            // Of another version of IP the kernel knows the way better.
            config.local =
                Some(self.addresses.bgp).filter(|own| own.is_ipv4() == address.is_ipv4());
            config.password = bgp.password(address).cloned();
            let limits = Limits {
                away: bgp.graceful_restart_max,
                returning: bgp.stale_path_time,
                settling: bgp.end_of_rib_wait,
            };
            all.insert(address, Wanted { config, limits });
        }
        all
    }

    /// What is said of graceful restart (RFC 4724 section 3, RFC 8538 section 2). Routes of peers that restart are kept, after
    /// a NOTIFICATION too; whoever asks for nothing of the kind itself names no family.
    fn restart(&self, bgp: &Bgp) -> Option<Capability> {
        let time = bgp.graceful_restart_time;
        let asks = time > 0;
        (asks || !bgp.graceful_restart_max.is_zero()).then(|| Capability::GracefulRestart {
            restarting: asks && self.kept,
            notification: !bgp.graceful_restart_max.is_zero(),
            time,
            families: families(bgp)
                .into_iter()
                .filter(|_| asks)
                .map(|family| (family, self.kept))
                .collect(),
        })
    }

    /// Takes in what a name stands for; true if that is news.
    pub(in crate::core) fn learn(&mut self, answer: names::Answer) -> bool {
        self.names.learn(answer)
    }

    /// What has to be done for `peers` to be as configured.
    pub(in crate::core) fn plan(&mut self, bgp: &Bgp, peers: &BTreeMap<IpAddr, Peer>) -> Plan {
        self.names.watch(bgp);
        let all = self.wanted(bgp);
        let differs = |(address, peer): &(&IpAddr, &Peer)| all.get(*address) != Some(&peer.wanted);
        let ended: BTreeMap<IpAddr, bool> = peers
            .iter()
            .filter(differs)
            .map(|(address, _)| (*address, all.contains_key(address)))
            .collect();
        let is_new = |address: &IpAddr| !peers.contains_key(address) || ended.contains_key(address);
        let started = all.iter().filter(|(address, _)| is_new(address));
        let started = started.map(|(address, wanted)| (*address, wanted.clone()));
        Plan {
            started: started.collect(),
            ended,
            all,
        }
    }

    /// There is a session with a peer: the next one, of other options too, is not the first since the restart.
    pub(in crate::core) fn returned(&mut self, address: IpAddr) {
        self.returned.insert(address);
    }

    /// What a previous run left is not waited for any more.
    pub(in crate::core) fn restart_is_over(&mut self) {
        self.is_over = true;
    }

    /// Starts a session.
    pub(in crate::core) fn start(&mut self, address: IpAddr, wanted: Wanted) -> Peer {
        let mut config = wanted.config.clone();
        if self.is_over || self.returned.contains(&address) {
            config.session.is_back();
        }
        self.lives = self.lives.wrapping_add(1);
        let life = Life {
            address,
            number: self.lives,
        };
        let session = &wanted.config.session;
        Peer {
            address,
            life,
            state: State::Idle,
            previous: State::Idle,
            since: clock::now(),
            hold_time: session.hold_time,
            families: Vec::new(),
            peer_as: session.local_as,
            flaps: 0,
            last_error: None,
            prefixes: PrefixCounts::default(),
            changes: SeldomOf::up_to(CHANGES_LOGGED),
            defects: SeldomOf::default(),
            restart: None,
            helper: Helper::new(WorkerId::Peer(address), wanted.limits),
            session: None,
            handle: bgp_transport::spawn(life, config, self.events.clone()),
            wanted,
        }
    }

    /// Peers must not all be called at the same time, and each the same way after the options were read again.
    fn seed_of(&self, address: IpAddr) -> u64 {
        let octets = match address {
            IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
            IpAddr::V6(address) => address.octets(),
        };
        octets.iter().fold(self.seed, |seed, octet| {
            seed.wrapping_mul(31).wrapping_add(u64::from(*octet))
        })
    }
}

impl Wanted {
    pub(super) fn password(&self) -> Option<&bgp_transport::Password> {
        self.config.password.as_ref()
    }
}

/// The families offered: one capability each, ascending.
pub(super) fn families(bgp: &Bgp) -> Vec<Family> {
    let mut families = vec![
        Family::VPNV4,
        Family::VPNV6,
        Family::FLOWSPEC_VPNV4,
        Family::FLOWSPEC_VPNV6,
        Family::EVPN,
    ];
    if bgp.enable_rtc {
        families.push(Family::RTC);
    }
    families.sort_unstable();
    families
}

fn session(bgp: &Bgp, addresses: &Addresses, seed: u64) -> SessionConfig {
    let mut session = SessionConfig::new(bgp.my_as, addresses.router_id);
    session.hold_time = bgp.hold_time;
    session.families = families(bgp);
    session.capabilities.push(Capability::ExtendedMessage);
    if addresses.pe.is_ipv6() {
        let next_hops = vec![(Family::VPNV4, IPV6)];
        session
            .capabilities
            .push(Capability::ExtendedNextHop(next_hops));
    }
    session.connect_retry = Backoff {
        first: bgp.connect_retry,
        max: bgp.connect_retry_max.max(bgp.connect_retry),
        ..Backoff::default()
    };
    session.idle_hold = session.connect_retry;
    // The dataplane does not ask how BGP does.
    session.keeps_forwarding = true;
    session.seed = seed;
    session
}
