use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use crate::cursor::Cursor;
use crate::types::IpPrefix;

/// One Flowspec component (RFC 8955 section 4.2.2, RFC 8956 section 3).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlowComponent {
    /// Type 1: destination prefix.
    Destination {
        /// The prefix.
        prefix: IpPrefix,
        /// Bits in front that are not compared (IPv6 only).
        offset: u8,
    },
    /// Type 2: source prefix.
    Source {
        /// The prefix.
        prefix: IpPrefix,
        /// Bits in front that are not compared (IPv6 only).
        offset: u8,
    },
    /// Any other type: operators and values, of which one run joined by "and" must match.
    Operations {
        /// The component type, one of the constants below.
        kind: u8,
        /// At least one.
        operations: Vec<FlowOp>,
    },
}

/// One operator and value (RFC 8955 section 4.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FlowOp {
    /// The operator bits without end of list and length, see the constants.
    pub bits: u8,
    /// Octets of the value on the wire: 1, 2, 4 or 8.
    pub width: u8,
    /// The value.
    pub value: u64,
}

impl FlowOp {
    /// Must match together with the one before.
    pub const AND: u8 = 0x40;
    /// Numeric: less than.
    pub const LESS: u8 = 0x04;
    /// Numeric: greater than.
    pub const GREATER: u8 = 0x02;
    /// Numeric: equal.
    pub const EQUAL: u8 = 0x01;
    /// Bit mask: negate.
    pub const NOT: u8 = 0x02;
    /// Bit mask: all bits, not any.
    pub const MATCH: u8 = 0x01;

    const END: u8 = 0x80;
    const WIDTH: u8 = 0x30;

    /// An operator on a value in the fewest octets.
    pub const fn new(bits: u8, value: u64) -> Self {
        let width = match value {
            0..=0xff => 1,
            0x100..=0xffff => 2,
            0x1_0000..=0xffff_ffff => 4,
            _ => 8,
        };
        Self {
            bits: bits & !(Self::END | Self::WIDTH),
            width,
            value,
        }
    }

    /// Equal to `value`.
    pub const fn equal(value: u64) -> Self {
        Self::new(Self::EQUAL, value)
    }

    /// From `low` to `high`, both included.
    pub fn range(low: u64, high: u64) -> Vec<Self> {
        let at_least = Self::new(Self::GREATER | Self::EQUAL, low);
        vec![
            at_least,
            Self::new(Self::AND | Self::LESS | Self::EQUAL, high),
        ]
    }
}

impl FlowComponent {
    /// Type of [`FlowComponent::Destination`].
    pub const DESTINATION: u8 = 1;
    /// Type of [`FlowComponent::Source`].
    pub const SOURCE: u8 = 2;
    /// IP protocol, or the last next header of IPv6.
    pub const PROTOCOL: u8 = 3;
    /// Source or destination port.
    pub const PORT: u8 = 4;
    /// Destination port.
    pub const DESTINATION_PORT: u8 = 5;
    /// Source port.
    pub const SOURCE_PORT: u8 = 6;
    /// ICMP type.
    pub const ICMP_TYPE: u8 = 7;
    /// ICMP code.
    pub const ICMP_CODE: u8 = 8;
    /// TCP flags, a bit mask.
    pub const TCP_FLAGS: u8 = 9;
    /// Packet length.
    pub const PACKET_LENGTH: u8 = 10;
    /// DSCP.
    pub const DSCP: u8 = 11;
    /// Fragment kind, a bit mask.
    pub const FRAGMENT: u8 = 12;
    /// Flow label, IPv6 only.
    pub const FLOW_LABEL: u8 = 13;

    /// The words that text forms begin with, of one version of IP, in the order of types.
    pub fn words(ipv6: bool) -> Vec<String> {
        let version = if ipv6 { "ipv6" } else { "ipv4" };
        let last = if ipv6 {
            Self::FLOW_LABEL
        } else {
            Self::FRAGMENT
        };
        let ends = ["destination", "source"].map(|end| format!("{end}-{version}"));
        let others = (Self::PROTOCOL..=last).map(|kind| kind_name(kind, ipv6).to_owned());
        ends.into_iter().chain(others).collect()
    }

    /// The component type.
    pub const fn kind(&self) -> u8 {
        match self {
            Self::Destination { .. } => Self::DESTINATION,
            Self::Source { .. } => Self::SOURCE,
            Self::Operations { kind, .. } => *kind,
        }
    }

    /// Text form as in [`super::FlowspecRules`], whose version of IP it depends on: `destination-port =80`.
    pub fn text(&self, ipv6: bool) -> String {
        struct Text<'a>(&'a FlowComponent, bool);
        impl fmt::Display for Text<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(self.1, f)
            }
        }
        Text(self, ipv6).to_string()
    }

    /// What follows the type; `None` if it is unknown or malformed.
    pub(super) fn parse(kind: u8, ipv6: bool, cursor: &mut Cursor<'_>) -> Option<Self> {
        match kind {
            Self::DESTINATION => {
                let (prefix, offset) = prefix(ipv6, cursor)?;
                Some(Self::Destination { prefix, offset })
            }
            Self::SOURCE => {
                let (prefix, offset) = prefix(ipv6, cursor)?;
                Some(Self::Source { prefix, offset })
            }
            Self::PROTOCOL..=Self::FRAGMENT => operations(kind, cursor),
            Self::FLOW_LABEL if ipv6 => operations(kind, cursor),
            _ => None,
        }
    }

    /// Appends type and content.
    pub(super) fn encode_into(&self, ipv6: bool, buffer: &mut BytesMut) {
        buffer.put_u8(self.kind());
        match self {
            Self::Destination { prefix, offset } | Self::Source { prefix, offset } => {
                put_prefix(prefix, *offset, ipv6, buffer);
            }
            Self::Operations { operations, .. } => {
                let last = operations.len().saturating_sub(1);
                for (i, operation) in operations.iter().enumerate() {
                    put_operation(operation, i == last, buffer);
                }
            }
        }
    }

    pub(super) fn fmt(&self, ipv6: bool, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = if ipv6 { "ipv6" } else { "ipv4" };
        match self {
            Self::Destination { prefix, offset } => {
                write!(f, "destination-{version} {prefix}")?;
                fmt_offset(*offset, f)
            }
            Self::Source { prefix, offset } => {
                write!(f, "source-{version} {prefix}")?;
                fmt_offset(*offset, f)
            }
            Self::Operations { kind, operations } => {
                write!(f, "{} ", kind_name(*kind, ipv6))?;
                let many = operations.len() > 1;
                f.write_str(if many { "[ " } else { "" })?;
                for (i, operation) in operations.iter().enumerate() {
                    let joint = match i {
                        0 => "",
                        _ if operation.bits & FlowOp::AND != 0 => "&",
                        _ => " ",
                    };
                    f.write_str(joint)?;
                    fmt_operation(*kind, operation, f)?;
                }
                f.write_str(if many { " ]" } else { "" })
            }
        }
    }
}

/// Length, offset (IPv6) and as many bits as are between them.
fn prefix(ipv6: bool, cursor: &mut Cursor<'_>) -> Option<(IpPrefix, u8)> {
    let length = cursor.u8()?;
    if !ipv6 {
        let octets = cursor.take(usize::from(length).div_ceil(8))?;
        return Some((IpPrefix::from_octets(true, length, octets)?, 0));
    }
    let offset = cursor.u8()?;
    let bits = length.checked_sub(offset).filter(|_| length <= 128)?;
    let mut octets = [0; 16];
    let given = cursor.take(usize::from(bits).div_ceil(8))?;
    octets.get_mut(..given.len())?.copy_from_slice(given);
    let pattern = u128::from_be_bytes(octets)
        .checked_shr(offset.into())
        .unwrap_or(0);
    let prefix = IpPrefix::new(IpAddr::V6(Ipv6Addr::from(pattern)), length).ok()?;
    Some((prefix, offset))
}

fn put_prefix(prefix: &IpPrefix, offset: u8, ipv6: bool, buffer: &mut BytesMut) {
    buffer.put_u8(prefix.len());
    let (octets, length) = prefix.octets();
    if !ipv6 {
        buffer.put_slice(&octets[..length]);
        return;
    }
    let offset = offset.min(prefix.len());
    buffer.put_u8(offset);
    let pattern = u128::from_be_bytes(octets)
        .checked_shl(offset.into())
        .unwrap_or(0);
    let needed = usize::from(prefix.len() - offset).div_ceil(8);
    buffer.put_slice(&pattern.to_be_bytes()[..needed]);
}

fn operations(kind: u8, cursor: &mut Cursor<'_>) -> Option<FlowComponent> {
    let mut operations = Vec::new();
    loop {
        let operator = cursor.u8()?;
        let width = 1 << ((operator & FlowOp::WIDTH) >> 4);
        let mut value = [0; 8];
        value[8 - usize::from(width)..].copy_from_slice(cursor.take(width.into())?);
        let value = u64::from_be_bytes(value);
        let bits = operator & !(FlowOp::END | FlowOp::WIDTH);
        operations.push(FlowOp { bits, width, value });
        if operator & FlowOp::END != 0 {
            return Some(FlowComponent::Operations { kind, operations });
        }
    }
}

fn put_operation(operation: &FlowOp, last: bool, buffer: &mut BytesMut) {
    let (exponent, width) = match operation.width {
        ..=1 => (0, 1),
        2 => (1, 2),
        3..=4 => (2, 4),
        5.. => (3, 8),
    };
    let bits = operation.bits & !(FlowOp::END | FlowOp::WIDTH);
    buffer.put_u8(bits | exponent << 4 | if last { FlowOp::END } else { 0 });
    buffer.put_slice(&operation.value.to_be_bytes()[8 - width..]);
}

fn fmt_offset(offset: u8, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if offset > 0 {
        write!(f, "/{offset}")
    } else {
        Ok(())
    }
}

fn fmt_operation(kind: u8, operation: &FlowOp, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let FlowOp { bits, value, .. } = *operation;
    if matches!(kind, FlowComponent::TCP_FLAGS | FlowComponent::FRAGMENT) {
        let not = if bits & FlowOp::NOT != 0 { "!" } else { "" };
        let all = if bits & FlowOp::MATCH != 0 { "=" } else { "" };
        return write!(f, "{not}{all}0x{value:x}");
    }
    f.write_str(match bits & 0x07 {
        0b001 => "=",
        0b010 => ">",
        0b011 => ">=",
        0b100 => "<",
        0b101 => "<=",
        0b110 => "!=",
        0b111 => "true",
        _ => "false",
    })?;
    match (kind, value) {
        (FlowComponent::PROTOCOL, 1) => f.write_str("icmp"),
        (FlowComponent::PROTOCOL, 6) => f.write_str("tcp"),
        (FlowComponent::PROTOCOL, 17) => f.write_str("udp"),
        (FlowComponent::PROTOCOL, 47) => f.write_str("gre"),
        (FlowComponent::PROTOCOL, 50) => f.write_str("esp"),
        (FlowComponent::PROTOCOL, 58) => f.write_str("icmpv6"),
        (FlowComponent::PROTOCOL, 132) => f.write_str("sctp"),
        _ => write!(f, "{value}"),
    }
}

fn kind_name(kind: u8, ipv6: bool) -> &'static str {
    match kind {
        FlowComponent::PROTOCOL if ipv6 => "next-header",
        FlowComponent::PROTOCOL => "protocol",
        FlowComponent::PORT => "port",
        FlowComponent::DESTINATION_PORT => "destination-port",
        FlowComponent::SOURCE_PORT => "source-port",
        FlowComponent::ICMP_TYPE => "icmp-type",
        FlowComponent::ICMP_CODE => "icmp-code",
        FlowComponent::TCP_FLAGS => "tcp-flags",
        FlowComponent::PACKET_LENGTH => "packet-length",
        FlowComponent::DSCP if ipv6 => "traffic-class",
        FlowComponent::DSCP => "dscp",
        FlowComponent::FRAGMENT => "fragment",
        FlowComponent::FLOW_LABEL => "flow-label",
        _ => "unknown",
    }
}
