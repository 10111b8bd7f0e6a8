//! The JSON documents that `bgpd` answers with.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bgp_wire::attribute::Origin;
use bgp_wire::community::{Community, Encapsulation, LargeCommunity, MacMobility};
use bgp_wire::types::IpPrefix;
use bgp_wire::{Esi, ExtendedCommunity, Family, LabelField, RouteDistinguisher, RouteTarget, Vni};
use capture::{PmsiFacts, RouteFacts};
use scenario::SessionState;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::observe::{Misread, Route, Session, Up, state_named};

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
    bgp_timer_hold_time_msecs: Option<u64>,
    bgp_timer_up_msec: Option<u64>,
    connections_dropped: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Capabilities {
    multiprotocol_extensions: BTreeMap<String, Value>,
    #[serde(rename = "4byteAs")]
    four_octet_as: Option<String>,
    graceful_restart_capability: Option<String>,
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
        let Capabilities {
            four_octet_as,
            graceful_restart_capability,
            ..
        } = &self.neighbor_capabilities;
        // `advertised`, `received` or `advertisedAndReceived`.
        let told = |capability: &Option<String>, word: &str| {
            let told = capability.as_deref().unwrap_or_default();
            told.to_ascii_lowercase().contains(word)
        };
        let hold_time = self.bgp_timer_hold_time_msecs;
        let session = Session {
            remote_as: self.remote_as,
            families: Some(agreed()),
            hold_time: hold_time.and_then(|ms| u16::try_from(ms / 1000).ok()),
            four_octet_as: Some(told(four_octet_as, "advertisedandreceived")),
            graceful_restart: Some(told(graceful_restart_capability, "received")),
            up: self
                .bgp_timer_up_msec
                .map(|ms| Up::For(Duration::from_millis(ms))),
            flaps: self.connections_dropped,
            ..Session::new(name.parse().ok().or(self.bgp_neighbor_addr)?, state)
        };
        Some(session.settled())
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
    origin: Option<String>,
    #[serde(default)]
    community: Value,
    #[serde(default)]
    large_community: Value,
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
        facts.origin = self.origin.as_deref().and_then(origin);
        facts.communities = words(&self.community)
            .filter_map(|word| word.parse::<Community>().ok())
            .collect();
        facts.large_communities = words(&self.large_community)
            .filter_map(|word| word.parse::<LargeCommunity>().ok())
            .collect();
        facts.extended_communities = extended_communities(&self.extended_community);
        facts.pmsi = pmsi(&self.pmsi);
        let peer = text::<IpAddr>(&self.peer, "peerId");
        Route {
            best: Some(self.bestpath.get("overall").is_some()),
            ..Route::new(facts).told_by(peer.filter(|_| !ours))
        }
    }
}

fn origin(word: &str) -> Option<Origin> {
    Some(match word {
        "IGP" => Origin::Igp,
        "EGP" => Origin::Egp,
        "incomplete" => Origin::Incomplete,
        _ => return None,
    })
}

/// `{"string": "64512:1 no-export"}`
fn words(communities: &Value) -> impl Iterator<Item = &str> {
    let text = communities.get("string").and_then(Value::as_str);
    text.unwrap_or_default().split_whitespace()
}

/// `RT:64512:79 ET:8 MM:3, sticky MAC Default Gateway Rmac:aa:bb:cc:dd:ee:05`; `UNK:...` is one FRR has no word for, and of
/// which it does not tell the octets.
fn extended_communities(told: &Value) -> Vec<ExtendedCommunity> {
    let words: Vec<&str> = words(told).collect();
    let mut known = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let after = |ahead: usize| words.get(at + ahead).copied().unwrap_or_default();
        let (name, value) = word.split_once(':').unwrap_or((*word, ""));
        known.extend(match name {
            "RT" => value.parse::<RouteTarget>().ok().map(Into::into),
            "SoO" => value.parse().ok().and_then(crate::observe::site_of_origin),
            "ET" => {
                let tunnel = value.parse().map(Encapsulation::from_number);
                tunnel.ok().map(Into::into)
            }
            "Rmac" => value.parse().ok().map(ExtendedCommunity::from_router_mac),
            "ES-Import-Rt" => value.parse().ok().map(ExtendedCommunity::from_es_import),
            "MM" => {
                let sequence = value.trim_end_matches(',').parse().ok();
                sequence.map(|sequence| {
                    ExtendedCommunity::from_mac_mobility(MacMobility {
                        sticky: after(1) == "sticky",
                        sequence,
                    })
                })
            }
            "Default" if after(1) == "Gateway" => Some(ExtendedCommunity::DEFAULT_GATEWAY),
            _ => None,
        });
    }
    known
}

/// `{"tunnelType": "Ingress Replication", "label": 100}`: the label field is shown as its 24 bits, the endpoint not at all.
fn pmsi(told: &Value) -> Option<PmsiFacts> {
    const TYPES: [&str; 8] = [
        "No info",
        "RSVP-TE P2MP",
        "mLDP P2MP",
        "PIM-SSM",
        "PIM-SM",
        "PIM-BIDIR",
        "Ingress Replication",
        "mLDP MP2MP",
    ];
    let name = told.get("tunnelType")?.as_str()?;
    let tunnel = TYPES.iter().position(|known| *known == name)?;
    let [_, octets @ ..] = number::<u32>(told, "label").unwrap_or(0).to_be_bytes();
    Some(PmsiFacts {
        tunnel: u8::try_from(tunnel).ok()?,
        field: LabelField(octets),
        endpoint: None,
    })
}

fn number<T: TryFrom<u64>>(value: &Value, key: &str) -> Option<T> {
    T::try_from(value.get(key)?.as_u64()?).ok()
}

fn text<T: std::str::FromStr>(value: &Value, key: &str) -> Option<T> {
    value.get(key)?.as_str()?.parse().ok()
}
