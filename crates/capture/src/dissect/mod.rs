//! From octets to layers.

mod ip;
mod layer;
mod link;
mod transport;
mod tunnel;
mod walk;

#[cfg(test)]
mod tests;

pub use layer::{
    Arp, Cut, Dissection, Ethernet, Gre, Icmp, Icmpv6, Ipv4, Ipv6, Layer, Mpls, Payload, Protocol,
    Tcp, TcpFlags, Udp, Vlan, Vxlan, Why,
};

use walk::Walk;

/// Reads frames. A trait so that the library behind it can change without anyone noticing.
pub trait Dissector: Send + Sync {
    /// The layers of an Ethernet frame. Total: a frame that ends early or contradicts itself gives
    /// the layers before that place and [`Layer::Cut`].
    fn dissect(&self, frame: &[u8]) -> Dissection;
}

/// The dissector of this crate: header fields by `pnet_packet`, what it lacks by hand.
///
/// Follows Ethernet, 802.1Q, MPLS, IP in IP, GRE, VXLAN and MPLS-in-UDP into each other to any
/// order, up to [`max_layers`](Self::max_layers).
#[derive(Clone, Debug)]
pub struct StandardDissector {
    /// UDP destination ports that carry VXLAN. Default: 4789 (RFC 7348) and 8472 (Linux before it).
    pub vxlan_ports: Vec<u16>,
    /// UDP destination ports that carry VXLAN-GPE, whose header names the inner protocol. Default:
    /// 4790.
    pub vxlan_gpe_ports: Vec<u16>,
    /// UDP destination ports that carry MPLS (RFC 7510). Default: 6635.
    pub mpls_ports: Vec<u16>,
    /// How many layers to follow before giving up. Default: 64.
    pub max_layers: usize,
}

impl Default for StandardDissector {
    fn default() -> Self {
        Self {
            vxlan_ports: vec![4789, 8472],
            vxlan_gpe_ports: vec![4790],
            mpls_ports: vec![6635],
            max_layers: 64,
        }
    }
}

impl Dissector for StandardDissector {
    fn dissect(&self, frame: &[u8]) -> Dissection {
        let mut walk = Walk::new(frame, self);
        walk.run();
        Dissection {
            layers: walk.layers,
        }
    }
}
