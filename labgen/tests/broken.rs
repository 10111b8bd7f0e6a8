//! Things broken on purpose, and what a stranger is told of each: enough to find the cause without another look.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;

use common::Labgen;

/// What the run of a broken lab says.
fn told(name: &str) -> String {
    let labgen = Labgen::new(name);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/broken/{name}.toml"));
    let said = labgen.says(&["run", file.to_str().unwrap()]);
    assert_eq!(said.status, 1, "{}{}", said.stdout, said.stderr);
    said.stdout
}

fn has(told: &str, words: &[&str]) {
    for words in words {
        assert!(told.contains(words), "nothing of `{words}` in\n{told}");
    }
}

#[test]
fn a_wrong_route_target_is_named_with_the_one_it_should_meet() {
    has(
        &told("wrong-rt"),
        &[
            "`vm-a` is attached to `blue` on `compute-a`, which exports 64512:1",
            "`mistype` imports 64512:11: no route target in common",
        ],
    );
}

#[test]
fn everything_that_is_wrong_of_the_nearest_route_is_named() {
    has(
        &told("wrong-attributes"),
        &[
            "`vni` is 100, expected 999",
            "`rt` is 64512:1, expected 64512:9",
            "`local_pref` is 100, expected 200",
        ],
    );
}

#[test]
fn a_wrong_vni_is_named_with_the_frame_that_has_it() {
    has(
        &told("wrong-vni"),
        &[
            "VXLAN vni 999",
            "expected one advertised by 10.0.0.3 for 02:00:00:00:00:02",
        ],
    );
}

#[test]
fn a_withdraw_that_is_not_sent_is_found_with_whoever_keeps_it() {
    has(
        &told("no-withdraw"),
        &[
            "1 route is like that",
            "`rr` does not answer",
            "signal rr with SIGSTOP",
        ],
    );
}

#[test]
fn a_missing_entry_is_told_apart_from_a_missing_route() {
    has(
        &told("fdb-missing"),
        &[
            "expected: a forwarding entry for vm-b to compute-b in blue on compute-a",
            "00:00:00:00:00:00 dst 10.0.0.3",
            "`compute-a` holds l2vpn/evpn type 2",
        ],
    );
}

#[test]
fn loss_is_put_down_to_the_link_that_loses() {
    has(
        &told("loss"),
        &[
            "expected: traffic flow: loss 0%",
            "`compute-a` forwards to `vm-b`",
            "`underlay` is impaired, compute-b in: loss 1%: ",
            " lost of ",
            "look first at: impair underlay: compute-b out: loss 1%",
        ],
    );
}
