//! The way to an address, and whether it is as expected.

use std::net::IpAddr;

use netns::trace::{End, Method, Trace, TraceSpec, trace};
use scenario::{HopExpectation, Protocol, Traceroute};
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use super::{Unmet, net_of, nowhere};
use crate::supervisor::lab::Lab;

/// From one walk to the next: routers answer only so often.
const AGAIN: Duration = Duration::from_millis(200);

pub(super) async fn traceroute(lab: &Lab, wanted: &Traceroute) -> Result<String, Unmet> {
    let net = net_of(lab, wanted.from).ok_or_else(|| nowhere(lab, wanted.from))?;
    let deadline = Instant::now() + wanted.within;
    let spec = TraceSpec {
        source: wanted.source,
        method: match wanted.method {
            Protocol::Udp => Method::Udp,
            Protocol::Tcp | Protocol::Icmp => Method::Icmp,
        },
        // Whoever is behind the last that is expected tells that the way is longer.
        max_hops: most_hops(wanted),
        ..TraceSpec::to(wanted.to)
    };
    let expected = match &wanted.hops {
        Some(hops) => format!("the way {}", shown(&hops_expected(lab, hops, wanted.to))),
        None => format!("a way to {}", wanted.to),
    };
    let mut last = Unmet {
        expected: expected.clone(),
        seen: "no answer in time".into(),
        details: Vec::new(),
    };
    loop {
        let walked = match timeout_at(deadline, trace(&net, &spec)).await {
            Ok(Ok(walked)) => walked,
            Ok(Err(error)) => return Err(Unmet::undone(&expected, &error)),
            Err(_) => return Err(last),
        };
        let seen = shown(&hops_seen(lab, &walked));
        if walked.end == End::Reached && is_expected(wanted, &walked) {
            return Ok(seen);
        }
        let details = match &walked.end {
            End::Reached => Vec::new(),
            End::Refused(why) | End::Unsent(why) => vec![why.clone()],
            End::TooFar => vec![format!("not there after {} hops", spec.max_hops)],
        };
        last = Unmet {
            expected: expected.clone(),
            seen,
            details,
        };
        let again = Instant::now() + AGAIN;
        if again >= deadline {
            return Err(last);
        }
        sleep_until(again).await;
    }
}

fn most_hops(wanted: &Traceroute) -> u8 {
    const USUAL: usize = 30;
    let expected = wanted.hops.as_ref().map_or(USUAL, |hops| hops.len() + 4);
    u8::try_from(expected).unwrap_or(u8::MAX)
}

/// The last hop is the end, which was reached.
fn is_expected(wanted: &Traceroute, walked: &Trace) -> bool {
    let Some(hops) = &wanted.hops else {
        return true;
    };
    let between = walked.hops.len().saturating_sub(1);
    let seen = walked.hops.iter().take(between);
    hops.len() == between
        && hops
            .iter()
            .zip(seen)
            .all(|(hop, seen)| hop.holds(seen.address))
}

fn hops_expected(lab: &Lab, hops: &[HopExpectation], to: IpAddr) -> Vec<String> {
    let between = hops.iter().map(|hop| match hop {
        HopExpectation::Any => "*".to_owned(),
        HopExpectation::Node { node, .. } => lab.scenario[*node].name.clone(),
        HopExpectation::Address(address) => address.to_string(),
    });
    between.chain([named(lab, to)]).collect()
}

fn hops_seen(lab: &Lab, walked: &Trace) -> Vec<String> {
    let each = walked.hops.iter().map(|hop| match (hop.address, hop.rtt) {
        (Some(address), Some(rtt)) => {
            format!("{} {:.3} ms", named(lab, address), rtt.as_secs_f64() * 1e3)
        }
        (Some(address), None) => named(lab, address),
        (None, _) => "*".to_owned(),
    });
    each.collect()
}

/// An address, and the node that has it.
fn named(lab: &Lab, address: IpAddr) -> String {
    match lab.scenario.node_at(address) {
        Some(node) => format!("{} ({address})", lab.scenario[node].name),
        None => address.to_string(),
    }
}

fn shown(hops: &[String]) -> String {
    if hops.is_empty() {
        return "nobody answered".into();
    }
    hops.join(", ")
}
