//! Tables of the documentation that name tests and scenarios name what there is.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Cells of the rows of all tables of a page, heads and rules left out.
fn rows(page: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(root().join(page)).unwrap();
    let lines = text.lines().filter(|line| line.starts_with("| "));
    let cells = |line: &str| {
        let line = line
            .strip_prefix('|')
            .and_then(|line| line.strip_suffix('|'));
        let line = line.expect("a row");
        line.split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    lines.map(cells).collect()
}

/// What stands between backquotes.
fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

/// Sources with tests, from the top of the repository.
fn sources() -> Vec<String> {
    let mut found = Vec::new();
    let mut todo: Vec<PathBuf> = ["crates", "daemon", "fakerr"]
        .map(|dir| root().join(dir))
        .into();
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                todo.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(root()).unwrap();
                found.push(inside.to_str().unwrap().to_owned());
            }
        }
    }
    found
}

/// The numbers a test is named after: `issue_13_...`, `issues_42_and_43_...`.
fn numbers(name: &str) -> BTreeSet<u32> {
    let rest = name
        .strip_prefix("issue_")
        .or_else(|| name.strip_prefix("issues_"));
    let words = rest.into_iter().flat_map(|rest| rest.split('_'));
    words
        .take_while(|word| *word == "and" || word.parse::<u32>().is_ok())
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// By number, the files with a test named after it.
fn tested() -> BTreeMap<u32, BTreeSet<String>> {
    let mut tested: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    for file in sources() {
        let text = fs::read_to_string(root().join(&file)).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            let is_test = pair[0] == "#[test]" || pair[0].starts_with("#[tokio::test");
            let name = pair[1].trim_start_matches("async ").strip_prefix("fn ");
            if let (true, Some(name)) = (is_test, name) {
                for number in numbers(name) {
                    tested.entry(number).or_default().insert(file.clone());
                }
            }
        }
    }
    tested
}

#[test]
fn known_issues_are_tested_where_their_table_says() {
    let mut tested = tested();
    let mut expected = 1;
    for row in rows("docs/known-issues.md") {
        let [number, _, ours, _, places] = &row[..] else {
            panic!("{row:?}: five cells");
        };
        let Ok(number) = number.parse::<u32>() else {
            assert_eq!(number, "#");
            continue;
        };
        assert_eq!(number, expected, "every number, in order");
        expected += 1;
        let named = quoted(places);
        let is_scenario = |place: &&String| place.starts_with("scenarios/");
        for scenario in named.iter().filter(is_scenario) {
            assert!(root().join(scenario).is_file(), "{number}: {scenario}");
        }
        let files: BTreeSet<String> = named
            .iter()
            .filter(|place| !is_scenario(place))
            .cloned()
            .collect();
        let there = tested.remove(&number).unwrap_or_default();
        assert_eq!(
            files, there,
            "{number}: the files named, and those with a test of this number"
        );
        match ours.as_str() {
            "right" => assert!(!named.is_empty(), "{number}: by which test?"),
            "other" | "no" => assert!(named.is_empty(), "{number}"),
            _ => panic!("{number}: {ours}"),
        }
    }
    assert_eq!(expected, 92, "all of the list");
    assert_eq!(tested, BTreeMap::new(), "numbers that are not in the list");
}

/// Peers of our daemon, and the families that it speaks.
const PEERS: [&str; 6] = ["gobgp", "frr", "bird", "openbgpd", "exabgp", "python"];
const FAMILIES: [&str; 6] = [
    "evpn",
    "vpnv4",
    "vpnv6",
    "rtc",
    "flowspec-vpnv4",
    "flowspec-vpnv6",
];

/// The names of the nodes of a scenario that are this peer.
fn nodes<'a>(scenario: &'a str, peer: &str) -> Vec<&'a str> {
    let is_it = |line: &&str| match peer {
        "python" => line.contains("python = "),
        "ours" => line.contains("kind = \"bagpipe\"") && !line.contains("python = "),
        kind => line.contains(&format!("kind = \"{kind}\"")),
    };
    let lines = scenario.lines().filter(is_it);
    lines
        .filter_map(|line| Some(line.split_once(" = {")?.0.trim()))
        .collect()
}

/// Whether a route of the family is expected on one of these nodes, or of the groups they are.
fn is_expected(scenario: &str, on: &[&str], family: &str) -> bool {
    let has = |line: &str, name: &str| {
        [format!("on = \"{name}\""), format!("on = \"{name}-")]
            .iter()
            .any(|on| line.contains(on.as_str()))
    };
    let mut lines = scenario
        .lines()
        .filter(|line| line.contains("expect = { route = "));
    lines.any(|line| {
        line.contains(&format!("family = \"{family}\"")) && on.iter().any(|name| has(line, name))
    })
}

#[test]
fn every_family_passes_both_ways_where_the_table_of_peers_says() {
    let rows = rows("docs/peers.md");
    let mut rows = rows
        .iter()
        .filter(|row| row.len() == 4 && row[0].starts_with('`'));
    for (peer, family) in PEERS
        .into_iter()
        .flat_map(|peer| FAMILIES.map(|family| (peer, family)))
    {
        let row = rows.next().expect("a row for each peer and family");
        assert_eq!(row[..2], [format!("`{peer}`"), format!("`{family}`")]);
        for (cell, at) in [(&row[2], "ours"), (&row[3], peer)] {
            let Some(name) = quoted(cell).into_iter().next() else {
                assert!(cell.starts_with("it has no "), "{peer} {family}: {cell}");
                continue;
            };
            let path = root()
                .join("scenarios/interop")
                .join(&name)
                .with_extension("toml");
            let text = fs::read_to_string(path).expect(&name);
            assert!(!nodes(&text, peer).is_empty(), "{name}: no {peer}");
            let on = nodes(&text, at);
            // What the Python daemon has is read in its looking glass.
            assert!(
                at == "python" || is_expected(&text, &on, family),
                "{name}: {family} on {at}"
            );
        }
    }
    assert_eq!(rows.next(), None);
}
