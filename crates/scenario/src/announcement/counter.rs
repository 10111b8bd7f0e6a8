//! What counts up from one route to the next.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use bgp_wire::nlri::{EvpnRoute, FlowComponent, FlowspecRules, RtcRoute, VpnRoute};
use bgp_wire::types::IpPrefix;
use bgp_wire::{Label, LabelField, MacAddr, NlriValue, RouteDistinguisher, Vni};
use serde::{Deserialize, Serialize};

/// A part of a route that counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// The prefix, by its own size; of Flowspec the destination's.
    Prefix,
    /// The host's or the originating router's address.
    Ip,
    /// The MAC address.
    Mac,
    /// The number of the route distinguisher.
    Rd,
    /// The MPLS label.
    Label,
    /// The VNI, in the destination or in the PMSI tunnel.
    Vni,
    /// The Ethernet tag.
    EthernetTag,
    /// The number of the route target that is asked for.
    Rt,
}

/// Counting up leads out of the range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} ends at {last}")]
pub struct Overflow {
    /// What was counted.
    pub what: &'static str,
    /// The last one there is.
    pub last: String,
}

impl Counter {
    /// All of them, with their words.
    pub const WORDS: [(&'static str, Self); 8] = [
        ("prefix", Self::Prefix),
        ("ip", Self::Ip),
        ("mac", Self::Mac),
        ("rd", Self::Rd),
        ("label", Self::Label),
        ("vni", Self::Vni),
        ("ethernet_tag", Self::EthernetTag),
        ("rt", Self::Rt),
    ];

    /// The word for it.
    pub fn word(self) -> &'static str {
        let word = Self::WORDS.iter().find(|(_, counter)| *counter == self);
        word.map_or("", |(word, _)| word)
    }

    /// Whether it tells destinations apart.
    pub const fn is_key(self) -> bool {
        !matches!(self, Self::Label | Self::Vni)
    }

    /// Whether a route like this has it. The VNI of a type 3 route is in its PMSI tunnel.
    pub fn is_in(self, value: &NlriValue) -> bool {
        match (self, value) {
            (Self::Prefix, NlriValue::Unicast(_) | NlriValue::Vpn(_))
            | (Self::Prefix | Self::Rd, NlriValue::Evpn(EvpnRoute::IpPrefix { .. }))
            | (Self::Label | Self::Rd, NlriValue::Vpn(_))
            | (Self::Rd, NlriValue::FlowspecVpn { .. } | NlriValue::Evpn(_)) => true,
            (Self::Prefix, NlriValue::Flowspec(rules) | NlriValue::FlowspecVpn { rules, .. }) => {
                rules.get(FlowComponent::DESTINATION).is_some()
            }
            (Self::Ip, NlriValue::Evpn(EvpnRoute::MacIp { ip, .. })) => ip.is_some(),
            (
                Self::Ip,
                NlriValue::Evpn(
                    EvpnRoute::InclusiveMulticast { .. } | EvpnRoute::EthernetSegment { .. },
                ),
            )
            | (Self::Mac, NlriValue::Evpn(EvpnRoute::MacIp { .. })) => true,
            (Self::EthernetTag, NlriValue::Evpn(route)) => {
                !matches!(route, EvpnRoute::EthernetSegment { .. })
            }
            (Self::Label, NlriValue::Evpn(route)) => label(route).is_some(),
            (Self::Vni, NlriValue::Evpn(route)) => {
                label(route).is_some() || matches!(route, EvpnRoute::InclusiveMulticast { .. })
            }
            (Self::Rt, NlriValue::Rtc(route)) => route.route_target().is_some(),
            _ => false,
        }
    }

    /// What counts where nothing is said: what tells destinations like this apart; nothing where that is not evident.
    pub fn usual(value: &NlriValue) -> Vec<Self> {
        let usual: &[Self] = match value {
            NlriValue::Evpn(EvpnRoute::EthernetAutoDiscovery { .. }) => &[Self::EthernetTag],
            NlriValue::Evpn(EvpnRoute::MacIp { .. }) => &[Self::Mac, Self::Ip],
            NlriValue::Evpn(
                EvpnRoute::InclusiveMulticast { .. } | EvpnRoute::EthernetSegment { .. },
            ) => &[Self::Ip],
            NlriValue::Rtc(_) => &[Self::Rt],
            _ => &[Self::Prefix],
        };
        let usual = usual.iter().filter(|counter| counter.is_in(value));
        usual.copied().collect()
    }

    /// The nth route after this one as far as this counts, `n` from 0; as it is where it has nothing of the kind.
    ///
    /// # Errors
    ///
    /// There is no nth.
    pub fn count(self, value: NlriValue, n: u32) -> Result<NlriValue, Overflow> {
        Ok(match value {
            NlriValue::Unicast(prefix) if self == Self::Prefix => {
                NlriValue::Unicast(prefix_after(prefix, n)?)
            }
            NlriValue::Vpn(route) => NlriValue::Vpn(self.vpn(route, n)?),
            NlriValue::Evpn(route) => NlriValue::Evpn(self.evpn(route, n)?),
            NlriValue::Rtc(route) if self == Self::Rt => NlriValue::Rtc(target_after(route, n)?),
            NlriValue::Flowspec(rules) if self == Self::Prefix => {
                NlriValue::Flowspec(destination_after(rules, n)?)
            }
            NlriValue::FlowspecVpn { rd, rules } => match self {
                Self::Prefix => NlriValue::FlowspecVpn {
                    rd,
                    rules: destination_after(rules, n)?,
                },
                Self::Rd => NlriValue::FlowspecVpn {
                    rd: rd_after(rd, n)?,
                    rules,
                },
                _ => NlriValue::FlowspecVpn { rd, rules },
            },
            value => value,
        })
    }

    fn vpn(self, mut route: VpnRoute, n: u32) -> Result<VpnRoute, Overflow> {
        match self {
            Self::Prefix => route.prefix = prefix_after(route.prefix, n)?,
            Self::Rd => route.rd = rd_after(route.rd, n)?,
            Self::Label => {
                for label in &mut route.labels {
                    *label = self.count_field(*label, n)?;
                }
            }
            _ => {}
        }
        Ok(route)
    }

    fn evpn(self, mut route: EvpnRoute, n: u32) -> Result<EvpnRoute, Overflow> {
        match (self, &mut route) {
            (
                Self::Rd,
                EvpnRoute::EthernetAutoDiscovery { rd, .. }
                | EvpnRoute::MacIp { rd, .. }
                | EvpnRoute::InclusiveMulticast { rd, .. }
                | EvpnRoute::EthernetSegment { rd, .. }
                | EvpnRoute::IpPrefix { rd, .. },
            ) => *rd = rd_after(*rd, n)?,
            (Self::Mac, EvpnRoute::MacIp { mac, .. }) => *mac = mac_after(*mac, n)?,
            (Self::Ip, EvpnRoute::MacIp { ip: Some(ip), .. }) => *ip = ip_after(*ip, n)?,
            (
                Self::Ip,
                EvpnRoute::InclusiveMulticast { originator, .. }
                | EvpnRoute::EthernetSegment { originator, .. },
            ) => *originator = ip_after(*originator, n)?,
            (Self::Prefix, EvpnRoute::IpPrefix { prefix, .. }) => {
                *prefix = prefix_after(*prefix, n)?;
            }
            (
                Self::EthernetTag,
                EvpnRoute::EthernetAutoDiscovery { ethernet_tag, .. }
                | EvpnRoute::MacIp { ethernet_tag, .. }
                | EvpnRoute::InclusiveMulticast { ethernet_tag, .. }
                | EvpnRoute::IpPrefix { ethernet_tag, .. },
            ) => {
                *ethernet_tag = ethernet_tag
                    .checked_add(n)
                    .ok_or_else(|| overflow("the Ethernet tag", u32::MAX))?;
            }
            (
                Self::Label | Self::Vni,
                EvpnRoute::EthernetAutoDiscovery { label, .. }
                | EvpnRoute::MacIp { label1: label, .. }
                | EvpnRoute::IpPrefix { label, .. },
            ) => *label = self.count_field(*label, n)?,
            _ => {}
        }
        Ok(route)
    }

    /// A label field `n` further on: as a VNI if this is [`Counter::Vni`], else as an MPLS label.
    ///
    /// # Errors
    ///
    /// There is no such VNI or label.
    pub fn count_field(self, field: LabelField, n: u32) -> Result<LabelField, Overflow> {
        if self == Self::Vni {
            let vni = field.raw().checked_add(n);
            let vni = vni.and_then(|vni| Vni::new(vni).ok());
            return vni
                .map(LabelField::from_vni)
                .ok_or_else(|| overflow("the VNI", Vni::MAX));
        }
        let label = field.label().get().checked_add(n);
        let label = label.and_then(|label| Label::new(label).ok());
        label
            .map(|label| LabelField::from_label(label, field.is_bottom()))
            .ok_or_else(|| overflow("the label", Label::MAX))
    }
}

fn label(route: &EvpnRoute) -> Option<LabelField> {
    match route {
        EvpnRoute::EthernetAutoDiscovery { label, .. }
        | EvpnRoute::MacIp { label1: label, .. }
        | EvpnRoute::IpPrefix { label, .. } => Some(*label),
        _ => None,
    }
}

fn overflow(what: &'static str, last: impl ToString) -> Overflow {
    Overflow {
        what,
        last: last.to_string(),
    }
}

fn prefix_after(prefix: IpPrefix, n: u32) -> Result<IpPrefix, Overflow> {
    let end = |last: IpAddr| overflow("the address space", last);
    let (address, length) = (prefix.address(), prefix.len());
    let after = match address {
        IpAddr::V4(v4) => {
            let size = 1u64 << (32 - length);
            let after = u64::from(u32::from(v4)) + u64::from(n) * size;
            let after = u32::try_from(after).map_err(|_| end(Ipv4Addr::BROADCAST.into()))?;
            Ipv4Addr::from(after).into()
        }
        IpAddr::V6(v6) => {
            let last = || end(Ipv6Addr::from(u128::MAX).into());
            let distance = match n {
                0 => Some(0),
                n => 1u128
                    .checked_shl(128 - u32::from(length))
                    .and_then(|size| size.checked_mul(n.into())),
            };
            let after = distance.and_then(|distance| u128::from(v6).checked_add(distance));
            Ipv6Addr::from(after.ok_or_else(last)?).into()
        }
    };
    // The length is the one it had.
    IpPrefix::new(after, length).map_err(|_| end(address))
}

fn ip_after(ip: IpAddr, n: u32) -> Result<IpAddr, Overflow> {
    prefix_after(IpPrefix::host(ip), n).map(|prefix| prefix.address())
}

fn mac_after(mac: MacAddr, n: u32) -> Result<MacAddr, Overflow> {
    let [a, b, c, d, e, f] = mac.0;
    let after = u64::from_be_bytes([0, 0, a, b, c, d, e, f]) + u64::from(n);
    match after.to_be_bytes() {
        [0, 0, octets @ ..] => Ok(MacAddr(octets)),
        _ => Err(overflow("the range of MAC addresses", MacAddr::BROADCAST)),
    }
}

/// RFC 4364 section 4.2: the number has four octets in type 0, else two.
fn rd_after(rd: RouteDistinguisher, n: u32) -> Result<RouteDistinguisher, Overflow> {
    let [kind_high, kind, rest @ ..] = rd.0;
    let rest = number_after(kind == 0, rest, n);
    let rest = rest.map_err(|last| overflow("the number of the route distinguisher", last))?;
    let [a, b, c, d, e, f] = rest;
    Ok(RouteDistinguisher([kind_high, kind, a, b, c, d, e, f]))
}

fn target_after(mut route: RtcRoute, n: u32) -> Result<RtcRoute, Overflow> {
    let [kind, subtype, rest @ ..] = route.target;
    let rest = number_after(kind == 0, rest, n);
    let [a, b, c, d, e, f] =
        rest.map_err(|last| overflow("the number of the route target", last))?;
    route.target = [kind, subtype, a, b, c, d, e, f];
    Ok(route)
}

/// The number at the end, `n` further on; else the last there is.
fn number_after(wide: bool, [a, b, c, d, e, f]: [u8; 6], n: u32) -> Result<[u8; 6], u32> {
    if wide {
        let after = u32::from_be_bytes([c, d, e, f]).checked_add(n);
        let [c, d, e, f] = after.ok_or(u32::MAX)?.to_be_bytes();
        return Ok([a, b, c, d, e, f]);
    }
    let after = u32::from(u16::from_be_bytes([e, f])).checked_add(n);
    let after = after.and_then(|after| u16::try_from(after).ok());
    let [e, f] = after.ok_or(u32::from(u16::MAX))?.to_be_bytes();
    Ok([a, b, c, d, e, f])
}

fn destination_after(mut rules: FlowspecRules, n: u32) -> Result<FlowspecRules, Overflow> {
    for component in &mut rules.components {
        if let FlowComponent::Destination { prefix, .. } = component {
            *prefix = prefix_after(*prefix, n)?;
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unicast(text: &str) -> NlriValue {
        NlriValue::Unicast(text.parse().expect("a prefix"))
    }

    fn prefixes(first: &str, n: u32) -> Result<NlriValue, Overflow> {
        Counter::Prefix.count(unicast(first), n)
    }

    #[test]
    fn prefixes_count_by_their_size_to_the_end_of_the_addresses() {
        assert_eq!(prefixes("10.0.0.0/24", 256), Ok(unicast("10.1.0.0/24")));
        assert_eq!(
            prefixes("255.255.254.0/24", 1),
            Ok(unicast("255.255.255.0/24"))
        );
        assert!(prefixes("255.255.254.0/24", 2).is_err());
        assert_eq!(prefixes("0.0.0.0/0", 0), Ok(unicast("0.0.0.0/0")));
        assert!(prefixes("0.0.0.0/0", 1).is_err());
        assert_eq!(prefixes("fd00::/64", 65536), Ok(unicast("fd00:0:1::/64")));
        assert_eq!(prefixes("::/0", 0), Ok(unicast("::/0")));
        assert!(prefixes("::/0", 1).is_err());
        assert!(prefixes("ffff::/16", 1).is_err());
        assert!(prefixes("c000::/2", 1).is_err());
    }

    #[test]
    fn labels_and_vnis_end_where_their_fields_do() {
        let label = |n| LabelField::from_label(Label::new(n).expect("a label"), true);
        assert_eq!(Counter::Label.count_field(label(1), 2), Ok(label(3)));
        assert!(Counter::Label.count_field(label(Label::MAX), 1).is_err());
        let vni = |n| LabelField::from_vni(Vni::new(n).expect("a VNI"));
        assert_eq!(
            Counter::Vni.count_field(vni(Vni::MAX - 1), 1),
            Ok(vni(Vni::MAX))
        );
        assert!(Counter::Vni.count_field(vni(Vni::MAX), 1).is_err());
        assert!(Counter::Vni.count_field(vni(1), u32::MAX).is_err());
    }

    #[test]
    fn route_distinguishers_keep_their_layout() {
        let after = |text: &str, n| {
            let rd: RouteDistinguisher = text.parse().expect("a route distinguisher");
            rd_after(rd, n).map(|rd| rd.to_string())
        };
        assert_eq!(after("64512:65535", 1).as_deref(), Ok("64512:65536"));
        assert_eq!(after("10.0.0.1:7", 3).as_deref(), Ok("10.0.0.1:10"));
        assert!(after("10.0.0.1:65535", 1).is_err());
        assert!(after("70000:65535", 1).is_err());
        assert!(after("64512:4294967295", 1).is_err());
    }

    #[test]
    fn mac_addresses_carry_into_the_next_octet() {
        let mac: MacAddr = "02:00:00:00:00:ff".parse().expect("a MAC address");
        let after = mac_after(mac, 1).map(|mac| mac.to_string());
        assert_eq!(after.as_deref(), Ok("02:00:00:00:01:00"));
        assert!(mac_after(MacAddr::BROADCAST, 1).is_err());
    }
}
