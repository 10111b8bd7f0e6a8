//! What the program tells of its clients.

#![allow(clippy::expect_used, reason = "a test may fail")]

mod support;

use std::{
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
};

use bgp_wire::Family;
use serde_json::{Value, json};
use support::{
    DEADLINE, Fakerr,
    client::{Client, mac, membership, with_target},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::UnixStream,
    time::timeout,
};

/// Documents as they come, until one is as wanted.
struct Reader(Lines<BufReader<UnixStream>>);

impl Reader {
    async fn say(&mut self, line: &str) {
        let stream = self.0.get_mut();
        stream.write_all(line.as_bytes()).await.expect("a visitor");
    }

    async fn until(&mut self, what: &str, fact: impl Fn(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let waiting = async {
            loop {
                let line = self.0.next_line().await.expect("a stream").expect("a line");
                last = serde_json::from_str(&line).expect("a JSON document");
                if fact(&last) {
                    return;
                }
            }
        };
        let came = timeout(DEADLINE, waiting).await;
        assert!(came.is_ok(), "{what} did not come; the last was {last:#}");
        last
    }
}

/// Where a reflector tells of its status. One that is killed leaves it there.
struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

impl std::ops::Deref for Socket {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

fn socket(test: &str) -> Socket {
    let name = format!("fakerr-{test}-{}.sock", std::process::id());
    Socket(std::env::temp_dir().join(name))
}

async fn ask(fakerr: &Fakerr, path: &Path) -> Reader {
    fakerr.line("telling of the status");
    visit(path).await
}

async fn visit(path: &Path) -> Reader {
    let stream = UnixStream::connect(path).await.expect("a socket");
    Reader(BufReader::new(stream).lines())
}

#[tokio::test]
async fn clients_come_and_go() {
    let path = socket("clients");
    let fakerr = Fakerr::start(&[
        "--status",
        path.to_str().expect("a path"),
        "--router-id",
        "10.0.0.100",
    ]);
    let mut reader = ask(&fakerr, &path).await;
    let nobody = reader.until("a document at once", |_| true).await;
    assert_eq!(nobody, json!({"router_id": "10.0.0.100", "clients": []}));

    let families = [Family::EVPN, Family::RTC];
    let a = Client::start(&fakerr, 1, &families).await;
    let _b = Client::start(&fakerr, 2, &[Family::EVPN]).await;
    let state = |document: &Value, at: usize| document["clients"][at]["state"].clone();
    let both = reader
        .until("two sessions", |document| {
            state(document, 0) == "Established" && state(document, 1) == "Established"
        })
        .await;
    let first = &both["clients"][0];
    assert_eq!(first["address"], "127.0.0.1");
    assert_eq!(first["as"], 64512);
    assert_eq!(first["router_id"], "10.0.0.1");
    assert_eq!(first["families"], json!(["ipv4/rtc", "l2vpn/evpn"]));
    assert_eq!(both["clients"][1]["families"], json!(["l2vpn/evpn"]));

    a.stop().await;
    let one = reader
        .until("one client", |document| {
            document["clients"].as_array().map(Vec::len) == Some(1)
        })
        .await;
    assert_eq!(one["clients"][0]["address"], "127.0.0.2");
}

#[tokio::test]
async fn routes_are_told_as_they_came_and_as_they_went() {
    let path = socket("routes");
    let fakerr = Fakerr::start(&[
        "--status",
        path.to_str().expect("a path"),
        "--router-id",
        "10.0.0.100",
    ]);
    let mut changes = ask(&fakerr, &path).await;
    changes.say("changes\n").await;
    let first = changes
        .until("a count", |document| document["changes"].is_u64())
        .await;
    let a = Client::start(&fakerr, 1, &[Family::EVPN]).await;
    let b = Client::start(&fakerr, 2, &[Family::EVPN, Family::RTC]).await;
    a.announce(&with_target(79), &mac(1));
    a.announce(&with_target(80), &mac(2));
    b.announce(&with_target(79), &membership(79));

    // What was announced is there once changes have been told: ask until it is.
    let mut asked = visit(&path).await;
    let routes = async |asked: &mut Reader, question: &str, count: usize| loop {
        asked.say(question).await;
        let told = asked
            .until("routes", |document| document["routes"].is_array())
            .await;
        let told = told["routes"].as_array().expect("a list").clone();
        if told.len() == count {
            return told;
        }
    };
    let received = routes(&mut asked, "routes l2vpn/evpn\n", 2).await;
    let text = serde_json::to_string(&received[0]["attributes"]).expect("text");
    assert_eq!(received[0]["from"], "127.0.0.1");
    assert_eq!(received[0]["best"], true);
    assert_eq!(received[0]["to"], Value::Null);
    assert!(!text.contains("\"code\":10"), "as received: {text}");

    // RT-Constraint leaves one of two.
    let sent = routes(&mut asked, "sent l2vpn/evpn 127.0.0.2\n", 1).await;
    let text = serde_json::to_string(&sent[0]["attributes"]).expect("text");
    assert_eq!(sent[0]["to"], "127.0.0.2");
    assert!(text.contains("\"code\":10"), "with CLUSTER_LIST: {text}");
    let back = routes(&mut asked, "sent l2vpn/evpn 127.0.0.1\n", 0).await;
    assert!(back.is_empty());
    changes
        .until("a change", |document| {
            document["changes"].as_u64() > first["changes"].as_u64()
        })
        .await;
    asked.say("what is there?\n").await;
    asked
        .until("a refusal", |document| document["error"].is_string())
        .await;
}

#[tokio::test]
async fn a_socket_left_behind_is_replaced_and_taken_away_in_the_end() {
    let path = socket("replaced");
    drop(UnixListener::bind(&*path).expect("a socket"));
    let fakerr = Fakerr::start(&["--status", path.to_str().expect("a path")]);
    ask(&fakerr, &path)
        .await
        .until("a document", |_| true)
        .await;
    fakerr.signal(nix::sys::signal::Signal::SIGTERM);
    assert!(fakerr.wait().success());
    assert!(!path.exists());
}

#[tokio::test]
async fn who_says_more_than_there_is_to_say_is_not_listened_to() {
    let path = socket("endless");
    let fakerr = Fakerr::start(&["--status", path.to_str().expect("a path")]);
    let mut visitor = ask(&fakerr, &path).await;
    visitor.until("a first document", |_| true).await;
    let stream = visitor.0.get_mut();
    // Without an end of line, until nobody takes it any more.
    let saying = async { while stream.write_all(&[b'x'; 4096]).await.is_ok() {} };
    timeout(DEADLINE, saying).await.expect("an end");
}

#[tokio::test]
async fn who_has_gone_holds_nothing_open() {
    let path = socket("gone");
    let fakerr = Fakerr::start(&["--status", path.to_str().expect("a path")]);
    let mut first = ask(&fakerr, &path).await;
    first.until("a document", |_| true).await;
    let before = fakerr.descriptors();
    for _ in 0..20 {
        let mut visitor = visit(&path).await;
        visitor.until("a document", |_| true).await;
    }
    // It goes before the next one is let in, or soon after.
    let waiting = async {
        while fakerr.descriptors() > before + 1 {
            visit(&path).await.until("a document", |_| true).await;
        }
    };
    let came = timeout(DEADLINE, waiting).await;
    assert!(came.is_ok(), "{} are open", fakerr.descriptors());
}

#[test]
fn a_file_is_not_taken_for_a_socket_left_behind() {
    let path = socket("file");
    std::fs::write(&*path, "precious").expect("a file");
    let said = support::command(&["--port", "0", "--status", path.to_str().expect("a path")])
        .output()
        .expect("the program");
    let kept = std::fs::read_to_string(&*path).expect("the file");
    assert_eq!(said.status.code(), Some(1));
    assert_eq!(kept, "precious");
}

#[test]
fn a_splice_has_no_status() {
    let said = support::command(&["--mode", "splice", "--status", "/tmp/never"])
        .output()
        .expect("the program");
    assert_eq!(said.status.code(), Some(2));
    let text = String::from_utf8_lossy(&said.stderr);
    assert!(
        text.contains("'--status <PATH>' has nothing to tell"),
        "{text}"
    );
}
