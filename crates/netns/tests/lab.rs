//! Supervisors and what is below them, with this test's own executable in some of the roles.
//!
//! Without the test harness: signals and single-threadedness matter. Arguments are parts of the
//! names of the tests to run.

#![allow(clippy::unwrap_used)]

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use netns::lab::{self, Entry, Namespaces, Supervisor, SupervisorOptions, enter, spawn_supervisor};
use netns::ns::NsError;
use netns::probe;
use netns::process::{Exit, ProcessSpec, Reap, Spawner};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{Pid, pipe2};

const PATIENCE: Duration = Duration::from_secs(20);
const ROLE: &str = "NETNS_TEST_ROLE";
const ARGUMENT: &str = "NETNS_TEST_ARGUMENT";

fn main() {
    if probe::is_child() {
        probe::child();
    }
    if let Ok(role) = std::env::var(ROLE) {
        play(&role, &std::env::var(ARGUMENT).unwrap());
    }
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    let mut failed = false;
    for (name, test) in TESTS {
        if !wanted.is_empty() && !wanted.iter().any(|part| name.contains(part)) {
            continue;
        }
        // Each on a thread of its own, whose end is that of the supervisors it has left.
        let passed = std::thread::spawn(test).join().is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed |= !passed;
    }
    std::process::exit(i32::from(failed));
}

macro_rules! tests {
    ($($name:ident),* $(,)?) => {
        const TESTS: &[(&str, fn())] = &[$((stringify!($name), $name)),*];
    };
}

tests![
    a_supervisor_is_process_one_and_root,
    the_end_of_a_supervisor_is_the_end_of_all,
    what_cannot_start_says_why,
    commands_enter_the_lab,
    process_one_collects_orphans_and_shows_itself,
    a_supervisor_ends_with_its_starter,
    an_entered_command_hears_signals_and_ends_with_its_starter_or_the_lab,
    groups_can_be_pretended,
    probes_answer,
];

/// Reads all that the processes holding the other end write, until none of them is left.
fn read_all(pipe: OwnedFd) -> String {
    let mut pipe = File::from(pipe);
    let deadline = Instant::now() + PATIENCE;
    let mut text = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut fds, PollTimeout::try_from(left).unwrap()).unwrap();
        assert!(
            ready > 0,
            "somebody still holds the pipe; so far: {}",
            text.escape_ascii()
        );
        let mut part = [0; 4096];
        match pipe.read(&mut part).unwrap() {
            0 => return String::from_utf8(text).unwrap(),
            length => text.extend(&part[..length]),
        }
    }
}

fn supervisor(script: &str, options: &SupervisorOptions) -> Result<(Supervisor, OwnedFd), NsError> {
    let (output, to_output) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let args = ["-c".into(), OsString::from(script)];
    let started = spawn_supervisor(Path::new("/bin/sh"), &args, &[(to_output, 1)], options)?;
    Ok((started, output))
}

/// A supervisor, or `None` and a message where the kernel refuses.
fn start(script: &str, options: &SupervisorOptions) -> Option<(Supervisor, OwnedFd)> {
    match supervisor(script, options) {
        Ok(started) => Some(started),
        Err(error) if error.is_permission() => {
            eprintln!("SKIPPED: {error}: {}", error.source);
            None
        }
        Err(error) => panic!("{error}: {}", error.source),
    }
}

fn wait(pid: i32) -> WaitStatus {
    waitpid(Pid::from_raw(pid), None).unwrap()
}

/// To end with the test.
fn ending() -> SupervisorOptions {
    SupervisorOptions {
        die_with_parent: true,
        ..SupervisorOptions::default()
    }
}

fn kinds() -> [SupervisorOptions; 2] {
    [false, true].map(|user_namespace| SupervisorOptions {
        user_namespace,
        new_session: true,
        die_with_parent: true,
        env: vec![("LAB".into(), "test".into())],
    })
}

fn a_supervisor_is_process_one_and_root() {
    for options in kinds() {
        let script = "echo $$ $(id -u) $(id -g) $LAB; read self rest </proc/self/stat
            echo $self; tail -n +3 /proc/net/dev | wc -l; mount -t tmpfs none /mnt && echo mounted";
        let Some((started, output)) = start(script, &options) else {
            continue;
        };
        let text = read_all(output);
        assert_eq!(
            wait(started.pid),
            WaitStatus::Exited(Pid::from_raw(started.pid), 0)
        );
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "1 0 0 test");
        if started.own_proc {
            assert_eq!(lines[1], "1");
        } else {
            eprintln!("SKIPPED: the kernel refuses a proc");
        }
        assert_eq!(lines[2..], ["1", "mounted"]);
    }
}

fn the_end_of_a_supervisor_is_the_end_of_all() {
    for options in kinds() {
        let script = "setsid sleep 1000 & sleep 1000 & echo started; wait";
        let Some((started, output)) = start(script, &options) else {
            continue;
        };
        let mut first = [0; 8];
        File::from(output.try_clone().unwrap())
            .read_exact(&mut first)
            .unwrap();
        kill(Pid::from_raw(started.pid), Signal::SIGKILL).unwrap();
        // Each of them held the other end.
        assert_eq!(read_all(output), "");
        assert!(matches!(
            wait(started.pid),
            WaitStatus::Signaled(_, Signal::SIGKILL, _)
        ));
    }
}

fn what_cannot_start_says_why() {
    let options = SupervisorOptions::default();
    let missing = spawn_supervisor(Path::new("/nonexistent"), &[], &[], &options).unwrap_err();
    if missing.is_permission() {
        eprintln!("SKIPPED: {missing}");
        return;
    }
    assert_eq!(missing.to_string(), "cannot start `/nonexistent`");
    assert_eq!(missing.source.raw_os_error(), Some(nix::libc::ENOENT));
}

fn commands_enter_the_lab() {
    for options in kinds() {
        let script = "mount -t tmpfs none /mnt; echo kept >/mnt/file; echo ready; exec sleep 1000";
        let Some((started, output)) = start(script, &options) else {
            continue;
        };
        let mut first = String::new();
        BufReader::new(File::from(output))
            .read_line(&mut first)
            .unwrap();
        let namespaces = Namespaces::of_process(started.pid).unwrap();
        assert_eq!(namespaces.user.is_some(), started.user_namespace);

        let run = |script: &str| {
            let entry = Entry {
                program: "sh".into(),
                args: vec!["-c".into(), script.into()],
                env: vec![("NAME".into(), "value".into())],
                dir: None,
            };
            enter(&namespaces, &entry).unwrap()
        };
        assert_eq!(run("exit 7"), Exit::Code(7));
        assert_eq!(run("kill -9 $$"), Exit::Signal(9));
        assert_eq!(
            run("test $(id -u) = 0 && test $NAME = value"),
            Exit::Code(0)
        );
        assert_eq!(run("test $(cat /mnt/file) = kept"), Exit::Code(0));
        assert_eq!(
            run("test $(tail -n +3 /proc/net/dev | wc -l) = 1"),
            Exit::Code(0)
        );
        if started.own_proc {
            assert_eq!(run("test $(cat /proc/1/comm) = sleep"), Exit::Code(0));
        }
        let missing = Entry {
            program: "no-such-program".into(),
            ..Entry::default()
        };
        let missing = enter(&namespaces, &missing).unwrap_err();
        assert_eq!(missing.to_string(), "cannot start `no-such-program`");

        kill(Pid::from_raw(started.pid), Signal::SIGKILL).unwrap();
        wait(started.pid);
        let late = Entry {
            program: "true".into(),
            ..Entry::default()
        };
        assert!(enter(&namespaces, &late).is_err(), "the lab has ended");
    }
}

/// Starts this executable in a role.
fn in_role(role: &str, argument: &str) -> (std::process::Child, BufReader<File>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(ROLE, role)
        .env(ARGUMENT, argument)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = OwnedFd::from(child.stdout.take().unwrap());
    (child, BufReader::new(File::from(output)))
}

fn first_line(output: &mut BufReader<File>) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

fn play(role: &str, argument: &str) -> ! {
    match role {
        // Holds a supervisor that is to end with it.
        "holder" => {
            let args = ["-c".into(), "echo started; exec sleep 1000".into()];
            spawn_supervisor(Path::new("/bin/sh"), &args, &[], &ending()).unwrap();
            loop {
                std::thread::park();
            }
        }
        "enter" => {
            let namespaces = Namespaces::of_process(argument.parse().unwrap()).unwrap();
            let script = "trap 'exit 42' TERM; echo started; read line";
            let args = vec!["-c".into(), script.into()];
            let entry = Entry {
                program: "sh".into(),
                args,
                ..Entry::default()
            };
            std::process::exit(enter(&namespaces, &entry).unwrap().shell_code().into());
        }
        "init" => init(),
        "groups" => groups(),
        other => panic!("no role {other}"),
    }
}

/// Process number 1: starts one that leaves an orphan behind, and collects both.
fn init() -> ! {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let spawner = Spawner::start(Reap::All).unwrap();
        let script = "(sleep 0.01; exit 3) & exit 0";
        let args = vec!["-c".into(), script.into()];
        let mut child = spawner
            .spawn(ProcessSpec {
                args,
                ..ProcessSpec::new("sh")
            })
            .await
            .unwrap();
        println!("child: {}", child.exited().await);
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        while waitid(Id::All, flags).is_ok() {
            tokio::task::yield_now().await;
        }
        println!("left: nobody");
        lab::mount_run().unwrap();
        lab::show_executable(Path::new("/run/labgen/bin"), "labgen", &["bagpipe-bgp"]).unwrap();
        let same = std::fs::read("/run/labgen/bin/bagpipe-bgp").unwrap()
            == std::fs::read("/proc/self/exe").unwrap();
        println!("executable: {same}");
    });
    std::process::exit(0);
}

/// In a user namespace that refuses `setgroups`: a program that calls it, as it is and answered.
fn groups() -> ! {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let spawner = Spawner::start(Reap::All).unwrap();
        for pretend_groups in [false, true] {
            let args = ["--groups", "0", "/", "true"].map(OsString::from).into();
            let mut child = spawner
                .spawn(ProcessSpec {
                    args,
                    pretend_groups,
                    ..ProcessSpec::new("chroot")
                })
                .await
                .unwrap();
            println!("pretended {pretend_groups}: {}", child.exited().await);
        }
    });
    std::process::exit(0);
}

fn groups_can_be_pretended() {
    let (output, to_output) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let inherited = [(to_output, 1)];
    let options = SupervisorOptions {
        user_namespace: true,
        env: vec![(ROLE.into(), "groups".into()), (ARGUMENT.into(), "".into())],
        ..SupervisorOptions::default()
    };
    let exe = std::env::current_exe().unwrap();
    let started = spawn_supervisor(&exe, &[], &inherited, &options);
    drop(inherited);
    match started {
        Ok(started) => {
            let text = read_all(output);
            assert_eq!(
                text,
                "pretended false: status 125\npretended true: status 0\n"
            );
            wait(started.pid);
        }
        Err(error) if error.is_permission() => eprintln!("SKIPPED: {error}"),
        Err(error) => panic!("{error}: {}", error.source),
    }
}

fn process_one_collects_orphans_and_shows_itself() {
    let (output, to_output) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let inherited = [(to_output, 1)];
    let options = SupervisorOptions {
        env: vec![(ROLE.into(), "init".into()), (ARGUMENT.into(), "".into())],
        ..SupervisorOptions::default()
    };
    let exe = std::env::current_exe().unwrap();
    let started = spawn_supervisor(&exe, &[], &inherited, &options);
    drop(inherited);
    match started {
        Ok(started) => {
            let text = read_all(output);
            assert_eq!(text, "child: status 0\nleft: nobody\nexecutable: true\n");
            wait(started.pid);
        }
        Err(error) if error.is_permission() => eprintln!("SKIPPED: {error}"),
        Err(error) => panic!("{error}: {}", error.source),
    }
}

fn a_supervisor_ends_with_its_starter() {
    let Some((checked, _)) = start("true", &SupervisorOptions::default()) else {
        return;
    };
    wait(checked.pid);
    let (mut holder, mut output) = in_role("holder", "");
    assert_eq!(first_line(&mut output), "started");
    holder.kill().unwrap();
    holder.wait().unwrap();
    // The supervisor held the other end, too.
    assert_eq!(read_all(output.into_inner().into()), "");
}

fn an_entered_command_hears_signals_and_ends_with_its_starter_or_the_lab() {
    for how in ["term", "starter", "lab"] {
        let Some((lab, _lab_output)) = start("exec sleep 1000", &ending()) else {
            return;
        };
        let (mut starter, mut output) = in_role("enter", &lab.pid.to_string());
        let _input = starter.stdin.take();
        assert_eq!(first_line(&mut output), "started");
        match how {
            "term" => {
                kill(Pid::from_raw(starter.id().cast_signed()), Signal::SIGTERM).unwrap();
                assert_eq!(starter.wait().unwrap().code(), Some(42));
            }
            "starter" => {
                starter.kill().unwrap();
                starter.wait().unwrap();
            }
            _ => {
                kill(Pid::from_raw(lab.pid), Signal::SIGKILL).unwrap();
                assert_eq!(starter.wait().unwrap().code(), Some(128 + 9));
            }
        }
        // The command held the other end.
        assert_eq!(read_all(output.into_inner().into()), "");
        let _ = kill(Pid::from_raw(lab.pid), Signal::SIGKILL);
        wait(lab.pid);
    }
}

fn probes_answer() {
    let started = Instant::now();
    let probes = probe::all();
    let took = started.elapsed();
    for probe in &probes {
        let mark = if probe.ok { "works  " } else { "missing" };
        println!(
            "  {mark} {}: {} (for {})",
            probe.name, probe.detail, probe.needed_for
        );
        assert!(!probe.detail.is_empty(), "{probe:?}");
    }
    println!("  {} probes in {took:?}", probes.len());

    let find = |name: &str| probes.iter().find(|probe| probe.name == name).unwrap();
    if find("namespaces of a lab").ok {
        // Every kernel that makes namespaces has these.
        for name in ["PID namespace", "network namespace", "tmpfs", "veth"] {
            assert!(find(name).ok, "{:?}", find(name));
        }
        assert!(
            probes.iter().all(|probe| probe.detail != "not tried"),
            "{probes:?}"
        );
    } else {
        println!("SKIPPED: {}", find("namespaces of a lab").detail);
    }
}
