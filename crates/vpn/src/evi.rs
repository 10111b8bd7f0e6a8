//! One E-VPN instance: its endpoints, what it has learnt, and the intent that follows from both.
//!
//! An endpoint is *held* from the moment an attach is prepared, and *live* once it is committed. Held endpoints
//! are in the intent, so that the port gets plugged; only live ones are advertised.

mod advertise;
mod local;
mod received;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use bgp_rib::{Route, WorkerId};
use bgp_wire::{MacAddr, RouteTarget, Vni};

use crate::intent::{EvpnIntent, Gateway, InstanceId};
use crate::learned::Learned;
use crate::manager::{AttachToken, VpnConfig};
use crate::request::{AttachRequest, Direction, LocalPort, Readvertise};

pub(crate) use local::key_of;

/// MAC and address; no address for an endpoint attached without.
pub(crate) type EndpointKey = (MacAddr, Option<IpAddr>);

/// A live endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) mac_text: String,
    pub(crate) ip_text: Option<String>,
    pub(crate) port: LocalPort,
    pub(crate) direction: Direction,
    pub(crate) local_pref: Option<u32>,
    pub(crate) hash_order: u32,
    pub(crate) description: Option<String>,
}

/// Numbers an instance was given for good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) id: InstanceId,
    pub(crate) vni: Vni,
    /// The label that serves as VNI when the caller gave none.
    pub(crate) label: Option<u32>,
    pub(crate) rd: u32,
}

#[derive(Debug)]
pub(crate) struct Evi {
    pub(crate) numbers: Numbers,
    pub(crate) description: Option<String>,
    pub(crate) fallback: Option<String>,
    pub(crate) attract_traffic: Option<String>,
    pub(crate) readvertise: Option<Readvertise>,
    pub(crate) prefix_len: Option<u8>,
    pub(crate) import: BTreeSet<RouteTarget>,
    pub(crate) export: Vec<RouteTarget>,
    pub(crate) endpoints: BTreeMap<EndpointKey, Endpoint>,
    pub(crate) pending: BTreeMap<AttachToken, AttachRequest>,
    /// Per MAC that is held.
    pub(crate) labels: BTreeMap<MacAddr, u32>,
    /// Per endpoint that is held and advertised.
    pub(crate) rds: BTreeMap<EndpointKey, u32>,
    pub(crate) learned: Learned,
    pub(crate) intent: Arc<EvpnIntent>,
    /// Interface of each MAC that is held, as in the intent.
    placed: BTreeMap<MacAddr, String>,
    /// MAC of each address that is held, as in the intent.
    owners: BTreeMap<IpAddr, MacAddr>,
    /// Targets subscribed to.
    subscribed: BTreeSet<RouteTarget>,
    multicast: Option<Arc<Route>>,
    advertised: BTreeMap<EndpointKey, Arc<Route>>,
}

impl Evi {
    /// An instance without endpoints, for a first `request`.
    pub(crate) fn new(numbers: Numbers, request: &AttachRequest, config: &VpnConfig) -> Self {
        let prefix_len = request.ip.as_ref().map(|ip| ip.prefix_len());
        let intent = EvpnIntent {
            instance: numbers.id,
            external_id: request.external_id.clone(),
            vni: numbers.vni,
            local_vtep: config.local_vtep,
            linuxbr: request.linuxbr.clone(),
            gateway: request.gateway.map(|address| gateway(address, prefix_len)),
            ports: BTreeMap::new(),
            remote_macs: BTreeMap::new(),
            neighbours: BTreeMap::new(),
            flood: BTreeSet::new(),
        };
        Self {
            numbers,
            description: None,
            fallback: None,
            attract_traffic: request.attract_traffic.clone(),
            readvertise: request.readvertise.clone(),
            prefix_len,
            import: BTreeSet::new(),
            export: Vec::new(),
            endpoints: BTreeMap::new(),
            pending: BTreeMap::new(),
            labels: BTreeMap::new(),
            rds: BTreeMap::new(),
            learned: Learned::default(),
            intent: Arc::new(intent),
            placed: BTreeMap::new(),
            owners: BTreeMap::new(),
            subscribed: BTreeSet::new(),
            multicast: None,
            advertised: BTreeMap::new(),
        }
    }

    pub(crate) fn worker(&self) -> WorkerId {
        WorkerId::Evi(self.numbers.id.0)
    }

    /// Whether nothing needs the instance any more.
    pub(crate) fn is_unused(&self) -> bool {
        self.endpoints.is_empty() && self.pending.is_empty()
    }

    /// Sets the gateway; answers whether that changed the intent.
    pub(crate) fn set_gateway(&mut self, address: IpAddr) -> bool {
        let gateway = Some(gateway(address, self.prefix_len));
        let changed = self.intent.gateway != gateway;
        if changed {
            Arc::make_mut(&mut self.intent).gateway = gateway;
        }
        changed
    }
}

fn gateway(address: IpAddr, prefix_len: Option<u8>) -> Gateway {
    let host = if address.is_ipv4() { 32 } else { 128 };
    Gateway {
        address,
        prefix_len: prefix_len.unwrap_or(host),
    }
}
