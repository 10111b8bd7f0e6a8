use std::path::Path;
use std::rc::Rc;

use super::{Blueprint, diff, render};

const LAB: &str = r#"
[nodes]
rr = { kind = "fakerr" }
compute = { kind = "bagpipe", count = 2, peers = ["rr"] }
r = { kind = "router", count = 2, loopback = true }
h = { kind = "host", routes = [{ to = "10.9.0.0/16", via = "10.0.0.1" }] }

[lans]
underlay = { join = ["rr", "compute", "h"], subnet = "10.0.0.0/24", address = { rr = "10.0.0.1" } }
spare = { join = ["r"], subnet = "10.0.1.0/24" }

[links]
core = { ends = ["r-1", "r-2"], subnet = "192.0.2.0/31" }
"#;

fn blueprint(text: &str) -> Blueprint {
    let scenario = scenario::check(text, "lab").unwrap_or_else(|errors| panic!("{errors:?}"));
    Blueprint::new(Rc::new(scenario), Path::new(".")).unwrap_or_else(|e| panic!("{e}"))
}

/// What is planned when these words of the lab are replaced by others.
fn planned(replacements: &[(&str, &str)]) -> String {
    let mut text = LAB.to_owned();
    for (from, to) in replacements {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    render(&diff(Some(&blueprint(LAB)), &blueprint(&text)))
}

#[test]
fn from_nothing_everything_comes() {
    insta::assert_snapshot!(render(&diff(None, &blueprint(LAB))), @r"
    + node compute-1 (bagpipe)
    + node compute-2 (bagpipe)
    + node h (host)
    + node r-1 (router)
    + node r-2 (router)
    + node rr (fakerr)
    + LAN spare
    + LAN underlay
    + link core: r-1 to r-2
    ");
}

#[test]
fn the_same_lab_needs_nothing() {
    assert_eq!(diff(Some(&blueprint(LAB)), &blueprint(LAB)), []);
    // Neither do comments and the order of the entries.
    assert_eq!(planned(&[("[lans]", "# a comment\n[lans]")]), "");
}

#[test]
fn a_larger_group_leaves_the_others_alone() {
    insta::assert_snapshot!(planned(&[("count = 2, peers", "count = 3, peers")]), @r"
    + node compute-3 (bagpipe)
    ~ h on underlay: -10.0.0.4/24, +10.0.0.5/24
    ");
    insta::assert_snapshot!(planned(&[("count = 2, peers", "count = 1, peers")]), @r"
    - node compute-2
    ~ h on underlay: -10.0.0.4/24, +10.0.0.3/24
    ");
}

#[test]
fn a_configuration_that_differs_restarts_its_node() {
    let longer = ("peers = [\"rr\"]", "peers = [\"rr\"], hold_time = \"30s\"");
    insta::assert_snapshot!(planned(&[longer]), @r"
    ~ restart compute-1: `/run/bagpipe-bgp/bgp.conf` of `bagpipe-bgp` is another
    ~ restart compute-2: `/run/bagpipe-bgp/bgp.conf` of `bagpipe-bgp` is another
    ");
}

#[test]
fn another_kind_makes_a_node_and_its_cables_anew() {
    insta::assert_snapshot!(planned(&[("kind = \"router\"", "kind = \"host\"")]), @r"
    ! node r-1: it is of kind `host`, and was of kind `router`
    ! node r-2: it is of kind `host`, and was of kind `router`
    ! link core: `r-1` is made anew
    ");
}

#[test]
fn nets_change_in_place_where_they_can() {
    let mtu = (
        "subnet = \"10.0.1.0/24\"",
        "subnet = \"10.0.1.0/24\", mtu = 1400",
    );
    insta::assert_snapshot!(planned(&[mtu]), @"~ spare: MTU 1400");
    let subnet = ("192.0.2.0/31", "192.0.2.2/31");
    insta::assert_snapshot!(planned(&[subnet]), @r"
    ~ r-1 on core: -192.0.2.0/31, +192.0.2.2/31
    ~ r-2 on core: -192.0.2.1/31, +192.0.2.3/31
    ");
    let mac = (
        "[\"r\"], subnet",
        "[\"r\"], mac = { r-1 = \"02:00:00:00:00:01\" }, subnet",
    );
    insta::assert_snapshot!(planned(&[mac]), @"! r-1 on LAN spare: its MAC address is 02:00:00:00:00:01");
    insta::assert_snapshot!(planned(&[("spare =", "other =")]), @r"
    - r-1 leaves LAN spare
    - r-2 leaves LAN spare
    - LAN spare
    + LAN other
    + r-1 joins LAN other
    + r-2 joins LAN other
    ");
    insta::assert_snapshot!(planned(&[("core =", "uplink =")]), @r"
    - link core
    + link uplink: r-1 to r-2
    ");
}

#[test]
fn routes_and_loopbacks_change_in_place() {
    insta::assert_snapshot!(planned(&[("10.9.0.0/16", "10.8.0.0/16")]), @"~ h: -10.9.0.0/16 via 10.0.0.1, +10.8.0.0/16 via 10.0.0.1");
    let loopback = ("loopback = true", "loopback = \"10.7.0.${i}/32\"");
    insta::assert_snapshot!(planned(&[loopback]), @r"
    ~ r-1 on the loopback interface: -10.255.0.1/32, +10.7.0.1/32
    ~ r-2 on the loopback interface: -10.255.0.2/32, +10.7.0.2/32
    ");
}
