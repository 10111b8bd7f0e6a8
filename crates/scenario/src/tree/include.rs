//! A scenario and the files it includes, as one tree.
//!
//! What a file includes stands before what it says itself, once, however many files include it. Of entries with
//! names (nodes, LANs, links, VPNs) each name can be given once; of settings (`[lab]`, `[vars]`, `[defaults]`) the
//! including file's win.

use std::io;
use std::ops::Range;

use super::{Field, Table, Value, What, read};
use crate::error::{ErrorKind, Related, ScenarioError, Subject};
use crate::source::Sources;

/// Gives the text of a file by its path.
pub(crate) type Loader<'a> = &'a mut dyn FnMut(&str) -> io::Result<String>;

/// The tree of the scenario `text`, which the reader knows as `name`, and of all it includes. The texts are added to
/// `sources`.
pub(crate) fn load(
    sources: &mut Sources,
    name: &str,
    text: &str,
    loader: Loader<'_>,
) -> Result<Table, Vec<ScenarioError>> {
    let mut loading = Loading {
        sources,
        loader,
        open: Vec::new(),
        seen: Vec::new(),
        root: Table::default(),
        errors: Vec::new(),
    };
    loading.file(name, text);
    if loading.errors.is_empty() {
        Ok(loading.root)
    } else {
        Err(loading.errors)
    }
}

struct Loading<'a, 'b> {
    sources: &'a mut Sources,
    loader: Loader<'b>,
    /// Identities of the files being read, the outermost first.
    open: Vec<String>,
    /// Identities of all files.
    seen: Vec<String>,
    root: Table,
    errors: Vec<ScenarioError>,
}

/// Tables whose entries have names.
const NAMED: [&str; 4] = ["nodes", "lans", "links", "vpns"];

impl Loading<'_, '_> {
    fn file(&mut self, name: &str, text: &str) {
        let base = self.sources.add(name, text);
        let mut root = match read(text, base) {
            Ok(root) => root,
            Err(errors) => return self.errors.extend(errors),
        };
        self.open.push(identity(name));
        self.seen.push(identity(name));
        if let Some(include) = root.take("include") {
            for value in one_or_many(&include.value) {
                self.include(name, value);
            }
        }
        self.open.pop();
        for field in root.0 {
            self.merge(field);
        }
    }

    fn include(&mut self, from: &str, value: &Value) {
        let Some(typed) = value.as_text() else {
            let kind = ErrorKind::WrongType {
                found: crate::file::found(value),
                expected: "a path".into(),
                fix: None,
            };
            return self.fail(&value.span, kind);
        };
        let path = beside(from, typed);
        let identity = identity(&path);
        if let Some(at) = self.open.iter().position(|open| *open == identity) {
            let kind = ErrorKind::IncludeCycle {
                path: typed.into(),
                through: self.open[at..]
                    .iter()
                    .skip(1)
                    .rev()
                    .skip(1)
                    .rev()
                    .cloned()
                    .collect(),
            };
            return self.fail(&value.span, kind);
        }
        if self.seen.contains(&identity) {
            return;
        }
        match (self.loader)(&path) {
            Ok(text) => self.file(&path, &text),
            Err(error) => {
                let kind = ErrorKind::Unreadable {
                    path,
                    reason: error.to_string(),
                };
                self.fail(&value.span, kind);
            }
        }
    }

    fn fail(&mut self, span: &Range<usize>, kind: ErrorKind) {
        self.errors.push(ScenarioError {
            span: span.clone(),
            subject: Subject::Scenario,
            kind,
            related: None,
        });
    }

    fn merge(&mut self, field: Field) {
        let Some(known) = self.root.get_mut(&field.key) else {
            self.root.0.push(field);
            return;
        };
        match (&mut known.value.what, field.value.what) {
            (What::Table(table), What::Table(more)) if NAMED.contains(&field.key.as_str()) => {
                for entry in more.0 {
                    let first = table.get(&entry.key).map(|first| first.place.clone());
                    match first {
                        None => table.0.push(entry),
                        Some(first) => self.errors.push(given_twice(&field.key, entry, first)),
                    }
                }
            }
            (What::Table(table), What::Table(more)) => settings(table, more),
            (What::Array(values), What::Array(more)) => values.extend(more),
            // One of them is of the wrong type, which the reading says.
            (What::Table(_), what) | (What::Array(_), what) => {
                known.value = Value {
                    what,
                    span: field.value.span,
                };
            }
            _ => {}
        }
    }
}

fn settings(table: &mut Table, more: Table) {
    for entry in more.0 {
        match table.get_mut(&entry.key) {
            None => table.0.push(entry),
            Some(known) => match (&mut known.value.what, entry.value.what) {
                (What::Table(known), What::Table(more)) => settings(known, more),
                (_, what) => {
                    *known = Field {
                        value: Value {
                            what,
                            span: entry.value.span,
                        },
                        ..entry
                    };
                }
            },
        }
    }
}

fn given_twice(part: &str, entry: Field, first: Range<usize>) -> ScenarioError {
    ScenarioError {
        span: entry.place,
        subject: subject(part, entry.key),
        kind: ErrorKind::GivenTwice,
        related: Some(Related {
            span: first,
            text: "it is here already".into(),
        }),
    }
}

/// What a mistake in an entry of a table is said about.
pub(crate) fn subject(part: &str, name: String) -> Subject {
    match part {
        "nodes" => Subject::Node(name),
        "lans" => Subject::Lan(name),
        "links" => Subject::Link(name),
        "vpns" => Subject::Vpn(name),
        "lab" => Subject::Lab,
        _ => Subject::Scenario,
    }
}

fn one_or_many(value: &Value) -> &[Value] {
    value.as_array().unwrap_or(std::slice::from_ref(value))
}

/// The path of `typed`, which stands in the file `from`.
fn beside(from: &str, typed: &str) -> String {
    let typed = typed.strip_prefix("./").unwrap_or(typed);
    match from.rsplit_once('/') {
        Some((directory, _)) if !typed.starts_with('/') => format!("{directory}/{typed}"),
        _ => typed.into(),
    }
}

/// What two ways to write one path have in common.
fn identity(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            "" if !parts.is_empty() => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, ".." | "")) => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::{beside, identity};

    #[test]
    fn paths_start_from_the_file_they_stand_in() {
        assert_eq!(beside("a.toml", "b.toml"), "b.toml");
        assert_eq!(beside("x/a.toml", "./b.toml"), "x/b.toml");
        assert_eq!(beside("x/a.toml", "../b.toml"), "x/../b.toml");
        assert_eq!(beside("x/a.toml", "/b.toml"), "/b.toml");
        assert_eq!(identity("x/../b.toml"), "b.toml");
        assert_eq!(identity("./x//b.toml"), "x/b.toml");
        assert_eq!(identity("../../b.toml"), "../../b.toml");
        assert_eq!(identity("/x/../b.toml"), "/b.toml");
    }
}
