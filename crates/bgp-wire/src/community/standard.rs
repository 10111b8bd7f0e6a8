use std::fmt;
use std::str::FromStr;

use crate::text::{ParseError, debug_as_text, serde_as_text};

/// A community (RFC 1997). Text form `64512:1`, or the name of the IANA registry "BGP Well-known Communities"
/// in lower case with dashes: `no-export`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Community(pub u32);

serde_as_text!(Community);
debug_as_text!(Community);

impl Community {
    /// Those that have a name: RFC 8326, 7611, 9494, 7999, 1997 and 3765.
    pub const NAMED: [(&'static str, Self); 9] = [
        ("graceful-shutdown", Self(0xffff_0000)),
        ("accept-own", Self(0xffff_0001)),
        ("llgr-stale", Self(0xffff_0006)),
        ("no-llgr", Self(0xffff_0007)),
        ("blackhole", Self(0xffff_029a)),
        ("no-export", Self(0xffff_ff01)),
        ("no-advertise", Self(0xffff_ff02)),
        ("no-export-subconfed", Self(0xffff_ff03)),
        ("no-peer", Self(0xffff_ff04)),
    ];

    /// An AS number of two octets and a number of its own.
    pub const fn new(asn: u16, number: u16) -> Self {
        Self((asn as u32) << 16 | number as u32)
    }
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::NAMED.iter().find(|(_, known)| known == self) {
            Some((name, _)) => f.write_str(name),
            None => write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff),
        }
    }
}

impl FromStr for Community {
    type Err = ParseError;

    /// Names in any case, with dashes or underscores.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let name = match text.to_ascii_lowercase().replace('_', "-") {
            // What Cisco's and FRR's command lines call it.
            name if name == "local-as" => "no-export-subconfed".to_owned(),
            name => name,
        };
        if let Some((_, known)) = Self::NAMED.iter().find(|(known, _)| *known == name) {
            return Ok(*known);
        }
        let parsed = || {
            let (asn, number) = text.split_once(':')?;
            Some(Self::new(asn.parse().ok()?, number.parse().ok()?))
        };
        parsed()
            .ok_or_else(|| ParseError::new("a community such as `64512:1` or `no-export`", text))
    }
}

#[cfg(test)]
mod tests {
    use super::Community;

    #[test]
    fn names_and_numbers_read_alike() {
        for (name, community) in Community::NAMED {
            assert_eq!(name.parse(), Ok(community));
            assert_eq!(community.to_string(), name);
            let Community(number) = community;
            let numbers = format!("{}:{}", number >> 16, number & 0xffff);
            assert_eq!(numbers.parse(), Ok(community));
        }
        assert_eq!("NO_EXPORT".parse(), Ok(Community(0xffff_ff01)));
        assert_eq!(Community::new(64512, 1).to_string(), "64512:1");
        for wrong in ["64512", "65536:1", "1:65536", "1:2:3", "no-way", ""] {
            assert!(wrong.parse::<Community>().is_err(), "{wrong}");
        }
    }
}
