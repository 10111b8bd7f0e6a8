//! E-VPN instances plugged into IP VPN ones: a pair of interfaces between the two, and the gateway at its end.

use std::net::IpAddr;

use bgp_wire::MacAddr;
use serde::{Deserialize, Serialize};

use super::InstanceId;

/// The Ethernet address of the gateway at the IP VPN's end of every link, on every host: a guest that moves finds
/// the gateway that it knows. The one that the Python daemon answers with.
pub const GATEWAY_MAC: MacAddr = MacAddr([0x00, 0x00, 0x5e, 0x00, 0x43, 0x64]);

/// A pair of interfaces between two instances of this host. Either driver makes it if it is not there, so that
/// neither has to wait for the other; it goes when neither of them wants it any more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Link {
    /// The end that is a port of the E-VPN instance.
    pub evpn: String,
    /// The end that is a port of the IP VPN instance; its Ethernet address is [`GATEWAY_MAC`].
    pub ipvpn: String,
}

impl Link {
    /// The link between two instances: `evpn1-ipvpn2` and `ipvpn2-evpn1`, shorter where the kernel would not take
    /// that.
    pub fn between(evi: InstanceId, vrf: InstanceId) -> Self {
        let names = |evpn: &str, ipvpn: &str| {
            let (here, there) = (format!("{evpn}{evi}"), format!("{ipvpn}{vrf}"));
            Self {
                evpn: format!("{here}-{there}"),
                ipvpn: format!("{there}-{here}"),
            }
        };
        let link = names("evpn", "ipvpn");
        if link.evpn.len() <= LONGEST {
            link
        } else {
            names("ev", "ip")
        }
    }

    /// The link that has an end with such a name.
    pub fn of_end(name: &str) -> Option<Self> {
        let other = || {
            let (here, there) = name.split_once('-')?;
            Some(format!("{there}-{here}"))
        };
        if Self::is_evpn_end(name) {
            let (evpn, ipvpn) = (name.to_owned(), other()?);
            Some(Self { evpn, ipvpn })
        } else if Self::is_ipvpn_end(name) {
            let (evpn, ipvpn) = (other()?, name.to_owned());
            Some(Self { evpn, ipvpn })
        } else {
            None
        }
    }

    /// Whether a link would have an end with such a name at an E-VPN instance.
    pub fn is_evpn_end(name: &str) -> bool {
        is_pair(name, "evpn", "ipvpn") || is_pair(name, "ev", "ip")
    }

    /// Whether a link would have an end with such a name at an IP VPN instance.
    pub fn is_ipvpn_end(name: &str) -> bool {
        is_pair(name, "ipvpn", "evpn") || is_pair(name, "ip", "ev")
    }
}

/// What an E-VPN instance that is plugged into an IP VPN one needs to know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GatewayPort {
    /// The pair of interfaces.
    pub link: Link,
    /// The IP VPN instance.
    pub vrf: InstanceId,
    /// The address that it answers for, if it was given one.
    pub address: Option<IpAddr>,
}

/// Interface names have at most 15 characters (`IFNAMSIZ` counts a terminating zero).
const LONGEST: usize = 15;

fn is_pair(name: &str, first: &str, second: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let halves = name
        .split_once('-')
        .and_then(|(here, there)| Some((here.strip_prefix(first)?, there.strip_prefix(second)?)));
    halves.is_some_and(|(here, there)| is_number(here) && is_number(there))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_old_and_fit() {
        let link = Link::between(InstanceId(1), InstanceId(2));
        assert_eq!(link.evpn, "evpn1-ipvpn2");
        assert_eq!(link.ipvpn, "ipvpn2-evpn1");
        for numbers in [(1, 2), (999, 1000), (70_000, 70_001)] {
            let link = Link::between(InstanceId(numbers.0), InstanceId(numbers.1));
            assert!(link.evpn.len() <= 15 && link.ipvpn.len() <= 15, "{link:?}");
            assert!(Link::is_evpn_end(&link.evpn) && Link::is_ipvpn_end(&link.ipvpn));
            assert!(!Link::is_evpn_end(&link.ipvpn) && !Link::is_ipvpn_end(&link.evpn));
            for end in [&link.evpn, &link.ipvpn] {
                assert_eq!(Link::of_end(end).as_ref(), Some(&link));
            }
        }
        for other in [
            "evpn---x",
            "evpn1",
            "evpn1-ipvpn",
            "ipvpn-vxlan",
            "evpn1-ipvpn2x",
        ] {
            assert!(
                !Link::is_evpn_end(other)
                    && !Link::is_ipvpn_end(other)
                    && Link::of_end(other).is_none(),
                "{other}"
            );
        }
    }
}
