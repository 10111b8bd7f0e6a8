//! Who may use the API, over what, and what the daemon itself may still do.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use bagpipe_api::{Client, ClientError};
use common::{Daemon, config, raw_http};
use serde_json::json;

const TOKEN: &str = "sesame-sesame-42";

fn run(program: &str, args: &[&str]) -> Option<Output> {
    Command::new(program).args(args).output().ok()
}

#[tokio::test]
async fn issue_57_who_does_not_know_the_token_is_told_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    let file = file.to_str().unwrap();
    let more = format!("token_file={file}\n[BGP]\npeers=\n");
    let daemon = Daemon::start(&config(9, &more));
    let mut client = daemon.client().await;
    // Whether it was restarted is no secret.
    client.ping().await.unwrap();
    for path in [
        "/",
        "/looking-glass",
        "/attachments",
        "/metrics",
        "/openapi.json",
        "/nope",
    ] {
        let Err(ClientError::Refused(refusal)) = client.get(path).await else {
            panic!("{path} is answered")
        };
        assert_eq!(refusal.status, 401, "{path}");
    }
    let request = "POST /attach_localport HTTP/1.1\r\nhost: h\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{}";
    let answer = raw_http(daemon.api, request).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("www-authenticate: Bearer"), "{answer}");
    client.set_token("sesame-sesame-43");
    client.looking_glass("").await.unwrap_err();
    client.set_token(TOKEN);
    client.looking_glass("").await.unwrap();
    assert_eq!(client.attachments().await.unwrap(), []);

    let port = daemon.api.port().to_string();
    let glass = env!("CARGO_BIN_EXE_bagpipe-looking-glass");
    let told = run(
        glass,
        &["--port", &port, "--token-file", file, "summary", "version"],
    )
    .unwrap();
    assert!(told.status.success(), "{told:?}");
    let mut command = Command::new(glass);
    let told = command
        .args(["--port", &port])
        .env("BAGPIPE_BGP_TOKEN_FILE", file);
    assert!(told.output().unwrap().status.success());
    let untold = run(glass, &["--port", &port]).unwrap();
    assert!(
        String::from_utf8_lossy(&untold.stdout).contains("Error code 401"),
        "{untold:?}"
    );
}

#[tokio::test]
async fn issue_57_pages_of_other_sites_change_nothing() {
    let daemon = Daemon::start(&config(9, "[BGP]\npeers=\n"));
    let host = daemon.api.to_string();
    let post = async |origin: &str| {
        let request = format!(
            "POST /attach_localport HTTP/1.1\r\nhost: {host}\r\norigin: {origin}\r\nconnection: close\r\ncontent-length: 2\r\n\r\n{{}}"
        );
        raw_http(daemon.api, &request).await
    };
    for origin in ["http://elsewhere.example", "null", "http://127.0.0.1"] {
        let answer = post(origin).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
    // The daemon's own page may ask, and is refused for what it asks.
    let answer = post(&format!("http://{host}")).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[test]
fn a_token_that_is_none_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    fs::write(&token, "short").unwrap();
    let file = directory.path().join("bgp.conf");
    let more = format!("token_file={}\n[BGP]\npeers=\n", token.display());
    fs::write(&file, config(9, &more)).unwrap();
    let daemon = env!("CARGO_BIN_EXE_bagpipe-bgp");
    let output = run(daemon, &["--config-file", file.to_str().unwrap()]).unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(
        text.contains("option `token_file` of section [API]: it has to hold one word"),
        "{text}"
    );
}

#[tokio::test]
async fn issue_57_a_unix_socket_for_those_who_may_open_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    // What another daemon left is no obstacle.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let file = directory.path().join("bgp.conf");
    let more = format!(
        "host=unix:{}\nsocket_mode=600\n[BGP]\npeers=\n",
        path.display()
    );
    fs::write(&file, config(9, &more)).unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_bagpipe-bgp"))
        .args(["--config-file", file.to_str().unwrap()])
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let connected = async {
        loop {
            if let Ok(stream) = tokio::net::UnixStream::connect(&path).await {
                return stream;
            }
            tokio::task::yield_now().await;
        }
    };
    let stream = tokio::time::timeout(common::DEADLINE, connected)
        .await
        .unwrap();
    let mut client = Client::over(stream, "localhost").await.unwrap();
    client.ping().await.unwrap();
    let socket = path.to_str().unwrap();
    for (program, args) in [
        (
            env!("CARGO_BIN_EXE_bagpipe-looking-glass"),
            &["summary", "version"][..],
        ),
        (
            env!("CARGO_BIN_EXE_bagpipe-impex2dot"),
            &["--server", "localhost"],
        ),
    ] {
        let mut args = args.to_vec();
        args.extend(["--unix-socket", socket]);
        let told = run(program, &args).unwrap();
        assert!(told.status.success(), "{told:?}");
    }
    assert_eq!(mode(&path), 0o600);
    let status = Command::new("kill").arg(child.id().to_string()).status();
    assert!(status.unwrap().success());
    child.wait().unwrap();
    assert!(!path.exists());
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn issue_57_listening_for_everybody_is_said_once() {
    let open = Daemon::start(&config(9, "host=0.0.0.0\n[BGP]\npeers=\n"));
    assert_eq!(
        open.log().matches("does what everybody asks").count(),
        1,
        "{}",
        open.log()
    );
    let local = Daemon::start(&config(9, "[BGP]\npeers=\n"));
    assert!(!local.log().contains("does what everybody asks"));
}

#[tokio::test]
async fn issue_57_tls_with_client_certificates() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let mut made = Vec::new();
    // The client's certificate comes from an authority that the daemon knows, the stranger's from itself.
    for (name, authority) in [
        ("server", None),
        ("ca", None),
        ("stranger", None),
        ("client", Some("ca")),
    ] {
        let (key, certificate) = (path(&format!("{name}.key")), path(&format!("{name}.pem")));
        let mut args: Vec<String> = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ]
        .map(str::to_owned)
        .into();
        if let Some(authority) = authority {
            let leaf = "basicConstraints=critical,CA:FALSE";
            let (ca, key) = (
                path(&format!("{authority}.pem")),
                path(&format!("{authority}.key")),
            );
            args.extend(["-CA", &ca, "-CAkey", &key, "-addext", leaf].map(str::to_owned));
        }
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        made.push(run("openssl", &args));
    }
    if !made.iter().flatten().all(|output| output.status.success())
        || run("curl", &["-V"]).is_none()
    {
        eprintln!("SKIPPED, openssl and curl are needed");
        return;
    }
    let more = format!(
        "tls_cert={}\ntls_key={}\nclient_ca={}\n[BGP]\npeers=\n",
        path("server.pem"),
        path("server.key"),
        path("ca.pem")
    );
    let daemon = Daemon::start(&config(9, &more));
    let url = format!("https://{}/looking-glass", daemon.api);
    let ca = path("server.pem");
    let get = |more: &[&str]| {
        let mut args = vec!["-s", "--max-time", "20", "--cacert", &ca];
        args.extend(more);
        args.push(&url);
        run("curl", &args).unwrap()
    };
    let known = get(&["--cert", &path("client.pem"), "--key", &path("client.key")]);
    let text = String::from_utf8_lossy(&known.stdout);
    assert!(
        text.contains(&format!("\"href\":\"{url}/bgp\"")),
        "{known:?}"
    );
    assert!(!get(&[]).status.success());

    // The tools get through with the same; that the daemon's certificate has another's name does not count, as it is
    // the very one that was asked for.
    let port = daemon.api.port().to_string();
    let glass = |more: &[&str]| {
        let mut args = vec!["--port", &port, "--tls-ca", &ca];
        args.extend(more);
        args.extend(["summary", "version"]);
        run(env!("CARGO_BIN_EXE_bagpipe-looking-glass"), &args).unwrap()
    };
    let known = glass(&[
        "--tls-cert",
        &path("client.pem"),
        "--tls-key",
        &path("client.key"),
    ]);
    assert!(known.status.success(), "{known:?}");
    let (cert, key) = (path("stranger.pem"), path("stranger.key"));
    assert!(
        !glass(&["--tls-cert", &cert, "--tls-key", &key])
            .status
            .success()
    );
    let other = path("stranger.pem");
    let other = run(
        env!("CARGO_BIN_EXE_bagpipe-looking-glass"),
        &["--port", &port, "--tls-ca", &other, "summary"],
    );
    let other = other.unwrap();
    let text = String::from_utf8_lossy(&other.stdout);
    assert!(text.contains("no TLS with 127.0.0.1:"), "{text}");
    let stranger = get(&[
        "--cert",
        &path("stranger.pem"),
        "--key",
        &path("stranger.key"),
    ]);
    assert!(!stranger.status.success(), "{stranger:?}");
    // Whoever does not speak TLS is not answered, and keeps nobody from it.
    assert_eq!(
        run(
            "curl",
            &[
                "-s",
                "--max-time",
                "20",
                &format!("http://{}/ping", daemon.api)
            ]
        )
        .unwrap()
        .stdout,
        b""
    );
    assert!(
        get(&["--cert", &path("client.pem"), "--key", &path("client.key")])
            .status
            .success()
    );
}

#[tokio::test]
async fn the_daemon_keeps_what_it_needs() {
    // The name is looked up by another thread, before privileges are given up.
    let daemon = Daemon::start(&config(9, "host=localhost\n[BGP]\npeers=\n"));
    let mut client = daemon.client().await;
    let process = client.looking_glass("process").await.unwrap();
    assert_eq!(process["pid"].to_string(), daemon.pid());
    let capabilities = process["capabilities"].as_array().unwrap();
    assert!(
        capabilities.iter().all(|name| name == "CAP_NET_ADMIN"),
        "{process}"
    );
    assert_eq!(process["no_new_privileges"], json!(true));
    // As the kernel says, of every thread.
    for task in fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap() {
        let status = fs::read_to_string(task.unwrap().path().join("status")).unwrap();
        let line = |name: &str| {
            status
                .lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap()
        };
        let permitted = u64::from_str_radix(line("CapPrm:").trim(), 16).unwrap();
        // Bit 12 is CAP_NET_ADMIN.
        assert_eq!(permitted & !(1 << 12), 0, "{status}");
    }
}
