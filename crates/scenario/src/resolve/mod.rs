//! What was typed, turned into what is meant. Every mistake is collected; the first does not hide the rest.

mod expect;
mod families;
mod lans;
mod layers;
mod nodes;
mod patterns;
mod ports;
mod reach;
mod sessions;
mod speakers;
mod steps;
mod vpns;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use self::reach::Islands;
use crate::error::{ErrorKind, Related, ScenarioError, Subject};
use crate::file::{At, ScenarioFile};
use crate::lab::{
    CaptureId, Interface, InterfaceAddress, Lab, LanId, NodeId, PortId, Scenario, VpnId, Wait,
};
use crate::place::Place;
use crate::source::Sources;
use crate::step::{Attach, StepId};
use crate::values;

/// Resolves `file`, which was read from `sources`; `path` names the lab when the file does not.
pub(crate) fn resolve(
    file: &ScenarioFile,
    sources: &Sources,
    path: &str,
) -> Result<Scenario, Vec<ScenarioError>> {
    let mut resolver = Resolver::new(file, sources);
    resolver.lab(path);
    resolver.all(|resolver| resolver.hosts(&file.nodes));
    resolver.all(|resolver| resolver.lans(&file.lans));
    resolver.find_islands();
    resolver.all(|resolver| resolver.kinds(&file.nodes));
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
    /// Interfaces of every node, before there are nodes.
    interfaces: Vec<Vec<Interface>>,
    /// Loopback addresses of every node, before there are nodes.
    loopbacks: Vec<Vec<InterfaceAddress>>,
    /// Where every node runs, before there are nodes.
    homes: Vec<usize>,
    /// Which nets lead to which.
    islands: Islands,
    /// Ports by name.
    ports: BTreeMap<String, PortId>,
    /// What is known of every port: its last attachment, where that was said, whether it still is.
    attached: Vec<(Attach, Range<usize>, bool)>,
    /// Captures by name, and where they were begun.
    captures: BTreeMap<String, (CaptureId, Range<usize>)>,
    /// Labels of steps, and where they are.
    labels: BTreeMap<String, (StepId, Range<usize>)>,
    /// The last step that did something.
    last_step: Option<StepId>,
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
                steps: Vec::new(),
            },
            subject: Subject::Scenario,
            errors: Vec::new(),
            interfaces: vec![Vec::new(); file.nodes.len()],
            loopbacks: vec![Vec::new(); file.nodes.len()],
            homes: (0..file.nodes.len()).collect(),
            islands: Islands::new(),
            ports: BTreeMap::new(),
            attached: Vec::new(),
            captures: BTreeMap::new(),
            labels: BTreeMap::new(),
            last_step: None,
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
        self.scenario.lab = Lab {
            name: name.unwrap_or_else(|| values::lab_name_from(path)),
            about: lab.about.as_ref().map(|about| about.value.clone()),
            seed: lab
                .seed
                .as_ref()
                .and_then(|seed| self.number("the seed", seed, 0, i64::MAX)),
            wait: Wait::default(),
        };
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

    fn node_index(&self, name: &str) -> Option<usize> {
        self.file
            .nodes
            .iter()
            .position(|node| node.name.value == name)
    }

    fn node_name(&self, node: NodeId) -> &'a str {
        &self.file.nodes[node.0].name.value
    }

    fn node_names(&self) -> Vec<String> {
        self.file
            .nodes
            .iter()
            .map(|node| node.name.value.clone())
            .collect()
    }

    /// The node of this name; `verb` says what is done to it.
    fn node(&mut self, name: &At<String>, verb: &str) -> Found<NodeId> {
        match self.node_index(&name.value) {
            Some(index) => Some(NodeId(index)),
            None => self.unknown(name, verb, "node", self.node_names()),
        }
    }

    /// The speaker of this name: a node of kind `bagpipe`.
    fn speaker(&mut self, name: &At<String>, verb: &str) -> Found<NodeId> {
        let id = self.node(name, verb)?;
        let found = nodes::kind_word(&self.file.nodes[id.0].value);
        if found != "bagpipe" {
            let kind = ErrorKind::WrongKind {
                verb: verb.into(),
                name: name.value.clone(),
                found: found.into(),
                needed: "bagpipe".into(),
            };
            self.fail(&name.span, kind);
            return None;
        }
        Some(id)
    }

    fn lan(&mut self, name: &At<String>, verb: &str) -> Found<LanId> {
        let found = self
            .file
            .lans
            .iter()
            .position(|lan| lan.name.value == name.value);
        match found {
            Some(index) => Some(LanId(index)),
            None => {
                let known = self
                    .file
                    .lans
                    .iter()
                    .map(|lan| lan.name.value.clone())
                    .collect();
                self.unknown(name, verb, "LAN", known)
            }
        }
    }

    fn vpn(&mut self, name: &At<String>, verb: &str) -> Found<VpnId> {
        let found = self
            .file
            .vpns
            .iter()
            .position(|vpn| vpn.name.value == name.value);
        match found {
            Some(index) => Some(VpnId(index)),
            None => {
                let known = self
                    .file
                    .vpns
                    .iter()
                    .map(|vpn| vpn.name.value.clone())
                    .collect();
                self.unknown(name, verb, "VPN", known)
            }
        }
    }

    fn unknown<T>(
        &mut self,
        name: &At<String>,
        verb: &str,
        what: &str,
        known: Vec<String>,
    ) -> Found<T> {
        if !self.broken.contains(&name.value) {
            let kind = ErrorKind::UnknownName {
                verb: verb.into(),
                what: what.into(),
                name: name.value.clone(),
                known,
            };
            let related = self.attached_later(&name.value);
            self.fail_with(&name.span, kind, related);
        }
        None
    }
}

fn related(span: &Range<usize>, text: &str) -> Option<Related> {
    Some(Related {
        span: span.clone(),
        text: text.into(),
    })
}
