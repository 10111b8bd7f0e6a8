//! A host with a speaker, and routes of other hosts.
#![allow(dead_code, reason = "each test file uses some")]
#![allow(clippy::unwrap_used, reason = "the values are right")]

pub mod ipvpn;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use bgp_rib::{Change, Dispatch, Match, RibEvent, Route, RtcOrigin, WorkerId};
use bgp_wire::attribute::{AsPath, Origin, PmsiTunnel};
use bgp_wire::community::Encapsulation;
use bgp_wire::nlri::EvpnRoute;
use bgp_wire::{
    AttributeValue, Esi, ExtendedCommunity, Family, LabelField, MacAddr, NextHop, Nlri, NlriValue,
    PathAttributes, RouteDistinguisher, RouteTarget, Vni,
};
use vpn::{
    AttachRequest, Capabilities, DetachRequest, DuplicateDetection, EvpnIntent, InstanceKind,
    LocalPort, Output, Speaker, VpnConfig,
};

pub const HERE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 1);
pub const PEER: WorkerId = WorkerId::Peer(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 99)));

pub fn config() -> VpnConfig {
    VpnConfig {
        router_id: HERE,
        local_address: HERE.into(),
        local_vtep: HERE.into(),
        capabilities: Capabilities::vxlan(),
        duplicates: DuplicateDetection::default(),
        ipvpn: None,
    }
}

/// A speaker with a peer that wants everything.
pub fn speaker() -> Speaker {
    speaker_after(DuplicateDetection::default().moves)
}

/// The same, for which a MAC is a duplicate after so many moves.
pub fn speaker_after(moves: usize) -> Speaker {
    let duplicates = DuplicateDetection {
        moves,
        ..DuplicateDetection::default()
    };
    let config = VpnConfig {
        duplicates,
        ..config()
    };
    speaker_of(config)
}

pub fn speaker_of(config: VpnConfig) -> Speaker {
    let rtc = RtcOrigin {
        local_as: 64512,
        next_hop: HERE.into(),
    };
    let mut speaker = Speaker::new(config, Some(rtc));
    let families = [Family::RTC, Family::EVPN];
    speaker.handle(families.map(|family| RibEvent::Subscribe {
        worker: PEER,
        wanted: Match::all(family),
    }));
    speaker
}

pub fn rt(n: u32) -> RouteTarget {
    RouteTarget::as2(64512, n)
}

pub fn vni(n: u32) -> Vni {
    Vni::new(n).unwrap()
}

pub fn mac(n: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, n])
}

pub fn pe(n: u8) -> IpAddr {
    [10, 0, 0, n].into()
}

/// MAC `n` at port `tap<n>` of instance `name`, route target 64512:79.
pub fn request(name: &str, n: u8, ip: Option<&str>) -> AttachRequest {
    AttachRequest {
        ip: ip.map(|ip| ip.parse().unwrap()),
        import: [rt(79)].into(),
        export: [rt(79)].into(),
        ..AttachRequest::evpn(name, mac(n), LocalPort::new(format!("tap{n}")))
    }
}

pub fn detach(name: &str, n: u8, ip: Option<&str>) -> DetachRequest {
    DetachRequest {
        kind: InstanceKind::Evpn,
        external_id: name.to_owned(),
        mac: mac(n),
        ip: ip.map(|ip| ip.parse().unwrap()),
        linuxif: None,
    }
}

/// Both phases, with a dataplane that agrees.
pub fn attach(speaker: &mut Speaker, request: AttachRequest) -> Output {
    let prepared = speaker.prepare_attach(request).unwrap();
    speaker.commit(prepared.token)
}

/// What the peer is told: `+` announced, `-` withdrawn, and the NLRI.
pub fn told(output: &Output) -> Vec<String> {
    output.dispatches.iter().map(line).collect()
}

fn line(dispatch: &Dispatch) -> String {
    assert_eq!(dispatch.to, PEER);
    match &dispatch.change {
        Change::Advertise { route, .. } => format!("+ {}", bgp_rib::render::nlri_text(route)),
        Change::Withdraw { route, .. } => format!("- {}", bgp_rib::render::nlri_text(route)),
    }
}

/// The only route announced.
pub fn announced(output: &Output) -> Arc<Route> {
    let [
        Dispatch {
            change: Change::Advertise { route, .. },
            ..
        },
    ] = &output.dispatches[..]
    else {
        panic!("{:?}", told(output));
    };
    Arc::clone(route)
}

pub fn intent(speaker: &Speaker, name: &str) -> Arc<EvpnIntent> {
    let id = speaker.vpns().instance(name).unwrap().id;
    Arc::clone(speaker.vpns().intent(id).unwrap())
}

/// Something another host says, to be varied.
#[derive(Clone, Debug)]
pub struct Remote {
    pub pe: IpAddr,
    pub vni: u32,
    pub targets: Vec<u32>,
    pub encapsulations: Vec<Encapsulation>,
    pub more: Vec<ExtendedCommunity>,
    pub local_pref: u32,
}

impl Remote {
    pub fn new(n: u8) -> Self {
        Self {
            pe: pe(n),
            vni: 100,
            targets: vec![79],
            encapsulations: vec![Encapsulation::Vxlan],
            more: vec![],
            local_pref: 100,
        }
    }

    pub fn mac(&self, mac: MacAddr, ip: Option<&str>) -> Route {
        self.mac_ip(mac, ip.map(|ip| ip.parse().unwrap()))
    }

    pub fn mac_ip(&self, mac: MacAddr, ip: Option<IpAddr>) -> Route {
        self.route(EvpnRoute::MacIp {
            rd: self.rd(),
            esi: Esi::ZERO,
            ethernet_tag: 0,
            mac,
            ip,
            label1: LabelField::from_vni(vni(self.vni)),
            label2: None,
        })
    }

    pub fn multicast(&self) -> Route {
        let pmsi = PmsiTunnel::to(self.pe, LabelField::from_vni(vni(self.vni)));
        self.multicast_over(pmsi)
    }

    pub fn multicast_over(&self, pmsi: PmsiTunnel) -> Route {
        let route = self.route(EvpnRoute::InclusiveMulticast {
            rd: self.rd(),
            ethernet_tag: 0,
            originator: self.pe,
        });
        let attributes = route.attributes().clone();
        route.with_attributes(attributes.with(AttributeValue::Pmsi(pmsi)))
    }

    pub fn route(&self, value: EvpnRoute) -> Route {
        let targets = self.targets.iter().map(|n| ExtendedCommunity::from(rt(*n)));
        let encapsulations = self
            .encapsulations
            .iter()
            .map(|e| ExtendedCommunity::from(*e));
        let communities = targets
            .chain(encapsulations)
            .chain(self.more.iter().copied());
        Route::new(
            Nlri::from(NlriValue::Evpn(value)),
            NextHop::for_family(Family::EVPN, self.pe),
            PathAttributes::new()
                .with(AttributeValue::Origin(Origin::Igp))
                .with(AttributeValue::AsPath(AsPath::default()))
                .with(AttributeValue::LocalPref(self.local_pref))
                .with(AttributeValue::ExtendedCommunities(communities.collect())),
        )
    }

    fn rd(&self) -> RouteDistinguisher {
        let IpAddr::V4(address) = self.pe else {
            return RouteDistinguisher::as2(1, 1);
        };
        RouteDistinguisher::ipv4(address, 1)
    }
}

pub fn announce(route: &Route) -> RibEvent {
    RibEvent::Advertise {
        source: PEER,
        route: Arc::new(route.clone()),
    }
}

pub fn take_back(route: &Route) -> RibEvent {
    RibEvent::Withdraw {
        source: PEER,
        key: route.key(),
    }
}
