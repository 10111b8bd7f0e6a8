//! Times and parts with a fraction, exactly.

use crate::error::ErrorKind;
use crate::values::bad;

/// `500us`, `1.5ms`, `2s`: in nanoseconds.
pub(crate) fn short_time(text: &str) -> Result<u64, ErrorKind> {
    const UNITS: [(&str, u64); 5] = [
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000),
    ];
    let number = |c: char| c.is_ascii_digit() || c == '.';
    let (digits, unit) = text.split_at(text.find(|c| !number(c)).unwrap_or(text.len()));
    let unit = UNITS.iter().find(|(word, _)| *word == unit);
    let nanos = unit.and_then(|(_, nanos)| impair::in_parts(digits, *nanos));
    nanos.ok_or_else(|| bad("a time", text, "like \"500us\", \"1.5ms\" or \"2s\""))
}

/// `1%`, `0.25%`: in millionths.
pub(crate) fn percent(text: &str) -> Result<u32, ErrorKind> {
    let share: impair::Share = text.parse()?;
    Ok(share.millionths())
}
