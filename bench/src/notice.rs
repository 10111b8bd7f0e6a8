//! How soon an expectation notices a route: from the frame that brings it to a node to the expectation's being met.

use std::fs::File;
use std::net::IpAddr;
use std::path::PathBuf;

use capture::{CaptureReader, Recording, RouteFacts};
use serde_json::Value;

use crate::figure::Figure;
use crate::lab::{CallError, Heard, LAB, Labgen, find};

/// The node whose routes are expected.
const AT: &str = "10.0.0.3";
/// What the route that comes and goes is about.
const ABOUT: &str = "12.11.11.3";

/// Measures, and shows the figures.
pub fn measure(
    labgen: &Labgen,
    runs: usize,
    show: &mut dyn FnMut(Figure),
) -> Result<(), CallError> {
    let figure = |name: &str| Figure {
        name: name.into(),
        unit: "ms",
        aim: Some(10.0),
        ..Figure::default()
    };
    let mut came = figure("a route's arrival to its expectation met");
    let mut went = figure("its withdrawal to its absence noticed");
    for _ in 0..runs {
        let scenario = labgen.scenario("notice.toml");
        let heard = labgen.events(&["run", "--json", &scenario])?;
        let [announced, withdrawn] = seen(&heard)?;
        came.values
            .extend(differences(&announced, &met(&heard, false)));
        went.values
            .extend(differences(&withdrawn, &met(&heard, true)));
    }
    show(came);
    show(went);
    Ok(())
}

/// From each arrival to the first time after it, in milliseconds.
fn differences(arrivals: &[f64], met: &[f64]) -> Vec<f64> {
    let after = |arrival: &f64| {
        met.iter()
            .copied()
            .filter(|met| met > arrival)
            .min_by(f64::total_cmp)
    };
    arrivals
        .iter()
        .filter_map(|at| Some(after(at)? - at))
        .collect()
}

/// When expectations on the node were met, in milliseconds of lab time.
fn met(heard: &[Heard], absent: bool) -> Vec<f64> {
    let started = heard
        .iter()
        .filter(|heard| heard.event["event"] == "step-started");
    let mut times = Vec::new();
    for step in started {
        let title = step.event["title"].as_str().unwrap_or_default();
        let is_absence = title.contains(": no ");
        if !title.starts_with("expect on compute-b") || is_absence != absent {
            continue;
        }
        let same = |event: &Value| {
            event["step"] == step.event["step"] && event["rounds"] == step.event["rounds"]
        };
        if let Ok(passed) = find(heard, "step-passed", same) {
            times.extend(passed.event["at"].as_f64().map(|micros| micros / 1000.0));
        }
    }
    times
}

/// When UPDATEs that announced, and that withdrew, the route came to the node, in milliseconds of lab time.
fn seen(heard: &[Heard]) -> Result<[Vec<f64>; 2], CallError> {
    let began = find(heard, "began", |_| true)?;
    let epoch = began.event["epoch_ns"].as_u64();
    let epoch = epoch.ok_or_else(|| CallError::Lacks("epoch of lab time".into()))?;
    let recording = recording()?;
    let (at, about): (Option<IpAddr>, Option<IpAddr>) = (AT.parse().ok(), ABOUT.parse().ok());
    let mut seen = [Vec::new(), Vec::new()];
    for event in recording.events() {
        let Some(bgp_wire::Message::Update(update)) = event.message() else {
            continue;
        };
        if Some(event.to.ip()) != at {
            continue;
        }
        let is_it = |nlri: &bgp_wire::Nlri| {
            let facts = RouteFacts::of_nlri(nlri);
            facts.ip == about && facts.route_type == Some(2)
        };
        let nanos = event.timestamp.0.saturating_sub(epoch);
        let millis = nanos as f64 / 1e6;
        if update
            .reach
            .iter()
            .any(|(_, _, nlri)| nlri.iter().any(is_it))
        {
            seen[0].push(millis);
        }
        if update
            .unreach
            .iter()
            .any(|(_, nlri)| nlri.iter().any(is_it))
        {
            seen[1].push(millis);
        }
    }
    Ok(seen)
}

fn recording() -> Result<Recording, CallError> {
    let lacks = |what: String| CallError::Lacks(what);
    let state = std::env::var_os("LABGEN_STATE").map(PathBuf::from);
    let state = state.ok_or_else(|| lacks("LABGEN_STATE".into()))?;
    let path = state.join(LAB).join("captures/wire.pcapng");
    let unreadable = |error: &dyn std::fmt::Display| lacks(format!("{}: {error}", path.display()));
    let file = File::open(&path).map_err(|error| unreadable(&error))?;
    let reader = CaptureReader::new(std::io::BufReader::new(file));
    let mut recording = Recording::new();
    recording.interface("underlay");
    for frame in reader.map_err(|error| unreadable(&error))? {
        let frame = frame.map_err(|error| unreadable(&error))?;
        recording.push(frame.frame);
    }
    Ok(recording)
}
