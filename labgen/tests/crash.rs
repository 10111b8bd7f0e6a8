//! `kill -9` of labgen's processes at any moment leaves nothing behind, and the next `up` just works.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use netns::ns::NetNs;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Rounds in a user namespace of their own.
const ROUNDS: u32 = 50;
/// Rounds as the user who runs the tests, and again as an ordinary user when that is root.
const FEW: u32 = 10;
/// Rounds of a lab of fifty nodes with programs of others, in every run of the tests, and when asked for.
const LARGE: (u32, u32) = (8, 200);
/// Where the inner test finds how many.
const LARGE_ROUNDS: &str = "LABGEN_CRASH_ROUNDS";
/// Network namespaces that must be there to be made after all rounds.
const ALLOWED: usize = 10;
/// Longer than the kernel ever takes to take a lab apart.
const PATIENCE: Duration = Duration::from_secs(20);
const NOBODY: u32 = 65534;

/// Fifty nodes: our speakers below GoBGP, a fabric of FRR, hosts.
const FIFTY: &str = r#"
[lab]
name = "fifty"

[nodes]
rr = { kind = "gobgp", clients = ["compute"] }
compute = { kind = "bagpipe", count = 8, peers = ["rr"] }
spine = { kind = "frr", count = 2, as = 65000, loopback = true, networks = ["loopback"] }
leaf = { kind = "frr", count = 4, as = "${65100 + i}", peers = ["spine"], loopback = true, networks = ["loopback"] }
h = { kind = "host", count = 35 }

[lans]
underlay = { join = ["rr", "compute", "h"], subnet = "10.0.0.0/24" }

[links]
fabric = { ends = ["leaf", "spine"] }

[[step]]
ping = { from = "h-1", to = "h-35", within = "20s" }
"#;

/// labgen with a state directory of its own.
struct Lab {
    dir: PathBuf,
    program: PathBuf,
    /// What the lab is called.
    name: &'static str,
    as_nobody: bool,
}

/// What the kernel holds that a lab could leave behind.
#[derive(Debug, PartialEq, Eq)]
struct Objects {
    links: BTreeSet<String>,
    mounts: BTreeSet<String>,
    named_namespaces: BTreeSet<String>,
}

impl Lab {
    fn new(as_nobody: bool) -> Self {
        let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/first-ping.toml");
        Self::of(
            as_nobody,
            "first-ping",
            &fs::read_to_string(scenario).unwrap(),
        )
    }

    fn of(as_nobody: bool, name: &'static str, scenario: &str) -> Self {
        let who = format!("{name}-{}", if as_nobody { "nobody" } else { "self" });
        let dir = std::env::temp_dir().join(format!("labgen-crash-{who}-{}", std::process::id()));
        fs::create_dir_all(dir.join("state")).unwrap();
        let program = dir.join("labgen");
        fs::copy(env!("CARGO_BIN_EXE_labgen"), &program).unwrap();
        fs::write(dir.join("lab.toml"), scenario).unwrap();
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
        if as_nobody {
            chown(dir.join("state"), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        Self {
            dir,
            program,
            name,
            as_nobody,
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = if self.as_nobody {
            let mut command = Command::new("setpriv");
            let id = NOBODY.to_string();
            command
                .args(["--reuid", &id, "--regid", &id, "--clear-groups"])
                .arg(&self.program);
            command
        } else {
            Command::new(&self.program)
        };
        command.args(args).current_dir(&self.dir);
        command.env("LABGEN_STATE", self.dir.join("state"));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn succeeds(&self, args: &[&str]) {
        let output = self.command(args).output().unwrap();
        assert!(
            output.status.success(),
            "labgen {args:?}: {}\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Every process that runs this copy of labgen, under whatever name, or that was started in one of its labs, and
    /// its command line.
    fn processes(&self) -> Vec<(Pid, String)> {
        let mut found = Vec::new();
        let program = fs::metadata(&self.program).unwrap();
        let state = format!("LABGEN_STATE={}", self.dir.join("state").display());
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else {
                continue;
            };
            // Not by its path: inside a lab it is shown at another one.
            let exe = fs::metadata(entry.path().join("exe"));
            let ours =
                exe.is_ok_and(|exe| (exe.dev(), exe.ino()) == (program.dev(), program.ino()));
            let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
            let inside = environment
                .split(|octet| *octet == 0)
                .any(|variable| variable == state.as_bytes());
            if ours || inside {
                let words = fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push((
                    Pid::from_raw(pid),
                    String::from_utf8_lossy(&words).replace('\0', " "),
                ));
            }
        }
        found
    }

    fn supervisor(&self) -> Option<Pid> {
        let of_ours = |(_, words): &(Pid, String)| words.contains("__supervise");
        self.processes()
            .into_iter()
            .find(of_ours)
            .map(|(pid, _)| pid)
    }

    fn wait_until_gone(&self, round: u32) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = self.processes();
            if left.is_empty() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "round {round}: still running: {left:?}"
            );
            std::thread::yield_now();
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for (pid, _) in self.processes() {
            let _ = kill(pid, Signal::SIGKILL);
        }
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Objects {
    fn now() -> Self {
        let names = |dir: &str| -> BTreeSet<String> {
            let entries = fs::read_dir(dir).into_iter().flatten().flatten();
            entries
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        };
        // The first fields are numbers that the kernel gives anew.
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let mounts = mounts
            .lines()
            .map(|line| line.splitn(4, ' ').last().unwrap().to_owned());
        Self {
            links: names("/sys/class/net"),
            mounts: mounts.collect(),
            named_namespaces: names("/run/netns"),
        }
    }
}

fn state_outside(lab: &Lab) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(&lab.dir).unwrap().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// A permutation of `0..n`, the same in every run.
fn shuffled(n: u32) -> impl Iterator<Item = u32> {
    // 37 shares no factor with any number of rounds here.
    (0..n).map(move |i| (i * 37 + 11) % n)
}

fn kill_rounds(lab: &Lab, rounds: u32) {
    // Once undisturbed: it works, and how long it takes tells which moments there are.
    let begun = Instant::now();
    lab.succeeds(&["run", "lab.toml"]);
    let whole = begun.elapsed();
    lab.wait_until_gone(0);
    let before = Objects::now();
    let files = state_outside(lab);

    for (round, slot) in shuffled(rounds).enumerate() {
        let round = u32::try_from(round).unwrap();
        let mode = if round % 2 == 0 { "run" } else { "up" };
        let mut front = lab.command(&[mode, "lab.toml"]).spawn().unwrap();
        std::thread::sleep(whole * slot / rounds);
        strike(lab, &mut front, round);
        lab.wait_until_gone(round);
        assert_eq!(
            Objects::now(),
            before,
            "round {round}: the kernel holds something more"
        );
        assert_eq!(
            state_outside(lab),
            files,
            "round {round}: a file outside the state directory"
        );
    }
    let mode = fs::metadata(lab.dir.join("state").join(lab.name))
        .unwrap()
        .mode();
    assert_eq!(
        mode & 0o077,
        0,
        "the state directory is private: mode {mode:o}"
    );
    lab.succeeds(&["up", "lab.toml"]);
    lab.succeeds(&["down"]);
    lab.wait_until_gone(rounds);
}

/// Kills the front end in one round, the supervisor in the next.
fn strike(lab: &Lab, front: &mut Child, round: u32) {
    let front_pid = Pid::from_raw(i32::try_from(front.id()).unwrap());
    match lab.supervisor().filter(|_| round % 4 >= 2) {
        Some(supervisor) => drop(kill(supervisor, Signal::SIGKILL)),
        None => drop(kill(front_pid, Signal::SIGKILL)),
    }
    front.wait().unwrap();
    // A lab that was already up when its front end was killed may stay up. Then that is the end of it.
    if round % 2 == 1
        && let Some(supervisor) = lab.supervisor()
    {
        let _ = kill(supervisor, Signal::SIGKILL);
    }
}

#[test]
fn killed_at_any_moment_it_leaves_nothing() {
    kill_rounds(&Lab::new(false), FEW);
    if nix::unistd::geteuid().is_root() {
        kill_rounds(&Lab::new(true), FEW);
    } else {
        // Past the harness, which hides what a passing test prints.
        let _ = std::io::stderr().write_all(b"SKIPPED: rounds as another user need root\n");
    }
    in_user_namespace("many_rounds_leave_no_namespace", ROUNDS);
}

/// A namespace that nothing names any more can only be counted, and the kernel counts them by user namespace.
fn in_user_namespace(test: &str, rounds: u32) {
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env(LARGE_ROUNDS, rounds.to_string())
        .status()
        .unwrap();
    assert!(status.success(), "in a user namespace: {status}");
}

#[test]
#[ignore = "started by the test above, in a user namespace of its own"]
fn many_rounds_leave_no_namespace() {
    kill_rounds(&Lab::new(false), ROUNDS);
    assert_no_namespace_left();
}

/// Shows that it skips where a peer is missing.
fn peers_are_missing() -> bool {
    let missing = [("/usr/bin/gobgpd", "gobgpd"), ("/usr/lib/frr/bgpd", "frr")]
        .into_iter()
        .find(|(program, _)| !Path::new(program).exists());
    if let Some((program, package)) = missing {
        let words = format!("SKIPPED: no `{program}` (apt-get install {package})\n");
        let _ = std::io::stderr().write_all(words.as_bytes());
    }
    missing.is_some()
}

#[test]
fn fifty_nodes_killed_at_any_moment_leave_nothing() {
    if !peers_are_missing() {
        in_user_namespace("fifty_nodes_leave_no_namespace", LARGE.0);
    }
}

#[test]
#[ignore = "takes many minutes: `cargo test -p labgen --test crash two_hundred -- --ignored`"]
fn fifty_nodes_killed_at_two_hundred_moments_leave_nothing() {
    if !peers_are_missing() {
        in_user_namespace("fifty_nodes_leave_no_namespace", LARGE.1);
    }
}

#[test]
#[ignore = "started by the tests above, in a user namespace of its own"]
fn fifty_nodes_leave_no_namespace() {
    let rounds = std::env::var(LARGE_ROUNDS).ok();
    let rounds = rounds.and_then(|rounds| rounds.parse().ok());
    kill_rounds(&Lab::of(false, "fifty", FIFTY), rounds.unwrap_or(LARGE.0));
    assert_no_namespace_left();
}

fn assert_no_namespace_left() {
    fs::write("/proc/sys/user/max_net_namespaces", ALLOWED.to_string()).unwrap();
    // They are taken apart behind the scenes. When as many can be had as are allowed, none is left.
    let deadline = Instant::now() + PATIENCE;
    let mut had = Vec::new();
    while had.len() < ALLOWED {
        had.extend(NetNs::create().ok());
        let left = ALLOWED - had.len();
        assert!(
            Instant::now() < deadline,
            "{left} network namespaces are left"
        );
        std::thread::yield_now();
    }
}
