use std::{net::Ipv4Addr, time::Duration};

use bgp_wire::{Capability, Family, Open};
use serde::{Deserialize, Serialize};

use crate::rng::Rng;

/// What a session is to be: who we are, whom we accept, how patient we are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionConfig {
    /// Our autonomous system number.
    pub local_as: u32,
    /// Which autonomous system the peer may say it is.
    pub peer_as: PeerAs,
    /// Our BGP identifier (RFC 6286: anything but zero).
    pub router_id: Ipv4Addr,
    /// Hold time we propose, in seconds; 0 proposes none. 1 and 2 are not allowed (RFC 4271 section 4.2).
    pub hold_time: u16,
    /// Families announced, each as one multiprotocol capability, in this order.
    pub families: Vec<Family>,
    /// All other capabilities, announced after the families exactly as listed. The session goes by what was
    /// announced: without [`Capability::FourOctetAs`] here, AS numbers on the wire have two octets.
    pub capabilities: Vec<Capability>,
    /// Answers an OPEN with the peer's own numbers instead of ours. Only for [`Mode::Passive`].
    pub mirror: Mirror,
    /// Who calls whom.
    pub mode: Mode,
    /// Waits after a TCP connection that could not be opened (ConnectRetryTimer).
    pub connect_retry: Backoff,
    /// How long opening a TCP connection may take.
    pub connect_timeout: Duration,
    /// Waits in Idle after an error or a lost session (IdleHoldTimer).
    pub idle_hold: Backoff,
    /// How long after the TCP connection is up the OPEN is held back, waiting for the peer's (DelayOpenTimer).
    pub delay_open: Option<Duration>,
    /// Hold time while waiting for the peer's OPEN (RFC 4271 section 8.2.2 suggests four minutes).
    pub open_hold: Duration,
    /// How long the peer may refuse to read what we send (SendHoldTimer, RFC 9687 section 4.3).
    pub send_hold: Duration,
    /// Whether forwarding goes on while there is no session, so that from the second session on it has been preserved
    /// (RFC 4724 section 4.1), in all families that `capabilities` restart in. For the first they say it themselves.
    pub keeps_forwarding: bool,
    /// Where the jitter comes from: the same seed gives the same session.
    pub seed: u64,
}

impl SessionConfig {
    /// A session that calls its peer in the same AS. Defaults, the reference's value in brackets:
    ///
    /// - hold time 180 s (180); OPEN sent as soon as TCP is up (after 2 s);
    /// - first connect at once; after a failure 100 ms, doubling to 5 s (2 s, then 5 s each);
    /// - Idle after an error 100 ms, doubling to 5 s (5 s; 20 to 30 s once it was Established);
    /// - capabilities: route refresh and four-octet AS numbers (none).
    pub fn new(local_as: u32, router_id: Ipv4Addr) -> Self {
        Self {
            local_as,
            peer_as: PeerAs::Same,
            router_id,
            hold_time: 180,
            families: Vec::new(),
            capabilities: vec![Capability::RouteRefresh, Capability::FourOctetAs(local_as)],
            mirror: Mirror::default(),
            mode: Mode::Active,
            connect_retry: Backoff::default(),
            connect_timeout: Duration::from_secs(10),
            idle_hold: Backoff::default(),
            delay_open: None,
            open_hold: Duration::from_secs(240),
            send_hold: Duration::from_secs(480),
            keeps_forwarding: false,
            seed: 0,
        }
    }

    /// There has been a session: the next one is not the first since our restart (RFC 4724 section 3).
    pub fn is_back(&mut self) {
        for capability in &mut self.capabilities {
            if let Capability::GracefulRestart {
                restarting,
                families,
                ..
            } = capability
            {
                *restarting = false;
                for (_, kept) in families {
                    *kept |= self.keeps_forwarding;
                }
            }
        }
    }

    /// The OPEN we send; `peer` is the peer's where we already have it.
    pub(crate) fn open(&self, peer: Option<&Open>) -> Open {
        let mut local_as = self.local_as;
        let mut families = self.families.clone();
        let mut capabilities = self.capabilities.clone();
        if let Some(peer) = peer {
            if self.mirror.local_as {
                local_as = peer.asn();
                for capability in &mut capabilities {
                    if let Capability::FourOctetAs(number) = capability {
                        *number = local_as;
                    }
                }
            }
            if self.mirror.families {
                families = peer.families();
                for capability in &mut capabilities {
                    mirror_restart(capability, &families);
                }
            }
        }
        let announced = families
            .into_iter()
            .map(Capability::MultiProtocol)
            .chain(capabilities);
        Open::new(
            local_as,
            self.hold_time,
            self.router_id,
            announced.collect(),
        )
    }
}

/// Whoever restarts gracefully in some families does so in those that the peer announced instead.
fn mirror_restart(capability: &mut Capability, announced: &[Family]) {
    if let Capability::GracefulRestart { families, .. } = capability
        && let Some((_, kept)) = families.first().copied()
    {
        *families = announced.iter().map(|family| (*family, kept)).collect();
    }
}

/// Which autonomous system the peer may belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerAs {
    /// This one.
    Exactly(u32),
    /// Ours: an internal session.
    Same,
    /// Any but zero.
    Any,
}

/// Which parts of the peer's OPEN ours repeats. Our OPEN must then wait for the peer's: set
/// [`SessionConfig::delay_open`]; a peer that waits too gets our configured numbers when that time is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mirror {
    /// Say we are in the peer's AS.
    pub local_as: bool,
    /// Announce the families the peer announced, whatever they are; in graceful restart too, if that has any.
    pub families: bool,
}

/// Who opens the TCP connection. Both accept one that the peer opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// We call.
    Active,
    /// The peer calls (PassiveTcpEstablishment).
    Passive,
}

/// Waits that grow: `first`, then `factor` times as long each time up to `max`, each shortened at random by
/// at most the part `jitter` of it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// The first wait.
    pub first: Duration,
    /// Growth per failure; at least 1.
    pub factor: f64,
    /// No wait is longer.
    pub max: Duration,
    /// Between 0 (exact) and 1.
    pub jitter: f64,
}

impl Backoff {
    /// The wait after `failures` failures in a row, counted from 0. Never zero, so that a session whose
    /// configuration is nonsense still cannot spin.
    pub(crate) fn delay(&self, failures: u32, rng: &mut Rng) -> Duration {
        let growth = self
            .factor
            .max(1.0)
            .powi(i32::try_from(failures).unwrap_or(i32::MAX));
        let seconds = (self.first.as_secs_f64() * growth).min(self.max.as_secs_f64());
        let full = Duration::try_from_secs_f64(seconds).unwrap_or(self.max);
        rng.shorten(full, self.jitter).max(Duration::from_millis(1))
    }
}

impl Default for Backoff {
    /// 100 ms doubling to 5 s, a quarter of it random.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(100),
            factor: 2.0,
            max: Duration::from_secs(5),
            jitter: 0.25,
        }
    }
}
