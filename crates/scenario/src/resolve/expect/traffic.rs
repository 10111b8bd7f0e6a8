//! What came of traffic.

use super::MOST;
use crate::amount::Amount;
use crate::error::ErrorKind;
use crate::expect::{Figure, FigureBound, Since, TrafficExpectation, Unit};
use crate::file::{At, TrafficFiguresFile};
use crate::measures;
use crate::resolve::{Found, Resolver};
use crate::step::{Flow, Protocol};

/// A bound as it was typed.
enum Typed<'a> {
    Count(&'a Option<At<i64>>),
    Text(&'a Option<At<String>>),
    Never,
}

use Typed::{Count, Never, Text};

impl Resolver<'_> {
    pub(super) fn traffic_figures(
        &mut self,
        typed: &TrafficFiguresFile,
    ) -> Found<TrafficExpectation> {
        let name = &typed.flow;
        let verb = "expects something of the traffic";
        let flow = match self.flows.get(&name.value) {
            Some((flow, _)) => Some(*flow),
            None => {
                let known = self.flows.keys().cloned().collect();
                self.unknown(name, verb, "flow", known)
            }
        };
        let since = match &typed.since {
            Some(label) => self.since(label),
            None => Some(Since::Start),
        };
        let mut bounds = Vec::new();
        for (figure, least, most) in figures(typed) {
            let least = self.bound(figure, least, "at_least");
            let most = self.bound(figure, most, "at_most");
            if let (Some((least, _)), Some((most, at))) = (&least, &most)
                && least > most
            {
                let key = format!("{}_at_most", figure.name());
                let reason = format!("is less than `{}_at_least`", figure.name());
                self.fail(at, ErrorKind::Misplaced { key, reason });
                continue;
            }
            if let (Figure::Received, Some((least, at)), Some(flow)) = (figure, &least, flow) {
                let flow = self.scenario.flows[flow.0].clone();
                self.not_more_than_sent(&flow, *least, at);
            }
            if least.is_some() || most.is_some() {
                let amount = Amount {
                    at_least: least.map_or(0, |(least, _)| least),
                    at_most: most.map(|(most, _)| most),
                };
                bounds.push(FigureBound { figure, amount });
            }
        }
        if bounds.is_empty() && self.errors.is_empty() {
            let known = figures(typed)
                .into_iter()
                .flat_map(|(figure, least, most)| {
                    let key = |typed: &Typed<'_>, end: &str| {
                        let there = !matches!(typed, Never);
                        there.then(|| format!("{}_{end}", figure.name()))
                    };
                    [key(&least, "at_least"), key(&most, "at_most")]
                });
            let known = known.flatten().collect();
            let what = "expect of it".into();
            self.fail(&name.span, ErrorKind::NoWord { what, known });
        }
        Some(TrafficExpectation {
            flow: flow?,
            since: since?,
            bounds,
        })
    }

    fn bound(
        &mut self,
        figure: Figure,
        typed: Typed<'_>,
        end: &str,
    ) -> Option<(u64, std::ops::Range<usize>)> {
        match typed {
            Count(typed) => {
                let typed = typed.as_ref()?;
                let what = format!("`{}_{end}`", figure.name());
                let value = self.number(&what, typed, 0, MOST)?;
                Some((value, typed.span.clone()))
            }
            Text(typed) => {
                let typed = typed.as_ref()?;
                let value = match figure.unit() {
                    Unit::Part => measures::percent(&typed.value).map(u64::from),
                    _ => measures::short_time(&typed.value),
                };
                Some((self.keep(&typed.span, value)?, typed.span.clone()))
            }
            Never => None,
        }
    }

    fn not_more_than_sent(&mut self, flow: &Flow, least: u64, at: &std::ops::Range<usize>) {
        let Some(count) = flow.count().filter(|count| *count < least) else {
            return;
        };
        let probes = match flow.protocol {
            Protocol::Icmp => "echo requests",
            Protocol::Udp | Protocol::Tcp => "probes",
        };
        self.out_of_place(
            at,
            "received_at_least",
            format!(
                "can never be: `{}` sends {count} {probes} in all",
                flow.name
            ),
        );
    }
}

fn figures(typed: &TrafficFiguresFile) -> [(Figure, Typed<'_>, Typed<'_>); 12] {
    let t = typed;
    [
        (
            Figure::Received,
            Count(&t.received_at_least),
            Count(&t.received_at_most),
        ),
        (
            Figure::Lost,
            Count(&t.lost_at_least),
            Count(&t.lost_at_most),
        ),
        (Figure::Loss, Text(&t.loss_at_least), Text(&t.loss_at_most)),
        (
            Figure::Duplicated,
            Count(&t.duplicated_at_least),
            Count(&t.duplicated_at_most),
        ),
        (
            Figure::Reordered,
            Count(&t.reordered_at_least),
            Count(&t.reordered_at_most),
        ),
        (
            Figure::Outage,
            Text(&t.outage_at_least),
            Text(&t.outage_at_most),
        ),
        (
            Figure::Outages,
            Count(&t.outages_at_least),
            Count(&t.outages_at_most),
        ),
        (Figure::Min, Text(&t.min_at_least), Never),
        (Figure::P50, Text(&t.p50_at_least), Text(&t.p50_at_most)),
        (Figure::P90, Never, Text(&t.p90_at_most)),
        (Figure::P99, Never, Text(&t.p99_at_most)),
        (Figure::Max, Never, Text(&t.max_at_most)),
    ]
}
