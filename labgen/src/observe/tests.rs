//! What each kind tells, by samples of what its program really prints: that is what the table of the scenario language
//! says, no less (nothing is waited for in vain) and no more (nothing is refused that could be seen).

#![allow(clippy::unwrap_used)]

use bgp_wire::Family;
use scenario::{RouteField, SessionField};

use super::{
    Route, Session, Speaker, bird, exabgp, fakerr, frr, gobgp, held_routes, openbgpd, peers,
};

fn told(speaker: &dyn Speaker, samples: &[(Family, &[u8])]) -> Vec<Route> {
    let samples = samples.iter();
    samples
        .flat_map(|(family, sample)| speaker.routes(*family, sample).unwrap())
        .collect()
}

const IPV4: Family = Family::IPV4_UNICAST;
const FLOWSPEC: Family = Family::FLOWSPEC_IPV4;

macro_rules! sample {
    ($name:literal) => {
        &include_bytes!(concat!("samples/", $name))[..]
    };
}

/// Of every kind, routes with every attribute that its families have.
fn samples() -> Vec<(&'static str, Vec<Route>)> {
    let exabgp = sample!("exabgp-attributes.json");
    let bird = sample!("bird-attributes.txt");
    let held = serde_json::from_slice(sample!("bagpipe-attributes.json")).unwrap();
    vec![
        ("bagpipe", held_routes(held)),
        (
            "fakerr",
            told(
                &fakerr::FakeRr,
                &[
                    (Family::EVPN, sample!("fakerr-attributes-evpn.json")),
                    (Family::VPNV4, sample!("fakerr-attributes-vpnv4.json")),
                    (FLOWSPEC, sample!("fakerr-attributes-flowspec.json")),
                    (Family::EVPN, sample!("fakerr-attributes-sent.json")),
                ],
            ),
        ),
        (
            "gobgp",
            told(
                &gobgp::GoBgp,
                &[
                    (Family::EVPN, sample!("gobgp-attributes-evpn.json")),
                    (Family::VPNV4, sample!("gobgp-attributes-vpnv4.json")),
                    (IPV4, sample!("gobgp-attributes-ipv4.json")),
                    (FLOWSPEC, sample!("gobgp-attributes-flowspec.json")),
                ],
            ),
        ),
        (
            "frr",
            told(
                &frr::Frr,
                &[
                    (Family::EVPN, sample!("frr-attributes-evpn")),
                    (Family::VPNV4, sample!("frr-attributes-vpnv4")),
                    (IPV4, sample!("frr-attributes-ipv4")),
                    (FLOWSPEC, sample!("frr-attributes-flowspec")),
                ],
            ),
        ),
        (
            "bird",
            told(
                &bird::Bird,
                &[IPV4, Family::VPNV4, FLOWSPEC].map(|family| (family, bird)),
            ),
        ),
        (
            "openbgpd",
            told(
                &openbgpd::OpenBgpd,
                &[
                    (IPV4, sample!("openbgpd-attributes-ipv4.json")),
                    (Family::VPNV4, sample!("openbgpd-attributes-vpnv4.json")),
                ],
            ),
        ),
        (
            "exabgp",
            told(
                &exabgp::ExaBgp,
                &[IPV4, Family::VPNV4, Family::EVPN, FLOWSPEC].map(|family| (family, exabgp)),
            ),
        ),
    ]
}

/// Whether the route shows it.
fn shows(field: RouteField, route: &Route) -> bool {
    let facts = &route.facts;
    match field {
        RouteField::Type => facts.route_type.is_some(),
        RouteField::Mac => facts.mac.is_some(),
        RouteField::Ip => facts.ip.is_some(),
        RouteField::Prefix => facts.prefix.is_some(),
        RouteField::Rd => facts.rd.is_some(),
        RouteField::Esi => facts.esi.is_some_and(|esi| !esi.is_zero()),
        RouteField::EthernetTag => facts.ethernet_tag == Some(7),
        RouteField::Label => facts.label.is_some(),
        RouteField::Vni => facts.vni.is_some(),
        RouteField::Flowspec => facts.flowspec.len() == 3,
        RouteField::NextHop => facts.next_hop.is_some(),
        RouteField::Rt => !facts.route_targets().is_empty(),
        // Of those that speak no E-VPN the samples have none; that they tell them is in their own tests.
        RouteField::Encap => !facts.encapsulations().is_empty(),
        RouteField::Communities => {
            let told: Vec<String> = facts.communities.iter().map(ToString::to_string).collect();
            ["64512:1", "no-export", "blackhole"]
                .iter()
                .all(|one| told.iter().any(|told| told == one))
        }
        RouteField::LargeCommunities => facts.large_communities.len() == 2,
        RouteField::ExtendedCommunities => !facts.extended_communities.is_empty(),
        RouteField::Origin => facts.origin.is_some(),
        RouteField::AsPath | RouteField::AsPathContains => {
            facts.as_path.as_deref() == Some("65001 65002")
        }
        RouteField::LocalPref => facts.local_pref == Some(200),
        RouteField::Med => facts.med == Some(30),
        RouteField::Originator => facts.originator.is_some(),
        RouteField::ClusterList => !facts.cluster_list.is_empty(),
        RouteField::Pmsi => facts.pmsi.is_some(),
        RouteField::PmsiEndpoint => facts.pmsi.is_some_and(|pmsi| pmsi.endpoint.is_some()),
        RouteField::Mobility => facts.mobility().is_some_and(|m| m.sequence == 3),
        RouteField::Sticky => facts.mobility().is_some_and(|m| m.sticky),
        RouteField::DefaultGateway => facts.is_default_gateway(),
        RouteField::RouterMac => facts.router_mac().is_some(),
        RouteField::Best => route.best.is_some(),
        RouteField::From => route.from.is_some(),
        RouteField::To => route.to.is_some(),
    }
}

#[test]
fn every_kind_tells_what_it_is_said_to_tell() {
    for (kind, routes) in samples() {
        for field in RouteField::ALL {
            let seen = routes.iter().any(|route| shows(field, route));
            // Encapsulations and hosts are in the tests of these; Flowspec of IP VPNs is read as fakerr's is.
            let not_in_samples = matches!(
                (field, kind),
                (RouteField::Encap | RouteField::Ip, "bird" | "openbgpd")
                    | (RouteField::Flowspec, "bagpipe")
            );
            assert_eq!(
                seen || not_in_samples,
                field.is_told_by(kind),
                "{kind} tells `{field}`: {:#?}",
                routes.iter().map(ToString::to_string).collect::<Vec<_>>()
            );
        }
    }
}

const FAKERR_CLIENT: &str = r#"{"router_id":"10.0.0.1","clients":[{"address":"10.0.0.2","port":38291,"state":"Established","as":64512,"router_id":"10.0.0.2","families":["l2vpn/evpn"],"hold_time":180,"four_octet_as":true,"graceful_restart":false,"established_ms":1500,"flaps":1}]}
"#;
const BAGPIPE_PEER: &str = r#"[{"peer":"10.0.0.1","state":"Established","flaps":1,"agreed":{"as":64512,"families":["l2vpn/evpn"],"hold_time":180,"four_octet_as":true,"graceful_restart":false,"established_ms":1500}}]"#;

#[test]
fn every_kind_tells_of_its_sessions_what_it_is_said_to_tell() {
    let told = |speaker: &dyn Speaker, sample: &[u8]| speaker.sessions(sample).unwrap();
    let samples: [(&str, Vec<Session>); 7] = [
        (
            "bagpipe",
            peers(serde_json::from_str(BAGPIPE_PEER).unwrap()).unwrap(),
        ),
        ("fakerr", told(&fakerr::FakeRr, FAKERR_CLIENT.as_bytes())),
        ("gobgp", told(&gobgp::GoBgp, sample!("gobgp-neighbor.json"))),
        ("frr", told(&frr::Frr, sample!("frr-neighbors"))),
        ("bird", told(&bird::Bird, sample!("bird-protocols.txt"))),
        (
            "openbgpd",
            told(&openbgpd::OpenBgpd, sample!("openbgpd-neighbors.json")),
        ),
        (
            "exabgp",
            told(&exabgp::ExaBgp, sample!("exabgp-events.json")),
        ),
    ];
    for (kind, sessions) in samples {
        let shows = |field: SessionField, session: &Session| match field {
            SessionField::Families => session.families.is_some(),
            SessionField::HoldTime => session.hold_time.is_some(),
            SessionField::FourOctetAs => session.four_octet_as == Some(true),
            SessionField::GracefulRestart => session.graceful_restart.is_some(),
            SessionField::Uptime => session.up.is_some(),
            SessionField::Flaps => session.flaps.is_some(),
        };
        for field in SessionField::ALL {
            let seen = sessions.iter().any(|session| shows(field, session));
            let name = field.name();
            assert_eq!(
                seen,
                field.is_told_by(kind),
                "{kind} tells `{name}`: {sessions:#?}"
            );
        }
    }
}

#[test]
fn routes_of_one_origin_read_alike_whoever_tells_them() {
    let all: Vec<String> = samples()
        .iter()
        .flat_map(|(kind, routes)| {
            let lines = routes.iter().map(|route| route.to_string());
            std::iter::once(format!("## {kind}")).chain(lines)
        })
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}
