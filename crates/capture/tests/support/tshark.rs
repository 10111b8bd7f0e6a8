//! What tshark says about a file, and what it should say by our account.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::process::Command;

use capture::{Layer, Recorded};

/// The fields of every frame, one line a frame, occurrences joined by commas; `None` without
/// tshark.
pub fn tshark(file: &Path, fields: &[&str]) -> Option<Vec<String>> {
    let mut command = Command::new("tshark");
    command.args([
        "-n",
        "-o",
        "tcp.relative_sequence_numbers:FALSE",
        "-T",
        "fields",
    ]);
    command
        .args(["-E", "separator=|", "-E", "occurrence=a", "-r"])
        .arg(file);
    fields.iter().for_each(|field| {
        command.args(["-e", field]);
    });
    let output = match command.output() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            // Written past the test harness, which hides what passing tests print.
            let _ = std::io::stderr().write_all(b"SKIPPED: tshark is not installed\n");
            return None;
        }
        output => output.expect("tshark runs"),
    };
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).expect("text");
    // Bits are numbers in one version and words in the next.
    let text = text.replace("True", "1").replace("False", "0");
    Some(text.lines().map(str::to_owned).collect())
}

pub const LAYER_FIELDS: [&str; 24] = [
    "frame.time_epoch",
    "eth.src",
    "eth.type",
    "vlan.id",
    "arp.opcode",
    "ip.src",
    "ip.dst",
    "ip.ttl",
    "ipv6.src",
    "icmp.type",
    "icmp.seq",
    "udp.dstport",
    "tcp.seq",
    "tcp.len",
    "vxlan.vni",
    "mpls.label",
    "gre.key",
    "vlan.priority",
    "ip.dsfield.dscp",
    "ip.flags.df",
    "tcp.flags",
    "mpls.exp",
    "mpls.bottom",
    "mpls.ttl",
];

/// A bit as [`tshark`] gives it.
fn truth(bit: bool) -> String {
    u8::from(bit).to_string()
}

/// What [`LAYER_FIELDS`] should be by our own account.
pub fn layer_fields(recorded: &Recorded) -> String {
    let layers = &recorded.dissection.layers;
    let column = |value: fn(&Layer) -> Option<String>| {
        layers
            .iter()
            .filter_map(value)
            .collect::<Vec<_>>()
            .join(",")
    };
    let columns = [
        recorded.frame.timestamp.to_string(),
        column(|l| {
            if let Layer::Ethernet(e) = l {
                Some(e.src.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Ethernet(e) = l {
                Some(format!("{:#06x}", e.ethertype))
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Vlan(v) = l {
                Some(v.id.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Arp(a) = l {
                Some(a.operation.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Ipv4(ip) = l {
                Some(ip.src.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Ipv4(ip) = l {
                Some(ip.dst.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Ipv4(ip) = l {
                Some(ip.ttl.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Ipv6(ip) = l {
                Some(ip.src.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Icmp(i) = l {
                Some(i.kind.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Icmp(i) = l {
                Some(i.seq?.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Udp(u) = l {
                Some(u.dst_port.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Tcp(t) = l {
                Some(t.seq.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Tcp(t) = l {
                Some(t.payload.len().to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Vxlan(v) = l {
                Some(v.vni.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Mpls(m) = l {
                Some(m.label.to_string())
            } else {
                None
            }
        }),
        column(|l| {
            if let Layer::Gre(g) = l {
                Some(format!("0x{:08x}", g.key?))
            } else {
                None
            }
        }),
        column(|l| match l {
            Layer::Vlan(v) => Some(v.priority.to_string()),
            _ => None,
        }),
        column(|l| match l {
            Layer::Ipv4(ip) => Some((ip.tos >> 2).to_string()),
            _ => None,
        }),
        column(|l| match l {
            Layer::Ipv4(ip) => Some(truth(ip.dont_fragment)),
            _ => None,
        }),
        column(|l| match l {
            Layer::Tcp(t) => Some(format!("0x{:04x}", t.flags.0)),
            _ => None,
        }),
        column(|l| match l {
            Layer::Mpls(m) => Some(m.tc.to_string()),
            _ => None,
        }),
        column(|l| match l {
            Layer::Mpls(m) => Some(truth(m.bottom)),
            _ => None,
        }),
        column(|l| match l {
            Layer::Mpls(m) => Some(m.ttl.to_string()),
            _ => None,
        }),
    ];
    columns.join("|")
}
