//! Why a route or an entry is not where it should be, or still is: who has it, who has not, and what stands between.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use bgp_wire::{Family, MacAddr, RouteTarget};
use capture::matcher::compare_route;
use futures_util::future::join_all;
use scenario::{
    Action, Attach, Destination, Fact, NodeId, NodeKind, RoutePattern, Scenario, StepId, Vpn,
    VpnId, VpnType,
};
use tokio::time::timeout;

use crate::observe::{self, Route, Topic};
use crate::supervisor::disorder::out_of_order;
use crate::supervisor::lab::Lab;
use crate::supervisor::observing::Observer;

/// How long a speaker is waited for that is only asked for an explanation.
const PATIENCE: Duration = Duration::from_millis(500);
/// At most so many other speakers are asked.
const ASKED: usize = 32;

/// What a route or entry is about, in an expectation that was not met.
struct Missed {
    on: NodeId,
    vpn: Option<VpnId>,
    /// The routes that it would follow from, whatever their attributes.
    pattern: RoutePattern,
    /// It should not be there.
    absent: bool,
}

/// Lines that say what other nodes know, and what is out of order; none where nothing can be said.
pub(super) async fn explain(lab: &Rc<Lab>, fact: &Fact, step: StepId) -> Vec<String> {
    let Some(missed) = missed(&lab.scenario, fact) else {
        return Vec::new();
    };
    let mut lines = known_elsewhere(lab, fact, step).await;
    lines.extend(out_of_order(lab, Some(missed.on)));
    lines
}

/// Lines that say what other nodes know.
pub(super) async fn known_elsewhere(lab: &Rc<Lab>, fact: &Fact, step: StepId) -> Vec<String> {
    let Some(missed) = missed(&lab.scenario, fact) else {
        return Vec::new();
    };
    // The node itself is known by what was seen, unless that was its kernel.
    let known = matches!(fact, Fact::Route(_)).then_some(missed.on);
    let origins = attached(&lab.scenario, step).into_iter();
    let origins = origins.filter(|attach| is_about(&missed.pattern, attach));
    let skipped: BTreeSet<NodeId> = origins.map(|attach| attach.on).chain(known).collect();
    let mut lines = targets(&lab.scenario, &missed, step);
    lines.extend(holders(lab, &missed, &skipped).await);
    lines
}

fn missed(scenario: &Scenario, fact: &Fact) -> Option<Missed> {
    match fact {
        Fact::Route(route) => Some(Missed {
            on: route.on,
            vpn: route.vpn,
            pattern: subject(&route.pattern),
            absent: route.amount == scenario::Amount::NONE,
        }),
        Fact::Forwarding(entry) => {
            let about = match entry.to {
                Destination::Mac(mac) => RoutePattern {
                    mac: Some(mac),
                    ..RoutePattern::default()
                },
                Destination::Ip(ip) => RoutePattern {
                    ip: Some(ip),
                    ..RoutePattern::default()
                },
            };
            let family = match (scenario[entry.vpn].kind, entry.to) {
                (VpnType::Evpn, _) => Family::EVPN,
                (VpnType::Ipvpn, Destination::Ip(IpAddr::V6(_))) => Family::VPNV6,
                (VpnType::Ipvpn, _) => Family::VPNV4,
            };
            Some(Missed {
                on: entry.on,
                vpn: Some(entry.vpn),
                pattern: RoutePattern {
                    family: Some(family),
                    ..about
                },
                absent: entry.absent,
            })
        }
        _ => None,
    }
}

/// Only what makes it this route and no other.
fn subject(pattern: &RoutePattern) -> RoutePattern {
    RoutePattern {
        family: pattern.family,
        route_type: pattern.route_type,
        ip: pattern.ip,
        prefix: pattern.prefix,
        mac: pattern.mac,
        rd: pattern.rd,
        ..RoutePattern::default()
    }
}

/// Whether the VPN imports what the ports that the route is about export.
fn targets(scenario: &Scenario, missed: &Missed, step: StepId) -> Vec<String> {
    let mut lines = Vec::new();
    for attach in attached(scenario, step) {
        if !is_about(&missed.pattern, &attach) || attach.on == missed.on {
            continue;
        }
        let (port, on) = (&scenario[attach.port].name, &scenario[attach.on].name);
        let exporter = &scenario[attach.vpn];
        let mut line = format!(
            "`{port}` is attached to `{}` on `{on}`, which exports {}",
            exporter.name,
            list(&exporter.export_rts)
        );
        let importer = missed.vpn.map(|vpn| &scenario[vpn]);
        if let Some(importer) = importer.filter(|importer| !meet(exporter, importer)) {
            let _ = write!(
                line,
                "; `{}` imports {}: no route target in common",
                importer.name,
                list(&importer.import_rts)
            );
        }
        lines.push(line);
    }
    if lines.is_empty() && !missed.absent && names_an_address(&missed.pattern) {
        lines.push("no port with that address is attached to another node".into());
    }
    lines
}

fn names_an_address(pattern: &RoutePattern) -> bool {
    pattern.mac.is_some() || pattern.ip.is_some()
}

fn meet(exporter: &Vpn, importer: &Vpn) -> bool {
    let mut exported = exporter.export_rts.iter();
    exported.any(|rt| importer.import_rts.contains(rt))
}

fn list(rts: &[RouteTarget]) -> String {
    if rts.is_empty() {
        return "nothing".into();
    }
    let rts: Vec<String> = rts.iter().map(ToString::to_string).collect();
    rts.join(", ")
}

/// The attachments that the steps before `step` leave.
pub(super) fn attached(scenario: &Scenario, step: StepId) -> Vec<Attach> {
    let mut there: Vec<Attach> = Vec::new();
    for step in scenario.walk().take_while(|earlier| earlier.id < step) {
        match &step.action {
            Action::Attach(attach) | Action::Move { to: attach, .. } => {
                there.retain(|known| known.port != attach.port);
                there.push(attach.clone());
            }
            Action::Detach { port, .. } => there.retain(|known| known.port != *port),
            _ => {}
        }
    }
    there
}

fn is_about(pattern: &RoutePattern, attach: &Attach) -> bool {
    let mac: Option<MacAddr> = pattern.mac;
    names_an_address(pattern)
        && mac.is_none_or(|mac| mac == attach.mac)
        && pattern.ip.is_none_or(|ip| ip == attach.ip)
}

/// Who holds the route among the other speakers that can be asked.
async fn holders(lab: &Rc<Lab>, missed: &Missed, skipped: &BTreeSet<NodeId>) -> Vec<String> {
    let Some(family) = missed.pattern.family else {
        return Vec::new();
    };
    let speakers = lab.scenario.nodes().map(|(id, _)| id);
    let speakers =
        speakers.filter(|id| !skipped.contains(id) && tells(&lab.scenario[*id].kind, family));
    let asked: Vec<NodeId> = speakers.take(ASKED).collect();
    let answers = join_all(asked.iter().map(|node| async {
        let mut observer = Observer::new(lab, *node, Topic::Routes(family));
        timeout(PATIENCE, observer.routes()).await
    }));
    let mut without = BTreeSet::new();
    let mut lines = Vec::new();
    for (node, answer) in asked.iter().zip(answers.await) {
        let name = &lab.scenario[*node].name;
        match answer {
            Err(_) => lines.push(format!("`{name}` does not answer")),
            Ok(Err(error)) => lines.push(crate::command::chain(&error)),
            Ok(Ok(routes)) => match holds(&missed.pattern, &routes) {
                Some(route) => lines.push(format!("`{name}` holds {route}")),
                None => {
                    without.insert(name.as_str());
                }
            },
        }
    }
    // Where it should not be, those that do not have it are as they should be.
    if !without.is_empty() && !missed.absent {
        let without: Vec<String> = without.iter().map(|name| format!("`{name}`")).collect();
        lines.push(format!("not received by {}", without.join(", ")));
    }
    lines
}

fn tells(kind: &NodeKind, family: Family) -> bool {
    let asked = |speaker: &'static dyn observe::Speaker| speaker.question(Topic::Routes(family));
    matches!(kind, NodeKind::Bagpipe(_)) || observe::speaker(kind).and_then(asked).is_some()
}

fn holds<'a>(pattern: &RoutePattern, routes: &'a [Route]) -> Option<&'a Route> {
    let like = |route: &&Route| compare_route(pattern, &route.facts).difference.is_none();
    routes.iter().find(like)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use scenario::{Action, Fact, StepId};

    use super::{missed, targets};

    fn said(vpn: &str) -> Vec<String> {
        let text = format!(
            r#"
            [nodes]
            rr = {{ kind = "fakerr" }}
            a = {{ kind = "bagpipe" }}
            b = {{ kind = "bagpipe" }}
            [lans]
            net = {{ join = ["rr", "a", "b"] }}
            [vpns]
            blue = {{ type = "evpn", rt = "64512:1" }}
            other = {{ type = "evpn", rt = ["64512:2", "64512:3"] }}
            [[step]]
            attach = {{ port = "vm", on = "a", vpn = "blue", ip = "10.1.0.1/24" }}
            [[step]]
            expect = {{ route = {{ on = "b", vpn = "{vpn}", family = "evpn", type = 2, ip = "vm" }} }}
            "#
        );
        let scenario = scenario::check(&text, "x.toml").unwrap();
        let Action::Expect(expectation) = &scenario.steps[1].action else {
            return Vec::new();
        };
        let fact: &Fact = &expectation.fact;
        targets(&scenario, &missed(&scenario, fact).unwrap(), StepId(1))
    }

    #[test]
    fn route_targets_that_do_not_meet_are_named() {
        assert_eq!(
            said("other"),
            [
                "`vm` is attached to `blue` on `a`, which exports 64512:1; `other` imports 64512:2, 64512:3: no route target in common"
            ]
        );
        assert_eq!(
            said("blue"),
            ["`vm` is attached to `blue` on `a`, which exports 64512:1"]
        );
    }
}
