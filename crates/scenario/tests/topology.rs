//! Groups, links and addresses: what they mean.

use std::collections::BTreeSet;
use std::net::IpAddr;

use scenario::{NetId, Scenario, Sources, check, check_with};

fn meant(text: &str) -> Scenario {
    check(text, "lab.toml").unwrap_or_else(|errors| {
        panic!(
            "{}",
            scenario::render(&errors, &Sources::of("lab.toml", text), false)
        )
    })
}

/// `node interface address,address` of every interface, then loopbacks and routes.
fn addresses(scenario: &Scenario) -> Vec<String> {
    let mut lines = Vec::new();
    for node in &scenario.nodes {
        for interface in &node.interfaces {
            let all: Vec<String> = interface
                .addresses
                .iter()
                .map(ToString::to_string)
                .collect();
            let mac = interface
                .mac
                .map(|mac| format!(" {mac}"))
                .unwrap_or_default();
            lines.push(format!(
                "{} {} {}{mac}",
                node.name,
                interface.name,
                all.join(",")
            ));
        }
        for loopback in &node.loopbacks {
            lines.push(format!("{} lo {loopback}", node.name));
        }
        for route in &node.routes {
            lines.push(format!("{} to {} via {}", node.name, route.to, route.via));
        }
    }
    lines
}

#[test]
fn five_hundred_compute_nodes_are_five_lines() {
    let text = "[nodes]\nrr = { kind = \"fakerr\" }\ncompute = { kind = \"bagpipe\", count = 500 }\n[lans]\nunderlay = { join = [\"rr\", \"compute\"] }";
    assert_eq!(text.lines().count(), 5);
    let scenario = meant(text);
    assert_eq!(scenario.nodes.len(), 501);
    assert_eq!(scenario.lans[0].subnets[0].to_string(), "10.0.0.0/23");
    let distinct: BTreeSet<IpAddr> = scenario
        .nodes
        .iter()
        .map(|node| node.interfaces[0].addresses[0].ip)
        .collect();
    assert_eq!(distinct.len(), 501);
}

#[test]
fn a_thousand_nodes_and_links_are_two_lines() {
    let text = "[nodes]\nr = { kind = \"router\", count = 1000, loopback = true }\n[links]\nl = { ring = \"r\" }\n";
    let scenario = meant(text);
    assert_eq!((scenario.nodes.len(), scenario.links.len()), (1000, 1000));
}

#[test]
fn a_step_with_a_count_is_so_many_steps() {
    let text = r#"
        [vars]
        n = 3
        [nodes]
        rr = { kind = "fakerr" }
        compute = { kind = "bagpipe", count = "${n}" }
        [lans]
        underlay = { join = ["rr", "compute"] }
        [vpns]
        blue = { type = "evpn", rt = "64512:1" }
        [[step]]
        count = "${n}"
        label = "plug-${i}"
        attach = { port = "vm-${i}", on = "compute-${i}", vpn = "blue", ip = "10.99.0.${i}/24" }
        [[step]]
        ping = { from = "vm-1", to = "vm-${n}" }
    "#;
    let scenario = meant(text);
    let titles: Vec<&str> = scenario.steps.iter().map(|step| &*step.title).collect();
    insta::assert_snapshot!(titles.join("\n"));
    let labels: Vec<_> = scenario.steps.iter().map(|step| &step.label).collect();
    assert_eq!(labels[2].as_deref(), Some("plug-3"));
    assert_eq!(labels[3].as_deref(), None);

    let too_many = text.replace(
        "count = \"${n}\"\n        label",
        "count = 4\n        label",
    );
    let errors = check(&too_many, "lab.toml").unwrap_err();
    let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        ["step 4 attaches `vm-4` on `compute-4`, which is not a node"]
    );
}

#[test]
fn what_is_set_replaces_what_the_file_says() {
    let text = r#"
        [vars]
        leaves = 2
        hosts = "${leaves * 2}"
        [nodes]
        leaf = { kind = "router", count = "${leaves}", loopback = "10.9.${i}.1/32" }
        host = { kind = "host", count = "${hosts}" }
        [lans]
        lan = { join = ["leaf", "host"] }
    "#;
    let set = |value: &str| {
        let set = [("leaves".to_string(), value.to_string())];
        let checked = check_with("lab.toml", text, &set, &mut |_| unreachable!());
        checked.outcome.map(|scenario| scenario.nodes.len())
    };
    assert_eq!(meant(text).nodes.len(), 6);
    assert_eq!(set("4"), Ok(12));
    let said = set("many").unwrap_err();
    assert_eq!(
        said[0].to_string(),
        "the scenario has `leaves * 2`, which cannot be computed"
    );
}

#[test]
fn links_join_pairs_and_groups() {
    let scenario = meant(
        r#"
        [defaults]
        link = { mtu = 9000 }
        host = { gateway = "leaf-${i}" }
        [nodes]
        gw    = { kind = "router", loopback = ["10.8.0.1", "fd08::1/128"] }
        spine = { kind = "router", count = 2, loopback = true }
        leaf  = { kind = "router", count = 2, loopback = "10.255.0.${i + 1}/32" }
        host  = { kind = "host", count = 2 }
        [links]
        uplink = { ends = ["gw", "leaf-1"], subnet = ["192.0.2.0/31", "fd00:1::/64"], address = { gw = ["192.0.2.1", "fd00:1::9"] }, mac = { gw = "02:00:00:00:00:01" }, mtu = 1500 }
        second = { ends = ["gw", "leaf-1"] }
        fabric = { ends = ["leaf", "spine"], subnet = "10.77.0.0/24" }
        edge-with-a-long-name = { ends = ["leaf", "host"], zip = true, ip = "both" }
        "#,
    );
    insta::assert_snapshot!(addresses(&scenario).join("\n"));
    let links: Vec<String> = scenario
        .links
        .iter()
        .map(|link| {
            let ends = link.ends.map(|end| scenario[end].name.as_str());
            format!("{} {} {} {}", link.name, ends[0], ends[1], link.mtu)
        })
        .collect();
    assert_eq!(links[0], "uplink gw leaf-1 1500");
    assert_eq!(links[1], "second gw leaf-1 9000");
    assert_eq!(
        links[2..6],
        [
            "fabric-1 leaf-1 spine-1 9000",
            "fabric-2 leaf-1 spine-2 9000",
            "fabric-3 leaf-2 spine-1 9000",
            "fabric-4 leaf-2 spine-2 9000",
        ]
    );
    assert_eq!(links[7], "edge-with-a-long-name-2 leaf-2 host-2 9000");
}

#[test]
fn rows_of_nodes_become_chains_rings_and_meshes() {
    let ends = |shape: &str| -> Vec<String> {
        let text = format!(
            "[nodes]\nr = {{ kind = \"router\", count = 4 }}\n[links]\nl = {{ {shape} = \"r\", ip = \"none\" }}"
        );
        let scenario = meant(&text);
        let name = |end: scenario::NodeId| scenario[end].name.trim_start_matches("r-").to_string();
        let links = scenario.links.iter();
        links.map(|link| link.ends.map(name).concat()).collect()
    };
    assert_eq!(ends("chain"), ["12", "23", "34"]);
    assert_eq!(ends("ring"), ["12", "23", "34", "41"]);
    assert_eq!(ends("mesh"), ["12", "13", "14", "23", "24", "34"]);
}

#[test]
fn allocation_keeps_clear_of_what_is_given() {
    let scenario = meant(
        r#"
        [nodes]
        a = { kind = "host", loopback = true }
        b = { kind = "host", loopback = "10.255.0.1" }
        [lans]
        one   = { join = ["a", "b"] }
        two   = { join = ["a", "b"], subnet = ["10.0.0.0/24", "fd00::/64"], mac = { b = "02:00:00:00:00:02" } }
        three = { join = ["a", "b"], ip = "ipv6" }
        four  = { join = ["a"], ip = "none" }
        [links]
        given = { ends = ["a", "b"], subnet = "10.128.0.0/31" }
        free  = { ends = ["a", "b"] }
        "#,
    );
    insta::assert_snapshot!(addresses(&scenario).join("\n"));
    assert_eq!(
        scenario.nodes[0].interfaces[4].net,
        NetId::Link(scenario::LinkId(0))
    );
}

#[test]
fn routes_lead_by_way_of_neighbours() {
    let scenario = meant(
        r#"
        [nodes]
        r = { kind = "router" }
        h = { kind = "host", count = 2, gateway = "r" }
        x = { kind = "host", routes = [{ to = "10.0.0.0/8", via = "10.1.0.1" }, { to = "fd00::/16", via = "r" }] }
        [lans]
        left  = { join = ["r", "h"], ip = "both" }
        right = { join = ["r", "x"], ip = "both" }
        [[step]]
        ping = { from = "h-1", to = "x" }
        "#,
    );
    insta::assert_snapshot!(addresses(&scenario).join("\n"));
}
