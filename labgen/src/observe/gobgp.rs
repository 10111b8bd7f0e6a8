//! `gobgpd`, asked with `gobgp -j`.

mod capabilities;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;

use bgp_wire::community::Encapsulation;
use bgp_wire::types::IpPrefix;
use bgp_wire::{Esi, Family, RouteDistinguisher, RouteTarget, Vni};
use capture::RouteFacts;
use scenario::SessionState;
use serde::Deserialize;
use serde_json::Value;

use super::{Misread, News, Question, Route, Session, Speaker, Topic};
use capabilities::Capability;

pub(super) struct GoBgp;

impl Speaker for GoBgp {
    fn question(&self, topic: Topic) -> Option<Question> {
        let words: Vec<&str> = match topic {
            Topic::Sessions => vec!["gobgp", "-j", "neighbor"],
            Topic::Routes(family) => {
                vec!["gobgp", "-j", "global", "rib", "-a", family_word(family)?]
            }
        };
        Some(Question::Command(owned(&words)))
    }

    fn sessions(&self, answer: &[u8]) -> Result<Vec<Session>, Misread> {
        let neighbours: Vec<Neighbour> =
            serde_json::from_slice(answer).map_err(|error| Misread::new(error, answer))?;
        let sessions = neighbours.into_iter().map(Neighbour::session);
        let mut sessions = sessions.collect::<Result<Vec<_>, _>>()?;
        sessions.sort_by_key(|session| session.peer);
        Ok(sessions)
    }

    fn routes(&self, family: Family, answer: &[u8]) -> Result<Vec<Route>, Misread> {
        // With no route at all the program may say so in words.
        if !answer.trim_ascii_start().starts_with(b"{") {
            return Ok(Vec::new());
        }
        let destinations: BTreeMap<String, Vec<Path>> =
            serde_json::from_slice(answer).map_err(|error| Misread::new(error, answer))?;
        let mut routes = Vec::new();
        for (name, paths) in destinations {
            for path in paths {
                routes.push(path.route(family, &name)?);
            }
        }
        Ok(routes)
    }

    fn news(&self, topic: Topic) -> News {
        let words = match topic {
            Topic::Sessions => Some(vec!["gobgp", "monitor", "neighbor"]),
            Topic::Routes(family) => family_word(family)
                .map(|word| vec!["gobgp", "monitor", "global", "rib", "-a", word]),
        };
        words.map_or(News::None, |words| News::Command(owned(&words)))
    }
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The command line's word for a family.
fn family_word(family: Family) -> Option<&'static str> {
    Some(match family {
        Family::IPV4_UNICAST => "ipv4",
        Family::IPV6_UNICAST => "ipv6",
        Family::VPNV4 => "vpnv4",
        Family::VPNV6 => "vpnv6",
        Family::EVPN => "evpn",
        Family::RTC => "rtc",
        Family::FLOWSPEC_IPV4 => "ipv4-flowspec",
        Family::FLOWSPEC_IPV6 => "ipv6-flowspec",
        Family::FLOWSPEC_VPNV4 => "ipv4-l3vpn-flowspec",
        Family::FLOWSPEC_VPNV6 => "ipv6-l3vpn-flowspec",
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Neighbour {
    state: NeighbourState,
}

#[derive(Deserialize)]
struct NeighbourState {
    neighbor_address: IpAddr,
    peer_asn: Option<u32>,
    /// Left out while it is 0, which is a state nobody has named.
    #[serde(default)]
    session_state: usize,
    #[serde(default)]
    remote_cap: Vec<Capability>,
    #[serde(default)]
    local_cap: Vec<Capability>,
}

impl Neighbour {
    fn session(self) -> Result<Session, Misread> {
        let NeighbourState {
            neighbor_address,
            peer_asn,
            session_state,
            remote_cap,
            local_cap,
        } = self.state;
        let state = match session_state.checked_sub(1) {
            None => SessionState::Idle,
            Some(at) => *SessionState::ALL
                .get(at)
                .ok_or_else(|| Misread::new("no such state", session_state.to_string()))?,
        };
        let agreed = || {
            let theirs = capabilities::families(&remote_cap);
            let mut both = capabilities::families(&local_cap);
            both.retain(|family| theirs.contains(family));
            both
        };
        Ok(Session {
            peer: neighbor_address,
            state,
            remote_as: peer_asn,
            families: (state == SessionState::Established).then(agreed),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Path {
    nlri: Value,
    #[serde(default)]
    best: bool,
    #[serde(default)]
    attrs: Vec<Value>,
    neighbor_ip: Option<String>,
}

impl Path {
    fn route(self, family: Family, name: &str) -> Result<Route, Misread> {
        let misread = || Misread::new(format!("no {family} route"), self.nlri.to_string());
        let mut facts = RouteFacts::new(family);
        match family {
            Family::EVPN => evpn(&mut facts, &self.nlri).ok_or_else(misread)?,
            Family::IPV4_UNICAST | Family::IPV6_UNICAST | Family::VPNV4 | Family::VPNV6 => {
                let prefix = text::<IpPrefix>(&self.nlri, "prefix").ok_or_else(misread)?;
                facts = facts.with_prefix(prefix);
                facts.rd = rd(&self.nlri);
                facts.label = first_label(&self.nlri);
                facts.vni = facts.label.and_then(|label| Vni::new(label).ok());
            }
            _ => {
                facts.rd = rd(&self.nlri);
                facts.words = Some(name.to_owned());
            }
        }
        for attribute in &self.attrs {
            note_attribute(&mut facts, attribute);
        }
        Ok(Route {
            source: self.neighbor_ip,
            best: Some(self.best),
            ..Route::new(facts)
        })
    }
}

/// The label field of an E-VPN route is shown as its 24 bits.
fn evpn(facts: &mut RouteFacts, nlri: &Value) -> Option<()> {
    let value = nlri.get("value")?;
    facts.route_type = Some(number(nlri, "type")?);
    facts.rd = rd(value);
    facts.esi = value.get("esi").and_then(Value::as_str).and_then(esi);
    facts.ethernet_tag = number(value, "etag");
    facts.mac = text(value, "mac");
    facts.ip = text(value, "ip");
    if let Some(prefix) = text::<IpPrefix>(value, "prefix") {
        *facts = facts.clone().with_prefix(prefix);
    }
    let field = number::<u32>(value, "label").or_else(|| first_label(value));
    facts.vni = field.and_then(|field| Vni::new(field).ok());
    facts.label = field.map(|field| field >> 4);
    Some(())
}

/// `single-homed`, or `ESI_ARBITRARY | 01:02:...` with the type's octet left out.
fn esi(text: &str) -> Option<Esi> {
    const TYPES: [&str; 6] = [
        "ESI_ARBITRARY",
        "ESI_LACP",
        "ESI_MSTP",
        "ESI_MAC",
        "ESI_ROUTERID",
        "ESI_AS",
    ];
    if text == "single-homed" {
        return Some(Esi::ZERO);
    }
    let (kind, octets) = text.split_once(" | ")?;
    let kind = TYPES.iter().position(|name| *name == kind)?;
    format!("{kind:02x}:{octets}").parse().ok()
}

fn note_attribute(facts: &mut RouteFacts, attribute: &Value) {
    let kind: u8 = number(attribute, "type").unwrap_or_default();
    match kind {
        2 => facts.as_path = Some(as_path(attribute)),
        3 | 14 => facts.next_hop = text(attribute, "nexthop").or(facts.next_hop),
        4 => facts.med = number(attribute, "metric").or_else(|| number(attribute, "value")),
        5 => facts.local_pref = number(attribute, "value"),
        9 => facts.originator = text(attribute, "value"),
        10 => {
            let clusters = list(attribute, "value").filter_map(Value::as_str);
            facts.cluster_list = clusters.filter_map(|id| id.parse().ok()).collect();
        }
        16 => {
            for community in list(attribute, "value") {
                note_community(facts, community);
            }
        }
        // The PMSI tunnel of a type 3 route has its label.
        22 if facts.family == Family::EVPN => {
            let field: Option<u32> = number(attribute, "label");
            facts.vni = field.and_then(|field| Vni::new(field).ok());
        }
        _ => {}
    }
}

fn note_community(facts: &mut RouteFacts, community: &Value) {
    let kind: Option<u8> = number(community, "type");
    let subtype: Option<u8> = number(community, "subtype");
    match (kind, subtype) {
        (Some(kind @ 0..=2), Some(2)) => {
            let target = community.get("value").and_then(Value::as_str);
            facts
                .route_targets
                .extend(target.and_then(|target| route_target(kind, target)));
        }
        (Some(3), Some(12)) => {
            let tunnel = number(community, "tunnel_type");
            facts
                .encapsulations
                .extend(tunnel.map(Encapsulation::from_number));
        }
        _ => {}
    }
}

/// The text does not tell a small four-octet AS number from one of two octets; the type does. Large ones are
/// written with a dot.
fn route_target(kind: u8, text: &str) -> Option<RouteTarget> {
    let (administrator, number) = text.rsplit_once(':')?;
    match kind {
        2 => {
            let asn = match administrator.split_once('.') {
                Some((high, low)) => {
                    u32::from(high.parse::<u16>().ok()?) << 16 | u32::from(low.parse::<u16>().ok()?)
                }
                None => administrator.parse().ok()?,
            };
            Some(RouteTarget::as4(asn, number.parse().ok()?))
        }
        _ => text.parse().ok(),
    }
}

fn rd(value: &Value) -> Option<RouteDistinguisher> {
    let rd = value.get("rd")?;
    let assigned: u32 = number(rd, "assigned")?;
    Some(match number::<u8>(rd, "type")? {
        0 => RouteDistinguisher::as2(number(rd, "admin")?, assigned),
        1 => RouteDistinguisher::ipv4(text(rd, "admin")?, assigned.try_into().ok()?),
        _ => RouteDistinguisher::as4(number(rd, "admin")?, assigned.try_into().ok()?),
    })
}

fn as_path(attribute: &Value) -> String {
    let segment = |segment: &Value| {
        let numbers: Vec<String> = list(segment, "asns").map(ToString::to_string).collect();
        let numbers = numbers.join(" ");
        match number::<u8>(segment, "segment_type") {
            Some(1) => format!("{{{numbers}}}"),
            Some(3) => format!("({numbers})"),
            Some(4) => format!("[{numbers}]"),
            _ => numbers,
        }
    };
    let segments: Vec<String> = list(attribute, "as_paths").map(segment).collect();
    segments.join(" ")
}

fn first_label(value: &Value) -> Option<u32> {
    let label = list(value, "labels").next()?.as_u64()?;
    u32::try_from(label).ok()
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(key)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn number<T: TryFrom<u64>>(value: &Value, key: &str) -> Option<T> {
    T::try_from(value.get(key)?.as_u64()?).ok()
}

fn text<T: std::str::FromStr>(value: &Value, key: &str) -> Option<T> {
    value.get(key)?.as_str()?.parse().ok()
}
