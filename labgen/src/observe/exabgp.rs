//! ExaBGP, which has no tables to be asked about: what it was told is read out of the events that it writes, a
//! JSON document a line, messages in octets.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use bgp_wire::raw::{RawMessage, kind};
use bgp_wire::{DecodeContext, Family, Message, NextHop, Nlri, NlriKey, PathAttributes};
use capture::RouteFacts;
use scenario::SessionState;
use serde::Deserialize;

use super::{Misread, News, Question, Route, Session, Speaker, Topic, Up};
use crate::kinds::EXABGP_EVENTS;

pub(super) struct ExaBgp;

impl Speaker for ExaBgp {
    fn question(&self, topic: Topic) -> Option<Question> {
        match topic {
            Topic::Sessions | Topic::Routes(_) => Some(Question::File(EXABGP_EVENTS.into())),
            Topic::Sent(..) => None,
        }
    }

    fn sessions(&self, answer: &[u8]) -> Result<Vec<Session>, Misread> {
        let peers = replay(answer)?;
        let sessions = peers.into_iter().map(|(peer, known)| {
            let session = Session {
                remote_as: known.asn,
                families: known.families,
                hold_time: known.hold_time,
                four_octet_as: Some(known.context.as4),
                up: known.since,
                flaps: Some(known.flaps),
                ..Session::new(peer, known.state)
            };
            session.settled()
        });
        Ok(sessions.collect())
    }

    fn routes(&self, family: Family, answer: &[u8]) -> Result<Vec<Route>, Misread> {
        let mut routes = Vec::new();
        for (peer, known) in replay(answer)? {
            let of_family = known
                .routes
                .into_values()
                .filter(|held| held.nlri.family == family);
            routes.extend(of_family.map(|held| held.route(peer)));
        }
        Ok(routes)
    }

    fn news(&self, _topic: Topic) -> News {
        News::File(EXABGP_EVENTS.into())
    }
}

/// What is known of a peer after some events.
struct Known {
    state: SessionState,
    asn: Option<u32>,
    families: Option<Vec<Family>>,
    hold_time: Option<u16>,
    since: Option<Up>,
    flaps: u64,
    context: DecodeContext,
    routes: BTreeMap<NlriKey, Held>,
}

/// A route as the peer sent it.
struct Held {
    nlri: Nlri,
    next_hop: NextHop,
    attributes: PathAttributes,
}

impl Held {
    fn route(self, peer: IpAddr) -> Route {
        let Self {
            nlri,
            next_hop,
            attributes,
        } = self;
        Route::new(RouteFacts::of(&nlri, next_hop.address(), &attributes)).told_by(Some(peer))
    }
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    /// Seconds since 1970.
    time: Option<f64>,
    body: Option<String>,
    neighbor: Option<Neighbour>,
}

#[derive(Deserialize)]
struct Neighbour {
    address: Address,
    asn: Asn,
    direction: Option<String>,
    state: Option<String>,
    negotiated: Option<Negotiated>,
}

#[derive(Deserialize)]
struct Address {
    peer: IpAddr,
}

#[derive(Deserialize)]
struct Asn {
    local: u32,
    peer: u32,
}

#[derive(Deserialize)]
struct Negotiated {
    asn4: bool,
    hold_time: Option<u16>,
    #[serde(default)]
    families: Vec<String>,
}

fn replay(answer: &[u8]) -> Result<BTreeMap<IpAddr, Known>, Misread> {
    let mut peers = BTreeMap::new();
    // The last line may still be on its way.
    let lines = answer.split_inclusive(|octet| *octet == b'\n');
    // Answers to commands are among them.
    let events = lines.filter(|line| line.starts_with(b"{") && line.ends_with(b"\n"));
    for line in events {
        let event: Event =
            serde_json::from_slice(&plain(line)).map_err(|error| Misread::new(error, line))?;
        let Some(neighbour) = event.neighbor else {
            continue;
        };
        let known = peers
            .entry(neighbour.address.peer)
            .or_insert_with(|| Known {
                state: SessionState::Idle,
                asn: None,
                families: None,
                hold_time: None,
                since: None,
                flaps: 0,
                context: DecodeContext::default(),
                routes: BTreeMap::new(),
            });
        known.asn = Some(neighbour.asn.peer);
        known.context.ibgp = neighbour.asn.local == neighbour.asn.peer;
        if let Some(negotiated) = neighbour.negotiated.as_ref() {
            known.context.as4 = negotiated.asn4;
            known.hold_time = negotiated.hold_time;
            let names = negotiated.families.iter();
            known.families = Some(names.filter_map(|name| family(name)).collect());
        }
        match (event.kind.as_str(), neighbour.state.as_deref()) {
            ("state", Some("up")) => {
                known.state = SessionState::Established;
                known.since = event
                    .time
                    .and_then(|seconds| Up::since(Duration::try_from_secs_f64(seconds).ok()?));
            }
            ("state", Some("connected")) => known.state = SessionState::OpenSent,
            // It tries again by itself.
            ("state", Some(_)) => {
                known.flaps += u64::from(known.state == SessionState::Established);
                known.state = SessionState::Connect;
                known.routes.clear();
            }
            ("update", _) if neighbour.direction.as_deref() != Some("send") => {
                let body = event.body.as_deref().and_then(hex);
                known.update(body.ok_or_else(|| Misread::new("an UPDATE without octets", line))?);
            }
            _ => {}
        }
    }
    Ok(peers)
}

/// Of a session that was shut down it tells the other side's words as they came, the octet of their length in front
/// (RFC 9003), which no JSON text can have.
fn plain(line: &[u8]) -> Cow<'_, [u8]> {
    let line = line.trim_ascii_end();
    match line.iter().any(u8::is_ascii_control) {
        false => Cow::Borrowed(line),
        true => {
            let octets = line.iter();
            let octets = octets.map(|octet| {
                if octet.is_ascii_control() {
                    b' '
                } else {
                    *octet
                }
            });
            Cow::Owned(octets.collect())
        }
    }
}

impl Known {
    fn update(&mut self, body: Vec<u8>) {
        let raw = RawMessage::new(kind::UPDATE, body);
        // Over what cannot be read a session ends, unless ExaBGP is lenient: either way nothing to hold.
        let Ok(Message::Update(update)) = Message::decode(&raw, &self.context) else {
            return;
        };
        for (_, withdrawn) in &update.unreach {
            for nlri in withdrawn {
                self.routes.remove(&nlri.key());
            }
        }
        for (_, next_hop, announced) in update.reach {
            for nlri in announced {
                let held = Held {
                    nlri: nlri.clone(),
                    next_hop: next_hop.clone(),
                    attributes: update.attributes.clone(),
                };
                self.routes.insert(nlri.key(), held);
            }
        }
    }
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    digits.chunks(2).map(pair).collect()
}

/// ExaBGP's words for a family: `l2vpn evpn`.
fn family(words: &str) -> Option<Family> {
    Some(match words {
        "ipv4 unicast" => Family::IPV4_UNICAST,
        "ipv6 unicast" => Family::IPV6_UNICAST,
        "ipv4 mpls-vpn" => Family::VPNV4,
        "ipv6 mpls-vpn" => Family::VPNV6,
        "l2vpn evpn" => Family::EVPN,
        "ipv4 rtc" => Family::RTC,
        "ipv4 flow" => Family::FLOWSPEC_IPV4,
        "ipv6 flow" => Family::FLOWSPEC_IPV6,
        "ipv4 flow-vpn" => Family::FLOWSPEC_VPNV4,
        "ipv6 flow-vpn" => Family::FLOWSPEC_VPNV6,
        _ => return None,
    })
}
