//! The program as a route reflector, with callers and clients that mean it no good.

#![allow(clippy::expect_used, reason = "a test may fail")]

mod support;

use bgp_wire::{EncodeContext, Family, NextHop, PathAttributes, Update};
use support::{
    DEADLINE, Fakerr,
    client::{Client, mac, with_target},
};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

const EVPN: &[Family] = &[Family::EVPN];

/// Waits for its end, which may be a reset.
async fn ended(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    let end = async { while let Ok(1..) = stream.read(&mut buffer).await {} };
    timeout(DEADLINE, end).await.expect("an end in time");
}

#[tokio::test]
async fn of_too_many_callers_the_oldest_go_and_a_client_gets_through() {
    let fakerr = Fakerr::start(&[]);
    let alone = fakerr.descriptors();
    let mut silent = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(fakerr.address).await.expect("listening"));
    }
    // Of 300 there are 44 more than may be.
    for stream in &mut silent[..44] {
        ended(stream).await;
    }
    let open = fakerr.descriptors() - alone;
    // With some that are on their way out.
    assert!(open <= 256 + 44, "{open}");
    let client = Client::start(&fakerr, 1, EVPN).await;
    let said = fakerr.count_until("dropped a caller that is no client yet", "client up");
    assert_eq!(said, 1);
    client.stop().await;
}

#[tokio::test]
async fn a_flood_of_broken_updates_is_said_once_and_hurts_nobody() {
    let fakerr = Fakerr::start(&[]);
    let mut a = Client::start(&fakerr, 1, EVPN).await;
    let b = Client::start(&fakerr, 2, EVPN).await;
    // ORIGIN, AS_PATH and LOCAL_PREF are missing: its routes count as withdrawn (RFC 7606).
    let next_hop = NextHop::V4([127, 0, 0, 2].into());
    let context = EncodeContext::default();
    let broken = Update::announce(
        &PathAttributes::new(),
        Family::EVPN,
        &next_hop,
        &[mac(9)],
        &context,
    );
    for _ in 0..20_000 {
        b.outgoing().send_all(&broken);
    }
    b.announce(&with_target(79), &mac(1));
    a.until_held(&mac(1)).await;
    assert_eq!(a.held.len(), 1);
    assert!(a.downs.is_empty() && b.downs.is_empty());
    b.stop().await;
    assert_eq!(fakerr.count_until("defect in an UPDATE", "client down"), 1);
}
