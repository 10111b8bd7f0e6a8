//! Communities (RFC 1997), extended communities (RFC 4360) and large communities (RFC 8092).

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::text::{ParseError, debug_as_text, from_hex_array, serde_as_text, to_hex};
use crate::types::{Esi, LabelField, MacAddr, RouteTarget};

mod large;
mod standard;
mod tunnel;

pub use large::LargeCommunity;
pub use standard::Community;
pub use tunnel::Encapsulation;

/// An extended community, eight octets as on the wire. Text form `target:64512:79`, `encap:VXLAN`,
/// `rtrecord:64512:121`, `redirect:64512:300`, `consistentHashSortOrder:0`, else `0x` and 16 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExtendedCommunity(pub [u8; 8]);

serde_as_text!(ExtendedCommunity);
debug_as_text!(ExtendedCommunity);

/// MAC mobility (RFC 7432 section 7.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MacMobility {
    /// The MAC must not move.
    pub sticky: bool,
    /// How often it has moved.
    pub sequence: u32,
}

/// The E-VPN layer 2 attributes (RFC 8214 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layer2Attributes {
    /// Control flags.
    pub flags: u16,
    /// Layer 2 MTU, 0 for "not checked".
    pub mtu: u16,
}

impl ExtendedCommunity {
    /// A route target (RFC 4360 section 4).
    pub const fn from_route_target(target: RouteTarget) -> Self {
        Self(target.bytes())
    }

    /// The tunnel encapsulation (RFC 9012 section 4.1).
    pub fn from_encapsulation(encapsulation: Encapsulation) -> Self {
        let [a, b] = encapsulation.number().to_be_bytes();
        Self([0x03, 0x0c, 0, 0, 0, 0, a, b])
    }

    /// Position in consistent hashing among equal routes (draft-ietf-bess-service-chaining).
    pub const fn from_consistent_hash_order(order: u32) -> Self {
        let [a, b, c, d] = order.to_be_bytes();
        Self([0x03, 0x14, a, b, c, d, 0, 0])
    }

    /// A route target a re-advertised route came with: its layout with sub-type 0x13.
    pub const fn from_rt_record(target: RouteTarget) -> Self {
        let [kind, _, a, b, c, d, e, f] = target.bytes();
        Self([kind, 0x13, a, b, c, d, e, f])
    }

    /// Flowspec: send matching traffic to the VRF that imports `target` (RFC 8955 section 7.4).
    pub const fn from_redirect(target: RouteTarget) -> Self {
        let [kind, _, a, b, c, d, e, f] = target.bytes();
        Self([0x80 | kind, 0x08, a, b, c, d, e, f])
    }

    /// Flowspec: limit matching traffic to `rate` bytes per second (RFC 8955 section 7.1).
    pub const fn from_traffic_rate(asn: u16, rate: f32) -> Self {
        let ([a, b], [c, d, e, f]) = (asn.to_be_bytes(), rate.to_be_bytes());
        Self([0x80, 0x06, a, b, c, d, e, f])
    }

    /// MAC mobility (RFC 7432 section 7.7).
    pub const fn from_mac_mobility(mobility: MacMobility) -> Self {
        let [a, b, c, d] = mobility.sequence.to_be_bytes();
        Self([0x06, 0x00, mobility.sticky as u8, 0, a, b, c, d])
    }

    /// ESI label (RFC 7432 section 7.5).
    pub const fn from_esi_label(single_active: bool, label: LabelField) -> Self {
        let [a, b, c] = label.0;
        Self([0x06, 0x01, single_active as u8, 0, 0, a, b, c])
    }

    /// ES-Import route target (RFC 7432 section 7.6).
    pub const fn from_es_import(mac: MacAddr) -> Self {
        let [a, b, c, d, e, f] = mac.0;
        Self([0x06, 0x02, a, b, c, d, e, f])
    }

    /// Router's MAC (RFC 9135 section 8.1).
    pub const fn from_router_mac(mac: MacAddr) -> Self {
        let [a, b, c, d, e, f] = mac.0;
        Self([0x06, 0x03, a, b, c, d, e, f])
    }

    /// E-VPN layer 2 attributes (RFC 8214 section 3.1).
    pub const fn from_layer2_attributes(attributes: Layer2Attributes) -> Self {
        let ([a, b], [c, d]) = (attributes.flags.to_be_bytes(), attributes.mtu.to_be_bytes());
        Self([0x06, 0x04, a, b, c, d, 0, 0])
    }

    /// Default gateway (RFC 7432 section 7.8).
    pub const DEFAULT_GATEWAY: Self = Self([0x03, 0x0d, 0, 0, 0, 0, 0, 0]);

    /// Color (RFC 9012 section 4.3).
    pub const fn from_color(color: u32) -> Self {
        let [a, b, c, d] = color.to_be_bytes();
        Self([0x03, 0x0b, 0, 0, a, b, c, d])
    }

    /// The eight octets.
    pub const fn bytes(&self) -> [u8; 8] {
        self.0
    }

    /// Whether it may cross AS borders (RFC 4360 section 2).
    pub const fn is_transitive(&self) -> bool {
        self.0[0] & 0x40 == 0
    }

    /// The route target, if it is one.
    pub const fn route_target(&self) -> Option<RouteTarget> {
        RouteTarget::from_bytes(self.0)
    }

    /// The tunnel encapsulation, if it is one.
    pub fn encapsulation(&self) -> Option<Encapsulation> {
        match self.0 {
            [0x03, 0x0c, .., a, b] => Some(Encapsulation::from_number(u16::from_be_bytes([a, b]))),
            _ => None,
        }
    }

    /// The consistent hash sort order, if it is one.
    pub const fn consistent_hash_order(&self) -> Option<u32> {
        match self.0 {
            [0x03, 0x14, a, b, c, d, ..] => Some(u32::from_be_bytes([a, b, c, d])),
            _ => None,
        }
    }

    /// The route target recorded, if it is a record.
    pub const fn rt_record(&self) -> Option<RouteTarget> {
        match self.0 {
            [kind @ 0..=2, 0x13, a, b, c, d, e, f] => {
                RouteTarget::from_bytes([kind, 2, a, b, c, d, e, f])
            }
            _ => None,
        }
    }

    /// The route target redirected to, if it is a Flowspec redirect (types 0x80, 0x81, 0x82).
    pub const fn redirect(&self) -> Option<RouteTarget> {
        match self.0 {
            [kind @ 0x80..=0x82, 0x08, a, b, c, d, e, f] => {
                RouteTarget::from_bytes([kind & 0x7f, 2, a, b, c, d, e, f])
            }
            _ => None,
        }
    }

    /// Address and "copy" flag, if it is a Flowspec redirect to an address (draft-ietf-idr-flowspec-redirect-ip).
    pub const fn redirect_ip(&self) -> Option<(Ipv4Addr, bool)> {
        match self.0 {
            [0x01, 0x0c, a, b, c, d, _, flags] => Some((Ipv4Addr::new(a, b, c, d), flags & 1 != 0)),
            _ => None,
        }
    }

    /// AS and rate in bytes per second, if it is a Flowspec traffic rate.
    pub const fn traffic_rate(&self) -> Option<(u16, f32)> {
        match self.0 {
            [0x80, 0x06, a, b, c, d, e, f] => {
                Some((u16::from_be_bytes([a, b]), f32::from_be_bytes([c, d, e, f])))
            }
            _ => None,
        }
    }

    /// MAC mobility, if it is that.
    pub const fn mac_mobility(&self) -> Option<MacMobility> {
        match self.0 {
            [0x06, 0x00, flags, _, a, b, c, d] => {
                let sequence = u32::from_be_bytes([a, b, c, d]);
                Some(MacMobility {
                    sticky: flags & 1 != 0,
                    sequence,
                })
            }
            _ => None,
        }
    }

    /// Single-active and label, if it is an ESI label.
    pub const fn esi_label(&self) -> Option<(bool, LabelField)> {
        match self.0 {
            [0x06, 0x01, flags, _, _, a, b, c] => Some((flags & 1 != 0, LabelField([a, b, c]))),
            _ => None,
        }
    }

    /// The ES-Import value, if it is that.
    pub const fn es_import(&self) -> Option<MacAddr> {
        match self.0 {
            [0x06, 0x02, a, b, c, d, e, f] => Some(MacAddr([a, b, c, d, e, f])),
            _ => None,
        }
    }

    /// The router's MAC, if it is that.
    pub const fn router_mac(&self) -> Option<MacAddr> {
        match self.0 {
            [0x06, 0x03, a, b, c, d, e, f] => Some(MacAddr([a, b, c, d, e, f])),
            _ => None,
        }
    }

    /// Layer 2 attributes, if it is that.
    pub const fn layer2_attributes(&self) -> Option<Layer2Attributes> {
        match self.0 {
            [0x06, 0x04, a, b, c, d, ..] => Some(Layer2Attributes {
                flags: u16::from_be_bytes([a, b]),
                mtu: u16::from_be_bytes([c, d]),
            }),
            _ => None,
        }
    }

    /// Whether it marks a default gateway.
    pub const fn is_default_gateway(&self) -> bool {
        matches!(self.0, [0x03, 0x0d, ..])
    }

    /// The color, if it is that.
    pub const fn color(&self) -> Option<u32> {
        match self.0 {
            [0x03, 0x0b, _, _, a, b, c, d] => Some(u32::from_be_bytes([a, b, c, d])),
            _ => None,
        }
    }
}

impl From<RouteTarget> for ExtendedCommunity {
    fn from(target: RouteTarget) -> Self {
        Self::from_route_target(target)
    }
}

impl From<Encapsulation> for ExtendedCommunity {
    fn from(encapsulation: Encapsulation) -> Self {
        Self::from_encapsulation(encapsulation)
    }
}

/// The automatically derived ES-Import value of a segment (RFC 7432 section 7.6).
impl From<Esi> for ExtendedCommunity {
    fn from(esi: Esi) -> Self {
        let [_, a, b, c, d, e, f, ..] = esi.0;
        Self::from_es_import(MacAddr([a, b, c, d, e, f]))
    }
}

impl ExtendedCommunity {
    /// The named text, where it exists and says all there is.
    fn named(&self) -> Option<String> {
        let text = if let Some(target) = self.route_target() {
            format!("target:{target}")
        } else if let Some(encapsulation) = self.encapsulation() {
            format!("encap:{encapsulation}")
        } else if let Some(target) = self.rt_record() {
            format!("rtrecord:{target}")
        } else if let Some(target) = self.redirect() {
            format!("redirect:{target}")
        } else {
            format!("consistentHashSortOrder:{}", self.consistent_hash_order()?)
        };
        (parse_named(&text) == Some(*self)).then_some(text)
    }
}

impl fmt::Display for ExtendedCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.named() {
            Some(text) => f.write_str(&text),
            None => write!(f, "0x{}", to_hex(&self.0)),
        }
    }
}

impl FromStr for ExtendedCommunity {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parsed = match text.strip_prefix("0x") {
            Some(hex) => from_hex_array(hex).map(Self),
            None => parse_named(text),
        };
        parsed.ok_or_else(|| {
            ParseError::new(
                "an extended community such as `target:64512:79` or `0x0002...`",
                text,
            )
        })
    }
}

fn parse_named(text: &str) -> Option<ExtendedCommunity> {
    let (name, value) = text.split_once(':')?;
    Some(match name {
        "target" => ExtendedCommunity::from_route_target(value.parse().ok()?),
        "encap" => ExtendedCommunity::from_encapsulation(value.parse().ok()?),
        "rtrecord" => ExtendedCommunity::from_rt_record(value.parse().ok()?),
        "redirect" => ExtendedCommunity::from_redirect(value.parse().ok()?),
        "consistentHashSortOrder" => {
            ExtendedCommunity::from_consistent_hash_order(value.parse().ok()?)
        }
        _ => return None,
    })
}
