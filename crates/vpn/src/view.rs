//! Instances as the looking glass shows them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use bgp_rib::render::RouteView;
use bgp_rib::{Route, WorkerId};
use bgp_wire::{MacAddr, RouteTarget, Vni};
use serde::{Deserialize, Serialize};

use crate::instance::Instance;
use crate::intent::InstanceId;
use crate::manager::VpnManager;
use crate::reading::Entry;
use crate::request::{AttachRequest, Direction, InstanceKind, IpWithPrefix, NO_MAC, Readvertise};
use crate::routes::distinguisher;
use crate::vrf::reading::Subject;

/// One instance, without its routes and ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceView {
    /// The instance's number.
    pub id: InstanceId,
    /// `EVI-n` or `VRF-n`.
    pub name: String,
    /// The VPN's type.
    pub kind: InstanceKind,
    /// The name users gave it.
    pub external_id: String,
    /// Its name in the route table.
    pub worker: WorkerId,
    /// Opaque JSON text.
    pub description: Option<String>,
    /// Targets imported.
    pub import: Vec<RouteTarget>,
    /// Targets advertised with.
    pub export: Vec<RouteTarget>,
    /// The subnet's gateway.
    pub gateway: Option<IpAddr>,
    /// Length of the subnet in bits, if the first endpoint had an address.
    pub prefix_len: Option<u8>,
    /// VNI or label; a label stands for the VNI of an E-VPN instance created without.
    pub dataplane_id: Vni,
    /// Whether the caller chose the VNI.
    pub is_vni_given: bool,
    /// As given last.
    pub readvertise: Option<Readvertise>,
    /// JSON text, as given last.
    pub attract_traffic: Option<String>,
    /// JSON text, as given last.
    pub fallback: Option<String>,
}

/// A live endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointView {
    /// The label of its MAC; not on the wire in E-VPN.
    pub label: Option<u32>,
    /// The MAC as given.
    pub mac_address: String,
    /// The address as given.
    pub ip_address: Option<String>,
    /// LOCAL_PREF asked for.
    pub local_pref: Option<u32>,
    /// Its own route distinguisher, ` rd 127.0.0.1:1`; none if it is not advertised.
    pub rd: Option<String>,
    /// Opaque JSON text.
    pub description: Option<String>,
    /// Which way traffic may pass.
    pub direction: Direction,
}

/// Where MACs attached here are besides.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MobilityView {
    /// Those that have moved too often: advertised as they are until detached.
    pub duplicates: Vec<MacAddr>,
    /// Those that have moved to another PE, or must not move from there: attached, but not advertised.
    pub elsewhere: BTreeMap<MacAddr, IpAddr>,
}

/// Routes by what they are about, `('MAC', 02:00:00:00:00:01)` or `'10.0.0.0/24'`; several when several PEs or addresses are in
/// play.
pub type RoutesByEntry = BTreeMap<String, Vec<RouteView>>;

/// A route and who published it.
pub type Sourced = (WorkerId, Arc<Route>);

/// Routes as [`RoutesByEntry`], by reference: as many as there are cost little.
pub type SourcedByEntry = BTreeMap<String, Vec<Sourced>>;

impl VpnManager {
    /// Every instance, in order of number.
    pub fn instances(&self) -> impl Iterator<Item = InstanceView> + '_ {
        self.instance_map().values().map(view)
    }

    /// One instance by the name users gave it.
    pub fn instance(&self, external_id: &str) -> Option<InstanceView> {
        self.named(external_id).map(view)
    }

    /// Where an E-VPN instance is plugged into an IP VPN one: its interface, and the name that users gave the other.
    pub fn gateway_port(&self, external_id: &str) -> Option<(String, InstanceView)> {
        let Instance::Evi(evi) = self.named(external_id)? else {
            return None;
        };
        let port = evi.intent.gateway_port.as_ref()?;
        let vrf = self.instance_map().get(&port.vrf)?;
        Some((port.link.evpn.clone(), view(vrf)))
    }

    /// What has become of the MACs that are attached to an E-VPN instance.
    pub fn mobility(&self, external_id: &str) -> Option<MobilityView> {
        let Instance::Evi(evi) = self.named(external_id)? else {
            return None;
        };
        Some(MobilityView {
            duplicates: evi.duplicate_macs().collect(),
            elsewhere: evi.moved_macs().collect(),
        })
    }

    /// The route targets that an IP VPN instance would redirect traffic to, if there were not too many already.
    pub fn refused_redirects(&self, external_id: &str) -> Vec<RouteTarget> {
        let id = self.id_of(external_id);
        self.refused_targets()
            .filter(|(_, users)| id.is_some_and(|id| users.contains(&id)))
            .map(|(target, _)| *target)
            .collect()
    }

    /// The default gateways that others tell an E-VPN instance of: address, MAC and PE.
    pub fn remote_gateways(&self, external_id: &str) -> Option<Vec<(IpAddr, MacAddr, IpAddr)>> {
        let Instance::Evi(evi) = self.named(external_id)? else {
            return None;
        };
        let mut gateways: Vec<_> = evi.learned.gateways().collect();
        gateways.sort_unstable();
        Some(gateways)
    }

    /// How many live endpoints each instance has, with its type.
    pub fn endpoint_counts(&self) -> impl Iterator<Item = (InstanceKind, usize)> + '_ {
        let instances = self.instance_map().values();
        instances.map(|instance| {
            let common = instance.common();
            (instance.kind(), common.endpoints.len() + common.ports.len())
        })
    }

    /// The MACs that are learnt at each port of an instance where any are to be, by interface name.
    pub fn learned_macs(&self, external_id: &str) -> BTreeMap<String, BTreeSet<MacAddr>> {
        let Some(Instance::Evi(evi)) = self.named(external_id) else {
            return BTreeMap::new();
        };
        let ports = evi.intent.ports.iter().filter(|(_, port)| port.learn);
        let mut macs: BTreeMap<_, _> = ports
            .map(|(linuxif, _)| (linuxif.to_string(), BTreeSet::new()))
            .collect();
        let learnt = evi.learnt_macs();
        macs.extend(learnt.map(|(linuxif, macs)| (linuxif.to_owned(), macs.clone())));
        macs
    }

    /// The live endpoints of an instance by interface name; none of a port that is attached without a MAC.
    pub fn ports(&self, external_id: &str) -> Option<BTreeMap<String, Vec<EndpointView>>> {
        let common = self.named(external_id)?.common();
        let ports = common.ports.keys().map(ToString::to_string);
        let mut ports: BTreeMap<String, Vec<EndpointView>> =
            ports.map(|port| (port, Vec::new())).collect();
        for (key, endpoint) in common.endpoints.iter() {
            let rd = common
                .rds
                .get(key)
                .filter(|_| endpoint.direction.is_advertised());
            let rd = rd.map(|rd| distinguisher(self.config().router_id, *rd));
            ports
                .entry(endpoint.port.linuxif.to_string())
                .or_default()
                .push(EndpointView {
                    label: common.labels.get(&key.0).copied(),
                    mac_address: endpoint.mac_text(key.0),
                    ip_address: endpoint.ip.as_ref().map(ToString::to_string),
                    local_pref: endpoint.local_pref,
                    rd: rd.map(|rd| format!(" rd {rd}")),
                    description: endpoint.description.as_deref().map(str::to_owned),
                    direction: endpoint.direction,
                });
        }
        Some(ports)
    }

    /// The addresses that a MAC is attached to an instance with; none for an endpoint without.
    pub fn addresses_of(
        &self,
        external_id: &str,
        mac: MacAddr,
    ) -> impl Iterator<Item = Option<IpAddr>> {
        let instance = self.named(external_id).into_iter();
        instance.flat_map(move |instance| instance.common().keys_of(mac).map(|(_, ip)| ip))
    }

    /// Every live endpoint, as the request that would attach it again; of what belongs to the instance, as it is now.
    pub fn attachments(&self) -> impl Iterator<Item = AttachRequest> + '_ {
        self.instance_map().values().flat_map(|instance| {
            let common = instance.common();
            let ports = common.ports.values().map(|endpoint| (NO_MAC, endpoint));
            let endpoints = common.endpoints.iter();
            let endpoints = endpoints.map(|((mac, _), endpoint)| (*mac, endpoint));
            ports
                .chain(endpoints)
                .map(move |(mac, endpoint)| AttachRequest {
                    kind: instance.kind(),
                    external_id: common.external_id.clone(),
                    mac,
                    learn: endpoint.learn,
                    mac_text: endpoint.mac_text(mac),
                    ip: endpoint.ip.clone(),
                    local_port: endpoint.port.clone(),
                    import: common.import.clone(),
                    export: common.export.iter().copied().collect(),
                    gateway: instance.gateway().map(|gateway| gateway.address),
                    advertise_subnet: endpoint.prefix().is_some_and(|prefix| !prefix.is_host()),
                    hash_order: endpoint.hash_order,
                    local_pref: endpoint.local_pref,
                    vni: (common.numbers.label.is_none()).then_some(common.numbers.vni),
                    linuxbr: match instance {
                        Instance::Evi(evi) => evi.intent.linuxbr.clone(),
                        Instance::Vrf(_) => None,
                    },
                    direction: endpoint.direction,
                    readvertise: common.readvertise.clone(),
                    attract_traffic: common.attract_traffic.clone(),
                    fallback: common.fallback.clone(),
                    description: endpoint.description.as_deref().map(str::to_owned),
                    instance_description: common.description.clone(),
                })
        })
    }

    /// Every route an instance has received.
    pub fn received(&self, external_id: &str) -> Option<SourcedByEntry> {
        let mut routes = SourcedByEntry::new();
        match self.named(external_id)? {
            Instance::Evi(evi) => {
                for (source, route, entry) in evi.learned.routes() {
                    add(&mut routes, entry_text(entry), source, route);
                }
            }
            Instance::Vrf(vrf) => {
                for (source, route, subject) in vrf.learned.routes() {
                    add(&mut routes, subject_text(subject.as_ref()), source, route);
                }
            }
        }
        Some(routes)
    }

    /// The received routes that are in use.
    pub fn best(&self, external_id: &str) -> Option<SourcedByEntry> {
        let mut routes = SourcedByEntry::new();
        match self.named(external_id)? {
            Instance::Evi(evi) => {
                for (source, route, entry) in evi.learned.best_routes() {
                    add(&mut routes, entry_text(entry), source, route);
                }
            }
            Instance::Vrf(vrf) => {
                for subject in vrf.learned.subjects() {
                    for held in vrf.best(&subject) {
                        let entry = subject_text(Some(&subject));
                        add(&mut routes, entry, held.source, held.route);
                    }
                }
            }
        }
        Some(routes)
    }

    /// The received routes that an instance advertises again, as they were received.
    pub fn readvertised(&self, external_id: &str) -> Option<Vec<Sourced>> {
        let Instance::Vrf(vrf) = self.named(external_id)? else {
            return Some(Vec::new());
        };
        let sources = vrf.readvertised();
        let routes = sources.map(|held| (held.source, Arc::clone(held.route)));
        Some(routes.collect())
    }

    /// The routes an instance advertises.
    pub fn advertised(&self, external_id: &str) -> Option<Vec<Sourced>> {
        let instance = self.named(external_id)?;
        let routes = instance.published().into_iter();
        let routes = routes.map(|route| (instance.worker(), Arc::clone(route)));
        Some(routes.collect())
    }

    /// [`VpnManager::received`] in display form.
    pub fn received_routes(&self, external_id: &str) -> Option<RoutesByEntry> {
        self.received(external_id).map(shown)
    }

    /// [`VpnManager::best`] in display form.
    pub fn best_routes(&self, external_id: &str) -> Option<RoutesByEntry> {
        self.best(external_id).map(shown)
    }

    /// [`VpnManager::readvertised`] in display form.
    pub fn readvertised_routes(&self, external_id: &str) -> Option<Vec<RouteView>> {
        self.readvertised(external_id).map(views)
    }

    /// [`VpnManager::advertised`] in display form.
    pub fn advertised_routes(&self, external_id: &str) -> Option<Vec<RouteView>> {
        self.advertised(external_id).map(views)
    }

    /// Labels in use and what for.
    pub fn label_purposes(&self) -> BTreeMap<u32, String> {
        let mut purposes = BTreeMap::new();
        for instance in self.instance_map().values() {
            let common = instance.common();
            let traffic = format!("Incoming traffic for {}", instance.worker());
            if let Some(label) = common.numbers.label {
                purposes.insert(label, traffic.clone());
            }
            // The last endpoint of a MAC speaks for its label.
            for (key, endpoint) in common.endpoints.iter() {
                let Some(label) = common.labels.get(&key.0) else {
                    continue;
                };
                let linuxif = &endpoint.port.linuxif;
                let endpoint = endpoint_text(&endpoint.mac_text(key.0), endpoint.ip.as_ref());
                purposes.insert(
                    *label,
                    format!("{traffic}, interface {linuxif}, endpoint {endpoint}"),
                );
            }
        }
        purposes
    }

    fn named(&self, external_id: &str) -> Option<&Instance> {
        self.id_of(external_id)
            .and_then(|id| self.instance_map().get(&id))
    }
}

fn view(instance: &Instance) -> InstanceView {
    let common = instance.common();
    InstanceView {
        id: common.numbers.id,
        name: instance.worker().to_string(),
        kind: instance.kind(),
        external_id: common.external_id.clone(),
        worker: instance.worker(),
        description: common.description.clone(),
        import: common.imported().into_iter().collect(),
        export: common.export.clone(),
        gateway: instance.gateway().map(|gateway| gateway.address),
        prefix_len: common.prefix_len,
        dataplane_id: common.numbers.vni,
        is_vni_given: common.numbers.label.is_none(),
        readvertise: common.readvertise.clone(),
        attract_traffic: common.attract_traffic.as_ref().map(|a| a.shown.clone()),
        fallback: common.fallback.as_ref().map(|f| f.shown.clone()),
    }
}

fn add(routes: &mut SourcedByEntry, entry: String, source: WorkerId, route: &Arc<Route>) {
    let sourced = (source, Arc::clone(route));
    routes.entry(entry).or_default().push(sourced);
}

fn shown(routes: SourcedByEntry) -> RoutesByEntry {
    let shown = routes.into_iter();
    shown
        .map(|(entry, routes)| (entry, views(routes)))
        .collect()
}

fn views(routes: Vec<Sourced>) -> Vec<RouteView> {
    let views = routes.iter();
    views
        .map(|(source, route)| RouteView::new(*source, route))
        .collect()
}

/// The names the looking glass has always given to what routes are about.
fn subject_text(subject: Option<&Subject>) -> String {
    match subject {
        Some(Subject::Prefix(prefix)) => format!("'{prefix}'"),
        Some(Subject::Flow(rules)) => format!("('Flow', ' {rules}')"),
        None => "('Other',)".to_owned(),
    }
}

fn entry_text(entry: Entry) -> String {
    match entry {
        Entry::Mac(mac) => format!("('MAC', {mac})"),
        Entry::Multicast(originator, rd) => format!("('Multicast', ({originator},  rd {rd}))"),
        Entry::Other => "('Other',)".to_owned(),
    }
}

fn endpoint_text(mac: &str, ip: Option<&IpWithPrefix>) -> String {
    match ip {
        Some(ip) => format!("('{mac}', '{ip}')"),
        None => format!("('{mac}', None)"),
    }
}
