//! Whatever happens, the intent is what a plain reading of endpoints and routes says, the driver that follows
//! holds it, and nothing is left at the end.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use bgp_rib::best_path::{self, Candidate, compare};
use bgp_rib::{Route, WorkerId};
use bgp_wire::community::{Encapsulation, MacMobility};
use bgp_wire::nlri::EvpnRoute;
use bgp_wire::{ExtendedCommunity, MacAddr, NlriValue};
use common::*;
use proptest::prelude::*;
use vpn::intent::{FloodTarget, Port, RemoteMac};
use vpn::{AttachRequest, AttachToken, EvpnIntent, InstanceId, IntentChange, LocalPort, Speaker};

const NAMES: [&str; 2] = ["e", "f"];
const ADDRESSES: [Option<&str>; 3] = [None, Some("10.9.9.1"), Some("10.9.9.2")];

#[derive(Clone, Debug)]
enum Step {
    Prepare {
        name: usize,
        mac: u8,
        ip: usize,
        port: u8,
        import: Vec<u32>,
        export: Vec<u32>,
        vni: Option<u32>,
    },
    Commit(usize),
    Abort(usize),
    Detach {
        name: usize,
        mac: u8,
        ip: usize,
    },
    Announce(Said),
    TakeBack(Said),
}

#[derive(Clone, Debug)]
struct Said {
    pe: u8,
    what: Option<(u8, usize)>,
    vni: u32,
    target: u32,
    is_vxlan: bool,
    sequence: Option<u32>,
    local_pref: u32,
}

impl Said {
    fn route(&self) -> Route {
        let mobility = |sequence| MacMobility {
            sticky: false,
            sequence,
        };
        let more = self
            .sequence
            .map(|n| ExtendedCommunity::from_mac_mobility(mobility(n)));
        let remote = Remote {
            vni: self.vni,
            targets: vec![self.target],
            encapsulations: self
                .is_vxlan
                .then_some(Encapsulation::Vxlan)
                .into_iter()
                .collect(),
            more: more.into_iter().collect(),
            local_pref: self.local_pref,
            ..Remote::new(self.pe)
        };
        match self.what {
            Some((n, ip)) => remote.mac(mac(n), ADDRESSES[ip]),
            None => remote.multicast(),
        }
    }
}

fn said() -> impl Strategy<Value = Said> {
    let what = proptest::option::weighted(0.7, (1..=3u8, 0..3usize));
    let sequence = proptest::option::weighted(0.3, 0..3u32);
    (
        2..=4u8,
        what,
        100..=101u32,
        79..=80u32,
        any::<bool>(),
        sequence,
        99..=101u32,
    )
        .prop_map(|(pe, what, vni, target, likely, sequence, local_pref)| {
            let is_vxlan = likely || vni == 100;
            Said {
                pe,
                what,
                vni,
                target,
                is_vxlan,
                sequence,
                local_pref,
            }
        })
}

fn targets() -> impl Strategy<Value = Vec<u32>> {
    prop_oneof![3 => Just(vec![79]), 1 => Just(vec![80]), 1 => Just(vec![79, 80]), 1 => Just(vec![])]
}

fn step() -> impl Strategy<Value = Step> {
    let endpoint = || (0..2usize, 1..=3u8, 0..3usize);
    // Mostly one port per MAC, sometimes another.
    let port = prop_oneof![5 => Just(0u8), 1 => Just(9u8)];
    let vni = proptest::option::weighted(0.3, Just(500u32));
    prop_oneof![
        6 => (endpoint(), port, targets(), targets(), vni).prop_map(
            |((name, mac, ip), port, import, export, vni)| {
                let port = if port == 0 { mac } else { port };
                Step::Prepare { name, mac, ip, port, import, export, vni }
            }
        ),
        5 => any::<usize>().prop_map(Step::Commit),
        2 => any::<usize>().prop_map(Step::Abort),
        3 => endpoint().prop_map(|(name, mac, ip)| Step::Detach { name, mac, ip }),
        4 => said().prop_map(Step::Announce),
        2 => said().prop_map(Step::TakeBack),
    ]
}

/// What is known of an instance from the requests alone.
#[derive(Default)]
struct Instance {
    live: BTreeMap<(MacAddr, Option<IpAddr>), Arc<str>>,
    pending: BTreeMap<AttachToken, AttachRequest>,
    is_advertising: bool,
    import: BTreeSet<u32>,
}

type Endpoint = (MacAddr, Option<IpAddr>, Arc<str>);

impl Instance {
    /// MAC, address and port of everything that is or is about to be here.
    fn held(&self) -> BTreeSet<Endpoint> {
        let live = self
            .live
            .iter()
            .map(|((mac, ip), port)| (*mac, *ip, port.clone()));
        let pending = self.pending.values().map(|request| {
            let ip = request.ip.as_ref().map(|ip| ip.address());
            (request.mac, ip, request.local_port.linuxif.clone())
        });
        live.chain(pending).collect()
    }

    fn admits(&self, mac: MacAddr, ip: Option<IpAddr>, port: &str) -> bool {
        self.held().iter().all(|(other, its_ip, its_port)| {
            let is_port_right = *other != mac || **its_port == *port;
            let is_ip_free = ip.is_none() || *its_ip != ip || *other == mac;
            is_port_right && is_ip_free
        })
    }

    fn commit(&mut self, token: AttachToken) {
        let Some(request) = self.pending.remove(&token) else {
            return;
        };
        let ip = request.ip.as_ref().map(|ip| ip.address());
        let number = |target: &bgp_wire::RouteTarget| (79..=80).find(|n| rt(*n) == *target);
        self.import = request.import.iter().filter_map(number).collect();
        self.is_advertising = !request.export.is_empty();
        let is_covered = ip.is_none()
            && self
                .live
                .keys()
                .any(|(mac, ip)| *mac == request.mac && ip.is_some());
        if !is_covered {
            self.live
                .insert((request.mac, ip), request.local_port.linuxif);
        }
        if ip.is_some() {
            self.live.remove(&(request.mac, None));
        }
    }

    /// The intent, made from nothing but the endpoints and the routes of the table.
    fn intent(&self, like: &EvpnIntent, routes: &[(WorkerId, Arc<Route>)]) -> EvpnIntent {
        let mut ports: BTreeMap<Arc<str>, Port> = BTreeMap::new();
        let held = self.held();
        for (mac, ip, port) in &held {
            let has_address = |(of, ip, _): &Endpoint| of == mac && ip.is_some();
            if ip.is_some() || !held.iter().any(has_address) {
                let port = ports.entry(Arc::clone(port)).or_default();
                port.endpoints.insert((*mac, *ip));
            }
        }
        let own = WorkerId::Evi(like.instance.0);
        let imported: Vec<_> = routes
            .iter()
            .filter(|(source, route)| {
                let targets = route.route_targets();
                !self.live.is_empty()
                    && *source != own
                    && self.import.iter().any(|n| targets.contains(&rt(*n)))
                    && route
                        .attributes()
                        .encapsulations()
                        .contains(&Encapsulation::Vxlan)
            })
            .collect();
        let mut macs: BTreeMap<MacAddr, Vec<_>> = BTreeMap::new();
        let mut ips: BTreeMap<IpAddr, Vec<_>> = BTreeMap::new();
        let mut origins: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for entry @ (_, route) in imported {
            let Ok(NlriValue::Evpn(value)) = route.nlri().value() else {
                continue;
            };
            match value {
                EvpnRoute::MacIp { mac, .. } if held.iter().any(|(local, ..)| *local == mac) => {}
                EvpnRoute::MacIp {
                    mac, ip, label1, ..
                } => {
                    macs.entry(mac).or_default().push((entry, label1.vni()));
                    let ip = ip.filter(|ip| held.iter().all(|(_, local, _)| *local != Some(*ip)));
                    if let Some(ip) = ip {
                        ips.entry(ip).or_default().push((entry, mac));
                    }
                }
                EvpnRoute::InclusiveMulticast { rd, originator, .. } => {
                    origins
                        .entry((originator, rd))
                        .or_default()
                        .push((entry, ()));
                }
                _ => {}
            }
        }
        let remote_macs = macs.into_iter().filter_map(|(mac, routes)| {
            let ((_, route), vni) = best(&routes)?;
            Some((
                mac,
                RemoteMac {
                    vtep: route.next_hop().address()?,
                    vni,
                    pinned: best_path::mobility(route).0,
                },
            ))
        });
        let neighbours = ips
            .into_iter()
            .filter_map(|(ip, routes)| Some((ip, best(&routes)?.1)));
        let flood = origins.values().filter_map(|routes| {
            let pmsi = best(routes)?.0.1.attributes().pmsi()?;
            Some(FloodTarget {
                vtep: pmsi.ingress_replication()?,
                vni: pmsi.label.vni(),
            })
        });
        EvpnIntent {
            ports: ports.into_iter().collect(),
            remote_macs: remote_macs.collect(),
            neighbours: neighbours.collect(),
            flood: flood.collect(),
            ..like.clone()
        }
    }

    /// The endpoints it should publish if no other PE has their MACs.
    fn endpoints(&self) -> BTreeSet<(MacAddr, Option<IpAddr>)> {
        let live = self.live.keys().copied();
        live.filter(|_| self.is_advertising).collect()
    }
}

type Member<'a, T> = (&'a (WorkerId, Arc<Route>), T);

fn best<'a, T: Copy>(routes: &[Member<'a, T>]) -> Option<Member<'a, T>> {
    let candidate = |member: &Member<'a, T>| Candidate {
        source: member.0.0,
        route: &member.0.1,
    };
    routes
        .iter()
        .copied()
        .max_by(|a, b| compare(candidate(a), candidate(b)))
}

/// Speaker, model and a driver that does as it is told.
struct World {
    speaker: Speaker,
    model: BTreeMap<&'static str, Instance>,
    tokens: Vec<(AttachToken, &'static str)>,
    driver: BTreeMap<InstanceId, Arc<EvpnIntent>>,
}

impl World {
    fn new() -> Self {
        Self {
            // No MAC of the few is ever a duplicate.
            speaker: speaker_after(usize::MAX),
            model: BTreeMap::new(),
            tokens: Vec::new(),
            driver: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Prepare {
                name,
                mac: n,
                ip,
                port,
                import,
                export,
                vni: number,
            } => {
                let name = NAMES[name];
                let request = AttachRequest {
                    local_port: LocalPort::new(format!("tap{port}")),
                    import: import.into_iter().map(rt).collect(),
                    export: export.into_iter().map(rt).collect(),
                    vni: number.map(vni),
                    ..request(name, n, ADDRESSES[ip])
                };
                self.prepare(name, request);
            }
            Step::Commit(at) => {
                if let Some((token, name)) = self.pick(at) {
                    self.speaker.commit(token);
                    self.model.entry(name).or_default().commit(token);
                }
            }
            Step::Abort(at) => {
                if let Some((token, name)) = self.pick(at) {
                    self.speaker.abort(token);
                    self.model.entry(name).or_default().pending.remove(&token);
                }
            }
            Step::Detach { name, mac: n, ip } => {
                let is_done = self
                    .speaker
                    .detach(&detach(NAMES[name], n, ADDRESSES[ip]))
                    .is_ok();
                let live = &mut self.model.entry(NAMES[name]).or_default().live;
                let before = live.len();
                let ip = ADDRESSES[ip].and_then(|ip| ip.parse().ok());
                live.retain(|key, _| key.0 != mac(n) || (ip.is_some() && key.1 != ip));
                assert_eq!(is_done, live.len() < before);
            }
            Step::Announce(said) => drop(self.speaker.handle([announce(&said.route())])),
            Step::TakeBack(said) => drop(self.speaker.handle([take_back(&said.route())])),
        }
        self.model
            .retain(|_, instance| !instance.live.is_empty() || !instance.pending.is_empty());
        self.follow();
        self.check();
    }

    fn prepare(&mut self, name: &'static str, request: AttachRequest) {
        let ip = request.ip.as_ref().map(|ip| ip.address());
        let is_admitted = match self.model.get(name) {
            Some(instance) => instance.admits(request.mac, ip, &request.local_port.linuxif),
            None => {
                let taken: Vec<_> = self
                    .speaker
                    .vpns()
                    .intents()
                    .map(|intent| intent.vni)
                    .collect();
                request.vni.is_none_or(|vni| !taken.contains(&vni))
            }
        };
        let prepared = self.speaker.prepare_attach(request.clone());
        assert_eq!(prepared.is_ok(), is_admitted, "{prepared:?}");
        if let Ok(prepared) = prepared {
            let intent = prepared.intent.evpn().map(Arc::clone);
            self.driver
                .extend(intent.map(|intent| (prepared.instance, intent)));
            self.tokens.push((prepared.token, name));
            self.model
                .entry(name)
                .or_default()
                .pending
                .insert(prepared.token, request);
        }
    }

    fn pick(&mut self, at: usize) -> Option<(AttachToken, &'static str)> {
        let count = self.tokens.len();
        (count > 0).then(|| self.tokens.swap_remove(at % count))
    }

    fn follow(&mut self) {
        for change in self.speaker.take_intents() {
            match change {
                IntentChange::Remove(id) => drop(self.driver.remove(&id)),
                IntentChange::Set(intent) => drop(self.driver.insert(intent.instance, intent)),
            }
        }
    }

    fn check(&self) {
        let vpns = self.speaker.vpns();
        let wanted: Vec<_> = vpns.intents().collect();
        assert_eq!(self.driver.values().collect::<Vec<_>>(), wanted);
        let table = self.speaker.table();
        let routes: Vec<_> = table
            .routes()
            .map(|(who, route)| (who, Arc::clone(route)))
            .collect();
        let names: Vec<_> = vpns.instances().map(|view| view.external_id).collect();
        assert_eq!(
            names.iter().collect::<BTreeSet<_>>().len(),
            self.model.len()
        );
        for (name, instance) in &self.model {
            let intent = intent(&self.speaker, name);
            assert_eq!(*intent, instance.intent(&intent, &routes), "of {name}");
            let published = vpns.advertised_routes(name).unwrap_or_default();
            let own = WorkerId::Evi(intent.instance.0);
            assert_eq!(table.routes_of(own).count(), published.len());
            check_own(instance, own, &routes);
        }
    }

    fn end(mut self) {
        while let Some((token, name)) = self.pick(0) {
            self.speaker.abort(token);
            self.model.entry(name).or_default().pending.remove(&token);
        }
        for name in NAMES {
            for n in 1..=3 {
                let _ = self.speaker.detach(&detach(name, n, None));
            }
        }
        self.follow();
        assert!(self.driver.is_empty());
        assert!(self.speaker.vpns().is_idle());
        let sources: BTreeSet<_> = self.speaker.table().routes().map(|(who, _)| who).collect();
        assert!(sources.iter().all(WorkerId::is_peer), "{sources:?}");
    }
}

fn key_of(route: &Route) -> Option<(MacAddr, Option<IpAddr>)> {
    match route.nlri().value() {
        Ok(NlriValue::Evpn(EvpnRoute::MacIp { mac, ip, .. })) => Some((mac, ip)),
        _ => None,
    }
}

/// Every endpoint is published, unless its MAC is at another PE for everybody; then none of the MAC is.
fn check_own(instance: &Instance, own: WorkerId, routes: &[(WorkerId, Arc<Route>)]) {
    let wanted = instance.endpoints();
    let imported = |route: &Route| {
        let targets = route.route_targets();
        let encapsulations = route.attributes().encapsulations();
        instance.import.iter().any(|n| targets.contains(&rt(*n)))
            && encapsulations.contains(&Encapsulation::Vxlan)
    };
    let of_mac = |mac| {
        let about = move |route: &Route| key_of(route).is_some_and(|(of, _)| of == mac);
        routes.iter().filter(move |(_, route)| about(route))
    };
    let mut published = BTreeSet::new();
    for (_, route) in routes.iter().filter(|(source, _)| *source == own) {
        published.extend(key_of(route));
    }
    assert!(published.is_subset(&wanted));
    let macs: BTreeSet<MacAddr> = wanted.iter().map(|(mac, _)| *mac).collect();
    for mac in macs {
        let of = |keys: &BTreeSet<(MacAddr, Option<IpAddr>)>| {
            keys.iter().filter(|(of, _)| *of == mac).count()
        };
        let used = of_mac(mac).filter(|(source, route)| *source == own || imported(route));
        let members: Vec<_> = used.map(|entry| (entry, ())).collect();
        match best(&members) {
            // Both the better ones of several PEs and a PE's best are told of by the comparison that all use.
            Some(((source, _), ())) if *source == own => assert_eq!(of(&published), of(&wanted)),
            Some(_) => assert_eq!(of(&published), 0),
            None => panic!("nobody advertises {mac}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_intent_is_what_it_should_be(steps in proptest::collection::vec(step(), 1..50)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.end();
    }
}
