//! OpenBGPD, asked by `bgpctl`, which answers in JSON and within milliseconds.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::community::Encapsulation;
use bgp_wire::types::IpPrefix;
use bgp_wire::{Family, RouteDistinguisher, RouteTarget};
use capture::RouteFacts;
use scenario::SessionState;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Misread, News, Question, Route, Session, Speaker, Topic, state_named};

pub(super) struct OpenBgpd;

impl Speaker for OpenBgpd {
    fn question(&self, topic: Topic) -> Option<Question> {
        let words = match topic {
            Topic::Sessions => vec!["neighbor"],
            Topic::Routes(family) => vec!["rib", word(family)?, "detail"],
        };
        let command = ["bgpctl", "-j", "show"].into_iter().chain(words);
        Some(Question::Command(command.map(str::to_owned).collect()))
    }

    fn sessions(&self, answer: &[u8]) -> Result<Vec<Session>, Misread> {
        let told: Neighbours = read(answer)?;
        let sessions = told.neighbors.into_iter();
        let mut sessions: Vec<Session> = sessions.filter_map(Neighbour::session).collect();
        sessions.sort_by_key(|session| session.peer);
        Ok(sessions)
    }

    fn routes(&self, family: Family, answer: &[u8]) -> Result<Vec<Route>, Misread> {
        let told: Rib = read(answer)?;
        told.rib
            .into_iter()
            .map(|entry| entry.route(family))
            .collect()
    }

    fn news(&self, topic: Topic) -> News {
        match topic {
            // It logs when one comes up or goes down.
            Topic::Sessions => News::Log,
            Topic::Routes(_) => News::None,
        }
    }
}

/// `bgpctl`'s word for a family.
fn word(family: Family) -> Option<&'static str> {
    Some(match family {
        Family::IPV4_UNICAST => "ipv4",
        Family::IPV6_UNICAST => "ipv6",
        Family::VPNV4 => "vpnv4",
        Family::VPNV6 => "vpnv6",
        _ => return None,
    })
}

fn read<T: DeserializeOwned>(answer: &[u8]) -> Result<T, Misread> {
    serde_json::from_slice(answer).map_err(|error| Misread::new(error, answer))
}

#[derive(Deserialize)]
struct Neighbours {
    #[serde(default)]
    neighbors: Vec<Neighbour>,
}

#[derive(Deserialize)]
struct Neighbour {
    remote_as: Option<String>,
    remote_addr: String,
    state: String,
    session: Option<Negotiated>,
}

#[derive(Deserialize)]
struct Negotiated {
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Default, Deserialize)]
struct Capabilities {
    #[serde(default)]
    multiprotocol: Vec<String>,
}

impl Neighbour {
    /// A template for a whole subnet has no address, and is no session.
    fn session(self) -> Option<Session> {
        let state = state_named(&self.state).unwrap_or(SessionState::Idle);
        let agreed = |negotiated: Negotiated| {
            let words = negotiated.capabilities.multiprotocol;
            let mut families: Vec<Family> = words.iter().filter_map(|word| family(word)).collect();
            families.sort_unstable();
            families
        };
        Some(Session {
            peer: self.remote_addr.parse().ok()?,
            state,
            remote_as: self.remote_as.and_then(|asn| asn.parse().ok()),
            families: self
                .session
                .filter(|_| state == SessionState::Established)
                .map(agreed),
        })
    }
}

fn family(words: &str) -> Option<Family> {
    Some(match words {
        "IPv4 unicast" => Family::IPV4_UNICAST,
        "IPv6 unicast" => Family::IPV6_UNICAST,
        "IPv4 vpn" => Family::VPNV4,
        "IPv6 vpn" => Family::VPNV6,
        _ => return None,
    })
}

#[derive(Deserialize)]
struct Rib {
    #[serde(default)]
    rib: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    /// `10.9.0.0/24`, or `rd 10.0.0.3:1 10.9.0.0/24`. Labels are not told.
    prefix: String,
    aspath: Option<String>,
    exit_nexthop: Option<IpAddr>,
    neighbor: Teller,
    #[serde(default)]
    best: bool,
    metric: Option<u32>,
    localpref: Option<u32>,
    #[serde(default)]
    extended_communities: Vec<String>,
    #[serde(default)]
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Teller {
    remote_addr: String,
}

#[derive(Deserialize)]
struct Attribute {
    originator: Option<Ipv4Addr>,
    #[serde(default)]
    cluster_list: Vec<Ipv4Addr>,
}

impl Entry {
    fn route(self, family: Family) -> Result<Route, Misread> {
        let misread = || Misread::new(format!("no {family} route"), &self.prefix);
        let (rd, prefix) = match self.prefix.strip_prefix("rd ") {
            Some(rest) => {
                let (rd, prefix) = rest.split_once(' ').ok_or_else(misread)?;
                let rd: RouteDistinguisher = rd.parse().map_err(|_| misread())?;
                (Some(rd), prefix)
            }
            None => (None, self.prefix.as_str()),
        };
        let prefix: IpPrefix = prefix.parse().map_err(|_| misread())?;
        let mut facts = RouteFacts {
            rd,
            // An address of IPv4 in the form of IPv6 is how VPN families of IPv6 carry it.
            next_hop: self.exit_nexthop.map(|address| address.to_canonical()),
            as_path: self.aspath,
            // It does not tell a metric of 0 from none.
            med: self.metric.filter(|metric| *metric != 0),
            local_pref: self.localpref,
            ..RouteFacts::new(family).with_prefix(prefix)
        };
        for community in &self.extended_communities {
            note_community(&mut facts, community);
        }
        for attribute in self.attributes {
            facts.originator = attribute.originator.or(facts.originator);
            facts.cluster_list.extend(attribute.cluster_list);
        }
        // Its own routes are told by nobody with an address.
        let teller = self.neighbor.remote_addr;
        let source = teller.parse::<IpAddr>().is_ok().then_some(teller);
        Ok(Route {
            source,
            best: Some(self.best),
            ..Route::new(facts)
        })
    }
}

/// `rt 64512:80`; `[12] 0xa` is an encapsulation, for which it has no word: the subtype, and the value's octets.
fn note_community(facts: &mut RouteFacts, community: &str) {
    match community.split_once(' ') {
        Some(("rt", target)) => facts.route_targets.extend(target.parse::<RouteTarget>()),
        Some(("[12]", value)) => {
            let digits = value.strip_prefix("0x").unwrap_or(value);
            let tunnel = u16::from_str_radix(digits, 16).map(Encapsulation::from_number);
            facts.encapsulations.extend(tunnel);
        }
        _ => {}
    }
}
