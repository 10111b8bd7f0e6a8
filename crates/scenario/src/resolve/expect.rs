//! Expectations.

use super::{Found, Resolver};
use crate::amount::Amount;
use crate::error::ErrorKind;
use crate::expect::{
    Destination, Expectation, Fact, ForwardingExpectation, NeighbourExpectation, PacketExpectation,
    RouteExpectation, SessionExpectation, SessionState, Since,
};
use crate::file::{
    At, ExpectFile, ForwardingFile, NeighbourFile, PacketsFile, RouteFile, SessionFile,
};
use crate::kind::{NodeKind, Peer};
use crate::lab::{NodeId, VpnId, VpnType};
use crate::packet::LayerKind;
use crate::{defaults, values};

impl Resolver<'_> {
    pub(super) fn expect(&mut self, typed: &ExpectFile) -> Found<Expectation> {
        let within = self.maybe(typed.within.as_ref(), values::duration);
        let fact = if let Some(session) = &typed.session {
            Fact::Session(self.session(&session.value)?)
        } else if let Some(route) = &typed.route {
            Fact::Route(self.route(&route.value)?)
        } else if let Some(packets) = &typed.packets {
            Fact::Packets(self.packets(&packets.value)?)
        } else if let Some(forwarding) = &typed.forwarding {
            Fact::Forwarding(self.forwarding(&forwarding.value)?)
        } else {
            Fact::Neighbour(self.neighbour(&typed.neighbour.as_ref()?.value)?)
        };
        Some(Expectation {
            fact,
            within: within.unwrap_or(defaults::WITHIN),
        })
    }

    fn session(&mut self, typed: &SessionFile) -> Found<SessionExpectation> {
        let on = self.peer_named(&typed.on, "expects a session on");
        let words = SessionState::ALL.map(|state| (state.name(), state));
        let state = match &typed.state {
            Some(state) => {
                let named = values::one_of("a state of a session", &state.value, &words);
                self.keep(&state.span, named)
            }
            None => Some(SessionState::Established),
        };
        let peer = self.session_peer(on?, &typed.peer)?;
        Some(SessionExpectation {
            on: on?,
            peer,
            state: state?,
        })
    }

    /// An address, or that of a node as the speaker sees it; one of its peers.
    fn session_peer(&mut self, on: NodeId, typed: &At<String>) -> Found<std::net::IpAddr> {
        let verb = "expects a session with";
        let peer = if values::looks_like_address(&typed.value) {
            self.keep(&typed.span, values::ip(&typed.value))?
        } else {
            let node = self.node(typed, verb)?;
            self.reach(on, node, &typed.span)?
        };
        let kind = &self.scenario.nodes[on.0].kind;
        let peers: Vec<Peer> = match kind {
            NodeKind::Bagpipe(speaker) => speaker.peers.clone(),
            kind => {
                let sessions = kind.speaker().map(|speaker| speaker.sessions.as_slice());
                let sessions = sessions.unwrap_or_default().iter();
                sessions.map(|session| session.peer.clone()).collect()
            }
        };
        // Clients of a reflector of ours call it; what a configuration file of its own says is not known.
        let unknown = matches!(kind, NodeKind::FakeRr(_))
            || kind
                .speaker()
                .is_some_and(|speaker| speaker.config.is_some());
        if unknown || peers.iter().any(|known| known.address == peer) {
            return Some(peer);
        }
        let known = peers.iter().map(|peer| match peer.node {
            Some(node) => self.node_name(node).to_string(),
            None => peer.address.to_string(),
        });
        let known = known.collect();
        let what = format!("peer of `{}`", self.node_name(on));
        self.unknown(typed, verb, &what, known)
    }

    fn route(&mut self, typed: &RouteFile) -> Found<RouteExpectation> {
        let verb = "expects a route on";
        let on = match &typed.vpn {
            Some(_) => self.bagpipe_named(&typed.on, verb),
            None => self.speaker_named(&typed.on, verb),
        };
        let vpn = match &typed.vpn {
            Some(vpn) => Some(self.vpn(vpn, "expects a route in")?),
            None => None,
        };
        let pattern = self.pattern(&typed.pattern(), "expects a route for");
        let amount = match (&typed.absent, &typed.count) {
            (Some(absent), Some(_)) => {
                let reason = "says nothing beside `count`".into();
                self.fail(
                    &absent.span,
                    ErrorKind::Misplaced {
                        key: "absent".into(),
                        reason,
                    },
                );
                None
            }
            (Some(At { value: true, .. }), None) => Some(Amount::NONE),
            (_, Some(count)) => self
                .number("the count", count, 0, MOST)
                .map(Amount::exactly),
            (_, None) => Some(Amount::SOME),
        };
        Some(RouteExpectation {
            on: on?,
            vpn,
            pattern,
            amount: amount?,
        })
    }

    fn packets(&mut self, typed: &PacketsFile) -> Found<PacketExpectation> {
        let name = &typed.capture;
        let capture = match self.captures.get(&name.value) {
            Some((capture, _)) => Some(*capture),
            None => {
                let known = self.captures.keys().cloned().collect();
                self.unknown(name, "expects packets in", "capture", known)
            }
        };
        if typed.layers.value.is_empty() {
            self.fail(
                &typed.layers.span,
                ErrorKind::Empty {
                    key: "layers".into(),
                },
            );
        }
        let layers = typed
            .layers
            .value
            .iter()
            .map(|layer| self.layer(layer))
            .collect();
        let outside = self.maybe(typed.outside.as_ref(), |word| {
            values::one_of(
                "a layer",
                word,
                &LayerKind::ALL.map(|layer| (layer.name(), layer)),
            )
        });
        let amount = self.amount(typed);
        let since = match &typed.since {
            Some(label) => self.since(label),
            None => Some(Since::Start),
        };
        Some(PacketExpectation {
            capture: capture?,
            layers,
            outside,
            amount: amount?,
            since: since?,
        })
    }

    fn amount(&mut self, typed: &PacketsFile) -> Found<Amount> {
        let bound = [&typed.at_least, &typed.at_most]
            .into_iter()
            .flatten()
            .next();
        if let (Some(count), Some(_)) = (&typed.count, bound) {
            let reason = "leaves nothing to `at_least` and `at_most`".into();
            self.fail(
                &count.span,
                ErrorKind::Misplaced {
                    key: "count".into(),
                    reason,
                },
            );
            return None;
        }
        if let Some(count) = &typed.count {
            return self
                .number("the count", count, 0, MOST)
                .map(Amount::exactly);
        }
        let at_most = match &typed.at_most {
            Some(most) => Some(self.number("the most", most, 0, MOST)?),
            None => None,
        };
        let at_least = match &typed.at_least {
            Some(least) => self.number(
                "the least",
                least,
                0,
                at_most.map_or(MOST, |most: u64| i64::try_from(most).unwrap_or(MOST)),
            )?,
            None => u64::from(at_most.is_none()),
        };
        Some(Amount { at_least, at_most })
    }

    fn since(&mut self, label: &At<String>) -> Found<Since> {
        if label.value == LAST_STEP {
            if self.last_step.is_none() {
                let kind = ErrorKind::Misplaced {
                    key: LAST_STEP.into(),
                    reason: "names nothing: no step before this one does anything".into(),
                };
                self.fail(&label.span, kind);
            }
            return self.last_step.map(Since::Step);
        }
        match self.labels.get(&label.value) {
            Some((step, _)) => Some(Since::Step(*step)),
            None => {
                let labels = self.labels.keys().cloned();
                let known = [LAST_STEP.to_string()].into_iter().chain(labels).collect();
                self.unknown(label, "expects packets since", "label", known)
            }
        }
    }

    fn forwarding(&mut self, typed: &ForwardingFile) -> Found<ForwardingExpectation> {
        let on = self.bagpipe_named(&typed.on, "expects a forwarding entry on");
        let vpn = self.vpn(&typed.vpn, "expects a forwarding entry in");
        let to = self.destination(typed, vpn);
        let hop = typed.next_hop.as_ref();
        let next_hop = hop.and_then(|hop| self.next_hop(hop, "expects a forwarding entry to"));
        let vni = typed.vni.as_ref().and_then(|vni| self.vni(vni));
        let absent = typed.absent.unwrap_or(false);
        Some(ForwardingExpectation {
            on: on?,
            vpn: vpn?,
            to: to?,
            next_hop,
            vni,
            absent,
        })
    }

    /// What the kind of VPN forwards by.
    fn destination(&mut self, typed: &ForwardingFile, vpn: Found<VpnId>) -> Found<Destination> {
        let verb = "expects a forwarding entry for";
        let kind = self.scenario.vpns[vpn?.0].kind;
        let (key, other, needed) = match kind {
            VpnType::Evpn => ("ip", &typed.ip, "mac"),
            VpnType::Ipvpn => ("mac", &typed.mac, "ip"),
        };
        if let Some(other) = other {
            let key = key.into();
            let reason = format!("a VPN of this type does not forward by; it takes `{needed}`");
            self.fail(&other.span, ErrorKind::Misplaced { key, reason });
            return None;
        }
        match (kind, &typed.mac, &typed.ip) {
            (VpnType::Evpn, Some(mac), _) => self.mac_of(mac, verb).map(Destination::Mac),
            (VpnType::Ipvpn, _, Some(ip)) => self.ip_of(ip, verb).map(Destination::Ip),
            _ => {
                let key = needed.into();
                self.fail(&typed.vpn.span, ErrorKind::MissingKey { key });
                None
            }
        }
    }

    fn neighbour(&mut self, typed: &NeighbourFile) -> Found<NeighbourExpectation> {
        let on = self.bagpipe_named(&typed.on, "expects a neighbour on");
        let vpn = self.vpn(&typed.vpn, "expects a neighbour in");
        let ip = self.ip_of(&typed.ip, "expects the neighbour");
        let mac = typed
            .mac
            .as_ref()
            .and_then(|mac| self.mac_of(mac, "expects the neighbour"));
        let absent = typed.absent.unwrap_or(false);
        Some(NeighbourExpectation {
            on: on?,
            vpn: vpn?,
            ip: ip?,
            mac,
            absent,
        })
    }
}

/// The word for the last step that did something.
pub(super) const LAST_STEP: &str = "last-step";

/// More than can be counted.
const MOST: i64 = u32::MAX as i64;
