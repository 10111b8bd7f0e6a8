use std::fmt;
use std::str::FromStr;

use crate::text::{ParseError, serde_as_text};

/// A tunnel encapsulation (RFC 9012, IANA "BGP Tunnel Encapsulation Attribute Tunnel Types").
/// Text form as the looking glass shows it: `VXLAN`, `MPLS-in-UDP`, else the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Encapsulation {
    /// 1: L2TPv3 over IP.
    L2tpv3,
    /// 2: GRE.
    Gre,
    /// 7: IP in IP.
    IpInIp,
    /// 8: VXLAN.
    Vxlan,
    /// 9: NVGRE.
    Nvgre,
    /// 10: MPLS.
    Mpls,
    /// 12: VXLAN GPE.
    VxlanGpe,
    /// 13: MPLS in UDP.
    MplsInUdp,
    /// Any other number.
    Other(u16),
}

serde_as_text!(Encapsulation);

const NAMED: [(u16, Encapsulation, &str); 8] = [
    (1, Encapsulation::L2tpv3, "L2TPv3"),
    (2, Encapsulation::Gre, "GRE"),
    (7, Encapsulation::IpInIp, "IP-in-IP"),
    (8, Encapsulation::Vxlan, "VXLAN"),
    (9, Encapsulation::Nvgre, "NVGRE"),
    (10, Encapsulation::Mpls, "MPLS"),
    (12, Encapsulation::VxlanGpe, "VXLAN-GPE"),
    (13, Encapsulation::MplsInUdp, "MPLS-in-UDP"),
];

impl Encapsulation {
    /// By IANA tunnel type.
    pub fn from_number(number: u16) -> Self {
        let named = NAMED.iter().find(|(of, ..)| *of == number);
        named.map_or(Self::Other(number), |(_, encapsulation, _)| *encapsulation)
    }

    /// The IANA tunnel type.
    pub fn number(self) -> u16 {
        match self {
            Self::Other(number) => number,
            _ => NAMED
                .iter()
                .find(|(_, of, _)| *of == self)
                .map_or(0, |(number, ..)| *number),
        }
    }
}

impl fmt::Display for Encapsulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMED.iter().find(|(_, of, _)| of == self) {
            Some((.., name)) => f.write_str(name),
            None => fmt::Display::fmt(&self.number(), f),
        }
    }
}

impl FromStr for Encapsulation {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if let Some((_, encapsulation, _)) = NAMED
            .iter()
            .find(|(.., name)| name.eq_ignore_ascii_case(text))
        {
            return Ok(*encapsulation);
        }
        let number = text.parse().map_err(|_| {
            ParseError::new(
                "an encapsulation such as `VXLAN` or a tunnel type number",
                text,
            )
        })?;
        Ok(Self::from_number(number))
    }
}
