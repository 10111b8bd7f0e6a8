//! What attachments and the VPNs of them mean.

#![allow(clippy::unwrap_used)]

use scenario::{Action, Attach, PortDirection, Scenario, Sources, check};

fn meant(steps: &str) -> Scenario {
    let lab = r#"
        [nodes]
        rr = { kind = "fakerr" }
        a  = { kind = "bagpipe" }
        [lans]
        lan = { join = ["rr", "a"] }
        [vpns]
        left  = { type = "ipvpn", import_rt = "64512:1", gateway_ip = "10.1.0.254", readvertise = { from_rt = "64512:2", to_rt = "64512:3" }, attract_traffic = { redirect_rt = ["64512:4", "64512:5"], protocol = "udp", source_port = "53", destination_port = "1000:2000" } }
        right = { type = "ipvpn", rt = "64512:2", gateway_ip = "10.2.0.254", attract_traffic = { redirect_rt = "64512:4", to_rt = "64512:6", static_prefixes = "10.9.0.0/16", source = "10.8.0.0/16", protocol = "47" } }
        wires = { type = "evpn", rt = "64512:9" }
    "#;
    let text = format!("{lab}{steps}");
    check(&text, "small.toml").unwrap_or_else(|errors| {
        let sources = Sources::of("small.toml", &text);
        panic!("{}", scenario::render(&errors, &sources, false))
    })
}

fn attach(scenario: &Scenario, step: usize) -> &Attach {
    match &scenario.steps[step].action {
        Action::Attach(attach) => attach,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_machine_may_have_several_ports() {
    let scenario = meant(
        r#"
        [[step]]
        attach = { port = "first", on = "a", vpn = "left", ip = "10.1.0.1/24" }
        [[step]]
        attach = { port = "alone", on = "a", vpn = "left", ip = "10.1.0.2/24" }
        [[step]]
        attach = { port = "second", on = "a", vpn = "right", ip = "10.2.0.1/24", beside = "first" }
        [[step]]
        attach = { port = "third", on = "a", vpn = "right", ip = "10.2.0.2/24", beside = "second" }
        "#,
    );
    let there = scenario.ports.iter().map(|port| {
        let machine = &scenario[port.machine].name;
        (port.name.as_str(), machine.as_str(), port.inside.as_str())
    });
    assert_eq!(
        there.collect::<Vec<_>>(),
        [
            ("first", "first", "tovpn"),
            ("alone", "alone", "tovpn"),
            ("second", "first", "tovpn2"),
            ("third", "first", "tovpn3"),
        ]
    );
}

#[test]
fn what_is_advertised_stays_until_it_is_said_anew() {
    let scenario = meant(
        r#"
        [[step]]
        attach = { port = "p", on = "a", vpn = "right", ip = "10.2.0.1/24", subnets = ["10.3.0.0/24", "::/0"], direction = "from-port", local_pref = 0, hash_order = 7 }
        [[step]]
        detach = { port = "p" }
        [[step]]
        attach = { port = "p", on = "a", vpn = "right" }
        [[step]]
        detach = { port = "p" }
        [[step]]
        attach = { port = "p", on = "a", vpn = "right", subnets = [], direction = "both", local_pref = 200, advertise_subnet = true }
        "#,
    );
    let seen = |step| {
        let attach = attach(&scenario, step);
        let subnets = attach.subnets.iter().map(ToString::to_string);
        (
            subnets.collect::<Vec<_>>(),
            attach.direction,
            attach.local_pref,
            attach.hash_order,
            attach.advertise_subnet,
        )
    };
    let subnets = vec!["10.3.0.0/24".to_owned(), "::/0".to_owned()];
    let first = (subnets, PortDirection::FromPort, Some(0), 7, false);
    assert_eq!(seen(0), first);
    assert_eq!(seen(2), first);
    assert_eq!(
        seen(4),
        (Vec::new(), PortDirection::Both, Some(200), 7, true)
    );
}

#[test]
fn a_port_that_learns_goes_on_learning_until_it_is_said_anew() {
    let scenario = meant(
        r#"
        [[step]]
        attach = { port = "p", on = "a", vpn = "wires", ip = "10.2.0.1/24", learn = true }
        [[step]]
        detach = { port = "p" }
        [[step]]
        attach = { port = "p" }
        [[step]]
        detach = { port = "p" }
        [[step]]
        attach = { port = "p", learn = false }
        "#,
    );
    let learns = [0, 2, 4].map(|step| attach(&scenario, step).learn);
    assert_eq!(learns, [true, true, false]);
}

#[test]
fn attracted_traffic_goes_where_routes_are_advertised_again() {
    let scenario = meant("");
    let [left, right, _] = &scenario.vpns[..] else {
        panic!("two VPNs")
    };
    let attract = left.attract_traffic.as_ref().unwrap();
    assert_eq!(attract.to_rt.to_string(), "64512:3");
    assert_eq!(attract.redirect_rts.len(), 2);
    assert_eq!(attract.protocol, Some(17));
    assert_eq!(attract.source_ports, Some(53..=53));
    assert_eq!(attract.destination_ports, Some(1000..=2000));
    let attract = right.attract_traffic.as_ref().unwrap();
    assert_eq!(attract.to_rt.to_string(), "64512:6");
    assert_eq!(attract.protocol, Some(47));
    assert_eq!(attract.source.unwrap().to_string(), "10.8.0.0/16");
    assert_eq!(attract.static_prefixes[0].to_string(), "10.9.0.0/16");
    assert_eq!(right.readvertise, None);
}
