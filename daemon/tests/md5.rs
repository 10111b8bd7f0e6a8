//! TCP connections that are signed (RFC 2385), where the kernel can.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::{fs, time::Duration};

use common::{DEADLINE, Daemon, listener};
use tokio::time::{interval, timeout};

fn can_sign() -> bool {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    netns::tcp::sign(&socket, [127, 0, 0, 9].into(), b"secret").is_ok()
}

/// A daemon on 127.0.0.`n` with its peer on 127.0.0.`peer`.
fn config(n: u8, peer: u8, port: u16, more: &str) -> String {
    format!(
        "[BGP]\nlocal_address=127.0.0.{n}\npeers=127.0.0.{peer}\nmy_as=64512\nbgp_port={port}\nlisten=true\n\
         connect_retry=0.05\n{more}\n[API]\nport=0\n"
    )
}

/// Signed segments that nobody here signs, unsigned ones where they should be, and wrong signatures, so far.
fn refused() -> u64 {
    let text = fs::read_to_string("/proc/net/netstat").unwrap();
    let lines: Vec<Vec<&str>> = text
        .lines()
        .filter(|line| line.starts_with("TcpExt:"))
        .map(|line| line.split_whitespace().collect())
        .collect();
    let [names, values] = &lines[..] else {
        panic!("names and values")
    };
    let counted = names.iter().zip(values);
    let refused = counted.filter(|(name, _)| name.starts_with("TCPMD5"));
    refused
        .map(|(_, value)| value.parse::<u64>().unwrap())
        .sum()
}

#[tokio::test]
async fn peers_with_the_same_password_find_each_other_and_others_do_not() {
    if !can_sign() {
        return;
    }
    let port = listener().await.1;
    let a = Daemon::start(&config(1, 2, port, "md5_password=secret"));
    let before = refused();
    let b = Daemon::start(&config(2, 1, port, "md5_password=wrong"));
    let wrong = async {
        let mut tries = interval(Duration::from_millis(10));
        while refused() == before {
            tries.tick().await;
        }
    };
    timeout(DEADLINE, wrong).await.expect("the kernel refuses");
    let state = "bgp/peers/127.0.0.1/protocol/state";
    let page = b.client().await.looking_glass(state).await.unwrap();
    assert_ne!(page, "Established");
    // One password among several, read again.
    let right = config(
        2,
        1,
        port,
        "md5_password=wrong\nmd5_passwords=127.0.0.7=x, 127.0.0.1=secret",
    );
    fs::write(b.file("bgp.conf"), right).unwrap();
    b.signal("HUP");
    b.until(state, |state| state == "Established").await;
    for daemon in [&a, &b] {
        let shown = daemon.client().await.looking_glass("config").await.unwrap();
        let shown = shown.to_string() + &daemon.log();
        assert!(
            !shown.contains("secret") && !shown.contains("wrong"),
            "{shown}"
        );
    }
}
