//! One figure: what it was in each run, and what it is held against.

use std::fmt;

use serde_json::{Value, json};

/// What is measured, and what came out.
#[derive(Debug, Default)]
pub struct Figure {
    /// What it tells.
    pub name: String,
    /// `us`, `ms`, `s`, `B`, `MB`.
    pub unit: &'static str,
    /// What it was in each run.
    pub values: Vec<f64>,
    /// The median it should not exceed.
    pub aim: Option<f64>,
    /// What another program took.
    pub other: Option<Other>,
}

/// The same, done by another program.
#[derive(Debug)]
pub enum Other {
    /// In the same runs.
    Measured {
        /// What the program is called.
        name: &'static str,
        /// What it took in each run.
        values: Vec<f64>,
    },
    /// Elsewhere, or not at all: in words.
    Told(String),
}

/// What stands above the figures.
pub const HEADING: &str = "\
figure                                                  min    median       max       aim
-----------------------------------------------------------------------------------------";

/// The middle one; the lower of two.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len().saturating_sub(1) / 2;
    sorted.get(middle).copied().unwrap_or(f64::NAN)
}

impl Figure {
    fn met(&self) -> Option<bool> {
        self.aim.map(|aim| median(&self.values) <= aim)
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = self.unit;
        let shown = |value: f64| match unit {
            "s" | "us" => format!("{value:.2} {unit}"),
            "B" => format!("{value:.0} {unit}"),
            _ => format!("{value:.1} {unit}"),
        };
        let least = self.values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self
            .values
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max);
        write!(f, "{:<48}", self.name)?;
        if !self.values.is_empty() {
            for value in [least, median(&self.values), most] {
                write!(f, "{:>10}", shown(value))?;
            }
        }
        if let Some(aim) = self.aim {
            write!(f, "{:>10}", shown(aim))?;
        }
        match self.met() {
            Some(true) => write!(f, "  met")?,
            Some(false) => write!(f, "  MISSED")?,
            None => {}
        }
        match &self.other {
            None => Ok(()),
            Some(Other::Told(text)) => write!(f, "  {text}"),
            Some(Other::Measured { name, values }) => {
                let theirs = median(values);
                let times = theirs / median(&self.values);
                let more = if unit == "B" { "much" } else { "long" };
                write!(
                    f,
                    "  {name} took {}: {times:.0} times as {more}",
                    shown(theirs)
                )
            }
        }
    }
}

/// Figures for scripts.
pub fn document(figures: &[Figure], host: &str) -> Value {
    let figures: Vec<Value> = figures
        .iter()
        .map(|figure| {
            let (other, theirs, ratio) = match &figure.other {
                None => (Value::Null, Value::Null, Value::Null),
                Some(Other::Told(text)) => (json!(text), Value::Null, Value::Null),
                Some(Other::Measured { name, values }) => {
                    let ratio = median(values) / median(&figure.values);
                    (json!(name), json!(values), json!(ratio))
                }
            };
            json!({
                "name": figure.name,
                "unit": figure.unit,
                "values": figure.values,
                "median": median(&figure.values),
                "aim": figure.aim,
                "met": figure.met(),
                "other": other,
                "other_values": theirs,
                "ratio": ratio,
            })
        })
        .collect();
    json!({ "host": host, "figures": figures })
}
