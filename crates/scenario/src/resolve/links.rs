//! Point-to-point links: which nodes they join, and what each is called.

use std::ops::Range;

use bgp_wire::types::IpPrefix;

use super::addresses::Plugged;
use super::space::{Owner, pairs};
use super::{Found, Resolver, related};
use crate::error::{ErrorKind, Subject};
use crate::file::{At, ByNode, Entry, LinkFile, OneOrMany};
use crate::lab::{Link, LinkId, NetId, NodeId};
use crate::{defaults, values};

/// More links than a machine can hold.
const MOST: usize = 100_000;

/// What an entry's keys ask for.
enum Shape {
    /// One link, called as the entry is.
    One([NodeId; 2]),
    /// Several, numbered.
    Several(Vec<[NodeId; 2]>),
}

impl Resolver<'_> {
    /// Resolves every link and gives its ends their interfaces.
    pub(super) fn links(&mut self, links: &[Entry<LinkFile>], given: &[Option<Vec<IpPrefix>>]) {
        for (entry, given) in links.iter().zip(given) {
            self.subject = Subject::Link(entry.name.value.clone());
            self.name(&entry.name);
            let Some(shape) = self.shape(entry) else {
                self.broken.insert(entry.name.value.clone());
                continue;
            };
            let typed = &entry.value;
            let versions = self.versions(typed.ip.as_ref(), typed.subnet.is_some());
            let mut shares = Shares::new(given.as_deref());
            let mtu = self.mtu(typed.mtu.as_ref(), given.as_deref().unwrap_or_default());
            let (ends, one) = match shape {
                Shape::One(ends) => (vec![ends], true),
                Shape::Several(ends) => (ends, false),
            };
            if !one {
                self.nothing_by_node(typed);
            }
            let none = (ByNode::default(), ByNode::default());
            for (index, ends) in ends.iter().enumerate() {
                let (name, address, mac) = if one {
                    (entry.name.value.clone(), &typed.address, &typed.mac)
                } else {
                    let name = format!("{}-{}", entry.name.value, index + 1);
                    (name, &none.0, &none.1)
                };
                let subnets = if given.is_some() {
                    match shares.next(one) {
                        Some(subnets) => subnets,
                        None => {
                            self.too_small(entry, given.as_deref(), ends.len());
                            break;
                        }
                    }
                } else {
                    let owner = format!("link `{name}`");
                    let v4 = versions.v4.then(|| self.free_link(&owner, true)).flatten();
                    let v6 = versions.v6.then(|| self.free_link(&owner, false)).flatten();
                    v4.into_iter().chain(v6).collect()
                };
                let id = LinkId(self.scenario.links.len());
                self.is_free_name(&name, &entry.name.span, id);
                let subnet = typed.subnet.as_ref().and_then(|subnet| subnet.0.first());
                self.plug(&Plugged {
                    net: NetId::Link(id),
                    name: &name,
                    place: subnet.map_or(&entry.name.span, |subnet| &subnet.span),
                    subnets: &subnets,
                    members: ends,
                    address,
                    mac,
                });
                let impair = self.impaired(&typed.impair, NetId::Link(id), &name, ends);
                self.scenario.links.push(Link {
                    name,
                    ends: *ends,
                    subnets,
                    mtu,
                    impair,
                    wired: !typed.impair.0.is_empty(),
                    place: self.place(&entry.name.span),
                });
            }
        }
    }

    /// Addresses are given to the two ends of one link, not to those of several.
    fn nothing_by_node(&mut self, typed: &LinkFile) {
        let address = typed.address.0.first().map(|(name, _)| ("address", name));
        let mac = typed.mac.0.first().map(|(name, _)| ("mac", name));
        for (key, name) in address.into_iter().chain(mac) {
            let kind = ErrorKind::Misplaced {
                key: key.into(),
                reason: "is for one link, and this makes several".into(),
            };
            self.fail(&name.span, kind);
        }
    }

    fn too_small(&mut self, entry: &Entry<LinkFile>, given: Option<&[IpPrefix]>, links: usize) {
        let subnets: Vec<String> = given
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect();
        let place = entry
            .value
            .subnet
            .as_ref()
            .and_then(|subnet| subnet.0.first());
        // A subnet that could not be read has been complained of.
        let Some(place) = place.filter(|_| !subnets.is_empty()) else {
            return;
        };
        let smallest = given
            .unwrap_or_default()
            .iter()
            .map(|subnet| pairs(*subnet).take(MOST).count());
        let kind = ErrorKind::SubnetFull {
            subnet: subnets.join(", "),
            members: 2 * links,
            room: 2 * smallest.min().unwrap_or(0) as u64,
        };
        self.fail(&place.span, kind);
    }

    fn is_free_name(&mut self, name: &str, span: &Range<usize>, id: LinkId) {
        let (what, first) = if let Some(lan) = self.lan_ids.get(name) {
            ("the LAN is here", self.file.lans[*lan].name.span.clone())
        } else if let Some(link) = self.link_ids.insert(name.into(), id.0) {
            let place = &self.scenario.links[link].place.span;
            ("it is here already", place.clone())
        } else {
            return;
        };
        let subject = std::mem::replace(&mut self.subject, Subject::Link(name.into()));
        self.fail_with(span, ErrorKind::GivenTwice, related(&first, what));
        self.subject = subject;
    }

    fn free_link(&mut self, owner: &str, v4: bool) -> Option<IpPrefix> {
        let (next, subnet): (&mut usize, fn(usize) -> Option<IpPrefix>) = if v4 {
            (&mut self.next_links.0, defaults::link_subnet)
        } else {
            (&mut self.next_links.1, defaults::link_subnet6)
        };
        loop {
            let free = subnet(*next)?;
            *next += 1;
            if self.space.holder(free).is_none() {
                let owner = Owner {
                    name: owner.into(),
                    place: None,
                };
                self.space.take(free, owner);
                return Some(free);
            }
        }
    }

    /// Which nodes an entry joins.
    fn shape(&mut self, entry: &Entry<LinkFile>) -> Found<Shape> {
        let typed = &entry.value;
        let words = [
            ("ends", typed.ends.as_ref().map(|ends| &ends.span)),
            ("chain", typed.chain.as_ref().map(|chain| &chain.span)),
            ("ring", typed.ring.as_ref().map(|ring| &ring.span)),
            ("mesh", typed.mesh.as_ref().map(|mesh| &mesh.span)),
        ];
        let mut said = words
            .iter()
            .filter_map(|(word, span)| Some((word, (*span)?)));
        match (said.next(), said.next()) {
            (None, _) => {
                let kind = ErrorKind::NoWord {
                    what: "join".into(),
                    known: words.iter().map(|(word, _)| word.to_string()).collect(),
                };
                self.fail(&entry.name.span, kind);
                return None;
            }
            (Some((first, place)), Some((second, span))) => {
                let kind = ErrorKind::TwoWords {
                    first: first.to_string(),
                    second: second.to_string(),
                };
                self.fail_with(span, kind, related(place, &format!("`{first}` is here")));
                return None;
            }
            _ => {}
        }
        if let (Some(zip), None) = (&typed.zip, &typed.ends) {
            self.out_of_place(&zip.span, "zip", "says nothing without `ends`");
        }
        if let Some(ends) = &typed.ends {
            let zip = typed.zip.as_ref().is_some_and(|zip| zip.value);
            return self.ends(ends, zip);
        }
        if let Some(chain) = &typed.chain {
            let nodes = self.row(chain)?;
            return Some(Shape::Several(chained(&nodes)));
        }
        if let Some(ring) = &typed.ring {
            let nodes = self.row(ring)?;
            let mut pairs = chained(&nodes);
            if let [first, _, .., last] = nodes.as_slice()
                && nodes.len() > 2
            {
                pairs.push([*last, *first]);
            }
            return Some(Shape::Several(pairs));
        }
        let mesh = typed.mesh.as_ref()?;
        let nodes = self.row(mesh)?;
        self.not_too_many(nodes.len() * (nodes.len() - 1) / 2, &mesh.span)?;
        let each = nodes.iter().enumerate();
        let pairs = each.flat_map(|(i, a)| nodes[i + 1..].iter().map(|b| [*a, *b]));
        Some(Shape::Several(pairs.collect()))
    }

    fn ends(&mut self, typed: &At<Vec<At<String>>>, zip: bool) -> Found<Shape> {
        let [a, b] = typed.value.as_slice() else {
            self.out_of_place(
                &typed.span,
                "ends",
                format!("names {} instead of two", typed.value.len()),
            );
            return None;
        };
        let (left, right) = (self.end(a), self.end(b));
        let (left, right) = (left?, right?);
        let single = |name: &At<String>| self.node_index(&name.value).is_some();
        if let ([one], [other]) = (left.as_slice(), right.as_slice())
            && single(a)
            && single(b)
        {
            if one == other {
                let kind = ErrorKind::Repeated {
                    verb: "joins".into(),
                    name: b.value.clone(),
                };
                self.fail_with(&b.span, kind, related(&a.span, "it is here already"));
                return None;
            }
            return Some(Shape::One([*one, *other]));
        }
        if zip {
            if left.len() != right.len() {
                self.out_of_place(
                    &typed.span,
                    "zip",
                    format!(
                        "needs as many on either side, but there are {} and {}",
                        left.len(),
                        right.len()
                    ),
                );
                return None;
            }
            let pairs = left.into_iter().zip(right).map(|(a, b)| [a, b]);
            return Some(Shape::Several(pairs.filter(|[a, b]| a != b).collect()));
        }
        self.not_too_many(left.len() * right.len(), &typed.span)?;
        let mut pairs = Vec::new();
        let same = a.value == b.value;
        for (i, a) in left.iter().enumerate() {
            let others = if same { &right[i..] } else { &right[..] };
            pairs.extend(others.iter().filter(|b| *b != a).map(|b| [*a, *b]));
        }
        Some(Shape::Several(pairs))
    }

    fn not_too_many(&mut self, links: usize, span: &Range<usize>) -> Found<()> {
        let links = i64::try_from(links).unwrap_or(i64::MAX);
        let most = i64::try_from(MOST).unwrap_or(i64::MAX);
        self.keep(
            span,
            values::number::<i64>("the number of links", links, 0, most),
        )
        .map(|_| ())
    }

    /// The nodes of one name, each with namespaces of its own.
    fn end(&mut self, name: &At<String>) -> Found<Vec<NodeId>> {
        let nodes = self.nodes_named(name, "joins");
        self.linked.extend(&nodes);
        if let Some(node) = nodes.iter().find(|node| self.home(**node) != **node) {
            self.no_own_link(*node, &name.span);
            return None;
        }
        Some(nodes).filter(|nodes| !nodes.is_empty())
    }

    /// The nodes of a group, or of a list.
    fn row(&mut self, typed: &At<OneOrMany<At<String>>>) -> Found<Vec<NodeId>> {
        let mut nodes = Vec::new();
        for name in &typed.value.0 {
            nodes.extend(self.end(name)?);
        }
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = nodes.iter().find(|node| !seen.insert(**node)) {
            let kind = ErrorKind::Repeated {
                verb: "joins".into(),
                name: self.node_name(*twice).into(),
            };
            self.fail(&typed.span, kind);
            return None;
        }
        if nodes.len() < 2 {
            let kind = ErrorKind::Other {
                message: "joins fewer than two nodes".into(),
            };
            self.fail(&typed.span, kind);
            return None;
        }
        Some(nodes)
    }
}

fn chained(nodes: &[NodeId]) -> Vec<[NodeId; 2]> {
    nodes.windows(2).map(|pair| [pair[0], pair[1]]).collect()
}

/// What is left of the subnets that are given to several links.
struct Shares {
    whole: Vec<IpPrefix>,
    pairs: Vec<Box<dyn Iterator<Item = IpPrefix>>>,
}

impl Shares {
    fn new(given: Option<&[IpPrefix]>) -> Self {
        let whole = given.unwrap_or_default().to_vec();
        let pairs = whole
            .iter()
            .map(|subnet| Box::new(pairs(*subnet)) as Box<_>);
        Self {
            pairs: pairs.collect(),
            whole,
        }
    }

    /// The subnets of the next link: the whole ones when there is but one.
    fn next(&mut self, one: bool) -> Option<Vec<IpPrefix>> {
        if one {
            return Some(self.whole.clone());
        }
        self.pairs.iter_mut().map(Iterator::next).collect()
    }
}
