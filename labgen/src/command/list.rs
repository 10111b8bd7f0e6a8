//! `labgen list`: the labs of this user.

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use crate::state::LabDir;
use crate::ui::{self, say};

/// A lab in the list.
#[derive(Serialize)]
struct Entry {
    name: String,
    /// How many nodes it has.
    nodes: Option<usize>,
    /// Seconds since 1970 (UTC).
    since: Option<u64>,
    file: Option<String>,
    dir: std::path::PathBuf,
}

pub(super) fn list(json: bool) -> ExitCode {
    let labs: Vec<Entry> = LabDir::all_up().iter().map(entry).collect();
    if json {
        say!("{}\n", serde_json::json!(labs));
    } else if labs.is_empty() {
        say!("no lab is up\n");
    } else {
        say!("{}", ui::table(&rows(&labs, now())));
    }
    ExitCode::SUCCESS
}

fn entry(lab: &LabDir) -> Entry {
    let about = lab.about();
    Entry {
        name: lab.name().to_owned(),
        nodes: about.as_ref().map(|about| about.nodes),
        since: about.as_ref().map(|about| about.since),
        file: about.map(|about| about.file),
        dir: lab.path().to_owned(),
    }
}

fn now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.unwrap_or_default().as_secs()
}

fn rows(labs: &[Entry], now: u64) -> Vec<[String; 4]> {
    let mut rows = vec![["LAB", "NODES", "UP SINCE", "SCENARIO"].map(String::from)];
    for lab in labs {
        let since = lab
            .since
            .map(|since| format!("{} ({})", utc(since), age(now.saturating_sub(since))));
        rows.push([
            lab.name.clone(),
            lab.nodes.map_or("?".into(), |nodes| nodes.to_string()),
            since.unwrap_or("?".into()),
            lab.file.clone().unwrap_or("?".into()),
        ]);
    }
    rows
}

/// `2026-11-21 06:36:52 UTC`.
fn utc(seconds: u64) -> String {
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March end with the leap day; 400 of them have 146,097 days.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!(
        "{:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        era * 400 + year + next,
        second / 3_600,
        second / 60 % 60,
        second % 60,
    )
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h {} min", seconds / 3_600, seconds / 60 % 60),
        _ => ui::count(
            usize::try_from(seconds / 86_400).unwrap_or(usize::MAX),
            "day",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{age, utc};

    #[test]
    fn dates_as_calendars_have_them() {
        assert_eq!(utc(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(951_782_399), "2000-02-28 23:59:59 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29 00:00:00 UTC");
        assert_eq!(utc(1_795_243_012), "2026-11-21 06:36:52 UTC");
        assert_eq!(utc(4_107_542_399), "2100-02-28 23:59:59 UTC");
        assert_eq!(utc(4_107_542_400), "2100-03-01 00:00:00 UTC");
    }

    #[test]
    fn ages_as_people_say_them() {
        let said: Vec<String> = [0, 59, 60, 3_700, 86_400, 200_000].map(age).into();
        assert_eq!(
            said,
            ["0 s", "59 s", "1 min", "1 h 1 min", "1 day", "2 days"]
        );
    }
}
