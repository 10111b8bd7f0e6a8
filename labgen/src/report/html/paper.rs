//! The timeline for paper, and for readers without scripts: drawn once, in black and white as well as in colour.

use super::super::faults;
use super::super::model::{MessageKind, Run, StepState};
use super::escaped;
use crate::ui::ms;

/// Width of the drawing, of its labels, height of a row.
const WIDTH: f64 = 800.0;
const LABELS: f64 = 190.0;
const ROW: f64 = 18.0;
/// Steps drawn, and marks of messages: more would be black.
const STEPS: usize = 60;
const MESSAGES: usize = 2_000;

/// A figure with a row a step, the faults, the sessions and the outages.
pub(super) fn timeline(run: &Run) -> String {
    let end = run.end.max(1) as f64;
    let x = |at: u64| LABELS + at as f64 / end * (WIDTH - LABELS - 10.0);
    let mut rows = Rows {
        out: String::new(),
        next: 30.0,
    };
    let steps: Vec<_> = run.steps.iter().filter(|s| s.since.is_some()).collect();
    // The last ones: a failure is at the end.
    for step in &steps[steps.len().saturating_sub(STEPS)..] {
        let since = step.since.unwrap_or(0);
        let until = step.until.unwrap_or(run.end);
        let class = match step.state {
            StepState::Failed => "bad",
            _ => "bar",
        };
        let title: String = step.title.chars().take(90).collect();
        let mark = if step.state == StepState::Failed {
            "✗ "
        } else {
            ""
        };
        let y = rows.row(&format!("{mark}{} {title}", step.called()));
        rows.bar(class, x(since), x(until), y);
    }
    for (fault, until) in faults::lasting(run) {
        let y = rows.row(&format!("! {} {}", fault.action, fault.on));
        rows.bar("fault", x(fault.since), x(until), y);
    }
    for outage in &run.outages {
        let y = rows.row(&format!("no traffic: {}", outage.flow));
        rows.bar("bad", x(outage.since), x(outage.until), y);
    }
    let mut sessions: Vec<(&str, &str)> = Vec::new();
    for message in &run.messages {
        let pair = pair(&message.from, &message.to);
        if !sessions.contains(&pair) && sessions.len() < 40 {
            sessions.push(pair);
        }
    }
    for (a, b) in sessions {
        let y = rows.row(&format!("BGP {a} – {b}"));
        let all = run.messages.iter();
        let own =
            all.filter(|m| m.kind != MessageKind::Keepalive && pair(&m.from, &m.to) == (a, b));
        for message in own.take(MESSAGES) {
            rows.out += &format!(
                "<text class=\"mark\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                x(message.at),
                y + 13.0,
                letter(message.kind)
            );
        }
    }
    let height = rows.next + 6.0;
    let mut axis = String::new();
    for tenth in 0u64..=5 {
        let at = run.end * tenth / 5;
        axis += &format!(
            "<line class=\"grid\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"22\" y2=\"{height}\"/>\
             <text class=\"tick\" x=\"{0:.1}\" y=\"16\">{1}</text>",
            x(at),
            ms(at)
        );
    }
    if let Some(divergence) = &run.divergence {
        axis += &format!(
            "<line class=\"first\" x1=\"{0:.1}\" x2=\"{0:.1}\" y1=\"22\" y2=\"{height}\"/>",
            x(divergence.at)
        );
    }
    format!(
        "<figure id=\"paper\">\n<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"Timeline\">{axis}{}</svg>\n\
         <figcaption>O open, U update, W withdraw, E end of RIB, N notification, R route refresh. The dashed line is \
         where to look first.</figcaption>\n</figure>\n",
        rows.out
    )
}

fn pair<'a>(from: &'a str, to: &'a str) -> (&'a str, &'a str) {
    (from.min(to), from.max(to))
}

fn letter(kind: MessageKind) -> char {
    match kind {
        MessageKind::Open => 'O',
        MessageKind::Update => 'U',
        MessageKind::Withdraw => 'W',
        MessageKind::EndOfRib => 'E',
        MessageKind::Notification => 'N',
        MessageKind::Keepalive => 'K',
        MessageKind::Refresh => 'R',
        MessageKind::Broken => '?',
    }
}

struct Rows {
    out: String,
    next: f64,
}

impl Rows {
    /// Begins a row; its top.
    fn row(&mut self, label: &str) -> f64 {
        let y = self.next;
        self.next += ROW;
        let short: String = label.chars().take(32).collect();
        self.out += &format!(
            "<text class=\"label\" x=\"4\" y=\"{:.1}\">{}<title>{}</title></text>",
            y + 13.0,
            escaped(&short),
            escaped(label)
        );
        y
    }

    fn bar(&mut self, class: &str, from: f64, to: f64, y: f64) {
        let width = (to - from).max(2.0);
        self.out += &format!(
            "<rect class=\"{class}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
            y + 3.0,
            ROW - 6.0
        );
    }
}
