//! Orders to the reflector: routes of its own, sessions reset, octets as they are.

#![allow(clippy::expect_used, reason = "a test may fail")]

mod support;

use std::path::PathBuf;

use bgp_session::DownReason;
use bgp_wire::{
    EncodeContext, Family, Label, LabelField, NextHop, Nlri, NlriValue, RawMessage,
    RouteDistinguisher, Update, nlri::VpnRoute, notification::cease,
};
use serde_json::{Value, json};
use support::{
    DEADLINE, Fakerr,
    client::{Client, mac, with_target},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    net::UnixStream,
    time::timeout,
};

const EVPN: &[Family] = &[Family::EVPN];

/// Where orders are taken; gone with the test.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let name = format!("fakerr-{test}-{}.sock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn start(&self) -> Fakerr {
        let fakerr = Fakerr::start(&["--control", self.0.to_str().expect("a path")]);
        fakerr.line("taking orders");
        fakerr
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

struct Desk(Lines<BufReader<UnixStream>>);

impl Desk {
    async fn at(place: &Place) -> Self {
        let stream = UnixStream::connect(&place.0).await.expect("a socket");
        Self(BufReader::new(stream).lines())
    }

    async fn say(&mut self, line: &str) {
        let stream = self.0.get_mut();
        stream.write_all(line.as_bytes()).await.expect("a desk");
        stream.write_all(b"\n").await.expect("a desk");
    }

    async fn hear(&mut self) -> Value {
        let line = timeout(DEADLINE, self.0.next_line()).await;
        let line = line.expect("in time").expect("a desk").expect("an answer");
        serde_json::from_str(&line).expect("JSON")
    }

    async fn order(&mut self, order: Value) -> Value {
        self.say(&order.to_string()).await;
        self.hear().await
    }

    async fn originate(&mut self, messages: &[RawMessage]) -> u64 {
        let mut done = 0;
        for message in messages {
            let answer = self.order(json!({ "originate": hex(&message.body) })).await;
            done += answer["done"].as_u64().expect("done");
        }
        done
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn announce(nlri: &[Nlri]) -> Vec<RawMessage> {
    let family = nlri[0].family;
    let next_hop = NextHop::for_family(family, [10, 0, 0, 9].into());
    Update::announce(&with_target(79), family, &next_hop, nlri, &large())
}

fn large() -> EncodeContext {
    EncodeContext {
        extended_message: true,
        ..EncodeContext::default()
    }
}

#[tokio::test]
async fn routes_of_its_own_reach_clients_early_and_late_until_they_are_withdrawn() {
    let place = Place::new("originate");
    let fakerr = place.start();
    let mut a = Client::start(&fakerr, 1, EVPN).await;
    let mut desk = Desk::at(&place).await;
    assert_eq!(desk.originate(&announce(&[mac(1), mac(2)])).await, 2);
    let (next_hop, attributes) = a.until_held(&mac(1)).await;
    assert_eq!(next_hop.address(), Some([10, 0, 0, 9].into()));
    // Where it comes into the AS, nothing is reflected.
    assert_eq!(attributes, with_target(79));
    // Neither who ordered it nor a client has to stay.
    drop(desk);
    let mut b = Client::start(&fakerr, 2, EVPN).await;
    b.until("the end", |client| client.ends == EVPN).await;
    assert_eq!(b.held.len(), 2);

    let mut desk = Desk::at(&place).await;
    let gone = Update::withdraw(Family::EVPN, &[mac(1)], &large());
    assert_eq!(desk.originate(&gone).await, 1);
    a.until_gone(&mac(1)).await;
    b.until_gone(&mac(1)).await;
    assert_eq!((a.held.len(), b.held.len()), (1, 1));
}

#[tokio::test]
async fn a_hundred_thousand_routes_are_few_messages() {
    let place = Place::new("bulk");
    let fakerr = place.start();
    let mut a = Client::start(&fakerr, 1, &[Family::VPNV4]).await;
    let nlri: Vec<Nlri> = (0..100_000u32)
        .map(|n| {
            let label = Label::new(16).expect("a label");
            let address = std::net::Ipv4Addr::from(0x1400_0000 + n);
            Nlri::from(NlriValue::Vpn(VpnRoute {
                rd: RouteDistinguisher::as2(64512, 1),
                labels: vec![LabelField::from_label(label, true)],
                prefix: bgp_wire::IpPrefix::host(address.into()),
            }))
        })
        .collect();
    let messages = announce(&nlri);
    assert!(messages.len() < 40, "{}", messages.len());
    let mut desk = Desk::at(&place).await;
    assert_eq!(desk.originate(&messages).await, 100_000);
    a.until("all", |client| client.held.len() == 100_000).await;
    let gone = Update::withdraw(Family::VPNV4, &nlri, &large());
    desk.originate(&gone).await;
    a.until("nothing", |client| client.held.is_empty()).await;
}

#[tokio::test]
async fn a_session_is_reset_when_it_is_said_to_be() {
    let place = Place::new("reset");
    let fakerr = place.start();
    let mut a = Client::start(&fakerr, 1, EVPN).await;
    let mut b = Client::start(&fakerr, 2, EVPN).await;
    b.announce(&with_target(79), &mac(1));
    a.until_held(&mac(1)).await;
    let mut desk = Desk::at(&place).await;
    let answer = desk.order(json!({ "reset": "127.0.0.1" })).await;
    assert_eq!(answer, json!({ "done": 1 }));
    a.until("its end", |client| !client.downs.is_empty()).await;
    let DownReason::NotificationReceived(notification) = &a.downs[0] else {
        panic!("{:?}", a.downs);
    };
    assert_eq!(notification.subcode, cease::RESET);
    // It comes again, and the other one never went.
    a.until_held(&mac(1)).await;
    b.until("the other's", |_| true).await;
    assert!(b.downs.is_empty());
}

#[tokio::test]
async fn octets_go_out_as_they_are() {
    let place = Place::new("octets");
    let fakerr = place.start();
    let mut a = Client::start(&fakerr, 1, EVPN).await;
    let mut desk = Desk::at(&place).await;
    a.until("the end", |client| client.ends == EVPN).await;
    // An UPDATE whose attributes reach beyond its end.
    let broken = format!("{}0017020000ffff", "f".repeat(32));
    let answer = desk
        .order(json!({ "send": { "to": "127.0.0.1", "octets": broken } }))
        .await;
    assert_eq!(answer, json!({ "done": 23 }));
    a.until("its end", |client| !client.downs.is_empty()).await;
    let why = format!("{:?}", a.downs[0]);
    assert!(why.contains("section lengths do not fit"), "{why}");
}

#[tokio::test]
async fn what_cannot_be_done_is_said_and_the_next_order_is_taken() {
    let place = Place::new("refusals");
    let _fakerr = place.start();
    let mut desk = Desk::at(&place).await;
    for (order, words) in [
        (json!("hello"), "not an order"),
        (json!({ "originate": "abc" }), "hexadecimal"),
        (json!({ "originate": "0000ffff" }), "not an UPDATE"),
        // An ORIGIN that there is not, and a route.
        (
            json!({ "originate": "0000000440010109180a0000" }),
            "a defect",
        ),
        (json!({ "reset": "192.0.2.1" }), "no client"),
        (
            json!({ "send": { "to": "192.0.2.1", "octets": "" } }),
            "no client",
        ),
    ] {
        let answer = desk.order(order).await;
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(error.contains(words), "{answer}");
    }
    // One that is too long is one, however long it is.
    desk.say(&"x".repeat(500_000)).await;
    let answer = desk.hear().await;
    let error = answer["error"].as_str().unwrap_or_default();
    assert!(error.contains("at most"), "{answer}");
    desk.order(json!({ "reset": "192.0.2.1" })).await;
}
