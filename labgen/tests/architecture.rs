//! The dependency arrows between the crates only point down.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Every crate of the workspace with its floor; a crate may use only crates on lower floors.
const FLOORS: [(&str, u32); 15] = [
    ("bgp-wire", 0),
    ("impair", 0),
    ("netns", 1),
    ("bagpipe-api", 1),
    ("bgp-session", 1),
    ("bgp-rib", 1),
    ("scenario", 1),
    ("bgp-transport", 2),
    ("vpn", 2),
    ("capture", 2),
    ("dataplane", 3),
    ("bagpipe-bgp", 4),
    ("bagpipe-fakerr", 4),
    ("labgen", 5),
    ("bench", 5),
];

/// Crates that never see a socket, a file, the clock or an executor.
const PURE: [&str; 7] = [
    "bgp-wire",
    "bgp-session",
    "bgp-rib",
    "vpn",
    "scenario",
    "capture",
    "impair",
];

fn packages() -> BTreeMap<String, BTreeSet<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
    let text = |value: &Value| value.as_str().expect("a string").to_owned();
    metadata["packages"]
        .as_array()
        .expect("packages")
        .iter()
        .map(|package| {
            let uses = package["dependencies"]
                .as_array()
                .expect("dependencies")
                .iter()
                .filter(|dependency| dependency["kind"] != "dev")
                .map(|dependency| text(&dependency["name"]))
                .collect();
            (text(&package["name"]), uses)
        })
        .collect()
}

#[test]
fn arrows_point_down() {
    let floors: BTreeMap<&str, u32> = FLOORS.into_iter().collect();
    for (name, uses) in packages() {
        let floor = floors.get(name.as_str());
        let floor = floor.unwrap_or_else(|| panic!("crate `{name}` has no floor in this test"));
        for used in uses {
            if let Some(below) = floors.get(used.as_str()) {
                assert!(
                    below < floor,
                    "`{name}` (floor {floor}) uses `{used}` (floor {below})"
                );
            }
        }
    }
}

#[test]
fn protocol_crates_are_pure() {
    let packages = packages();
    for name in PURE {
        for used in &packages[name] {
            let banned = ["tokio", "nix", "netns", "rtnetlink", "hyper", "axum"];
            assert!(
                !banned.contains(&used.as_str()),
                "`{name}` must not use `{used}`"
            );
        }
    }
}

#[test]
fn protocol_crates_name_no_clock_socket_or_file() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../crates");
    for name in PURE {
        let mut dirs = vec![format!("{root}/{name}/src").into()];
        while let Some(dir) = dirs.pop() {
            for entry in std::fs::read_dir::<std::path::PathBuf>(dir).expect("sources") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    dirs.push(path);
                    continue;
                }
                let text = std::fs::read_to_string(&path).expect("text");
                for word in [
                    "std::net::Tcp",
                    "std::fs::",
                    "SystemTime::now",
                    "Instant::now",
                ] {
                    assert!(!text.contains(word), "{} names `{word}`", path.display());
                }
            }
        }
    }
}
