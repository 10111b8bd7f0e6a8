//! What was typed, turned into what is meant. Every mistake is collected; the first does not hide the rest.

mod addresses;
mod attraction;
mod bgp;
pub(crate) mod bgp_message;
mod expect;
pub(crate) mod families;
pub(crate) mod impair;
mod lans;
pub(crate) mod layers;
mod links;
mod names;
pub(crate) mod nodes;
mod patterns;
pub(crate) mod ports;
mod reach;
mod routes;
mod space;
mod steps;
pub(crate) use steps::{TRACE_METHODS, TRANSPORTS};
pub(crate) mod vpns;

pub(crate) use steps::FLAPPING;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;

use crate::error::{ErrorKind, Related, ScenarioError, Subject};
use crate::file::{At, ScenarioFile};
use crate::lab::{
    CaptureId, FlowId, Interface, InterfaceAddress, KernelFeature, Lab, NetId, NodeId, PortId,
    Record, Scenario, Wait, WireKind,
};
use crate::place::Place;
use crate::source::Sources;
use crate::step::{Attach, StepId};
use crate::values;
use bgp::{Bgp, End};
pub(crate) use expect::kernel::ROUTE_PROTOCOLS;
use space::Space;

/// Resolves `file`, which was read from `sources`; `path` names the lab when the file does not.
pub(crate) fn resolve(
    file: &ScenarioFile,
    sources: &Sources,
    path: &str,
) -> Result<Scenario, Vec<ScenarioError>> {
    let mut resolver = Resolver::new(file, sources);
    resolver.index();
    resolver.lab(path);
    resolver.all(|resolver| resolver.hosts(&file.nodes));
    resolver.all(|resolver| resolver.nets());
    resolver.all(|resolver| resolver.loopbacks());
    resolver.find_islands();
    resolver.all(|resolver| resolver.sessions());
    resolver.all(|resolver| resolver.kinds(&file.nodes));
    resolver.all(|resolver| resolver.judged());
    resolver.all(|resolver| resolver.vpns(&file.vpns));
    resolver.all(|resolver| resolver.steps(&file.steps));
    if resolver.errors.is_empty() {
        Ok(resolver.scenario)
    } else {
        Err(resolver.errors)
    }
}

/// A scenario half resolved.
struct Resolver<'a> {
    file: &'a ScenarioFile,
    sources: &'a Sources,
    /// What is resolved so far.
    scenario: Scenario,
    /// Which part is being resolved.
    subject: Subject,
    errors: Vec<ScenarioError>,
    /// What names stand for.
    node_ids: BTreeMap<&'a str, usize>,
    groups: BTreeMap<&'a str, Vec<NodeId>>,
    lan_ids: BTreeMap<&'a str, usize>,
    link_ids: BTreeMap<String, usize>,
    vpn_ids: BTreeMap<&'a str, usize>,
    /// Subnets in use, and the numbers of the next links to have one: IPv4, IPv6.
    space: Space,
    next_links: (usize, usize),
    /// Nodes that a LAN or link joins, be it well or badly.
    linked: BTreeSet<NodeId>,
    /// Which nets lead to which: those with the same number do.
    islands: BTreeMap<NetId, usize>,
    /// Members of every LAN and link.
    members: BTreeMap<NetId, Vec<NodeId>>,
    /// Interfaces and loopback addresses of every node, before there are nodes.
    interfaces: Vec<Vec<Interface>>,
    interface_names: Vec<BTreeSet<String>>,
    loopbacks: Vec<Vec<InterfaceAddress>>,
    /// Who has an address.
    holders: BTreeMap<IpAddr, NodeId>,
    /// BGP speakers, by node.
    bgp: Vec<Option<Bgp>>,
    /// Nodes that run on another, by that.
    hosted: BTreeMap<NodeId, Vec<NodeId>>,
    /// Ends of sessions of every node, and the addresses of their peers.
    ends: Vec<Vec<End>>,
    ends_seen: Vec<BTreeSet<IpAddr>>,
    /// Where every node runs, before there are nodes.
    homes: Vec<usize>,
    /// Ports by name.
    ports: BTreeMap<String, PortId>,
    /// What is known of every port: its last attachment, where that was said, whether it still is.
    attached: Vec<(Attach, Range<usize>, bool)>,
    /// Captures by name, and where they were begun.
    captures: BTreeMap<String, (CaptureId, Range<usize>)>,
    /// Announcements by name, and where they were first made.
    announcements: steps::Names,
    /// Traffic by name, and where it was begun.
    flows: BTreeMap<String, (FlowId, Range<usize>)>,
    /// Labels of steps, and where they are.
    labels: BTreeMap<String, (StepId, Range<usize>)>,
    /// The last step that did something.
    last_step: Option<StepId>,
    /// What the steps so far have left.
    course: steps::Course,
    /// Names that could not be read, so that using them is not a second mistake.
    broken: BTreeSet<String>,
}

/// The result of looking something up; the mistake, if any, has been noted.
type Found<T> = Option<T>;

impl<'a> Resolver<'a> {
    fn new(file: &'a ScenarioFile, sources: &'a Sources) -> Self {
        let lab = Lab {
            name: String::new(),
            about: None,
            seed: None,
            wait: Wait::default(),
            record: Record::default(),
            invariants: false,
            wire: None,
            needs: Vec::new(),
            timeout: None,
            slow: 1,
        };
        Self {
            file,
            sources,
            scenario: Scenario {
                lab,
                nodes: Vec::new(),
                lans: Vec::new(),
                links: Vec::new(),
                vpns: Vec::new(),
                ports: Vec::new(),
                captures: Vec::new(),
                announcements: Vec::new(),
                flows: Vec::new(),
                steps: Vec::new(),
            },
            subject: Subject::Scenario,
            errors: Vec::new(),
            node_ids: BTreeMap::new(),
            groups: BTreeMap::new(),
            lan_ids: BTreeMap::new(),
            link_ids: BTreeMap::new(),
            vpn_ids: BTreeMap::new(),
            space: Space::default(),
            next_links: (0, 0),
            linked: BTreeSet::new(),
            islands: BTreeMap::new(),
            members: BTreeMap::new(),
            interfaces: vec![Vec::new(); file.nodes.len()],
            interface_names: vec![BTreeSet::new(); file.nodes.len()],
            loopbacks: vec![Vec::new(); file.nodes.len()],
            holders: BTreeMap::new(),
            bgp: Vec::new(),
            hosted: BTreeMap::new(),
            ends: vec![Vec::new(); file.nodes.len()],
            ends_seen: vec![BTreeSet::new(); file.nodes.len()],
            homes: (0..file.nodes.len()).collect(),
            ports: BTreeMap::new(),
            attached: Vec::new(),
            captures: BTreeMap::new(),
            announcements: BTreeMap::new(),
            flows: BTreeMap::new(),
            labels: BTreeMap::new(),
            last_step: None,
            course: steps::Course::default(),
            broken: file.broken.iter().cloned().collect(),
        }
    }

    fn all(&mut self, part: impl FnOnce(&mut Self)) {
        self.subject = Subject::Scenario;
        part(self);
    }

    fn lab(&mut self, path: &str) {
        self.subject = Subject::Lab;
        let lab = &self.file.lab;
        let name = match &lab.name {
            Some(name) => self
                .keep(&name.span, values::lab_name(&name.value))
                .map(|()| name.value.clone()),
            None => None,
        };
        let record = self.maybe(lab.record.as_ref(), |word| {
            values::one_of("something to record", word, &RECORDS)
        });
        let wait = self.maybe(lab.wait.as_ref(), |word| {
            values::one_of("something to wait for", word, &WAITS)
        });
        let timeout = self.maybe(lab.timeout.as_ref(), values::time_limit);
        let wire = self.maybe(lab.wire.as_ref(), |word| {
            values::one_of("a kind of wire", word, &WIRES)
        });
        let needs = lab.needs.0.iter().filter_map(|word| {
            let feature = values::one_of("a part of the kernel", &word.value, &KERNEL_FEATURES);
            self.keep(&word.span, feature)
        });
        let needs = needs.collect();
        self.scenario.lab = Lab {
            name: name.unwrap_or_else(|| values::lab_name_from(path)),
            about: lab.about.as_ref().map(|about| about.value.clone()),
            seed: lab
                .seed
                .as_ref()
                .and_then(|seed| self.number("the seed", seed, 0, i64::MAX)),
            wait: wait.unwrap_or_default(),
            record: record.unwrap_or_default(),
            invariants: lab.invariants.as_ref().is_some_and(|flag| flag.value),
            wire,
            needs,
            timeout,
            slow: 1,
        };
    }

    /// The rules of reflection are for reflectors.
    fn judged(&mut self) {
        self.subject = Subject::Lab;
        if let Some(At { value: true, span }) = &self.file.lab.invariants {
            self.some_reflector(span);
        }
    }

    /// LANs and links. Subnets that are given come first, so that those chosen keep clear of them.
    fn nets(&mut self) {
        let file = self.file;
        let mut lans = Vec::new();
        for lan in &file.lans {
            self.subject = Subject::Lan(lan.name.value.clone());
            let owner = format!("LAN `{}`", lan.name.value);
            lans.push(self.given_subnets(lan.value.subnet.as_ref(), &owner));
        }
        let mut links = Vec::new();
        for link in &file.links {
            self.subject = Subject::Link(link.name.value.clone());
            let owner = format!("link `{}`", link.name.value);
            links.push(self.given_subnets(link.value.subnet.as_ref(), &owner));
        }
        self.lans(&file.lans, &lans);
        self.links(&file.links, &links);
        self.all_linked();
    }

    /// Notes a mistake.
    fn fail(&mut self, span: &Range<usize>, kind: ErrorKind) {
        self.fail_with(span, kind, None);
    }

    /// Notes a mistake that has to do with an earlier place.
    fn fail_with(&mut self, span: &Range<usize>, kind: ErrorKind, related: Option<Related>) {
        let subject = self.subject.clone();
        self.errors.push(ScenarioError {
            span: span.clone(),
            subject,
            kind,
            related,
        });
    }

    /// Notes a key, or a name, that cannot be where it is.
    fn out_of_place(&mut self, span: &Range<usize>, key: &str, reason: impl Into<String>) {
        let (key, reason) = (key.into(), reason.into());
        self.fail(span, ErrorKind::Misplaced { key, reason });
    }

    /// The same where something was to come of it.
    fn cannot_be<T>(
        &mut self,
        span: &Range<usize>,
        key: &str,
        reason: impl Into<String>,
    ) -> Found<T> {
        self.out_of_place(span, key, reason);
        None
    }

    /// The value, or a note of the mistake.
    fn keep<T>(&mut self, span: &Range<usize>, value: Result<T, ErrorKind>) -> Found<T> {
        value.map_err(|kind| self.fail(span, kind)).ok()
    }

    /// Checks a name that is being given.
    fn name(&mut self, name: &At<String>) {
        self.keep(&name.span, values::name(&name.value));
    }

    fn number<T: TryFrom<i64>>(
        &mut self,
        what: &str,
        value: &At<i64>,
        min: i64,
        max: i64,
    ) -> Found<T> {
        self.keep(&value.span, values::number(what, value.value, min, max))
    }

    /// Parses a value that may be missing.
    fn maybe<T>(
        &mut self,
        typed: Option<&At<String>>,
        parse: impl FnOnce(&str) -> Result<T, ErrorKind>,
    ) -> Option<T> {
        typed.and_then(|typed| self.keep(&typed.span, parse(&typed.value)))
    }

    fn place(&self, span: &Range<usize>) -> Place {
        Place::of(self.sources, span)
    }
}

/// The largest number of 32 bits.
const MOST_32: i64 = u32::MAX as i64;

/// What is recorded.
pub(crate) const RECORDS: [(&str, Record); 3] = [
    ("bgp", Record::Bgp),
    ("all", Record::All),
    ("none", Record::None),
];

/// Parts of the kernel that have words.
pub(crate) const KERNEL_FEATURES: [(&str, KernelFeature); 6] = [
    ("mpls", KernelFeature::Mpls),
    ("vrf", KernelFeature::Vrf),
    ("gre", KernelFeature::Gre),
    ("vlan", KernelFeature::Vlan),
    ("dummy", KernelFeature::Dummy),
    ("netem", KernelFeature::Netem),
];

/// When a lab can count as up.
pub(crate) const WAITS: [(&str, Wait); 2] =
    [("ready", Wait::Ready), ("converged", Wait::Converged)];

/// What can delay and lose frames.
pub(crate) const WIRES: [(&str, WireKind); 2] =
    [("own", WireKind::Own), ("netem", WireKind::Netem)];

fn related(span: &Range<usize>, text: &str) -> Option<Related> {
    Some(Related {
        span: span.clone(),
        text: text.into(),
    })
}
