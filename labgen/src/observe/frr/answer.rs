//! The JSON documents that `bgpd` answers with.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bgp_wire::community::Encapsulation;
use bgp_wire::types::IpPrefix;
use bgp_wire::{Esi, Family, RouteDistinguisher, RouteTarget, Vni};
use capture::RouteFacts;
use scenario::SessionState;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::observe::{Misread, Route, Session, state_named};

/// Keys with documents under them, and among these some that are not.
type Documents = BTreeMap<String, Value>;

/// `{"10.0.0.2": {"bgpState": ...}}`.
pub(super) fn sessions(answer: &[u8]) -> Result<Vec<Session>, Misread> {
    let peers: Documents = read(answer)?;
    let told = peers
        .into_iter()
        .filter(|(_, peer)| peer.get("bgpState").is_some());
    let sessions = told.map(|(name, peer)| {
        let read: Peer =
            serde_json::from_value(peer).map_err(|error| Misread::new(error, name.as_bytes()))?;
        Ok(read.session(&name))
    });
    let sessions: Result<Vec<Option<Session>>, Misread> = sessions.collect();
    let mut sessions: Vec<Session> = sessions?.into_iter().flatten().collect();
    sessions.sort_by_key(|session| session.peer);
    Ok(sessions)
}

/// `{"RD": {"rd": ..., "[2]:...": {"routeType": 2, ..., "paths": [[path]]}}}`.
pub(super) fn evpn(answer: &[u8]) -> Result<Vec<Route>, Misread> {
    let tables: Documents = read(answer)?;
    let mut routes = Vec::new();
    for (rd, table) in tables
        .iter()
        .filter_map(|(rd, table)| Some((rd, table.as_object()?)))
    {
        for (name, entry) in table.iter().filter(|(name, _)| name.starts_with('[')) {
            let facts = evpn_facts(rd, name, entry);
            let paths = entry.get("paths").and_then(Value::as_array);
            for path in paths.into_iter().flatten().flat_map(alternatives) {
                routes.push(Path::of(path)?.route(facts.clone()));
            }
        }
    }
    Ok(routes)
}

/// `{"routes": {"PREFIX": [about the prefix, path, path ...]}}`.
pub(super) fn plain(family: Family, answer: &[u8]) -> Result<Vec<Route>, Misread> {
    let document: Table<BTreeMap<String, Vec<Value>>> = read(answer)?;
    let mut routes = Vec::new();
    for (name, entries) in document.routes {
        let facts = match name.parse::<IpPrefix>() {
            Ok(prefix) => RouteFacts::new(family).with_prefix(prefix),
            // The rules of a Flowspec route.
            Err(_) => RouteFacts {
                words: Some(name),
                ..RouteFacts::new(family)
            },
        };
        for path in entries
            .iter()
            .filter(|entry| entry.get("nexthops").is_some())
        {
            routes.push(Path::of(path)?.route(facts.clone()));
        }
    }
    Ok(routes)
}

/// What to ask for one by one: `{"routes": {"routeDistinguishers": {"RD": {"PREFIX": [path]}}}}`.
pub(super) fn vpn_prefixes(answer: &[u8]) -> Result<Vec<(String, String)>, Misread> {
    let document: Table<Tables> = read(answer)?;
    let tables = document.routes.route_distinguishers.into_iter();
    Ok(tables
        .flat_map(|(rd, table)| table.into_keys().map(move |prefix| (rd.clone(), prefix)))
        .collect())
}

/// `{"RD": {"prefix": "PREFIX", "paths": [path]}}`.
pub(super) fn vpn(family: Family, answer: &[u8]) -> Result<Vec<Route>, Misread> {
    let document: Documents = read(answer)?;
    let mut routes = Vec::new();
    for (rd, entry) in &document {
        let Some(prefix) = text::<IpPrefix>(entry, "prefix") else {
            continue;
        };
        let facts = RouteFacts {
            rd: rd.parse::<RouteDistinguisher>().ok(),
            ..RouteFacts::new(family).with_prefix(prefix)
        };
        for path in entry
            .get("paths")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            routes.push(Path::of(path)?.route(facts.clone()));
        }
    }
    Ok(routes)
}

/// Without any of what is asked for, FRR may answer with nothing at all, or in words.
fn read<T: DeserializeOwned + Default>(answer: &[u8]) -> Result<T, Misread> {
    if !answer.starts_with(b"{") {
        return Ok(T::default());
    }
    serde_json::from_slice(answer).map_err(|error| Misread::new(error, answer))
}

#[derive(Default, Deserialize)]
struct Table<T> {
    routes: T,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Tables {
    route_distinguishers: BTreeMap<String, BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    bgp_state: String,
    remote_as: Option<u32>,
    /// Where the name is that of an interface.
    bgp_neighbor_addr: Option<IpAddr>,
    #[serde(default)]
    neighbor_capabilities: Capabilities,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Capabilities {
    multiprotocol_extensions: BTreeMap<String, Value>,
}

impl Peer {
    fn session(self, name: &str) -> Option<Session> {
        // On the way to Idle there are states that are not the RFC's: Clearing, Deleted.
        let state = state_named(&self.bgp_state).unwrap_or(SessionState::Idle);
        let agreed = || {
            let extensions = &self.neighbor_capabilities.multiprotocol_extensions;
            let both = extensions
                .iter()
                .filter(|(_, told)| told.get("advertisedAndReceived").is_some());
            let mut families: Vec<Family> = both.filter_map(|(name, _)| family(name)).collect();
            families.sort_unstable();
            families
        };
        Some(Session {
            peer: name.parse().ok().or(self.bgp_neighbor_addr)?,
            state,
            remote_as: self.remote_as,
            families: (state == SessionState::Established).then(agreed),
        })
    }
}

fn family(key: &str) -> Option<Family> {
    Some(match key {
        "ipv4Unicast" => Family::IPV4_UNICAST,
        "ipv6Unicast" => Family::IPV6_UNICAST,
        "ipv4Vpn" => Family::VPNV4,
        "ipv6Vpn" => Family::VPNV6,
        "l2VpnEvpn" => Family::EVPN,
        "ipv4Flowspec" => Family::FLOWSPEC_IPV4,
        "ipv6Flowspec" => Family::FLOWSPEC_IPV6,
        _ => return None,
    })
}

/// A path, or a list of them.
fn alternatives(entry: &Value) -> Vec<&Value> {
    match entry.as_array() {
        Some(paths) => paths.iter().collect(),
        None => vec![entry],
    }
}

/// The name has what the entry leaves out: `[1]:[TAG]:[ESI]:...`, `[4]:[ESI]:[LENGTH]:[ROUTER]`.
fn evpn_facts(rd: &str, name: &str, entry: &Value) -> RouteFacts {
    let parts: Vec<&str> = name
        .split("]:[")
        .map(|part| part.trim_matches(['[', ']']))
        .collect();
    let part = |at: usize| parts.get(at).copied().unwrap_or_default();
    let route_type = part(0).parse().ok();
    let mut facts = RouteFacts {
        rd: rd.parse::<RouteDistinguisher>().ok(),
        route_type,
        ethernet_tag: number(entry, "ethTag"),
        mac: text(entry, "mac"),
        ip: text(entry, "ip"),
        ..RouteFacts::new(Family::EVPN)
    };
    match route_type {
        Some(1) => {
            facts.ethernet_tag = part(1).parse().ok();
            facts.esi = part(2).parse().ok();
        }
        Some(2) => facts.esi = Some(Esi::ZERO),
        Some(4) => {
            facts.esi = part(1).parse().ok();
            facts.ip = part(3).parse().ok();
        }
        Some(5) => {
            let prefix = number(entry, "ipLen")
                .zip(facts.ip)
                .and_then(|(len, ip)| IpPrefix::new(ip, len).ok());
            facts.ip = None;
            facts.esi = Some(Esi::ZERO);
            if let Some(prefix) = prefix {
                facts = facts.with_prefix(prefix);
            }
        }
        _ => {}
    }
    facts
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Path {
    #[serde(default)]
    bestpath: Value,
    #[serde(default)]
    aspath: Value,
    #[serde(default)]
    extended_community: Value,
    #[serde(default)]
    nexthops: Vec<Value>,
    #[serde(default)]
    peer: Value,
    #[serde(default)]
    local: bool,
    #[serde(default)]
    sourced: bool,
    esi: Option<String>,
    vni: Option<String>,
    remote_label: Option<u32>,
    #[serde(default)]
    pmsi: Value,
    metric: Option<u32>,
    loc_prf: Option<u32>,
    originator_id: Option<std::net::Ipv4Addr>,
    #[serde(default)]
    cluster_list: Value,
}

impl Path {
    fn of(path: &Value) -> Result<Self, Misread> {
        Self::deserialize(path).map_err(|error| Misread::new(error, path.to_string()))
    }

    fn route(self, known: RouteFacts) -> Route {
        let mut facts = known;
        if let Some(esi) = self.esi.and_then(|esi| esi.parse().ok()) {
            facts.esi = Some(esi);
        }
        let vni = self.vni.and_then(|vni| vni.parse().ok());
        if facts.family == Family::EVPN {
            // The field's 24 bits, whatever they mean: the label is the first 20 of them.
            facts.label = vni.map(|field: u32| field >> 4);
            let field = vni.or_else(|| number(&self.pmsi, "label"));
            facts.vni = field.and_then(|field| Vni::new(field).ok());
        } else {
            facts.label = self.remote_label;
            facts.vni = self.remote_label.and_then(|label| Vni::new(label).ok());
        }
        let ours = self.local || self.sourced;
        // An address of IPv4 in the form of IPv6 is how VPN families of IPv6 carry it.
        let next_hop = self
            .nexthops
            .first()
            .and_then(|hop| text::<IpAddr>(hop, "ip"));
        facts.next_hop = next_hop.map(|address| address.to_canonical());
        let path = self.aspath.get("string").and_then(Value::as_str);
        facts.as_path = path.map(|path| if path == "Local" { "" } else { path }.to_owned());
        facts.med = self.metric;
        facts.local_pref = self.loc_prf;
        facts.originator = self.originator_id;
        let clusters = self.cluster_list.get("list").and_then(Value::as_array);
        let clusters = clusters.into_iter().flatten().filter_map(Value::as_str);
        facts.cluster_list = clusters.filter_map(|id| id.parse().ok()).collect();
        let communities = self
            .extended_community
            .get("string")
            .and_then(Value::as_str);
        for community in communities.unwrap_or_default().split_whitespace() {
            note_community(&mut facts, community);
        }
        let peer = self.peer.get("peerId").and_then(Value::as_str);
        Route {
            source: peer.filter(|_| !ours).map(str::to_owned),
            best: Some(self.bestpath.get("overall").is_some()),
            ..Route::new(facts)
        }
    }
}

/// `RT:64512:79`, `ET:8`; others have no word in a scenario.
fn note_community(facts: &mut RouteFacts, community: &str) {
    match community.split_once(':') {
        Some(("RT", target)) => facts.route_targets.extend(target.parse::<RouteTarget>()),
        Some(("ET", number)) => {
            let tunnel = number.parse().map(Encapsulation::from_number);
            facts.encapsulations.extend(tunnel);
        }
        _ => {}
    }
}

fn number<T: TryFrom<u64>>(value: &Value, key: &str) -> Option<T> {
    T::try_from(value.get(key)?.as_u64()?).ok()
}

fn text<T: std::str::FromStr>(value: &Value, key: &str) -> Option<T> {
    value.get(key)?.as_str()?.parse().ok()
}
