//! Attachments that survive the daemon.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::path::Path;

use bagpipe_api::{AttachBody, DetachBody, LocalPortBody, VpnType};
use common::Daemon;
use serde_json::{Value, json};

fn config(directory: &Path, more: &str) -> String {
    let file = directory.join("attachments");
    format!(
        "[BGP]\nlocal_address=127.0.0.1\nmy_as=64512\n[API]\nport=0\n[COMMON]\npersist={}\n{more}",
        file.display()
    )
}

fn start(directory: &Path, more: &str) -> Daemon {
    Daemon::start(&config(directory, more))
}

fn body(instance: &str, last: u8) -> AttachBody {
    AttachBody::evpn(instance, "tap1", format!("02:00:00:00:00:{last:02x}"))
        .ip(format!("10.0.0.{last}"))
        .rt("64512:1")
}

fn detach(body: &AttachBody) -> DetachBody {
    DetachBody::from(body)
}

async fn attachments(daemon: &Daemon) -> Vec<(String, String)> {
    let page = daemon.client().await.get("/attachments").await.unwrap();
    let bodies: Vec<Value> = serde_json::from_slice(&page).unwrap();
    let text = |body: &Value, key: &str| body[key].as_str().unwrap().to_owned();
    let mut names: Vec<_> = bodies
        .iter()
        .map(|body| (text(body, "vpn_instance_id"), text(body, "ip_address")))
        .collect();
    names.sort();
    names
}

fn named(names: &[(&str, &str)]) -> Vec<(String, String)> {
    names
        .iter()
        .map(|(id, ip)| ((*id).to_owned(), (*ip).to_owned()))
        .collect()
}

/// Ends a daemon without a warning.
fn kill(daemon: Daemon) {
    drop(daemon);
}

#[tokio::test]
async fn what_was_attached_is_attached_again_after_the_daemon_was_killed() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = start(directory.path(), "");
    let mut client = daemon.client().await;
    let ping = client.ping().await.unwrap();
    for (instance, last) in [("a", 1), ("a", 2), ("b/c", 3)] {
        client.attach(&body(instance, last)).await.unwrap();
    }
    client.attach(&body("a", 2).rt("64512:7")).await.unwrap();
    client.detach(&detach(&body("a", 1))).await.unwrap();
    drop(client);
    kill(daemon);
    let daemon = start(directory.path(), "");
    for instance in ["a", "b%2Fc"] {
        let ports = format!("vpns/instances/{instance}/ports");
        daemon.until(&ports, |page| page["tap1"].is_object()).await;
    }
    let expected = named(&[("a", "10.0.0.2"), ("b/c", "10.0.0.3")]);
    assert_eq!(attachments(&daemon).await, expected);
    let mut client = daemon.client().await;
    let page = client.looking_glass("vpns/instances/a").await.unwrap();
    assert_eq!(page["route_targets"]["import"].as_array().unwrap().len(), 2);
    // Clients find out all the same that it was restarted.
    assert_ne!(client.ping().await.unwrap(), ping);
    drop(client);
    let without = Daemon::start(&common::config(9, ""));
    assert_eq!(attachments(&without).await, []);
}

#[tokio::test]
async fn what_nobody_attaches_again_in_time_is_detached_and_forgotten() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = start(directory.path(), "");
    let mut client = daemon.client().await;
    for last in [1, 2] {
        client.attach(&body("a", last)).await.unwrap();
    }
    drop(client);
    kill(daemon);
    let mut daemon = start(directory.path(), "persist_confirm_time=2\n");
    let mut client = daemon.client().await;
    client.attach(&body("a", 1)).await.unwrap();
    daemon
        .until("vpns/instances/a/ports", |page| {
            page["tap1"]["endpoints"]
                .as_array()
                .is_some_and(|e| e.len() == 1)
        })
        .await;
    // Nobody asked for this detach, so nobody is told when it is done: what is behind it in line is done later.
    client.attach(&body("a", 1)).await.unwrap();
    drop(client);
    // Nor is anybody told when it is on the disk.
    daemon.signal("TERM");
    assert!(daemon.wait().success());
    let daemon = start(directory.path(), "");
    let ports = "vpns/instances/a/ports";
    daemon.until(ports, |page| page["tap1"].is_object()).await;
    assert_eq!(attachments(&daemon).await, named(&[("a", "10.0.0.1")]));
}

#[tokio::test]
async fn what_is_detached_while_it_is_still_being_attached_is_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = start(directory.path(), "");
    // More than can be done before the detach is there.
    let endpoints: Vec<AttachBody> = (0..200)
        .map(|n| body("a", 1).ip(format!("10.0.{}.{}", n / 100, n % 100 + 1)))
        .collect();
    let mut all = detach(&endpoints[0]);
    all.ip_address = None;
    let (mut one, mut other) = (daemon.client().await, daemon.client().await);
    // What of it was there to be detached is up to who came first.
    let (attached, _) = tokio::join!(one.attach_all(&endpoints), other.detach(&all));
    assert!(attached.unwrap().iter().all(Result::is_ok));
    // In line behind the rest of its instance, also of what was kept.
    one.attach(&body("a", 250)).await.unwrap();
    let before = attachments(&daemon).await;
    drop((one, other));
    kill(daemon);
    let daemon = start(directory.path(), "");
    daemon.client().await.attach(&body("a", 250)).await.unwrap();
    assert_eq!(attachments(&daemon).await, before);
}

#[tokio::test]
async fn a_mac_that_lost_its_last_address_is_not_kept_without_one() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = start(directory.path(), "");
    let mut client = daemon.client().await;
    for n in [1, 2] {
        let mut bare = body("a", n);
        client.attach(&bare).await.unwrap();
        // Covered by the attachment with an address, but asked for.
        bare.ip_address = None;
        client.attach(&bare).await.unwrap();
    }
    client.detach(&detach(&body("a", 1))).await.unwrap();
    drop(client);
    kill(daemon);
    let daemon = start(directory.path(), "");
    // In line behind what was kept.
    daemon.client().await.attach(&body("a", 3)).await.unwrap();
    let left = named(&[("a", "10.0.0.2"), ("a", "10.0.0.3")]);
    assert_eq!(attachments(&daemon).await, left);
}

#[tokio::test]
async fn an_instance_that_was_only_plugged_in_is_named_when_it_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = start(directory.path(), "");
    let mut client = daemon.client().await;
    let inner = body("inner", 1);
    let mut outer = body("outer", 2);
    outer.gateway_ip = Some("10.0.0.254".to_owned());
    outer.vpn_type = VpnType::Ipvpn;
    outer.local_port = LocalPortBody {
        evpn: Some(json!({"id": "inner"})),
        ..LocalPortBody::default()
    };
    client.attach(&inner).await.unwrap();
    client.attach(&outer).await.unwrap();
    client.detach(&detach(&inner)).await.unwrap();
    drop(client);
    kill(daemon);
    let daemon = start(directory.path(), "");
    let named = |logs: &Value| {
        let text = logs.to_string();
        let told = [
            "E-VPN instance `inner`, which was plugged into `outer`,",
            "02:00:00:00:00:02 at `outer` was kept, and is neither attached",
        ];
        told.iter().all(|line| text.contains(line))
    };
    daemon.until("logs", named).await;
    let mut client = daemon.client().await;
    client.attach(&inner).await.unwrap();
    client.attach(&outer).await.unwrap();
}

/// Lets a daemon write files up to some size; what is behind that is an error to it.
fn limit_files(daemon: &Daemon, octets: &str) {
    let status = std::process::Command::new("prlimit")
        .arg(format!("--pid={}", daemon.pid()))
        .arg(format!("--fsize={octets}:"))
        .status();
    assert!(status.expect("prlimit is there").success());
}

async fn figure(daemon: &Daemon, name: &str) -> u64 {
    let page = daemon.client().await.get("/metrics").await.unwrap();
    let page = String::from_utf8(page.to_vec()).unwrap();
    let line = page.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap().trim().parse().unwrap()
}

#[tokio::test]
async fn what_the_disk_does_not_take_is_told_and_written_later() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new("sh");
    // A file that is too large is to be an error like that of a full disk, and no signal.
    let program = env!("CARGO_BIN_EXE_bagpipe-bgp");
    command.args(["-c", "trap '' XFSZ; exec \"$@\"", "sh", program]);
    let daemon = Daemon::start_command(command, &config(directory.path(), ""));
    let mut client = daemon.client().await;
    client.attach(&body("a", 1)).await.unwrap();
    client.attach(&body("a", 2)).await.unwrap();
    limit_files(&daemon, "512");
    for _ in 0..2 {
        let error = client.attach(&body("a", 3)).await.unwrap_err().to_string();
        assert!(error.contains("503"), "{error}");
        assert!(error.contains("a restart would lose it"), "{error}");
        assert!(error.contains("option `persist`"), "{error}");
    }
    let error = client.detach(&detach(&body("a", 1))).await.unwrap_err();
    let error = error.to_string();
    assert!(error.contains("would attach it again"), "{error}");
    assert_ne!(figure(&daemon, "bagpipe_persist_unwritten").await, 0);
    assert!(figure(&daemon, "bagpipe_persist_errors_total").await >= 3);
    // Done is done all the same.
    let now = named(&[("a", "10.0.0.2"), ("a", "10.0.0.3")]);
    assert_eq!(attachments(&daemon).await, now);
    assert_eq!(daemon.log().matches("are not kept").count(), 1);
    limit_files(&daemon, "unlimited");
    client.attach(&body("a", 2)).await.unwrap();
    assert_eq!(figure(&daemon, "bagpipe_persist_unwritten").await, 0);
    drop(client);
    kill(daemon);
    let daemon = start(directory.path(), "");
    let ports = "vpns/instances/a/ports";
    daemon
        .until(ports, |page| {
            page["tap1"]["endpoints"]
                .as_array()
                .is_some_and(|e| e.len() == 2)
        })
        .await;
    assert_eq!(attachments(&daemon).await, now);
}

#[test]
fn a_damaged_store_is_an_error_at_start() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("attachments");
    std::fs::write(&file, vec![7; 10_000]).unwrap();
    let config = directory.path().join("bgp.conf");
    let text = format!(
        "[BGP]\nlocal_address=127.0.0.1\nmy_as=64512\n[API]\nport=0\n[COMMON]\npersist={}\n",
        file.display()
    );
    std::fs::write(&config, text).unwrap();
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp"))
        .arg("--config-file")
        .arg(&config)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("option `persist` of section [COMMON]"),
        "{stderr}"
    );
    assert!(stderr.contains("move it away"), "{stderr}");
}

#[tokio::test]
async fn a_port_that_learns_is_attached_again_and_what_it_learnt_is_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let daemon = start(directory.path(), "");
    let mut client = daemon.client().await;
    let port = |name: &str| AttachBody::learning("a", name).rt("64512:1");
    for name in ["tap1", "tap2"] {
        client.attach(&port(name)).await.unwrap();
    }
    client.detach(&detach(&port("tap1"))).await.unwrap();
    drop(client);
    kill(daemon);
    let daemon = start(directory.path(), "");
    let ports = "vpns/instances/a/ports";
    daemon.until(ports, |page| page["tap2"].is_object()).await;
    let kept = daemon.client().await.attachments().await.unwrap();
    assert_eq!(kept, [port("tap2")]);
}
