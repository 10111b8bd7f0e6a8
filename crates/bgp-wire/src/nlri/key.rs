use serde::{Deserialize, Serialize};

use super::evpn::EvpnRoute;
use super::flowspec::FlowspecRules;
use super::rtc::RtcRoute;
use super::value::unicast;
use super::{NlriError, NlriRef, NlriValue, Octets, vpn};
use crate::family::Family;

/// What identifies a route: family, path identifier and the key octets of the NLRI. Label stack, ESI, gateway
/// and host bits are not in it. Of an NLRI that cannot be read, all octets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NlriKey {
    family: Family,
    path_id: Option<u32>,
    octets: Octets,
}

impl NlriKey {
    pub(super) fn of(nlri: NlriRef<'_>) -> Self {
        let mut octets = Octets::default();
        if fill(nlri, &mut octets).is_err() {
            octets = Octets::default();
            octets.push(nlri.bytes);
        }
        Self {
            family: nlri.family,
            path_id: nlri.path_id,
            octets,
        }
    }

    /// The family.
    pub fn family(&self) -> Family {
        self.family
    }

    /// The path identifier.
    pub fn path_id(&self) -> Option<u32> {
        self.path_id
    }
}

fn fill(nlri: NlriRef<'_>, key: &mut Octets) -> Result<(), NlriError> {
    let bytes = nlri.bytes;
    match nlri.family {
        Family::EVPN => EvpnRoute::parse(bytes)?.key_into(key),
        Family::VPNV4 => vpn::Layout::of(true, bytes)?.key_into(key),
        Family::VPNV6 => vpn::Layout::of(false, bytes)?.key_into(key),
        Family::RTC => RtcRoute::parse(bytes)?.key_into(key),
        Family::IPV4_UNICAST => key.push_prefix(&unicast(true, bytes)?),
        Family::IPV6_UNICAST => key.push_prefix(&unicast(false, bytes)?),
        Family {
            afi: 1 | 2,
            safi: 133 | 134,
        } => match nlri.value()? {
            NlriValue::Flowspec(rules) => key.push(&rules.encoded(None)),
            NlriValue::FlowspecVpn { rd, rules } => key.push(&rules.encoded(Some(rd))),
            _ => key.push(bytes),
        },
        Family::FLOWSPEC_L2VPN => key.push(FlowspecRules::content(bytes)?),
        _ => key.push(bytes),
    }
    Ok(())
}
