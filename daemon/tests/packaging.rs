//! The files that come with the programs: the programs take them as they are.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::PathBuf,
    process::{Command, Output},
};

fn packaging(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "packaging", name]
        .iter()
        .collect()
}

#[tokio::test]
async fn the_sample_configuration_is_taken_without_a_word() {
    let text = fs::read_to_string(packaging("bgp.conf")).unwrap();
    let here = text
        .replace("local_address=eth0", "local_address=127.0.0.1")
        .replace("peers=192.168.0.101", "peers=127.0.0.1")
        .replace("port=8082", "port=0");
    assert_ne!(text, here);
    // What is commented out is the default, and an option.
    let all = here.replace("\n#", "\n").replace("eth1", "127.0.0.1");
    let all: String = all
        .lines()
        .filter(|line| !line.starts_with(' ') && (line.contains('=') || line.starts_with('[')))
        .filter(|line| !line.starts_with("persist="))
        .map(|line| format!("{line}\n"))
        .collect();
    for text in [here, all] {
        let daemon = common::Daemon::start(&text);
        let config = daemon.client().await.looking_glass("config").await.unwrap();
        assert_eq!(config["BGP"]["peers"][0], "127.0.0.1");
        let log = daemon.log();
        let warnings = log.lines().filter(|line| line.contains("bgp.conf:"));
        assert_eq!(Vec::from_iter(warnings), Vec::<&str>::new());
    }
}

#[test]
fn the_logging_configurations_are_taken() {
    let directory = tempfile::tempdir().unwrap();
    let config = directory.path().join("bgp.conf");
    // The log is opened before anything else is found to be wrong.
    fs::write(&config, "[BGP]\nlocal_address=nonesuch0\nmy_as=1\n").unwrap();
    for name in ["log.conf", "log.conf.debug", "log.conf.console"] {
        let text = fs::read_to_string(packaging(&format!("log/{name}"))).unwrap();
        let log = directory.path().join(name);
        let own = text.replace("/var/log/bagpipe-bgp", directory.path().to_str().unwrap());
        fs::write(&log, own).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp"))
            .arg("--config-file")
            .arg(&config)
            .arg("--log-config-append")
            .arg(&log)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(stderr.contains("nonesuch0"), "{name}: {stderr}");
    }
}

#[test]
fn the_installer_says_what_it_does() {
    let help = |flag: &str| {
        let output = Command::new(packaging("install")).arg(flag).output();
        let output = output.unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        (output.status.code(), text)
    };
    let (status, [told, nothing]) = help("--help");
    assert_eq!((status, nothing.as_str()), (Some(0), ""));
    assert!(told.contains("packaging/install [--root DIR]"), "{told}");
    assert_eq!(help("--nonesuch"), (Some(2), [nothing, told]));
}

#[test]
fn the_tests_install_packages_without_starting_their_services() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    let policy = path("policy-rc.d");
    // Says what packages would be told that want to start something, as `apt-get install` has them ask.
    let script = "#!/bin/sh\n[ $1 = install ] || exit 0\n\
        $POLICY_RC_D frr start; echo $? \"$@\" >>$SAID\nexit $INSTALLED\n";
    fs::write(path("apt-get"), script).unwrap();
    fs::set_permissions(path("apt-get"), fs::Permissions::from_mode(0o755)).unwrap();
    let install = |installed: &str| {
        let search = std::env::var("PATH").unwrap();
        let status = Command::new(packaging("../ci/packages"))
            .args(["frr", "bird2"])
            .env("PATH", format!("{}:{search}", directory.path().display()))
            .env("POLICY_RC_D", &policy)
            .env("SAID", path("said"))
            .env("INSTALLED", installed)
            .status()
            .unwrap();
        let said = fs::read_to_string(path("said")).unwrap();
        fs::remove_file(path("said")).unwrap();
        (status.success(), said)
    };
    let asked = "install -y -qq --no-install-recommends frr bird2\n";
    for installed in ["0", "100"] {
        assert_eq!(
            install(installed),
            (installed == "0", format!("101 {asked}"))
        );
        assert!(!policy.exists());
    }
    fs::write(&policy, "#!/bin/sh\nexit 104\n").unwrap();
    fs::set_permissions(&policy, fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(install("0"), (true, format!("104 {asked}")));
    assert!(policy.exists());
}

#[test]
fn the_init_script_starts_restarts_and_stops_the_daemon() {
    if Command::new("flock").arg("--version").output().is_err() {
        eprintln!("SKIPPED: no `flock` (apt-get install util-linux)");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let text = "[BGP]\nlocal_address=127.0.0.1\nmy_as=64512\n[API]\nport=0\n";
    fs::write(path("bgp.conf"), text).unwrap();
    let options = format!(
        "OPTIONS=\"--config-file={} --log-file={}\"\n",
        path("bgp.conf"),
        path("log")
    );
    fs::write(path("defaults"), options).unwrap();
    let script = |action: &str| -> (i32, String) {
        let Output { status, stdout, .. } = Command::new(packaging("init.d/bagpipe-bgp"))
            .arg(action)
            .env("DEFAULTS", path("defaults"))
            .env("DAEMON", env!("CARGO_BIN_EXE_bagpipe-bgp"))
            .env("CLEANUP", env!("CARGO_BIN_EXE_bagpipe-bgp-cleanup"))
            .env("PID_FILE", path("run/pid"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&stdout).trim().to_owned();
        (status.code().unwrap(), said)
    };
    let pid = || fs::read_to_string(path("run/pid")).unwrap();
    let said = |status: i32, text: &str| (status, text.to_owned());
    assert_eq!(script("status"), said(3, "BGP component is stopped."));
    assert_eq!(script("start"), said(0, "Starting BGP component..."));
    assert_eq!(script("status"), said(0, "BGP component is running."));
    let first = pid();
    let again = "WARNING: BGP component has already been started...";
    assert_eq!(script("start"), said(0, again));
    assert_eq!(script("restart"), said(0, "Starting BGP component..."));
    assert_ne!(pid(), first);
    let stopping = "Stopping BGP component with dataplane cleanup...";
    assert_eq!(script("stop"), said(0, stopping));
    assert_eq!(script("status"), said(3, "BGP component is stopped."));
    let usage = "Usage: service bagpipe-bgp {start|stop|restart|stop-noclean|status}";
    assert_eq!(script("nonesuch"), said(1, usage));
    let log = fs::read_to_string(path("log")).unwrap();
    assert!(log.contains("SIGUSR1, stopping"), "{log}");
    assert!(log.contains("SIGTERM, stopping"), "{log}");
}
