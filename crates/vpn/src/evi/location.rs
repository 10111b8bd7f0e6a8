//! Whether the MACs attached here are advertised, beside what others say of them.

use std::cmp::Ordering;
use std::net::IpAddr;
use std::time::Duration;

use bgp_rib::best_path::{self, Candidate};
use bgp_wire::MacAddr;

use super::Evi;
use super::mobility::{Judgement, Rival};
use crate::instance::EndpointKey;
use crate::manager::VpnConfig;
use crate::outcome::Outcome;

impl Evi {
    /// Brings up to date where a MAC is, after its endpoints or the routes of others for it have changed.
    pub(super) fn locate(&mut self, mac: MacAddr, config: &VpnConfig, now: Duration) -> Judgement {
        if self.own_keys(mac).next().is_none() {
            self.mobility.leave(mac, now);
            return Judgement::default();
        }
        let limits = config.duplicates;
        if self.is_gateway_mac(mac) {
            return Judgement {
                changed: self.mobility.stay(mac),
                warning: None,
            };
        }
        if self.learned.location(mac).is_none() {
            self.learning.outlast(mac);
        }
        let rival = self.rival(mac, config);
        if self.is_only_learnt(mac) {
            self.mobility.appear(mac, rival, limits, now);
        } else {
            self.mobility.arrive(mac, rival, limits, now);
        }
        // What it says depends on the sequence that the MAC has now.
        let rival = self.rival(mac, config);
        self.mobility.judge(mac, rival, limits, now)
    }

    /// Judges those duplicates anew whose time has come.
    pub(crate) fn release_duplicates(&mut self, config: &VpnConfig, now: Duration) -> Outcome {
        let released = self.mobility.release(config.duplicates, now);
        if released.is_empty() {
            return Outcome::default();
        }
        let keys = released.iter().flat_map(|mac| self.own_keys(*mac));
        let keys: Vec<_> = keys.collect();
        self.publish(config, keys, now)
    }

    /// When the next duplicate is to be judged anew.
    pub(crate) fn next_release(&self, config: &VpnConfig) -> Option<Duration> {
        self.mobility.deadline(config.duplicates)
    }

    /// MACs that are attached here and at another PE, and which of them are duplicates.
    pub(crate) fn moved_macs(&self) -> impl Iterator<Item = (MacAddr, IpAddr)> + '_ {
        self.mobility.elsewhere()
    }

    /// MACs that have moved too often.
    pub(crate) fn duplicate_macs(&self) -> impl Iterator<Item = MacAddr> + '_ {
        self.mobility.duplicates()
    }

    /// Whether a MAC is that of the subnet's gateway, which may be attached at many PEs.
    fn is_gateway_mac(&self, mac: MacAddr) -> bool {
        let mut keys = self.common.keys_of(mac);
        keys.any(|key| self.is_gateway(key))
    }

    /// Whether an endpoint is the subnet's gateway.
    pub(super) fn is_gateway(&self, (_, ip): EndpointKey) -> bool {
        let gateway = self.intent.gateway.map(|gateway| gateway.address);
        ip.is_some() && ip == gateway
    }

    /// The best route of others for a MAC that is advertised here, or learnt. What is learnt and not advertised has
    /// nothing to compare: it is where the later of the two says, the frame or the route.
    fn rival(&self, mac: MacAddr, config: &VpnConfig) -> Option<Rival> {
        let (source, route) = self.learned.location(mac)?;
        let keys = self.own_keys(mac);
        let own: Vec<_> = keys.filter_map(|key| self.own_route(config, key)).collect();
        let rival = Candidate { source, route };
        let is_preferred = |own| {
            let source = self.worker();
            let own = Candidate { source, route: own };
            best_path::compare(rival, own) == Ordering::Greater
        };
        let (is_sticky, sequence) = best_path::mobility(route);
        Some(Rival {
            pe: route.next_hop().address()?,
            sequence,
            is_sticky,
            is_better: match own.is_empty() {
                true => !self.learning.is_older(mac, route),
                false => own.iter().all(is_preferred),
            },
        })
        .filter(|_| !own.is_empty() || self.is_only_learnt(mac))
    }
}
