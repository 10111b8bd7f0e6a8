//! One line about a frame.

mod bgp;

pub use bgp::{destination, message};

use crate::bgp::{BgpEvent, BgpMessage};
use crate::dissect::{Arp, Cut, Dissection, Icmp, Icmpv6, Layer, Protocol, Why};

/// What a frame is, outermost addresses first, a bar before each inner packet:
/// `10.0.0.2 > 10.0.0.3 VXLAN vni 16 | 12.11.11.1 > 12.11.11.2 ICMP echo request id 7 seq 1`.
/// `events` are the BGP messages that end in it; they stand in place of the TCP segment.
pub fn summary<'a>(
    dissection: &Dissection,
    events: impl IntoIterator<Item = &'a BgpEvent>,
) -> String {
    let messages: Vec<String> = events
        .into_iter()
        .map(|e| bgp_message(&e.message))
        .collect();
    let mut line = Line {
        words: Vec::new(),
        inner: false,
    };
    for (at, layer) in dissection.layers.iter().enumerate() {
        let next = dissection.layers.get(at + 1).map(Layer::protocol);
        line.layer(layer, next, &messages);
    }
    line.words.join(" ")
}

/// `UPDATE ...`, or why it is no message.
pub fn bgp_message(message: &BgpMessage) -> String {
    match message {
        BgpMessage::Whole(whole) => message_text(whole),
        BgpMessage::Unreadable { error, .. } => format!("unreadable ({error})"),
        BgpMessage::Broken(error) => format!("broken ({error})"),
    }
}

use bgp::message as message_text;

struct Line {
    words: Vec<String>,
    /// An encapsulation has been written: the next packet gets a bar before it.
    inner: bool,
}

impl Line {
    fn layer(&mut self, layer: &Layer, next: Option<Protocol>, messages: &[String]) {
        match layer {
            // Addresses of the link matter only where nothing above has its own.
            Layer::Ethernet(e) if matches!(next, None | Some(Protocol::Payload)) => {
                self.packet(format!(
                    "{} > {} ethertype {:#06x}",
                    e.src, e.dst, e.ethertype
                ));
            }
            Layer::Ethernet(_) | Layer::Payload(_) => {}
            Layer::Vlan(vlan) => self.packet(format!("vlan {}", vlan.id)),
            Layer::Arp(packet) => self.packet(arp(packet)),
            Layer::Ipv4(ip) => {
                self.packet(format!("{} > {}", ip.src, ip.dst));
                if ip.fragment_offset > 0 || ip.more_fragments {
                    self.words
                        .push(format!("fragment at {}", ip.fragment_offset));
                }
                self.unless_known(next, ip.protocol);
            }
            Layer::Ipv6(ip) => {
                self.packet(format!("{} > {}", ip.src, ip.dst));
                if let Some(offset) = ip.fragment_offset {
                    self.words.push(format!("fragment at {offset}"));
                }
                self.unless_known(next, ip.protocol);
            }
            Layer::Icmp(message) => self.words.push(icmp(message)),
            Layer::Icmpv6(message) => self.words.push(icmpv6(message)),
            Layer::Udp(_) if matches!(next, Some(Protocol::Vxlan | Protocol::Mpls)) => {}
            Layer::Udp(udp) => self.words.push(format!(
                "UDP {} > {} length {}",
                udp.src_port,
                udp.dst_port,
                udp.len.saturating_sub(8)
            )),
            Layer::Tcp(_) if !messages.is_empty() => {
                self.words.push(format!("BGP {}", messages.join("; ")));
            }
            Layer::Tcp(tcp) => self.words.push(format!(
                "TCP {} > {} {} length {}",
                tcp.src_port,
                tcp.dst_port,
                tcp.flags,
                tcp.payload.len()
            )),
            Layer::Vxlan(vxlan) => self.tunnel(format!("VXLAN vni {}", vxlan.vni)),
            Layer::Mpls(mpls) => {
                self.tunnel(format!("MPLS label {} ttl {}", mpls.label, mpls.ttl));
            }
            Layer::Gre(gre) => self.tunnel(match gre.key {
                Some(key) => format!("GRE key {key}"),
                None => "GRE".to_owned(),
            }),
            Layer::Cut(cut) => self.words.push(format!("({})", why(cut))),
        }
    }

    /// A packet begins.
    fn packet(&mut self, text: String) {
        if self.inner {
            self.words.push("|".to_owned());
        }
        self.words.push(text);
        // A packet right inside this one, as IP in IP.
        self.inner = true;
    }

    fn tunnel(&mut self, text: String) {
        self.words.push(text);
        self.inner = true;
    }

    fn unless_known(&mut self, next: Option<Protocol>, protocol: u8) {
        if matches!(next, None | Some(Protocol::Payload)) {
            self.words.push(format!("protocol {protocol}"));
        }
    }
}

fn arp(packet: &Arp) -> String {
    match packet.operation {
        1 => format!("ARP who has {} tell {}", packet.target_ip, packet.sender_ip),
        2 => format!("ARP {} is at {}", packet.sender_ip, packet.sender_mac),
        other => format!(
            "ARP operation {other} {} to {}",
            packet.sender_ip, packet.target_ip
        ),
    }
}

fn icmp(message: &Icmp) -> String {
    let what = match (message.kind, message.code) {
        (0, _) => "echo reply".to_owned(),
        (3, 0) => "network unreachable".to_owned(),
        (3, 1) => "host unreachable".to_owned(),
        (3, 3) => "port unreachable".to_owned(),
        (3, 4) => "fragmentation needed".to_owned(),
        (3, code) => format!("unreachable code {code}"),
        (5, _) => "redirect".to_owned(),
        (8, _) => "echo request".to_owned(),
        (11, _) => "time exceeded".to_owned(),
        (kind, code) => format!("type {kind} code {code}"),
    };
    echo(format!("ICMP {what}"), message.id, message.seq)
}

fn icmpv6(message: &Icmpv6) -> String {
    let target = message
        .target
        .map(|target| format!(" {target}"))
        .unwrap_or_default();
    let what = match (message.kind, message.code) {
        (1, code) => format!("unreachable code {code}"),
        (2, _) => "packet too big".to_owned(),
        (3, _) => "time exceeded".to_owned(),
        (128, _) => "echo request".to_owned(),
        (129, _) => "echo reply".to_owned(),
        (133, _) => "router solicitation".to_owned(),
        (134, _) => "router advertisement".to_owned(),
        (135, _) => format!("neighbour solicitation{target}"),
        (136, _) => format!("neighbour advertisement{target}"),
        (kind, code) => format!("type {kind} code {code}"),
    };
    echo(format!("ICMPv6 {what}"), message.id, message.seq)
}

fn echo(text: String, id: Option<u16>, seq: Option<u16>) -> String {
    match (id, seq) {
        (Some(id), Some(seq)) => format!("{text} id {id} seq {seq}"),
        _ => text,
    }
}

fn why(cut: &Cut) -> String {
    match cut.why {
        Why::Truncated { missing } => format!("{} cut short, {missing} octets missing", cut.layer),
        Why::Malformed => format!("malformed {}", cut.layer),
        Why::TooDeep => "too many layers".to_owned(),
    }
}
