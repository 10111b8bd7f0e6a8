//! A parsed text as a tree of values with places: what includes, variables and groups are worked out on, before
//! anything knows what the keys mean.

mod include;
mod read;

use std::ops::Range;

pub(crate) use include::{load, subject};
pub(crate) use read::read;

use crate::error::ErrorKind;

/// A value and its place.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Value {
    pub what: What,
    pub span: Range<usize>,
}

/// The types of TOML, and what an expression gave.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum What {
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Date(String),
    Array(Vec<Value>),
    Table(Table),
    /// The result of an expression that was a string's whole content: a number where a number is wanted, text
    /// where text is.
    Computed(Scalar),
    /// A value that TOML allows and we cannot hold.
    Broken(ErrorKind),
}

/// What a variable can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Integer(i64),
    Boolean(bool),
    Text(String),
}

/// The entries of a table, in the order of the text.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Table(pub Vec<Field>);

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub key: String,
    /// Where the key is.
    pub place: Range<usize>,
    pub value: Value,
}

impl Table {
    pub fn get(&self, key: &str) -> Option<&Field> {
        self.0.iter().find(|field| field.key == key)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Field> {
        self.0.iter_mut().find(|field| field.key == key)
    }

    pub fn take(&mut self, key: &str) -> Option<Field> {
        let at = self.0.iter().position(|field| field.key == key)?;
        Some(self.0.remove(at))
    }
}

impl Value {
    pub fn as_text(&self) -> Option<&str> {
        match &self.what {
            What::Text(text) | What::Computed(Scalar::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub fn as_array(&self) -> Option<&[Value]> {
        match &self.what {
            What::Array(values) => Some(values),
            _ => None,
        }
    }

    pub fn as_table(&self) -> Option<&Table> {
        match &self.what {
            What::Table(table) => Some(table),
            _ => None,
        }
    }
}

impl std::fmt::Display for Scalar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}
