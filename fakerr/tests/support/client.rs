use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use bgp_session::{DownReason, GracefulRestart, SessionConfig};
use bgp_transport::{Outgoing, PeerConfig, PeerEvent, PeerHandle, spawn};
use bgp_wire::{
    AttributeValue, Capability, EncodeContext, ExtendedCommunity, Family, LabelField, MacAddr,
    NextHop, Nlri, NlriKey, NlriValue, PathAttributes, RouteDistinguisher, RouteTarget, Update,
    attribute::{AsPath, Origin},
    community::Encapsulation,
    nlri::{EvpnRoute, RtcRoute},
};
use tokio::{sync::mpsc, time::timeout};

use super::{DEADLINE, Fakerr};

pub type Held = (NextHop, PathAttributes);

/// A session with the reflector, and what it has told.
pub struct Client {
    n: u8,
    handle: PeerHandle,
    events: mpsc::Receiver<((), PeerEvent)>,
    outgoing: Option<Outgoing>,
    pub held: BTreeMap<NlriKey, Held>,
    pub ends: Vec<Family>,
    pub downs: Vec<DownReason>,
    pub peer_as: u32,
    pub restart: Option<GracefulRestart>,
}

impl Client {
    /// Client `n` of AS 64512, from 127.0.0.`n`, with these families.
    pub async fn start(fakerr: &Fakerr, n: u8, families: &[Family]) -> Self {
        let mut client = Self::connecting(fakerr.address, n, 64512, families);
        client
            .until("Established", |client| client.outgoing.is_some())
            .await;
        client
    }

    pub fn connecting(address: SocketAddr, n: u8, asn: u32, families: &[Family]) -> Self {
        let mut session = SessionConfig::new(asn, Ipv4Addr::new(10, 0, 0, n));
        session.families = families.to_vec();
        session.capabilities.push(Capability::GracefulRestart {
            restarting: false,
            notification: true,
            time: 0,
            families: Vec::new(),
        });
        let mut config = PeerConfig::new(session, address);
        config.local = Some(IpAddr::V4(Ipv4Addr::new(127, 0, 0, n)));
        let (sender, events) = mpsc::channel(64);
        Self {
            n,
            handle: spawn((), config, sender),
            events,
            outgoing: None,
            held: BTreeMap::new(),
            ends: Vec::new(),
            downs: Vec::new(),
            peer_as: 0,
            restart: None,
        }
    }

    pub async fn until(&mut self, what: &str, fact: impl Fn(&Self) -> bool) {
        while !fact(self) {
            let next = timeout(DEADLINE, self.events.recv()).await;
            let (_, event) = next
                .unwrap_or_else(|_| panic!("client {}: not in time: {what}", self.n))
                .expect("the task lives");
            self.take(event);
        }
    }

    fn take(&mut self, event: PeerEvent) {
        match event {
            PeerEvent::Established {
                negotiated,
                outgoing,
            } => {
                self.peer_as = negotiated.peer_as;
                self.restart = negotiated.graceful_restart;
                self.outgoing = Some(outgoing);
            }
            PeerEvent::Update(update) => {
                assert_eq!(update.verdicts, []);
                self.ends.extend(update.end_of_rib());
                for nlri in update.unreach.iter().flat_map(|(_, nlri)| nlri) {
                    assert!(
                        self.held.remove(&nlri.key()).is_some(),
                        "withdrawn: {nlri:?}"
                    );
                }
                for (_, next_hop, nlri) in &update.reach {
                    for nlri in nlri {
                        let route = (next_hop.clone(), update.attributes.clone());
                        self.held.insert(nlri.key(), route);
                    }
                }
            }
            PeerEvent::Down(reason) => {
                self.outgoing = None;
                self.held.clear();
                self.downs.push(reason);
            }
            _ => {}
        }
    }

    pub async fn until_held(&mut self, nlri: &Nlri) -> Held {
        let key = nlri.key();
        self.until("a route", |client| client.held.contains_key(&key))
            .await;
        self.held[&key].clone()
    }

    pub async fn until_gone(&mut self, nlri: &Nlri) {
        let key = nlri.key();
        self.until("a withdraw", |client| !client.held.contains_key(&key))
            .await;
    }

    pub fn announce(&self, attributes: &PathAttributes, nlri: &Nlri) {
        let next_hop = NextHop::for_family(nlri.family, Ipv4Addr::new(127, 0, 0, self.n).into());
        let nlri = std::slice::from_ref(nlri);
        let context = EncodeContext::default();
        let messages = Update::announce(attributes, nlri[0].family, &next_hop, nlri, &context);
        self.outgoing().send_all(&messages);
    }

    pub fn withdraw(&self, nlri: &Nlri) {
        let context = EncodeContext::default();
        let messages = Update::withdraw(nlri.family, std::slice::from_ref(nlri), &context);
        self.outgoing().send_all(&messages);
    }

    pub fn ask(&self, target: u32) {
        self.announce(&plain(), &membership(target));
    }

    pub fn outgoing(&self) -> &Outgoing {
        self.outgoing.as_ref().expect("Established")
    }

    pub async fn stop(self) {
        self.handle.stop("").await;
    }
}

pub fn plain() -> PathAttributes {
    PathAttributes::new()
        .with(AttributeValue::Origin(Origin::Igp))
        .with(AttributeValue::AsPath(AsPath::default()))
        .with(AttributeValue::LocalPref(100))
}

/// The attributes of an E-VPN route with VXLAN.
pub fn with_target(target: u32) -> PathAttributes {
    let communities = vec![
        ExtendedCommunity::from_encapsulation(Encapsulation::Vxlan),
        ExtendedCommunity::from(RouteTarget::as2(64512, target)),
    ];
    plain().with(AttributeValue::ExtendedCommunities(communities))
}

pub fn membership(target: u32) -> Nlri {
    Nlri::from(NlriValue::Rtc(RtcRoute::new(
        64512,
        RouteTarget::as2(64512, target),
    )))
}

pub fn mac(n: u8) -> Nlri {
    Nlri::from(NlriValue::Evpn(EvpnRoute::MacIp {
        rd: RouteDistinguisher::ipv4(Ipv4Addr::new(10, 0, 0, 1), 1),
        esi: Default::default(),
        ethernet_tag: 0,
        mac: MacAddr([2, 0, 0, 0, 0, n]),
        ip: Some(Ipv4Addr::new(12, 11, 11, n).into()),
        label1: LabelField([0, 0, 79]),
        label2: None,
    }))
}
