//! HTTP itself: what is bounded, and that the daemon goes on serving others whatever one client does.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::fmt::Write as _;

use bagpipe_api::AttachBody;
use common::{DEADLINE, Daemon, config, raw_http};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

/// A daemon without any peer.
fn daemon() -> Daemon {
    Daemon::start(&config(9, "[BGP]\npeers=\n"))
}

/// The status of the answer to bytes; 0 when the connection just ended.
async fn status(daemon: &Daemon, request: &[u8]) -> u16 {
    let mut stream = TcpStream::connect(daemon.api).await.unwrap();
    // The daemon may have seen enough before it has seen all.
    stream.write_all(request).await.ok();
    let mut answer = Vec::new();
    timeout(DEADLINE, stream.read_to_end(&mut answer))
        .await
        .expect("an end in time")
        .ok();
    let text = String::from_utf8_lossy(&answer);
    text.split(' ')
        .nth(1)
        .map_or(0, |code| code.parse().unwrap())
}

#[tokio::test]
async fn long_lists_of_everything_come_in_pieces() {
    let daemon = daemon();
    let endpoints: Vec<AttachBody> = (0..600)
        .map(|n| {
            let mac = format!("02:00:00:00:{:02x}:{:02x}", n / 256, n % 256);
            AttachBody::evpn("e", format!("tap{n}"), mac).rt("64512:1")
        })
        .collect();
    let outcomes = daemon.client().await.attach_all(&endpoints).await.unwrap();
    assert!(outcomes.iter().all(Result::is_ok));
    for (path, least) in [("/attachments", 600), ("/routes?all=true", 600)] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
        let answer = raw_http(daemon.api, &request).await;
        assert!(answer.contains("\r\ntransfer-encoding: chunked\r\n"));
        let page = daemon.client().await.get(path).await.unwrap();
        let all: Vec<serde_json::Value> = serde_json::from_slice(&page).unwrap();
        assert!(all.len() >= least, "{path}: {}", all.len());
    }
}

#[tokio::test]
async fn heads_have_a_limit() {
    let daemon = daemon();
    let long = "x".repeat(20_000);
    let path = format!("GET /looking-glass/{long} HTTP/1.1\r\nhost: h\r\n\r\n");
    let header = format!("GET /ping HTTP/1.1\r\nhost: h\r\nx: {long}\r\n\r\n");
    let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
    let many = format!("GET /ping HTTP/1.1\r\nhost: h\r\n{many}\r\n");
    for request in [path, header, many] {
        let status = status(&daemon, request.as_bytes()).await;
        assert!([0, 414, 431].contains(&status), "{status}");
    }
    daemon.client().await.ping().await.unwrap();
}

#[tokio::test]
async fn what_is_no_http_is_400() {
    let daemon = daemon();
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET  /ping\r\n\r\n",
        b"GET /p\xc3\xafng\0 HTTP/1.1\r\nhost: h\r\n\r\n",
        b"POST /attach_localport HTTP/1.1\r\nhost: h\r\ncontent-length: many\r\n\r\n",
        b"POST /attach_localport HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\nzz\r\n",
    ] {
        let text = String::from_utf8_lossy(request);
        assert_eq!(status(&daemon, request).await, 400, "{text}");
    }
    daemon.client().await.ping().await.unwrap();
}

#[tokio::test]
async fn odd_paths_are_found_or_not_found() {
    let daemon = daemon();
    let mut table = String::new();
    for path in [
        "/%70ing",
        "//ping//",
        "/ping?x=%ff",
        "/looking-glass/%2e%2e/ping",
        "/looking-glass/../ping",
        "/looking-glass/%00",
        "/looking-glass/%zz",
        "/looking-glass/%ff%fe",
        "/looking-glass/vpns/instances/%2F",
        "/looking-glass/summary/version/below/a/scalar",
        "http://elsewhere/ping",
        "*",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
        writeln!(
            table,
            "{} {path}",
            status(&daemon, request.as_bytes()).await
        )
        .unwrap();
    }
    insta::assert_snapshot!(table);
}

#[tokio::test]
async fn clients_beyond_the_limit_are_told_so_and_the_others_are_served() {
    let daemon = daemon();
    let mut first = daemon.client().await;
    first.ping().await.unwrap();
    let mut held = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(daemon.api).await.unwrap();
        stream
            .write_all(b"GET /changes?after=999999 HTTP/1.1\r\nhost: h\r\n\r\n")
            .await
            .ok();
        held.push(stream);
    }
    // Nobody is answered but those that are too many.
    let answers = held.iter_mut().map(|stream| {
        Box::pin(async move {
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            String::from_utf8_lossy(&answer).into_owned()
        })
    });
    let first_answer = futures_util::future::select_all(answers);
    let (refused, ..) = timeout(DEADLINE, first_answer).await.expect("in time");
    assert_eq!(refused, "HTTP/1.1 503");
    first.ping().await.unwrap();
    assert_eq!(daemon.log().matches("no more are served").count(), 1);
    drop(held);
    daemon.until("summary", |page| page.is_object()).await;
}

#[tokio::test]
async fn a_body_that_never_comes_holds_up_nobody() {
    let daemon = daemon();
    let mut stream = TcpStream::connect(daemon.api).await.unwrap();
    stream
        .write_all(b"POST /attach_localport HTTP/1.1\r\nhost: h\r\ncontent-length: 100\r\n\r\n{")
        .await
        .unwrap();
    daemon.client().await.ping().await.unwrap();
    // Half a body is none.
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer))
        .await
        .expect("an end in time")
        .ok();
    assert!(!answer.contains("200 OK"), "{answer}");
    let instances = raw_http(
        daemon.api,
        "GET /looking-glass/vpns/instances HTTP/1.0\r\n\r\n",
    );
    assert!(instances.await.ends_with("[]"));
}
