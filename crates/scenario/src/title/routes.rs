//! Routes that come and go, and what flaps.

use crate::file::{At, StepFile};
use crate::lab::{AnnouncementId, Scenario};
use crate::step::{Action, Flap, Flapping};
use crate::values;

/// The title of a step about routes, or one that flaps; `None` of any other.
pub(super) fn of(scenario: &Scenario, action: &Action, typed: &StepFile) -> Option<String> {
    Some(match action {
        Action::Announce(id) => announce(scenario, *id),
        Action::Withdraw(all) => withdraw(scenario, all, typed),
        Action::Flap(flap) => self::flap(scenario, flap, typed),
        Action::Inject(inject) => {
            let to = typed.inject.as_ref().map(|inject| &inject.value.to);
            format!(
                "inject {} octets from {} to {}",
                inject.octets.len(),
                scenario[inject.on].name,
                text(to)
            )
        }
        _ => return None,
    })
}

fn announce(scenario: &Scenario, id: AnnouncementId) -> String {
    let one = &scenario[id];
    let family = values::family_word(one.family());
    let routes = match one.routes {
        1 => "route".to_owned(),
        routes => format!("{routes} routes"),
    };
    let name = one.name.as_ref();
    let name = name.map(|name| format!(" as {name}")).unwrap_or_default();
    format!(
        "announce {family} {routes} on {}{name}",
        scenario[one.on].name
    )
}

fn withdraw(scenario: &Scenario, all: &[AnnouncementId], typed: &StepFile) -> String {
    let typed = typed.withdraw.as_ref().map(|typed| &typed.value);
    match typed.and_then(|typed| typed.on.as_ref()) {
        Some(on) => format!("withdraw all of {}", on.value),
        None => {
            let names = all.iter().filter_map(|id| scenario[*id].name.as_deref());
            format!("withdraw {}", names.collect::<Vec<_>>().join(", "))
        }
    }
}

fn flap(scenario: &Scenario, flap: &Flap, typed: &StepFile) -> String {
    let typed = typed.flap.as_ref().map(|flap| &flap.value);
    let what = match &flap.what {
        Flapping::Announced(id) => scenario[*id].name.clone().unwrap_or_default(),
        Flapping::Port(attach) => scenario[attach.port].name.clone(),
        Flapping::Session { on, .. } => {
            let session = typed.and_then(|typed| typed.session.as_ref());
            let peer = session.map(|session| &session.value.peer);
            format!("session of {} with {}", scenario[*on].name, text(peer))
        }
        Flapping::Link(cable) => super::flow::cable(scenario, *cable),
    };
    let period = typed.map(|typed| &typed.period);
    match flap.times {
        1 => format!("flap {what} once"),
        times => format!("flap {what} {times} times, every {}", text(period)),
    }
}

fn text(typed: Option<&At<String>>) -> &str {
    typed.map_or("", |typed| &typed.value)
}
