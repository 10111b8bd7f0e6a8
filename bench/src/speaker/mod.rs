//! What the speaker does with many attachments and routes, beside the Python daemon where there is one.
//!
//! All of it happens in a network namespace of its own: this program starts itself again inside one.

mod daemon;
mod feed;
mod forwarding;

use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::figure::{Figure, Other, median};
use daemon::{Daemon, Which};
use feed::{Listener, Routes};

/// The instance that receives.
const INSTANCE: &str = "bench";
/// How many attachments.
const ATTACHMENTS: u32 = 500;
/// How many instances they are in.
const INSTANCES: u32 = 10;
/// How many routes are received.
const ROUTES: u32 = 50_000;
/// The sizes that show whether anything grows faster than it should.
const SIZES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
/// How many routes the Python daemon is given: it takes some 1,400 a second.
const PYTHON_ROUTES: u32 = 6_000;
/// And how many at once: of more, sent without a pause, it loses the session.
const PYTHON_BURST: u32 = 2_000;
/// How much faster than the Python daemon we mean to be.
const TIMES: f64 = 100.0;
/// Octets a route may take.
const ROUTE_OCTETS: f64 = 200.0;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum SpeakerError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("the session did not come up, or was lost")]
    Session,
    #[error("`{path}` was refused: {answer}")]
    Refused { path: String, answer: String },
    #[error("{what} took too long\n{log}")]
    Late { what: &'static str, log: String },
    #[error("the daemon has ended\n{log}")]
    Ended { log: String },
    #[error("in the namespace: {0}")]
    Inside(String),
}

/// Starts this program again in a namespace, and shows the figures it prints.
pub fn measure(
    labgen: &Path,
    python: Option<&Path>,
    show: &mut dyn FnMut(Figure),
) -> Result<(), SpeakerError> {
    let mut command = Command::new("unshare");
    command
        .args(["--user", "--map-root-user", "--net", "--mount", "--"])
        .arg(std::env::current_exe()?)
        .args(["speaker", "--inside", "--labgen"])
        .arg(labgen);
    if let Some(python) = python {
        command.arg("--python").arg(python);
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    let lines = child.stdout.take().map(BufReader::new);
    for line in lines.into_iter().flat_map(BufRead::lines) {
        let line = line?;
        let figure = serde_json::from_str(&line).ok().and_then(of_json);
        show(figure.ok_or(SpeakerError::Inside(line))?);
    }
    match child.wait()?.success() {
        true => Ok(()),
        false => Err(SpeakerError::Inside("it has failed".into())),
    }
}

/// What the program does inside: measures, and prints each figure as a line of JSON.
pub fn inside(labgen: &Path, python: Option<&Path>) -> ExitCode {
    let ours = Which::Ours(labgen);
    let theirs = python.map(Which::Python);
    let mut print = |figure: Figure| println!("{}", to_json(&figure));
    let done = forwarding::ip(&["link", "set", "lo", "up"])
        .and_then(|()| attachments(ours, theirs, &mut print))
        .and_then(|()| received(Routes::Evpn, ours, theirs, &mut print))
        .and_then(|()| received(Routes::Vpnv4, ours, theirs, &mut print))
        .and_then(|()| growth(ours, &mut print))
        .and_then(|()| changes(ours, theirs, &mut print));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

/// A figure beside the Python daemon's, and the aim that follows from that.
fn beside(name: impl Into<String>, unit: &'static str, ours: Vec<f64>, theirs: Vec<f64>) -> Figure {
    let aim = (!theirs.is_empty()).then(|| median(&theirs) / TIMES);
    Figure {
        name: name.into(),
        unit,
        values: ours,
        aim,
        other: aim.map(|_| Other::Measured {
            name: "Python",
            values: theirs,
        }),
    }
}

type Show<'a> = &'a mut dyn FnMut(Figure);

/// 500 attachments, one request after the other, each on a connection of its own.
fn attachments(
    ours: Which<'_>,
    theirs: Option<Which<'_>>,
    show: Show<'_>,
) -> Result<(), SpeakerError> {
    let measure = |which| -> Result<[f64; 2], SpeakerError> {
        let daemon = Daemon::start(which, "dummy", None)?;
        let mut before = 0.0;
        let began = Instant::now();
        for number in 0..ATTACHMENTS {
            // The first of an instance are about instances, and have the program's own pages read.
            if number == INSTANCES {
                before = daemon.resident()?;
            }
            daemon.attach(&attachment(number))?;
        }
        let took = began.elapsed().as_secs_f64() * 1000.0;
        let more = f64::from(ATTACHMENTS - INSTANCES);
        Ok([took, (daemon.resident()? - before) / more])
    };
    let theirs = theirs.map(measure).transpose()?;
    let runs = [measure(ours)?, measure(ours)?, measure(ours)?];
    // What as many connections take that ask for nothing: the kernel's part, and HTTP's.
    let daemon = Daemon::start(ours, "dummy", None)?;
    let began = Instant::now();
    for _ in 0..ATTACHMENTS {
        daemon.get("ping")?;
    }
    show(Figure {
        name: "500 requests for nothing over REST".into(),
        unit: "ms",
        values: vec![began.elapsed().as_secs_f64() * 1000.0],
        ..Figure::default()
    });
    drop(daemon);
    for (at, name, unit) in [
        (0, "500 attachments over REST", "ms"),
        (1, "memory of an attachment", "B"),
    ] {
        let values = runs.iter().map(|run| run[at]).collect();
        show(beside(
            name,
            unit,
            values,
            theirs.iter().map(|run| run[at]).collect(),
        ));
    }
    Ok(())
}

/// Ten instances, half of each type.
fn attachment(number: u32) -> Value {
    let instance = number % INSTANCES;
    let kind = if instance.is_multiple_of(2) {
        "evpn"
    } else {
        "ipvpn"
    };
    let [_, _, high, low] = number.to_be_bytes();
    json!({
        "vpn_type": kind, "vpn_instance_id": format!("{kind}-{instance}"),
        "mac_address": format!("02:00:00:00:{high:02x}:{low:02x}"),
        "ip_address": format!("10.{instance}.{high}.{low}/16"), "gateway_ip": format!("10.{instance}.255.254"),
        "local_port": {"linuxif": format!("tap{number}")},
        "import_rt": [format!("64512:{instance}")], "export_rt": [format!("64512:{instance}")],
    })
}

/// What it takes to receive routes.
struct Received {
    /// Microseconds for each.
    micros: f64,
    /// Octets for each.
    octets: f64,
    /// Microseconds for each in the looking glass.
    glass: f64,
}

fn receive(
    which: Which<'_>,
    routes: Routes,
    count: u32,
    burst: u32,
) -> Result<Received, SpeakerError> {
    let listener = Listener::new()?;
    let mut daemon = Daemon::start(which, "dummy", Some(listener.port()?))?;
    let mut feed = listener.accept()?;
    let kind = match routes {
        Routes::Evpn => "evpn",
        Routes::Vpnv4 => "ipvpn",
    };
    daemon.attach(&json!({
        "vpn_type": kind, "vpn_instance_id": INSTANCE, "mac_address": "02:00:00:00:00:01",
        "ip_address": "10.255.0.1/24", "gateway_ip": "10.255.0.254", "local_port": {"linuxif": "tap0"},
        "import_rt": ["64512:1"], "export_rt": ["64512:1"],
    }))?;
    let before = daemon.resident()?;
    let mut sent = 0;
    let mut took = 0.0;
    while sent < count {
        let began = Instant::now();
        let more = burst.min(count - sent);
        feed.announce(routes, sent, more)?;
        sent += more;
        daemon.until_received(INSTANCE, sent)?;
        took += began.elapsed().as_secs_f64();
    }
    let octets = daemon.resident()? - before;
    let began = Instant::now();
    daemon.get("looking-glass/bgp/routes")?;
    let glass = began.elapsed().as_secs_f64();
    let each = |seconds: f64| seconds * 1e6 / f64::from(count);
    Ok(Received {
        micros: each(took),
        octets: octets / f64::from(count),
        glass: each(glass),
    })
}

fn received(
    routes: Routes,
    ours: Which<'_>,
    theirs: Option<Which<'_>>,
    show: Show<'_>,
) -> Result<(), SpeakerError> {
    let theirs = theirs
        .map(|which| receive(which, routes, PYTHON_ROUTES, PYTHON_BURST))
        .transpose()?;
    let mut runs = Vec::new();
    for _ in 0..3 {
        runs.push(receive(ours, routes, ROUTES, ROUTES)?);
    }
    let name = named(routes);
    let both = |of: fn(&Received) -> f64| {
        (
            runs.iter().map(of).collect::<Vec<_>>(),
            theirs.iter().map(of).collect::<Vec<_>>(),
        )
    };
    let (values, other) = both(|run| run.micros);
    show(beside(
        format!("50,000 {name} routes received, each"),
        "us",
        values,
        other,
    ));
    let (values, other) = both(|run| run.octets);
    let mut figure = beside(format!("memory of {name} routes, each"), "B", values, other);
    figure.aim = Some(ROUTE_OCTETS);
    show(figure);
    let (values, other) = both(|run| run.glass);
    show(beside(
        format!("looking glass of 50,000 {name} routes, each"),
        "us",
        values,
        other,
    ));
    Ok(())
}

fn named(routes: Routes) -> &'static str {
    match routes {
        Routes::Evpn => "E-VPN",
        Routes::Vpnv4 => "VPNv4",
    }
}

/// That twice the routes take twice the time and memory.
fn growth(ours: Which<'_>, show: Show<'_>) -> Result<(), SpeakerError> {
    for routes in [Routes::Evpn, Routes::Vpnv4] {
        for size in SIZES {
            let run = receive(ours, routes, size, size)?;
            let name = named(routes);
            let figure = |what: &str, unit, value| Figure {
                name: format!("{size} {name} routes: {what}"),
                unit,
                values: vec![value],
                ..Figure::default()
            };
            show(figure("time of each", "us", run.micros));
            show(figure("memory of each", "B", run.octets));
            show(figure("looking glass, each", "us", run.glass));
        }
    }
    Ok(())
}

/// From one route to its forwarding entry in the kernel.
fn changes(ours: Which<'_>, theirs: Option<Which<'_>>, show: Show<'_>) -> Result<(), SpeakerError> {
    let theirs = theirs
        .map(|which| forwarding::measure(which, 0, 50))
        .transpose()?;
    for before in [0, ROUTES] {
        let took = forwarding::measure(ours, before, 200)?;
        for percent in [50, 99] {
            let at = |values: &[f64]| percentile(values, percent);
            let mut name = format!("route to forwarding entry, p{percent}");
            if before > 0 {
                name += " (50,000 before)";
            }
            show(beside(
                name,
                "us",
                vec![at(&took)],
                theirs.iter().map(|t| at(t)).collect(),
            ));
        }
    }
    Ok(())
}

fn percentile(values: &[f64], percent: usize) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// The environment that `ci/python daemon` makes, if it has.
pub fn environment(given: Option<&Path>) -> Option<PathBuf> {
    let path = given.unwrap_or(Path::new("target/python/daemon"));
    path.join("bin/bagpipe-bgp").is_file().then(|| path.into())
}

fn to_json(figure: &Figure) -> Value {
    let theirs = match &figure.other {
        Some(Other::Measured { values, .. }) => json!(values),
        _ => Value::Null,
    };
    json!({"name": figure.name, "unit": figure.unit, "values": figure.values, "aim": figure.aim, "theirs": theirs})
}

fn of_json(value: Value) -> Option<Figure> {
    let numbers = |value: &Value| -> Option<Vec<f64>> {
        value.as_array()?.iter().map(Value::as_f64).collect()
    };
    let unit = value["unit"].as_str()?;
    Some(Figure {
        name: value["name"].as_str()?.into(),
        unit: ["ms", "us", "B"].into_iter().find(|known| *known == unit)?,
        values: numbers(&value["values"])?,
        aim: value["aim"].as_f64(),
        other: numbers(&value["theirs"]).map(|values| Other::Measured {
            name: "Python",
            values,
        }),
    })
}
