//! The walk over a frame: one header at a time, each naming the next.

use super::layer::{Cut, Layer, Payload, Protocol, Why};
use super::{StandardDissector, ip, link, transport, tunnel};

/// What the octets at the walk's position are.
#[derive(Clone, Copy, Debug)]
pub(super) enum Next {
    Ethernet,
    /// Whatever this EtherType says.
    EtherType(u16),
    /// Whatever this IP protocol number says.
    IpProtocol(u8),
    Vxlan,
    VxlanGpe,
    Mpls,
    Payload,
    /// Nothing follows that is worth naming.
    End,
}

/// A header could not be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unreadable(pub Cut);

pub(super) type Step = Result<Next, Unreadable>;

/// Position in a frame and the layers so far.
pub(super) struct Walk<'a> {
    pub frame: &'a [u8],
    pub config: &'a StandardDissector,
    pub layers: Vec<Layer>,
    /// First octet not yet taken.
    pub at: usize,
    /// Where the data of the innermost header with a length field ends; at most the frame's end.
    pub end: usize,
    /// The innermost header whose length field reaches beyond the frame.
    cut: Option<Cut>,
}

impl<'a> Walk<'a> {
    pub fn new(frame: &'a [u8], config: &'a StandardDissector) -> Self {
        Self {
            frame,
            config,
            layers: Vec::new(),
            at: 0,
            end: frame.len(),
            cut: None,
        }
    }

    pub fn run(&mut self) {
        let mut next = Next::Ethernet;
        loop {
            if self.layers.len() >= self.config.max_layers {
                let layer = self
                    .layers
                    .last()
                    .map_or(Protocol::Payload, Layer::protocol);
                self.layers.push(Layer::Cut(Cut {
                    layer,
                    why: Why::TooDeep,
                }));
                return;
            }
            let step = match next {
                Next::Ethernet => link::ethernet(self),
                Next::EtherType(ethertype) => self.ethertype(ethertype),
                Next::IpProtocol(protocol) => self.ip_protocol(protocol),
                Next::Vxlan => tunnel::vxlan(self),
                Next::VxlanGpe => tunnel::vxlan_gpe(self),
                Next::Mpls => tunnel::mpls(self),
                Next::Payload | Next::End => break,
            };
            match step {
                Ok(following) => next = following,
                Err(Unreadable(cut)) => {
                    self.layers.push(Layer::Cut(cut));
                    return;
                }
            }
        }
        if matches!(next, Next::Payload) && self.at < self.end {
            self.layers.push(Layer::Payload(Payload {
                range: self.at..self.end,
            }));
        }
        if let Some(cut) = self.cut {
            self.layers.push(Layer::Cut(cut));
        }
    }

    fn ethertype(&mut self, ethertype: u16) -> Step {
        match ethertype {
            ethertype::VLAN | ethertype::QINQ => link::vlan(self),
            ethertype::ARP => link::arp(self),
            ethertype::IPV4 => ip::v4(self),
            ethertype::IPV6 => ip::v6(self),
            ethertype::MPLS | ethertype::MPLS_MULTICAST => tunnel::mpls(self),
            ethertype::BRIDGED => link::ethernet(self),
            _ => Ok(Next::Payload),
        }
    }

    fn ip_protocol(&mut self, protocol: u8) -> Step {
        match protocol {
            1 => transport::icmp(self),
            4 => ip::v4(self),
            6 => transport::tcp(self),
            17 => transport::udp(self),
            41 => ip::v6(self),
            47 => tunnel::gre(self),
            58 => transport::icmpv6(self),
            137 => tunnel::mpls(self),
            _ => Ok(Next::Payload),
        }
    }

    /// The octets not yet taken.
    pub fn rest(&self) -> &'a [u8] {
        self.frame.get(self.at..self.end).unwrap_or_default()
    }

    /// The next `len` octets, which belong to `layer`; they stay where they are.
    pub fn need(&self, layer: Protocol, len: usize) -> Result<&'a [u8], Unreadable> {
        let rest = self.rest();
        rest.get(..len).ok_or(Unreadable(Cut {
            layer,
            why: Why::Truncated {
                missing: len.saturating_sub(rest.len()),
            },
        }))
    }

    /// The next `N` octets, which belong to `layer`; they stay where they are.
    pub fn need_array<const N: usize>(&self, layer: Protocol) -> Result<&'a [u8; N], Unreadable> {
        self.rest().first_chunk().ok_or(Unreadable(Cut {
            layer,
            why: Why::Truncated {
                missing: N.saturating_sub(self.rest().len()),
            },
        }))
    }

    /// Takes `len` octets.
    pub fn advance(&mut self, len: usize) {
        self.at = (self.at + len).min(self.end);
    }

    /// Says that `layer`'s data is the next `len` octets: what lies after is padding, what is
    /// missing is noted.
    pub fn limit(&mut self, layer: Protocol, len: usize) {
        let available = self.end - self.at;
        if len > available {
            self.cut = Some(Cut {
                layer,
                why: Why::Truncated {
                    missing: len - available,
                },
            });
        } else {
            self.end = self.at + len;
        }
    }
}

/// That `layer` contradicts itself.
pub(super) const fn malformed(layer: Protocol) -> Unreadable {
    Unreadable(Cut {
        layer,
        why: Why::Malformed,
    })
}

pub(super) mod ethertype {
    pub const IPV4: u16 = 0x0800;
    pub const ARP: u16 = 0x0806;
    /// Transparent Ethernet bridging: a whole frame inside GRE.
    pub const BRIDGED: u16 = 0x6558;
    pub const VLAN: u16 = 0x8100;
    pub const IPV6: u16 = 0x86dd;
    pub const MPLS: u16 = 0x8847;
    pub const MPLS_MULTICAST: u16 = 0x8848;
    pub const QINQ: u16 = 0x88a8;
}
