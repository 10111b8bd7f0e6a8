//! The table of scenarios in `scenarios/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use scenario::{NodeKind, Scenario};

use super::below::{Unreadable, below};
use super::{FAILED, fail};
use crate::needs;
use crate::ui::say;

/// What nearly every scenario needs of the kernel, and every kernel has.
const COMMON: [&str; 7] = [
    "network namespace",
    "tmpfs",
    "veth",
    "bridge",
    "ICMP socket",
    "packet capture",
    "kernel settings",
];

pub(super) fn scenarios(dir: &Path) -> ExitCode {
    match table(dir) {
        Ok(table) => {
            say!("{table}");
            ExitCode::SUCCESS
        }
        Err(e) => fail(&e, FAILED),
    }
}

fn table(dir: &Path) -> Result<String, Unreadable> {
    let mut by_directory: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for file in below(dir)? {
        let within = file.strip_prefix(dir).unwrap_or(&file).to_owned();
        let parent = within.parent().map(Path::to_owned).unwrap_or_default();
        by_directory.entry(parent).or_default().push(within);
    }
    let mut out = String::new();
    for (directory, mut files) in by_directory {
        files.sort();
        let rows: Vec<String> = files.iter().filter_map(|file| row(dir, file)).collect();
        if rows.is_empty() {
            continue;
        }
        let name = directory.display().to_string();
        let title = if name.is_empty() {
            "First steps"
        } else {
            &name
        };
        out += &format!("\n## {title}\n\n");
        out += "| scenario | what it shows | nodes | peers | steps | kernel |\n|---|---|---|---|---|---|\n";
        out += &rows.concat();
    }
    Ok(out)
}

fn row(dir: &Path, file: &Path) -> Option<String> {
    let path = dir.join(file);
    let text = fs::read_to_string(&path).ok()?;
    let name = path.display().to_string();
    let checked = scenario::check_with(&name, &text, &[], &mut |path| fs::read_to_string(path));
    let scenario = checked.outcome.ok()?;
    let stem = file.file_stem().and_then(|stem| stem.to_str())?;
    let about = scenario.lab.about.clone().unwrap_or_default();
    let steps = match scenario.steps.len() {
        0 => "by hand".into(),
        steps => steps.to_string(),
    };
    Some(format!(
        "| [{stem}]({}) | {} | {} | {} | {steps} | {} |\n",
        file.display(),
        about.replace('|', "\\|"),
        scenario.nodes.len(),
        dash(&peers(&scenario)),
        dash(&kernel(&scenario)),
    ))
}

/// Kinds of programs from outside.
fn peers(scenario: &Scenario) -> BTreeSet<&'static str> {
    let outside = scenario.nodes.iter().map(|node| &node.kind).filter(|kind| {
        !matches!(
            kind,
            NodeKind::Bagpipe(_) | NodeKind::FakeRr(_) | NodeKind::Host | NodeKind::Router
        )
    });
    outside.map(NodeKind::name).collect()
}

fn kernel(scenario: &Scenario) -> BTreeSet<&'static str> {
    let features = needs::features(scenario).into_iter();
    features
        .filter(|feature| !COMMON.contains(feature))
        .collect()
}

fn dash(words: &BTreeSet<&'static str>) -> String {
    if words.is_empty() {
        return "-".into();
    }
    words.iter().copied().collect::<Vec<_>>().join(", ")
}
