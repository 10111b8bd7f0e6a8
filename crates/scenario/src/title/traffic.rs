//! Traffic.

use crate::expect::FigureBound;
use crate::file::{StepFile, TrafficFiguresFile};
use crate::lab::Scenario;
use crate::step::{Action, PingOutcome};

/// The title of a step that sends probes.
pub(super) fn of(scenario: &Scenario, action: &Action, typed: &StepFile) -> Option<String> {
    Some(match action {
        Action::Traffic(id) => {
            let flow = &scenario.flows[id.0];
            let ends = typed.traffic.as_ref().map_or_else(String::new, |typed| {
                let during = typed.value.during.as_ref();
                let during = during.map(|time| format!(" for {}", time.value));
                let (from, to) = (&typed.value.from.value, &typed.value.to.value);
                format!("{from} -> {to}{}", during.unwrap_or_default())
            });
            format!(
                "traffic {}: {} {ends}, {}/s",
                flow.name,
                flow.protocol.name(),
                flow.rate
            )
        }
        Action::StopTraffic(id) => format!("stop traffic {}", scenario.flows[id.0].name),
        Action::Traceroute(_) => typed.traceroute.as_ref().map_or_else(String::new, |typed| {
            let (from, to) = (&typed.value.from.value, &typed.value.to.value);
            let hops = typed.value.hops.as_ref().map(|hops| {
                let names: Vec<&str> = hops.value.iter().map(|hop| hop.value.as_str()).collect();
                match names.as_slice() {
                    [] => " directly".to_owned(),
                    names => format!(" over {}", names.join(", ")),
                }
            });
            format!("traceroute {from} -> {to}{}", hops.unwrap_or_default())
        }),
        Action::Connect(connect) => typed.connect.as_ref().map_or_else(String::new, |typed| {
            let (from, to) = (&typed.value.from.value, &typed.value.to.value);
            let fails = match connect.outcome {
                PingOutcome::Replies(_) => "",
                PingOutcome::Silence(_) => " fails",
            };
            let protocol = connect.protocol.name();
            format!(
                "connect {from} -> {to} {protocol} port {}{fails}",
                connect.port
            )
        }),
        _ => return None,
    })
}

pub(super) fn figures(typed: &TrafficFiguresFile, bounds: &[FigureBound]) -> String {
    let bounds: Vec<String> = bounds.iter().map(FigureBound::show).collect();
    let since = typed.since.as_ref();
    let since = since.map(|since| format!(" since {}", since.value));
    format!(
        "traffic {}: {}{}",
        typed.flow.value,
        bounds.join(", "),
        since.unwrap_or_default()
    )
}
