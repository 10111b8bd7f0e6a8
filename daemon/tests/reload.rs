//! SIGHUP: the configuration is read again, and sessions that it leaves as they are notice nothing.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "tests fail by panicking"
)]

mod common;

use std::{fs, net::Ipv4Addr};

use bgp_wire::{Capability, DecodeContext, Family, Message, raw::kind};
use common::{Daemon, Speaker};
use serde_json::Value;
use tokio::net::TcpListener;

const FAMILIES: [Family; 2] = [Family::EVPN, Family::RTC];

fn config(peers: &str, more: &str) -> String {
    format!(
        "[BGP]\nlocal_address=127.0.0.1\npeers={peers}\nmy_as=64512\nconnect_retry=0.05\n{more}\n[API]\nport=0\n"
    )
}

/// A reflector's port on 127.0.0.`n`, and how a configuration names it.
async fn reflector(n: u8) -> (TcpListener, String) {
    let listener = TcpListener::bind((Ipv4Addr::new(127, 0, 0, n), 0))
        .await
        .unwrap();
    let name = listener.local_addr().unwrap().to_string();
    (listener, name)
}

fn read_again(daemon: &Daemon, config: &str) {
    fs::write(daemon.file("bgp.conf"), config).unwrap();
    daemon.signal("HUP");
}

/// State and number of flaps of the peer on 127.0.0.`n`.
async fn session(daemon: &Daemon, n: u8) -> (String, u64) {
    let sessions = daemon.client().await.sessions().await.unwrap();
    let address = format!("127.0.0.{n}");
    let found = sessions.iter().find(|one| one.peer.to_string() == address);
    found.map(|one| (one.state.clone(), one.flaps)).unwrap()
}

async fn is_up(daemon: &Daemon, n: u8) {
    let path = format!("bgp/peers/127.0.0.{n}/protocol/state");
    daemon.until(&path, |state| state == "Established").await;
}

#[tokio::test]
async fn issue_21_peers_come_and_go_without_the_others_noticing() {
    let (first, a) = reflector(2).await;
    let (second, b) = reflector(3).await;
    let daemon = Daemon::start(&config(&a, ""));
    let _stays = Speaker::accept(&first, &FAMILIES).await;
    is_up(&daemon, 2).await;

    read_again(&daemon, &config(&format!("{a},{b}"), ""));
    let mut goes = Speaker::accept(&second, &FAMILIES).await;
    is_up(&daemon, 3).await;

    read_again(&daemon, &config(&a, ""));
    let cease = loop {
        let message = goes.next_or_end().await.expect("a Cease before the end");
        if message.kind == kind::NOTIFICATION {
            break message;
        }
    };
    assert_eq!(cease.body[0], 6);
    let gone = |page: &Value| page.as_array().is_some_and(|peers| peers.len() == 1);
    daemon.until("bgp/peers", gone).await;
    assert_eq!(session(&daemon, 2).await, ("Established".to_owned(), 0));
}

#[tokio::test]
async fn only_peers_that_changed_start_over() {
    let (first, a) = reflector(2).await;
    let (second, b) = reflector(3).await;
    let (elsewhere, moved) = reflector(3).await;
    let daemon = Daemon::start(&config(&format!("{a},{b}"), ""));
    let _stays = Speaker::accept(&first, &FAMILIES).await;
    let mut old = Speaker::accept(&second, &FAMILIES).await;
    is_up(&daemon, 2).await;
    is_up(&daemon, 3).await;

    read_again(&daemon, &config(&format!("{a},{moved}"), ""));
    let _new = Speaker::accept(&elsewhere, &FAMILIES).await;
    while old.next_or_end().await.is_some() {}
    is_up(&daemon, 3).await;
    assert_eq!(session(&daemon, 2).await, ("Established".to_owned(), 0));
}

#[tokio::test]
async fn a_bad_file_is_refused_whole() {
    let (first, a) = reflector(2).await;
    let daemon = Daemon::start(&config(&a, ""));
    let _speaker = Speaker::accept(&first, &FAMILIES).await;
    is_up(&daemon, 2).await;
    read_again(&daemon, &config("", "hold_time=1"));
    let refused = |page: &Value| {
        let text = page.to_string();
        text.contains("nothing changes") && text.contains("hold_time")
    };
    daemon.until("logs", refused).await;
    assert_eq!(session(&daemon, 2).await, ("Established".to_owned(), 0));
}

#[tokio::test]
async fn what_a_start_would_refuse_is_refused() {
    let (first, a) = reflector(2).await;
    let daemon = Daemon::start(&config(&a, ""));
    let _speaker = Speaker::accept(&first, &FAMILIES).await;
    is_up(&daemon, 2).await;
    let missing = daemon.file("missing");
    let missing = missing.display();
    for (n, (more, line, said)) in [
        (format!("[API]\ntoken_file={missing}"), 9, "`token_file` of section [API]: cannot read it"),
        (format!("[API]\ntls_cert={missing}\ntls_key={missing}"), 9, "`tls_cert` of section [API]"),
        (
            "[DATAPLANE_DRIVER_EVPN]\ndataplane_local_address=nonesuch0".to_owned(),
            9,
            "`dataplane_local_address` of section [DATAPLANE_DRIVER_EVPN]: interface `nonesuch0` does not exist",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        // The number that would be taken over shows that nothing is.
        read_again(&daemon, &config("", &format!("hold_time={}\n\n{more}", 100 + n)));
        let refused = |page: &Value| {
            let text = page.to_string();
            let place = format!("bgp.conf:{line}: ");
            ["nothing changes: ", &place, said].iter().all(|part| text.contains(part))
        };
        daemon.until("logs", refused).await;
    }
    let hold_time = daemon
        .client()
        .await
        .looking_glass("config/BGP/hold_time")
        .await;
    assert_eq!(hold_time.unwrap(), 180);
    assert_eq!(session(&daemon, 2).await, ("Established".to_owned(), 0));
}

#[tokio::test]
async fn what_counts_only_at_the_next_start_is_named() {
    let (first, a) = reflector(2).await;
    let daemon = Daemon::start(&config(&a, ""));
    let _speaker = Speaker::accept(&first, &FAMILIES).await;
    is_up(&daemon, 2).await;
    let changed = config(
        &a,
        "my_as=64513\n[DATAPLANE_DRIVER_EVPN]\nvxlan_dst_port=4790",
    );
    read_again(&daemon, &changed);
    let named = |page: &Value| {
        let text = page.to_string();
        ["`my_as` of [BGP]", "[DATAPLANE_DRIVER_EVPN]"]
            .iter()
            .all(|part| text.contains(part))
    };
    daemon.until("logs", named).await;
    assert_eq!(session(&daemon, 2).await, ("Established".to_owned(), 0));
}

/// What the OPEN of a daemon says of graceful restart: whether it has restarted, and kept E-VPN forwarding.
fn restart(open: &[u8]) -> (bool, bool) {
    let mut framer = bgp_wire::raw::Framer::new();
    framer.push(open);
    let open = framer.next().unwrap().unwrap();
    let Ok(Message::Open(open)) = Message::decode(&open, &DecodeContext::default()) else {
        panic!("no OPEN: {open:?}");
    };
    let mut capabilities = open.capabilities.iter();
    let announced = capabilities.find_map(|capability| match capability {
        Capability::GracefulRestart {
            restarting,
            families,
            ..
        } => Some((*restarting, families.contains(&(Family::EVPN, true)))),
        _ => None,
    });
    announced.unwrap()
}

#[tokio::test]
async fn a_session_of_other_options_is_not_the_first_since_the_start() {
    let (listener, peer) = reflector(2).await;
    let options = "graceful_restart_time=60\n";
    let daemon = Daemon::start(&config(&peer, options));
    let first = Speaker::accept(&listener, &FAMILIES).await;
    assert_eq!(restart(&first.open), (false, false));
    is_up(&daemon, 2).await;
    read_again(&daemon, &config(&peer, &format!("{options}hold_time=30\n")));
    let second = Speaker::accept(&listener, &FAMILIES).await;
    // What the dataplane had by then it goes on with.
    assert_eq!(restart(&second.open), (false, true));
}
