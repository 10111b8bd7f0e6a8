//! Pictures of labs as they are drawn today.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use scenario::Scenario;

use super::{ascii, dot, mermaid, svg};

fn lab(text: &str) -> Scenario {
    let checked = scenario::check_with("lab.toml", text, &[], &mut |path| {
        Err(std::io::Error::other(path.to_owned()))
    });
    match checked.outcome {
        Ok(scenario) => scenario,
        Err(errors) => panic!("{}", scenario::render(&errors, &checked.sources, false)),
    }
}

const CLOS: &str = r#"
[lab]
name = "clos"
about = "Two spines, four leaves, a host behind each leaf"
[nodes]
spine = { kind = "frr", count = 2, as = 65000, loopback = true }
leaf = { kind = "frr", count = 4, as = "${65100 + i}", loopback = "10.255.1.${i}/32" }
h = { kind = "host", count = 4 }
[links]
fabric = { ends = ["spine", "leaf"] }
down = { ends = ["leaf", "h"], zip = true }
"#;

const CHAIN: &str = r#"
[lab]
name = "chain"
[nodes]
a = { kind = "host" }
r = { kind = "router", count = 3 }
b = { kind = "host" }
[lans]
left = { join = ["a", "r-1"] }
right = { join = ["r-3", "b"] }
[links]
core = { chain = "r" }
"#;

const MIXED: &str = r#"
[lab]
name = "mixed"
about = "Compute nodes with tenants behind, spines, several LANs and two links between the same nodes"
[nodes]
rr = { kind = "fakerr" }
compute = { kind = "bagpipe", count = 3 }
sw = { kind = "ovs", on = "compute-1" }
gw = { kind = "frr", as = 64512, peers = ["rr"] }
ext = { kind = "bird", as = 65001, peers = ["gw"] }
vm = { kind = "host", count = 3 }
[lans]
underlay = { join = ["rr", "compute", "gw"] }
tenant-a = { join = ["compute-1", "vm-1", "vm-2"] }
tenant-b = { join = ["compute-2", "vm-3"] }
[links]
one = { ends = ["gw", "ext"] }
two = { ends = ["gw", "ext"] }
"#;

const REFLECTORS: &str = r#"
[lab]
name = "two-reflectors"
about = "Five hundred compute nodes behind two reflectors, and a gateway"
[nodes]
rr = { kind = "fakerr", count = 2 }
compute = { kind = "bagpipe", count = 500 }
gw = { kind = "gobgp", as = 64512, peers = ["rr"] }
isp = { kind = "router" }
[lans]
underlay = { join = ["rr", "compute", "gw"], subnet = ["10.0.0.0/22", "fd00:1::/64"] }
[links]
uplink = { ends = ["gw", "isp"] }
"#;

const RING: &str = r#"
[lab]
name = "chain"
[nodes]
a = { kind = "host" }
r = { kind = "router", count = 4 }
b = { kind = "host" }
[lans]
left = { join = ["a", "r-1"] }
right = { join = ["r-4", "b"] }
[links]
core = { ring = "r" }
"#;

const LONG: &str = r#"
[lab]
name = "chain"
[nodes]
a = { kind = "host" }
r = { kind = "router", count = 8 }
b = { kind = "host" }
[lans]
left = { join = ["a", "r-1"] }
right = { join = ["r-8", "b"] }
[links]
core = { chain = "r" }
"#;

const FIFTY: &str = r#"
[lab]
name = "fifty"
[nodes]
rr = { kind = "fakerr", count = 2 }
spine = { kind = "frr", count = 4, as = 65000 }
leaf = { kind = "frr", count = 8, as = "${65100 + i}" }
compute = { kind = "bagpipe", count = 36 , peers = ["rr"]}
[lans]
underlay = { join = ["rr", "compute", "leaf"] , subnet = "10.0.0.0/24"}
[links]
fabric = { ends = ["spine", "leaf"] }
"#;

#[test]
fn leaf_and_spine_with_hosts_below() {
    insta::assert_snapshot!(ascii(&lab(CLOS), None));
}

#[test]
fn a_chain_reads_from_left_to_right() {
    insta::assert_snapshot!(ascii(&lab(CHAIN), None));
}

#[test]
fn a_long_chain_reads_from_top_to_bottom() {
    insta::assert_snapshot!(ascii(&lab(LONG), None));
}

#[test]
fn a_ring_closes_below() {
    insta::assert_snapshot!(ascii(&lab(RING), None));
}

#[test]
fn several_lans_and_two_links_side_by_side() {
    insta::assert_snapshot!(ascii(&lab(MIXED), None));
}

#[test]
fn five_hundred_nodes_are_one_box() {
    insta::assert_snapshot!(ascii(&lab(REFLECTORS), None));
}

#[test]
fn too_wide_for_a_terminal_is_folded_further() {
    let drawn = ascii(&lab(FIFTY), None);
    assert!(
        drawn.lines().all(|line| line.chars().count() <= 120),
        "{drawn}"
    );
    insta::assert_snapshot!(drawn);
}

#[test]
fn svg_is_one_document_with_its_own_style() {
    insta::assert_snapshot!(svg(&lab(MIXED), None));
}

#[test]
fn mermaid_for_markdown() {
    insta::assert_snapshot!(mermaid(&lab(MIXED), None));
}

#[test]
fn dot_for_graphviz() {
    insta::assert_snapshot!(dot(&lab(REFLECTORS), None));
}

/// `name="12"` of every `<rect class="box ...`.
fn boxes(svg: &str) -> Vec<[i64; 4]> {
    let value = |line: &str, name: &str| -> i64 {
        let from = line.find(&format!(" {name}=\"")).unwrap() + name.len() + 3;
        line[from..].split('"').next().unwrap().parse().unwrap()
    };
    svg.lines()
        .filter(|line| line.starts_with("<rect class=\"box"))
        .map(|line| ["x", "y", "width", "height"].map(|name| value(line, name)))
        .collect()
}

#[test]
fn no_box_lies_over_another() {
    for text in [CLOS, CHAIN, LONG, RING, MIXED, FIFTY] {
        let drawn = svg(&lab(text), Some(0));
        let boxes = boxes(&drawn);
        assert!(!boxes.is_empty());
        for (at, [x, y, w, h]) in boxes.iter().enumerate() {
            for [x2, y2, w2, h2] in &boxes[at + 1..] {
                let apart = x + w < *x2 || x2 + w2 < *x || y + h < *y2 || y2 + h2 < *y;
                assert!(apart, "boxes at {x},{y} and {x2},{y2} in\n{drawn}");
            }
        }
    }
}
