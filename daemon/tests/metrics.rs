//! `/metrics`, read as Prometheus reads it.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};

use bagpipe_api::{AttachBody, DetachBody};
use bgp_wire::Family;
use common::{Daemon, Speaker, config, listener};

/// The samples of a page by name and labels; everything the format asks for is checked on the way.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut families: BTreeSet<String> = BTreeSet::new();
    let mut current = (String::new(), String::new());
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').expect("a name and a text");
            assert!(families.insert(name.to_owned()), "{name} is there twice");
            assert!(help.ends_with('.'), "{line}");
            current = (name.to_owned(), String::new());
            continue;
        }
        if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').expect("a name and a type");
            assert_eq!(name, current.0, "TYPE follows HELP");
            let is_counter = kind == "counter";
            assert_eq!(name.ends_with("_total"), is_counter, "{line}");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            current.1 = kind.to_owned();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').expect("a name and a value");
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect("a brace")),
            None => (series, ""),
        };
        let is_name = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        assert!(is_name(name), "{line}");
        let suffix = name
            .strip_prefix(current.0.as_str())
            .expect("a sample of the family");
        match current.1.as_str() {
            "histogram" => assert!(["_bucket", "_sum", "_count"].contains(&suffix), "{line}"),
            _ => assert_eq!(suffix, "", "{line}"),
        }
        for label in labels.split(',').filter(|label| !label.is_empty()) {
            let (key, text) = label.split_once('=').expect("key and text");
            assert!(is_name(key), "{line}");
            assert!(
                text.len() >= 2 && text.starts_with('"') && text.ends_with('"'),
                "{line}"
            );
        }
        assert!(value >= 0.0, "{line}");
        assert!(
            samples.insert(series.to_owned(), value).is_none(),
            "{series} is there twice"
        );
    }
    samples
}

async fn metrics(daemon: &Daemon) -> BTreeMap<String, f64> {
    let text = daemon.client().await.get("/metrics").await.unwrap();
    parsed(std::str::from_utf8(&text).unwrap())
}

#[tokio::test]
async fn figures_follow_what_happens() {
    let (listener, port) = listener().await;
    let daemon = Daemon::start(&config(port, ""));
    let speaker = Speaker::accept(&listener, &[Family::EVPN]).await;
    daemon
        .until("summary", |page| page["BGP_established_peers"] == 1)
        .await;
    let mut client = daemon.client().await;
    let body = AttachBody::evpn("e1", "tap1", "02:00:00:00:00:01").rt("64512:1");
    client.attach(&body).await.unwrap();
    let wrong = AttachBody::evpn("e1", "tap1", "zz");
    client.attach(&wrong).await.unwrap_err();
    let samples = metrics(&daemon).await;
    for (series, value) in [
        ("bagpipe_bgp_sessions{state=\"Established\"}", 1.0),
        ("bagpipe_bgp_sessions{state=\"Idle\"}", 0.0),
        ("bagpipe_bgp_session_up{peer=\"127.0.0.1\"}", 1.0),
        ("bagpipe_bgp_session_flaps_total{peer=\"127.0.0.1\"}", 0.0),
        (
            "bagpipe_bgp_messages_total{peer=\"127.0.0.1\",direction=\"received\",type=\"OPEN\"}",
            1.0,
        ),
        (
            "bagpipe_routes{family=\"l2vpn/evpn\",source=\"local\"}",
            2.0,
        ),
        ("bagpipe_instances{type=\"evpn\"}", 1.0),
        ("bagpipe_instances{type=\"ipvpn\"}", 0.0),
        ("bagpipe_attachments{type=\"evpn\"}", 1.0),
        ("bagpipe_driver_errors_total{type=\"evpn\"}", 0.0),
        ("bagpipe_driver_pending{type=\"evpn\",state=\"retry\"}", 0.0),
        (
            "bagpipe_rest_requests_total{path=\"/attach_localport\",status=\"200\"}",
            1.0,
        ),
        (
            "bagpipe_rest_requests_total{path=\"/attach_localport\",status=\"400\"}",
            1.0,
        ),
        ("bagpipe_operations_waiting", 0.0),
    ] {
        assert_eq!(samples.get(series), Some(&value), "{series}: {samples:#?}");
    }
    let changes = samples["bagpipe_driver_change_seconds_count{type=\"evpn\"}"];
    let all = samples["bagpipe_driver_change_seconds_bucket{type=\"evpn\",le=\"+Inf\"}"];
    assert!(changes >= 1.0 && changes == all, "{samples:#?}");
    assert!(samples["process_resident_memory_bytes"] > 1e6);
    assert!(samples["process_open_fds"] > 3.0);
    assert!(samples["process_start_time_seconds"] > 1.6e9);

    drop(speaker);
    daemon
        .until("bgp/peers/127.0.0.1/statistics", |page| page["flaps"] == 1)
        .await;
    client.detach(&DetachBody::from(&body)).await.unwrap();
    let samples = metrics(&daemon).await;
    assert_eq!(
        samples["bagpipe_bgp_session_flaps_total{peer=\"127.0.0.1\"}"],
        1.0
    );
    assert_eq!(samples["bagpipe_bgp_session_up{peer=\"127.0.0.1\"}"], 0.0);
    assert_eq!(samples["bagpipe_attachments{type=\"evpn\"}"], 0.0);
}
