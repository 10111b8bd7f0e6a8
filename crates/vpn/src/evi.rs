//! One E-VPN instance: its endpoints, what it has learnt, and the intent that follows from both.

mod advertise;
mod learning;
mod local;
mod location;
mod mobility;
mod received;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use bgp_rib::{Route, WorkerId};
use bgp_wire::{MacAddr, RouteTarget};

use crate::instance::{Common, EndpointKey, Numbers};
use crate::intent::{EvpnIntent, Gateway, SharedMap, SharedSet};
use crate::learned::Learned;
use crate::manager::VpnConfig;
use crate::reading::Reading;
use crate::request::AttachRequest;

use learning::Learning;
pub use mobility::DuplicateDetection;
use mobility::Mobility;

/// What is wrong with routes in a way that one line in the log tells all of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Complaint {
    UnusedType(u8),
    MultiHomed,
    EthernetTag,
}

#[derive(Debug)]
pub(crate) struct Evi {
    pub(crate) common: Common,
    pub(crate) learned: Learned,
    pub(crate) intent: Arc<EvpnIntent>,
    /// Interface of each MAC that is held, as in the intent.
    placed: SharedMap<MacAddr, Arc<str>>,
    /// MAC of each address that is held, as in the intent.
    owners: SharedMap<IpAddr, MacAddr>,
    learning: Learning,
    mobility: Mobility,
    /// What has been complained of already.
    complaints: BTreeSet<Complaint>,
    /// Targets subscribed to.
    subscribed: BTreeSet<RouteTarget>,
    multicast: Option<Arc<Route>>,
    /// Of the gateway behind the link to an IP VPN instance.
    gateway: Option<Arc<Route>>,
    /// The gateway that `advertised` knows of.
    published_gateway: Option<IpAddr>,
    advertised: SharedMap<EndpointKey, Arc<Route>>,
}

impl Evi {
    /// An instance without endpoints, for a first `request`.
    pub(crate) fn new(numbers: Numbers, request: &AttachRequest, config: &VpnConfig) -> Self {
        let common = Common::new(numbers, request);
        let intent = EvpnIntent {
            instance: numbers.id,
            external_id: request.external_id.clone(),
            vni: numbers.vni,
            local_vtep: config.local_vtep,
            linuxbr: request.linuxbr.clone(),
            gateway: request
                .gateway
                .map(|address| Gateway::of_subnet(address, common.prefix_len)),
            gateway_port: None,
            ports: SharedMap::new(),
            remote_macs: SharedMap::new(),
            neighbours: SharedMap::new(),
            flood: SharedSet::new(),
        };
        Self {
            common,
            learned: Learned::new(Reading {
                capabilities: config.capabilities.clone(),
                local_vtep: config.local_vtep,
                local_vni: numbers.vni,
            }),
            intent: Arc::new(intent),
            placed: SharedMap::new(),
            owners: SharedMap::new(),
            learning: Learning::default(),
            mobility: Mobility::default(),
            complaints: BTreeSet::new(),
            subscribed: BTreeSet::new(),
            multicast: None,
            gateway: None,
            published_gateway: None,
            advertised: SharedMap::new(),
        }
    }

    pub(crate) fn worker(&self) -> WorkerId {
        WorkerId::Evi(self.common.numbers.id.0)
    }
}
