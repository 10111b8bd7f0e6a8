//! Routes of a node's kernel.

use std::collections::BTreeMap;
use std::rc::Rc;

use netns::link::{FibEncap, FibHop, FibKind, FibRoute, FibTo, Groups, Netlink};
use scenario::{Encap, HopPattern, KernelRouteExpectation, WhichRoute};

use super::kernel::Kernel;
use super::{Item, judged, same, shown};
use crate::supervisor::expect::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};

pub(in crate::supervisor::expect) struct Routes {
    kernel: Kernel,
    expected: KernelRouteExpectation,
    title: String,
}

/// The names of links, by index.
pub(super) type Names = BTreeMap<u32, String>;

impl Routes {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &KernelRouteExpectation,
        title: &str,
    ) -> Self {
        // The way that packets take is up to rules, too.
        let groups = Groups {
            routes: true,
            rules: true,
            ..Groups::default()
        };
        Self {
            kernel: Kernel::new(lab, expected.on, groups),
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }

    /// The routes that are looked at.
    async fn routes(&self, netlink: &Netlink, names: &Names) -> Result<Vec<FibRoute>, ReachError> {
        match &self.expected.which {
            WhichRoute::To { prefix, table } => {
                let mut routes = netlink.fib().await.map_err(|e| self.kernel.failed(e))?;
                let wanted = netns::addr::IpPrefix::new(prefix.address(), prefix.len());
                routes.retain(|route| {
                    let to = matches!(route.to, FibTo::Prefix(to) if Some(to) == wanted);
                    to && route.table == *table
                });
                Ok(routes)
            }
            WhichRoute::Taken { to, from, iif, .. } => {
                let index = match iif {
                    Some(name) => match names.iter().find(|(_, known)| *known == name) {
                        Some((index, _)) => Some(*index),
                        // Nothing comes in by an interface that is not there.
                        None => return Ok(Vec::new()),
                    },
                    None => None,
                };
                let route = netlink.lookup(*to, *from, index).await;
                let route = route.map_err(|e| self.kernel.failed(e))?;
                Ok(route.into_iter().collect())
            }
        }
    }

    fn item(&self, route: &FibRoute, names: &Names) -> Item {
        let e = &self.expected;
        let table = match &e.which {
            WhichRoute::Taken { table, .. } => table.as_ref(),
            WhichRoute::To { .. } => None,
        };
        let kind = e.kind.is_none_or(|kind| kind.name() == route.kind.name());
        let count = e.next_hops.is_none_or(|count| count == route.hops.len());
        let (via, wrong) = best_hop(&e.hop, route, names);
        let mut fields = vec![
            ("type", kind, route.kind.name().to_owned()),
            (
                "table",
                same(table, Some(&route.table)),
                route.table.to_string(),
            ),
            (
                "metric",
                same(e.metric.as_ref(), route.metric.as_ref()),
                shown(route.metric),
            ),
            (
                "protocol",
                same(e.protocol.as_ref(), Some(&route.protocol)),
                route.protocol.to_string(),
            ),
            ("next_hops", count, route.hops.len().to_string()),
        ];
        fields.extend(via);
        let mut item = Item::compared(described(route, names), &fields);
        item.difference = item.difference.or(wrong);
        item
    }
}

/// A field: what it is called, whether it is as expected, and what it is.
pub(super) type Field = (&'static str, bool, String);

/// The fields of the hop that comes nearest; what is wrong where there is none.
pub(super) fn best_hop(
    pattern: &HopPattern,
    route: &FibRoute,
    names: &Names,
) -> (Vec<Field>, Option<String>) {
    let fields = |hop: &FibHop| {
        let dev = hop.link.and_then(|link| names.get(&link));
        let via = pattern.via.as_ref();
        let via = via.is_none_or(|via| hop.via.is_some_and(|seen| via.has(seen)));
        vec![
            ("via", via, shown(hop.via)),
            ("dev", same(pattern.dev.as_ref(), dev), shown(dev)),
            (
                "encap",
                encapsulated(pattern.encap.as_ref(), hop.encap.as_ref()),
                hop.encap.as_ref().map_or("none".into(), encap),
            ),
        ]
    };
    let agreed = |fields: &Vec<Field>| fields.iter().filter(|(_, same, _)| *same).count();
    let best = route.hops.iter().map(fields).max_by_key(agreed);
    match best {
        Some(fields) => (fields, None),
        None if *pattern == HopPattern::default() => (Vec::new(), None),
        None => (Vec::new(), Some("it has no next hop".into())),
    }
}

fn encapsulated(expected: Option<&Encap>, seen: Option<&FibEncap>) -> bool {
    match (expected, seen) {
        (None, _) => true,
        (Some(Encap::Mpls(labels)), Some(FibEncap::Mpls(stack))) => labels == stack,
        (Some(Encap::Ip { id, dst }), Some(FibEncap::Ip { id: key, dst: end })) => {
            same(id.as_ref(), Some(key))
                && dst
                    .as_ref()
                    .is_none_or(|dst| end.is_some_and(|end| dst.has(end)))
        }
        _ => false,
    }
}

fn encap(encap: &FibEncap) -> String {
    match encap {
        FibEncap::Mpls(labels) => format!("mpls {}", stack(labels)),
        FibEncap::Ip { id, dst: None } => format!("ip id {id}"),
        FibEncap::Ip { id, dst: Some(dst) } => format!("ip id {id} dst {dst}"),
    }
}

/// `200/300`
pub(super) fn stack(labels: &[u32]) -> String {
    let labels: Vec<String> = labels.iter().map(u32::to_string).collect();
    labels.join("/")
}

/// As iproute2 writes it, in a line.
pub(super) fn described(route: &FibRoute, names: &Names) -> String {
    let mut text = String::new();
    if route.kind != FibKind::Unicast {
        text = format!("{} ", route.kind.name());
    }
    text += &route.to.to_string();
    for hop in &route.hops {
        if route.hops.len() > 1 {
            text += " nexthop";
        }
        if let Some(into) = &hop.encap {
            text += &format!(" encap {}", encap(into));
        }
        if !hop.swap.is_empty() {
            text += &format!(" as {}", stack(&hop.swap));
        }
        if let Some(via) = hop.via {
            text += &format!(" via {via}");
        }
        if let Some(link) = hop.link {
            let name = names.get(&link).cloned();
            text += &format!(" dev {}", name.unwrap_or_else(|| link.to_string()));
        }
    }
    if route.table != netns::link::MAIN_TABLE {
        text += &format!(" table {}", route.table);
    }
    if let Some(metric) = route.metric {
        text += &format!(" metric {metric}");
    }
    text
}

impl Watch for Routes {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let netlink = self.kernel.look()?;
        let names = self.kernel.names(&netlink).await?;
        let routes = self.routes(&netlink, &names).await?;
        let items = routes.iter().map(|route| self.item(route, &names));
        let kind = match self.expected.which {
            WhichRoute::To { .. } => "route",
            WhichRoute::Taken { .. } => "way",
        };
        Ok(judged(
            &self.title,
            self.expected.amount,
            kind,
            items.collect(),
        ))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.kernel.changed().await
    }
}
