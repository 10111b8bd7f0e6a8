//! What programs said, and when: each in its own way, and some without a time.

mod time;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::model::{Level, Log, LogLine, Run};
use super::read::ReportError;
use crate::protocol::Event;
use time::Clock;

/// Lines shown of a log: the first half of them and the last.
const LINES: usize = 4_000;
/// Characters shown of a line.
const LENGTH: usize = 2_000;

/// Reads every log below `dir`.
pub(super) fn read(dir: &Path, events: &[Event], run: &mut Run) -> Result<(), ReportError> {
    let logs = dir.join("logs");
    let entries = match fs::read_dir(&logs) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(ReportError::io("read", &logs))?,
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".log"))
        .collect();
    names.sort();
    let began: BTreeMap<&str, u64> = events.iter().rev().filter_map(started).collect();
    for name in names {
        let path = logs.join(&name);
        let text = fs::read(&path).map_err(ReportError::io("read", &path))?;
        if text.is_empty() {
            continue;
        }
        let text = String::from_utf8_lossy(&text);
        let node = name.split('.').next().unwrap_or_default();
        let clock = Clock {
            epoch_ns: run.epoch_ns,
            end: run.end,
        };
        let began = began.get(node).copied().unwrap_or(0);
        let log = log(node, &format!("logs/{name}"), &text, clock, began);
        if log.shown.len() < log.lines {
            let note = format!(
                "{}: {} of {} lines are shown",
                log.file,
                log.shown.len(),
                log.lines
            );
            run.notes.push(note);
        }
        run.logs.push(log);
    }
    Ok(())
}

fn started(event: &Event) -> Option<(&str, u64)> {
    match event {
        Event::Started { node, at } => Some((node, *at)),
        _ => None,
    }
}

/// The lines of a log. One that does not say when it was said was said with the one before it.
fn log(node: &str, file: &str, text: &str, clock: Clock, began: u64) -> Log {
    let all: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    let half = LINES / 2;
    let kept = match all.len() > LINES {
        true => [&all[..half], &all[all.len() - half..]].concat(),
        false => all.clone(),
    };
    let stamps: Vec<_> = kept.iter().map(|line| time::stamp(line)).collect();
    let ahead = clock.ahead(stamps.iter().flatten().copied());
    let mut last = began;
    let lines = kept.iter().zip(stamps).map(|(line, stamp)| {
        let told = stamp.map(|stamp| clock.lab_time(stamp, ahead));
        last = told.unwrap_or(last);
        LogLine {
            at: last,
            timed: told.is_some(),
            level: level(line),
            text: line.chars().take(LENGTH).collect(),
        }
    });
    Log {
        node: node.to_owned(),
        file: file.to_owned(),
        shown: lines.collect(),
        lines: all.len(),
    }
}

/// The first word for it that stands near the beginning of the line.
fn level(line: &str) -> Level {
    let near = line
        .char_indices()
        .nth(120)
        .map_or(line, |(at, _)| &line[..at]);
    let words = near.split(|c: char| !c.is_ascii_alphabetic());
    let words = words.filter(|word| word.len() >= 3).take(16);
    for word in words {
        match word.to_ascii_lowercase().as_str() {
            "error" | "err" | "critical" | "crit" | "fatal" | "panic" | "emerg" | "alert" => {
                return Level::Error;
            }
            "warning" | "warn" => return Level::Warning,
            "info" | "notice" | "informational" => return Level::Info,
            "debug" | "trace" | "dbg" => return Level::Debug,
            _ => {}
        }
    }
    Level::Info
}

#[cfg(test)]
mod tests {
    use super::super::model::Level;
    use super::time::Clock;

    /// 2026-11-21 18:05:36 UTC.
    const EPOCH: u64 = 1_795_284_336_000_000_000;

    #[test]
    fn lines_without_a_time_were_said_with_the_one_before() {
        let clock = Clock {
            epoch_ns: EPOCH,
            end: 5_000_000,
        };
        let text =
            "Traceback\n2026-11-21 18:05:37.250 ERROR no\n  at 3\n2026-11-21T18:05:38Z warn x";
        let log = super::log("a", "logs/a.log", text, clock, 7);
        let lines: Vec<_> = log.shown.iter().map(|l| (l.at, l.timed, l.level)).collect();
        assert_eq!(
            lines,
            [
                (7, false, Level::Info),
                (1_250_000, true, Level::Error),
                (1_250_000, false, Level::Info),
                (2_000_000, true, Level::Warning),
            ]
        );
    }

    #[test]
    fn a_clock_of_another_time_zone_is_set_right() {
        let clock = Clock {
            epoch_ns: EPOCH,
            end: 5_000_000,
        };
        let text = "2026-11-21 23:35:37.500 INFO in Kolkata\n2026-11-21 23:35:39.500 INFO later";
        let log = super::log("a", "logs/a.log", text, clock, 0);
        let at: Vec<_> = log.shown.iter().map(|line| line.at).collect();
        assert_eq!(at, [1_500_000, 3_500_000]);
    }

    #[test]
    fn a_long_log_is_cut_in_the_middle() {
        let clock = Clock {
            epoch_ns: EPOCH,
            end: 1,
        };
        let text: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let log = super::log("a", "logs/a.log", &text, clock, 0);
        assert_eq!((log.lines, log.shown.len()), (10_000, super::LINES));
        assert_eq!(log.shown[super::LINES - 1].text, "line 9999");
    }
}
