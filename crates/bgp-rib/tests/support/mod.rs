//! Clients around a reflector, and what each of them holds.

#![allow(
    dead_code,
    clippy::expect_used,
    reason = "each test file uses its part; a test may fail"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use bgp_rib::reflector::{
    AskForAll, ClientId, ClientInfo, Mark, Reflector, ReflectorAction, ReflectorConfig,
    ReflectorEvent,
};
use bgp_wire::{
    AttributeValue, ExtendedCommunity, Family, LabelField, MacAddr, Message, NextHop, Nlri,
    NlriKey, NlriValue, PathAttributes, RawMessage, RouteDistinguisher, RouteTarget, Update,
    attribute::{AsPath, Origin},
    message::{DecodeContext, EncodeContext},
    nlri::{EvpnRoute, RtcRoute},
};

pub const ROUTER_ID: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 100);

/// Everything a client knows of a route.
pub type Held = (Nlri, NextHop, PathAttributes);

pub struct World {
    pub reflector: Reflector,
    pub held: BTreeMap<ClientId, BTreeMap<NlriKey, Held>>,
    pub marks: Vec<(ClientId, Family, Mark)>,
    /// Everything since last asked.
    pub actions: Vec<ReflectorAction>,
}

impl World {
    pub fn new() -> Self {
        Self::asking(AskForAll::Auto)
    }

    pub fn asking(ask_for_all: AskForAll) -> Self {
        Self::around(Reflector::new(config(ask_for_all)))
    }

    /// One that has just been started again.
    pub fn deferring() -> Self {
        Self::around(Reflector::deferring(config(AskForAll::Auto)))
    }

    fn around(reflector: Reflector) -> Self {
        Self {
            reflector,
            held: BTreeMap::new(),
            marks: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// With clients 1 to `n` that speak `families`.
    pub fn with(n: u64, families: &[Family]) -> Self {
        let mut world = Self::new();
        (1..=n).for_each(|client| world.up(client, families));
        world.actions.clear();
        world
    }

    pub fn up(&mut self, client: u64, families: &[Family]) {
        self.held.insert(ClientId(client), BTreeMap::new());
        self.give(ReflectorEvent::Up {
            client: ClientId(client),
            info: info(client, families),
        });
    }

    pub fn down(&mut self, client: u64) {
        self.held.remove(&ClientId(client));
        self.give(ReflectorEvent::Down {
            client: ClientId(client),
        });
    }

    /// The reflector's own.
    pub fn originate(&mut self, messages: Vec<RawMessage>) {
        for message in messages {
            let decoded = Message::decode(&message, &DecodeContext::default()).expect("readable");
            let Message::Update(update) = decoded else {
                panic!("an UPDATE")
            };
            let update = Box::new(update);
            self.give(ReflectorEvent::Originate { update });
        }
    }

    pub fn update(&mut self, client: u64, messages: Vec<RawMessage>) {
        for message in messages {
            self.update_later(client, &message);
        }
        self.flush();
    }

    /// Without flushing.
    pub fn update_later(&mut self, client: u64, message: &RawMessage) {
        let decoded = Message::decode(message, &DecodeContext::default()).expect("readable");
        let Message::Update(update) = decoded else {
            panic!("an UPDATE")
        };
        let event = ReflectorEvent::Update {
            client: ClientId(client),
            update: Box::new(update),
        };
        let actions = self.reflector.handle(event);
        self.apply(actions);
    }

    pub fn announce(&mut self, client: u64, attributes: &PathAttributes, nlri: &[Nlri]) {
        self.update(client, announce(client, attributes, nlri));
    }

    pub fn withdraw(&mut self, client: u64, nlri: &[Nlri]) {
        self.update(client, withdraw(nlri));
    }

    /// The client asks for routes with this target.
    pub fn ask(&mut self, client: u64, target: u16) {
        self.announce(client, &plain(), &[membership(target)]);
    }

    pub fn unask(&mut self, client: u64, target: u16) {
        self.withdraw(client, &[membership(target)]);
    }

    pub fn give(&mut self, event: ReflectorEvent) {
        let actions = self.reflector.handle(event);
        self.apply(actions);
        self.flush();
    }

    pub fn flush(&mut self) {
        let actions = self.reflector.flush();
        self.apply(actions);
    }

    /// What clients make of it; a withdraw of what they do not have is a mistake of the reflector's.
    fn apply(&mut self, actions: Vec<ReflectorAction>) {
        for action in &actions {
            match action {
                ReflectorAction::Announce {
                    to,
                    family,
                    attributes,
                    next_hop,
                    nlri,
                } => {
                    assert!(to.is_sorted() && !to.is_empty() && !nlri.is_empty());
                    for (to, nlri) in to.iter().flat_map(|to| nlri.iter().map(move |n| (to, n))) {
                        assert_eq!(nlri.family, *family);
                        let held = (nlri.clone(), next_hop.clone(), attributes.clone());
                        let routes = self.held.get_mut(to).expect("a client");
                        routes.insert(nlri.key(), held);
                    }
                }
                ReflectorAction::Withdraw { to, nlri, .. } => {
                    assert!(to.is_sorted() && !to.is_empty() && !nlri.is_empty());
                    for (to, nlri) in to.iter().flat_map(|to| nlri.iter().map(move |n| (to, n))) {
                        let routes = self.held.get_mut(to).expect("a client");
                        assert!(routes.remove(&nlri.key()).is_some(), "{to} has no {nlri:?}");
                    }
                }
                ReflectorAction::Mark { to, family, mark } => {
                    self.marks.push((*to, *family, *mark));
                }
            }
        }
        self.actions.extend(actions);
    }

    /// What a client holds except RT-Constraint routes, as destinations.
    pub fn holds(&self, client: u64) -> BTreeSet<Nlri> {
        let routes = self.held[&ClientId(client)].values();
        routes
            .map(|(nlri, ..)| nlri.clone())
            .filter(|nlri| nlri.family != Family::RTC)
            .collect()
    }

    /// The families whose end was marked to a client.
    pub fn ends(&self, client: u64) -> Vec<Family> {
        let marks = self.marks.iter();
        let ends = marks.filter(|(to, _, mark)| (to.0, *mark) == (client, Mark::EndOfRib));
        ends.map(|(_, family, _)| *family).collect()
    }

    pub fn route(&self, client: u64, nlri: &Nlri) -> Option<&Held> {
        self.held[&ClientId(client)].get(&nlri.key())
    }
}

fn config(ask_for_all: AskForAll) -> ReflectorConfig {
    ReflectorConfig {
        router_id: ROUTER_ID,
        cluster_id: ROUTER_ID,
        ask_for_all,
    }
}

pub fn info(client: u64, families: &[Family]) -> ClientInfo {
    ClientInfo {
        router_id: id(client),
        address: id(client).into(),
        families: families.iter().copied().collect(),
        enhanced_refresh: false,
    }
}

pub fn id(client: u64) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, 0, client as u8)
}

/// The attributes of an internal route.
pub fn plain() -> PathAttributes {
    PathAttributes::new()
        .with(AttributeValue::Origin(Origin::Igp))
        .with(AttributeValue::AsPath(AsPath::default()))
        .with(AttributeValue::LocalPref(100))
}

/// The attributes of a VPN route.
pub fn targets(targets: &[u16]) -> PathAttributes {
    let communities = targets
        .iter()
        .map(|target| ExtendedCommunity::from(rt(*target)));
    plain().with(AttributeValue::ExtendedCommunities(communities.collect()))
}

pub fn rt(number: u16) -> RouteTarget {
    RouteTarget::as2(64512, number.into())
}

pub fn membership(target: u16) -> Nlri {
    Nlri::from(NlriValue::Rtc(RtcRoute::new(64512, rt(target))))
}

/// A type 2 route; the same for the same `n`.
pub fn mac(n: u8) -> Nlri {
    Nlri::from(NlriValue::Evpn(EvpnRoute::MacIp {
        rd: RouteDistinguisher::as2(64512, 1),
        esi: Default::default(),
        ethernet_tag: 0,
        mac: MacAddr([2, 0, 0, 0, 0, n]),
        ip: None,
        label1: LabelField([0, 0, 77]),
        label2: None,
    }))
}

pub fn announce(client: u64, attributes: &PathAttributes, nlri: &[Nlri]) -> Vec<RawMessage> {
    let family = nlri[0].family;
    let next_hop = NextHop::for_family(family, id(client).into());
    Update::announce(
        attributes,
        family,
        &next_hop,
        nlri,
        &EncodeContext::default(),
    )
}

pub fn withdraw(nlri: &[Nlri]) -> Vec<RawMessage> {
    Update::withdraw(nlri[0].family, nlri, &EncodeContext::default())
}
