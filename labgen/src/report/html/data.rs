//! The run as the page's script reads it: rows without names, because there may be many.

use std::collections::BTreeMap;

use serde::Serialize;

use super::super::faults;
use super::super::model::{Divergence, Level, MessageKind, Run};

/// What `data.js` reads; each row is described there.
#[derive(Serialize)]
struct Data<'a> {
    epoch_ms: f64,
    end: u64,
    up: Option<u64>,
    divergence: Option<&'a Divergence>,
    steps: Vec<StepRow<'a>>,
    faults: Vec<(u64, u64, &'a str, &'a str, &'a str)>,
    outages: Vec<(u64, u64, &'a str, u64)>,
    messages: Vec<(u64, &'a str, &'a str, MessageKind, &'a str, &'a str, usize)>,
    destinations: Vec<&'a str>,
    routes: Vec<(u64, usize, u8, &'a str, &'a str, &'a str)>,
    captures: Vec<CaptureRows<'a>>,
    logs: Vec<LogRows<'a>>,
}

type StepRow<'a> = (
    Option<u64>,
    Option<u64>,
    String,
    &'a str,
    &'static str,
    &'a str,
    &'a str,
);

/// Columns: a tenth shorter than rows, and quicker to read.
#[derive(Serialize)]
struct CaptureRows<'a> {
    name: &'a str,
    at: Vec<u64>,
    frame: Vec<usize>,
    length: Vec<u32>,
    protocol: Vec<&'static str>,
    text: Vec<&'a str>,
}

#[derive(Serialize)]
struct LogRows<'a> {
    name: &'a str,
    lines: Vec<(u64, u8, u8, &'a str)>,
}

/// As JSON.
pub(super) fn of(run: &Run) -> String {
    let steps = run.steps.iter().filter(|step| step.since.is_some());
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut destinations: Vec<&str> = Vec::new();
    let routes = run.routes.iter().map(|change| {
        let place = *places.entry(&change.route).or_insert_with(|| {
            destinations.push(&change.route);
            destinations.len() - 1
        });
        let gone = u8::from(change.withdrawn);
        let (from, to) = (change.from.as_str(), change.to.as_str());
        (change.at, place, gone, from, to, change.text.as_str())
    });
    let routes = routes.collect();
    let data = Data {
        epoch_ms: run.epoch_ns as f64 / 1e6,
        end: run.end,
        up: run.up,
        divergence: run.divergence.as_ref(),
        steps: steps
            .map(|step| {
                (
                    step.since,
                    step.until,
                    step.called(),
                    step.title.as_str(),
                    step.state.word(),
                    step.seen.as_str(),
                    step.expected.as_deref().unwrap_or_default(),
                )
            })
            .collect(),
        faults: faults::lasting(run)
            .map(|(f, until)| {
                (
                    f.since,
                    until,
                    f.action.as_str(),
                    f.on.as_str(),
                    f.seen.as_str(),
                )
            })
            .collect(),
        outages: run
            .outages
            .iter()
            .map(|o| (o.since, o.until, o.flow.as_str(), o.lost))
            .collect(),
        messages: run
            .messages
            .iter()
            .map(|m| {
                let (from, to, text) = (m.from.as_str(), m.to.as_str(), m.text.as_str());
                (m.at, from, to, m.kind, text, m.capture.as_str(), m.frame)
            })
            .collect(),
        destinations,
        routes,
        captures: run
            .captures
            .iter()
            .map(|capture| CaptureRows {
                name: &capture.name,
                at: capture.packets.iter().map(|p| p.at).collect(),
                frame: capture.packets.iter().map(|p| p.frame).collect(),
                length: capture.packets.iter().map(|p| p.length).collect(),
                protocol: capture.packets.iter().map(|p| p.protocol).collect(),
                text: capture.packets.iter().map(|p| p.text.as_str()).collect(),
            })
            .collect(),
        logs: run
            .logs
            .iter()
            .map(|log| LogRows {
                name: &log.file,
                lines: log
                    .shown
                    .iter()
                    .map(|l| (l.at, number(l.level), u8::from(l.timed), l.text.as_str()))
                    .collect(),
            })
            .collect(),
    };
    // Nothing in it can fail to be written.
    serde_json::to_string(&data).unwrap_or_else(|_| "{}".into())
}

fn number(level: Level) -> u8 {
    match level {
        Level::Debug => 0,
        Level::Info => 1,
        Level::Warning => 2,
        Level::Error => 3,
    }
}
