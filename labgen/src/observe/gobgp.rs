//! `gobgpd`, asked with `gobgp -j`.

mod attributes;
mod capabilities;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bgp_wire::nlri::{FlowComponent, FlowOp, RtcRoute};
use bgp_wire::types::IpPrefix;
use bgp_wire::{Esi, Family, RouteDistinguisher, Vni};
use capture::RouteFacts;
use scenario::SessionState;
use serde::Deserialize;
use serde_json::Value;

use super::{Misread, News, Question, Route, Session, Speaker, Topic, Up};
use capabilities::Capability;

pub(super) struct GoBgp;

impl Speaker for GoBgp {
    fn question(&self, topic: Topic) -> Option<Question> {
        let words: Vec<&str> = match topic {
            Topic::Sessions => vec!["gobgp", "-j", "neighbor"],
            Topic::Routes(family) => {
                vec!["gobgp", "-j", "global", "rib", "-a", family_word(family)?]
            }
            Topic::Sent(..) => return None,
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
            Topic::Sent(..) => None,
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
    #[serde(default)]
    timers: Timers,
}

#[derive(Default, Deserialize)]
struct Timers {
    #[serde(default)]
    state: TimersState,
}

#[derive(Default, Deserialize)]
struct TimersState {
    negotiated_hold_time: Option<u16>,
    uptime: Option<Time>,
}

#[derive(Deserialize)]
struct Time {
    #[serde(default)]
    seconds: u64,
}

#[derive(Deserialize)]
struct NeighbourState {
    neighbor_address: IpAddr,
    peer_asn: Option<u32>,
    /// Left out while it is 0, which is a state nobody has named.
    #[serde(default)]
    session_state: usize,
    /// Left out while it is 0.
    #[serde(default)]
    flops: u64,
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
            flops,
            remote_cap,
            local_cap,
        } = self.state;
        let Timers { state: timers } = self.timers;
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
        let both = |name: &str| {
            capabilities::has(&remote_cap, name) && capabilities::has(&local_cap, name)
        };
        let session = Session {
            remote_as: peer_asn,
            families: Some(agreed()),
            // No hold time at all is left out, as every 0 is.
            hold_time: Some(timers.negotiated_hold_time.unwrap_or(0)),
            four_octet_as: Some(both("FourOctetASNCapability")),
            graceful_restart: Some(capabilities::has(&remote_cap, "GracefulRestartCapability")),
            up: timers
                .uptime
                .and_then(|time| Up::since(Duration::from_secs(time.seconds))),
            flaps: Some(flops),
            ..Session::new(neighbor_address, state)
        };
        Ok(session.settled())
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
            Family::RTC => {
                let route = membership(&self.nlri).ok_or_else(misread)?;
                facts = facts.with_membership(&route);
            }
            _ => {
                facts.rd = rd(&self.nlri);
                let components = list(&self.nlri, "value");
                let components: Option<Vec<String>> = components
                    .map(|component| Some(flow_component(component)?.text(family.afi == 2)))
                    .collect();
                match components.filter(|all| !all.is_empty()) {
                    Some(components) => facts.flowspec = components,
                    None => facts.words = Some(name.to_owned()),
                }
            }
        }
        for attribute in &self.attrs {
            attributes::note(&mut facts, attribute);
        }
        let teller = self.neighbor_ip.and_then(|peer| peer.parse().ok());
        Ok(Route {
            best: Some(self.best),
            ..Route::new(facts).told_by(teller)
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

/// `{"prefix": "64512:64512:79"}`: origin AS and route target; `0:0:0` asks for everything.
fn membership(nlri: &Value) -> Option<RtcRoute> {
    let (asn, target) = nlri.get("prefix")?.as_str()?.split_once(':')?;
    if target == "0:0" {
        return Some(RtcRoute::DEFAULT);
    }
    // Four-octet AS numbers are written with a dot, addresses with three.
    let kind = if target.matches('.').count() == 1 {
        2
    } else {
        0
    };
    let target = attributes::layout(kind, target)?;
    Some(RtcRoute::new(asn.parse().ok()?, target))
}

/// `{"type": 1, "value": {"prefix": "10.1.0.0/16"}}`, `{"type": 3, "value": [{"op": 129, "value": 6}]}`.
fn flow_component(told: &Value) -> Option<FlowComponent> {
    let kind: u8 = number(told, "type")?;
    let value = told.get("value")?;
    let end = || Some((text(value, "prefix")?, number(value, "offset").unwrap_or(0)));
    Some(match kind {
        FlowComponent::DESTINATION => {
            let (prefix, offset) = end()?;
            FlowComponent::Destination { prefix, offset }
        }
        FlowComponent::SOURCE => {
            let (prefix, offset) = end()?;
            FlowComponent::Source { prefix, offset }
        }
        _ => {
            let operation = |told: &Value| {
                let operation = FlowOp::new(number(told, "op")?, 0);
                Some(FlowOp::new(operation.bits, number(told, "value")?))
            };
            let operations = value.as_array()?.iter().map(operation);
            FlowComponent::Operations {
                kind,
                operations: operations.collect::<Option<_>>()?,
            }
        }
    })
}

/// `single-homed`, `ESI_LACP | system mac aa:bb:cc:dd:ee:ff, port key 100`, or `ESI_ARBITRARY | 01:02:...` with the type's
/// octet left out.
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
    if let Some(lacp) = octets.strip_prefix("system mac ") {
        let (mac, key) = lacp.split_once(", port key ")?;
        let [high, low] = key.parse::<u16>().ok()?.to_be_bytes();
        return format!("{kind:02x}:{mac}:{high:02x}:{low:02x}:00")
            .parse()
            .ok();
    }
    format!("{kind:02x}:{octets}").parse().ok()
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
