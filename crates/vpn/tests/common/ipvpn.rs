//! A host with IP VPN instances, and VPNv4 and VPNv6 routes of other hosts.

use std::net::IpAddr;
use std::sync::Arc;

use bgp_rib::{Match, RibEvent, Route, RtcOrigin};
use bgp_wire::attribute::{AsPath, Origin};
use bgp_wire::community::Encapsulation;
use bgp_wire::nlri::VpnRoute;
use bgp_wire::{
    AttributeValue, ExtendedCommunity, Family, IpPrefix, Label, LabelField, NextHop, Nlri,
    NlriValue, PathAttributes, RouteDistinguisher,
};
use vpn::intent::NextHop as Egress;
use vpn::{
    AttachRequest, Capabilities, DetachRequest, Encap, Few, InstanceKind, IpVpnConfig, IpVpnIntent,
    LocalPort, Speaker, VpnConfig,
};

use super::{HERE, PEER, config, detach, mac, pe, rt};

pub fn ipvpn_config(capabilities: Capabilities) -> VpnConfig {
    VpnConfig {
        ipvpn: Some(IpVpnConfig {
            local_pe: HERE.into(),
            capabilities,
            max_redirects: 256,
        }),
        ..config()
    }
}

/// A speaker with a peer that wants everything.
pub fn speaker_with(capabilities: Capabilities) -> Speaker {
    let rtc = RtcOrigin {
        local_as: 64512,
        next_hop: HERE.into(),
    };
    let mut speaker = Speaker::new(ipvpn_config(capabilities), Some(rtc));
    let families = [
        Family::RTC,
        Family::VPNV4,
        Family::VPNV6,
        Family::EVPN,
        Family::FLOWSPEC_VPNV4,
        Family::FLOWSPEC_VPNV6,
    ];
    speaker.handle(families.map(|family| RibEvent::Subscribe {
        worker: PEER,
        wanted: Match::all(family),
    }));
    speaker
}

pub fn speaker() -> Speaker {
    speaker_with(Capabilities::mpls())
}

/// MAC `n` with `ip` at port `tap<n>` of instance `name`, route target 64512:1.
pub fn vrf(name: &str, n: u8, ip: &str) -> AttachRequest {
    AttachRequest {
        import: [rt(1)].into(),
        export: [rt(1)].into(),
        ..AttachRequest::ipvpn(
            name,
            mac(n),
            ip.parse().unwrap(),
            LocalPort::new(format!("tap{n}")),
        )
    }
}

pub fn subnet(request: AttachRequest) -> AttachRequest {
    AttachRequest {
        advertise_subnet: true,
        ..request
    }
}

pub fn leave(name: &str, n: u8, ip: &str) -> DetachRequest {
    DetachRequest {
        kind: InstanceKind::IpVpn,
        ..detach(name, n, Some(ip))
    }
}

pub fn prefix(text: &str) -> IpPrefix {
    text.parse().unwrap()
}

pub fn vrf_intent(speaker: &Speaker, name: &str) -> Arc<IpVpnIntent> {
    let id = speaker.vpns().instance(name).unwrap().id;
    Arc::clone(speaker.vpns().ipvpn_intent(id).unwrap())
}

/// A route of PE 10.0.0.`n`.
pub fn remote(
    n: u8,
    to: &str,
    labels: &[u32],
    encap: Option<Encapsulation>,
    local_pref: u32,
) -> Route {
    let communities = [ExtendedCommunity::from(rt(1))]
        .into_iter()
        .chain(encap.map(ExtendedCommunity::from));
    with_communities(n, to, labels, communities, local_pref)
}

/// A route of PE 10.0.0.`n` with these extended communities.
pub fn with_communities(
    n: u8,
    to: &str,
    labels: &[u32],
    communities: impl IntoIterator<Item = ExtendedCommunity>,
    local_pref: u32,
) -> Route {
    let bottom = labels.len();
    let labels = labels
        .iter()
        .zip(1..)
        .map(|(label, at)| LabelField::from_label(Label::new(*label).unwrap(), at == bottom));
    let nlri = Nlri::from(NlriValue::Vpn(VpnRoute {
        rd: RouteDistinguisher::as2(64512, n.into()),
        labels: labels.collect(),
        prefix: prefix(to),
    }));
    let next_hop = NextHop::for_family(nlri.family, pe(n));
    Route::new(
        nlri,
        next_hop,
        PathAttributes::new()
            .with(AttributeValue::Origin(Origin::Igp))
            .with(AttributeValue::AsPath(AsPath::default()))
            .with(AttributeValue::LocalPref(local_pref))
            .with(AttributeValue::ExtendedCommunities(
                communities.into_iter().collect(),
            )),
    )
}

pub fn egress(pe: IpAddr, label: u32, encap: Encap) -> Few<Egress> {
    let label = Label::new(label).unwrap();
    let order = 0;
    Few::One(Egress {
        order,
        pe,
        label,
        encap,
    })
}
