//! The same networks made by other programs, in turns with ours: to be there and gone again.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::figure::{Figure, Other};
use crate::lab::{CallError, Labgen};

/// Measures, and shows each figure.
pub fn measure(
    labgen: &Labgen,
    runs: usize,
    show: &mut dyn FnMut(Figure),
) -> Result<(), CallError> {
    let scratch = std::env::temp_dir().join(format!("bench-{}", std::process::id()));
    let linear = "100 switches in a row, 100 hosts: up and down";
    let torus = "100 switches in a torus, 100 hosts: up and down";
    let contests = [
        (linear, "linear.toml", "Mininet", mininet("linear,100")),
        (torus, "torus.toml", "Mininet", mininet("torus,10,10")),
        (linear, "linear.toml", "munet", munet(&scratch, &row(100))),
    ];
    for (what, scenario, name, other) in contests {
        let figure = |values, other| Figure {
            name: what.into(),
            unit: "s",
            aim: None,
            values,
            other: Some(other),
        };
        match other {
            Err(why) => show(figure(Vec::new(), Other::Told(format!("{name}: {why}")))),
            Ok(command) => {
                let (ours, theirs) = contest(labgen, scenario, &command, runs)?;
                show(figure(
                    ours,
                    Other::Measured {
                        name,
                        values: theirs,
                    },
                ));
            }
        }
    }
    // Nothing depends on it being gone.
    let _ = std::fs::remove_dir_all(scratch);
    Ok(())
}

/// Whether a program is there: a path, or a name to be looked up in `PATH`.
pub fn installed(program: &str) -> bool {
    find(program).is_some()
}

fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&path).map(|directory| directory.join(program));
    candidates.find(|candidate| candidate.is_file())
}

/// What makes Mininet make a network of Linux bridges and remove it again. Its own defaults, Open vSwitch with a
/// controller, are slower.
fn mininet(topology: &str) -> Result<Vec<String>, String> {
    root()?;
    for (program, package) in [
        ("mn", "mininet"),
        ("brctl", "bridge-utils"),
        ("ifconfig", "net-tools"),
    ] {
        if !installed(program) {
            return Err(format!(
                "not measured, needs the Debian package `{package}`"
            ));
        }
    }
    // A torus of bridges is a loop, which frames would circle in.
    let words = [
        "mn",
        "--switch",
        "lxbr,stp=1",
        "--controller",
        "none",
        "--test",
        "none",
        "--topo",
        topology,
    ];
    Ok(words.map(String::from).to_vec())
}

/// What makes munet make a network and remove it again. It looks its first process up as number 1, which is its own
/// only in a namespace of processes of its own.
fn munet(scratch: &Path, config: &str) -> Result<Vec<String>, String> {
    root()?;
    if !installed("munet") {
        return Err("not measured, needs `munet` from PyPI in PATH".into());
    }
    let file = scratch.join("munet.yaml");
    std::fs::create_dir_all(scratch)
        .and_then(|()| std::fs::write(&file, config))
        .map_err(|e| format!("not measured, cannot write {}: {e}", file.display()))?;
    let file = file.display().to_string();
    let run = scratch.join("run").display().to_string();
    let words = [
        "unshare",
        "-pf",
        "--mount-proc",
        "munet",
        "--no-cli",
        "--no-wait",
        "-c",
        &file,
        "-d",
        &run,
    ];
    Ok(words.map(String::from).to_vec())
}

fn root() -> Result<(), String> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uid = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    let root = uid.and_then(|uids| uids.split_whitespace().nth(1)) == Some("0");
    root.then_some(())
        .ok_or_else(|| "not measured, needs root".into())
}

/// munet's configuration of a row of switches with a host on each: its nodes route, as ours do.
fn row(switches: usize) -> String {
    let mut text = String::from("version: 1\ntopology:\n  nodes:\n");
    let mut node = |name: &str, neighbours: &[String]| {
        let _ = writeln!(text, "    - name: {name}\n      connections:");
        for to in neighbours {
            let _ = writeln!(
                text,
                "        - {{ to: {to}, name: {to}, remote-name: {name} }}"
            );
        }
    };
    for i in 1..=switches {
        let mut neighbours = vec![format!("h{i}")];
        if i > 1 {
            neighbours.push(format!("s{}", i - 1));
        }
        if i < switches {
            neighbours.push(format!("s{}", i + 1));
        }
        node(&format!("s{i}"), &neighbours);
        node(&format!("h{i}"), &[format!("s{i}")]);
    }
    text
}

/// Seconds of ours and of the other command, in turns.
fn contest(
    labgen: &Labgen,
    scenario: &str,
    command: &[String],
    runs: usize,
) -> Result<(Vec<f64>, Vec<f64>), CallError> {
    let scenario = &labgen.scenario(scenario);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let (up, _) = labgen.call(&["up", scenario])?;
        ours.push((up + labgen.down()?).as_secs_f64());
        theirs.push(other(command)?);
    }
    Ok((ours, theirs))
}

/// Seconds that a command takes, which must end well.
fn other(command: &[String]) -> Result<f64, CallError> {
    let began = Instant::now();
    let output = Command::new("timeout")
        .args(["--kill-after=10", "600"])
        .args(command)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| CallError::Start {
            program: "timeout".into(),
            source,
        })?;
    if output.status.success() {
        return Ok(began.elapsed().as_secs_f64());
    }
    Err(CallError::Failed {
        command: command.join(" "),
        said: String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr),
    })
}
