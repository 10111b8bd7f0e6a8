//! A tree to [`ScenarioFile`], entry by entry, so that one mistake hides no other.

use std::ops::Range;

use serde::Deserialize;

use super::de::Node;
use super::fault::{Fault, found, not_a};
use super::{At, Entry, KindFile, LanFile, LinkFile, NodeFile, ScenarioFile, SpeakerKind};
use crate::error::{ErrorKind, Related, ScenarioError, Subject};
use crate::expand::{Expanded, Group};
use crate::tree::{Field, Table, Value, What};

/// What the tree says, and what is wrong with how it says it.
pub(crate) fn parse(tree: Expanded) -> (ScenarioFile, Vec<ScenarioError>) {
    let nodes = |group: &Group| group.part == "nodes";
    let groups = tree.groups.into_iter().filter(nodes);
    let mut parser = Parser {
        file: ScenarioFile {
            groups: groups.map(|group| (group.name, group.count)).collect(),
            broken: tree.broken,
            ..ScenarioFile::default()
        },
        errors: tree.errors,
    };
    parser.root(&tree.root);
    parser.defaults(&tree.defaults);
    (parser.file, parser.errors)
}

struct Parser {
    file: ScenarioFile,
    errors: Vec<ScenarioError>,
}

/// The keys at the top of a file.
pub(crate) const PARTS: [&str; 9] = [
    "include", "lab", "vars", "defaults", "nodes", "lans", "links", "vpns", "step",
];

/// Whether a text may be meant as a scenario: it has a key that one has at its top, or nobody can read it. Whoever goes
/// through a directory must not pass over such a file: a test that is not run is not missed.
pub fn may_be_scenario(text: &str) -> bool {
    let table = text.parse::<toml::Table>();
    table.map_or(true, |table| {
        PARTS.iter().any(|part| table.contains_key(*part))
    })
}

impl Parser {
    fn root(&mut self, root: &Table) {
        for field in &root.0 {
            let value = &field.value;
            match field.key.as_str() {
                "lab" => {
                    let lab = read(field);
                    self.file.lab = self.keep(lab, Subject::Lab).unwrap_or_default();
                }
                "nodes" => self.file.nodes = self.entries(value, Subject::Node, read_node),
                "lans" => self.file.lans = self.entries(value, Subject::Lan, read),
                "links" => self.file.links = self.entries(value, Subject::Link, read),
                "vpns" => self.file.vpns = self.entries(value, Subject::Vpn, read),
                "step" => self.steps(value),
                other => {
                    let known = PARTS.map(String::from).to_vec();
                    let kind = ErrorKind::UnknownKey {
                        key: other.into(),
                        known,
                    };
                    self.wrong(Fault::new(kind, field.place.clone()));
                }
            }
        }
    }

    fn entries<T>(
        &mut self,
        table: &Value,
        subject: fn(String) -> Subject,
        read: fn(&Field) -> Result<T, Fault>,
    ) -> Vec<Entry<T>> {
        let Some(entries) = table.as_table() else {
            self.wrong(not_a("a table", table));
            return Vec::new();
        };
        let mut kept = Vec::new();
        for field in &entries.0 {
            let name = At {
                value: field.key.clone(),
                span: field.place.clone(),
            };
            match self.keep(read(field), subject(name.value.clone())) {
                Some(value) => kept.push(Entry { name, value }),
                None => self.file.broken.push(name.value),
            }
        }
        kept
    }

    fn steps(&mut self, value: &Value) {
        let Some(steps) = value.as_array() else {
            let found = ErrorKind::WrongType {
                found: found(value),
                expected: "an array of tables `[[step]]`".into(),
                fix: Some("[[step]]".into()),
            };
            self.wrong(Fault::new(found, value.span.clone()));
            return;
        };
        for (index, step) in steps.iter().enumerate() {
            let read = one_word(step)
                .and_then(|()| Ok(At::deserialize(Node::new(step, step.span.clone()))?));
            let step = self.keep(read, Subject::Step(index + 1));
            self.file.steps.push(step);
        }
    }

    /// Defaults are read with the entries they are for; here only keys that no entry can have are found.
    fn defaults(&mut self, defaults: &[Field]) {
        for field in defaults {
            let read = match field.key.as_str() {
                "lan" => read::<LanFile>(field).map(|_| ()),
                "link" => read::<LinkFile>(field).map(|_| ()),
                kind => read_node_of(kind, &field.value, field).map(|_| ()),
            };
            if let Err(fault) = read
                && matches!(*fault.kind, ErrorKind::UnknownKey { .. })
            {
                self.wrong(fault);
            }
        }
    }

    fn wrong(&mut self, fault: Fault) {
        self.keep::<()>(Err(fault), Subject::Scenario);
    }

    fn keep<T>(&mut self, read: Result<T, impl Into<Wrong>>, subject: Subject) -> Option<T> {
        match read.map_err(Into::into) {
            Ok(value) => Some(value),
            Err(Wrong {
                fault: Fault { span, kind },
                related,
            }) => {
                let span = span.unwrap_or_default();
                self.errors.push(ScenarioError {
                    span,
                    subject,
                    kind: *kind,
                    related,
                });
                None
            }
        }
    }
}

/// A fault, and an earlier place that has to do with it.
struct Wrong {
    fault: Fault,
    related: Option<Related>,
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            related: None,
        }
    }
}

/// The words a step can hold.
pub(crate) const WORDS: [&str; 27] = [
    "attach",
    "detach",
    "move",
    "announce",
    "withdraw",
    "flap",
    "inject",
    "ping",
    "traffic",
    "traceroute",
    "connect",
    "capture",
    "exec",
    "cut",
    "heal",
    "impair",
    "halt",
    "start",
    "restart",
    "signal",
    "steps",
    "parallel",
    "repeat",
    "soak",
    "wait",
    "stop",
    "expect",
];

/// Of those the ones that hold steps: as they are, or under `steps`.
pub(crate) const BODIES: [(&str, Option<&str>); 4] = [
    ("steps", None),
    ("parallel", None),
    ("repeat", Some("steps")),
    ("soak", Some("steps")),
];

/// The facts an expectation can hold.
pub(crate) const FACTS: [&str; 19] = [
    "session",
    "route",
    "packets",
    "forwarding",
    "neighbour",
    "traffic",
    "kernel_route",
    "rule",
    "fdb",
    "mpls",
    "interface",
    "openflow",
    "log",
    "file",
    "program",
    "memory",
    "cpu",
    "converged",
    "invariants",
];

/// A step holds exactly one word, and an expectation exactly one fact. Here, because the keys have places
/// here.
fn one_word(step: &Value) -> Result<(), Wrong> {
    let Some(table) = step.as_table() else {
        return Ok(());
    };
    one_of(table, &step.span, "do", &WORDS, &["label", "background"])?;
    for (word, key) in BODIES {
        let body = table.get(word).map(|field| &field.value);
        let body = match key {
            None => body,
            Some(key) => body
                .and_then(|value| value.as_table()?.get(key))
                .map(|field| &field.value),
        };
        for inner in body.and_then(Value::as_array).unwrap_or_default() {
            one_word(inner)?;
        }
    }
    let expect = table.get("expect");
    match expect.and_then(|field| Some((field, field.value.as_table()?))) {
        Some((field, facts)) => one_of(facts, &field.place, "expect", &FACTS, &["within", "for"]),
        None => Ok(()),
    }
}

fn one_of(
    table: &Table,
    place: &Range<usize>,
    what: &str,
    words: &[&str],
    beside: &[&str],
) -> Result<(), Wrong> {
    let known = |field: &&Field| words.contains(&field.key.as_str());
    let mut found = table.0.iter().filter(known);
    let (first, second) = (found.next(), found.next());
    if let (Some(first), Some(second)) = (first, second) {
        let kind = ErrorKind::TwoWords {
            first: first.key.clone(),
            second: second.key.clone(),
        };
        let related = Related {
            span: first.place.clone(),
            text: format!("`{}` is here", first.key),
        };
        return Err(Wrong {
            fault: Fault::new(kind, second.place.clone()),
            related: Some(related),
        });
    }
    // Any other key is a misspelt word, which the reading finds.
    let misspelt = |field: &Field| !beside.contains(&field.key.as_str());
    if first.is_some() || table.0.iter().any(misspelt) {
        return Ok(());
    }
    let known = words.iter().map(ToString::to_string).collect();
    let kind = ErrorKind::NoWord {
        what: what.into(),
        known,
    };
    Err(Fault::new(kind, place.clone()).into())
}

fn read<'de, T: Deserialize<'de>>(field: &Field) -> Result<T, Fault> {
    T::deserialize(Node::new(&field.value, field.place.clone()))
}

/// The kinds of node.
pub(crate) const KINDS: [&str; 11] = [
    "bagpipe", "fakerr", "gobgp", "frr", "bird", "openbgpd", "exabgp", "ovs", "router", "host",
    "exec",
];

/// Keys that every node can have, beside `kind` and `count`.
const NET_KEYS: [&str; 3] = ["loopback", "gateway", "routes"];

/// Keys that only FRR has.
const FRR_KEYS: [&str; 1] = ["daemons"];

/// `kind` decides which keys there are, so it is read first: serde's own way of doing that loses the places.
fn read_node(field: &Field) -> Result<NodeFile, Fault> {
    let Some(table) = field.value.as_table() else {
        return Err(not_a("a table", &field.value));
    };
    let Some(kind) = table.get("kind") else {
        let kind = ErrorKind::MissingKey { key: "kind".into() };
        return Err(Fault::new(kind, field.place.clone()));
    };
    let Some(word) = kind.value.as_text() else {
        return Err(not_a("a string", &kind.value));
    };
    read_node_of(word, &kind.value, field)
}

/// Reads a node of the kind `word`, which stands in `kind`.
fn read_node_of(word: &str, kind: &Value, field: &Field) -> Result<NodeFile, Fault> {
    let unknown_kind = || {
        let known = KINDS.map(String::from).to_vec();
        let unknown = ErrorKind::UnknownWord {
            what: "a kind of node".into(),
            word: word.into(),
            known,
        };
        Fault::new(unknown, kind.span.clone())
    };
    if !KINDS.contains(&word) {
        return Err(unknown_kind());
    }
    let (net, rest) = apart(field, &NET_KEYS);
    let net = read(&net)?;
    let own_keys: &[&str] = if word == "frr" { &FRR_KEYS } else { &[] };
    let (own, rest) = apart(&rest, own_keys);
    let rest = Node::new(&rest.value, rest.place.clone()).without("kind");
    let speaker = |kind| move |speaker| KindFile::Speaker(kind, speaker);
    let read = match word {
        "bagpipe" => Deserialize::deserialize(rest).map(KindFile::Bagpipe),
        "fakerr" => Deserialize::deserialize(rest).map(KindFile::FakeRr),
        "gobgp" => Deserialize::deserialize(rest).map(speaker(SpeakerKind::GoBgp)),
        "bird" => Deserialize::deserialize(rest).map(speaker(SpeakerKind::Bird)),
        "openbgpd" => Deserialize::deserialize(rest).map(speaker(SpeakerKind::OpenBgpd)),
        "exabgp" => Deserialize::deserialize(rest).map(speaker(SpeakerKind::ExaBgp)),
        "frr" => {
            let own = read(&own)?;
            Deserialize::deserialize(rest).map(|speaker| KindFile::Frr(own, speaker))
        }
        "ovs" => Deserialize::deserialize(rest).map(KindFile::Ovs),
        "router" => Deserialize::deserialize(rest).map(KindFile::Router),
        "host" => Deserialize::deserialize(rest).map(KindFile::Host),
        _ => Deserialize::deserialize(rest).map(KindFile::Exec),
    };
    let kind = read.map_err(|mut fault: Fault| {
        if let ErrorKind::UnknownKey { known, .. } = &mut *fault.kind {
            let more = |keys: &[&str]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
            known.splice(0..0, more(&["kind", "count"]));
            known.extend(more(own_keys));
            known.extend(more(&NET_KEYS));
        }
        fault
    })?;
    Ok(NodeFile { net, kind })
}

/// The entry with only these keys, and the one without them.
fn apart(field: &Field, keys: &[&str]) -> (Field, Field) {
    let (mut these, mut rest) = (field.clone(), field.clone());
    let of_these = |field: &Field| keys.contains(&field.key.as_str());
    for (part, wanted) in [(&mut these, true), (&mut rest, false)] {
        if let What::Table(table) = &mut part.value.what {
            table.0.retain(|field| of_these(field) == wanted);
        }
    }
    (these, rest)
}
