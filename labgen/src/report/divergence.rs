//! Where to look first: the earliest event that bears on what failed.

use std::collections::BTreeSet;
use std::net::IpAddr;

use scenario::Scenario;

use super::faults;
use super::model::{Divergence, Fault, Level, Run, Step, StepState};
use super::names::Names;

/// What is looked at for an event that bears on a failure, best first.
const LOOKS: [fn(&Search<'_>) -> Option<Found>; 7] = [
    nearest, broken, unmended, changes, complaints, packets, latest,
];

/// A failed step, and what it is about.
struct Search<'a> {
    run: &'a Run,
    step: &'a Step,
    /// From when on events count: the last step before that is about the same and passed.
    from: u64,
    until: u64,
    /// Names and addresses of nodes in the step's words.
    about: BTreeSet<String>,
}

/// An event.
struct Found {
    at: u64,
    what: String,
    why: String,
}

/// Looks for the first divergence of a run that failed.
pub(super) fn find(run: &Run, scenario: Option<&Scenario>) -> Option<Divergence> {
    let step = run.failed_step()?;
    let until = step.until?;
    let since = step.since.unwrap_or(until);
    let names = scenario.map(Names::of).unwrap_or_default();
    let about = subjects(scenario, &names, step);
    let mut before = run.steps.iter().rev();
    let last = before.find(|other| {
        let passed = other.state == StepState::Passed && other.until.is_some_and(|t| t <= since);
        passed && !subjects(scenario, &names, other).is_disjoint(&about)
    });
    let search = Search {
        run,
        step,
        from: last.and_then(|step| step.since).unwrap_or(0),
        until,
        about,
    };
    let found = LOOKS.iter().find_map(|look| look(&search));
    let found = found.unwrap_or_else(|| Found {
        at: since,
        what: format!("step {} begins: {}", step.called(), step.title),
        why: "nothing that was recorded bears on it".into(),
    });
    Some(Divergence {
        since,
        until,
        at: found.at,
        what: found.what,
        why: found.why,
    })
}

/// The nodes and ports that a step names, and the addresses of those nodes.
fn subjects(scenario: Option<&Scenario>, names: &Names, step: &Step) -> BTreeSet<String> {
    let Some(scenario) = scenario else {
        return BTreeSet::new();
    };
    let text = [&step.title, step.expected.as_ref().unwrap_or(&step.title)];
    let said: BTreeSet<&str> = text.iter().flat_map(|text| words(text)).collect();
    let nodes = scenario.nodes.iter().map(|node| node.name.as_str());
    let ports = scenario.ports.iter().map(|port| port.name.as_str());
    let mut about = BTreeSet::new();
    for name in nodes.chain(ports).filter(|name| said.contains(name)) {
        about.insert(name.to_owned());
        about.extend(names.addresses(name).map(|ip| ip.to_string()));
    }
    about
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let inside = |c: char| c.is_alphanumeric() || "-_.:/".contains(c);
    text.split(move |c| !inside(c))
        .map(|word| word.trim_matches(['.', ':', '/']))
}

impl Search<'_> {
    fn names_it(&self, text: &str) -> bool {
        words(text).any(|word| self.about.contains(word))
    }

    fn within(&self, at: u64) -> bool {
        (self.from..=self.until).contains(&at)
    }
}

/// The route or packet that the failure calls the nearest miss, where it was first seen on the wire.
fn nearest(search: &Search<'_>) -> Option<Found> {
    let details = search.step.details.iter().filter(|line| line.contains(' '));
    details.take(4).find_map(|detail| {
        let mut routes = search.run.routes.iter().filter(|change| !change.withdrawn);
        if let Some(change) = routes.rfind(|c| c.at <= search.until && detail.contains(&c.route)) {
            let first = search.run.routes.iter().find(|c| c.text == change.text);
            let first = first.unwrap_or(change);
            return Some(Found {
                at: first.at,
                what: format!("{} -> {}: {}", first.from, first.to, first.text),
                why: "the nearest miss, as it was first announced".into(),
            });
        }
        let mut packets = search.run.captures.iter().flat_map(|capture| {
            let packets = capture.packets.iter();
            packets.map(move |packet| (capture, packet))
        });
        let (capture, packet) = packets.find(|(_, p)| detail.ends_with(p.text.as_str()))?;
        Some(Found {
            at: packet.at,
            what: format!(
                "frame {} of {}: {}",
                packet.frame, capture.name, packet.text
            ),
            why: "the nearest miss".into(),
        })
    })
}

/// Something that was broken on purpose and has to do with it.
fn broken(search: &Search<'_>) -> Option<Found> {
    let mut faults = search.run.faults.iter();
    let fault = faults.rfind(|fault| {
        let text = format!("{} {}", fault.on, fault.seen.replace('/', " "));
        search.within(fault.at) && search.names_it(&text)
    })?;
    Some(Found {
        at: fault.since,
        what: format!("{} {}", fault.action, fault.on),
        why: "the last fault on what the step is about".into(),
    })
}

/// The first route that came or went since all was well.
fn changes(search: &Search<'_>) -> Option<Found> {
    let mut routes = search.run.routes.iter();
    let change = routes.find(|change| {
        let text = format!("{} {} {}", change.from, change.to, change.text);
        search.within(change.at) && search.names_it(&text)
    })?;
    Some(Found {
        at: change.at,
        what: format!("{} -> {}: {}", change.from, change.to, change.text),
        why: "the first change of a route since the last step about the same passed".into(),
    })
}

/// The first complaint of a node in question.
fn complaints(search: &Search<'_>) -> Option<Found> {
    let logs = search
        .run
        .logs
        .iter()
        .filter(|log| search.about.contains(&log.node));
    let lines = logs.flat_map(|log| log.shown.iter().map(move |line| (log, line)));
    let grave = lines
        .filter(|(_, line)| line.timed && line.level >= Level::Warning && search.within(line.at));
    let (log, line) = grave.min_by_key(|(_, line)| line.at)?;
    Some(Found {
        at: line.at,
        what: format!("{} says: {}", log.node, line.text),
        why: "the first warning of a node that the step is about".into(),
    })
}

/// The first packet, while the step waited, that has an address which the step names.
fn packets(search: &Search<'_>) -> Option<Found> {
    let expected = search.step.expected.as_deref().unwrap_or_default();
    let named = words(&search.step.title).chain(words(expected));
    let addresses: BTreeSet<&str> = named.filter(|w| w.parse::<IpAddr>().is_ok()).collect();
    let since = search.step.since.unwrap_or(search.from);
    let captures = search.run.captures.iter();
    let all = captures.flat_map(|capture| capture.packets.iter().map(move |p| (capture, p)));
    let meant = all.filter(|(_, packet)| {
        let at = since <= packet.at && packet.at <= search.until;
        at && words(&packet.text).any(|word| addresses.contains(word))
    });
    let (capture, packet) = meant.min_by_key(|(_, packet)| packet.at)?;
    Some(Found {
        at: packet.at,
        what: format!(
            "frame {} of {}: {}",
            packet.frame, capture.name, packet.text
        ),
        why: "the first packet about the address, while the step waited".into(),
    })
}

/// The last thing that was broken on purpose and was so still, whatever the step is about.
fn unmended(search: &Search<'_>) -> Option<Found> {
    let lasting = faults::lasting(search.run)
        .filter(|(fault, end)| fault.at < *end && fault.at <= search.until && search.until <= *end);
    let (fault, _) = lasting.last()?;
    let why = "broken on purpose, and not mended before it failed";
    Some(Found::of(fault, why))
}

/// The last thing that was broken or mended at all.
fn latest(search: &Search<'_>) -> Option<Found> {
    let mut faults = search.run.faults.iter();
    let fault = faults.rfind(|fault| fault.at <= search.until)?;
    Some(Found::of(fault, "the last that was done on purpose"))
}

impl Found {
    fn of(fault: &Fault, why: &str) -> Self {
        Self {
            at: fault.since,
            what: format!("{} {}: {}", fault.action, fault.on, fault.seen),
            why: why.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::{
        Capture, Fault, Level, Log, LogLine, Packet, RouteChange, Run, Step, StepState,
    };
    use super::find;

    const HOSTS: &str = r#"
[nodes]
pe1 = { kind = "host" }
pe2 = { kind = "host" }
other = { kind = "host" }

[lans]
lan = { join = ["pe1", "pe2", "other"], subnet = "10.0.0.0/24" }

[[step]]
ping = { from = "pe1", to = "pe2" }
"#;

    fn step(number: &str, state: StepState, since: u64) -> Step {
        Step {
            number: number.into(),
            rounds: Vec::new(),
            title: format!("expect something on pe1 {number}"),
            file: String::new(),
            line: 1,
            state,
            since: Some(since),
            until: Some(since + 100),
            seen: String::new(),
            expected: None,
            details: Vec::new(),
        }
    }

    /// Step 1 passes at 100, step 2 fails at 1100; both are about pe1. Between them all kinds of things happen.
    fn run() -> Run {
        let route = |at, route: &str, from: &str| RouteChange {
            at,
            route: route.into(),
            withdrawn: false,
            from: from.into(),
            to: "rr".into(),
            text: format!("{route} next-hop {from}"),
        };
        let line = |at, level, text: &str| LogLine {
            at,
            timed: true,
            level,
            text: text.into(),
        };
        Run {
            steps: vec![
                step("1", StepState::Passed, 100),
                step("2", StepState::Failed, 1000),
            ],
            routes: vec![
                route(50, "ipv4 1.0.0.0/8", "pe1"),
                route(300, "ipv4 2.0.0.0/8", "other"),
                route(400, "ipv4 3.0.0.0/8", "pe1"),
                route(450, "ipv4 3.0.0.0/8", "pe1"),
            ],
            faults: vec![Fault {
                action: "cut".into(),
                on: "lan".into(),
                seen: "other/lan, pe1/lan".into(),
                since: 500,
                at: 510,
            }],
            captures: vec![Capture {
                name: "wire".into(),
                packets: vec![Packet {
                    at: 600,
                    frame: 7,
                    length: 60,
                    protocol: "arp",
                    text: "ARP who has 10.0.0.2 tell 10.0.0.1".into(),
                }],
                ..Capture::default()
            }],
            logs: vec![Log {
                node: "pe1".into(),
                shown: vec![
                    line(20, Level::Error, "before"),
                    line(700, Level::Info, "as usual"),
                    line(800, Level::Warning, "odd"),
                ],
                ..Log::default()
            }],
            ..Run::default()
        }
    }

    /// When, and the beginning of why.
    fn first(run: &Run) -> (u64, String) {
        let scenario = scenario::check(HOSTS, "lab.toml").unwrap();
        let found = find(run, Some(&scenario)).unwrap();
        assert_eq!((found.since, found.until), (1000, 1100));
        (found.at, found.why.chars().take(16).collect())
    }

    #[test]
    fn the_nearest_miss_says_most() {
        let mut run = run();
        run.steps[1].details = vec!["ipv4 3.0.0.0/8 next-hop pe1 (from x)".into()];
        assert_eq!(first(&run), (400, "the nearest miss".into()));
        run.steps[1].details =
            vec!["nearest: frame 7: 0.1 ARP who has 10.0.0.2 tell 10.0.0.1".into()];
        assert_eq!(first(&run), (600, "the nearest miss".into()));
    }

    #[test]
    fn then_faults_then_routes_then_warnings_about_the_same() {
        let mut run = run();
        assert_eq!(first(&run), (500, "the last fault o".into()));
        run.faults.clear();
        assert_eq!(first(&run), (400, "the first change".into()));
        run.routes.truncate(2);
        assert_eq!(first(&run), (800, "the first warnin".into()));
        run.logs.clear();
        assert_eq!(first(&run), (1000, "nothing that was".into()));
        run.steps[1].expected = Some("1 reply from 10.0.0.2".into());
        assert_eq!(
            first(&run),
            (1000, "nothing that was".into()),
            "before the step"
        );
        run.captures[0].packets[0].at = 1050;
        assert_eq!(first(&run), (1050, "the first packet".into()));
    }

    #[test]
    fn what_was_broken_and_not_mended_comes_first_then_what_was_done_at_all() {
        let fault = |action: &str, on: &str, at| Fault {
            action: action.into(),
            on: on.into(),
            seen: "other/lan".into(),
            since: at,
            at,
        };
        let mut run = Run {
            steps: run().steps,
            faults: vec![fault("impair", "lan", 500), fault("cut", "far", 600)],
            end: 1200,
            ..Run::default()
        };
        assert_eq!(first(&run), (600, "broken on purpos".into()));
        run.faults.push(fault("heal", "far", 700));
        assert_eq!(first(&run), (500, "broken on purpos".into()));
        run.faults.push(fault("clear", "lan", 800));
        assert_eq!(first(&run), (800, "the last that wa".into()));
        run.faults.clear();
        assert_eq!(first(&run), (1000, "nothing that was".into()));
    }
}
