//! The commands: what they say about bad input and how they end.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::{fmt::Write as _, fs, net::TcpListener, process::Command};

use assert_cmd::assert::OutputAssertExt as _;
use bagpipe_api::AttachBody;
use bgp_wire::Family;
use common::{Daemon, Speaker, config};

const PROGRAMS: [&str; 5] = [
    "bagpipe-bgp",
    "bagpipe-bgp-cleanup",
    "bagpipe-impex2dot",
    "bagpipe-looking-glass",
    "bagpipe-rest-attach",
];

fn run(program: &str, args: &[&str]) -> (i32, String, String) {
    let path = match program {
        "bagpipe-bgp" => env!("CARGO_BIN_EXE_bagpipe-bgp"),
        "bagpipe-bgp-cleanup" => env!("CARGO_BIN_EXE_bagpipe-bgp-cleanup"),
        "bagpipe-impex2dot" => env!("CARGO_BIN_EXE_bagpipe-impex2dot"),
        "bagpipe-looking-glass" => env!("CARGO_BIN_EXE_bagpipe-looking-glass"),
        _ => env!("CARGO_BIN_EXE_bagpipe-rest-attach"),
    };
    let output = Command::new(path).args(args).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn issue_67_configurations_that_cannot_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let minimal = "[BGP]\nlocal_address=127.0.0.1\nmy_as=64512\n";
    let mut all = String::new();
    for text in [
        "".to_owned(),
        "[BGP]\nlocal_address=127.0.0.1\nmy_as=AS1\n".to_owned(),
        "[BGP]\nlocal_address=nonesuch0\nmy_as=64512\n[API]\nport=0\n".to_owned(),
        "[BGP]\nlocal_address=2001:db8::1\nmy_as=64512\n[API]\nport=0\n".to_owned(),
        format!("{minimal}[API]\nport={port}\n"),
        format!("{minimal}[DATAPLANE_DRIVER_EVPN]\ndataplane_local_address=nonesuch0\n"),
    ] {
        let file = directory.path().join("bgp.conf");
        fs::write(&file, &text).unwrap();
        for program in ["bagpipe-bgp", "bagpipe-bgp-cleanup"] {
            if program == "bagpipe-bgp-cleanup" && text.starts_with(minimal) {
                continue;
            }
            let (status, _, stderr) = run(program, &["--config-file", file.to_str().unwrap()]);
            let error = stderr
                .lines()
                .find(|line| line.contains("error:"))
                .unwrap_or("no error");
            writeln!(all, "{status} {error}").unwrap();
        }
    }
    let (status, _, stderr) = run("bagpipe-bgp", &["--config-file", "/nonexistent/bgp.conf"]);
    writeln!(all, "{status} {}", stderr.trim()).unwrap();
    let all = all
        .replace(directory.path().to_str().unwrap(), "DIR")
        .replace(&format!(":{port}"), ":PORT");
    insta::assert_snapshot!(all);
}

#[tokio::test]
async fn tools_find_the_daemon_where_the_configuration_has_it() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("bgp.conf");
    for (host, reached) in [("127.0.0.5", "127.0.0.5"), ("0.0.0.0", "127.0.0.1")] {
        let daemon = Daemon::start(&config(9, &format!("host={host}\n")));
        let port = daemon.api.port();
        fs::write(&file, format!("[API]\nhost={host}\nport={port}\n")).unwrap();
        let ask = |path: &str, args: &[&str]| {
            let mut command = Command::new(path);
            command.args(args).env("BAGPIPE_BGP_CONFIG_FILE", &file);
            let output = command.output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{host}: {text}");
            text
        };
        let glass = env!("CARGO_BIN_EXE_bagpipe-looking-glass");
        assert!(ask(glass, &["--json"]).contains(&format!("http://{reached}:{port}/")));
        ask(env!("CARGO_BIN_EXE_bagpipe-impex2dot"), &[]);
        let attach = "--attach --network-type ipvpn --port tap1 --ip 10.0.0.1";
        let flags: Vec<&str> = attach.split(' ').collect();
        ask(env!("CARGO_BIN_EXE_bagpipe-rest-attach"), &flags);
    }
}

#[test]
fn usage_errors_end_with_2() {
    for (program, args) in [
        ("bagpipe-bgp", &["again"][..]),
        ("bagpipe-bgp-cleanup", &["start"]),
        ("bagpipe-bgp", &["--nonesuch"]),
        ("bagpipe-bgp-cleanup", &["--nonesuch"]),
        ("bagpipe-looking-glass", &["--nonesuch"]),
        ("bagpipe-looking-glass", &["--port", "http"]),
        ("bagpipe-rest-attach", &["--attach"]),
    ] {
        let (status, _, stderr) = run(program, args);
        assert_eq!(status, 2, "{program} {args:?}: {stderr}");
    }
}

#[test]
fn help_and_version() {
    for program in [
        "bagpipe-bgp",
        "bagpipe-bgp-cleanup",
        "bagpipe-looking-glass",
    ] {
        let (status, stdout, _) = run(program, &["--version"]);
        assert_eq!(
            (status, stdout),
            (0, format!("{program} {}\n", env!("CARGO_PKG_VERSION")))
        );
        let (status, stdout, _) = run(program, &["--help"]);
        assert_eq!(status, 0);
        assert!(stdout.contains("Exit status"), "{stdout}");
    }
}

#[tokio::test]
async fn issue_08_flags_of_old_init_scripts_are_taken() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp"));
    command.args(["--ack-oslo-log", "start", "--no-daemon", "--nodebug"]);
    let daemon = Daemon::start_command(command, &config(9, "[bgp]\nretries=3\n"));
    let log = daemon.log();
    assert!(
        log.contains("unknown option `retries` in [BGP] is ignored"),
        "{log}"
    );
    daemon.client().await.ping().await.unwrap();
}

#[tokio::test]
async fn issue_05_the_own_address_may_be_that_of_an_interface() {
    let text = config(9, "").replace("local_address=127.0.0.1", "local_address=lo");
    let daemon = Daemon::start(&text);
    let mut client = daemon.client().await;
    let body = AttachBody::evpn("e1", "tap1", "02:00:00:00:00:01").rt("64512:1");
    client.attach(&body).await.unwrap();
    let routes = client
        .looking_glass("vpns/instances/e1/adv_routes")
        .await
        .unwrap();
    let route = routes[0].as_object().unwrap().values().next().unwrap();
    assert_eq!(route["next_hop"], "127.0.0.1");
}

#[tokio::test]
async fn issue_07_with_debug_updates_are_read_as_without() {
    let (listener, port) = common::listener().await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp"));
    command.arg("--debug");
    let daemon = Daemon::start_command(command, &config(port, ""));
    let mut speaker = Speaker::accept(&listener, &[Family::RTC]).await;
    // The RTC default route.
    speaker
        .send_update("0000001b 40010100 400200 40050400000064 800e0a 0001 84 04 7f000009 00 00")
        .await;
    daemon
        .until("bgp/routes", |page| {
            page["ipv4/rtc,*"][0]["rtc wildcard"].is_object()
        })
        .await;
    assert!(daemon.log().contains("DEBUG"), "{}", daemon.log());
    let sessions = daemon.client().await.sessions().await.unwrap();
    assert_eq!(sessions[0].flaps, 0);
}

#[tokio::test]
async fn issue_72_a_logging_configuration_given_as_log_file_is_passed_over() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log.conf");
    fs::write(&log, "[loggers]\n").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp"));
    command.arg("--log-file").arg(&log);
    let daemon = Daemon::start_command(command, &config(9, ""));
    let said = "log_file with a name in .conf is not supported, ignored";
    assert!(daemon.log().contains(said), "{}", daemon.log());
    assert_eq!(fs::read_to_string(&log).unwrap(), "[loggers]\n");
}

#[tokio::test]
async fn a_hangup_is_no_end() {
    let mut daemon = Daemon::start(&config(9, ""));
    let reread = format!("{}[API]\nhost=localhost\n", config(9, ""));
    std::fs::write(daemon.file("bgp.conf"), reread).expect("written");
    daemon.signal("HUP");
    daemon
        .until("logs", |logs| {
            logs.to_string().contains("[API] has changed")
        })
        .await;
    daemon.signal("INT");
    assert_eq!(daemon.wait().code(), Some(0));
}

#[tokio::test]
async fn issue_09_the_looking_glass_as_text() {
    let daemon = Daemon::start(&config(9, "[BGP]\npeers=\n"));
    let body = AttachBody::evpn("e1", "tap1", "02:00:00:00:00:01")
        .ip("10.0.0.1")
        .rt("64512:1");
    daemon.client().await.attach(&body).await.unwrap();
    let port = daemon.api.port().to_string();
    let show = |args: &[&str]| {
        let args = [&["--port", port.as_str()], args].concat();
        let (status, stdout, stderr) = run("bagpipe-looking-glass", &args);
        assert_eq!(stderr, "");
        format!(
            "$ bagpipe-looking-glass {}\n{stdout}-> {status}\n",
            args[2..].join(" ")
        )
    };
    let all = [
        show(&["vpns", "instances"]),
        show(&["vpns/instances/e1", "ports"]),
        show(&["-r", "vpns", "instances", "e1"]),
        show(&["--json", "vpns", "instances_per_vni"]),
        show(&["summary", "local_routes_count"]),
        show(&["vpns", "nonesuch"]),
    ];
    insta::assert_snapshot!(all.concat().replace(&port, "PORT"));
}

#[test]
fn issue_66_no_server_is_said() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    Command::new(env!("CARGO_BIN_EXE_bagpipe-looking-glass"))
        .args(["--port", &free.to_string()])
        .assert()
        .code(1)
        .stdout(format!(
            "No server at http://127.0.0.1:{free} : Connection refused (os error 111)\n"
        ));
}

#[tokio::test]
async fn the_service_manager_hears_when_it_is_ready() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp"));
    command.env("NOTIFY_SOCKET", &path);
    let daemon = Daemon::start_command(command, &config(9, ""));
    let mut said = [0; 64];
    let wait = tokio::time::timeout(common::DEADLINE, socket.recv(&mut said));
    let count = wait.await.unwrap().unwrap();
    assert_eq!(&said[..count], b"READY=1\n");
    daemon.client().await.ping().await.unwrap();
}

#[tokio::test]
async fn the_watchdog_is_fed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("notify");
    let socket = tokio::net::UnixDatagram::bind(&path).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp"));
    command.env("NOTIFY_SOCKET", &path);
    command.env("WATCHDOG_USEC", "20000");
    let _daemon = Daemon::start_command(command, &config(9, ""));
    let mut heard = Vec::new();
    while heard.len() < 4 {
        let mut said = [0; 64];
        let wait = tokio::time::timeout(common::DEADLINE, socket.recv(&mut said));
        let count = wait.await.unwrap().unwrap();
        heard.push(String::from_utf8_lossy(&said[..count]).into_owned());
    }
    let expected = ["READY=1\n", "WATCHDOG=1\n", "WATCHDOG=1\n", "WATCHDOG=1\n"];
    assert_eq!(heard, expected);
}

#[test]
fn issue_08_an_init_script_starts_and_stops_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (file, pid_file, log) = (path("bgp.conf"), path("run/pid"), path("log"));
    let good = "[BGP]\nlocal_address=127.0.0.1\nmy_as=64512\n[API]\nport=0\n";
    fs::write(&file, good).unwrap();
    let daemon = |word: &str| {
        let args = [
            "--config-file",
            &file,
            "--log-file",
            &log,
            "--pid-file",
            &pid_file,
            word,
        ];
        run("bagpipe-bgp", &args)
    };
    let (status, _, stderr) = daemon("stop");
    assert_eq!(status, 1);
    assert!(stderr.contains("is not running"), "{stderr}");
    assert_eq!(daemon("start"), (0, String::new(), String::new()));
    let pid = fs::read_to_string(&pid_file).unwrap();
    let (status, _, stderr) = daemon("start");
    assert_eq!(status, 1);
    assert!(
        stderr.contains(&format!("as process {}", pid.trim())),
        "{stderr}"
    );
    assert_eq!(daemon("stop"), (0, String::new(), String::new()));
    assert!(!fs::exists(&pid_file).unwrap());
    assert!(
        fs::read_to_string(&log)
            .unwrap()
            .contains("SIGTERM, stopping")
    );
    fs::write(&file, "[BGP]\n").unwrap();
    let (status, _, stderr) = daemon("start");
    assert_eq!(status, 1);
    assert!(
        stderr.contains("option `local_address` of section [BGP] is required"),
        "{stderr}"
    );
}

#[tokio::test]
async fn logs_and_configuration_from_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(
        directory.path().join("10.conf"),
        "[API]\nport=1\n[BGP]\nmy_as=1\n",
    )
    .unwrap();
    fs::write(directory.path().join("20.conf"), "[BGP]\nmy_as=64999\n").unwrap();
    fs::write(directory.path().join("notes.txt"), "no configuration").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp"));
    command
        .arg("--config-dir")
        .arg(directory.path())
        .env("OS_API__PORT", "0");
    let daemon = Daemon::start_command(command, &config(9, ""));
    let config = daemon.client().await.looking_glass("config").await.unwrap();
    assert_eq!(config["BGP"]["my_as"], 64999);
    assert_eq!(config["API"]["port"], 0);
}

#[test]
fn every_program_says_how_a_shell_completes_it() {
    for program in PROGRAMS {
        for (shell, has) in [("bash", "complete -F"), ("zsh", "#compdef")] {
            let (status, stdout, stderr) = run(program, &["--shell_completion", shell]);
            assert_eq!((status, stderr.as_str()), (0, ""), "{program} {shell}");
            assert!(stdout.contains(has), "{program} {shell}: {stdout}");
            assert!(stdout.contains(program), "{program} {shell}: {stdout}");
        }
        let (status, _, stderr) = run(program, &["--shell_completion", "cmd"]);
        assert_eq!(status, 2);
        assert!(stderr.contains("bash"), "{stderr}");
    }
}

#[tokio::test]
async fn issue_70_imports_and_exports_as_a_graph() {
    let daemon = Daemon::start("[BGP]\nlocal_address=127.0.0.1\nmy_as=64512\n[API]\nport=0\n");
    let mut client = daemon.client().await;
    for (id, port, target) in [("a/b", "to-x", "64512:1"), ("c", "tap1", "64512:2")] {
        let body = serde_json::json!({
            "vpn_type": "ipvpn", "vpn_instance_id": id, "mac_address": "02:00:00:00:00:01",
            "ip_address": "10.1.1.1/24", "gateway_ip": "10.1.1.254", "local_port": port,
            "import_rt": [target], "export_rt": ["64512:3"],
            "readvertise": {"from_rt": ["64512:4"], "to_rt": ["64512:5"]},
        });
        client.post("/attach_localport", &body).await.unwrap();
    }
    let port = daemon.api.port().to_string();
    let args = ["--server", "127.0.0.1", "--port", &port];
    let (status, graph, stderr) = run("bagpipe-impex2dot", &args);
    assert_eq!((status, stderr.as_str()), (0, ""));
    insta::assert_snapshot!(graph);
    let (status, json, _) = run("bagpipe-impex2dot", &[&args[..], &["--json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(status, 0);
    assert_eq!(json["instances"][0]["id"], "a/b");
    assert_eq!(json["instances"][1]["ports"], serde_json::json!(["tap1"]));
    drop(daemon);
    let (status, _, stderr) = run("bagpipe-impex2dot", &args);
    assert_eq!(status, 1);
    assert!(stderr.contains("requesting http://127.0.0.1:"), "{stderr}");
}
