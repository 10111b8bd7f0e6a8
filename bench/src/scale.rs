//! Many nodes: how long they take to be there, to know each other, and to be gone.

use crate::figure::Figure;
use crate::host;
use crate::lab::{CallError, Labgen};

/// Measures, and shows each figure. `runs` says how many runs, when it is told how many are usual.
pub fn measure(
    labgen: &Labgen,
    runs: &dyn Fn(usize) -> usize,
    show: &mut dyn FnMut(Figure),
) -> Result<(), CallError> {
    let [up, down, _] = up_and_down(labgen, "lan.toml", "n=100", runs(11))?;
    show(figure("100 nodes on one LAN: `up`", "s", 0.15, up));
    show(figure("100 nodes on one LAN: `down`", "s", 0.15, down));
    let [up, ..] = up_and_down(labgen, "speakers.toml", "n=100", runs(11))?;
    show(figure(
        "100 speakers on one reflector: Established",
        "s",
        0.5,
        up,
    ));
    let [up, down, _] = up_and_down(labgen, "ring.toml", "n=1000", runs(5))?;
    show(figure("1,000 nodes, 1,000 links: `up`", "s", 1.2, up));
    show(figure("1,000 nodes, 1,000 links: `down`", "s", 0.5, down));
    let [up, down, memory] = up_and_down(labgen, "speakers.toml", "n=1000", runs(3))?;
    show(figure(
        "1,000 speakers on one reflector: Established",
        "s",
        10.0,
        up,
    ));
    show(figure(
        "1,000 speakers on one reflector: `down`",
        "s",
        5.0,
        down,
    ));
    show(figure(
        "1,000 speakers: memory, the kernel's included",
        "MB",
        8192.0,
        memory,
    ));
    let told = to_the_last_step(labgen, "evpn.toml", runs(3))?;
    show(figure(
        "200 ports on 200 nodes: all routes everywhere",
        "s",
        5.0,
        told,
    ));
    if crate::others::installed("/usr/lib/frr/bgpd") {
        let told = to_the_last_step(labgen, "clos.toml", runs(3))?;
        show(figure(
            "20 FRR routers in a clos: converged",
            "s",
            10.0,
            told,
        ));
    }
    Ok(())
}

fn figure(name: &str, unit: &'static str, aim: f64, values: Vec<f64>) -> Figure {
    Figure {
        name: name.into(),
        unit,
        aim: Some(aim),
        values,
        other: None,
    }
}

/// Seconds to come up, seconds to go down, and MB that were used meanwhile, of each run.
fn up_and_down(
    labgen: &Labgen,
    scenario: &str,
    set: &str,
    runs: usize,
) -> Result<[Vec<f64>; 3], CallError> {
    let mut figures = <[Vec<f64>; 3]>::default();
    let scenario = &labgen.scenario(scenario);
    for _ in 0..runs {
        let available = || host::memory("MemAvailable").unwrap_or(f64::NAN);
        let before = available();
        let (up, _) = labgen.call(&["up", "--set", set, scenario])?;
        let used = before - available();
        let down = labgen.down()?;
        for (figure, value) in figures
            .iter_mut()
            .zip([up.as_secs_f64(), down.as_secs_f64(), used])
        {
            figure.push(value);
        }
    }
    Ok(figures)
}

/// Seconds from the start of the command to the end of the last step, of each run.
fn to_the_last_step(labgen: &Labgen, scenario: &str, runs: usize) -> Result<Vec<f64>, CallError> {
    let scenario = &labgen.scenario(scenario);
    let mut took = Vec::new();
    for _ in 0..runs {
        let heard = labgen.events(&["run", "--json", scenario])?;
        let last = heard
            .iter()
            .rfind(|heard| heard.event["event"] == "step-passed");
        let last = last.ok_or_else(|| CallError::Lacks("step that passed".into()))?;
        took.push(last.after.as_secs_f64());
    }
    Ok(took)
}
