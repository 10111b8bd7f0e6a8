//! What instances of both types have in common, and the two of them behind one name.
//!
//! An endpoint is *held* from the moment an attach is prepared, and *live* once it is committed. Held endpoints
//! are in the intent, so that the port gets plugged; only live ones are advertised.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bgp_rib::{Change, Route, WorkerId};
use bgp_wire::{IpPrefix, MacAddr, RouteTarget, Vni};

use crate::error::AttachError;
use crate::evi::Evi;
use crate::intent::{FallbackTo, Gateway, InstanceId, SharedMap};
use crate::manager::{AttachToken, VpnConfig};
use crate::outcome::Outcome;
use crate::request::{
    AttachRequest, Direction, Fallback, InstanceKind, IpWithPrefix, LocalPort, NO_MAC, Readvertise,
};
use crate::traffic::AttractTraffic;
use crate::vrf::Vrf;

/// MAC and address; no address for an endpoint attached without.
pub(crate) type EndpointKey = (MacAddr, Option<IpAddr>);

/// A live endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    /// How the caller wrote the MAC, if not as it is written here.
    mac_text: Option<Box<str>>,
    pub(crate) ip: Option<IpWithPrefix>,
    pub(crate) advertise_subnet: bool,
    pub(crate) port: LocalPort,
    pub(crate) direction: Direction,
    pub(crate) local_pref: Option<u32>,
    pub(crate) hash_order: u32,
    /// Whether it wants MACs learnt at its port.
    pub(crate) learn: bool,
    pub(crate) description: Option<Box<str>>,
}

impl Endpoint {
    /// The MAC as the caller wrote it.
    pub(crate) fn mac_text(&self, mac: MacAddr) -> String {
        let text = self.mac_text.as_deref();
        text.map_or_else(|| mac.to_string(), str::to_owned)
    }

    /// What is advertised of its address.
    pub(crate) fn prefix(&self) -> Option<IpPrefix> {
        self.ip.as_ref()?.advertised(self.advertise_subnet)
    }
}

/// Numbers an instance was given for good.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Numbers {
    pub(crate) id: InstanceId,
    /// VNI of an E-VPN instance, label of an IP VPN one unless the caller gave a number.
    pub(crate) vni: Vni,
    /// The label that serves as VNI when the caller gave none.
    pub(crate) label: Option<u32>,
    pub(crate) rd: u32,
}

/// What an instance is for that others redirect traffic to.
#[derive(Debug)]
pub(crate) struct Redirection {
    /// Imported for it.
    pub(crate) target: RouteTarget,
    pub(crate) users: BTreeSet<InstanceId>,
}

/// The part of an instance that does not depend on its type.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) numbers: Numbers,
    pub(crate) external_id: String,
    pub(crate) description: Option<String>,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) attract_traffic: Option<AttractTraffic>,
    pub(crate) readvertise: Option<Readvertise>,
    /// Set while other instances redirect traffic here.
    pub(crate) redirection: Option<Redirection>,
    pub(crate) prefix_len: Option<u8>,
    pub(crate) import: BTreeSet<RouteTarget>,
    pub(crate) export: Vec<RouteTarget>,
    // Packed, unlike other maps: of endpoints there are many.
    pub(crate) endpoints: SharedMap<EndpointKey, Endpoint>,
    /// Ports that are attached without a MAC, by interface.
    pub(crate) ports: BTreeMap<Arc<str>, Endpoint>,
    /// The live endpoints that want MACs learnt, by interface; a port itself is [`NO_MAC`].
    learners: BTreeMap<Arc<str>, BTreeSet<EndpointKey>>,
    pub(crate) pending: BTreeMap<AttachToken, AttachRequest>,
    /// Per MAC that is held.
    pub(crate) labels: SharedMap<MacAddr, u32>,
    /// Per endpoint that is held and advertised.
    pub(crate) rds: SharedMap<EndpointKey, u32>,
}

impl Common {
    /// Nothing attached, for a first `request`.
    pub(crate) fn new(numbers: Numbers, request: &AttachRequest) -> Self {
        Self {
            numbers,
            external_id: request.external_id.clone(),
            description: None,
            fallback: None,
            attract_traffic: None,
            readvertise: None,
            redirection: None,
            prefix_len: request.ip.as_ref().map(|ip| ip.prefix_len()),
            import: BTreeSet::new(),
            export: Vec::new(),
            endpoints: SharedMap::new(),
            ports: BTreeMap::new(),
            learners: BTreeMap::new(),
            pending: BTreeMap::new(),
            labels: SharedMap::new(),
            rds: SharedMap::new(),
        }
    }

    /// Every target that routes are imported with.
    pub(crate) fn imported(&self) -> BTreeSet<RouteTarget> {
        let redirected = self.redirection.as_ref().map(|r| r.target);
        self.import.iter().copied().chain(redirected).collect()
    }

    /// Whether nothing needs the instance any more.
    pub(crate) fn is_unused(&self) -> bool {
        self.has_nothing_live() && self.pending.is_empty() && self.redirection.is_none()
    }

    /// Whether no endpoint is live.
    pub(crate) fn has_nothing_live(&self) -> bool {
        self.endpoints.is_empty() && self.ports.is_empty()
    }

    /// Whether the MAC of the request is at no other port, and the port, if it is `plugged`, has the same VLAN.
    pub(crate) fn admit_port(
        &self,
        request: &AttachRequest,
        plugged: Option<Option<u16>>,
    ) -> Result<(), AttachError> {
        let (mac, port) = (request.mac, &request.local_port);
        if let Some(previous) = self.port_of(mac).filter(|previous| *previous != port) {
            return Err(AttachError::MacOnOtherPort {
                mac,
                previous: previous.linuxif.to_string(),
                port: port.linuxif.to_string(),
            });
        }
        match plugged.filter(|vlan| *vlan != port.vlan) {
            None => Ok(()),
            Some(_) => Err(AttachError::VlanDiffers {
                linuxif: port.linuxif.to_string(),
            }),
        }
    }

    /// Whether a request without address stands for those of its MAC that have one.
    pub(crate) fn is_covered(&self, request: &AttachRequest) -> bool {
        request.ip.is_none() && self.keys_of(request.mac).any(|(_, ip)| ip.is_some())
    }

    /// Makes a pending request's endpoint live, or updates it. What was not said is kept.
    pub(crate) fn enliven(&mut self, request: &AttachRequest) {
        let key = key_of(request);
        let linuxif = &request.local_port.linuxif;
        let known = match request.is_of_port() {
            true => self.ports.get(linuxif),
            false => self.endpoints.get(&key),
        };
        let description = known.and_then(|endpoint| endpoint.description.clone());
        let endpoint = Endpoint {
            mac_text: (request.mac_text != request.mac.to_string())
                .then(|| request.mac_text.as_str().into()),
            ip: request.ip.clone(),
            advertise_subnet: request.advertise_subnet,
            port: request.local_port.clone(),
            direction: request.direction,
            local_pref: request.local_pref,
            hash_order: request.hash_order,
            learn: request.learn,
            description: request
                .description
                .as_deref()
                .map(Box::from)
                .or(description),
        };
        self.note_learner(linuxif, key, request.learn);
        if request.is_of_port() {
            self.ports.insert(linuxif.clone(), endpoint);
        } else {
            self.endpoints.insert(key, endpoint);
        }
    }

    /// Those that a request without address stands for want what it wants learnt.
    pub(crate) fn cover(&mut self, request: &AttachRequest) {
        let keys: Vec<_> = self.keys_of(request.mac).collect();
        for key in keys {
            if let Some(endpoint) = self.endpoints.get_mut(&key) {
                endpoint.learn = request.learn;
            }
            self.note_learner(&request.local_port.linuxif, key, request.learn);
        }
    }

    fn note_learner(&mut self, linuxif: &str, key: EndpointKey, learn: bool) {
        if learn {
            let learners = self.learners.entry(linuxif.into()).or_default();
            learners.insert(key);
        } else if let Some(learners) = self.learners.get_mut(linuxif) {
            learners.remove(&key);
            if learners.is_empty() {
                self.learners.remove(linuxif);
            }
        }
    }

    /// Ends a live endpoint; answers what it was.
    pub(crate) fn end(&mut self, key: EndpointKey) -> Option<Endpoint> {
        let endpoint = self.endpoints.remove(&key)?;
        self.note_learner(&endpoint.port.linuxif, key, false);
        Some(endpoint)
    }

    /// Ends a port that is attached without a MAC; answers whether it was.
    pub(crate) fn end_port(&mut self, linuxif: &str) -> bool {
        self.note_learner(linuxif, (NO_MAC, None), false);
        self.ports.remove(linuxif).is_some()
    }

    /// Whether MACs are to be learnt at a port, as far as what is held there says.
    pub(crate) fn learns(&self, linuxif: &str) -> bool {
        let is_wanted =
            |request: &AttachRequest| request.learn && *request.local_port.linuxif == *linuxif;
        self.learners.contains_key(linuxif) || self.pending.values().any(is_wanted)
    }

    /// The live endpoint that what is learnt at a port is advertised like.
    pub(crate) fn learner(&self, linuxif: &str) -> Option<&Endpoint> {
        // That of the port itself sorts first.
        let first = self.learners.get(linuxif)?.first()?;
        let port = || self.ports.get(linuxif).filter(|_| first.0 == NO_MAC);
        self.endpoints.get(first).or_else(port)
    }

    /// A port that is attached without a MAC, or about to be.
    pub(crate) fn held_port(&self, linuxif: &str) -> Option<&LocalPort> {
        let live = self.ports.get(linuxif).map(|endpoint| &endpoint.port);
        let pending = self.pending.values().filter(|request| request.is_of_port());
        let mut pending = pending.map(|request| &request.local_port);
        live.or_else(|| pending.find(|port| *port.linuxif == *linuxif))
    }

    /// The live endpoints of a MAC.
    pub(crate) fn keys_of(&self, mac: MacAddr) -> impl Iterator<Item = EndpointKey> + '_ {
        let of_mac = self.endpoints.matching(move |(of, _)| of.cmp(&mac));
        of_mac.map(|(key, _)| *key)
    }

    /// Whether an endpoint is live or about to be.
    pub(crate) fn is_held(&self, key: EndpointKey) -> bool {
        self.endpoints.contains_key(&key) || self.pending.values().any(|r| key_of(r) == key)
    }

    /// Whether any endpoint of a MAC is live or about to be.
    pub(crate) fn is_mac_held(&self, mac: MacAddr) -> bool {
        self.port_of(mac).is_some()
    }

    /// The port of a MAC that is held.
    pub(crate) fn port_of(&self, mac: MacAddr) -> Option<&LocalPort> {
        if mac == NO_MAC {
            return None;
        }
        let live = self
            .keys_of(mac)
            .next()
            .and_then(|key| self.endpoints.get(&key));
        let pending = || self.pending.values().find(|request| request.mac == mac);
        live.map(|endpoint| &endpoint.port)
            .or_else(|| pending().map(|request| &request.local_port))
    }
}

pub(crate) fn key_of(request: &AttachRequest) -> EndpointKey {
    (request.mac, request.ip.as_ref().map(|ip| ip.address()))
}

/// An instance of either type.
#[derive(Debug)]
pub(crate) enum Instance {
    Evi(Box<Evi>),
    Vrf(Box<Vrf>),
}

impl Instance {
    /// An instance without endpoints, for a first `request`.
    pub(crate) fn new(numbers: Numbers, request: &AttachRequest, config: &VpnConfig) -> Self {
        match request.kind {
            InstanceKind::Evpn => Self::Evi(Box::new(Evi::new(numbers, request, config))),
            InstanceKind::IpVpn => Self::Vrf(Box::new(Vrf::new(numbers, request, config))),
        }
    }

    pub(crate) fn kind(&self) -> InstanceKind {
        match self {
            Self::Evi(_) => InstanceKind::Evpn,
            Self::Vrf(_) => InstanceKind::IpVpn,
        }
    }

    pub(crate) fn common(&self) -> &Common {
        match self {
            Self::Evi(evi) => &evi.common,
            Self::Vrf(vrf) => &vrf.common,
        }
    }

    pub(crate) fn common_mut(&mut self) -> &mut Common {
        match self {
            Self::Evi(evi) => &mut evi.common,
            Self::Vrf(vrf) => &mut vrf.common,
        }
    }

    pub(crate) fn worker(&self) -> WorkerId {
        match self {
            Self::Evi(evi) => evi.worker(),
            Self::Vrf(vrf) => vrf.worker(),
        }
    }

    pub(crate) fn gateway(&self) -> Option<Gateway> {
        match self {
            Self::Evi(evi) => evi.intent.gateway,
            Self::Vrf(vrf) => vrf.intent.gateway,
        }
    }

    /// Whether nothing is live that has to be told of.
    pub(crate) fn is_idle(&self) -> bool {
        let common = self.common();
        common.has_nothing_live() && common.redirection.is_none() && !self.is_plugged()
    }

    /// Whether nothing needs it any more.
    pub(crate) fn is_unused(&self) -> bool {
        self.common().is_unused() && !self.is_plugged()
    }

    fn is_plugged(&self) -> bool {
        matches!(self, Self::Evi(evi) if evi.intent.gateway_port.is_some())
    }

    /// Whether the request fits the endpoints that are held.
    pub(crate) fn admit(&self, request: &AttachRequest) -> Result<(), AttachError> {
        match self {
            Self::Evi(evi) => evi.admit(request),
            Self::Vrf(vrf) => vrf.admit(request),
        }
    }

    /// Sets the gateway; answers whether that changed the intent.
    pub(crate) fn set_gateway(&mut self, address: IpAddr) -> bool {
        let gateway = Some(Gateway::of_subnet(address, self.common().prefix_len));
        if self.gateway() == gateway {
            return false;
        }
        match self {
            Self::Evi(evi) => Arc::make_mut(&mut evi.intent).gateway = gateway,
            Self::Vrf(vrf) => Arc::make_mut(&mut vrf.intent).gateway = gateway,
        }
        true
    }

    /// Sets where to send what no route matches; answers whether that changed the intent.
    pub(crate) fn set_fallback(&mut self, fallback: &Fallback) -> bool {
        let fallback = Some(fallback.clone()).filter(|f| f.to != FallbackTo::default());
        let to = fallback.as_ref().map(|fallback| fallback.to.clone());
        self.common_mut().fallback = fallback;
        match self {
            Self::Evi(_) => false,
            Self::Vrf(vrf) if vrf.intent.fallback == to => false,
            Self::Vrf(vrf) => {
                Arc::make_mut(&mut vrf.intent).fallback = to;
                true
            }
        }
    }

    /// Brings the intent up to date with the held endpoints of a MAC; answers whether that changed it.
    pub(crate) fn refresh_local(&mut self, mac: MacAddr) -> bool {
        match self {
            Self::Evi(evi) => evi.refresh_local(mac),
            Self::Vrf(vrf) => vrf.refresh_local(mac),
        }
    }

    /// The same with what is held of a port beside its MACs.
    pub(crate) fn refresh_port(&mut self, linuxif: &str) -> bool {
        match self {
            Self::Evi(evi) => evi.refresh_port(linuxif),
            Self::Vrf(_) => false,
        }
    }

    /// See [`Evi::unlearn`].
    pub(crate) fn unlearn(&mut self, linuxif: &str) -> (Vec<EndpointKey>, bool) {
        match self {
            Self::Evi(evi) => evi.unlearn(linuxif),
            Self::Vrf(_) => (Vec::new(), false),
        }
    }

    /// The keys of what was learnt, at one port or at all.
    pub(crate) fn learnt(&self, linuxif: Option<&str>) -> Vec<EndpointKey> {
        match self {
            Self::Evi(evi) => evi.learnt(linuxif),
            Self::Vrf(_) => Vec::new(),
        }
    }

    /// What was learnt is attached from now on.
    pub(crate) fn claim(&mut self, mac: MacAddr) {
        if let Self::Evi(evi) = self {
            evi.claim(mac);
        }
    }

    /// See [`Evi::resume`].
    pub(crate) fn resume(&mut self, mac: MacAddr, config: &VpnConfig, now: Duration) -> Outcome {
        match self {
            Self::Evi(evi) => evi.resume(mac, config, now),
            Self::Vrf(_) => Outcome::default(),
        }
    }

    /// See [`Evi::publish`] and [`Vrf::publish`].
    pub(crate) fn publish(
        &mut self,
        config: &VpnConfig,
        touched: impl IntoIterator<Item = EndpointKey>,
        now: Duration,
    ) -> Outcome {
        match self {
            Self::Evi(evi) => evi.publish(config, touched, now),
            Self::Vrf(vrf) => vrf.publish(config, touched),
        }
    }

    /// Takes in a change of a route.
    pub(crate) fn hear(&mut self, change: &Change, config: &VpnConfig, now: Duration) -> Outcome {
        match (change, self) {
            (Change::Advertise { route, source, .. }, Self::Evi(evi)) => {
                evi.receive(*source, route, config, now)
            }
            (Change::Advertise { route, source, .. }, Self::Vrf(vrf)) => {
                vrf.receive(*source, route, config)
            }
            (Change::Withdraw { route, source }, Self::Evi(evi)) => {
                evi.forget(*source, route, config, now)
            }
            (Change::Withdraw { route, source }, Self::Vrf(vrf)) => {
                vrf.forget(*source, route, config)
            }
        }
    }

    /// What ends everything the instance published and subscribed to.
    pub(crate) fn retire(&mut self, now: Duration) -> Outcome {
        match self {
            Self::Evi(evi) => evi.retire(now).into(),
            Self::Vrf(vrf) => vrf.retire(),
        }
    }

    /// Forgets every received route; answers whether the intent changed.
    pub(crate) fn forget_all(&mut self) -> bool {
        match self {
            Self::Evi(evi) => evi.forget_all(),
            Self::Vrf(vrf) => vrf.forget_all(),
        }
    }

    /// The routes published now.
    pub(crate) fn published(&self) -> Vec<&Arc<Route>> {
        match self {
            Self::Evi(evi) => evi.published().collect(),
            Self::Vrf(vrf) => vrf.published().collect(),
        }
    }
}
