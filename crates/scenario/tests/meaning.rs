//! What small scenarios mean.

#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::time::Duration;

use scenario::packet::{BgpKind, CapabilityKind, LayerMatcher};
use scenario::{
    Action, Amount, Attach, Endpoint, Fact, NodeKind, OneOf, PingOutcome, Scenario, Since, Sources,
    StepId, check,
};

fn meant(text: &str) -> Scenario {
    check(text, "dir/A small.toml").unwrap_or_else(|errors| {
        panic!(
            "{}",
            scenario::render(&errors, &Sources::of("small", text), false)
        )
    })
}

/// Two speakers, a reflector, a VPN, then `steps`.
fn with_steps(steps: &str) -> Scenario {
    let lab = r#"
        [nodes]
        rr = { kind = "fakerr", port = 1179 }
        a  = { kind = "bagpipe", dataplane = "dummy", rtc = false, hold_time = "9s" }
        b  = { kind = "bagpipe", peers = ["10.0.0.1", "192.0.2.1"] }
        [lans]
        lan = { join = ["rr", "a", "b"] }
        [vpns]
        blue = { type = "evpn", rt = "64512:1", import_rt = ["64512:3", "64512:1"], export_rt = "64512:2", vni = 5001 }
    "#;
    meant(&format!("{lab}{steps}"))
}

fn attaches(scenario: &Scenario) -> Vec<&Attach> {
    scenario
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Attach(attach) => Some(attach),
            _ => None,
        })
        .collect()
}

#[test]
fn what_is_not_said_has_a_default() {
    let scenario = with_steps("");
    assert_eq!(scenario.lab.name, "a-small");
    let lan = &scenario.lans[0];
    assert_eq!(
        (lan.subnets[0].to_string().as_str(), lan.mtu),
        ("10.0.0.0/24", 1600)
    );
    let addresses: Vec<String> = scenario
        .nodes
        .iter()
        .map(|node| node.interfaces[0].addresses[0].ip.to_string())
        .collect();
    assert_eq!(addresses, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    let NodeKind::Bagpipe(a) = &scenario.nodes[1].kind else {
        panic!("a is not a speaker")
    };
    assert_eq!((a.asn, a.rtc, a.hold_time), (64512, false, Some(9)));
    assert_eq!(
        (a.peers[0].address, a.peers[0].port),
        (IpAddr::from([10, 0, 0, 1]), 1179)
    );
}

#[test]
fn a_peer_given_by_address_is_recognised() {
    let scenario = with_steps("");
    let NodeKind::Bagpipe(b) = &scenario.nodes[2].kind else {
        panic!("b is not a speaker")
    };
    let peers: Vec<_> = b
        .peers
        .iter()
        .map(|peer| (peer.port, peer.node.map(|n| n.0)))
        .collect();
    assert_eq!(peers, [(1179, Some(0)), (179, None)]);
    assert_eq!(b.local_address, IpAddr::from([10, 0, 0, 3]));
}

#[test]
fn route_targets_are_sorted_and_each_once() {
    let scenario = with_steps("");
    let shown = |rts: &[bgp_wire::RouteTarget]| -> Vec<String> {
        rts.iter().map(ToString::to_string).collect()
    };
    assert_eq!(shown(&scenario.vpns[0].import_rts), ["64512:1", "64512:3"]);
    assert_eq!(shown(&scenario.vpns[0].export_rts), ["64512:1", "64512:2"]);
}

#[test]
fn addresses_given_are_skipped_by_those_in_order() {
    let scenario = meant(
        r#"
        [nodes]
        a = { kind = "host" }
        b = { kind = "host" }
        c = { kind = "host" }
        [lans]
        a-name-that-is-too-long = { join = ["a", "b", "c"], subnet = "10.9.0.0/29", address = { c = "10.9.0.1" } }
        lo = { join = ["a", "b"] }
        v6 = { join = ["b"], subnet = "2001:db8::/64" }
        p2p = { join = ["a", "c"], subnet = "192.0.2.0/31" }
        "#,
    );
    let links = |node: usize| -> Vec<(String, String)> {
        let interfaces = scenario.nodes[node].interfaces.iter();
        interfaces
            .map(|one| (one.name.clone(), one.addresses[0].ip.to_string()))
            .collect()
    };
    let [a, b, c] = [links(0), links(1), links(2)];
    assert_eq!(
        [&a[0].1, &b[0].1, &c[0].1],
        ["10.9.0.2", "10.9.0.3", "10.9.0.1"]
    );
    assert_eq!([&a[1].1, &b[1].1], ["10.1.0.1", "10.1.0.2"]);
    assert_eq!(b[2].1, "2001:db8::1");
    assert_eq!([&a[2].1, &c[1].1], ["192.0.2.0", "192.0.2.1"]);
    assert!(
        a[0].0.starts_with("a-name-t-") && a[0].0.len() == 15,
        "{}",
        a[0].0
    );
    assert!(a[1].0.starts_with("lo-"), "{} is the loopback's", a[1].0);
}

#[test]
fn a_port_comes_back_as_it_was_unless_told_otherwise() {
    let scenario = with_steps(
        r#"
        [[step]]
        attach = { port = "p", on = "a", vpn = "blue", ip = "12.0.0.1" }
        [[step]]
        detach = { port = "p" }
        [[step]]
        attach = { port = "p", on = "b" }
        "#,
    );
    let attached = attaches(&scenario);
    assert_eq!(attached[0].prefix_len, 24);
    assert_eq!(attached[0].mac.0[0], 0x02);
    let moved = Attach {
        on: scenario.node_named("b").unwrap(),
        ..attached[0].clone()
    };
    assert_eq!(*attached[1], moved);
    assert_eq!(scenario.ports[0].interface, "ns-p");
}

#[test]
fn last_step_is_the_last_that_did_something() {
    let scenario = with_steps(
        r#"
        [[step]]
        capture = { on = "lan", as = "wire" }
        [[step]]
        attach = { port = "p", on = "a", vpn = "blue", ip = "12.0.0.1" }
        [[step]]
        expect = { session = { on = "a", peer = "rr" } }
        [[step]]
        expect = { packets = { in = "wire", layers = [{ bgp = "keepalive" }], since = "last-step", at_most = 2 } }
        "#,
    );
    let Action::Expect(expectation) = &scenario.steps[3].action else {
        panic!("not a fact")
    };
    let Fact::Packets(packets) = &expectation.fact else {
        panic!("not packets")
    };
    assert_eq!(packets.since, Since::Step(StepId(1)));
    assert_eq!(
        packets.amount,
        Amount {
            at_least: 0,
            at_most: Some(2)
        }
    );
    assert_eq!(expectation.within, Duration::from_secs(5));
}

#[test]
fn a_ping_that_fails_is_silent_for_a_time() {
    let scenario = with_steps(
        r#"
        [[step]]
        ping = { from = "a", to = "b", fails = true }
        [[step]]
        ping = { from = "a", to = "192.0.2.9", within = "2m" }
        "#,
    );
    let pings: Vec<_> = scenario
        .steps
        .iter()
        .filter_map(|step| match &step.action {
            Action::Ping(ping) => Some((ping.from, ping.to, ping.outcome)),
            _ => None,
        })
        .collect();
    let a = Endpoint::Node(scenario.node_named("a").unwrap());
    let silent = PingOutcome::Silence(Duration::from_millis(300));
    let replies = PingOutcome::Replies(Duration::from_secs(120));
    assert_eq!(
        pings,
        [
            (a, IpAddr::from([10, 0, 0, 3]), silent),
            (a, IpAddr::from([192, 0, 2, 9]), replies)
        ]
    );
}

// A route that crosses a link has the link's address as next hop, and one of IPv6 another than one of IPv4.
#[test]
fn a_node_as_next_hop_is_any_of_its_addresses() {
    let scenario = meant(
        r#"
        [nodes]
        a = { kind = "bagpipe", peers = "r" }
        b = { kind = "bagpipe", peers = "r" }
        r = { kind = "frr", loopback = ["10.255.0.9", "fd02::9"] }
        [lans]
        lan = { join = ["a", "b", "r"], subnet = ["10.0.0.0/24", "fd00::/64"] }
        [links]
        link = { ends = ["r", "a"], subnet = "192.0.2.0/31" }
        [vpns]
        blue = { type = "evpn", rt = "64512:1" }
        [[step]]
        expect = { route = { on = "a", family = "vpnv6", next_hop = "r" } }
        [[step]]
        expect = { route = { on = "a", family = "vpnv6", next_hop = "fd00::3" } }
        [[step]]
        expect = { forwarding = { on = "b", vpn = "blue", mac = "02:00:00:00:00:01", next_hop = "a" } }
        "#,
    );
    let hops = scenario.steps.iter().filter_map(|step| match &step.action {
        Action::Expect(expectation) => match &expectation.fact {
            Fact::Route(route) => route.pattern.next_hop.clone(),
            Fact::Forwarding(entry) => entry.next_hop.clone(),
            _ => None,
        },
        _ => None,
    });
    let hops: Vec<OneOf> = hops.collect();
    let said: Vec<String> = hops.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "10.255.0.9 or fd02::9 or 10.0.0.3 or fd00::3 or 192.0.2.0",
            "fd00::3",
            "10.0.0.1 or fd00::1 or 192.0.2.1",
        ]
    );
    let with = |address: &str| -> Vec<bool> {
        let address = address.parse().unwrap();
        hops.iter().map(|hop| hop.has(address)).collect()
    };
    assert_eq!(with("192.0.2.0"), [true, false, false]);
    assert_eq!(with("::ffff:192.0.2.1"), [false, false, true]);
}

// The error of one entry must not bring complaints about everything that uses it.
#[test]
fn a_broken_entry_is_one_mistake() {
    let errors = check(
        r#"
        [nodes]
        rr = { kind = "fakerr", prot = 1 }
        a  = { kind = "bagpipe", peers = ["rr"] }
        [lans]
        lan = { join = ["rr", "a"] }
        [[step]]
        attach = { port = "p", on = "a", vpn = "nowhere", ip = "12.0.0.1" }
        [[step]]
        expect = { session = { on = "a", peer = "rr" } }
        [[step]]
        detach = { port = "p" }
        "#,
        "broken.toml",
    )
    .unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "node `rr` has the unknown key `prot`",
            "step 1 attaches `p` to `nowhere`, which is not a VPN"
        ]
    );
}

#[test]
fn every_speaker_of_a_big_lab_finds_its_reflector() {
    let names: Vec<String> = (0..1000).map(|n| format!("n{n}")).collect();
    let nodes: String = names
        .iter()
        .map(|name| format!("{name} = {{ kind = \"bagpipe\" }}\n"))
        .collect();
    let joined = names.join("\", \"");
    let text = format!(
        "[nodes]\nrr = {{ kind = \"fakerr\" }}\n{nodes}[lans]\nlan = {{ join = [\"rr\", \"{joined}\"], subnet = \"10.0.0.0/16\" }}\n"
    );
    let scenario = meant(&text);
    let rr = IpAddr::from([10, 0, 0, 1]);
    let found = scenario.nodes.iter().filter(|node| match &node.kind {
        NodeKind::Bagpipe(speaker) => speaker.peers.iter().map(|peer| peer.address).eq([rr]),
        _ => false,
    });
    assert_eq!(found.count(), 1000);
}

#[test]
fn a_scenario_may_consist_of_several_files() {
    let files = [
        (
            "dir/common/nodes.toml",
            "include = [\"more.toml\", \"../lab.toml\"]\n[nodes]\nrr = { kind = \"fakerr\" }",
        ),
        (
            "dir/common/more.toml",
            "[lab]\nname = \"more\"\nabout = \"common\"\n[nodes]\nh = { kind = \"host\" }",
        ),
        (
            "dir/common/../lab.toml",
            "[[step]]\nping = { from = \"h\", to = \"rr\" }",
        ),
    ];
    let main = r#"
        include = ["common/nodes.toml", "lab.toml", "common/more.toml"]
        [lab]
        name = "main"
        [nodes]
        a = { kind = "bagpipe" }
        [lans]
        lan = { join = ["rr", "a", "h"] }
        [[step]]
        ping = { from = "a", to = "rr" }
    "#;
    let mut asked = Vec::new();
    let checked = scenario::check_with("dir/main.toml", main, &[], &mut |path| {
        asked.push(path.to_string());
        let found = files.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, text)| text.to_string())
            .ok_or_else(|| std::io::Error::other("no"))
    });
    let scenario = checked.outcome.unwrap();
    assert_eq!(
        asked,
        [
            "dir/common/nodes.toml",
            "dir/common/more.toml",
            "dir/common/../lab.toml"
        ]
    );
    let names: Vec<&str> = scenario
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    assert_eq!(names, ["h", "rr", "a"]);
    assert_eq!(
        (scenario.lab.name.as_str(), scenario.lab.about.as_deref()),
        ("main", Some("common"))
    );
    let places: Vec<(&str, usize)> = scenario
        .steps
        .iter()
        .map(|step| (step.place.file.as_str(), step.place.line))
        .collect();
    assert_eq!(
        places,
        [("dir/common/../lab.toml", 1), ("dir/main.toml", 9)]
    );
}

#[test]
fn no_node_is_called_as_a_log_of_labgens() {
    for name in ["supervisor", "vm-console"] {
        let text = format!(
            "[nodes]\n{name} = {{ kind = \"host\" }}\n[lans]\nlan = {{ join = [\"{name}\"] }}\n"
        );
        let errors = check(&text, "small.toml").unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(
            errors[0].to_string().contains(name),
            "{}",
            errors[0].to_string()
        );
    }
}

/// What is expected of packets in the last step.
fn packets_of(expected: &str) -> scenario::PacketExpectation {
    let scenario = with_steps(&format!(
        "[[step]]\ncapture = {{ on = \"lan\", as = \"wire\" }}\n\
         [[step]]\nlabel = \"before\"\nping = {{ from = \"a\", to = \"b\" }}\n\
         [[step]]\nexpect = {{ packets = {{ in = \"wire\", {expected} }} }}"
    ));
    match &scenario.steps[2].action {
        Action::Expect(scenario::Expectation {
            fact: Fact::Packets(packets),
            ..
        }) => packets.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn numbers_are_one_several_or_bounded() {
    let packets = packets_of(
        "layers = [{ ipv4 = { ttl = { at_most = 5 } } }, { udp = { port = [53, 4789] } }, \
         { mpls = { label = { at_least = 16, at_most = 99 }, ttl = 3 } }]",
    );
    let told: Vec<String> = packets
        .layers
        .iter()
        .map(|layer| match layer {
            LayerMatcher::Ipv4(layer) => layer.ttl.as_ref().unwrap().to_string(),
            LayerMatcher::Udp(layer) => layer.port.as_ref().unwrap().to_string(),
            LayerMatcher::Mpls(layer) => layer.label.as_ref().unwrap().to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(told, ["at most 5", "53 or 4789", "16 to 99"]);
}

#[test]
fn a_message_is_a_word_or_a_table_with_its_ends() {
    let message = |typed: &str| {
        let packets = packets_of(&format!("layers = [{{ bgp = {typed} }}]"));
        match packets.layers.first() {
            Some(LayerMatcher::Bgp(message)) => (**message).clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(message("\"keepalive\"").kind, Some(BgpKind::Keepalive));
    assert_eq!(message("\"keepalive\""), message("{ keepalive = {} }"));
    assert_eq!(message("\"update\""), message("{ update = {} }"));
    assert_eq!(message("{}").kind, None);
    let open = message(
        "{ from = \"rr\", to = \"10.0.0.2\", open = { as = 64512, hold_time = [9, 90], lacks_capabilities = \"add-path\" } }",
    );
    assert!(open.from.unwrap().has("10.0.0.1".parse().unwrap()));
    assert!(open.to.unwrap().has("10.0.0.2".parse().unwrap()));
    let Some(BgpKind::Open(open)) = open.kind else {
        panic!("no OPEN")
    };
    assert_eq!(open.asn, Some(64512));
    assert!(open.hold_time.unwrap().has(9_u16));
    assert_eq!(open.lacks_capabilities, [CapabilityKind::AddPath]);
    let cease = message("{ notification = { code = \"cease\", subcode = { at_most = 9 } } }");
    let Some(BgpKind::Notification(cease)) = cease.kind else {
        panic!("no NOTIFICATION")
    };
    assert!(cease.code.unwrap().has(6_u8));
}

#[test]
fn order_deadline_and_spacing_of_packets() {
    let packets = packets_of(
        "layers = [{ icmp = { type = \"echo-request\" } }], since = \"before\", deadline = \"100ms\", at_least = 3, \
         then = [{ layers = [{ icmp = { type = \"echo-reply\" } }], within = \"50ms\" }, { layers = [{ arp = {} }] }], \
         spacing = { at_least = \"1s\" }",
    );
    assert_eq!(packets.deadline, Some(Duration::from_millis(100)));
    let then: Vec<_> = packets.then.iter().map(|then| then.within).collect();
    assert_eq!(then, [Some(Duration::from_millis(50)), None]);
    let spacing = packets.spacing.unwrap();
    assert_eq!(
        (spacing.at_least, spacing.at_most),
        (Some(Duration::from_secs(1)), None)
    );
    let filter = packets_of("tshark = \"bgp.type == 1\", count = 0");
    assert_eq!(filter.filter.unwrap().text, "bgp.type == 1");
    assert_eq!(filter.layers, []);
}
