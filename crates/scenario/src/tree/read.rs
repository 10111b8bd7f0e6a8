//! One text of TOML to a tree.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::{Field, Table, Value, What};
use crate::error::{ErrorKind, Related, ScenarioError, Subject};

/// The root table of `text`, whose first octet has the offset `base`, or why it is not TOML.
pub(crate) fn read(text: &str, base: usize) -> Result<Table, Vec<ScenarioError>> {
    let (root, syntax) = DeTable::parse_recoverable(text);
    if syntax.is_empty() {
        return Ok(table(root.get_ref(), base));
    }
    let line_of = |offset: usize| {
        text[..text.floor_char_boundary(offset)]
            .matches('\n')
            .count()
    };
    let mut errors: Vec<ScenarioError> = Vec::new();
    let mut line = None;
    for error in &syntax {
        let span = error.span().unwrap_or(text.len()..text.len());
        // What follows on the same line is the parser having lost its way.
        let here = Some(line_of(span.start));
        if line != here {
            let error = syntax_error(error.message(), span, text, root.get_ref());
            errors.push(moved(error, base));
        }
        line = here;
    }
    Err(errors)
}

fn moved(mut error: ScenarioError, base: usize) -> ScenarioError {
    error.span = shifted(&error.span, base);
    if let Some(related) = &mut error.related {
        related.span = shifted(&related.span, base);
    }
    error
}

fn shifted(span: &Range<usize>, base: usize) -> Range<usize> {
    span.start + base..span.end + base
}

fn table(typed: &DeTable<'_>, base: usize) -> Table {
    let fields = in_order(typed).map(|(key, typed)| Field {
        key: key.get_ref().to_string(),
        place: shifted(&key.span(), base),
        value: value(typed, base),
    });
    Table(fields.collect())
}

fn value(typed: &Spanned<DeValue<'_>>, base: usize) -> Value {
    let what = match typed.get_ref() {
        DeValue::String(text) => What::Text(text.to_string()),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(integer) => What::Integer(integer),
            Err(error) => What::Broken(ErrorKind::BadValue {
                what: "an integer".into(),
                value: integer.to_string(),
                reason: error.to_string(),
            }),
        },
        DeValue::Float(float) => What::Float(float.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(value) => What::Boolean(*value),
        DeValue::Datetime(date) => What::Date(date.to_string()),
        DeValue::Array(values) => {
            What::Array(values.iter().map(|element| value(element, base)).collect())
        }
        DeValue::Table(entries) => What::Table(table(entries, base)),
    };
    Value {
        what,
        span: shifted(&typed.span(), base),
    }
}

type Pair<'a, 'i> = (&'a Spanned<DeString<'i>>, &'a Spanned<DeValue<'i>>);

/// Entries of a table in the order of the text.
fn in_order<'a, 'i>(table: &'a DeTable<'i>) -> impl Iterator<Item = Pair<'a, 'i>> {
    let mut entries: Vec<Pair<'a, 'i>> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries.into_iter()
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
            DeValue::Table(inner) => inside(inner, value, key, before, text),
            DeValue::Array(array) => array.iter().rev().find_map(|element| {
                inside(element.get_ref().as_table()?, element, key, before, text)
            }),
            _ => None,
        };
        found = deeper.or(found);
    }
    found
}

fn inside(
    inner: &DeTable<'_>,
    value: &Spanned<DeValue<'_>>,
    key: &str,
    before: usize,
    text: &str,
) -> Option<Range<usize>> {
    let inline = text[value.span().start..].starts_with('{');
    let around = value.span().contains(&before);
    (around || !inline)
        .then(|| first_place(inner, key, before, text))
        .flatten()
}
