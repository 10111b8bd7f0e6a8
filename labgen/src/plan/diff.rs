//! Two blueprints, compared by names.

use std::collections::{BTreeMap, BTreeSet};

use impair::Impairment;
use scenario::{Direction, Interface, NetId, Node, NodeId, Scenario};

use super::{Blueprint, Change, Undone};
use crate::kinds::{self, NodeMount, Program};

/// What turns `old` (nothing, when `None`) into `new`, in an order in which it can be done. Empty when they are the
/// same lab.
pub fn diff(old: Option<&Blueprint>, new: &Blueprint) -> Vec<Change> {
    let (nothing, all) = (BTreeMap::new(), Undone::default());
    let empty = Side {
        nodes: BTreeMap::new(),
        scenario: None,
        programs: &nothing,
        undone: &all,
    };
    let old = old.map_or(empty, Side::of);
    let new = Side::of(new);
    let mut plan = Plan::default();
    let remade = remade(&old, &new);
    for (name, node) in &new.nodes {
        match (old.nodes.get(name), remade.get(name)) {
            (None, _) => plan.add_nodes.push(Change::AddNode {
                node: (*name).to_owned(),
                kind: node.kind.name().to_owned(),
            }),
            (Some(_), Some(why)) => plan.remake_nodes.push(Change::RemakeNode {
                node: (*name).to_owned(),
                why: why.clone(),
            }),
            (Some(before), None) => plan.node(&old, &new, before, node),
        }
    }
    let gone = old
        .nodes
        .keys()
        .filter(|name| !new.nodes.contains_key(*name));
    plan.remove_nodes = gone
        .map(|name| Change::RemoveNode {
            node: (*name).to_owned(),
        })
        .collect();
    plan.lans(&old, &new);
    plan.links(&old, &new, &remade);
    plan.impair(&old, &new);
    plan.in_order()
}

/// Nodes that are in both and cannot be changed in place, and why.
fn remade<'a>(old: &Side<'a>, new: &Side<'a>) -> BTreeMap<&'a str, String> {
    let mut remade = BTreeMap::new();
    for (name, node) in &new.nodes {
        let Some(before) = old.nodes.get(name) else {
            continue;
        };
        let why = if before.kind.name() != node.kind.name() {
            let (was, is) = (before.kind.name(), node.kind.name());
            format!("it is of kind `{is}`, and was of kind `{was}`")
        } else if old.home(before) != new.home(node) {
            format!(
                "it is on `{}`, and was on `{}`",
                new.home(node),
                old.home(before)
            )
        } else if node.on.is_none() && old.mounts(name) != new.mounts(name) {
            "its file system is another one".to_owned()
        } else if old.undone.nodes.contains(*name) {
            "the last change stopped halfway".to_owned()
        } else {
            continue;
        };
        remade.insert(*name, why);
    }
    // Whoever lives in namespaces that go, or come anew, goes with them.
    for (name, node) in &new.nodes {
        let home = new.home(node);
        let moved = remade.contains_key(home) || !old.nodes.contains_key(home);
        if home != *name && moved && old.nodes.contains_key(name) {
            remade
                .entry(name)
                .or_insert_with(|| format!("`{home}`, which it is on, is made anew"));
        }
    }
    remade
}

/// A blueprint, by names.
struct Side<'a> {
    nodes: BTreeMap<&'a str, &'a Node>,
    scenario: Option<&'a Scenario>,
    programs: &'a BTreeMap<String, std::rc::Rc<[Program]>>,
    undone: &'a Undone,
}

impl<'a> Side<'a> {
    fn of(blueprint: &'a Blueprint) -> Self {
        let nodes = blueprint.scenario.nodes.iter();
        Self {
            nodes: nodes.map(|node| (node.name.as_str(), node)).collect(),
            scenario: Some(&blueprint.scenario),
            programs: &blueprint.programs,
            undone: &blueprint.undone,
        }
    }

    fn name(&self, node: NodeId) -> &'a str {
        self.scenario
            .map_or("", |scenario| scenario[node].name.as_str())
    }

    fn net(&self, net: NetId) -> &'a str {
        self.scenario.map_or("", |scenario| scenario.net_name(net))
    }

    fn home(&self, node: &'a Node) -> &'a str {
        node.on.map_or(node.name.as_str(), |on| self.name(on))
    }

    /// What a home's file system has of its own, for all who live there.
    fn mounts(&self, home: &str) -> Vec<NodeMount> {
        let inhabitants = self.nodes.values().filter(|node| self.home(node) == home);
        inhabitants.flat_map(|node| kinds::mounts(node)).collect()
    }

    fn interfaces(&self, node: &'a Node) -> BTreeMap<&'a str, &'a Interface> {
        let interfaces = node.interfaces.iter();
        interfaces
            .map(|interface| (self.net(interface.net), interface))
            .collect()
    }
}

/// The changes, sorted into the order they are to be made in.
#[derive(Default)]
struct Plan {
    remove_nodes: Vec<Change>,
    remove_links: Vec<Change>,
    unplug: Vec<Change>,
    remove_lans: Vec<Change>,
    remake_nodes: Vec<Change>,
    add_nodes: Vec<Change>,
    add_lans: Vec<Change>,
    change_nets: Vec<Change>,
    impair: Vec<Change>,
    plug: Vec<Change>,
    replug: Vec<Change>,
    remake_links: Vec<Change>,
    add_links: Vec<Change>,
    readdress: Vec<Change>,
    reroute: Vec<Change>,
    restart: Vec<Change>,
}

impl Plan {
    fn in_order(self) -> Vec<Change> {
        [
            self.remove_nodes,
            self.remove_links,
            self.unplug,
            self.remove_lans,
            self.remake_nodes,
            self.add_nodes,
            self.add_lans,
            self.change_nets,
            self.plug,
            self.replug,
            self.remake_links,
            self.add_links,
            self.impair,
            self.readdress,
            self.reroute,
            self.restart,
        ]
        .concat()
    }

    /// A node that stays.
    fn node<'a>(&mut self, old: &Side<'a>, new: &Side<'a>, before: &'a Node, node: &'a Node) {
        let name = node.name.clone();
        let (had, has) = (old.interfaces(before), new.interfaces(node));
        for (net, interface) in &has {
            match had.get(net) {
                Some(was) => self.interface(&name, net, was, interface),
                None if is_lan(interface) => self.plug.push(Change::Plug {
                    node: name.clone(),
                    lan: (*net).to_owned(),
                }),
                None => {}
            }
        }
        let gone = had
            .iter()
            .filter(|(net, was)| is_lan(was) && has.get(*net).is_none_or(|is| !is_lan(is)));
        self.unplug.extend(gone.map(|(lan, _)| Change::Unplug {
            node: name.clone(),
            lan: (*lan).to_owned(),
        }));
        let (remove, add) = difference(&before.loopbacks, &node.loopbacks);
        self.address(&name, None, remove, add);
        let (remove, add) = difference(&before.routes, &node.routes);
        if !(remove.is_empty() && add.is_empty()) {
            let node = name.clone();
            self.reroute.push(Change::Reroute { node, remove, add });
        }
        let programs = |side: &Side<'a>| side.programs.get(&name).cloned().unwrap_or_default();
        let otherwise = configured_otherwise(&programs(old), &programs(new));
        let unstarted = || {
            let undone = old.undone.programs.contains(&name);
            undone.then(|| "the last change stopped before it ran".to_owned())
        };
        if let Some(why) = otherwise.or_else(unstarted) {
            self.restart.push(Change::RestartNode { node: name, why });
        }
    }

    /// An interface of a node that stays, on a LAN or link whose name stays.
    fn interface(&mut self, node: &str, net: &str, was: &Interface, is: &Interface) {
        match (is_lan(was), is_lan(is)) {
            (true, true) => {}
            // What was a LAN is a link now, or the other way round: one goes and the other comes.
            (false, true) => {
                return self.plug.push(Change::Plug {
                    node: node.to_owned(),
                    lan: net.to_owned(),
                });
            }
            (true, false) => return,
            // A link is laid anew as a whole: `links` sees to it.
            (false, false) if replugged(was, is).is_some() => return,
            (false, false) => {}
        }
        if let Some(why) = replugged(was, is) {
            return self.replug.push(Change::Replug {
                node: node.to_owned(),
                lan: net.to_owned(),
                why,
            });
        }
        let (remove, add) = difference(&was.addresses, &is.addresses);
        self.address(node, Some(net), remove, add);
    }

    fn address(
        &mut self,
        node: &str,
        net: Option<&str>,
        remove: Vec<scenario::InterfaceAddress>,
        add: Vec<scenario::InterfaceAddress>,
    ) {
        if remove.is_empty() && add.is_empty() {
            return;
        }
        self.readdress.push(Change::Readdress {
            node: node.to_owned(),
            net: net.map(str::to_owned),
            remove,
            add,
        });
    }

    fn lans(&mut self, old: &Side<'_>, new: &Side<'_>) {
        let by_name = |side: &Side<'_>| -> BTreeMap<String, u32> {
            let lans = side
                .scenario
                .into_iter()
                .flat_map(|scenario| &scenario.lans);
            let there = lans.filter(|lan| !side.undone.lans.contains(&lan.name));
            there.map(|lan| (lan.name.clone(), lan.mtu)).collect()
        };
        let (had, has) = (by_name(old), by_name(new));
        for (lan, mtu) in &has {
            match had.get(lan) {
                None => self.add_lans.push(Change::AddLan { lan: lan.clone() }),
                Some(was) if was != mtu => self.change_nets.push(Change::SetMtu {
                    net: lan.clone(),
                    mtu: *mtu,
                }),
                Some(_) => {}
            }
        }
        let gone = had.into_keys().filter(|lan| !has.contains_key(lan));
        self.remove_lans
            .extend(gone.map(|lan| Change::RemoveLan { lan }));
    }

    /// What is done to frames where it was something else, on LANs and links whose names stay or come.
    fn impair(&mut self, old: &Side<'_>, new: &Side<'_>) {
        let had = impaired(old);
        for (net, all) in impaired(new) {
            let before = had.get(net).map(Vec::as_slice).unwrap_or_default();
            if before != all {
                self.impair.push(Change::Impair {
                    net: net.to_owned(),
                    by: super::treated(all.into_iter()),
                });
            }
        }
    }

    fn links(&mut self, old: &Side<'_>, new: &Side<'_>, remade: &BTreeMap<&str, String>) {
        let (had, has) = (Cable::all(old), Cable::all(new));
        for (name, cable) in &has {
            let link = (*name).to_owned();
            let Some(was) = had.get(name) else {
                let ends = cable.ends.map(str::to_owned);
                self.add_links.push(Change::AddLink { link, ends });
                continue;
            };
            let anew = cable.ends.iter().find(|end| remade.contains_key(*end));
            let why = match anew {
                _ if was.ends != cable.ends => Some(format!(
                    "it is between `{}` and `{}`",
                    cable.ends[0], cable.ends[1]
                )),
                Some(end) => Some(format!("`{end}` is made anew")),
                None if was.wired != cable.wired => Some(match cable.wired {
                    true => "something is done to its frames".into(),
                    false => "nothing is done to its frames any more".into(),
                }),
                None => cable.replugged(was),
            };
            match why {
                Some(why) => self.remake_links.push(Change::RemakeLink { link, why }),
                None if was.mtu != cable.mtu => self.change_nets.push(Change::SetMtu {
                    net: link,
                    mtu: cable.mtu,
                }),
                None => {}
            }
        }
        let gone = had.into_keys().filter(|link| !has.contains_key(link));
        self.remove_links
            .extend(gone.map(|link| Change::RemoveLink {
                link: link.to_owned(),
            }));
    }
}

/// What a blueprint has done to frames from the start, by LAN or link: node, direction, what.
fn impaired<'a>(side: &Side<'a>) -> BTreeMap<&'a str, Vec<(&'a str, Direction, Impairment)>> {
    let Some(scenario) = side.scenario else {
        return BTreeMap::new();
    };
    let nets = scenario.nets().map(|net| {
        let all = scenario.impaired(net).iter();
        let mut all: Vec<_> = all
            .map(|one| (side.name(one.node), one.direction, one.by))
            .collect();
        all.sort_by_key(|(node, direction, _)| (*node, *direction));
        (scenario.net_name(net), all)
    });
    nets.collect()
}

/// A point-to-point link, by names.
struct Cable<'a> {
    wired: bool,
    ends: [&'a str; 2],
    mtu: u32,
    interfaces: Vec<&'a Interface>,
}

impl<'a> Cable<'a> {
    fn all(side: &Side<'a>) -> BTreeMap<&'a str, Self> {
        let Some(scenario) = side.scenario else {
            return BTreeMap::new();
        };
        let links = scenario.links.iter().enumerate().map(|(index, link)| {
            let net = NetId::Link(scenario::LinkId(index));
            let own = |id: NodeId| scenario[id].interfaces.iter().find(|i| i.net == net);
            let cable = Self {
                wired: link.wired,
                ends: link.ends.map(|id| side.name(id)),
                mtu: link.mtu,
                interfaces: link.ends.into_iter().filter_map(own).collect(),
            };
            (link.name.as_str(), cable)
        });
        links.collect()
    }

    fn replugged(&self, was: &Self) -> Option<String> {
        let mut ends = was.interfaces.iter().zip(&self.interfaces);
        ends.find_map(|(was, is)| replugged(was, is))
    }
}

fn is_lan(interface: &Interface) -> bool {
    matches!(interface.net, NetId::Lan(_))
}

/// Why an interface has to be made anew, if it has.
fn replugged(was: &Interface, is: &Interface) -> Option<String> {
    if was.name != is.name {
        return Some(format!("the interface is called `{}`", is.name));
    }
    if was.mac == is.mac {
        return None;
    }
    Some(match is.mac {
        Some(mac) => format!("its MAC address is {mac}"),
        None => "its MAC address is labgen's choice".into(),
    })
}

/// What is in the first only, and what in the second only.
fn difference<T: PartialEq + Clone>(old: &[T], new: &[T]) -> (Vec<T>, Vec<T>) {
    let only = |of: &[T], not: &[T]| of.iter().filter(|x| !not.contains(x)).cloned().collect();
    (only(old, new), only(new, old))
}

/// What is different about programs, in a few words.
fn configured_otherwise(old: &[Program], new: &[Program]) -> Option<String> {
    let names = |programs: &[Program]| -> BTreeSet<&'static str> {
        programs.iter().map(|program| program.name).collect()
    };
    if names(old) != names(new) {
        let names: Vec<&str> = new.iter().map(|program| program.name).collect();
        return Some(format!("it runs {}", names.join(", ")));
    }
    let (was, is) = old.iter().zip(new).find(|(was, is)| was != is)?;
    let file = is.files.iter().find(|file| !was.files.contains(file));
    Some(match file {
        Some((path, _)) => format!("`{path}` of `{}` is another", is.name),
        None => format!("`{}` is started otherwise", is.name),
    })
}
