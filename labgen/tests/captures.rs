//! Captures of runs, from outside: what they hold, what they say when they are not whole, what is recorded unasked.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::fs::File;
use std::io::{BufReader, Write as _};
use std::path::Path;
use std::process::Command;

use capture::{CaptureReader, Recording};
use common::{HOSTS, Labgen, scenario};

/// Whether a program is there; says so where it is not.
fn installed(program: &str) -> bool {
    let there = Command::new(program).arg("-v").output().is_ok();
    if !there {
        // Written past the test harness, which hides what passing tests print.
        let text = format!("SKIPPED: {program} is not installed\n");
        let _ = std::io::stderr().write_all(text.as_bytes());
    }
    there
}

fn read(file: &Path) -> Recording {
    let reader = CaptureReader::new(BufReader::new(File::open(file).unwrap())).unwrap();
    let mut recording = Recording::new();
    for frame in reader {
        recording.push(frame.unwrap().frame);
    }
    recording
}

#[test]
fn every_run_has_the_messages_of_its_sessions() {
    let labgen = Labgen::new("record");
    let out = labgen.dir.join("out");
    let out = out.to_str().unwrap();
    let run = |record: &str| {
        let text = std::fs::read_to_string(scenario("first-ping")).unwrap();
        let (head, _) = text.split_once("[[step]]").unwrap();
        let head = head.replacen("[lab]", &format!("[lab]\nrecord = \"{record}\""), 1);
        let step = "[[step]]\nexpect = { session = { on = \"compute-a\", peer = \"rr\" } }\n";
        let file = labgen.write("record.toml", &format!("{head}{step}"));
        let _ = std::fs::remove_dir_all(out);
        labgen.says(&["run", &file, "--out", out]).succeeds();
    };
    let captures = Path::new(out).join("captures");
    run("bgp");
    let recorded = read(&captures.join("underlay.bgp.pcapng"));
    let opens = recorded.events().iter().filter(|event| {
        let message = event.message();
        matches!(message, Some(bgp_wire::Message::Open(_)))
    });
    assert!(opens.count() >= 2, "from the very beginning");
    let other = recorded
        .frames()
        .iter()
        .find(|frame| frame.dissection.tcp().is_none());
    assert_eq!(other, None, "and nothing else");
    run("all");
    let all = read(&captures.join("underlay.all.pcapng"));
    assert!(!all.events().is_empty());
    assert!(
        all.frames()
            .iter()
            .any(|frame| frame.dissection.tcp().is_none())
    );
    run("none");
    assert_eq!(std::fs::read_dir(&captures).unwrap().count(), 0);
}

#[test]
fn a_capture_that_is_not_whole_fails_what_is_expected_of_it() {
    if !installed("ping") {
        return;
    }
    let labgen = Labgen::new("lost");
    // Echoes of 41 frames each, a hundred at once, into room for a hundred and fifty frames.
    let flood = "ping -q -f -l 100 -c 300 -s 65000 10.0.0.2; true";
    let file = labgen.write(
        "lost.toml",
        &format!(
            "{HOSTS}\n[[step]]\ncapture = {{ on = \"lan\", as = \"wire\", ring = \"256KiB\" }}\n\
             [[step]]\nexec = {{ on = \"a\", command = [\"sh\", \"-c\", \"{flood}\"], within = \"100s\" }}\n\
             [[step]]\nexpect = {{ packets = {{ in = \"wire\", layers = [{{ ipv4 = {{}} }}] }} }}\n"
        ),
    );
    let said = labgen.says(&["run", &file]);
    said.fails_with(1, "a larger `ring` has room for more");
    said.fails_with(1, "the kernel had no room");
}

#[test]
fn steps_are_comments_and_names_are_those_of_interfaces() {
    if !installed("tshark") {
        return;
    }
    let labgen = Labgen::new("comments");
    let out = labgen.dir.join("out");
    let file = labgen.write(
        "comments.toml",
        &format!(
            "{HOSTS}\n[[step]]\ncapture = {{ on = \"b/lan\", as = \"wire\", only = \"icmp\", snaplen = 60 }}\n\
             [[step]]\nping = {{ from = \"a\", to = \"b\" }}\n[[step]]\nping = {{ from = \"b\", to = \"a\" }}\n\
             [[step]]\nstop = {{ capture = \"wire\" }}\n[[step]]\nping = {{ from = \"a\", to = \"b\" }}\n"
        ),
    );
    labgen
        .says(&["run", &file, "--out", out.to_str().unwrap()])
        .succeeds();
    let fields = [
        "frame.interface_name",
        "frame.cap_len",
        "icmp.type",
        "frame.comment",
    ];
    let mut tshark = Command::new("tshark");
    tshark.args(["-n", "-T", "fields", "-E", "separator=|", "-r"]);
    tshark.arg(out.join("captures/wire.pcapng"));
    fields.iter().for_each(|field| {
        tshark.args(["-e", field]);
    });
    let told = String::from_utf8(tshark.output().unwrap().stdout).unwrap();
    let told: Vec<&str> = told.lines().collect();
    assert_eq!(
        told,
        [
            "b/lan|60|8|ping a -> b",
            "b/lan|60|0|",
            "b/lan|60|8|ping b -> a",
            "b/lan|60|0|after this: stop the capture wire",
        ]
    );
}

#[test]
fn a_display_filter_is_checked_before_anything_starts() {
    if !installed("tshark") {
        return;
    }
    let labgen = Labgen::new("filter");
    let with = |filter: &str| {
        format!(
            "{HOSTS}\n[[step]]\ncapture = {{ on = \"lan\", as = \"wire\" }}\n\
             [[step]]\nexpect = {{ packets = {{ in = \"wire\", tshark = \"{filter}\" }} }}\n"
        )
    };
    let wrong = labgen.write("wrong.toml", &with("icmp.tpye == 8"));
    for word in ["check", "run"] {
        let said = labgen.says(&[word, &wrong]);
        said.fails_with(
            2,
            "step 2 has `icmp.tpye == 8`, which is not a display filter",
        );
        assert!(said.stderr.contains("wrong.toml:12"), "{}", said.stderr);
    }
    let right = labgen.write("right.toml", &with("icmp.type == 8"));
    labgen.says(&["check", &right]).succeeds();
    let output = labgen
        .command(&["run", &right])
        .env("PATH", "/nowhere")
        .output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    if !Path::new("/usr/sbin/tshark").exists() {
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains("apt-get install tshark"), "{said}");
    }
}

#[test]
fn only_what_is_asked_for_is_captured_live() {
    let labgen = Labgen::new("only");
    let file = labgen.write("one.toml", HOSTS);
    labgen.says(&["up", &file]).succeeds();
    labgen
        .says(&["capture", "lan", "--only", "ospf", "-w", "/dev/null"])
        .fails_with(2, "possible values");
    let out = labgen.dir.join("arp.pcapng");
    let out_text = out.to_str().unwrap().to_owned();
    let mut capture = labgen.command(&[
        "capture", "lan", "--only", "arp", "--ring", "1", "-c", "2", "-w", &out_text,
    ]);
    capture.timeout(std::time::Duration::from_secs(20));
    let listening = std::thread::spawn(move || capture.output().unwrap());
    // Addresses are asked for again once they are forgotten.
    while !listening.is_finished() {
        labgen.says(&["exec", "a", "--", "ip", "neigh", "flush", "all"]);
        labgen.says(&["exec", "a", "--", "ping", "-c", "1", "-W", "1", "10.0.0.2"]);
    }
    let output = listening.join().unwrap();
    assert!(output.status.success());
    let caught = read(&out);
    assert_eq!(caught.frames().len(), 2);
    let arp = |frame: &capture::Recorded| frame.dissection.has(capture::Protocol::Arp);
    assert!(caught.frames().iter().all(|frame| arp(&frame)));
}
