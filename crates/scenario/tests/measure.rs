//! How long a check takes; `cargo test --release -p scenario --test measure -- --ignored --nocapture`.
#![allow(
    clippy::unwrap_used,
    reason = "a scenario that is wrong fails the measurement"
)]

use std::time::Instant;

#[test]
#[ignore = "a measurement"]
fn large_labs() {
    let ring = "[nodes]\nr = { kind = \"router\", count = 1000, loopback = true }\n[links]\nl = { ring = \"r\" }\n";
    let star = "[nodes]\nrr = { kind = \"gobgp\" }\nc = { kind = \"bagpipe\", count = 1000 }\n[lans]\nl = { join = [\"rr\", \"c\"] }\n";
    let clos = "[nodes]\ns = { kind = \"frr\", count = 10, loopback = true }\nl = { kind = \"frr\", count = 100, loopback = true, as = \"${65000 + i}\", networks = [\"loopback\"], peers = [\"s\"] }\n[links]\nf = { ends = [\"l\", \"s\"] }\n";
    let mut typed = String::from("[nodes]\n");
    (0..1000).for_each(|n| typed += &format!("r{n} = {{ kind = \"router\" }}\n"));
    typed += "[links]\n";
    (0..1000).for_each(|n| {
        typed += &format!("l{n} = {{ ends = [\"r{n}\", \"r{}\"] }}\n", (n + 1) % 1000)
    });
    for (name, text) in [
        ("ring", ring),
        ("star", star),
        ("clos", clos),
        ("typed", &typed),
    ] {
        let began = Instant::now();
        let scenario = scenario::check(text, "lab.toml").unwrap();
        let took = began.elapsed();
        println!(
            "{name}: {} nodes, {} links: {took:?}",
            scenario.nodes.len(),
            scenario.links.len()
        );
    }
}
