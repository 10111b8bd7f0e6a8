//! What people see: live lines on a terminal, plain lines elsewhere, JSON for scripts.

pub mod inspect;
pub mod ranges;

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;

use impair::Counters;

use crate::protocol::{Event, Failure};

/// Prints to standard output. That nobody reads it any more is no fault: `labgen check FILE | head`.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::ui::out(format_args!($($words)*))
    };
}
pub(crate) use say;

/// What could not be printed, and why.
static UNPRINTED: Mutex<Option<io::Error>> = Mutex::new(None);

/// What [`say!`] does.
pub fn out(text: fmt::Arguments<'_>) {
    note(io::stdout().write_fmt(text));
}

fn note(printed: io::Result<()>) {
    if let (Err(error), Ok(mut unprinted)) = (printed, UNPRINTED.lock())
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        unprinted.get_or_insert(error);
    }
}

/// Prints what is still held back; the first reason why anything could not be printed, unless nobody reads it.
pub fn printed() -> Result<(), io::Error> {
    note(io::stdout().flush());
    let unprinted = UNPRINTED.lock().ok().and_then(|mut first| first.take());
    unprinted.map_or(Ok(()), Err)
}

/// Where progress goes and how it looks.
#[derive(Debug)]
pub struct Ui {
    style: Style,
    /// A line without end is on the terminal.
    open_line: bool,
    /// Steps that have begun and not ended, by number and rounds.
    steps: BTreeMap<(usize, Vec<u64>), Begun>,
}

/// A step that has begun.
#[derive(Debug)]
struct Begun {
    number: String,
    title: String,
    at: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Live { color: bool },
    Plain,
    Json,
}

/// The longest account of what a step saw that is shown behind it.
const SEEN_SHOWN: usize = 100;

/// Whether errors on standard error may be coloured.
pub fn color_on_stderr() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
}

impl Ui {
    /// For standard output as it is; `json` overrides.
    pub fn new(json: bool) -> Self {
        let style = if json {
            Style::Json
        } else if io::stdout().is_terminal() {
            Style::Live {
                color: std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
            }
        } else {
            Style::Plain
        };
        Self {
            style,
            open_line: false,
            steps: BTreeMap::new(),
        }
    }

    /// Shows one event.
    pub fn show(&mut self, event: &Event) {
        if self.style == Style::Json {
            if let Ok(line) = serde_json::to_string(event) {
                say!("{line}\n");
            }
            return;
        }
        match event {
            // The step that did it says so, or the command.
            Event::Began { .. } | Event::Fault { .. } | Event::Outage { .. } => {}
            Event::Building { what, .. } => self.transient(&format!("  {what}")),
            Event::Started { node, .. } => self.transient(&format!("  starting {node}")),
            Event::Ready { node, at } => self.transient(&format!("  {node} ready at {}", ms(*at))),
            Event::Up { lab, at } => {
                let what = format!(
                    "lab `{}` up in {}: {}, {}",
                    lab.name,
                    ms(*at),
                    count(lab.nodes.len(), "node"),
                    nets(lab.lans.len(), lab.links.len()),
                );
                self.line(&self.mark(true), &what);
            }
            Event::StepStarted {
                step,
                number,
                rounds,
                of,
                title,
                at,
                ..
            } => {
                self.transient(&format!("  {number:>2}/{of} {title}{}", in_round(rounds)));
                let begun = Begun {
                    number: number.clone(),
                    title: title.clone(),
                    at: *at,
                };
                self.steps.insert((*step, rounds.clone()), begun);
            }
            Event::StepPassed {
                step,
                rounds,
                seen,
                at,
            } => {
                let Some(begun) = self.steps.remove(&(*step, rounds.clone())) else {
                    return;
                };
                // The first round shows what the others do.
                if rounds.iter().any(|round| *round > 1) {
                    return;
                }
                let took = ms(at.saturating_sub(begun.at));
                // A whole route or packet would bury the story; `--json` has it.
                let seen = match seen.char_indices().nth(SEEN_SHOWN) {
                    _ if seen.is_empty() => String::new(),
                    Some((end, _)) => format!(": {}...", &seen[..end]),
                    None => format!(": {seen}"),
                };
                let Begun { number, title, .. } = begun;
                self.line(
                    &self.mark(true),
                    &format!("{number:>2} {took:>9}  {title}{seen}"),
                );
            }
            Event::StepStopped { step, rounds, .. } => {
                if let Some(Begun { number, title, .. }) =
                    self.steps.remove(&(*step, rounds.clone()))
                {
                    self.line(" ", &format!("{number:>2} {title}: given up"));
                }
            }
            Event::StepFailed(failure) => self.failure(failure),
            Event::Note { text } => self.line(" ", text),
            Event::Broken { .. } => self.end_line(),
            Event::Done {
                passed,
                at,
                evidence,
            } => {
                let verdict = if *passed { "passed" } else { "not passed" };
                self.line(&self.mark(*passed), &format!("{verdict} in {}", ms(*at)));
                for path in evidence {
                    self.line(" ", &format!("wrote {}", path.display()));
                }
            }
        }
    }

    fn failure(&mut self, f: &Failure) {
        self.steps.remove(&(f.step, f.rounds.clone()));
        let what = format!("{:>2} {}{}", f.number, f.title, in_round(&f.rounds));
        self.line(&self.mark(false), &what);
        self.line(" ", &format!("     --> {}:{}", f.file, f.line));
        self.line(" ", &format!("     expected: {}", f.expected));
        self.line(" ", &format!("     seen:     {}", f.seen));
        for detail in &f.details {
            self.line(" ", &format!("       {detail}"));
        }
    }

    fn mark(&self, good: bool) -> String {
        match (self.style, good) {
            (Style::Live { color: true }, true) => "\x1b[32m✓\x1b[0m".into(),
            (Style::Live { color: true }, false) => "\x1b[31m✗\x1b[0m".into(),
            (Style::Live { color: false }, true) => "✓".into(),
            (Style::Live { color: false }, false) => "✗".into(),
            (_, true) => "ok  ".into(),
            (_, false) => "FAIL".into(),
        }
    }

    /// A line that the next one may replace; only a terminal shows it.
    fn transient(&mut self, text: &str) {
        if let Style::Live { .. } = self.style {
            say!("\r\x1b[K{text}");
            let _ = io::stdout().flush();
            self.open_line = true;
        }
    }

    fn line(&mut self, mark: &str, text: &str) {
        if self.open_line {
            say!("\r\x1b[K");
            self.open_line = false;
        }
        say!("{mark} {text}\n");
    }

    /// Leaves the cursor at the start of an empty line.
    pub fn end_line(&mut self) {
        if self.open_line {
            say!("\r\x1b[K");
            let _ = io::stdout().flush();
            self.open_line = false;
        }
    }
}

/// ` (round 3)`, of a step that is repeated.
fn in_round(rounds: &[u64]) -> String {
    if rounds.is_empty() {
        return String::new();
    }
    let rounds: Vec<String> = rounds.iter().map(u64::to_string).collect();
    format!(" (round {})", rounds.join("."))
}

/// `1 node`, `3 nodes`.
pub fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// `4 lost, 1 duplicated`: what became of frames that was not delivery as they came; `None` when nothing did.
pub fn fates(counters: &Counters) -> Option<String> {
    let fates = [
        ("lost", counters.lost),
        ("duplicated", counters.duplicated),
        ("reordered", counters.reordered),
        ("corrupted", counters.corrupted),
        ("dropped", counters.dropped),
        ("MISSED", counters.missed),
    ];
    let fates = fates.into_iter().filter(|(_, count)| *count > 0);
    let fates: Vec<String> = fates
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    (!fates.is_empty()).then(|| fates.join(", "))
}

/// `1 LAN`, `8 links`, `2 LANs, 4 links`: what there is of both.
pub fn nets(lans: usize, links: usize) -> String {
    match (lans, links) {
        (_, 0) => count(lans, "LAN"),
        (0, _) => count(links, "link"),
        _ => format!("{}, {}", count(lans, "LAN"), count(links, "link")),
    }
}

/// Microseconds as people read them.
pub fn ms(us: u64) -> String {
    match us {
        0..10_000 => format!("{}.{:02} ms", us / 1000, us % 1000 / 10),
        10_000..1_000_000 => format!("{} ms", us / 1000),
        1_000_000..10_000_000 => format!("{}.{:02} s", us / 1_000_000, us / 10_000 % 100),
        10_000_000..120_000_000 => format!("{}.{} s", us / 1_000_000, us / 100_000 % 10),
        _ => format!("{} min {} s", us / 60_000_000, us / 1_000_000 % 60),
    }
}

/// What a program said at last, in lines, to go behind how it ended.
pub fn last_words(lines: &str) -> String {
    match lines.trim() {
        "" => "it said nothing".into(),
        _ => format!("its last words:\n{lines}"),
    }
}

/// Columns as wide as their widest cell, two spaces apart; a first row of headings.
pub fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line += &format!("{cell:width$}  ");
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::nets;

    #[test]
    fn what_there_is_of_lans_and_links_is_said_and_never_nothing() {
        let said = [(1, 0), (0, 8), (2, 1), (0, 0)].map(|(lans, links)| nets(lans, links));
        assert_eq!(said, ["1 LAN", "8 links", "2 LANs, 1 link", "0 LANs"]);
    }
}
