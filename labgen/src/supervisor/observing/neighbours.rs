//! Who has sessions with a reflector, by configuration.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::Family;
use scenario::{NodeId, NodeKind, Scenario};

/// Whoever has a session with a reflector, as configured.
pub(in crate::supervisor) struct Neighbour {
    /// Who.
    pub(in crate::supervisor) node: NodeId,
    /// Its BGP identifier.
    pub(in crate::supervisor) router_id: Ipv4Addr,
    /// Its autonomous system.
    pub(in crate::supervisor) asn: u32,
    /// Its address, as the reflector knows it.
    pub(in crate::supervisor) address: IpAddr,
    /// The reflector's address, as it knows it.
    pub(in crate::supervisor) reflector: IpAddr,
    /// Whether it is a client.
    pub(in crate::supervisor) is_client: bool,
    /// The families of the session, as far as the configuration says.
    pub(in crate::supervisor) families: Vec<Family>,
    /// Its peers in other autonomous systems.
    pub(in crate::supervisor) outside: BTreeSet<IpAddr>,
}

/// Those with whom `reflector` has a session.
pub(in crate::supervisor) fn neighbours(scenario: &Scenario, reflector: NodeId) -> Vec<Neighbour> {
    let mut found = Vec::new();
    for (node, about) in scenario.nodes() {
        match &about.kind {
            NodeKind::Bagpipe(own) => {
                let mut peers = own.peers.iter();
                let Some(peer) = peers.find(|peer| peer.node == Some(reflector)) else {
                    continue;
                };
                let address = own.local_address;
                found.push(Neighbour {
                    node,
                    router_id: own.router_id,
                    asn: own.asn,
                    address,
                    reflector: peer.address,
                    is_client: is_client(scenario, reflector, node),
                    families: Vec::new(),
                    outside: BTreeSet::new(),
                });
            }
            kind => {
                let Some(own) = kind.speaker() else { continue };
                let mut sessions = own.sessions.iter();
                let with_it = sessions.find(|session| session.peer.node == Some(reflector));
                let Some(session) = with_it else { continue };
                let outside = own.sessions.iter();
                let outside = outside.filter(|session| session.remote_as != own.asn);
                found.push(Neighbour {
                    node,
                    router_id: own.router_id,
                    asn: own.asn,
                    address: session.local,
                    reflector: session.peer.address,
                    is_client: is_client(scenario, reflector, node),
                    families: session.families.clone(),
                    outside: outside.map(|session| session.peer.address).collect(),
                });
            }
        }
    }
    found
}

/// Ours has nothing but clients.
fn is_client(scenario: &Scenario, reflector: NodeId, node: NodeId) -> bool {
    let speaker = scenario[reflector].kind.speaker();
    speaker.is_none_or(|speaker| {
        let mut sessions = speaker.sessions.iter();
        sessions.any(|session| session.peer.node == Some(node) && session.client)
    })
}
