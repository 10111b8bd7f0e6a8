//! The far end of a session: a listener that brings it up and sends routes.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use bgp_wire::{Capability, Family, Message, Open, raw::Framer, raw::kind};

use super::SpeakerError;

/// Routes of a message: few enough for any next hop and community.
const PER_UPDATE: u32 = 75;
/// How many PEs the routes are of.
const PES: u32 = 100;
/// The longest a session may take to come up, or a KEEPALIVE be away.
const PATIENCE: Duration = Duration::from_secs(30);

/// Kinds of routes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Routes {
    /// E-VPN type 2: a MAC and its address.
    Evpn,
    /// VPNv4: a host's prefix.
    Vpnv4,
}

/// Where the session is waited for.
pub struct Listener(TcpListener);

impl Listener {
    pub fn new() -> io::Result<Self> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map(Self)
    }

    pub fn port(&self) -> io::Result<u16> {
        self.0.local_addr().map(|address| address.port())
    }

    /// Takes the daemon's connection and brings the session up.
    pub fn accept(&self) -> Result<Feed, SpeakerError> {
        let (mut stream, _) = self.0.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let capabilities = [Family::VPNV4, Family::EVPN].map(Capability::MultiProtocol);
        let mut capabilities = capabilities.to_vec();
        capabilities.push(Capability::FourOctetAs(64512));
        let open = Open::new(64512, 180, Ipv4Addr::new(127, 0, 0, 9), capabilities);
        stream.write_all(&Message::Open(open).encode().encode())?;
        stream.write_all(&Message::Keepalive.encode().encode())?;
        let mut framer = Framer::new();
        let mut buffer = [0; 65536];
        loop {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                return Err(SpeakerError::Session);
            }
            framer.push(&buffer[..count]);
            while let Some(message) = framer.next() {
                match message.map_err(|_| SpeakerError::Session)?.kind {
                    kind::KEEPALIVE => return Feed::new(stream),
                    kind::NOTIFICATION => return Err(SpeakerError::Session),
                    _ => {}
                }
            }
        }
    }
}

/// A session that is up.
pub struct Feed {
    stream: TcpStream,
}

impl Feed {
    fn new(stream: TcpStream) -> Result<Self, SpeakerError> {
        // What the daemon says is read and forgotten, and answered as often as the hold time wants it.
        let mut from = stream.try_clone()?;
        let mut to = stream.try_clone()?;
        std::thread::spawn(move || {
            let mut buffer = [0; 65536];
            loop {
                match from.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(_) => {}
                    Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                        if to.write_all(&Message::Keepalive.encode().encode()).is_err() {
                            return;
                        }
                    }
                    Err(_) => return,
                }
            }
        });
        Ok(Self { stream })
    }

    /// Sends the routes of these numbers, as fast as they are taken.
    pub fn announce(&mut self, routes: Routes, from: u32, count: u32) -> io::Result<()> {
        let mut octets = Vec::new();
        let mut next = from;
        while next < from + count {
            let end = (next + PER_UPDATE).min(from + count);
            octets.extend(update(routes, next, end));
            next = end;
            if octets.len() > 1 << 16 {
                self.stream.write_all(&octets)?;
                octets.clear();
            }
        }
        self.stream.write_all(&octets)
    }
}

/// The MAC of a route.
pub fn mac(number: u32) -> [u8; 6] {
    let [a, b, c, d] = number.to_be_bytes();
    [0x02, 0x10, a, b, c, d]
}

/// An UPDATE with the routes of these numbers, all of one PE.
fn update(routes: Routes, from: u32, end: u32) -> Vec<u8> {
    let [_, _, _, pe] = (from / PER_UPDATE % PES + 1).to_be_bytes();
    let next_hop = [192, 0, 2, pe];
    let rd = [&[0, 1][..], &next_hop, &[0, 1]].concat();
    let mut reach = match routes {
        Routes::Evpn => [&[0, 25, 70, 4][..], &next_hop, &[0]].concat(),
        Routes::Vpnv4 => [&[0, 1, 128, 12][..], &[0; 8], &next_hop, &[0]].concat(),
    };
    for number in from..end {
        let [_, high, middle, low] = number.to_be_bytes();
        match routes {
            Routes::Evpn => {
                reach.extend([2, 37]);
                reach.extend_from_slice(&rd);
                reach.extend([0; 14]);
                reach.push(48);
                reach.extend(mac(number));
                reach.extend([32, 10, high, middle, low]);
                reach.extend([0, 0x13, 0x89]);
            }
            Routes::Vpnv4 => {
                let label = (16 + number % 1_000_000) << 4 | 1;
                reach.push(120);
                reach.extend_from_slice(&label.to_be_bytes()[1..]);
                reach.extend_from_slice(&rd);
                reach.extend([11, high, middle, low]);
            }
        }
    }
    // ORIGIN, AS_PATH, LOCAL_PREF; route target 64512:1, in E-VPN with VXLAN.
    let mut attributes = vec![
        0x40, 1, 1, 0, 0x40, 2, 0, 0x40, 5, 4, 0, 0, 0, 100, 0xc0, 16,
    ];
    let target = [0, 2, 0xfc, 0, 0, 0, 0, 1];
    let vxlan = [3, 12, 0, 0, 0, 0, 0, 8];
    match routes {
        Routes::Evpn => attributes.extend([&[16][..], &target, &vxlan].concat()),
        Routes::Vpnv4 => attributes.extend([&[8][..], &target].concat()),
    }
    attributes.extend([0x90, 14]);
    attributes.extend(octets_of(reach.len()));
    attributes.extend(reach);
    let mut message = vec![0xff; 16];
    message.extend(octets_of(23 + attributes.len()));
    message.extend([2, 0, 0]);
    message.extend(octets_of(attributes.len()));
    message.extend(attributes);
    message
}

fn octets_of(length: usize) -> [u8; 2] {
    // A message has 4096 octets at most.
    (length as u16).to_be_bytes()
}
