//! Examples wait for what they need. A ping between two compute nodes that is sent before both have the forwarding
//! entry for the other's port loses its ARP request, or the reply's, and that is repeated only a second later.

#![allow(
    clippy::unwrap_used,
    reason = "a file that is not there fails the test"
)]

mod files;

use std::collections::BTreeMap;

use files::{checked, directories, read, toml_files};
use scenario::{
    Action, Attach, Destination, Endpoint, Fact, Flap, Flapping, NodeId, Ping, PingOutcome, PortId,
    Scenario, VpnId, VpnType,
};

/// What a node forwards by in a VPN.
type Entry = (NodeId, VpnId, Destination);

/// What is known to be there while a scenario goes on.
#[derive(Default)]
struct Known {
    attached: BTreeMap<usize, Attach>,
    entries: Vec<Entry>,
}

impl Known {
    /// Nothing is known any more of entries for a port, nor of those on its node if that had no other in the VPN.
    fn forget(&mut self, scenario: &Scenario, port: PortId) {
        let Some(was) = self.attached.remove(&port.0) else {
            return;
        };
        let to = destination(scenario, &was);
        let mut others = self.attached.values();
        let last = !others.any(|other| (other.on, other.vpn) == (was.on, was.vpn));
        self.entries
            .retain(|(on, vpn, known)| *vpn != was.vpn || *known != to && !(last && *on == was.on));
    }

    /// The entries that a ping needs and that nobody waited for.
    fn missing(&self, scenario: &Scenario, ping: &Ping) -> Vec<Entry> {
        let Endpoint::Port(from) = ping.from else {
            return Vec::new();
        };
        let Some(from) = self.attached.get(&from.0) else {
            return Vec::new();
        };
        let mut others = self.attached.values();
        let to = others.find(|to| to.ip == ping.to && to.vpn == from.vpn && to.on != from.on);
        let Some(to) = to else {
            return Vec::new();
        };
        // What is learnt is not known before it has spoken: until then it is flooded to.
        let needed = [(from.on, to), (to.on, from)];
        let missing = needed.into_iter().filter(|(_, port)| !port.learn);
        let missing = missing.map(|(on, port)| (on, port.vpn, destination(scenario, port)));
        // The Python daemon cannot be asked for its entries.
        missing
            .filter(|(on, ..)| !scenario[*on].kind.is_python())
            .filter(|entry| !self.entries.contains(entry))
            .collect()
    }
}

fn destination(scenario: &Scenario, port: &Attach) -> Destination {
    match scenario[port.vpn].kind {
        VpnType::Evpn => Destination::Mac(port.mac),
        VpnType::Ipvpn => Destination::Ip(port.ip),
    }
}

/// The pings that are sent too early, with what they need; and how many there are that need anything.
fn early(name: &str, scenario: &Scenario) -> (Vec<String>, usize) {
    let mut known = Known::default();
    let (mut early, mut across) = (Vec::new(), 0);
    for step in scenario.walk() {
        match &step.action {
            Action::Attach(attach) => {
                known.forget(scenario, attach.port);
                known.attached.insert(attach.port.0, attach.clone());
            }
            Action::Flap(Flap {
                what: Flapping::Port(attach),
                ..
            }) => {
                known.forget(scenario, attach.port);
                known.attached.insert(attach.port.0, attach.clone());
            }
            Action::Detach { port, .. } => known.forget(scenario, *port),
            Action::Move { to, .. } => {
                known.forget(scenario, to.port);
                known.attached.insert(to.port.0, to.clone());
            }
            Action::Expect(expectation) => {
                if let Fact::Forwarding(entry) = &expectation.fact
                    && !entry.absent
                {
                    known.entries.push((entry.on, entry.vpn, entry.to));
                }
            }
            Action::Ping(ping) if matches!(ping.outcome, PingOutcome::Replies(_)) => {
                let all = Known {
                    attached: known.attached.clone(),
                    entries: Vec::new(),
                };
                across += usize::from(!all.missing(scenario, ping).is_empty());
                for (on, vpn, to) in known.missing(scenario, ping) {
                    let (on, vpn) = (&scenario[on].name, &scenario[vpn].name);
                    let line = step.place.line;
                    early.push(format!("{name}:{line}: {to:?} in {vpn} on {on}"));
                }
            }
            _ => {}
        }
    }
    (early, across)
}

#[test]
fn pings_wait_for_the_entries_at_both_ends() {
    let mut all = Vec::new();
    let mut names = toml_files("scenarios");
    for directory in directories("scenarios") {
        if directory != "scenarios/bad-input" {
            names.extend(toml_files(&directory));
        }
    }
    names.extend(toml_files("bench/scenarios"));
    names.push("labgen/src/command/init/starter.toml".into());
    let mut across = 0;
    for name in names {
        let (early, pings) = early(&name, &checked(&name).outcome.unwrap());
        all.extend(early);
        across += pings;
    }
    let readme = read("README.md");
    let examples = readme.split("```toml\n").skip(1);
    for example in examples.filter_map(|rest| rest.split("```").next()) {
        let (early, pings) = early(
            "README.md",
            &scenario::check(example, "readme.toml").unwrap(),
        );
        all.extend(early);
        across += pings;
    }
    assert!(across > 100, "only {across} pings were found");
    assert!(
        all.is_empty(),
        "sent too early, without\n{}",
        all.join("\n")
    );
}
