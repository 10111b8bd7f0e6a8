//! Sessions.

use std::ops::Range;

use bgp_wire::Family;

use crate::error::ErrorKind;
use crate::expect::{SessionExpectation, SessionField, SessionState};
use crate::file::{At, SessionFile};
use crate::kind::{NodeKind, Peer};
use crate::lab::NodeId;
use crate::resolve::families::families;
use crate::resolve::{Found, Resolver};
use crate::values;

impl Resolver<'_> {
    pub(super) fn session(&mut self, typed: &SessionFile) -> Found<SessionExpectation> {
        let on = self.peer_named(&typed.on, "expects a session on");
        let words = SessionState::ALL.map(|state| (state.name(), state));
        let state = match &typed.state {
            Some(state) => {
                let named = values::one_of("a state of a session", &state.value, &words);
                self.keep(&state.span, named)
            }
            None => Some(SessionState::Established),
        };
        let on = on?;
        let peer = self.session_peer(on, &typed.peer, "expects a session with")?;
        self.is_no_python(on, &typed.on);
        self.session_tells(on, typed, state);
        let flaps = typed.flaps.as_ref();
        Some(SessionExpectation {
            on,
            peer,
            state: state?,
            families: self.session_families(on, typed),
            hold_time: self.maybe(typed.hold_time.as_ref(), values::hold_time),
            four_octet_as: typed.four_octet_as.as_ref().map(|typed| typed.value),
            graceful_restart: typed.graceful_restart.as_ref().map(|typed| typed.value),
            uptime: self.maybe(typed.uptime_at_least.as_ref(), values::duration),
            flaps: flaps.and_then(|count| self.number("the count", count, 0, super::MOST)),
        })
    }

    /// What nodes of a kind never say of their sessions, or nobody of one that is not Established.
    fn session_tells(&mut self, on: NodeId, typed: &SessionFile, state: Option<SessionState>) {
        let Some(node) = self.scenario.nodes.get(on.0) else {
            return;
        };
        let kind = node.kind.name();
        let families = typed.families.0.first().map(|word| &word.span);
        fn span<T>(typed: &Option<At<T>>) -> Option<&Range<usize>> {
            typed.as_ref().map(|typed| &typed.span)
        }
        let given = [
            (SessionField::Families, families),
            (SessionField::HoldTime, span(&typed.hold_time)),
            (SessionField::FourOctetAs, span(&typed.four_octet_as)),
            (SessionField::GracefulRestart, span(&typed.graceful_restart)),
            (SessionField::Uptime, span(&typed.uptime_at_least)),
            (SessionField::Flaps, span(&typed.flaps)),
        ];
        for (field, span) in given {
            let Some(span) = span else { continue };
            if !field.is_told_by(kind) {
                let fault = ErrorKind::Untold {
                    key: field.name().into(),
                    teller: kind.into(),
                    tellers: field.told_by().map(str::to_owned).collect(),
                };
                self.fail(span, fault);
            } else if field != SessionField::Flaps
                && state.is_some_and(|state| state != SessionState::Established)
            {
                let reason = "only a session that is Established has";
                self.out_of_place(span, field.name(), reason);
            }
        }
    }

    /// Families that the speaker can do.
    fn session_families(&mut self, on: NodeId, typed: &SessionFile) -> Vec<Family> {
        let kind = self.scenario.nodes.get(on.0).map(|node| node.kind.name());
        let can = kind.and_then(families).unwrap_or_default();
        let words: Vec<(&str, Family)> = values::FAMILIES
            .into_iter()
            .filter(|(_, family)| can.contains(family))
            .collect();
        let what = format!("a family that {} can do", kind.unwrap_or_default());
        let named = typed.families.0.iter();
        let mut named: Vec<Family> = named
            .filter_map(|word| self.keep(&word.span, values::one_of(&what, &word.value, &words)))
            .collect();
        named.sort_unstable();
        named
    }

    /// An address, or that of a node as the speaker sees it; one of its peers.
    pub(in crate::resolve) fn session_peer(
        &mut self,
        on: NodeId,
        typed: &At<String>,
        verb: &str,
    ) -> Found<std::net::IpAddr> {
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
}
