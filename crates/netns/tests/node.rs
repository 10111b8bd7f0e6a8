//! A node's view of the file system, named namespaces, and processes in nodes.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::allowed;
use futures_util::FutureExt;
use netns::link::{LinkSpec, Netlink, Veth};
use netns::ns::named::{self, NamedError};
use netns::ns::{Bind, NetNs, NodeNs, NodeSpec};
use netns::process::{Child, Exit, ProcessSpec, Reap, Spawner};
use netns::unix::unix_in;
use nix::fcntl::OFlag;
use nix::sys::signal::Signal;
use nix::sys::socket::{Backlog, listen};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);

/// A directory for one test, removed at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("netns-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_node_sees_its_own_run_and_what_is_bound() {
    let before = common::visible();
    let scratch = Scratch::new("binds");
    fs::write(scratch.0.join("file"), "kept").unwrap();
    let at = |path: &str, read_only| Bind {
        source: scratch.0.clone(),
        target: path.into(),
        read_only,
    };
    let one_file = Bind {
        source: scratch.0.join("file"),
        target: "/run/a/one-file".into(),
        read_only: false,
    };
    let binds = vec![at("/run/lab", false), at("/run/fixed", true), one_file];
    let node = need!(allowed(NodeNs::create(&NodeSpec {
        binds,
        ..NodeSpec::default()
    })));
    node.run(|| {
        let mut entries: Vec<_> = fs::read_dir("/run")
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        entries.sort();
        assert_eq!(entries, ["a", "fixed", "lab"]);
        assert_eq!(fs::read_to_string("/run/lab/file").unwrap(), "kept");
        assert_eq!(fs::read_to_string("/run/a/one-file").unwrap(), "kept");
        fs::write("/run/lab/made", "").unwrap();
        assert!(fs::write("/run/fixed/made", "").is_err());
        if node.own_sys {
            let links = fs::read_dir("/sys/class/net").unwrap().count();
            assert_eq!(links, 1, "only loopback");
        } else {
            eprintln!("SKIPPED: the kernel refuses a sysfs");
        }
    })
    .unwrap();
    assert!(scratch.0.join("made").exists());
    assert_eq!(common::visible(), before);
    assert!(!PathBuf::from("/run/fixed").exists());
}

#[test]
fn a_missing_bind_is_named() {
    let binds = vec![Bind::same("/nonexistent/file")];
    match NodeNs::create(&NodeSpec {
        binds,
        ..NodeSpec::default()
    }) {
        Err(error) if error.is_permission() => eprintln!("SKIPPED: {error}"),
        Err(error) => assert_eq!(error.to_string(), "cannot open `/nonexistent/file`"),
        Ok(_) => panic!("the file does not exist"),
    }
}

#[test]
fn names_for_namespaces() {
    let node = need!(allowed(NodeNs::create(&NodeSpec::default())));
    node.run(|| {
        assert_eq!(named::list().unwrap(), Vec::<String>::new());
        let blue = named::add("blue").unwrap();
        assert_eq!(
            named::open("blue").unwrap().id().unwrap(),
            blue.id().unwrap()
        );
        named::attach("again", &blue).unwrap();
        assert_eq!(named::list().unwrap(), ["again", "blue"]);
        assert!(matches!(named::add("blue"), Err(NamedError::Exists(name)) if name == "blue"));
        for bad in ["", ".", "..", "a/b", "a\0b"] {
            assert!(
                matches!(named::add(bad), Err(NamedError::BadName(_))),
                "{bad:?}"
            );
        }
        named::delete("blue").unwrap();
        assert!(matches!(named::open("blue"), Err(NamedError::Missing(_))));
        assert!(matches!(named::delete("blue"), Err(NamedError::Missing(_))));
        // The other name keeps it.
        assert_eq!(
            named::open("again").unwrap().id().unwrap(),
            blue.id().unwrap()
        );
        named::delete("again").unwrap();
        assert_eq!(named::list().unwrap(), Vec::<String>::new());
    })
    .unwrap();
}

#[tokio::test]
async fn names_are_those_of_ip_netns() {
    let node = need!(allowed(NodeNs::create(&NodeSpec::default())));
    node.run(|| named::add("blue").map(drop)).unwrap().unwrap();
    let mut run = Run::start(Reap::Own);
    let script = "command -v ip >/dev/null || exit 77
        ip netns exec blue ip -o link | wc -l; ip netns add red; ip netns del blue; ip netns";
    let (exit, text) = run.shell(script, Some(&node)).await;
    if exit == Exit::Code(77) {
        eprintln!("SKIPPED: no `ip` here");
        return;
    }
    assert_eq!(
        (exit, text.lines().collect::<Vec<_>>()),
        (Exit::Code(0), vec!["1", "red"])
    );
    let names = node.run(named::list).unwrap().unwrap();
    assert_eq!(names, ["red"]);
}

/// A spawner and the shell.
struct Run {
    spawner: Spawner,
}

impl Run {
    fn start(reap: Reap) -> Self {
        Self {
            spawner: Spawner::start(reap).unwrap(),
        }
    }

    async fn start_shell(&mut self, script: &str, node: Option<&NodeNs>) -> (Child, File) {
        let (output, to_output) = nix::unistd::pipe2(OFlag::O_CLOEXEC).unwrap();
        let spec = ProcessSpec {
            args: vec!["-c".into(), script.into()],
            node: node.cloned(),
            stdout: Some(to_output),
            env: vec![("GREETING".into(), "hello".into())],
            die_with_parent: true,
            ..ProcessSpec::new("sh")
        };
        (self.spawner.spawn(spec).await.unwrap(), File::from(output))
    }

    async fn shell(&mut self, script: &str, node: Option<&NodeNs>) -> (Exit, String) {
        let (mut child, mut output) = self.start_shell(script, node).await;
        let text = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).map(|_| text)
        });
        let text = timeout(PATIENCE, text).await.unwrap().unwrap().unwrap();
        (timeout(PATIENCE, child.exited()).await.unwrap(), text)
    }
}

#[tokio::test]
async fn processes_live_in_their_node() {
    let node = need!(allowed(NodeNs::create(&NodeSpec::default())));
    let netlink = Netlink::in_ns(&node.net).unwrap();
    netlink
        .create_veth(&Veth {
            a: LinkSpec::up("eth0"),
            b: LinkSpec::up("eth1"),
        })
        .await
        .unwrap();
    let mut run = Run::start(Reap::Own);
    let script = "ls /run | wc -l; grep -c eth /proc/net/dev; echo $GREETING; exit 3";
    let (exit, text) = run.shell(script, Some(&node)).await;
    assert_eq!(exit, Exit::Code(3));
    assert_eq!(text.lines().collect::<Vec<_>>(), ["0", "2", "hello"]);
    assert_eq!(run.spawner.running(), Vec::<i32>::new());
}

#[tokio::test]
async fn ends_are_told_to_all_who_wait() {
    let mut run = Run::start(Reap::Own);
    let (mut child, _output) = run.start_shell("exec sleep 1000", None).await;
    assert_eq!(child.try_exit(), None);
    assert_eq!(run.spawner.running(), [child.pid()]);
    let mut other = child.clone();
    let waiting = tokio::spawn(async move { other.exited().await });
    child.kill(Signal::SIGTERM).unwrap();
    let exit = timeout(PATIENCE, child.exited()).await.unwrap();
    assert_eq!((exit, exit.shell_code()), (Exit::Signal(15), 143));
    assert_eq!(exit.to_string(), "SIGTERM");
    assert_eq!(timeout(PATIENCE, waiting).await.unwrap().unwrap(), exit);
    // Whoever has the number now is not hit.
    child.kill(Signal::SIGKILL).unwrap();
    assert_eq!(timeout(PATIENCE, child.exited()).await.unwrap(), exit);
}

#[tokio::test]
async fn a_process_group_ends_together() {
    let mut run = Run::start(Reap::Own);
    let (mut child, mut output) = run
        .start_shell("sleep 1000 & echo started; wait", None)
        .await;
    let mut started = [0; 8];
    output.read_exact(&mut started).unwrap();
    child.kill_group(Signal::SIGKILL).unwrap();
    assert_eq!(
        timeout(PATIENCE, child.exited()).await.unwrap(),
        Exit::Signal(9)
    );
    // The sleeper held the other end.
    let ended = tokio::task::spawn_blocking(move || output.read_to_end(&mut Vec::new()));
    timeout(PATIENCE, ended).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn what_cannot_start_says_why() {
    let run = Run::start(Reap::Own);
    // Not the tests' own path, which an ordinary user may not be allowed to look along.
    let missing = ProcessSpec {
        env: vec![("PATH".into(), "/usr/bin:/bin".into())],
        ..ProcessSpec::new("no-such-program")
    };
    let missing = run.spawner.spawn(missing).await.unwrap_err();
    assert_eq!(missing.to_string(), "cannot start `no-such-program`");
    assert_eq!(missing.source.raw_os_error(), Some(nix::libc::ENOENT));
    let refused = run
        .spawner
        .spawn(ProcessSpec::new("/etc/passwd"))
        .await
        .unwrap_err();
    assert!(refused.is_permission(), "{refused:?}");
    let nowhere = ProcessSpec {
        dir: Some("/nonexistent".into()),
        ..ProcessSpec::new("true")
    };
    let nowhere = run.spawner.spawn(nowhere).await.unwrap_err();
    assert_eq!(
        nowhere.to_string(),
        "cannot start `true`: enter `/nonexistent`"
    );
    // Collected all the same.
    let none_left = async {
        while !run.spawner.running().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, none_left).await.unwrap();
}

#[tokio::test]
async fn descriptors_are_not_passed_on() {
    let mut run = Run::start(Reap::Own);
    // What whoever started the tests has left open is passed on, and nothing else.
    let inheritable = |number: &String| {
        let path = format!("/proc/self/fdinfo/{number}");
        let info = fs::read_to_string(path).unwrap_or_default();
        let flags = info
            .lines()
            .find_map(|line| line.strip_prefix("flags:"))
            .map(str::trim);
        flags
            .is_some_and(|flags| i32::from_str_radix(flags, 8).unwrap() & nix::libc::O_CLOEXEC == 0)
    };
    let ours = fs::read_dir("/proc/self/fd").unwrap();
    let ours = ours.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut expected: BTreeSet<_> = ours.filter(inheritable).collect();
    expected.extend(["0", "1", "2"].map(str::to_owned));

    let (exit, text) = run.shell("ls /proc/self/fd", None).await;
    assert_eq!(exit, Exit::Code(0));
    let theirs: BTreeSet<_> = text.lines().map(str::to_owned).collect();
    // `ls` has opened the directory.
    assert_eq!(
        theirs.len(),
        expected.len() + 1,
        "{theirs:?} but expected {expected:?}"
    );
    assert!(
        theirs.is_superset(&expected),
        "{theirs:?} but expected {expected:?}"
    );
}

#[tokio::test]
async fn many_at_once() {
    let run = Run::start(Reap::Own);
    let mut children = Vec::new();
    for _ in 0..50 {
        children.push(run.spawner.spawn(ProcessSpec::new("true")).await.unwrap());
    }
    for child in &mut children {
        assert!(timeout(PATIENCE, child.exited()).await.unwrap().success());
    }
}

#[test]
fn a_panic_inside_continues_outside() {
    let ns: NetNs = need!(common::namespace());
    let panicked = std::panic::catch_unwind(|| ns.run(|| panic!("inside")));
    let reason = panicked.unwrap_err();
    assert_eq!(reason.downcast_ref(), Some(&"inside"));
}

#[tokio::test]
async fn a_listener_that_accepts_nobody_stops_nobody() {
    let node = need!(allowed(NodeNs::create(&NodeSpec::default())));
    let path = Path::new("/run/socket");
    assert!(unix_in(&node, path).is_err());
    let listener = node.run(|| UnixListener::bind(path).unwrap()).unwrap();
    listen(&listener, Backlog::new(2).unwrap()).unwrap();
    let mut waiting = Vec::new();
    let full = loop {
        match unix_in(&node, path) {
            Ok(stream) => waiting.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(full.source.kind(), ErrorKind::WouldBlock, "{full}");
    // There is room again for as many as are taken in.
    listener.accept().unwrap();
    unix_in(&node, path).unwrap();
}

#[tokio::test]
async fn a_process_that_nobody_waited_for_is_ended() {
    let spawner = Spawner::start(Reap::Own).unwrap();
    loop {
        let (mut heard, said) = std::io::pipe().unwrap();
        let spec = ProcessSpec {
            args: vec!["1000".into()],
            stdout: Some(said.into()),
            ..ProcessSpec::new("sleep")
        };
        // The spawner may be faster.
        if let Some(child) = Box::pin(spawner.spawn(spec)).now_or_never() {
            child.unwrap().kill(Signal::SIGKILL).unwrap();
            continue;
        }
        let ended = tokio::task::spawn_blocking(move || heard.read_to_end(&mut Vec::new()));
        timeout(PATIENCE, ended).await.unwrap().unwrap().unwrap();
        return;
    }
}

#[tokio::test]
async fn what_a_program_leaves_behind_can_be_ended() {
    let spawner = Spawner::start(Reap::Own).unwrap();
    let (mut heard, said) = std::io::pipe().unwrap();
    let script = "sleep 1000 & exec sleep 1000";
    let spec = ProcessSpec {
        args: ["-c", script].map(Into::into).into(),
        stdout: Some(said.into()),
        ..ProcessSpec::new("/bin/sh")
    };
    let mut child = spawner.spawn(spec).await.unwrap();
    // Its own death is not that of what it has started.
    child.end_leftovers();
    assert_eq!(child.try_exit(), None);
    child.kill(Signal::SIGKILL).unwrap();
    timeout(PATIENCE, child.exited()).await.unwrap();
    child.end_leftovers();
    // Read to its end, which comes when nobody is left who could say something.
    let ended = tokio::task::spawn_blocking(move || heard.read_to_end(&mut Vec::new()));
    timeout(PATIENCE, ended).await.unwrap().unwrap().unwrap();
}
