//! Instances as the looking glass shows them.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bgp_rib::WorkerId;
use bgp_rib::render::RouteView;
use bgp_wire::{RouteTarget, Vni};
use serde::{Deserialize, Serialize};

use crate::evi::Evi;
use crate::intent::InstanceId;
use crate::manager::VpnManager;
use crate::reading::Entry;
use crate::request::{Direction, InstanceKind, Readvertise};
use crate::routes::distinguisher;

/// One instance, without its routes and ports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceView {
    /// The instance's number.
    pub id: InstanceId,
    /// `EVI-n`.
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
    /// VNI, or the label that stands for it.
    pub dataplane_id: Vni,
    /// Whether the caller chose the VNI.
    pub is_vni_given: bool,
    /// As given at creation.
    pub readvertise: Option<Readvertise>,
    /// Opaque JSON text, as given at creation.
    pub attract_traffic: Option<String>,
    /// Opaque JSON text.
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

/// Routes by what they are about, `('MAC', 02:00:00:00:00:01)`; several when several PEs or addresses are in
/// play.
pub type RoutesByEntry = BTreeMap<String, Vec<RouteView>>;

impl VpnManager {
    /// Every instance, in order of number.
    pub fn instances(&self) -> impl Iterator<Item = InstanceView> + '_ {
        self.evis().map(view)
    }

    /// One instance by the name users gave it.
    pub fn instance(&self, external_id: &str) -> Option<InstanceView> {
        self.evi(external_id).map(view)
    }

    /// The live endpoints of an instance by interface name.
    pub fn ports(&self, external_id: &str) -> Option<BTreeMap<String, Vec<EndpointView>>> {
        let evi = self.evi(external_id)?;
        let mut ports: BTreeMap<String, Vec<EndpointView>> = BTreeMap::new();
        for (key, endpoint) in &evi.endpoints {
            let rd = evi
                .rds
                .get(key)
                .filter(|_| endpoint.direction.is_advertised());
            let rd = rd.map(|rd| distinguisher(self.config().router_id, *rd));
            ports
                .entry(endpoint.port.linuxif.clone())
                .or_default()
                .push(EndpointView {
                    label: evi.labels.get(&key.0).copied(),
                    mac_address: endpoint.mac_text.clone(),
                    ip_address: endpoint.ip_text.clone(),
                    local_pref: endpoint.local_pref,
                    rd: rd.map(|rd| format!(" rd {rd}")),
                    description: endpoint.description.clone(),
                    direction: endpoint.direction,
                });
        }
        Some(ports)
    }

    /// Every route an instance has received.
    pub fn received_routes(&self, external_id: &str) -> Option<RoutesByEntry> {
        let evi = self.evi(external_id)?;
        let mut routes = RoutesByEntry::new();
        for ((source, _), path) in evi.learned.paths() {
            let entry = entry_text(path.meaning.entry());
            routes
                .entry(entry)
                .or_default()
                .push(RouteView::new(*source, &path.route));
        }
        Some(routes)
    }

    /// The received routes that are in use.
    pub fn best_routes(&self, external_id: &str) -> Option<RoutesByEntry> {
        let evi = self.evi(external_id)?;
        let mut routes = RoutesByEntry::new();
        for ((source, _), path) in evi.learned.best_paths() {
            let entry = entry_text(path.meaning.entry());
            routes
                .entry(entry)
                .or_default()
                .push(RouteView::new(*source, &path.route));
        }
        Some(routes)
    }

    /// The routes an instance advertises.
    pub fn advertised_routes(&self, external_id: &str) -> Option<Vec<RouteView>> {
        let evi = self.evi(external_id)?;
        Some(
            evi.published()
                .map(|route| RouteView::new(evi.worker(), route))
                .collect(),
        )
    }

    /// Labels in use and what for.
    pub fn label_purposes(&self) -> BTreeMap<u32, String> {
        let mut purposes = BTreeMap::new();
        for evi in self.evis() {
            let traffic = format!("Incoming traffic for {}", evi.worker());
            if let Some(label) = evi.numbers.label {
                purposes.insert(label, traffic.clone());
            }
            // The last endpoint of a MAC speaks for its label.
            for (key, endpoint) in &evi.endpoints {
                let Some(label) = evi.labels.get(&key.0) else {
                    continue;
                };
                let linuxif = &endpoint.port.linuxif;
                let endpoint = endpoint_text(&endpoint.mac_text, endpoint.ip_text.as_deref());
                purposes.insert(
                    *label,
                    format!("{traffic}, interface {linuxif}, endpoint {endpoint}"),
                );
            }
        }
        purposes
    }

    fn evi(&self, external_id: &str) -> Option<&Evi> {
        self.id_of(external_id)
            .and_then(|id| self.instance_map().get(&id))
    }

    fn evis(&self) -> impl Iterator<Item = &Evi> {
        self.instance_map().values()
    }
}

fn view(evi: &Evi) -> InstanceView {
    InstanceView {
        id: evi.numbers.id,
        name: evi.worker().to_string(),
        kind: InstanceKind::Evpn,
        external_id: evi.intent.external_id.clone(),
        worker: evi.worker(),
        description: evi.description.clone(),
        import: evi.import.iter().copied().collect(),
        export: evi.export.clone(),
        gateway: evi.intent.gateway.map(|gateway| gateway.address),
        prefix_len: evi.prefix_len,
        dataplane_id: evi.numbers.vni,
        is_vni_given: evi.numbers.label.is_none(),
        readvertise: evi.readvertise.clone(),
        attract_traffic: evi.attract_traffic.clone(),
        fallback: evi.fallback.clone(),
    }
}

/// The names the looking glass has always given to what routes are about.
fn entry_text(entry: Entry) -> String {
    match entry {
        Entry::Mac(mac) => format!("('MAC', {mac})"),
        Entry::Multicast(originator, rd) => format!("('Multicast', ({originator},  rd {rd}))"),
        Entry::Other => "('Other',)".to_owned(),
    }
}

fn endpoint_text(mac: &str, ip: Option<&str>) -> String {
    match ip {
        Some(ip) => format!("('{mac}', '{ip}')"),
        None => format!("('{mac}', None)"),
    }
}
