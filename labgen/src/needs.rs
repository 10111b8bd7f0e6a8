//! What a scenario needs of the machine, checked before anything is built.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;

use scenario::{
    Action, Dataplane, DisplayFilter, Encap, Expectation, Fact, KernelFeature, NodeId, NodeKind,
    Protocol, Scenario, Step, VpnType, WireKind,
};

use crate::kinds;

/// Kernel features a scenario can need, by the names that `netns::probe` gives them.
pub fn features(scenario: &Scenario) -> BTreeSet<&'static str> {
    let mut needed = BTreeSet::from(["network namespace", "tmpfs"]);
    if !scenario.lans.is_empty() {
        needed.extend(["veth", "bridge"]);
    }
    if !scenario.links.is_empty() {
        needed.insert("veth");
    }
    if scenario.nodes.iter().any(|node| node.kind.forwards()) {
        needed.insert("kernel settings");
    }
    let switches = |node: &scenario::Node| matches!(node.kind, NodeKind::Ovs);
    if scenario.nodes.iter().any(switches) {
        needed.insert("tun device");
    }
    if !scenario.captures.is_empty() {
        needed.insert("packet capture");
    }
    let speakers = scenario.nodes.iter().filter_map(|node| node.kind.speaker());
    let mut sessions = speakers.flat_map(|speaker| &speaker.sessions);
    if sessions.any(|session| session.peer.password.is_some()) {
        needed.insert("TCP signatures");
    }
    let forwards = |node: &scenario::Node| matches!(&node.kind, NodeKind::Bagpipe(b) if b.dataplane == Dataplane::Linux);
    if scenario.nodes.iter().any(forwards) {
        needed.extend(["veth", "bridge", "vxlan", "vxlan proxy"]);
        if scenario.vpns.iter().any(|vpn| vpn.kind == VpnType::Ipvpn) {
            needed.extend(["vxlan per-packet tunnels", "rules by tunnel key"]);
        }
    }
    match crate::wires::kind(&scenario.lab, || true) {
        _ if !crate::wires::are_used(scenario) => {}
        WireKind::Own => drop(needed.insert("own wires")),
        // Where nobody has chosen, labgen does what the kernel cannot.
        WireKind::Netem if scenario.lab.wire.is_none() => {}
        WireKind::Netem => drop(needed.insert("netem")),
    }
    let echoes = |step: &Step| match &step.action {
        Action::Ping(_) => true,
        Action::Traceroute(wanted) => wanted.method != Protocol::Udp,
        Action::Traffic(flow) => scenario[*flow].protocol == Protocol::Icmp,
        _ => false,
    };
    if scenario.walk().any(echoes) {
        needed.insert("ICMP socket");
    }
    let switches_labels = |step: &scenario::Step| match &step.action {
        Action::Expect(expectation) => match &expectation.fact {
            Fact::Mpls(_) => true,
            Fact::KernelRoute(route) => matches!(route.hop.encap, Some(Encap::Mpls(_))),
            _ => false,
        },
        _ => false,
    };
    if scenario.walk().any(switches_labels) {
        needed.insert("MPLS");
    }
    needed.extend(scenario.lab.needs.iter().map(|feature| match feature {
        KernelFeature::Mpls => "MPLS",
        KernelFeature::Vrf => "VRF",
        KernelFeature::Gre => "GRE",
        KernelFeature::Vlan => "VLAN",
        KernelFeature::Dummy => "dummy",
        KernelFeature::Netem => "netem",
    }));
    needed
}

/// What `tshark` is run with: its user's preferences must not change what is found, and one that may not read them dies
/// of it. There is nothing at that path.
pub const TSHARK_ENV: (&str, &str) = ("WIRESHARK_CONFIG_DIR", "/nonexistent");

/// What judges by display filters.
const TSHARK: kinds::Outside = kinds::Outside {
    program: "tshark",
    package: "tshark",
};

/// The display filters in a scenario's expectations, each with its step.
pub fn display_filters(scenario: &Scenario) -> impl Iterator<Item = (&Step, &DisplayFilter)> {
    scenario.walk().filter_map(|step| match &step.action {
        Action::Expect(Expectation {
            fact: Fact::Packets(packets),
            ..
        }) => packets.filter.as_ref().map(|filter| (step, filter)),
        _ => None,
    })
}

/// The programs of nodes that steps and expectations name, each with its step.
pub fn named_programs(scenario: &Scenario) -> impl Iterator<Item = (&Step, NodeId, &str)> {
    scenario.walk().filter_map(|step| {
        let (node, program) = match &step.action {
            Action::Signal(to) => (to.node, &to.program),
            Action::Expect(expectation) => match &expectation.fact {
                Fact::Program(e) => (e.on, &e.program),
                Fact::Memory(e) => (e.on, &e.program),
                Fact::Cpu(e) => (e.on, &e.program),
                _ => return None,
            },
            _ => return None,
        };
        Some((step, node, program.as_deref()?))
    })
}

/// Programs from outside that a scenario needs.
pub fn programs(scenario: &Scenario) -> BTreeSet<kinds::Outside> {
    let nodes = scenario.nodes.iter();
    let mut programs: BTreeSet<_> = nodes.flat_map(|node| kinds::outside(&node.kind)).collect();
    if display_filters(scenario).next().is_some() {
        programs.insert(TSHARK);
    }
    programs
}

/// Those of them that are not in PATH.
pub fn missing_programs(scenario: &Scenario) -> BTreeSet<kinds::Outside> {
    let programs = programs(scenario).into_iter();
    programs
        .filter(|outside| in_path(outside.program).is_none())
        .collect()
}

/// Where a program is, if it is in PATH or where Debian puts daemons.
pub fn in_path(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|file| nix::unistd::access(file, nix::unistd::AccessFlags::X_OK).is_ok())
}
