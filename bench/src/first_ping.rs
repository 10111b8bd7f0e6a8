//! Three nodes: how long a port takes to be reachable, and what a speaker costs.

use serde_json::Value;

use crate::figure::{Figure, Other};
use crate::lab::{CallError, Heard, LAB, Labgen, find};

/// Measures, and shows each figure.
pub fn measure(
    labgen: &Labgen,
    runs: usize,
    show: &mut dyn FnMut(Figure),
) -> Result<(), CallError> {
    let figure = |name: &str, unit, aim, reference: &str| Figure {
        name: name.into(),
        unit,
        aim: Some(aim),
        values: Vec::new(),
        other: (!reference.is_empty())
            .then(|| Other::Told(format!("the Python reference took {reference}"))),
    };
    let mut figures = [
        figure("attach to first ping answered", "ms", 30.0, "262-295 ms"),
        figure("daemon start to REST answering", "ms", 20.0, "1500-2200 ms"),
        figure("daemon start to Established", "ms", 100.0, "3500-4000 ms"),
        figure("daemon resident, idle", "MB", 8.0, "126 MB"),
        figure("daemon resident, one attachment", "MB", 8.0, "126 MB"),
        figure("whole `up`: 3 nodes, 1 LAN", "ms", 150.0, ""),
    ];
    for run in 0..=runs {
        let values = once(labgen)?;
        // The first run warms the page cache.
        if run > 0 {
            for (figure, value) in figures.iter_mut().zip(values) {
                figure.values.push(value);
            }
        }
    }
    figures.into_iter().for_each(show);
    Ok(())
}

/// One `up`, `down`, one `run`; the figures in the order of the table.
fn once(labgen: &Labgen) -> Result<[f64; 6], CallError> {
    let scenario = &labgen.scenario("first-ping.toml");
    let (whole_up, _) = labgen.call(&["up", "--json", scenario])?;
    let (_, idle) = labgen.call(&["inspect", "--json", "--lab", LAB])?;
    labgen.down()?;

    let run = labgen.events(&["run", "--json", "--keep", scenario])?;
    let (_, attached) = labgen.call(&["inspect", "--json", "--lab", LAB])?;
    labgen.down()?;

    let node = |event: &Value| event["node"] == "compute-b";
    let step = |n: u64| move |event: &Value| event["step"] == n;
    let started = at(find(&run, "started", node)?)?;
    Ok([
        at(find(&run, "step-passed", step(6))?)? - at(find(&run, "step-started", step(3))?)?,
        at(find(&run, "ready", node)?)? - started,
        at(find(&run, "step-passed", step(1))?)? - started,
        resident(&idle)?,
        resident(&attached)?,
        whole_up.as_secs_f64() * 1000.0,
    ])
}

/// The lab's own time of an event, in milliseconds.
fn at(heard: &Heard) -> Result<f64, CallError> {
    let at = heard.event["at"].as_f64().map(|micros| micros / 1000.0);
    at.ok_or_else(|| CallError::Lacks("time of an event".into()))
}

fn resident(inspected: &str) -> Result<f64, CallError> {
    let lacks = || CallError::Lacks("memory figure".into());
    let lab: Value = serde_json::from_str(inspected).map_err(|_| lacks())?;
    let nodes = lab["nodes"].as_array().ok_or_else(lacks)?;
    let speaker = nodes.iter().find(|node| node["name"] == "compute-b");
    let kib = speaker.and_then(|node| node["memory_kib"].as_f64());
    kib.map(|kib| kib / 1024.0).ok_or_else(lacks)
}
