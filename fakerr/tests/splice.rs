//! The program as a splice, with plain TCP clients.

#![allow(clippy::expect_used, reason = "a test may fail")]

mod support;

use std::{
    io::{ErrorKind, Read, Write},
    net::{Shutdown, TcpStream},
};

use bgp_wire::Family;
use support::{
    DEADLINE, Fakerr,
    client::{Client, mac, membership, with_target},
};

fn start() -> Fakerr {
    Fakerr::start(&["--mode", "splice"])
}

fn call(fakerr: &Fakerr) -> TcpStream {
    let stream = TcpStream::connect(fakerr.address).expect("listening");
    stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
    stream
}

/// Both ends of a pair.
fn pair(fakerr: &Fakerr) -> (TcpStream, TcpStream) {
    let first = call(fakerr);
    fakerr.line("will buffer");
    let second = call(fakerr);
    fakerr.line("now ready");
    (first, second)
}

fn hear(stream: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).expect("bytes in time");
    bytes
}

/// Reads to the end, which may be a reset where there were unread bytes.
fn end(mut stream: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    match stream.read_to_end(&mut rest) {
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
        _ => rest,
    }
}

#[test]
fn bytes_pass_both_ways_and_early_ones_wait() {
    let fakerr = start();
    let mut first = call(&fakerr);
    fakerr.line("will buffer");
    first
        .write_all(b"said before anybody listened")
        .expect("open");
    let mut second = call(&fakerr);
    assert_eq!(hear(&mut second, 28), b"said before anybody listened");
    second.write_all(&[0, 255, 1, 254]).expect("open");
    assert_eq!(hear(&mut first, 4), [0, 255, 1, 254]);
    let many: Vec<u8> = (0..3_000_000u32).map(|n| (n % 251) as u8).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| first.write_all(&many).expect("open"));
        assert_eq!(hear(&mut second, many.len()), many);
    });
}

#[test]
fn when_one_ends_so_does_the_other_and_the_next_pair_may_come() {
    let fakerr = start();
    let (mut first, second) = pair(&fakerr);
    first.write_all(b"goodbye").expect("open");
    first.shutdown(Shutdown::Write).expect("open");
    assert_eq!(end(second), b"goodbye");
    assert_eq!(end(first), b"");
    fakerr.line("closing both");

    let (first, second) = pair(&fakerr);
    drop(second);
    assert_eq!(end(first), b"");
    fakerr.line("closing both");

    // The first may go before there is a second.
    drop(call(&fakerr));
    fakerr.line("waiting for a first one again");
    pair(&fakerr);
}

// What it is for: daemons that only call can peer with each other.
#[tokio::test]
async fn two_initiators_meet() {
    let fakerr = start();
    let families = &[Family::EVPN, Family::RTC];
    let (mut a, mut b) = tokio::join!(
        Client::start(&fakerr, 1, families),
        Client::start(&fakerr, 2, families),
    );
    a.announce(&with_target(79), &mac(1));
    let (_, attributes) = b.until_held(&mac(1)).await;
    assert_eq!(attributes, with_target(79));
    b.ask(79);
    a.until_held(&membership(79)).await;
    a.stop().await;
    b.until("the end", |client| !client.downs.is_empty()).await;
}

// The original takes a third client for a new first one and breaks the pair.
#[test]
fn issue_71_a_third_client_is_refused() {
    let fakerr = start();
    let (mut first, mut second) = pair(&fakerr);
    let third = call(&fakerr);
    fakerr.line("refused: two peers are connected already");
    assert_eq!(end(third), b"");
    first.write_all(b"still").expect("open");
    assert_eq!(hear(&mut second, 5), b"still");
}
