//! Text to [`ScenarioFile`], entry by entry, so that one mistake hides no other.

use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::de::{Node, Pair, in_order};
use super::fault::{Fault, found, not_a};
use super::parts::NodeFile;
use super::{At, Entry, ScenarioFile};
use crate::error::{ErrorKind, Related, ScenarioError, Subject};
use crate::render::line_of;

/// What `text` says, and what is wrong with how it says it.
pub fn parse(text: &str) -> (ScenarioFile, Vec<ScenarioError>) {
    let (root, syntax) = DeTable::parse_recoverable(text);
    let mut parser = Parser {
        file: ScenarioFile::default(),
        errors: Vec::new(),
    };
    let mut line = 0;
    for error in &syntax {
        let span = error.span().unwrap_or(text.len()..text.len());
        // What follows on the same line is the parser having lost its way.
        if line_of(text, span.start) == std::mem::replace(&mut line, line_of(text, span.start)) {
            continue;
        }
        parser
            .errors
            .push(syntax_error(error.message(), span, text, root.get_ref()));
    }
    // What the parser made up to go on is not worth a second complaint.
    if syntax.is_empty() {
        parser.root(root.get_ref());
    }
    (parser.file, parser.errors)
}

struct Parser {
    file: ScenarioFile,
    errors: Vec<ScenarioError>,
}

/// The keys at the top of a file.
const PARTS: [&str; 5] = ["lab", "nodes", "lans", "vpns", "step"];

impl Parser {
    fn root(&mut self, root: &DeTable<'_>) {
        for (key, value) in in_order(root) {
            match &**key.get_ref() {
                "lab" => {
                    let lab = read((key, value));
                    self.file.lab = self.keep(lab, Subject::Lab).unwrap_or_default();
                }
                "nodes" => self.file.nodes = self.entries(value, Subject::Node, read_node),
                "lans" => self.file.lans = self.entries(value, Subject::Lan, read),
                "vpns" => self.file.vpns = self.entries(value, Subject::Vpn, read),
                "step" => self.steps(value),
                other => {
                    let known = PARTS.map(String::from).to_vec();
                    let kind = ErrorKind::UnknownKey {
                        key: other.into(),
                        known,
                    };
                    self.wrong(Fault::new(kind, key.span()));
                }
            }
        }
    }

    fn entries<T>(
        &mut self,
        table: &Spanned<DeValue<'_>>,
        subject: fn(String) -> Subject,
        read: fn(Pair<'_, '_>) -> Result<T, Fault>,
    ) -> Vec<Entry<T>> {
        let Some(entries) = table.get_ref().as_table() else {
            self.wrong(not_a("a table", table));
            return Vec::new();
        };
        let mut kept = Vec::new();
        for (key, value) in in_order(entries) {
            let name = At {
                value: key.get_ref().to_string(),
                span: key.span(),
            };
            match self.keep(read((key, value)), subject(name.value.clone())) {
                Some(value) => kept.push(Entry { name, value }),
                None => self.file.broken.push(name.value),
            }
        }
        kept
    }

    fn steps(&mut self, value: &Spanned<DeValue<'_>>) {
        let Some(steps) = value.get_ref().as_array() else {
            let found = ErrorKind::WrongType {
                found: found(value.get_ref()),
                expected: "an array of tables `[[step]]`".into(),
                fix: Some("[[step]]".into()),
            };
            self.wrong(Fault::new(found, value.span()));
            return;
        };
        for (index, step) in steps.iter().enumerate() {
            let read = one_word(step)
                .and_then(|()| At::deserialize(Node::new(step, step.span())).map_err(Wrong::from));
            let step = self.keep(read, Subject::Step(index + 1));
            self.file.steps.push(step);
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
const WORDS: [&str; 6] = ["attach", "detach", "ping", "capture", "exec", "expect"];

/// The facts an expectation can hold.
const FACTS: [&str; 5] = ["session", "route", "packets", "forwarding", "neighbour"];

/// A step holds exactly one word, and an expectation exactly one fact. Here, because the keys have places
/// here.
fn one_word(step: &Spanned<DeValue<'_>>) -> Result<(), Wrong> {
    let Some(table) = step.get_ref().as_table() else {
        return Ok(());
    };
    one_of(table, step.span(), "do", &WORDS, &["label"])?;
    let mut entries = in_order(table);
    let expect = entries.find(|(key, _)| key.get_ref() == "expect");
    match expect.and_then(|(key, value)| Some((key, value.get_ref().as_table()?))) {
        Some((key, facts)) => one_of(facts, key.span(), "expect", &FACTS, &["within"]),
        None => Ok(()),
    }
}

fn one_of(
    table: &DeTable<'_>,
    place: Range<usize>,
    what: &str,
    words: &[&str],
    beside: &[&str],
) -> Result<(), Wrong> {
    let mut found = in_order(table)
        .map(|(key, _)| key)
        .filter(|key| words.contains(&&**key.get_ref()));
    let (first, second) = (found.next(), found.next());
    if let (Some(first), Some(second)) = (first, second) {
        let kind = ErrorKind::TwoWords {
            first: first.get_ref().to_string(),
            second: second.get_ref().to_string(),
        };
        let related = Related {
            span: first.span(),
            text: format!("`{}` is here", first.get_ref()),
        };
        return Err(Wrong {
            fault: Fault::new(kind, second.span()),
            related: Some(related),
        });
    }
    // Any other key is a misspelt word, which the reading finds.
    if first.is_some() || table.keys().any(|key| !beside.contains(&&**key.get_ref())) {
        return Ok(());
    }
    let known = words.iter().map(ToString::to_string).collect();
    Err(Fault::new(
        ErrorKind::NoWord {
            what: what.into(),
            known,
        },
        place,
    )
    .into())
}

fn read<'de, T: Deserialize<'de>>((key, value): Pair<'_, '_>) -> Result<T, Fault> {
    T::deserialize(Node::new(value, key.span()))
}

/// The kinds of node.
const KINDS: [&str; 4] = ["bagpipe", "fakerr", "gobgp", "host"];

/// `kind` decides which keys there are, so it is read first: serde's own way of doing that loses the places.
fn read_node((key, value): Pair<'_, '_>) -> Result<NodeFile, Fault> {
    let Some(table) = value.get_ref().as_table() else {
        return Err(not_a("a table", value));
    };
    let Some(kind) = table.get("kind") else {
        return Err(Fault::new(
            ErrorKind::MissingKey { key: "kind".into() },
            key.span(),
        ));
    };
    let Some(word) = kind.get_ref().as_str() else {
        return Err(not_a("a string", kind));
    };
    let rest = Node::new(value, key.span()).without("kind");
    let read = match word {
        "bagpipe" => Deserialize::deserialize(rest).map(NodeFile::Bagpipe),
        "fakerr" => Deserialize::deserialize(rest).map(NodeFile::FakeRr),
        "gobgp" => Deserialize::deserialize(rest).map(NodeFile::GoBgp),
        "host" => Deserialize::deserialize(rest).map(NodeFile::Host),
        _ => {
            let known = KINDS.map(String::from).to_vec();
            let kind_of = ErrorKind::UnknownWord {
                what: "a kind of node".into(),
                word: word.into(),
                known,
            };
            Err(Fault::new(kind_of, kind.span()))
        }
    };
    read.map_err(|mut fault: Fault| {
        if let ErrorKind::UnknownKey { known, .. } = &mut *fault.kind {
            known.insert(0, "kind".into());
        }
        fault
    })
}

fn syntax_error(
    message: &str,
    span: Range<usize>,
    text: &str,
    root: &DeTable<'_>,
) -> ScenarioError {
    let key = text.get(span.clone()).unwrap_or_default();
    if message.starts_with("duplicate key") && !key.is_empty() {
        let key = key.trim_matches(['"', '\'']).to_string();
        let related = first_place(root, &key, span.start, text).map(|span| Related {
            span,
            text: "it is here already".into(),
        });
        let kind = ErrorKind::DuplicateKey { key };
        return ScenarioError {
            span,
            subject: Subject::Text,
            kind,
            related,
        };
    }
    let kind = ErrorKind::Syntax {
        message: message.into(),
    };
    ScenarioError {
        span,
        subject: Subject::Text,
        kind,
        related: None,
    }
}

/// The place of the key that a key at `before` repeats: in the innermost inline table around it that has
/// such a key, otherwise the last one before it that is in no inline table.
fn first_place(table: &DeTable<'_>, key: &str, before: usize, text: &str) -> Option<Range<usize>> {
    let mut found = None;
    for (name, value) in in_order(table) {
        if name.get_ref() == key && name.span().start < before {
            found = Some(name.span());
        }
        let deeper = match value.get_ref() {
            DeValue::Table(inner) => {
                let inline = text[value.span().start..].starts_with('{');
                let around = value.span().contains(&before);
                (around || !inline)
                    .then(|| first_place(inner, key, before, text))
                    .flatten()
            }
            DeValue::Array(array) => array.iter().rev().find_map(|element| {
                let inner = element.get_ref().as_table()?;
                let inline = text[element.span().start..].starts_with('{');
                let around = element.span().contains(&before);
                (around || !inline)
                    .then(|| first_place(inner, key, before, text))
                    .flatten()
            }),
            _ => None,
        };
        found = deeper.or(found);
    }
    found
}
