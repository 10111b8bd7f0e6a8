//! Facts about a node's kernel and programs, and about the lab as a whole.

use super::expect::article;
use super::packets::how_many;
use super::text;
use crate::amount::Amount;
use crate::expect::{Fact, ProgramState};
use crate::file::{At, ExpectFile, OneOrMany};

/// The title of a fact that is none of those of [`super::expect::fact`].
pub(super) fn fact(typed: &ExpectFile, fact: &Fact) -> String {
    kernel(typed, fact)
        .or_else(|| program(typed, fact))
        .or_else(|| lab(typed))
        .unwrap_or_default()
}

fn kernel(typed: &ExpectFile, fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::KernelRoute(route) => {
            let typed = &typed.kernel_route.as_ref()?.value;
            let on = &typed.on.value;
            let way = said("via", &typed.via) + &said("by", &typed.dev);
            match (&typed.lookup, &typed.to) {
                (Some(to), _) => {
                    let (no, to) = (negated(route.amount), &to.value);
                    format!("on {on}: {no}way to {to}{way}")
                }
                (None, to) => {
                    let to = text(to).unwrap_or_default();
                    let what = format!("kernel route to {to}{way}");
                    format!("on {on}: {}", how_many(route.amount, &what))
                }
            }
        }
        Fact::Rule(rule) => {
            let typed = &typed.rule.as_ref()?.value;
            let what = format!(
                "rule{}{}{}",
                said("from", &typed.from),
                said("to", &typed.to),
                said("for", &typed.iif),
            );
            format!("on {}: {}", typed.on.value, how_many(rule.amount, &what))
        }
        Fact::Fdb(entry) => {
            let typed = &typed.fdb.as_ref()?.value;
            let to = said("to", &typed.dst) + &said("by", &typed.dev);
            let what = format!("fdb entry for {}{to}", typed.mac.value);
            format!("on {}: {}", typed.on.value, how_many(entry.amount, &what))
        }
        Fact::Mpls(route) => {
            let typed = &typed.mpls.as_ref()?.value;
            let (label, via) = (typed.label.value, said("via", &typed.via));
            let a = article(route.absent).replace('a', "an");
            format!(
                "{a} MPLS route for label {label}{via} on {}",
                typed.on.value
            )
        }
        Fact::Interface(interface) => {
            let typed = &typed.interface.as_ref()?.value;
            let name = text(&typed.name).or_else(|| text(&typed.net));
            let mut is: Vec<String> = text(&typed.state).into_iter().collect();
            is.extend(typed.mtu.as_ref().map(|mtu| format!("mtu {}", mtu.value)));
            let counted = interface.counters.iter();
            is.extend(counted.map(|(counter, amount)| format!("{} {amount}", counter.name())));
            let (no, since) = (
                if interface.absent { "no " } else { "" },
                said("since", &typed.since),
            );
            format!(
                "on {}: {no}interface {}{}{}{since}",
                typed.on.value,
                name.unwrap_or_default(),
                if is.is_empty() { "" } else { " " },
                is.join(", "),
            )
        }
        Fact::Openflow(flows) => {
            let typed = &typed.openflow.as_ref()?.value;
            let matches = typed.matches.0.iter().map(|word| word.value.as_str());
            let matches: Vec<&str> = matches.collect();
            let what = ["flow", &matches.join(",")].join(" ");
            let what = how_many(flows.amount, what.trim());
            format!("in {} of {}: {what}", typed.bridge.value, typed.on.value)
        }
        _ => return None,
    })
}

fn program(typed: &ExpectFile, fact: &Fact) -> Option<String> {
    Some(match fact {
        Fact::Log(log) => {
            let typed = &typed.log.as_ref()?.value;
            let words = typed
                .contains
                .0
                .iter()
                .map(|word| format!("{:?}", word.value));
            let expression = text(&typed.matches).map(|text| format!("/{text}/"));
            let words: Vec<String> = words.chain(expression).collect();
            let what = format!("line with {}", words.join(" and "));
            let (on, since) = (&typed.on.value, said("since", &typed.since));
            format!("in the log of {on}{since}: {}", how_many(log.amount, &what))
        }
        Fact::File(file) => {
            let typed = &typed.file.as_ref()?.value;
            let no = if file.absent { "no " } else { "" };
            format!("{no}file {} on {}", typed.path.value, typed.on.value)
        }
        Fact::Program(program) => {
            let typed = &typed.program.as_ref()?.value;
            let who = whose("programs", &typed.program, &typed.on);
            let how = match program.is {
                ProgramState::Runs => "running".to_owned(),
                ProgramState::Ended => "ended".to_owned(),
                ProgramState::Exited(status) => format!("ended with status {status}"),
            };
            format!("{who} {how}")
        }
        Fact::Memory(_) => {
            let typed = &typed.memory.as_ref()?.value;
            let who = whose("memory", &typed.program, &typed.on);
            format!("{who} at most {}", typed.at_most.value)
        }
        Fact::Cpu(_) => {
            let typed = &typed.cpu.as_ref()?.value;
            let who = whose("CPU", &typed.program, &typed.on);
            format!("{who} at most {}", typed.at_most.value)
        }
        _ => return None,
    })
}

fn lab(typed: &ExpectFile) -> Option<String> {
    let all = |names: &OneOrMany<At<String>>, otherwise: &str| match names.0.as_slice() {
        [] => otherwise.to_owned(),
        names => {
            let names: Vec<&str> = names.iter().map(|name| name.value.as_str()).collect();
            names.join(", ")
        }
    };
    if let Some(converged) = &typed.converged {
        return Some(format!(
            "{} converged",
            all(&converged.value.nodes, "the lab")
        ));
    }
    let reflectors = &typed.invariants.as_ref()?.value.reflectors;
    let who = all(reflectors, "reflectors");
    Some(format!("clients of {who} to hold what the rules say"))
}

/// ` word value`, if there is a value.
fn said(word: &str, typed: &Option<At<String>>) -> String {
    let said = typed
        .as_ref()
        .map(|typed| format!(" {word} {}", typed.value));
    said.unwrap_or_default()
}

fn negated(amount: Amount) -> &'static str {
    if amount == Amount::NONE { "no " } else { "" }
}

/// `bgpd of rr`, `programs of rr`.
fn whose(otherwise: &str, program: &Option<At<String>>, on: &At<String>) -> String {
    let what = text(program).unwrap_or_else(|| otherwise.to_owned());
    format!("{what} of {}", on.value)
}
