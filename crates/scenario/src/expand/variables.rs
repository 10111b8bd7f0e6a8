//! `[vars]` and what the command line sets.

use std::collections::BTreeMap;

use super::expression::Mistake;
use super::text;
use crate::error::{ErrorKind, ScenarioError, Subject};
use crate::file::found;
use crate::source::Sources;
use crate::tree::{Scalar, Table, Value, What};

/// Every variable with its value; `None` for one whose mistake has been said.
#[derive(Debug, Default)]
pub(super) struct Variables {
    values: BTreeMap<String, Option<Scalar>>,
}

impl Variables {
    /// The value of `name`, or what is wrong with asking for it; `i` is the number of the member of a group.
    pub fn get(&self, name: &str, i: Option<usize>) -> Result<Scalar, Option<ErrorKind>> {
        match (name, i) {
            ("i", Some(i)) => Ok(Scalar::Integer(i64::try_from(i).unwrap_or(i64::MAX))),
            ("i", None) => Err(Some(ErrorKind::Misplaced {
                key: "i".into(),
                reason: "counts the members of a group, and there is no `count` here".into(),
            })),
            _ => match self.values.get(name) {
                Some(Some(value)) => Ok(value.clone()),
                Some(None) => Err(None),
                None => Err(Some(unknown("uses", name, &self.values))),
            },
        }
    }
}

fn unknown<T>(verb: &str, name: &str, values: &BTreeMap<String, T>) -> ErrorKind {
    ErrorKind::UnknownName {
        verb: verb.into(),
        what: "variable".into(),
        name: name.into(),
        known: values.keys().cloned().collect(),
    }
}

/// The variables of `vars`, with what `set` says instead.
pub(super) fn read(
    vars: Option<&Value>,
    set: &[(String, String)],
    sources: &mut Sources,
    errors: &mut Vec<ScenarioError>,
) -> Variables {
    let none = Table::default();
    let mut fail = |span, kind| {
        errors.push(ScenarioError {
            span,
            subject: Subject::Scenario,
            kind,
            related: None,
        });
    };
    let table = match vars.map(|vars| (vars, vars.as_table())) {
        Some((_, Some(table))) => table,
        Some((vars, None)) => {
            let kind = ErrorKind::WrongType {
                found: found(vars),
                expected: "a table".into(),
                fix: None,
            };
            fail(vars.span.clone(), kind);
            &none
        }
        None => &none,
    };
    let mut typed: BTreeMap<String, Typed<'_>> = BTreeMap::new();
    for field in &table.0 {
        if let Some(kind) = bad_name(&field.key) {
            fail(field.place.clone(), kind);
        } else {
            typed.insert(field.key.clone(), Typed::InFile(&field.value));
        }
    }
    for (name, value) in set {
        let base = sources.add("--set", &format!("{name}={value}"));
        match typed.get_mut(name) {
            Some(known) => *known = Typed::Set(text::set(value)),
            None => fail(base..base + name.len(), unknown("sets", name, &typed)),
        }
    }
    let mut computing = Computing {
        typed: &typed,
        sources,
        open: Vec::new(),
        done: BTreeMap::new(),
        errors,
    };
    for name in typed.keys() {
        // Whatever is wrong with it has been noted.
        let _ = computing.value(name);
    }
    Variables {
        values: computing.done,
    }
}

fn bad_name(name: &str) -> Option<ErrorKind> {
    if name == "i" {
        let reason = "is the number of a member in its group".into();
        return Some(ErrorKind::Misplaced {
            key: "i".into(),
            reason,
        });
    }
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (!good).then(|| ErrorKind::BadValue {
        what: "a variable's name".into(),
        value: name.into(),
        reason: "a letter, then letters, digits and `_`".into(),
    })
}

enum Typed<'a> {
    InFile(&'a Value),
    Set(Scalar),
}

/// Variables may use each other, in any order.
struct Computing<'a> {
    typed: &'a BTreeMap<String, Typed<'a>>,
    sources: &'a Sources,
    /// Variables being computed, the outermost first.
    open: Vec<String>,
    done: BTreeMap<String, Option<Scalar>>,
    errors: &'a mut Vec<ScenarioError>,
}

impl Computing<'_> {
    fn value(&mut self, name: &str) -> Result<Scalar, Option<ErrorKind>> {
        if let Some(done) = self.done.get(name) {
            return done.clone().ok_or(None);
        }
        let Some(typed) = self.typed.get(name) else {
            let kind = match name {
                "i" => Variables::default().get("i", None).err().flatten(),
                _ => Some(unknown("uses", name, self.typed)),
            };
            return Err(kind);
        };
        if self.open.iter().any(|open| open == name) || self.open.len() > 32 {
            return Err(Some(ErrorKind::Uncomputable {
                expression: name.into(),
                reason: "it is computed from itself".into(),
            }));
        }
        self.open.push(name.into());
        let value = match typed {
            Typed::Set(value) => Some(value.clone()),
            Typed::InFile(value) => self.compute(value),
        };
        self.open.pop();
        self.done.insert(name.into(), value.clone());
        value.ok_or(None)
    }

    fn compute(&mut self, value: &Value) -> Option<Scalar> {
        let (span, kind) = match &value.what {
            What::Integer(number) => return Some(Scalar::Integer(*number)),
            What::Boolean(value) => return Some(Scalar::Boolean(*value)),
            What::Text(typed) => match text::expand(typed, &mut |name| self.value(name)) {
                Ok(What::Computed(scalar)) => return Some(scalar),
                Ok(What::Text(text)) => return Some(Scalar::Text(text)),
                Ok(_) => return None,
                Err(Mistake { at, kind }) => {
                    (text::place(self.sources, &value.span, typed, at), kind)
                }
            },
            What::Broken(kind) => (value.span.clone(), Some(kind.clone())),
            _ => {
                let kind = ErrorKind::WrongType {
                    found: found(value),
                    expected: "an integer, a string or a boolean".into(),
                    fix: None,
                };
                (value.span.clone(), Some(kind))
            }
        };
        if let Some(kind) = kind {
            self.errors.push(ScenarioError {
                span,
                subject: Subject::Scenario,
                kind,
                related: None,
            });
        }
        None
    }
}
