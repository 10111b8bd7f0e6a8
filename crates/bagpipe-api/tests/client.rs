//! The client against a server of canned answers, over an in-memory stream.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::time::Duration;

use bagpipe_api::{AttachBody, Client, ClientError, Refusal};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};

/// Answers each request with the next of `answers` (status, body) and returns what was asked.
async fn serve(mut stream: DuplexStream, answers: Vec<(u16, &'static str)>) -> Vec<String> {
    let mut requests = Vec::new();
    for (status, body) in answers {
        requests.push(read_request(&mut stream).await);
        let length = body.len();
        let answer = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
    requests
}

async fn read_request(stream: &mut DuplexStream) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let wanted = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().unwrap());
            if body.len() >= wanted {
                return text;
            }
        }
        assert_ne!(count, 0, "the client closed after {text:?}");
    }
}

async fn against<T>(
    answers: Vec<(u16, &'static str)>,
    requests: impl AsyncFnOnce(&mut Client) -> T,
) -> (T, Vec<String>) {
    let (near, far) = tokio::io::duplex(4096);
    let server = tokio::spawn(serve(far, answers));
    let mut client = Client::over(near, "daemon.example:8082").await.unwrap();
    let outcome = requests(&mut client).await;
    (outcome, server.await.unwrap())
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let answers = vec![
        (200, "30995572298579081121415645612988514177"),
        (200, "null"),
        (200, r#"{"id": "x"}"#),
        (200, r#"{"version": 7}"#),
    ];
    let body = AttachBody::evpn("test2", "tap1", "02:00:00:00:00:01")
        .ip("10.0.0.1")
        .rt("64512:79");
    let ((), requests) = against(answers, async |client| {
        assert_eq!(
            client.ping().await.unwrap(),
            30995572298579081121415645612988514177
        );
        client.attach(&body).await.unwrap();
        assert_eq!(
            client.looking_glass("bgp/peers").await.unwrap(),
            json!({"id": "x"})
        );
        assert_eq!(client.changes(6, Duration::from_secs(2)).await.unwrap(), 7);
    })
    .await;
    let lines: Vec<_> = requests
        .iter()
        .map(|request| request.lines().next().unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            "GET /ping HTTP/1.1",
            "POST /attach_localport HTTP/1.1",
            "GET /looking-glass/bgp/peers HTTP/1.1",
            "GET /changes?after=6&wait=2000 HTTP/1.1",
        ]
    );
    assert!(
        requests[0].contains("host: daemon.example:8082\r\n"),
        "{}",
        requests[0]
    );
    let sent: Value = serde_json::from_str(requests[1].split_once("\r\n\r\n").unwrap().1).unwrap();
    assert_eq!(
        sent,
        json!({
            "vpn_type": "evpn", "vpn_instance_id": "test2", "mac_address": "02:00:00:00:00:01",
            "ip_address": "10.0.0.1", "local_port": {"linuxif": "tap1"}, "import_rt": ["64512:79"],
            "export_rt": ["64512:79"], "gateway_ip": null, "advertise_subnet": false, "vni": 0,
            "lb_consistent_hash_order": 0, "direction": "both", "readvertise": null,
            "attract_traffic": {},
        })
    );
}

#[tokio::test]
async fn a_refusal_names_field_and_rule() {
    let answer = r#"{"code": 400, "title": "Bad Request", "description": "API error: no",
        "field": "vni", "rule": "must be small"}"#;
    let (error, _) = against(vec![(400, answer)], async |client| {
        client
            .attach(&AttachBody::evpn("a", "b", "c"))
            .await
            .unwrap_err()
    })
    .await;
    let ClientError::Refused(refusal) = error else {
        panic!("{error}")
    };
    assert_eq!(
        refusal,
        Refusal {
            status: 400,
            description: "API error: no".into(),
            field: Some("vni".into()),
            rule: Some("must be small".into()),
        }
    );
}

#[tokio::test]
async fn a_plain_text_error_is_kept_whole() {
    let (error, _) = against(vec![(404, "404 Not Found\n")], async |client| {
        client.ping().await.unwrap_err()
    })
    .await;
    assert_eq!(error.to_string(), "error 404: 404 Not Found");
}

#[tokio::test]
async fn a_server_that_goes_away_is_an_error() {
    let (near, far) = tokio::io::duplex(64);
    let mut client = Client::over(near, "x").await.unwrap();
    drop(far);
    assert!(matches!(client.ping().await, Err(ClientError::Http(_))));
}
