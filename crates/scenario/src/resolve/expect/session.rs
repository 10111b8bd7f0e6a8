//! Sessions.

use crate::expect::{SessionExpectation, SessionState};
use crate::file::{At, SessionFile};
use crate::kind::{NodeKind, Peer};
use crate::lab::NodeId;
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
}
