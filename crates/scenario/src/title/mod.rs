//! What a person calls a step: one line, with the names that were typed.

mod expect;
mod flow;
mod node;
mod packets;
mod routes;
mod traffic;

use crate::file::{At, StepFile};
use crate::lab::Scenario;
use crate::step::{Action, PingOutcome};

/// The title of the step that `typed` was resolved to.
pub(crate) fn of(scenario: &Scenario, action: &Action, typed: &StepFile) -> String {
    match action {
        Action::Attach(attach) => format!(
            "attach {} ({}/{}) to {} on {}",
            scenario.ports[attach.port.0].name,
            attach.ip,
            attach.prefix_len,
            scenario.vpns[attach.vpn.0].name,
            scenario.nodes[attach.on.0].name,
        ),
        Action::Detach { port, from } => format!(
            "detach {} from {} on {}",
            scenario.ports[port.0].name,
            scenario.vpns[from.vpn.0].name,
            scenario.nodes[from.on.0].name,
        ),
        Action::Ping(ping) => {
            let (from, to) = match &typed.ping {
                Some(ping) => (ping.value.from.value.as_str(), ping.value.to.value.as_str()),
                None => ("", ""),
            };
            match ping.outcome {
                PingOutcome::Replies(_) => format!("ping {from} -> {to}"),
                PingOutcome::Silence(_) => format!("ping {from} -> {to} fails"),
            }
        }
        Action::Capture(id) => {
            let on = typed.capture.as_ref().map(|typed| &typed.value.on.value);
            let name = &scenario[*id].name;
            format!("capture on {} as {name}", on.map_or("", String::as_str))
        }
        Action::Exec(exec) => {
            let on = typed
                .exec
                .as_ref()
                .map_or("", |exec| exec.value.on.value.as_str());
            format!("exec on {on}: {}", exec.command.join(" "))
        }
        Action::Expect(expectation) => match &typed.expect {
            Some(expect) => {
                let fact = expect::fact(&expect.value, &expectation.fact);
                let hold = expect.value.during.as_ref();
                let hold = hold.map(|during| format!(" for {}", during.value));
                format!("expect {fact}{}", hold.unwrap_or_default())
            }
            None => "expect".into(),
        },
        action => {
            let about_routes = routes::of(scenario, action, typed);
            let about_traffic = about_routes.or_else(|| traffic::of(scenario, action, typed));
            about_traffic.unwrap_or_else(|| flow::of(scenario, action, typed))
        }
    }
}

fn text(typed: &Option<At<String>>) -> Option<String> {
    typed.as_ref().map(|typed| typed.value.clone())
}
