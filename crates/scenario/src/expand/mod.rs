//! Variables, groups and defaults, worked out on the tree: afterwards every entry is one thing with a name, and
//! whatever was computed keeps the place of the string it was computed from.

mod expression;
mod groups;
mod text;
mod variables;

use crate::error::{ErrorKind, ScenarioError, Subject};
use crate::file::{KINDS, found};
use crate::source::Sources;
use crate::tree::{Field, Table, Value, What, subject};

pub(crate) use groups::Group;
use variables::Variables;

/// A tree without variables, groups and defaults.
#[derive(Debug, Default)]
pub(crate) struct Expanded {
    /// What is left to read.
    pub root: Table,
    /// Defaults as they were typed, for who knows the keys.
    pub defaults: Vec<Field>,
    /// What several entries were made from.
    pub groups: Vec<Group>,
    /// Names of entries that could not be made.
    pub broken: Vec<String>,
    /// What is wrong.
    pub errors: Vec<ScenarioError>,
}

/// Works out `root`; `set` gives variables other values than the file's.
pub(crate) fn expand(mut root: Table, set: &[(String, String)], sources: &mut Sources) -> Expanded {
    let mut out = Expanded::default();
    let vars = root.take("vars");
    let vars = vars.as_ref().map(|vars| &vars.value);
    let variables = variables::read(vars, set, sources, &mut out.errors);
    out.defaults = defaults(root.take("defaults"), &mut out.errors);
    let mut expander = Expander {
        variables,
        sources,
        out,
    };
    for field in root.0 {
        let field = expander.part(field);
        expander.out.root.0.push(field);
    }
    expander.out
}

struct Expander<'a> {
    variables: Variables,
    sources: &'a Sources,
    out: Expanded,
}

/// What is wrong has been noted.
struct Noted;

impl Expander<'_> {
    fn part(&mut self, mut field: Field) -> Field {
        let part = ["nodes", "lans", "links", "vpns"];
        field.value.what = match field.value.what {
            What::Table(entries) if part.contains(&field.key.as_str()) => {
                What::Table(self.entries(&field.key, entries))
            }
            What::Array(steps) if field.key == "step" => What::Array(self.steps(steps)),
            _ => {
                let subject = subject(&field.key, String::new());
                let _ = self.value(&mut field.value, None, &subject);
                field.value.what
            }
        };
        field
    }

    /// Computes every expression in `value`, of the member `i` of its group.
    fn value(&mut self, value: &mut Value, i: Option<usize>, of: &Subject) -> Result<(), Noted> {
        match &mut value.what {
            What::Text(typed) if typed.contains("${") => {
                let lookup = &mut |name: &str| self.variables.get(name, i);
                match text::expand(typed, lookup) {
                    Ok(computed) => value.what = computed,
                    Err(mistake) => {
                        let span = text::place(self.sources, &value.span, typed, mistake.at);
                        return Err(self.fail(span, mistake.kind, of));
                    }
                }
            }
            What::Array(values) => {
                for value in values {
                    self.value(value, i, of)?;
                }
            }
            What::Table(table) => self.table(table, i, of)?,
            _ => {}
        }
        Ok(())
    }

    fn table(&mut self, table: &mut Table, i: Option<usize>, of: &Subject) -> Result<(), Noted> {
        for field in &mut table.0 {
            if field.key.contains("${") {
                let lookup = &mut |name: &str| self.variables.get(name, i);
                field.key = match text::expand(&field.key, lookup) {
                    Ok(What::Text(key)) => key,
                    Ok(What::Computed(scalar)) => scalar.to_string(),
                    Ok(_) => return Err(Noted),
                    Err(mistake) => {
                        let span = text::place(self.sources, &field.place, &field.key, mistake.at);
                        return Err(self.fail(span, mistake.kind, of));
                    }
                };
            }
            self.value(&mut field.value, i, of)?;
        }
        Ok(())
    }

    fn fail(
        &mut self,
        span: std::ops::Range<usize>,
        kind: Option<ErrorKind>,
        subject: &Subject,
    ) -> Noted {
        if let Some(kind) = kind {
            self.out.errors.push(ScenarioError {
                span,
                subject: subject.clone(),
                kind,
                related: None,
            });
        }
        Noted
    }
}

/// What `[defaults]` can be about.
fn defaults(typed: Option<Field>, errors: &mut Vec<ScenarioError>) -> Vec<Field> {
    let Some(typed) = typed else {
        return Vec::new();
    };
    let mut fail = |span, kind| {
        errors.push(ScenarioError {
            span,
            subject: Subject::Scenario,
            kind,
            related: None,
        });
    };
    let table = |value: &Value| ErrorKind::WrongType {
        found: found(value),
        expected: "a table".into(),
        fix: None,
    };
    let What::Table(about) = typed.value.what else {
        fail(typed.value.span.clone(), table(&typed.value));
        return Vec::new();
    };
    let mut kept = Vec::new();
    for field in about.0 {
        let known = || KINDS.iter().chain(&["lan", "link"]);
        if !known().any(|known| *known == field.key) {
            let known = known().map(ToString::to_string).collect();
            let kind = ErrorKind::UnknownKey {
                key: field.key,
                known,
            };
            fail(field.place, kind);
        } else if field.value.as_table().is_none() {
            fail(field.value.span.clone(), table(&field.value));
        } else {
            kept.push(field);
        }
    }
    kept
}
