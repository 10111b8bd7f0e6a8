//! BIRD, asked over its control socket. An answer is lines, each behind a number and a dash, the last behind a
//! number and a blank; a line that repeats the number before it has a blank instead.

#[cfg(test)]
mod tests;

use std::net::IpAddr;

use bgp_wire::attribute::Origin;
use bgp_wire::community::{Community, LargeCommunity};
use bgp_wire::types::IpPrefix;
use bgp_wire::{ExtendedCommunity, Family, RouteDistinguisher, RouteTarget, Vni};
use capture::RouteFacts;
use scenario::SessionState;

use super::{Misread, Question, Route, Session, Speaker, Topic, state_named};
use crate::kinds::BIRD_CONTROL;

pub(super) struct Bird;

impl Speaker for Bird {
    fn question(&self, topic: Topic) -> Option<Question> {
        let say = match topic {
            Topic::Sessions => "show protocols all\n",
            // Whatever the tables are called: a prefix tells its family.
            Topic::Routes(_) => "show route table all all\n",
            Topic::Sent(..) => return None,
        };
        Some(Question::Socket {
            path: BIRD_CONTROL.into(),
            say: say.into(),
            complete,
        })
    }

    fn sessions(&self, answer: &[u8]) -> Result<Vec<Session>, Misread> {
        let mut sessions = Vec::new();
        let mut peer = Protocol::default();
        for line in lines(answer)? {
            if !line.starts_with(' ') && !line.is_empty() {
                sessions.extend(std::mem::take(&mut peer).session());
                peer = Protocol {
                    is_bgp: line.split_whitespace().nth(1) == Some("BGP"),
                    ..Protocol::default()
                };
            } else {
                peer.note(line);
            }
        }
        sessions.extend(peer.session());
        sessions.sort_by_key(|session| session.peer);
        Ok(sessions)
    }

    fn routes(&self, family: Family, answer: &[u8]) -> Result<Vec<Route>, Misread> {
        let mut routes: Vec<Route> = Vec::new();
        let (mut net, mut known) = ("", false);
        for line in lines(answer)? {
            if let Some(attribute) = line.strip_prefix('\t') {
                if let Some(route) = routes.last_mut().filter(|_| known) {
                    note_attribute(&mut route.facts, attribute);
                    note_teller(route, attribute);
                }
                continue;
            }
            let Some((before, after)) = line.split_once(" [") else {
                continue;
            };
            // `NET  unicast [source time] * (100)`; a further path for the same net begins with blanks.
            let own = match before.trim_end() {
                rules if rules.ends_with('}') => rules,
                typed => typed.rsplit_once(' ').map_or("", |(own, _)| own.trim()),
            };
            if !own.is_empty() {
                net = own;
            }
            let facts = facts(net);
            known = facts.is_some();
            let Some(facts) = facts else { continue };
            let mut route = Route::new(facts);
            route.source = after.split([' ', ']']).next().map(str::to_owned);
            route.from = after
                .split_once(" from ")
                .and_then(|(_, from)| from.split(']').next()?.parse().ok());
            let marks = after.split_once(']').map_or("", |(_, marks)| marks);
            route.best = Some(marks.contains('*'));
            routes.push(route);
        }
        routes.retain(|route| route.facts.family == family);
        Ok(routes)
    }
}

/// An answer ends with a line behind a number and a blank; the greeting, 0001, is none.
fn complete(said: &[u8]) -> bool {
    let Some(said) = said.strip_suffix(b"\n") else {
        return false;
    };
    let last = said.rsplit(|octet| *octet == b'\n').next().unwrap_or(said);
    matches!(last, [a, b, c, d, b' ', ..] if [a, b, c, d].iter().all(|digit| digit.is_ascii_digit()))
        && !last.starts_with(b"0001")
}

/// The lines without their numbers; an error that it answers with is one here.
fn lines(answer: &[u8]) -> Result<Vec<&str>, Misread> {
    let text = std::str::from_utf8(answer).map_err(|error| Misread::new(error, answer))?;
    let mut lines = Vec::new();
    for line in text.lines() {
        let code = line
            .get(..4)
            .filter(|code| code.bytes().all(|digit| digit.is_ascii_digit()));
        match (code, line.get(5..)) {
            (Some("0000" | "0001"), _) => {}
            // What is not there is an empty answer.
            (Some("8001"), _) => {}
            (Some(code), Some(words)) if code.starts_with(['8', '9']) => {
                return Err(Misread::new("BIRD refuses", words));
            }
            (Some(_), Some(words)) => lines.push(words),
            (Some(_), None) => {}
            (None, _) => lines.push(line.strip_prefix(' ').unwrap_or(line)),
        }
    }
    Ok(lines)
}

/// What is told of a protocol, as far as it is a BGP session.
#[derive(Default)]
struct Protocol {
    is_bgp: bool,
    peer: Option<IpAddr>,
    state: Option<SessionState>,
    asn: Option<u32>,
    /// Families announced: ours, theirs.
    families: [Vec<Family>; 2],
    /// The neighbour's capabilities are told, no longer our own.
    theirs: bool,
    /// Four-octet AS numbers: ours, theirs.
    as4: [bool; 2],
    /// The neighbour has graceful restart.
    restarts: bool,
    hold_time: Option<u16>,
}

impl Protocol {
    fn note(&mut self, line: &str) {
        let line = line.trim();
        if line == "Neighbor capabilities" {
            self.theirs = true;
        }
        match line {
            "4-octet AS numbers" => self.as4[usize::from(self.theirs)] = true,
            "Graceful restart" => self.restarts |= self.theirs,
            _ => {}
        }
        let Some((key, value)) = line.split_once(':') else {
            return;
        };
        let value = value.trim();
        match key {
            // What is left of it, and all.
            "Hold timer" => {
                let whole = value.split_once('/').map(|(_, whole)| whole.trim());
                self.hold_time = whole.and_then(|whole| whole.parse().ok());
            }
            "BGP state" => {
                self.state = Some(match value {
                    "Passive" => SessionState::Active,
                    // `Down` and `Close`: not one of the RFC's, on the way to Idle.
                    other => state_named(other).unwrap_or(SessionState::Idle),
                });
            }
            // A link-local address comes with its interface.
            "Neighbor address" => {
                let address = value.split('%').next().unwrap_or(value);
                self.peer = address.parse().ok();
            }
            "Neighbor AS" => self.asn = value.parse().ok(),
            "AF announced" => {
                self.families[usize::from(self.theirs)] =
                    value.split_whitespace().filter_map(family).collect();
            }
            _ => {}
        }
    }

    fn session(self) -> Option<Session> {
        let state = self.state?;
        let [ours, theirs] = self.families;
        let agreed = || {
            let mut both = ours;
            both.retain(|family| theirs.contains(family));
            both.sort_unstable();
            both
        };
        let session = Session {
            remote_as: self.asn,
            families: Some(agreed()),
            // Without a hold time it has no timer.
            hold_time: Some(self.hold_time.unwrap_or(0)),
            four_octet_as: Some(self.as4 == [true; 2]),
            graceful_restart: Some(self.restarts),
            ..Session::new(self.peer.filter(|_| self.is_bgp)?, state)
        };
        Some(session.settled())
    }
}

/// BIRD's word for a family of a session; `<25/70>` for one it has no word for.
fn family(word: &str) -> Option<Family> {
    Some(match word {
        "ipv4" => Family::IPV4_UNICAST,
        "ipv6" => Family::IPV6_UNICAST,
        "vpn4-mpls" => Family::VPNV4,
        "vpn6-mpls" => Family::VPNV6,
        "flow4" => Family::FLOWSPEC_IPV4,
        "flow6" => Family::FLOWSPEC_IPV6,
        other => {
            let numbers = other.strip_prefix('<')?.strip_suffix('>')?;
            let (afi, safi) = numbers.split_once('/')?;
            Family::new(afi.parse().ok()?, safi.parse().ok()?)
        }
    })
}

/// What the net alone says; `None` for nets that are no BGP routes, such as MPLS labels.
fn facts(net: &str) -> Option<RouteFacts> {
    let versioned = |prefix: IpPrefix, v4, v6| {
        let family = if prefix.address().is_ipv4() { v4 } else { v6 };
        RouteFacts::new(family).with_prefix(prefix)
    };
    for (start, family) in [
        ("flow4 ", Family::FLOWSPEC_IPV4),
        ("flow6 ", Family::FLOWSPEC_IPV6),
    ] {
        if let Some(rules) = net.strip_prefix(start) {
            let mut facts = RouteFacts::new(family);
            facts.words = Some(rules.to_owned());
            return Some(facts);
        }
    }
    match net.split_once(' ') {
        None => {
            let prefix = net.parse().ok()?;
            Some(versioned(
                prefix,
                Family::IPV4_UNICAST,
                Family::IPV6_UNICAST,
            ))
        }
        Some((rd, prefix)) => {
            let prefix = prefix.trim().parse().ok()?;
            let mut facts = versioned(prefix, Family::VPNV4, Family::VPNV6);
            facts.rd = rd.parse::<RouteDistinguisher>().ok();
            Some(facts)
        }
    }
}

fn note_attribute(facts: &mut RouteFacts, line: &str) {
    if let Some(via) = line.strip_prefix("via ") {
        let mut words = via.split_whitespace();
        facts.next_hop = words.next().and_then(|address| address.parse().ok());
        let mut labels = words.skip_while(|word| *word != "mpls").skip(1);
        note_label(facts, labels.next().unwrap_or_default());
        return;
    }
    let Some((key, value)) = line.split_once(':') else {
        return;
    };
    let value = value.trim();
    match key {
        "BGP.as_path" => facts.as_path = Some(value.to_owned()),
        // Over IPv6 a link-local one may follow.
        "BGP.next_hop" => {
            let address = value.split_whitespace().next().unwrap_or_default();
            facts.next_hop = address.parse().ok().or(facts.next_hop);
        }
        "BGP.origin" => facts.origin = origin(value),
        "BGP.local_pref" => facts.local_pref = value.parse().ok(),
        "BGP.med" => facts.med = value.parse().ok(),
        "BGP.originator_id" => facts.originator = value.parse().ok(),
        "BGP.cluster_list" => {
            let clusters = value.split_whitespace();
            facts.cluster_list = clusters.filter_map(|id| id.parse().ok()).collect();
        }
        "BGP.mpls_label_stack" => note_label(facts, value),
        "BGP.community" => {
            let pairs = lists(value).filter_map(|parts| match parts[..] {
                [asn, number] => Some(Community::new(asn.parse().ok()?, number.parse().ok()?)),
                _ => None,
            });
            facts.communities = pairs.collect();
        }
        "BGP.large_community" => {
            let triples = lists(value).filter_map(|parts| match parts[..] {
                [a, b, c] => Some(LargeCommunity(
                    a.parse().ok()?,
                    b.parse().ok()?,
                    c.parse().ok()?,
                )),
                _ => None,
            });
            facts.large_communities = triples.collect();
        }
        "BGP.ext_community" => {
            facts.extended_communities = lists(value)
                .filter_map(|parts| extended_community(&parts))
                .collect();
        }
        _ => {}
    }
}

/// The topmost of labels that have blanks or slashes between them.
fn note_label(facts: &mut RouteFacts, labels: &str) {
    let first = labels.split([' ', '/']).next().unwrap_or_default();
    if let Ok(label) = first.parse() {
        facts.label = Some(label);
        facts.vni = Vni::new(label).ok();
    }
}

fn origin(word: &str) -> Option<Origin> {
    Some(match word {
        "IGP" => Origin::Igp,
        "EGP" => Origin::Egp,
        "Incomplete" => Origin::Incomplete,
        _ => return None,
    })
}

/// Who told a route of BGP: its next hop, where nobody else is named beside the protocol.
fn note_teller(route: &mut Route, line: &str) {
    if line.trim() == "Type: BGP univ" && route.from.is_none() {
        route.from = route.facts.next_hop;
    }
}

/// `(64512, 1, 2) (64512, 3, 4)`: what is in each pair of parentheses.
fn lists(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.split_inclusive(')').map(|list| {
        let inner = list.trim().trim_start_matches('(').trim_end_matches(')');
        inner.split(',').map(str::trim).collect()
    })
}

/// `(rt, 64512, 79)`, `(ro, 64512, 5)`, or `(generic, 0x30c0000, 0x8)` with the eight octets as two numbers.
fn extended_community(parts: &[&str]) -> Option<ExtendedCommunity> {
    let layout = |administrator: &str, number: &str| {
        format!("{administrator}:{number}")
            .parse::<RouteTarget>()
            .ok()
    };
    match *parts {
        ["rt", administrator, number] => Some(layout(administrator, number)?.into()),
        ["ro", administrator, number] => super::site_of_origin(layout(administrator, number)?),
        ["generic", high, low] => {
            let number = |text: &str| u32::from_str_radix(text.trim_start_matches("0x"), 16).ok();
            let octets = u64::from(number(high)?) << 32 | u64::from(number(low)?);
            Some(ExtendedCommunity(octets.to_be_bytes()))
        }
        _ => None,
    }
}
