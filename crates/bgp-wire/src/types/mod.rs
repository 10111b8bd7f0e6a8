//! Values that name things in VPNs; a value in hand is valid.

mod esi;
mod ip_protocol;
mod label;
mod mac;
mod prefix;
mod rd;
mod rt;

pub use esi::Esi;
pub use ip_protocol::IP_PROTOCOLS;
pub use label::{Label, LabelField, OutOfRange, Vni};
pub use mac::MacAddr;
pub use prefix::IpPrefix;
pub use rd::RouteDistinguisher;
pub use rt::RouteTarget;

pub use crate::text::ParseError;

use std::net::Ipv4Addr;

/// The administrator and number of an RD or RT as text has them, before the layout is chosen.
enum Administered {
    As2(u16, u32),
    Ipv4(Ipv4Addr, u16),
    As4(u32, u16),
}

/// `64512:79`, `192.0.2.1:5`, `70000:1`, and `64512L:1` for a small AS number in the four-octet layout.
fn parse_administered(text: &str) -> Option<Administered> {
    let (administrator, number) = text.rsplit_once(':')?;
    if administrator.contains('.') {
        return Some(Administered::Ipv4(
            administrator.parse().ok()?,
            number.parse().ok()?,
        ));
    }
    if let Some(wide) = administrator.strip_suffix('L') {
        return Some(Administered::As4(wide.parse().ok()?, number.parse().ok()?));
    }
    let asn: u32 = administrator.parse().ok()?;
    match u16::try_from(asn) {
        Ok(asn) => Some(Administered::As2(asn, number.parse().ok()?)),
        Err(_) => Some(Administered::As4(asn, number.parse().ok()?)),
    }
}

/// The text of a four-octet AS number in the four-octet layout: marked with `L` where it could be taken for a two-octet one.
fn wide_as(asn: u32) -> String {
    if asn > u32::from(u16::MAX) {
        asn.to_string()
    } else {
        format!("{asn}L")
    }
}
