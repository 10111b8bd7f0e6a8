use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
    sync::{Arc, Weak},
};

use bgp_wire::{
    AttributeValue, ExtendedCommunity, NextHop, PathAttributes, RouteTarget,
    attribute::{AsPath, SegmentKind},
};

use super::{ClientId, ReflectorConfig};
use crate::export::DEFAULT_LOCAL_PREF;

/// Who a path comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Source {
    /// The reflector itself, for what it wants.
    Own,
    /// The reflector itself, on behalf of who told it to.
    Originated,
    Client(ClientId),
}

/// Everything of a path but the destination. Many paths share one.
#[derive(Debug)]
pub(super) struct Body {
    /// Ascending in the order of appearance: equal inputs give equal output order.
    pub(super) id: u64,
    pub(super) source: Source,
    /// Where the route came into the AS: not sent back there.
    pub(super) originator: Ipv4Addr,
    /// As received; what was not changed is shared with `attributes`.
    pub(super) received: PathAttributes,
    /// As sent to clients.
    pub(super) attributes: PathAttributes,
    pub(super) next_hop: NextHop,
    pub(super) targets: Vec<RouteTarget>,
    pub(super) rank: Rank,
}

/// What decides between paths to one destination, see [`super::best`].
#[derive(Clone, Debug)]
pub(super) struct Rank {
    pub(super) mobility: (bool, u32),
    pub(super) local_pref: u32,
    pub(super) as_path_length: usize,
    pub(super) origin: u8,
    pub(super) neighbour_as: Option<u32>,
    pub(super) med: u32,
    pub(super) cluster_list_length: usize,
    pub(super) address: IpAddr,
}

/// The bodies in use.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    known: HashMap<Key, Weak<Body>>,
    next_id: u64,
    /// Size at which it is worth looking for bodies nobody uses any more.
    sweep_at: usize,
}

type Key = (Source, bool, NextHop, PathAttributes);

/// Where a path comes from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origin {
    pub(super) source: Source,
    pub(super) router_id: Ipv4Addr,
    pub(super) address: IpAddr,
    /// Whether the destination is a membership of RT-Constraint.
    pub(super) is_membership: bool,
}

impl Bodies {
    /// The body of these attributes from that client.
    pub(super) fn get(
        &mut self,
        config: &ReflectorConfig,
        origin: Origin,
        next_hop: &NextHop,
        received: &PathAttributes,
    ) -> Arc<Body> {
        let key = (
            origin.source,
            origin.is_membership,
            next_hop.clone(),
            received.clone(),
        );
        if let Some(body) = self.known.get(&key).and_then(Weak::upgrade) {
            return body;
        }
        let body = Arc::new(self.make(config, origin, next_hop, received));
        self.known.insert(key, Arc::downgrade(&body));
        if self.known.len() > self.sweep_at {
            self.known.retain(|_, body| body.strong_count() > 0);
            self.sweep_at = (self.known.len() * 2).max(1024);
        }
        body
    }

    fn make(
        &mut self,
        config: &ReflectorConfig,
        origin: Origin,
        next_hop: &NextHop,
        received: &PathAttributes,
    ) -> Body {
        self.next_id += 1;
        let originator = match received.originator_id() {
            // Clients of one VPN announce the same membership and need it from each other: the one whose
            // path is the best gets it too, from the reflector as its originator (RFC 4684 section 3.2).
            _ if origin.is_membership => config.router_id,
            Some(originator) => originator,
            None => origin.router_id,
        };
        let attributes = match origin.source {
            // Nothing is reflected: where a route comes into the AS nobody names an originator or a cluster.
            Source::Own | Source::Originated => received.clone(),
            Source::Client(_) => reflected(received, originator, config.cluster_id),
        };
        let mobility = received
            .extended_communities()
            .iter()
            .find_map(ExtendedCommunity::mac_mobility);
        let path = received.as_path();
        let mut targets = received.route_targets();
        targets.sort_unstable();
        targets.dedup();
        Body {
            id: self.next_id,
            source: origin.source,
            originator,
            received: received.clone(),
            next_hop: next_hop.clone(),
            targets,
            rank: Rank {
                mobility: mobility.map_or((false, 0), |found| (found.sticky, found.sequence)),
                local_pref: received.local_pref().unwrap_or(DEFAULT_LOCAL_PREF),
                as_path_length: path.map_or(0, AsPath::hops),
                origin: received.origin().map_or(u8::MAX, |origin| origin.number()),
                neighbour_as: path.and_then(neighbour),
                med: received.med().unwrap_or(0),
                cluster_list_length: received.cluster_list().len(),
                address: origin.address,
            },
            attributes,
        }
    }
}

/// The AS the route came from (RFC 4271 section 9.1.2.2 c).
fn neighbour(path: &AsPath) -> Option<u32> {
    let first = path
        .0
        .first()
        .filter(|segment| segment.kind == SegmentKind::Sequence)?;
    first.asns.first().copied()
}

/// RFC 4456 section 8: the first reflector names the originator, each puts itself in front of the list.
/// Everything else keeps its octets.
fn reflected(received: &PathAttributes, originator: Ipv4Addr, cluster: Ipv4Addr) -> PathAttributes {
    let mut list = vec![cluster];
    list.extend(received.cluster_list());
    let attributes = received.clone().with(AttributeValue::ClusterList(list));
    if attributes.originator_id() == Some(originator) {
        return attributes;
    }
    attributes.with(AttributeValue::OriginatorId(originator))
}
