//! OpenBGPD, asked by `bgpctl`, which answers in JSON and within milliseconds.

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use bgp_wire::attribute::Origin;
use bgp_wire::community::{Community, Encapsulation, LargeCommunity};
use bgp_wire::types::IpPrefix;
use bgp_wire::{ExtendedCommunity, Family, RouteDistinguisher, RouteTarget};
use capture::RouteFacts;
use scenario::SessionState;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::{Misread, News, Question, Route, Session, Speaker, Topic, Up, state_named};

pub(super) struct OpenBgpd;

impl Speaker for OpenBgpd {
    fn question(&self, topic: Topic) -> Option<Question> {
        let words = match topic {
            Topic::Sessions => vec!["neighbor"],
            Topic::Routes(family) => vec!["rib", word(family)?, "detail"],
            Topic::Sent(..) => return None,
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
            Topic::Routes(_) | Topic::Sent(..) => News::None,
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
    /// -1 for never.
    last_updown_sec: Option<i64>,
    session: Option<Negotiated>,
}

#[derive(Deserialize)]
struct Negotiated {
    holdtime: Option<u16>,
    #[serde(default)]
    capabilities: Capabilities,
    #[serde(default)]
    remote: End,
}

/// One end of a session.
#[derive(Default, Deserialize)]
struct End {
    #[serde(default)]
    capabilities: Capabilities,
}

#[derive(Default, Deserialize)]
struct Capabilities {
    #[serde(default)]
    multiprotocol: Vec<String>,
    #[serde(default)]
    as4byte: bool,
    graceful_restart: Option<serde_json::Value>,
}

impl Neighbour {
    /// A template for a whole subnet has no address, and is no session.
    fn session(self) -> Option<Session> {
        let state = state_named(&self.state).unwrap_or(SessionState::Idle);
        let mut session = Session {
            remote_as: self.remote_as.and_then(|asn| asn.parse().ok()),
            up: self
                .last_updown_sec
                .and_then(|seconds| Some(Up::For(Duration::from_secs(seconds.try_into().ok()?)))),
            ..Session::new(self.remote_addr.parse().ok()?, state)
        };
        if let Some(negotiated) = self.session {
            let Capabilities {
                multiprotocol,
                as4byte,
                ..
            } = negotiated.capabilities;
            let words = multiprotocol.iter();
            let mut families: Vec<Family> = words.filter_map(|word| family(word)).collect();
            families.sort_unstable();
            session.families = Some(families);
            session.hold_time = negotiated.holdtime;
            session.four_octet_as = Some(as4byte);
            let restart = negotiated.remote.capabilities.graceful_restart;
            session.graceful_restart = Some(restart.is_some());
        }
        Some(session.settled())
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
    origin: Option<String>,
    #[serde(default)]
    communities: Vec<Community>,
    #[serde(default)]
    large_communities: Vec<LargeCommunity>,
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
            origin: self.origin.as_deref().and_then(origin),
            communities: self.communities,
            large_communities: self.large_communities,
            extended_communities: self
                .extended_communities
                .iter()
                .filter_map(|text| community(text))
                .collect(),
            ..RouteFacts::new(family).with_prefix(prefix)
        };
        for attribute in self.attributes {
            facts.originator = attribute.originator.or(facts.originator);
            facts.cluster_list.extend(attribute.cluster_list);
        }
        // Its own routes are told by nobody with an address.
        let teller = self.neighbor.remote_addr.parse().ok();
        Ok(Route {
            best: Some(self.best),
            ..Route::new(facts).told_by(teller)
        })
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

/// `rt 64512:80`, `soo 64512:5`; `[12] 0xa` is an encapsulation, for which it has no word: the subtype, and the value's
/// octets. Of others the type is not told.
fn community(text: &str) -> Option<ExtendedCommunity> {
    match text.split_once(' ')? {
        ("rt", target) => {
            let target: RouteTarget = target.parse().ok()?;
            Some(target.into())
        }
        ("soo", origin) => super::site_of_origin(origin.parse().ok()?),
        ("[12]", value) => {
            let digits = value.strip_prefix("0x").unwrap_or(value);
            let tunnel = u16::from_str_radix(digits, 16).ok()?;
            Some(Encapsulation::from_number(tunnel).into())
        }
        _ => None,
    }
}
