//! Labs as wholes, from outside: listing, following, entering, ending them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use common::{HOSTS, Labgen, scenario};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// labgen going on in the background, with pipes.
fn background(labgen: &Labgen, args: &[&str]) -> Child {
    // Which passes signals on, in the foreground only once: otherwise it has its whole group told too, and labgen takes
    // what it hears twice for impatience.
    Command::new("timeout")
        .args(["--foreground", "60", env!("CARGO_BIN_EXE_labgen")])
        .args(args)
        .env("LABGEN_STATE", labgen.dir.join("state"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// The first line of a child with these words.
fn line_with(out: &mut impl BufRead, words: &str) -> String {
    for line in out.lines() {
        let line = line.unwrap();
        if line.contains(words) {
            return line;
        }
    }
    panic!("no line with {words:?} before the end");
}

#[test]
fn list_names_every_lab_with_its_file() {
    let labgen = Labgen::new("list");
    assert_eq!(labgen.says(&["list"]).succeeds(), "no lab is up\n");
    assert_eq!(labgen.says(&["list", "--json"]).succeeds(), "[]\n");
    let (one, two) = (
        labgen.write("one.toml", HOSTS),
        labgen.write("two.toml", HOSTS),
    );
    labgen.says(&["up", &two]).succeeds();
    labgen.says(&["up", &one]).succeeds();
    let labs: Value = serde_json::from_str(labgen.says(&["list", "--json"]).succeeds()).unwrap();
    let of = |key: &str| -> Vec<Value> {
        let labs = labs.as_array().unwrap().iter();
        labs.map(|lab| lab[key].clone()).collect()
    };
    assert_eq!(of("name"), ["one", "two"]);
    assert_eq!(of("nodes"), [2, 2]);
    assert_eq!(of("file"), [one.as_str(), two.as_str()]);
    let table = labgen.says(&["list"]);
    let table = table.succeeds();
    assert!(table.starts_with("LAB  NODES  UP SINCE"), "{table}");
    assert!(table.contains(&one), "{table}");
    labgen.says(&["down", "--all"]).succeeds();
    assert_eq!(labgen.says(&["list"]).succeeds(), "no lab is up\n");
}

#[test]
fn down_says_what_is_kept_and_leaves_no_sockets() {
    let labgen = Labgen::new("kept");
    labgen.says(&["up", &scenario("by-hand")]).succeeds();
    let said = labgen.says(&["down", "--lab", "by-hand"]);
    let kept = labgen.dir.join("state/by-hand");
    assert!(
        said.succeeds().contains(kept.to_str().unwrap()),
        "{}",
        said.stdout
    );
    let names = |dir: &std::path::Path| -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&labgen.dir.join("state")), ["by-hand"]);
    assert_eq!(names(&kept), ["logs"]);
    labgen.says(&["logs", "--lab", "by-hand", "rr"]).succeeds();
    labgen.says(&["down", "by-hand"]).fails_with(1, "not up");
    labgen.says(&["down", "by-hand", "--purge"]).succeeds();
    assert!(names(&labgen.dir.join("state")).is_empty());
}

#[test]
fn a_lab_that_said_nothing_leaves_nothing() {
    let labgen = Labgen::new("nothing");
    let file = labgen.write("one.toml", HOSTS);
    labgen.says(&["up", &file]).succeeds();
    assert_eq!(labgen.says(&["down"]).succeeds(), "lab `one` is down\n");
    assert_eq!(fs::read_dir(labgen.dir.join("state")).unwrap().count(), 0);
}

#[test]
fn logs_are_followed_to_the_end_of_the_lab() {
    let labgen = Labgen::new("logs");
    labgen.says(&["up", &scenario("by-hand")]).succeeds();
    // What a program says may come a moment after it is ready.
    for node in ["compute-a", "compute-b", "rr"] {
        let mut follower = background(&labgen, &["logs", "-f", node]);
        line_with(&mut BufReader::new(follower.stdout.take().unwrap()), "");
        kill(Pid::from_raw(follower.id().cast_signed()), Signal::SIGTERM).unwrap();
        follower.wait().unwrap();
    }
    let said = labgen.says(&["logs", "-n", "1"]);
    let names: Vec<&str> = said
        .succeeds()
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(names, ["compute-a", "compute-b", "rr"]);
    let alone = labgen.says(&["logs", "rr", "-n", "1"]);
    assert!(!alone.succeeds().contains('|'), "{}", alone.stdout);
    labgen
        .says(&["logs", "nobody"])
        .fails_with(1, "there are those of: compute-a, compute-b, rr");

    let mut follower = background(&labgen, &["logs", "-f", "compute-a", "compute-b"]);
    let mut lines = BufReader::new(follower.stdout.take().unwrap());
    line_with(&mut lines, "compute-b | ");
    let log = labgen.dir.join("state/by-hand/logs/compute-a.log");
    let mut log = fs::File::options().append(true).open(log).unwrap();
    log.write_all(b"half a li").unwrap();
    log.write_all(b"ne\n").unwrap();
    assert_eq!(line_with(&mut lines, "half"), "compute-a | half a line");
    labgen.says(&["down"]).succeeds();
    assert!(follower.wait().unwrap().success());
}

#[test]
fn a_shell_knows_where_it_is() {
    let labgen = Labgen::new("shell");
    let file = labgen.write("one.toml", HOSTS);
    labgen.says(&["up", &file]).succeeds();
    let output = labgen
        .command(&["shell", "a", "-l", "one"])
        .env("SHELL", "/bin/sh")
        .write_stdin("echo $LABGEN_NODE of $LABGEN_LAB; ls /sys/class/net; exit 5\n")
        .output()
        .unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(stdout.contains("a of one\nlan\nlo\n"), "{stdout}");
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("[a@one]"), "{stderr}");
    assert_eq!(output.status.code(), Some(5));
    let lost = labgen
        .command(&["shell", "a"])
        .env("SHELL", "/no/shell")
        .output();
    assert_eq!(lost.unwrap().status.code(), Some(127));
}

#[test]
fn tools_in_a_node_read_the_configuration_of_its_daemon() {
    let labgen = Labgen::new("tools");
    labgen.says(&["up", &scenario("by-hand")]).succeeds();
    let said = labgen.says(&["exec", "compute-a", "--", "bagpipe-bgp-cleanup"]);
    said.succeeds();
    assert!(!said.stderr.contains("/etc/bagpipe-bgp"), "{}", said.stderr);
}

#[test]
fn an_interrupted_run_says_that_it_ends_the_lab() {
    let labgen = Labgen::new("interrupted");
    let steps =
        "[[step]]\nexec = { on = \"a\", command = [\"sleep\", \"60\"], within = \"70s\" }\n";
    let file = labgen.write("one.toml", &format!("{HOSTS}\n{steps}"));
    let mut run = background(&labgen, &["run", &file, "--json"]);
    let mut events = BufReader::new(run.stdout.take().unwrap());
    line_with(&mut events, "step-started");
    kill(Pid::from_raw(run.id().cast_signed()), Signal::SIGINT).unwrap();
    let mut errors = BufReader::new(run.stderr.take().unwrap());
    line_with(&mut errors, "ending lab `one`");
    line_with(&mut errors, "lab `one` has ended");
    assert_eq!(run.wait().unwrap().code(), Some(130));
    let told = labgen.says(&["report", "one"]);
    assert!(
        told.succeeds().starts_with("lab `one`: unfinished\n"),
        "{}",
        told.stdout
    );
    let _ = run.stdin.take().map(|mut pipe| pipe.flush());
}

#[test]
fn inspect_sums_up_many_nodes_and_shows_those_named_in_full() {
    let labgen = Labgen::new("inspect");
    let text = r#"
[nodes]
h = { kind = "host", count = 20 }
r = { kind = "router", loopback = "10.255.0.1/32" }

[lans]
a-lan-with-a-long-name = { join = ["h"], subnet = "10.0.0.0/24" }

[links]
up = { ends = ["h", "r"] }
"#;
    let file = labgen.write("one.toml", text);
    let up = labgen.says(&["up", &file]);
    let whole = "21 nodes, 1 LAN, 20 links";
    assert!(
        up.succeeds().ends_with(&format!(": {whole}\n")),
        "{}",
        up.stdout
    );
    let check = labgen.says(&["check", &file]);
    assert!(check.succeeds().contains(whole), "{}", check.stdout);
    let said = labgen.says(&["inspect"]);
    let table = said.succeeds();
    for words in [
        "h-1..20  host ×20",
        "lo 10.255.0.1/32",
        "a-lan-with-a-long-name 10.0.0.1/24 to 10.0.0.20/24",
        "up-1..20",
        "h-1..20 -- r",
    ] {
        assert!(table.contains(words), "no {words:?} in\n{table}");
    }
    assert!(table.lines().count() < 25, "{table}");
    let one = labgen.says(&["inspect", "h-7"]);
    let one = one.succeeds();
    assert!(
        one.contains("10.0.0.7/24 ("),
        "the short name of the interface: {one}"
    );
    assert!(!one.contains("h-8 "), "{one}");
    labgen
        .says(&["inspect", "h-77"])
        .fails_with(1, "nodes are: h-1..20, r");
    let all = labgen.says(&["inspect", "--all"]);
    assert!(all.succeeds().contains("\nh-13 "), "{}", all.stdout);
    let json: Value =
        serde_json::from_str(labgen.says(&["inspect", "h-7", "--json"]).succeeds()).unwrap();
    assert_eq!(json["nodes"].as_array().unwrap().len(), 1);
    assert_eq!(json["nodes"][0]["interfaces"][1]["net"], "up-7");
}

#[test]
fn only_what_labgen_has_made_is_removed() {
    let labgen = Labgen::new("removed");
    let state = labgen.dir.join("state");
    let mine = labgen.dir.join("mine");
    let kept = state.join("one/notes.txt");
    fs::create_dir_all(&mine).unwrap();
    fs::create_dir_all(state.join("one")).unwrap();
    fs::write(&kept, "mine too").unwrap();
    let absolute = mine.to_str().unwrap();
    for name in [absolute, "../mine", "..", ".", ""] {
        labgen
            .says(&["down", "--purge", "--lab", name])
            .fails_with(1, "is not the name of a lab");
        labgen
            .says(&["logs", "--lab", name])
            .fails_with(1, "is not the name of a lab");
    }
    assert!(mine.is_dir());
    let file = labgen.write("one.toml", HOSTS);
    for command in [
        &["up", file.as_str()][..],
        &["down", "one", "--purge"],
        &["down", "--all", "--purge"],
    ] {
        labgen
            .says(command)
            .fails_with(1, "holds `notes.txt`, which is no lab's");
        assert!(kept.is_file(), "{command:?}");
    }
    fs::remove_file(&kept).unwrap();
    labgen.says(&["up", &file]).succeeds();
    labgen.says(&["down", "--purge"]).succeeds();
    assert!(!state.join("one").exists());
}

#[test]
fn a_directory_that_others_can_change_is_not_trusted() {
    use std::os::unix::fs::PermissionsExt;
    let labgen = Labgen::new("trusted");
    let state = labgen.dir.join("state");
    fs::create_dir_all(&state).unwrap();
    fs::set_permissions(&state, fs::Permissions::from_mode(0o1777)).unwrap();
    let file = labgen.write("one.toml", HOSTS);
    labgen
        .says(&["up", &file])
        .fails_with(1, "everybody may write to");
    fs::set_permissions(&state, fs::Permissions::from_mode(0o755)).unwrap();
    labgen.says(&["up", &file]).succeeds();
}

#[test]
fn a_lab_can_be_looked_at_and_ended_while_it_converges() {
    let labgen = Labgen::new("converging");
    let text = r#"
[lab]
wait = "converged"

[nodes]
c = { kind = "bagpipe", peers = ["10.0.0.200"], dataplane = "dummy" }
h = { kind = "host" }

[lans]
lan = { join = ["c", "h"], subnet = "10.0.0.0/24" }
"#;
    let file = labgen.write("one.toml", text);
    let mut up = background(&labgen, &["up", &file, "--json"]);
    let mut events = BufReader::new(up.stdout.take().unwrap());
    line_with(&mut events, "sessions");
    let lab = labgen.says(&["inspect", "--json"]);
    assert!(lab.succeeds().contains("10.0.0.200"), "{}", lab.stdout);
    labgen
        .says(&["up", &file])
        .fails_with(1, "lab `one` is still coming up");
    labgen.says(&["down"]).succeeds();
    let mut errors = BufReader::new(up.stderr.take().unwrap());
    line_with(&mut errors, "error: the lab was ended by `labgen down`");
    assert_eq!(up.wait().unwrap().code(), Some(1));

    // What else ends it is not said to be that.
    let state = labgen.dir.join("state/one");
    let ends: [(&dyn Fn(), String); 2] = [
        (
            &|| {
                let lab = labgen.says(&["inspect", "--json"]);
                let lab: serde_json::Value = serde_json::from_str(lab.succeeds()).unwrap();
                let pid = i32::try_from(lab["pid"].as_i64().unwrap()).unwrap();
                kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
            },
            "by SIGTERM to its supervisor".into(),
        ),
        (
            &|| fs::remove_dir_all(&state).unwrap(),
            format!("because its directory `{}` was removed", state.display()),
        ),
    ];
    for (end, why) in ends {
        let mut up = background(&labgen, &["up", &file, "--json"]);
        let mut events = BufReader::new(up.stdout.take().unwrap());
        line_with(&mut events, "sessions");
        end();
        let mut errors = BufReader::new(up.stderr.take().unwrap());
        line_with(&mut errors, &format!("error: the lab was ended {why}"));
        assert_eq!(up.wait().unwrap().code(), Some(1));
    }
}

#[test]
fn a_lab_holds_nothing_of_whoever_started_it() {
    let labgen = Labgen::new("strays");
    let file = labgen.write("one.toml", HOSTS);
    // A script reads what labgen says to the end, and has another descriptor for the same pipe.
    let mut up = Command::new("sh")
        .args([
            "-c",
            "\"$0\" up \"$1\" 7>&1",
            env!("CARGO_BIN_EXE_labgen"),
            &file,
        ])
        .env("LABGEN_STATE", labgen.dir.join("state"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = up.stdout.take().unwrap();
    let (say, said) = std::sync::mpsc::channel();
    std::thread::spawn(move || say.send(std::io::read_to_string(&mut out)));
    let text = said.recv_timeout(std::time::Duration::from_secs(20));
    assert!(
        text.expect("the lab keeps the pipe open")
            .unwrap()
            .contains("lab `one` up")
    );
    assert!(up.wait().unwrap().success());
    labgen.says(&["inspect"]).succeeds();
}

/// Waits for the end of a process; whether it came in time.
fn ends(pid: u64) -> bool {
    let pid = format!("--pid={pid}");
    let mut wait = Command::new("timeout");
    wait.args(["20", "tail", "-f", "/dev/null", &pid]);
    wait.status().unwrap().success()
}

fn supervisor(labgen: &Labgen) -> u64 {
    let lab: Value = serde_json::from_str(labgen.says(&["inspect", "--json"]).succeeds()).unwrap();
    lab["pid"].as_u64().unwrap()
}

#[test]
fn a_lab_that_nobody_can_reach_any_more_ends() {
    let labgen = Labgen::new("unreachable");
    let file = labgen.write("one.toml", HOSTS);
    labgen.says(&["up", &file]).succeeds();
    let pid = supervisor(&labgen);
    fs::remove_dir_all(labgen.dir.join("state")).unwrap();
    assert!(ends(pid), "it goes on");
}

#[test]
fn a_supervisor_that_is_told_to_end_does() {
    let labgen = Labgen::new("terminated");
    let file = labgen.write("one.toml", HOSTS);
    labgen.says(&["up", &file]).succeeds();
    let pid = supervisor(&labgen);
    kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert!(ends(pid), "it goes on");
    assert_eq!(labgen.says(&["list"]).succeeds(), "no lab is up\n");
}

#[test]
fn who_cannot_be_followed_is_named() {
    let labgen = Labgen::new("follow-nobody");
    let file = labgen.write("one.toml", HOSTS);
    labgen.says(&["up", &file]).succeeds();
    let logs = labgen.says(&["logs", "-f", "c"]);
    logs.fails_with(1, "no log of node `c`");
}

#[test]
fn a_changed_lab_is_up_when_it_has_converged() {
    let labgen = Labgen::new("converged-anew");
    let text = |count: u32| {
        format!(
            "[lab]\nwait = \"converged\"\n[nodes]\nrr = {{ kind = \"fakerr\" }}\n\
             c = {{ kind = \"bagpipe\", count = {count}, dataplane = \"dummy\" }}\n\
             [lans]\nlan = {{ join = [\"rr\", \"c\"] }}\n"
        )
    };
    let file = labgen.write("one.toml", &text(1));
    labgen.says(&["up", &file]).succeeds();
    labgen.write("one.toml", &text(8));
    labgen.says(&["up", &file]).succeeds();
    let lab = labgen.says(&["inspect", "--json"]);
    // At both ends.
    assert_eq!(lab.succeeds().matches("\"Established\"").count(), 16);
}

// It was waited for sessions of nodes that had been halted, for two minutes, and in vain.
#[test]
fn what_was_broken_on_purpose_is_not_waited_for() {
    let labgen = Labgen::new("converged-broken");
    let text = |count: u32| {
        format!(
            "[lab]\nwait = \"converged\"\n[nodes]\nrr = {{ kind = \"fakerr\", count = 2 }}\n\
             c = {{ kind = \"bagpipe\", count = {count}, dataplane = \"dummy\" }}\n\
             [lans]\nlan = {{ join = [\"rr\", \"c\"] }}\n"
        )
    };
    let file = labgen.write("one.toml", &text(3));
    labgen.says(&["up", &file]).succeeds();
    labgen.says(&["halt", "c-1"]).succeeds();
    labgen.says(&["cut", "c-2/lan"]).succeeds();
    labgen.write("one.toml", &text(4));
    labgen.says(&["up", &file]).succeeds();
    // What is whole is waited for all the same.
    let lab = labgen.says(&["inspect", "--json"]);
    let lab: serde_json::Value = serde_json::from_str(lab.succeeds()).unwrap();
    let nodes = lab["nodes"].as_array().unwrap();
    let fourth = nodes.iter().find(|node| node["name"] == "c-4").unwrap();
    let sessions = fourth["sessions"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let established = |session: &serde_json::Value| session["state"] == "Established";
    assert!(sessions.iter().all(established), "{sessions:?}");
}
