//! The same frames by tshark: layer values, timestamps and comments must agree. Without tshark
//! these tests say so and pass.

#![allow(clippy::expect_used, reason = "a helper of tests fails as they do")]

#[path = "support/lab.rs"]
mod lab;
mod support;
#[path = "support/tshark.rs"]
mod tshark;

use std::path::Path;

use capture::Recording;
use support::{MAC_A, MAC_B, VM_A, VM_B, VTEP_A, VTEP_B};
use tshark::{LAYER_FIELDS, layer_fields, tshark};

fn in_file(name: &str, recording: &mut Recording) -> std::path::PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let file = std::fs::File::create(&path).expect("a file");
    recording
        .write(std::io::BufWriter::new(file))
        .expect("a capture file");
    path
}

#[test]
fn layers_agree() {
    let mut lab = lab::first_ping();
    let packet = support::ipv4(VM_A, VM_B, 1, &support::icmp_echo(8, 1, 1));
    let labelled = support::mpls(100, false, &support::mpls(200, true, &packet));
    let gre = [&[0x20, 0, 0x88, 0x47, 0, 0, 0, 9][..], &labelled].concat();
    let arp = support::arp(2, (MAC_A, VM_A), (MAC_B, VM_B));
    let (src, dst) = (
        "2001:db8::1".parse().expect("v6"),
        "2001:db8::2".parse().expect("v6"),
    );
    let segment = support::tcp((1, 2), 5, 6, support::RST, b"");
    for octets in [
        support::ethernet(MAC_A, MAC_B, 0x0806, &arp),
        support::ethernet(MAC_A, MAC_B, 0x8100, &support::vlan(5, 0x0800, &packet)),
        support::ethernet(MAC_A, MAC_B, 0x8847, &labelled),
        support::ethernet(
            MAC_A,
            MAC_B,
            0x0800,
            &support::ipv4(VTEP_A, VTEP_B, 47, &gre),
        ),
        support::ethernet(
            MAC_A,
            MAC_B,
            0x0800,
            &support::ipv4(VTEP_A, VTEP_B, 4, &packet),
        ),
        support::ethernet(MAC_A, MAC_B, 0x86dd, &support::ipv6(src, dst, 6, &segment)),
        support::tunnelled(
            VTEP_A,
            VTEP_B,
            5,
            &support::ethernet(MAC_A, MAC_B, 0x0806, &arp),
        ),
    ] {
        lab.frame(octets);
    }
    let Some(theirs) = tshark(&in_file("layers.pcapng", &mut lab.recording), &LAYER_FIELDS) else {
        return;
    };
    let ours: Vec<String> = lab
        .recording
        .frames()
        .iter()
        .map(|recorded| layer_fields(&recorded))
        .collect();
    assert_eq!(ours.join("\n"), theirs.join("\n"));
}

#[test]
fn comments_and_interface_names_agree() {
    let mut lab = lab::first_ping();
    let path = in_file("comments.pcapng", &mut lab.recording);
    let fields = ["frame.number", "frame.interface_name", "frame.comment"];
    let Some(theirs) = tshark(&path, &fields) else {
        return;
    };
    assert_eq!(theirs[8], "9|underlay|attach vm-a on compute-a");
    assert_eq!(theirs[9], "10|underlay|");
}
