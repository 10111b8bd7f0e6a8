//! Entries: a group is one entry with a `count`, from which its members are made.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Expander, Noted};
use crate::error::{ErrorKind, Related, ScenarioError, Subject};
use crate::file::{BODIES, found};
use crate::tree::{Field, Scalar, Table, Value, What, subject};

/// An entry that several were made from: `NAME-1`, `NAME-2` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    /// The table it is in: `nodes`.
    pub part: String,
    /// What it is called.
    pub name: String,
    /// How many members it has.
    pub count: usize,
}

/// More members than a machine can hold.
const MOST: i64 = 100_000;

/// Names given in one table: the place, and the number in the group for one that was made.
type Given = BTreeMap<String, (Range<usize>, Option<usize>)>;

impl Expander<'_> {
    /// The entries of `[nodes]`, `[lans]`, `[links]` or `[vpns]`.
    pub(super) fn entries(&mut self, part: &str, typed: Table) -> Table {
        let mut made = Table::default();
        let mut given = Given::new();
        for mut field in typed.0 {
            let of = subject(part, field.key.clone());
            self.give(&mut given, &field, &field.key, None, &of);
            let What::Table(entry) = &mut field.value.what else {
                made.0.push(field);
                continue;
            };
            match entry.take("count") {
                None => match self.entry(part, &mut field, None, &of) {
                    Ok(()) => made.0.push(field),
                    Err(Noted) => self.out.broken.push(field.key),
                },
                Some(count) => match self.count(count, &of) {
                    Ok(count) => self.group(part, &field, count, &mut given, &mut made),
                    Err(Noted) => self.out.broken.push(field.key),
                },
            }
        }
        made
    }

    /// The steps; one with a `count` is so many, one after the other.
    pub(super) fn steps(&mut self, typed: Vec<Value>) -> Vec<Value> {
        self.steps_in(typed, None, None)
    }

    /// The steps of a member `i` of its group, in the step `of`; without one, they are those of the scenario.
    fn steps_in(
        &mut self,
        typed: Vec<Value>,
        i: Option<usize>,
        of: Option<&Subject>,
    ) -> Vec<Value> {
        let mut made = Vec::new();
        for mut step in typed {
            let of = of.cloned().unwrap_or(Subject::Step(made.len() + 1));
            let count = match &mut step.what {
                What::Table(step) => step.take("count"),
                _ => None,
            };
            let Some(count) = count else {
                // A step whose expressions could not be computed says so once.
                let _ = self.step(&mut step, i, &of);
                made.push(step);
                continue;
            };
            let Ok(count) = self.count(count, &of) else {
                continue;
            };
            for i in 1..=count {
                let mut member = step.clone();
                let computed = self.step(&mut member, Some(i), &of);
                made.push(member);
                if computed.is_err() {
                    break;
                }
            }
        }
        made
    }

    /// Computes a step and the steps in it.
    fn step(&mut self, step: &mut Value, i: Option<usize>, of: &Subject) -> Result<(), Noted> {
        let What::Table(table) = &mut step.what else {
            return self.value(step, i, of);
        };
        for field in &mut table.0 {
            match BODIES.iter().find(|(word, _)| *word == field.key) {
                Some((_, None)) => self.body(&mut field.value, i, of),
                Some((_, Some(key))) => match &mut field.value.what {
                    What::Table(inner) => {
                        for field in &mut inner.0 {
                            if field.key == *key {
                                self.body(&mut field.value, i, of);
                            } else {
                                self.value(&mut field.value, i, of)?;
                            }
                        }
                    }
                    _ => self.value(&mut field.value, i, of)?,
                },
                None => self.value(&mut field.value, i, of)?,
            }
        }
        Ok(())
    }

    /// Computes what should be a list of steps.
    fn body(&mut self, body: &mut Value, i: Option<usize>, of: &Subject) {
        if let What::Array(steps) = &mut body.what {
            let typed = std::mem::take(steps);
            *steps = self.steps_in(typed, i, Some(of));
        }
    }

    fn group(
        &mut self,
        part: &str,
        field: &Field,
        count: usize,
        given: &mut Given,
        made: &mut Table,
    ) {
        let name = |i: usize| format!("{}-{i}", field.key);
        self.out.groups.push(Group {
            part: part.into(),
            name: field.key.clone(),
            count,
        });
        for i in 1..=count {
            let mut member = field.clone();
            member.key = name(i);
            let of = subject(part, member.key.clone());
            self.give(given, field, &member.key, Some(i), &of);
            if self.entry(part, &mut member, Some(i), &of).is_err() {
                // The others would only repeat it.
                self.out.broken.push(field.key.clone());
                self.out.broken.extend((i..=count).map(name));
                return;
            }
            made.0.push(member);
        }
    }

    /// Computes an entry and fills in the defaults for its kind.
    fn entry(
        &mut self,
        part: &str,
        field: &mut Field,
        i: Option<usize>,
        of: &Subject,
    ) -> Result<(), Noted> {
        let What::Table(entry) = &mut field.value.what else {
            return Ok(());
        };
        self.table(entry, i, of)?;
        let kind = match part {
            "nodes" => entry.get("kind").and_then(|kind| kind.value.as_text()),
            "lans" => Some("lan"),
            "links" => Some("link"),
            _ => None,
        };
        let defaults = self.out.defaults.iter();
        let defaults = defaults
            .filter(|defaults| Some(defaults.key.as_str()) == kind)
            .filter_map(|defaults| defaults.value.as_table());
        let mut missing: Table = Table(
            defaults
                .flat_map(|defaults| &defaults.0)
                .filter(|default| entry.get(&default.key).is_none())
                .cloned()
                .collect(),
        );
        self.table(&mut missing, i, of)?;
        entry.0.append(&mut missing.0);
        Ok(())
    }

    fn count(&mut self, mut count: Field, of: &Subject) -> Result<usize, Noted> {
        self.value(&mut count.value, None, of)?;
        let kind = match &count.value.what {
            What::Integer(number) | What::Computed(Scalar::Integer(number)) => {
                match usize::try_from(*number) {
                    Ok(count) if (1..=MOST).contains(number) => return Ok(count),
                    _ => ErrorKind::OutOfRange {
                        what: "the count".into(),
                        value: *number,
                        min: 1,
                        max: MOST,
                    },
                }
            }
            _ => ErrorKind::WrongType {
                found: found(&count.value),
                expected: "an integer".into(),
                fix: None,
            },
        };
        Err(self.fail(count.value.span, Some(kind), of))
    }

    /// Notes that `name` is given at `field`, the number `i` of its group; once more is a mistake.
    fn give(
        &mut self,
        given: &mut Given,
        field: &Field,
        name: &str,
        i: Option<usize>,
        of: &Subject,
    ) {
        let Some((span, first)) = given.insert(name.into(), (field.place.clone(), i)) else {
            return;
        };
        let text = match first {
            Some(i) => format!("it is number {i} of this group already"),
            None => "it is here already".into(),
        };
        self.out.broken.push(name.into());
        self.out.errors.push(ScenarioError {
            span: field.place.clone(),
            subject: of.clone(),
            kind: ErrorKind::GivenTwice,
            related: Some(Related { span, text }),
        });
    }
}
