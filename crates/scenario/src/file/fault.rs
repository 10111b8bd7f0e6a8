//! What goes wrong while reading, as data.

use std::fmt;
use std::ops::Range;

use crate::error::ErrorKind;
use crate::tree::{Scalar, Value, What};
use serde::de::{self, Expected, Unexpected};

/// An error and, once known, its place.
#[derive(Debug)]
pub(super) struct Fault {
    pub span: Option<Range<usize>>,
    pub kind: Box<ErrorKind>,
}

/// A value of a type that cannot be there.
pub(super) fn not_a(expected: &'static str, value: &Value) -> Fault {
    let fault: Fault = de::Error::invalid_type(unexpected(&value.what), &expected);
    fault.at(value.span.clone())
}

impl Fault {
    pub fn new(kind: ErrorKind, place: Range<usize>) -> Self {
        Self {
            span: Some(place),
            kind: kind.into(),
        }
    }

    /// Says where, unless something nearer already did.
    pub fn at(mut self, place: Range<usize>) -> Self {
        self.span.get_or_insert(place);
        self
    }

    /// Lets a number that should be a span of time be mended as seconds.
    pub fn of_seconds(mut self) -> Self {
        if let ErrorKind::WrongType { fix: Some(fix), .. } = &mut *self.kind
            && let Some(number) = fix.strip_suffix('"')
        {
            *fix = format!("{number}s\"");
        }
        self
    }
}

impl From<ErrorKind> for Fault {
    fn from(kind: ErrorKind) -> Self {
        Self {
            span: None,
            kind: kind.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        ErrorKind::Other {
            message: message.to_string(),
        }
        .into()
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = type_word(&expected.to_string());
        let fix = match found {
            Unexpected::Str(text) if expected == "an integer" && text.parse::<i64>().is_ok() => {
                Some(text.to_string())
            }
            Unexpected::Str(text)
                if expected == "a boolean" && matches!(text, "true" | "false") =>
            {
                Some(text.to_string())
            }
            Unexpected::Signed(number) if expected == "a string" => Some(format!("\"{number}\"")),
            _ => None,
        };
        ErrorKind::WrongType {
            found: found_word(&found),
            expected,
            fix,
        }
        .into()
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let known = expected.iter().map(ToString::to_string).collect();
        ErrorKind::UnknownWord {
            what: String::new(),
            word: variant.into(),
            known,
        }
        .into()
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let known = expected.iter().map(ToString::to_string).collect();
        ErrorKind::UnknownKey {
            key: field.into(),
            known,
        }
        .into()
    }

    fn missing_field(field: &'static str) -> Self {
        ErrorKind::MissingKey { key: field.into() }.into()
    }
}

/// A value as serde names it.
pub(super) fn unexpected(value: &What) -> Unexpected<'_> {
    match value {
        What::Text(text) | What::Computed(Scalar::Text(text)) => Unexpected::Str(text),
        What::Integer(_) | What::Broken(_) => Unexpected::Other("an integer"),
        What::Computed(Scalar::Integer(_)) => Unexpected::Other("an integer"),
        What::Float(_) => Unexpected::Other("a float"),
        What::Boolean(value) | What::Computed(Scalar::Boolean(value)) => Unexpected::Bool(*value),
        What::Date(_) => Unexpected::Other("a date"),
        What::Array(_) => Unexpected::Seq,
        What::Table(_) => Unexpected::Map,
    }
}

/// What a value is, with its article.
pub(crate) fn found(value: &Value) -> String {
    found_word(&unexpected(&value.what))
}

fn found_word(found: &Unexpected<'_>) -> String {
    match found {
        Unexpected::Str(_) => "a string",
        Unexpected::Signed(_) | Unexpected::Unsigned(_) => "an integer",
        Unexpected::Float(_) => "a float",
        Unexpected::Bool(_) => "a boolean",
        Unexpected::Seq => "an array",
        Unexpected::Map => "a table",
        other => return other.to_string(),
    }
    .into()
}

/// What serde's derives expect, in the words of TOML.
fn type_word(expected: &str) -> String {
    match expected {
        "i64" | "usize" => "an integer".into(),
        "a sequence" => "an array".into(),
        _ if expected.starts_with("struct ") || expected == "a map" => "a table".into(),
        _ => expected.into(),
    }
}
