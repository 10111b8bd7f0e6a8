//! The many ways MAC and IP addresses are written.

use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::MacAddr;
use serde_json::Value;

use super::{IpText, MacText};

/// Reads addresses out of JSON values.
pub(super) struct EndpointAddresses;

impl EndpointAddresses {
    /// A string in any notation, or the address as an integer.
    pub(super) fn mac(value: &Value) -> Option<MacText> {
        match value {
            Value::String(text) => Some(MacText {
                mac: parse_mac(text)?,
                text: text.clone(),
            }),
            Value::Number(number) => {
                let bits = number.as_u64().filter(|bits| *bits < 1 << 48)?;
                let [_, _, mac @ ..] = bits.to_be_bytes();
                Some(MacText {
                    mac: MacAddr(mac),
                    text: number.to_string(),
                })
            }
            _ => None,
        }
    }

    /// A string: an address, with a prefix length or a netmask or without.
    pub(super) fn ip(value: &Value) -> Option<IpText> {
        let Value::String(text) = value else {
            return None;
        };
        let (address, prefix_len) = parse_prefix(text)?;
        Some(IpText {
            address,
            prefix_len,
            text: text.clone(),
        })
    }
}

/// Reads an EUI-48 address: six groups of one or two digits (`:` or `-`), three of up to four
/// (`.`, `:` or `-`), two of five or six (`-` or `:`), or eleven or twelve bare digits.
pub fn parse_mac(text: &str) -> Option<MacAddr> {
    let separator = text.chars().find(|c| !c.is_ascii_hexdigit());
    let groups: Vec<&str> = match separator {
        None => vec![text],
        Some(separator @ (':' | '-' | '.')) => text.split(separator).collect(),
        Some(_) => return None,
    };
    let (shortest, longest) = match (groups.len(), separator) {
        (1, None) => (11, 12),
        (2, Some(':' | '-')) => (5, 6),
        (3, _) => (1, 4),
        (6, Some(':' | '-')) => (1, 2),
        _ => return None,
    };
    let group_bits = 48 / groups.len();
    let mut bits = 0_u64;
    for group in groups {
        let digits = group.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !digits || !(shortest..=longest).contains(&group.len()) {
            return None;
        }
        bits = bits << group_bits | u64::from_str_radix(group, 16).ok()?;
    }
    let [_, _, mac @ ..] = bits.to_be_bytes();
    Some(MacAddr(mac))
}

/// Reads `10.1.1.2`, `10.1.1.2/24`, `10.1.1.2/255.255.255.0` or the IPv6 equivalents of the first two; without
/// a length it is the full one.
pub fn parse_prefix(text: &str) -> Option<(IpAddr, u8)> {
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let full = if address.is_ipv4() { 32 } else { 128 };
    let length = match length {
        None => full,
        Some(length) if address.is_ipv4() && length.contains('.') => netmask(length.parse().ok()?)?,
        // `parse` would also take a sign.
        Some(length) if length.bytes().all(|byte| byte.is_ascii_digit()) => length.parse().ok()?,
        Some(_) => return None,
    };
    (length <= full).then_some((address, length))
}

fn netmask(mask: Ipv4Addr) -> Option<u8> {
    let bits = mask.to_bits();
    let ones = bits.leading_ones();
    let contiguous = bits.checked_shl(ones).unwrap_or(0) == 0;
    contiguous.then(|| u8::try_from(ones).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_notation_of_a_mac() {
        let mac = Some(MacAddr([0, 0, 0xde, 0xad, 0xbe, 2]));
        for text in [
            "00:00:de:ad:be:02",
            "00-00-DE-AD-BE-02",
            "0000.dead.be02",
            "0:dead:be02",
            "0000de-adbe02",
            "0000deadbe02",
            "000deadbe02",
            "0:0:de:ad:be:2",
        ] {
            assert_eq!(parse_mac(text), mac, "{text}");
        }
    }

    #[test]
    fn what_is_no_mac() {
        for text in [
            "",
            "zz",
            ":",
            "00:00:de:ad:be",
            "00:00:de:ad:be:02:03:04",
            "00:00-de:ad:be:02",
            "000:00:de:ad:be:02",
            "00:00:de:ad:be:",
            "00.00.de.ad.be.02",
            "+0:00:de:ad:be:02",
            "0000deadbe020304",
            "0000dead-be02",
        ] {
            assert_eq!(parse_mac(text), None, "{text}");
        }
    }

    #[test]
    fn addresses_and_lengths() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        assert_eq!(parse_prefix("10.1.1.2"), Some((ip("10.1.1.2"), 32)));
        assert_eq!(parse_prefix("10.1.1.2/24"), Some((ip("10.1.1.2"), 24)));
        assert_eq!(
            parse_prefix("10.1.1.2/255.255.255.0"),
            Some((ip("10.1.1.2"), 24))
        );
        assert_eq!(parse_prefix("0.0.0.0/0.0.0.0"), Some((ip("0.0.0.0"), 0)));
        assert_eq!(
            parse_prefix("10.1.1.2/255.255.255.255"),
            Some((ip("10.1.1.2"), 32))
        );
        assert_eq!(parse_prefix("2001:db8::1"), Some((ip("2001:db8::1"), 128)));
        assert_eq!(
            parse_prefix("2001:db8::1/64"),
            Some((ip("2001:db8::1"), 64))
        );
        for text in [
            "abc",
            "",
            "10.1.1",
            "10",
            " 10.1.1.9 ",
            "10.1.1.2/33",
            "10.1.1.2/",
            "10.1.1.2/+8",
            "10.1.1.2/255.0.255.0",
            "2001:db8::1/129",
            "2001:db8::1/255.0.0.0",
            "10.1.1.2/24/24",
        ] {
            assert_eq!(parse_prefix(text), None, "{text}");
        }
    }
}
