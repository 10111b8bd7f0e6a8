//! Figures of a lab, measured from outside: runs `labgen` (first argument) on a scenario (second argument)
//! several times and prints medians. Times come from the events that `labgen --json` prints; the whole of
//! `up` is the command's own time, from start to exit.

use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Instant;

use serde_json::Value;

/// One figure: what it is called, its aim, what the reference took on the machine of the aims, its values.
struct Figure {
    name: &'static str,
    unit: &'static str,
    aim: f64,
    reference: &'static str,
    values: Vec<f64>,
}

const RUNS: usize = 11;
const LAB: &str = "bench";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().collect();
    let [_, labgen, scenario] = args.as_slice() else {
        eprintln!("usage: bench LABGEN SCENARIO");
        return ExitCode::from(2);
    };
    match measure(Path::new(labgen), scenario) {
        Ok(figures) => {
            println!("{}\n", host());
            print_table(&figures);
            ExitCode::SUCCESS
        }
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn measure(labgen: &Path, scenario: &str) -> Result<Vec<Figure>, Box<dyn Error>> {
    let figure = |name, unit, aim, reference| Figure {
        name,
        unit,
        aim,
        reference,
        values: Vec::new(),
    };
    let mut figures = vec![
        figure("attach to first ping answered", "ms", 30.0, "262-295 ms"),
        figure("daemon start to REST answering", "ms", 20.0, "1500-2200 ms"),
        figure("daemon start to Established", "ms", 100.0, "3500-4000 ms"),
        figure("daemon resident, idle", "MB", 8.0, "126 MB"),
        figure("daemon resident, one attachment", "MB", 8.0, "126 MB"),
        figure("whole `up`: 3 nodes, 1 LAN", "ms", 150.0, "-"),
    ];
    for run in 0..=RUNS {
        let values = once(labgen, scenario)?;
        // The first run warms the page cache.
        if run > 0 {
            for (figure, value) in figures.iter_mut().zip(values) {
                figure.values.push(value);
            }
        }
    }
    Ok(figures)
}

/// One `up`, `down`, one `run`; the figures in the order of the table.
fn once(labgen: &Path, scenario: &str) -> Result<[f64; 6], Box<dyn Error>> {
    let begun = Instant::now();
    let up = events(labgen, &["up", "--json", scenario])?;
    let whole_up = begun.elapsed().as_secs_f64() * 1000.0;
    call(labgen, &["down", LAB])?;

    let run = events(labgen, &["run", "--json", "--keep", scenario])?;
    let after = call(labgen, &["inspect", "--json", "--lab", LAB])?;
    call(labgen, &["down", LAB])?;

    let at = |name: &str, matches: &dyn Fn(&Value) -> bool| {
        let event = run.iter().find(|e| e["event"] == name && matches(e));
        let event = event.ok_or_else(|| format!("no `{name}` event"))?;
        event["at"]
            .as_f64()
            .ok_or_else(|| format!("`{name}` event without time"))
    };
    let node = |e: &Value| e["node"] == "compute-b";
    let step = |n: u64| move |e: &Value| e["step"] == n;
    let started = at("started", &node)?;
    let resident = |lab: &Value| {
        let nodes = lab["nodes"].as_array().into_iter().flatten();
        let b = nodes.clone().find(|n| n["name"] == "compute-b");
        b.and_then(|n| n["memory_kib"].as_f64())
            .ok_or("no memory figure")
            .map(|kib| kib / 1024.0)
    };
    let idle = up
        .iter()
        .find(|e| e["event"] == "up")
        .ok_or("no `up` event")?;
    Ok([
        (at("step-passed", &step(6))? - at("step-started", &step(3))?) / 1000.0,
        (at("ready", &node)? - started) / 1000.0,
        (at("step-passed", &step(1))? - started) / 1000.0,
        resident(&idle["lab"])?,
        resident(&serde_json::from_str(&after)?)?,
        whole_up,
    ])
}

fn events(labgen: &Path, args: &[&str]) -> Result<Vec<Value>, Box<dyn Error>> {
    let lines = call(labgen, args)?;
    lines
        .lines()
        .map(|line| serde_json::from_str(line).map_err(Into::into))
        .collect()
}

fn call(labgen: &Path, args: &[&str]) -> Result<String, Box<dyn Error>> {
    let output = Command::new(labgen).args(args).output()?;
    let stdout = String::from_utf8(output.stdout)?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("`labgen {}` failed\n{stdout}{stderr}", args.join(" ")).into());
    }
    Ok(stdout)
}

fn host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = cpuinfo
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    let meminfo = read("/proc/meminfo");
    let memory = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: f64 = memory
        .and_then(|m| m.trim().strip_suffix(" kB")?.parse().ok())
        .unwrap_or(0.0);
    format!(
        "host: {} x {}, {:.0} GiB, Linux {}; load {}; medians of {RUNS} runs after one to warm up",
        cores,
        model.unwrap_or("unknown processor"),
        kib / 1024.0 / 1024.0,
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or("?"),
    )
}

fn print_table(figures: &[Figure]) {
    println!(
        "{:<42} {:>9} {:>9} {:>9} {:>8}  {:<8} the Python reference took",
        "figure", "min", "median", "max", "aim", ""
    );
    for figure in figures {
        let mut values = figure.values.clone();
        values.sort_by(f64::total_cmp);
        let (Some(min), Some(max)) = (values.first(), values.last()) else {
            continue;
        };
        let median = values[values.len() / 2];
        let unit = figure.unit;
        println!(
            "{:<42} {:>9} {:>9} {:>9} {:>8}  {:<8} {}",
            figure.name,
            format!("{min:.1} {unit}"),
            format!("{median:.1} {unit}"),
            format!("{max:.1} {unit}"),
            format!("{} {unit}", figure.aim),
            if median <= figure.aim {
                "met"
            } else {
                "MISSED"
            },
            figure.reference,
        );
    }
}
