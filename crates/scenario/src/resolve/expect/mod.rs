//! Expectations.

mod amount;
mod dataplane;
mod interface;
pub(crate) mod kernel;
mod lab;
mod packets;
mod program;
mod route;
mod session;
mod traffic;

use std::time::Duration;

use super::{Found, Resolver};
use crate::amount::Amount;
use crate::expect::{Expectation, Fact, Since};
use crate::file::{At, ExpectFile};
use crate::{defaults, values};

impl Resolver<'_> {
    pub(super) fn expect(&mut self, typed: &ExpectFile) -> Found<Expectation> {
        let within = self.maybe(typed.within.as_ref(), values::duration);
        let fact = if let Some(session) = &typed.session {
            Fact::Session(self.session(&session.value)?)
        } else if let Some(route) = &typed.route {
            Fact::Route(self.route(&route.value)?)
        } else if let Some(packets) = &typed.packets {
            Fact::Packets(self.packets(&packets.value)?)
        } else if let Some(forwarding) = &typed.forwarding {
            Fact::Forwarding(self.forwarding(&forwarding.value)?)
        } else if let Some(neighbour) = &typed.neighbour {
            Fact::Neighbour(self.neighbour(&neighbour.value)?)
        } else if let Some(traffic) = &typed.traffic {
            Fact::Traffic(self.traffic_figures(&traffic.value)?)
        } else {
            self.fact_of_kernel(typed)
                .or_else(|| self.fact_of_programs(typed))
                .or_else(|| self.fact_of_lab(typed))?
        };
        let hold = self.maybe(typed.during.as_ref(), values::duration);
        // That a whole lab is as it should be takes more than one look.
        let takes_time = matches!(fact, Fact::Converged(_) | Fact::Invariants(_));
        let default = match hold {
            Some(_) if !takes_time => Duration::ZERO,
            _ => defaults::WITHIN,
        };
        Some(Expectation {
            fact,
            within: within.unwrap_or(default),
            hold,
        })
    }

    /// How many there must be; one or more when nothing is said.
    fn bounds(
        &mut self,
        count: &Option<At<i64>>,
        at_least: &Option<At<i64>>,
        at_most: &Option<At<i64>>,
    ) -> Found<Amount> {
        if let Some(count) = count {
            if at_least.is_some() || at_most.is_some() {
                let reason = "leaves nothing to `at_least` and `at_most`";
                return self.cannot_be(&count.span, "count", reason);
            }
            let count = self.number("the count", count, 0, MOST);
            return count.map(Amount::exactly);
        }
        let at_most = match at_most {
            Some(most) => Some(self.number("the most", most, 0, MOST)?),
            None => None,
        };
        let at_least = match at_least {
            Some(least) => {
                let most = at_most.map_or(MOST, |most: u64| i64::try_from(most).unwrap_or(MOST));
                self.number("the least", least, 0, most)?
            }
            None => u64::from(at_most.is_none()),
        };
        Some(Amount { at_least, at_most })
    }

    fn fact_of_kernel(&mut self, typed: &ExpectFile) -> Found<Fact> {
        if let Some(route) = &typed.kernel_route {
            self.kernel_route(&route.value).map(Fact::KernelRoute)
        } else if let Some(rule) = &typed.rule {
            self.rule(&rule.value).map(Fact::Rule)
        } else if let Some(fdb) = &typed.fdb {
            self.fdb(&fdb.value).map(Fact::Fdb)
        } else if let Some(mpls) = &typed.mpls {
            self.mpls_route(&mpls.value).map(Fact::Mpls)
        } else if let Some(interface) = &typed.interface {
            self.interface(&interface.value).map(Fact::Interface)
        } else {
            let flows = typed.openflow.as_ref()?;
            self.openflow(&flows.value).map(Fact::Openflow)
        }
    }

    fn fact_of_programs(&mut self, typed: &ExpectFile) -> Found<Fact> {
        if let Some(log) = &typed.log {
            self.log(&log.value).map(Fact::Log)
        } else if let Some(file) = &typed.file {
            self.content(&file.value).map(Fact::File)
        } else if let Some(program) = &typed.program {
            self.programs_of(&program.value).map(Fact::Program)
        } else if let Some(memory) = &typed.memory {
            self.memory(&memory.value).map(Fact::Memory)
        } else {
            let cpu = typed.cpu.as_ref()?;
            self.cpu(cpu, typed).map(Fact::Cpu)
        }
    }

    fn fact_of_lab(&mut self, typed: &ExpectFile) -> Found<Fact> {
        if let Some(converged) = &typed.converged {
            return self.converged(&converged.value).map(Fact::Converged);
        }
        let invariants = typed.invariants.as_ref()?;
        self.invariants(invariants).map(Fact::Invariants)
    }

    fn since(&mut self, label: &At<String>) -> Found<Since> {
        if label.value == LAST_STEP {
            if self.last_step.is_none() {
                self.out_of_place(
                    &label.span,
                    LAST_STEP,
                    "names nothing: no step before this one does anything",
                );
            }
            return self.last_step.map(Since::Step);
        }
        match self.labels.get(&label.value) {
            Some((step, _)) => Some(Since::Step(*step)),
            None => {
                let labels = self.labels.keys().cloned();
                let known = [LAST_STEP.to_string()].into_iter().chain(labels).collect();
                self.unknown(label, "counts since", "label", known)
            }
        }
    }
}

/// The word for the last step that did something.
pub(super) const LAST_STEP: &str = "last-step";

/// More than can be counted.
const MOST: i64 = u32::MAX as i64;
