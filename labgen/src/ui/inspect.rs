//! The tables of `labgen inspect`.

use std::collections::BTreeMap;

use super::ranges::{natural, numbered, ranges};
use super::{fates, table};
use scenario::WireKind;

use crate::protocol::{ImpairedView, LabView, LinkView, NodeView};

/// Nodes of a group from which on it is one row.
const GROUP: usize = 9;
/// Lines of a node before the rest is only counted.
const LINES: usize = 6;

/// A lab in full, or with groups of nodes, long lists and links summed up.
pub fn lab_tables(lab: &LabView, full: bool) -> String {
    let mut out = format!("lab {} ({})", lab.name, lab.file);
    if let Some(pid) = lab.pid {
        out += &format!(", supervisor {pid}");
    }
    out += &format!("\nfiles in {}\n\n", lab.dir.display());
    out += &nodes(lab, full);
    if !lab.lans.is_empty() {
        let mut rows = vec![["LAN", "SUBNET", "NODES"].map(String::from)];
        for lan in &lab.lans {
            let members = lan.members.iter().map(String::as_str);
            rows.push([lan.name.clone(), lan.subnet.clone(), ranges(members)]);
        }
        out += &format!("\n{}", table(&rows));
    }
    if !lab.links.is_empty() {
        out += &format!("\n{}", table(&links(&lab.links, full)));
    }
    if !lab.impaired.is_empty() {
        out += &format!("\n{}", table(&impaired(&lab.impaired)));
    }
    out
}

/// What is done to frames, and what has become of them.
fn impaired(all: &[ImpairedView]) -> Vec<[String; 6]> {
    let mut rows = vec![["IMPAIRED", "FRAMES", "BY", "WIRE", "SEEN", "OF THOSE"].map(String::from)];
    for one in all {
        let (seen, fates) = match &one.counters {
            Some(counters) => (
                counters.frames.to_string(),
                fates(counters).unwrap_or_else(|| "-".into()),
            ),
            None => ("-".into(), "-".into()),
        };
        let wire = match one.wire {
            WireKind::Own => "own",
            WireKind::Netem => "netem",
        };
        let whose = format!("{} {}", one.node, one.direction);
        rows.push([
            one.net.clone(),
            whose,
            one.by.clone(),
            wire.into(),
            seen,
            fates,
        ]);
    }
    rows
}

fn nodes(lab: &LabView, full: bool) -> String {
    let mut groups: BTreeMap<(&str, &str), Vec<&NodeView>> = BTreeMap::new();
    for node in lab.nodes.iter().filter(|_| !full) {
        if let Some((base, _)) = numbered(&node.name) {
            groups.entry((base, &node.kind)).or_default().push(node);
        }
    }
    groups.retain(|_, members| members.len() >= GROUP);
    let mut rows = vec![
        [
            "NODE",
            "KIND",
            "PROCESS",
            "MEMORY",
            "SESSIONS",
            "ADDRESSES",
            "NAMESPACES",
        ]
        .map(String::from),
    ];
    let mut sorted: Vec<&NodeView> = lab.nodes.iter().collect();
    sorted.sort_by_key(|node| natural(&node.name));
    for node in sorted {
        let key = numbered(&node.name).map(|(base, _)| (base, node.kind.as_str()));
        let Some(mut members) = key.and_then(|key| groups.remove(&key)) else {
            let grouped = key.is_some_and(|(base, kind)| is_grouped(&rows, base, kind));
            if !grouped {
                rows.extend(node_rows(node, full));
            }
            continue;
        };
        members.sort_by_key(|node| natural(&node.name));
        rows.extend(group_rows(&members));
    }
    table(&rows)
}

/// Whether the row of this group has been written.
fn is_grouped(rows: &[[String; 7]], base: &str, kind: &str) -> bool {
    rows.iter().any(|row| {
        let named = row[0]
            .strip_prefix(base)
            .is_some_and(|rest| rest.starts_with('-'));
        named && row[1].starts_with(&format!("{kind} ×"))
    })
}

/// One line a session, an address, a program; the rest of the columns in the first.
fn node_rows(node: &NodeView, full: bool) -> Vec<[String; 7]> {
    let mut addresses: Vec<String> = node.loopbacks.iter().map(|l| format!("lo {l}")).collect();
    for interface in &node.interfaces {
        let mut line = format!("{} {}", interface.net, interface.addresses.join(" "));
        if interface.name != interface.net {
            line += &format!(" ({})", interface.name);
        }
        if node.cut.contains(&interface.net) {
            line += " CUT";
        }
        addresses.push(line);
    }
    let mut sessions: Vec<String> = node
        .sessions
        .iter()
        .map(|session| format!("{} {}", session.peer, session.state))
        .collect();
    if !full && sessions.len() > LINES {
        sessions = states(&[node]);
    }
    if !full && addresses.len() > LINES {
        let more = addresses.len() - (LINES - 1);
        addresses.truncate(LINES - 1);
        addresses.push(format!("... {more} more"));
    }
    let kind = match &node.on {
        Some(on) => format!("{} on {on}", node.kind),
        None => node.kind.clone(),
    };
    let columns = [
        vec![node.name.clone()],
        vec![kind],
        processes(node),
        vec![memory(node.memory_kib)],
        sessions,
        addresses,
        node.namespaces.clone(),
    ];
    let height = columns.iter().map(Vec::len).max().unwrap_or(1);
    (0..height)
        .map(|line| {
            columns.each_ref().map(|column| match column.get(line) {
                Some(text) => text.clone(),
                None if line == 0 => "-".into(),
                None => String::new(),
            })
        })
        .collect()
}

fn processes(node: &NodeView) -> Vec<String> {
    if node.halted {
        return vec!["halted".into()];
    }
    let alone = node.programs.len() == 1;
    let programs = node.programs.iter().map(|program| {
        let state = match (&program.exited, program.pid) {
            (Some(how), _) => how.clone(),
            (None, Some(pid)) => pid.to_string(),
            (None, None) => "-".into(),
        };
        if alone {
            state
        } else {
            format!("{} {state}", program.name)
        }
    });
    programs.collect()
}

fn group_rows(members: &[&NodeView]) -> Vec<[String; 7]> {
    let count = |what: &str, is: fn(&NodeView) -> bool| {
        let n = members.iter().filter(|node| is(node)).count();
        (n > 0).then(|| format!("{n} {what}"))
    };
    let process = [
        count("running", |node| {
            node.pid.is_some() && node.exited.is_none() && !node.halted
        }),
        count("halted", |node| node.halted),
        count("ended", |node| node.exited.is_some() && !node.halted),
    ];
    let process: Vec<String> = process.into_iter().flatten().collect();
    let total = members
        .iter()
        .filter_map(|node| node.memory_kib)
        .sum::<u64>();
    let ports: usize = members.iter().map(|node| node.namespaces.len()).sum();
    let dash = |text: String| if text.is_empty() { "-".into() } else { text };
    let first = [
        ranges(members.iter().map(|node| node.name.as_str())),
        format!("{} ×{}", members[0].kind, members.len()),
        dash(process.join(", ")),
        memory(Some(total).filter(|kib| *kib > 0)),
        dash(states(members).join(", ")),
        "-".into(),
        dash(if ports > 0 {
            ports.to_string()
        } else {
            String::new()
        }),
    ];
    let mut rows = vec![first];
    for (line, text) in spans(members).into_iter().enumerate() {
        if line > 0 {
            rows.push(Default::default());
        }
        rows[line][5] = text;
    }
    rows
}

/// For each net that the first and the last of a group are on, or the links of one name: the addresses from first to
/// last.
fn spans(members: &[&NodeView]) -> Vec<String> {
    let (Some(first), Some(last)) = (members.first(), members.last()) else {
        return Vec::new();
    };
    let base = |net: &str| numbered(net).map_or(net, |(base, _)| base).to_owned();
    let mut seen = Vec::new();
    let mut lines = Vec::new();
    for interface in &first.interfaces {
        let net = base(&interface.net);
        let there = last
            .interfaces
            .iter()
            .rfind(|other| base(&other.net) == net);
        let Some(there) = there.filter(|_| !seen.contains(&net)) else {
            continue;
        };
        let pairs = interface.addresses.iter().zip(&there.addresses);
        let pairs: Vec<String> = pairs.map(|(a, b)| format!("{a} to {b}")).collect();
        lines.push(format!("{net} {}", pairs.join(", ")));
        seen.push(net);
    }
    lines
}

/// `500 Established`, `1 Active`.
fn states(nodes: &[&NodeView]) -> Vec<String> {
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for session in nodes.iter().flat_map(|node| &node.sessions) {
        *states.entry(&session.state).or_default() += 1;
    }
    let mut states: Vec<(&str, usize)> = states.into_iter().collect();
    states.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let texts = states.into_iter().map(|(state, n)| format!("{n} {state}"));
    texts.collect()
}

fn links(links: &[LinkView], full: bool) -> Vec<[String; 3]> {
    let mut rows = vec![["LINK", "SUBNET", "ENDS"].map(String::from)];
    let mut sorted: Vec<&LinkView> = links.iter().collect();
    sorted.sort_by_key(|link| natural(&link.name));
    let mut runs: Vec<Vec<&LinkView>> = Vec::new();
    for link in sorted {
        let base = |link: &LinkView| numbered(&link.name).map(|(base, _)| base.to_owned());
        let same = |run: &&mut Vec<&LinkView>| {
            !full && base(link).is_some() && run.last().map(|last| base(last)) == Some(base(link))
        };
        match runs.last_mut().filter(same) {
            Some(run) => run.push(link),
            None => runs.push(vec![link]),
        }
    }
    for run in runs {
        if run.len() < GROUP {
            rows.extend(run.iter().map(|link| {
                let ends = link.ends.join(" -- ");
                [link.name.clone(), link.subnet.clone(), ends]
            }));
            continue;
        }
        let subnets = [run.first(), run.last()].map(|link| link.map_or("", |l| l.subnet.as_str()));
        let side = |at: usize| {
            let mut nodes: Vec<&str> = run
                .iter()
                .filter_map(|link| link.ends[at].split('/').next())
                .collect();
            nodes.sort_by_key(|node| natural(node));
            nodes.dedup();
            ranges(nodes)
        };
        rows.push([
            ranges(run.iter().map(|link| link.name.as_str())),
            format!("{} to {}", subnets[0], subnets[1]),
            format!("{} -- {}", side(0), side(1)),
        ]);
    }
    rows
}

fn memory(kib: Option<u64>) -> String {
    match kib {
        None => "-".into(),
        Some(kib) if kib >= 10 << 20 => format!("{} GB", kib >> 20),
        Some(kib) => format!("{}.{} MB", kib / 1024, kib % 1024 * 10 / 1024),
    }
}
