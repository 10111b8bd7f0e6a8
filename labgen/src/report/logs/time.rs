//! The time of a line of a log, in the formats of the programs that labs run.

/// A time as a line tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// Microseconds since 1970, or since midnight where there is no date.
    micros: i64,
    /// It says how far it is from UTC.
    zoned: bool,
    /// It says the day.
    dated: bool,
}

/// Lab time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    /// Its 0 in nanoseconds since 1970.
    pub(super) epoch_ns: u64,
    /// When the run ended, in microseconds of lab time.
    pub(super) end: u64,
}

const DAY: i64 = 86_400_000_000;
/// Time zones are whole numbers of this apart.
const QUARTER: i64 = 900_000_000;
/// The longest a run may seem to begin after its first line was said.
const SLACK: i64 = 60_000_000;

impl Clock {
    fn epoch(self) -> i64 {
        i64::try_from(self.epoch_ns / 1000).unwrap_or(i64::MAX)
    }

    /// How far ahead of UTC times without a zone are: so that the first of them falls into the run.
    pub(super) fn ahead(self, stamps: impl Iterator<Item = Stamp>) -> i64 {
        let first = stamps
            .filter(|stamp| !stamp.zoned)
            .map(|s| self.dated(s))
            .min();
        first.map_or(0, |first| {
            (first - self.epoch() + SLACK).div_euclid(QUARTER) * QUARTER
        })
    }

    /// Microseconds since 1970; the day of the run where the stamp has none.
    fn dated(self, stamp: Stamp) -> i64 {
        match stamp.dated {
            true => stamp.micros,
            false => self.epoch().div_euclid(DAY) * DAY + stamp.micros,
        }
    }

    /// Lab time, not before its beginning.
    pub(super) fn lab_time(self, stamp: Stamp, ahead: i64) -> u64 {
        let ahead = if stamp.zoned { 0 } else { ahead };
        let mut since = self.dated(stamp) - ahead - self.epoch();
        // A run across midnight.
        if !stamp.dated && since < -DAY / 2 {
            since += DAY;
        }
        u64::try_from(since)
            .unwrap_or(0)
            .min(self.end.saturating_add(DAY.unsigned_abs()))
    }
}

/// The first time in the line, if it is near its beginning.
pub(super) fn stamp(line: &str) -> Option<Stamp> {
    const NEAR: usize = 200;
    let bytes = &line.as_bytes()[..line.len().min(NEAR)];
    let starts = (0..bytes.len()).filter(|at| {
        bytes[*at].is_ascii_digit() && (*at == 0 || !bytes[*at - 1].is_ascii_alphanumeric())
    });
    // GoBGP tells level and message first.
    starts.take(12).find_map(|at| {
        let rest = &bytes[at..];
        date_and_time(rest).or_else(|| if at == 0 { time_of_day(rest) } else { None })
    })
}

/// `2026-11-21T18:05:36.568364Z`, `2026-11-21 18:05:36.599`, `2026/11/21 18:05:36.123456`, `...+02:00`.
fn date_and_time(text: &[u8]) -> Option<Stamp> {
    let year = number(text, 0, 4)?;
    let separator = *text.get(4)?;
    if !matches!(separator, b'-' | b'/') || text.get(7) != Some(&separator) {
        return None;
    }
    let (month, day) = (number(text, 5, 2)?, number(text, 8, 2)?);
    if !matches!(text.get(10)?, b' ' | b'T') || !(1..=12).contains(&month) {
        return None;
    }
    let (clock, length) = time(text.get(11..)?)?;
    let rest = text.get(11 + length..).unwrap_or_default();
    let offset = offset(rest);
    Some(Stamp {
        micros: days(year, month, day) * DAY + clock - offset.unwrap_or(0),
        zoned: offset.is_some(),
        dated: true,
    })
}

fn time_of_day(text: &[u8]) -> Option<Stamp> {
    let (micros, _) = time(text)?;
    Some(Stamp {
        micros,
        zoned: false,
        dated: false,
    })
}

/// `18:05:36`, with or without a fraction; microseconds since midnight, and how long it is.
fn time(text: &[u8]) -> Option<(i64, usize)> {
    let colons = text.get(2) == Some(&b':') && text.get(5) == Some(&b':');
    if !colons {
        return None;
    }
    let [hour, minute, second] = [
        number(text, 0, 2)?,
        number(text, 3, 2)?,
        number(text, 6, 2)?,
    ];
    if hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let whole = ((hour * 60 + minute) * 60 + second) * 1_000_000;
    let fraction = match text.get(8) {
        Some(b'.' | b',') => text[9..].iter().take_while(|c| c.is_ascii_digit()).count(),
        _ => 0,
    };
    if fraction == 0 {
        return Some((whole, 8));
    }
    let digits = fraction.min(6);
    let scale = 10i64.pow(6 - u32::try_from(digits).ok()?);
    Some((whole + number(text, 9, digits)? * scale, 9 + fraction))
}

/// `Z`, `+02:00`: microseconds ahead of UTC.
fn offset(text: &[u8]) -> Option<i64> {
    match text.first()? {
        b'Z' => Some(0),
        sign @ (b'+' | b'-') => {
            let minutes = number(text, 1, 2)? * 60 + number(text, 4, 2).unwrap_or(0);
            let micros = minutes * 60_000_000;
            Some(if *sign == b'-' { -micros } else { micros })
        }
        _ => None,
    }
}

fn number(text: &[u8], at: usize, length: usize) -> Option<i64> {
    let digits = text.get(at..at + length)?;
    digits.iter().try_fold(0, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| i64::from(digit - b'0'))?;
        Some(sum * 10 + digit)
    })
}

/// Days from 1970-01-01 to a day of the Gregorian calendar.
fn days(year: i64, month: i64, day: i64) -> i64 {
    // Years begin in March, so that the day that some have more is their last.
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::{Stamp, days, stamp};

    #[test]
    fn days_are_those_of_the_calendar() {
        assert_eq!(days(1970, 1, 1), 0);
        assert_eq!(days(2000, 3, 1), 11_017);
        assert_eq!(days(2026, 11, 21), 20_778);
    }

    #[test]
    fn every_program_tells_the_time_in_its_own_way() {
        let dated = |micros, zoned| {
            Some(Stamp {
                micros,
                zoned,
                dated: true,
            })
        };
        let second = 1_795_284_336_000_000;
        for (line, expected) in [
            (
                "2026-11-21 18:05:36.599 26 INFO bagpipe",
                dated(second + 599_000, false),
            ),
            (
                "2026-11-21T18:05:36.568364Z  INFO listening",
                dated(second + 568_364, true),
            ),
            ("2026/11/21 18:05:36 BGP: [ABC] up", dated(second, false)),
            (
                "time=\"2026-11-21T20:05:36+02:00\" level=info",
                dated(second, true),
            ),
            (
                "{\"level\":\"info\",\"time\":\"2026-11-21T18:05:36Z\"}",
                dated(second, true),
            ),
            ("no time at 10.0.0.1:179 here", None),
            ("2026-13-21 18:05:36 is no date", None),
            ("99:05:36 is no time", None),
            ("", None),
        ] {
            assert_eq!(stamp(line), expected, "{line}");
        }
        let of_day = stamp("18:05:36 | 12 | reactor | new peer").unwrap();
        assert_eq!((of_day.micros, of_day.dated), (65_136_000_000, false));
    }
}
