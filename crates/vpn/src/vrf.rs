//! One IP VPN instance: its endpoints, what it has learnt, and the intent that follows from both.

mod advertise;
mod again;
mod attract;
mod learned;
mod local;
mod policy;
pub(crate) mod reading;
mod received;
mod redirect;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bgp_rib::{Route, WorkerId};
use bgp_wire::{Family, IpPrefix, MacAddr, RouteTarget};

use crate::instance::{Common, EndpointKey, Numbers};
use crate::intent::{Gateway, InstanceId, IpVpnIntent, SharedMap, SharedSet};
use crate::manager::{IpVpnConfig, VpnConfig};
use crate::request::AttachRequest;

use again::Again;
use learned::Learned;
use policy::Policy;
use redirect::Redirects;

/// The families of an IP VPN instance's routes.
const FAMILIES: [Family; 2] = [Family::VPNV4, Family::VPNV6];

#[derive(Debug)]
pub(crate) struct Vrf {
    pub(crate) common: Common,
    pub(crate) learned: Learned,
    pub(crate) intent: Arc<IpVpnIntent>,
    /// Whether equal routes share the traffic.
    pub(crate) ecmp: bool,
    /// Interface of each MAC that is in the intent.
    placed: SharedMap<MacAddr, Arc<str>>,
    /// Who is behind each prefix that is in the intent.
    holders: SharedMap<IpPrefix, SharedSet<MacAddr>>,
    /// The E-VPN instance that is plugged in.
    pub(crate) linked_to: Option<InstanceId>,
    /// Targets subscribed to, and those of Flowspec routes.
    subscribed: BTreeSet<RouteTarget>,
    subscribed_flows: BTreeSet<RouteTarget>,
    /// What received routes are read by.
    policy: Policy,
    ipvpn: Option<IpVpnConfig>,
    advertised: SharedMap<EndpointKey, Arc<Route>>,
    again: Again,
    redirects: Redirects,
}

impl Vrf {
    /// An instance without endpoints, for a first `request`.
    pub(crate) fn new(numbers: Numbers, request: &AttachRequest, config: &VpnConfig) -> Self {
        let common = Common::new(numbers, request);
        let gateway = request.gateway;
        let intent = IpVpnIntent {
            instance: numbers.id,
            external_id: request.external_id.clone(),
            local_pe: config.local_pe(),
            gateway: gateway.map(|address| Gateway::of_subnet(address, common.prefix_len)),
            ports: SharedMap::new(),
            routes: SharedMap::new(),
            flows: BTreeMap::new(),
            fallback: None,
        };
        Self {
            common,
            learned: Learned::default(),
            intent: Arc::new(intent),
            ecmp: config.ipvpn.as_ref().is_some_and(|i| i.capabilities.ecmp),
            placed: SharedMap::new(),
            holders: SharedMap::new(),
            linked_to: None,
            subscribed: BTreeSet::new(),
            subscribed_flows: BTreeSet::new(),
            policy: Policy::default(),
            ipvpn: config.ipvpn.clone(),
            advertised: SharedMap::new(),
            again: Again::default(),
            redirects: Redirects::default(),
        }
    }

    pub(crate) fn worker(&self) -> WorkerId {
        WorkerId::Vrf(self.common.numbers.id.0)
    }
}
