//! Flowspec components by their text.

use super::flow_component::{FlowComponent, FlowOp};
use crate::text::ParseError;
use crate::types::{IP_PROTOCOLS, IpPrefix};

/// Words that components begin with.
const NAMES: [(&str, u8); 15] = [
    ("protocol", FlowComponent::PROTOCOL),
    ("next-header", FlowComponent::PROTOCOL),
    ("port", FlowComponent::PORT),
    ("destination-port", FlowComponent::DESTINATION_PORT),
    ("source-port", FlowComponent::SOURCE_PORT),
    ("icmp-type", FlowComponent::ICMP_TYPE),
    ("icmp-code", FlowComponent::ICMP_CODE),
    ("tcp-flags", FlowComponent::TCP_FLAGS),
    ("packet-length", FlowComponent::PACKET_LENGTH),
    ("dscp", FlowComponent::DSCP),
    ("traffic-class", FlowComponent::DSCP),
    ("fragment", FlowComponent::FRAGMENT),
    ("flow-label", FlowComponent::FLOW_LABEL),
    ("destination", FlowComponent::DESTINATION),
    ("source", FlowComponent::SOURCE),
];

/// The longer come first: `>=` is not `>` and a value.
const COMPARISONS: [(&str, u8); 6] = [
    (">=", FlowOp::GREATER | FlowOp::EQUAL),
    ("<=", FlowOp::LESS | FlowOp::EQUAL),
    ("!=", FlowOp::LESS | FlowOp::GREATER),
    (">", FlowOp::GREATER),
    ("<", FlowOp::LESS),
    ("=", FlowOp::EQUAL),
];

impl FlowComponent {
    /// Reads the text form that [`FlowspecRules`](super::FlowspecRules) show: `destination-ipv4 10.0.0.0/24`,
    /// `protocol =tcp`, `destination-port [ >=80&<=90 =443 ]`. The version behind `destination` and `source`, brackets, and
    /// the sign of an equation may be left out.
    ///
    /// # Errors
    ///
    /// It is no component, or none of this version of IP.
    pub fn parse_text(text: &str, ipv6: bool) -> Result<Self, ParseError> {
        let component = || {
            let mut words = text.split_whitespace();
            let name = words.next()?;
            let version = if ipv6 { "-ipv6" } else { "-ipv4" };
            let stem = name.strip_suffix(version).unwrap_or(name);
            let (_, kind) = NAMES.iter().find(|(known, _)| *known == stem)?;
            let rest = words.collect::<Vec<_>>().join(" ");
            match *kind {
                Self::DESTINATION | Self::SOURCE => prefix(*kind, &rest, ipv6),
                // Only the two have versions in their names, and only one version labels flows.
                _ if stem != name => None,
                Self::FLOW_LABEL if !ipv6 => None,
                kind => operations(kind, &rest),
            }
        };
        component().ok_or_else(|| {
            ParseError::new(
                "a Flowspec component such as `destination-port =80` or `protocol =tcp`",
                text,
            )
        })
    }
}

/// `10.0.0.0/24`, and in IPv6 an offset behind: `fd00::/64/16`.
fn prefix(kind: u8, text: &str, ipv6: bool) -> Option<FlowComponent> {
    let (prefix, offset) = match text.match_indices('/').nth(1) {
        Some((at, _)) if ipv6 => (&text[..at], text[at + 1..].parse().ok()?),
        _ => (text, 0),
    };
    let prefix: IpPrefix = prefix.parse().ok()?;
    if prefix.address().is_ipv6() != ipv6 || offset > prefix.len() {
        return None;
    }
    Some(match kind {
        FlowComponent::DESTINATION => FlowComponent::Destination { prefix, offset },
        _ => FlowComponent::Source { prefix, offset },
    })
}

fn operations(kind: u8, text: &str) -> Option<FlowComponent> {
    let inner = match text.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']')?,
        None => text,
    };
    let mut operations = Vec::new();
    for either in inner.split_whitespace() {
        for (index, both) in either.split('&').enumerate() {
            let mut operation = operation(kind, both)?;
            if index > 0 {
                operation.bits |= FlowOp::AND;
            }
            operations.push(operation);
        }
    }
    (!operations.is_empty()).then_some(FlowComponent::Operations { kind, operations })
}

fn operation(kind: u8, text: &str) -> Option<FlowOp> {
    if matches!(kind, FlowComponent::TCP_FLAGS | FlowComponent::FRAGMENT) {
        let (not, rest) = match text.strip_prefix('!') {
            Some(rest) => (FlowOp::NOT, rest),
            None => (0, text),
        };
        let (all, rest) = match rest.strip_prefix('=') {
            Some(rest) => (FlowOp::MATCH, rest),
            None => (0, rest),
        };
        let mask = match rest.strip_prefix("0x") {
            Some(digits) => u64::from_str_radix(digits, 16).ok()?,
            None => rest.parse().ok()?,
        };
        return (mask <= 0xffff).then(|| FlowOp::new(not | all, mask));
    }
    let found = COMPARISONS
        .iter()
        .find_map(|(sign, bits)| Some((*bits, text.strip_prefix(sign)?)));
    let (bits, value) = found.unwrap_or((FlowOp::EQUAL, text));
    let protocol = IP_PROTOCOLS
        .iter()
        .find(|(name, _)| kind == FlowComponent::PROTOCOL && *name == value);
    let value = match protocol {
        Some((_, number)) => u64::from(*number),
        None => value.parse().ok()?,
    };
    (value <= most(kind)).then(|| FlowOp::new(bits, value))
}

/// The largest value of the field that is compared (RFC 8955 section 4.2.2, RFC 8956 section 3.7).
const fn most(kind: u8) -> u64 {
    match kind {
        FlowComponent::DSCP => 0x3f,
        FlowComponent::PROTOCOL | FlowComponent::ICMP_TYPE | FlowComponent::ICMP_CODE => 0xff,
        FlowComponent::FLOW_LABEL => 0xf_ffff,
        _ => 0xffff,
    }
}

#[cfg(test)]
mod tests {
    use super::super::FlowspecRules;
    use super::*;

    #[test]
    fn what_is_shown_can_be_read() {
        for (ipv6, text) in [
            (false, "destination-ipv4 10.0.0.0/24"),
            (false, "source-ipv4 0.0.0.0/0"),
            (false, "protocol =tcp"),
            (false, "destination-port [ >=80&<=90 =443 ]"),
            (false, "icmp-type !=8"),
            (false, "tcp-flags [ =0x12 !0x4 ]"),
            (false, "packet-length >1500"),
            (false, "dscp =46"),
            (false, "fragment 0x1"),
            (true, "destination-ipv6 fd00:12::/64"),
            (true, "source-ipv6 0:0:0:1::/64/16"),
            (true, "next-header =icmpv6"),
            (true, "flow-label =1048575"),
        ] {
            let component = FlowComponent::parse_text(text, ipv6).expect(text);
            let rules = FlowspecRules {
                ipv6,
                components: vec![component],
            };
            assert_eq!(rules.to_string(), text);
        }
    }

    #[test]
    fn some_may_be_left_out() {
        let read = |text: &str| FlowComponent::parse_text(text, false).expect(text);
        assert_eq!(
            read("destination 10.0.0.0/8"),
            read("destination-ipv4 10.0.0.0/8")
        );
        assert_eq!(read("port 80"), read("port =80"));
        assert_eq!(read("port 80 81"), read("port [ =80 =81 ]"));
        assert_eq!(read("protocol 6"), read("protocol =tcp"));
    }

    #[test]
    fn what_is_none_is_refused() {
        for (ipv6, text) in [
            (false, ""),
            (false, "protocol"),
            (false, "protocol =ham"),
            (false, "protocol =256"),
            (false, "port =65536"),
            (false, "port [ =80"),
            (false, "port-ipv4 =80"),
            (false, "destination-ipv6 fd00::/64"),
            (false, "destination fd00::/64"),
            (false, "flow-label =1"),
            (true, "destination fd00::/64/65"),
            (true, "dscp =64"),
        ] {
            assert!(FlowComponent::parse_text(text, ipv6).is_err(), "{text}");
        }
    }
}
