use std::{collections::BTreeSet, time::Duration};

use bgp_wire::{
    Capability, DecodeContext, EncodeContext, Family, Open,
    capability::code,
    notification::{cease, code as notification_code},
};
use serde::{Deserialize, Serialize};

use crate::DownReason;

/// What two OPENs agree on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Negotiated {
    /// Families both announced, in the order VPNv4, E-VPN, Flowspec VPNv4, RTC, then the rest ascending.
    pub families: Vec<Family>,
    /// The smaller of both hold times in seconds; 0 means none.
    pub hold_time: u16,
    /// A third of the hold time, whole seconds; `None` without one.
    pub keepalive: Option<Duration>,
    /// The AS we said we are in.
    pub local_as: u32,
    /// The AS the peer says it is in.
    pub peer_as: u32,
    /// AS numbers have four octets (RFC 6793).
    pub as4: bool,
    /// Messages may be longer than 4,096 octets (RFC 8654).
    pub extended_message: bool,
    /// The peer answers ROUTE-REFRESH (RFC 2918).
    pub route_refresh: bool,
    /// Refreshes have a beginning and an end (RFC 7313).
    pub enhanced_route_refresh: bool,
    /// Families in which we send path identifiers (RFC 7911).
    pub add_path_send: BTreeSet<Family>,
    /// Families in which the peer sends path identifiers.
    pub add_path_receive: BTreeSet<Family>,
    /// What the peer says of graceful restart (RFC 4724), if we announced it too.
    pub graceful_restart: Option<GracefulRestart>,
    /// The OPEN we sent.
    pub local: Open,
    /// The OPEN the peer sent.
    pub peer: Open,
}

/// The peer's graceful restart capability (RFC 4724 section 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GracefulRestart {
    /// The peer has just restarted.
    pub restarting: bool,
    /// It keeps forwarding after a NOTIFICATION too (RFC 8538).
    pub notification: bool,
    /// How long it needs at most, in seconds.
    pub time: u16,
    /// Families, and whether forwarding state was kept.
    pub families: Vec<(Family, bool)>,
}

impl Negotiated {
    /// What the two OPENs agree on. Total: disagreement leaves things out, down to no family at all.
    pub fn new(local: &Open, peer: &Open) -> Self {
        let theirs = peer.families();
        let mut common = local.families();
        common.retain(|family| theirs.contains(family));
        common.sort_by_key(|family| (rank(*family), *family));
        let both = |code: u8| local.has(code) && peer.has(code);
        let hold_time = local.hold_time.min(peer.hold_time);
        Self {
            hold_time,
            keepalive: (hold_time > 0).then(|| Duration::from_secs(u64::from(hold_time / 3))),
            local_as: local.asn(),
            peer_as: peer.asn(),
            as4: both(code::FOUR_OCTET_AS),
            extended_message: both(code::EXTENDED_MESSAGE),
            route_refresh: both(code::ROUTE_REFRESH),
            enhanced_route_refresh: both(code::ENHANCED_ROUTE_REFRESH),
            add_path_send: path_ids(&common, local, peer),
            add_path_receive: path_ids(&common, peer, local),
            graceful_restart: graceful_restart(local).and_then(|_| graceful_restart(peer)),
            families: common,
            local: local.clone(),
            peer: peer.clone(),
        }
    }

    /// How long the peer may be silent; `None` for ever.
    pub fn hold(&self) -> Option<Duration> {
        (self.hold_time > 0).then(|| Duration::from_secs(u64::from(self.hold_time)))
    }

    /// The peer's routes outlive a session that ends for this reason, until it is back (RFC 4724 section 4.2,
    /// RFC 8538 section 4): its restart is to be seen by nobody.
    ///
    /// A lost TCP connection and a peer that fell silent are restarts; a NOTIFICATION is one only if both sides said
    /// so, and unless it is a hard reset.
    pub fn restarts_after(&self, reason: &DownReason) -> Option<&GracefulRestart> {
        let theirs = self.graceful_restart.as_ref()?;
        let ours = graceful_restart(&self.local)?;
        let both_notify = theirs.notification && ours.notification;
        let restarts = match reason {
            DownReason::TcpClosed | DownReason::Replaced | DownReason::HoldTimerExpired => true,
            DownReason::NotificationReceived(notification)
            | DownReason::NotificationSent { notification, .. } => {
                let cease = notification.code == notification_code::CEASE;
                both_notify && !(cease && notification.subcode == cease::HARD_RESET)
            }
            DownReason::SendHoldTimerExpired => both_notify,
            DownReason::Stopped | DownReason::Collision => false,
        };
        restarts.then_some(theirs)
    }

    /// The peer keeps our routes after a NOTIFICATION, unless that is a hard reset (RFC 8538 section 4).
    pub fn keeps_ours(&self) -> bool {
        let ours = graceful_restart(&self.local).filter(|ours| !ours.families.is_empty());
        let theirs = self.graceful_restart.as_ref();
        ours.is_some_and(|ours| ours.notification) && theirs.is_some_and(|one| one.notification)
    }

    /// The peer restarts gracefully in some family.
    pub fn peer_restarts(&self) -> bool {
        self.graceful_restart
            .as_ref()
            .is_some_and(|restart| !restart.families.is_empty())
    }

    /// Same AS on both sides.
    pub fn ibgp(&self) -> bool {
        self.local_as == self.peer_as
    }

    /// How to read what this peer sends.
    pub fn decode_context(&self) -> DecodeContext {
        DecodeContext {
            as4: self.as4,
            ibgp: self.ibgp(),
            add_path: self.add_path_receive.clone(),
            extended_message: self.extended_message,
        }
    }

    /// How to write what this peer reads.
    pub fn encode_context(&self) -> EncodeContext {
        EncodeContext {
            as4: self.as4,
            ibgp: self.ibgp(),
            add_path: self.add_path_send.clone(),
            extended_message: self.extended_message,
        }
    }
}

/// The order in which the reference treats its families.
fn rank(family: Family) -> usize {
    const FIRST: [Family; 4] = [
        Family::VPNV4,
        Family::EVPN,
        Family::FLOWSPEC_VPNV4,
        Family::RTC,
    ];
    FIRST
        .iter()
        .position(|known| *known == family)
        .unwrap_or(FIRST.len())
}

/// Families whose path identifiers go from the `from` side to the `to` side (RFC 7911 section 4).
fn path_ids(common: &[Family], from: &Open, to: &Open) -> BTreeSet<Family> {
    let sends = |family| from.add_path(family).is_some_and(|mode| mode.sends());
    let receives = |family| to.add_path(family).is_some_and(|mode| mode.receives());
    common
        .iter()
        .copied()
        .filter(|family| sends(*family) && receives(*family))
        .collect()
}

fn graceful_restart(open: &Open) -> Option<GracefulRestart> {
    open.capabilities
        .iter()
        .find_map(|capability| match capability {
            Capability::GracefulRestart {
                restarting,
                notification,
                time,
                families,
            } => Some(GracefulRestart {
                restarting: *restarting,
                notification: *notification,
                time: *time,
                families: families.clone(),
            }),
            _ => None,
        })
}
