//! Routes that nodes have from the start.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use bgp_wire::types::IpPrefix;

use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::file::{At, NodeNetFile};
use crate::lab::{NodeId, StaticRoute};
use crate::values;

impl Resolver<'_> {
    pub(super) fn routes(&mut self, id: NodeId, typed: &NodeNetFile) -> Vec<StaticRoute> {
        let mut routes = Vec::new();
        for route in &typed.routes {
            let Some(to) = self.keep(&route.to.span, values::prefix(&route.to.value)) else {
                continue;
            };
            let v4 = to.address().is_ipv4();
            let via = self.next_hops(id, &route.via, "routes by way of");
            let Some(via) = via else { continue };
            match via.iter().find(|via| via.is_ipv4() == v4) {
                Some(via) => routes.push(StaticRoute { to, via: *via }),
                None => self.wrong_version_of(&route.via, v4),
            }
        }
        if let Some(gateway) = &typed.gateway {
            let hops = self
                .next_hops(id, gateway, "has as gateway")
                .unwrap_or_default();
            for via in hops {
                let everything = match via {
                    IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
                    IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
                };
                if let Ok(to) = IpPrefix::new(everything, 0) {
                    routes.push(StaticRoute { to, via });
                }
            }
        }
        routes
    }

    /// The addresses that a next hop stands for: one that was typed, or those of a node on a common LAN or link.
    fn next_hops(&mut self, id: NodeId, typed: &At<String>, verb: &str) -> Found<Vec<IpAddr>> {
        if values::looks_like_address(&typed.value) {
            let address = self.keep(&typed.span, values::ip(&typed.value))?;
            self.is_near(id, address, &typed.span);
            return Some(vec![address]);
        }
        let node = self.node(typed, verb)?;
        let away = self.home(node);
        if away == id {
            self.out_of_place(&typed.span, &typed.value, "is the node itself");
            return None;
        }
        let Some((_, theirs)) = self.common(id, away) else {
            self.out_of_reach(id, node, &typed.span);
            return None;
        };
        let mut hops: Vec<IpAddr> = Vec::new();
        for address in &theirs.addresses {
            if !hops.iter().any(|hop| hop.is_ipv4() == address.ip.is_ipv4()) {
                hops.push(address.ip);
            }
        }
        Some(hops)
    }

    /// The kernel refuses a next hop that is on none of the node's nets.
    fn is_near(&mut self, id: NodeId, address: IpAddr, span: &Range<usize>) {
        let mut own = self.interfaces[id.0].iter().flat_map(|one| &one.addresses);
        let near = own
            .any(|own| IpPrefix::new(own.ip, own.len).is_ok_and(|subnet| subnet.contains(address)));
        if !near {
            let kind = ErrorKind::BadValue {
                what: "a next hop of this node".into(),
                value: address.to_string(),
                reason: "it is on none of its LANs and links".into(),
            };
            self.fail(span, kind);
        }
    }

    fn wrong_version_of(&mut self, via: &At<String>, v4: bool) {
        let kind = ErrorKind::BadValue {
            what: "a next hop for this prefix".into(),
            value: via.value.clone(),
            reason: format!("it has no IPv{} address there", if v4 { 4 } else { 6 }),
        };
        self.fail(&via.span, kind);
    }
}
