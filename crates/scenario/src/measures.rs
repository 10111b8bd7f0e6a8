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
    let nanos = unit.and_then(|(_, nanos)| decimal(digits, *nanos));
    nanos.ok_or_else(|| bad("a time", text, "like \"500us\", \"1.5ms\" or \"2s\""))
}

/// `1%`, `0.25%`: in millionths.
pub(crate) fn percent(text: &str) -> Result<u32, ErrorKind> {
    let parts = text
        .strip_suffix('%')
        .and_then(|text| decimal(text, 10_000));
    let parts = parts.and_then(|parts| u32::try_from(parts).ok());
    let parts = parts.filter(|parts| *parts <= 1_000_000);
    let like = "like \"1%\" or \"0.25%\", 0% to 100%";
    parts.ok_or_else(|| bad("a percentage", text, like))
}

/// A number with or without a fraction, in parts of which one has `whole`, a power of ten or sixty of them. More digits
/// than there are parts, or more than 2^63, is none.
fn decimal(text: &str, whole: u64) -> Option<u64> {
    let (integer, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let good = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !good(integer) || !good(fraction) || fraction.len() > 9 {
        return None;
    }
    let scale = 10u64.pow(u32::try_from(fraction.len()).ok()?);
    let below = u128::from(fraction.parse::<u64>().ok()?) * u128::from(whole);
    if below % u128::from(scale) != 0 {
        return None;
    }
    let above = u128::from(integer.parse::<u64>().ok()?).checked_mul(u128::from(whole))?;
    let all = above.checked_add(below / u128::from(scale))?;
    u64::try_from(all).ok().filter(|all| *all < 1 << 63)
}
