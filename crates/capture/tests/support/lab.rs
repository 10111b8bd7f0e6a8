//! A first ping as a capture on the underlay shows it, frame by frame.
//!
//! ```text
//! rr 10.0.0.1 ── compute-a 10.0.0.2 ── compute-b 10.0.0.3
//!                     vm-a 12.11.11.1      vm-b 12.11.11.2
//! ```

#![allow(dead_code, reason = "each test file uses some of it")]

use std::net::Ipv4Addr;
use std::time::Duration;

use bgp_wire::attribute::{AsPath, AttributeValue, Origin, PmsiTunnel};
use bgp_wire::community::Encapsulation;
use bgp_wire::message::EncodeContext;
use bgp_wire::nlri::EvpnRoute;
use bgp_wire::update::NextHop;
use bgp_wire::{
    Capability, Esi, ExtendedCommunity, Family, LabelField, MacAddr, Message, Nlri, NlriValue,
    Open, PathAttributes, RawMessage, RouteDistinguisher, RouteTarget, Update, Vni,
};
use capture::{Frame, FrameIndex, Mark, Recording, Timestamp};
use scenario::StepId;

use crate::support::{self, ACK, MAC_A, MAC_B, SYN, VM_A, VM_B, VTEP_A, VTEP_B};

pub const RR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
pub const VNI_A: u32 = 16;
pub const VNI_B: u32 = 17;

/// A recording under construction, one millisecond a frame.
pub struct Underlay {
    pub recording: Recording,
    now: Duration,
    sessions: Vec<Session>,
}

struct Session {
    client: Ipv4Addr,
    /// Next sequence numbers, the client's and the reflector's.
    seq: [u32; 2],
}

impl Underlay {
    pub fn new() -> Self {
        let mut recording = Recording::new();
        recording.interface("underlay");
        let now = Duration::from_secs(1_700_000_000);
        Self {
            recording,
            now,
            sessions: Vec::new(),
        }
    }

    pub fn frame(&mut self, octets: Vec<u8>) -> FrameIndex {
        self.now += Duration::from_millis(1);
        self.recording
            .push(Frame::new(Timestamp::from_epoch(self.now), octets))
    }

    pub fn step(&mut self, number: usize, title: &str) {
        self.now += Duration::from_millis(1);
        let timestamp = Timestamp::from_epoch(self.now);
        self.recording.mark(Mark {
            step: StepId(number),
            title: title.to_owned(),
            timestamp,
        });
    }

    /// A session of `client` with the reflector, up to Established.
    pub fn establish(&mut self, client: Ipv4Addr) {
        self.sessions.push(Session {
            client,
            seq: [101, 201],
        });
        self.frame(support::segment(
            (client, 40000),
            (RR, 179),
            100,
            0,
            SYN,
            b"",
        ));
        self.frame(support::segment(
            (RR, 179),
            (client, 40000),
            200,
            101,
            SYN | ACK,
            b"",
        ));
        for (from, to) in [(client, RR), (RR, client)] {
            let capabilities = vec![
                Capability::MultiProtocol(Family::EVPN),
                Capability::FourOctetAs(64512),
            ];
            let open = Message::Open(Open::new(64512, 90, from, capabilities));
            let keepalive = Message::Keepalive;
            self.bgp(from, to, &[open.encode(), keepalive.encode()]);
        }
    }

    /// Messages between a client and the reflector, in one segment.
    pub fn bgp(&mut self, from: Ipv4Addr, to: Ipv4Addr, messages: &[RawMessage]) -> FrameIndex {
        let octets: Vec<u8> = messages.iter().flat_map(|m| m.encode().to_vec()).collect();
        let segment = self.next_segment(from, to, &octets);
        self.frame(segment)
    }

    /// The next segment of a session, not sent yet.
    pub fn next_segment(&mut self, from: Ipv4Addr, to: Ipv4Addr, octets: &[u8]) -> Vec<u8> {
        let of = |s: &&mut Session| s.client == from || s.client == to;
        let session = self
            .sessions
            .iter_mut()
            .find(of)
            .expect("an established session");
        let side = usize::from(from == RR);
        let port = |address| if address == RR { 179 } else { 40000 };
        let (seq, ack) = (session.seq[side], session.seq[1 - side]);
        session.seq[side] += octets.len() as u32;
        support::segment((from, port(from)), (to, port(to)), seq, ack, ACK, octets)
    }

    /// An UPDATE from its origin to the reflector, and on to the other client.
    pub fn update(&mut self, from: Ipv4Addr, to: Ipv4Addr, update: &RawMessage) -> FrameIndex {
        let frame = self.bgp(from, RR, std::slice::from_ref(update));
        self.bgp(RR, to, std::slice::from_ref(update));
        frame
    }

    pub fn echo_request(&mut self, vni: u32, seq: u16) -> FrameIndex {
        let inner = support::echo(8, (MAC_A, VM_A), (MAC_B, VM_B), seq);
        self.frame(support::tunnelled(VTEP_A, VTEP_B, vni, &inner))
    }

    pub fn echo_reply(&mut self, vni: u32, seq: u16) -> FrameIndex {
        let inner = support::echo(0, (MAC_B, VM_B), (MAC_A, VM_A), seq);
        self.frame(support::tunnelled(VTEP_B, VTEP_A, vni, &inner))
    }
}

/// Sessions up, both ports attached, three pings.
pub fn first_ping() -> Underlay {
    let mut underlay = Underlay::new();
    underlay.establish(VTEP_A);
    underlay.establish(VTEP_B);
    underlay.step(1, "attach vm-a on compute-a");
    underlay.update(VTEP_A, VTEP_B, &multicast(VTEP_A, VNI_A));
    underlay.update(VTEP_A, VTEP_B, &mac_ip(VTEP_A, MAC_A, VM_A, VNI_A));
    underlay.step(2, "attach vm-b on compute-b");
    underlay.update(VTEP_B, VTEP_A, &multicast(VTEP_B, VNI_B));
    underlay.update(VTEP_B, VTEP_A, &mac_ip(VTEP_B, MAC_B, VM_B, VNI_B));
    underlay.step(3, "ping vm-a -> vm-b");
    for seq in 1..=3 {
        underlay.echo_request(VNI_B, seq);
        underlay.echo_reply(VNI_A, seq);
    }
    underlay
}

fn attributes() -> PathAttributes {
    let target = ExtendedCommunity::from_route_target(RouteTarget::as2(64512, 79));
    let encapsulation = ExtendedCommunity::from_encapsulation(Encapsulation::Vxlan);
    PathAttributes::new()
        .with(AttributeValue::Origin(Origin::Igp))
        .with(AttributeValue::AsPath(AsPath::default()))
        .with(AttributeValue::LocalPref(100))
        .with(AttributeValue::ExtendedCommunities(vec![
            target,
            encapsulation,
        ]))
}

fn announce(attributes: &PathAttributes, next_hop: Ipv4Addr, route: EvpnRoute) -> RawMessage {
    let nlri = Nlri::from(NlriValue::Evpn(route));
    let context = EncodeContext::default();
    let next_hop = NextHop::V4(next_hop);
    let mut messages = Update::announce(attributes, Family::EVPN, &next_hop, &[nlri], &context);
    messages.remove(0)
}

pub fn mac_ip_route(vtep: Ipv4Addr, mac: MacAddr, ip: Ipv4Addr, vni: u32) -> EvpnRoute {
    EvpnRoute::MacIp {
        rd: RouteDistinguisher::ipv4(vtep, 1),
        esi: Esi::default(),
        ethernet_tag: 0,
        mac,
        ip: Some(ip.into()),
        label1: label(vni),
        label2: None,
    }
}

pub fn mac_ip(vtep: Ipv4Addr, mac: MacAddr, ip: Ipv4Addr, vni: u32) -> RawMessage {
    announce(&attributes(), vtep, mac_ip_route(vtep, mac, ip, vni))
}

pub fn withdraw_mac_ip(vtep: Ipv4Addr, mac: MacAddr, ip: Ipv4Addr, vni: u32) -> RawMessage {
    let nlri = Nlri::from(NlriValue::Evpn(mac_ip_route(vtep, mac, ip, vni)));
    Update::withdraw(Family::EVPN, &[nlri], &EncodeContext::default()).remove(0)
}

pub fn multicast(vtep: Ipv4Addr, vni: u32) -> RawMessage {
    let rd = RouteDistinguisher::ipv4(vtep, 1);
    let route = EvpnRoute::InclusiveMulticast {
        rd,
        ethernet_tag: 0,
        originator: vtep.into(),
    };
    let pmsi = AttributeValue::Pmsi(PmsiTunnel::to(vtep.into(), label(vni)));
    announce(&attributes().with(pmsi), vtep, route)
}

fn label(vni: u32) -> LabelField {
    LabelField::from_vni(Vni::new(vni).expect("24 bits"))
}
