//! Echo requests and what comes of them.

use std::time::Duration;

use netns::icmp::{self, Echo, PingError};
use netns::ns::NetNs;
use scenario::{Ping, PingOutcome};
use tokio::time::Instant;

use super::{Unmet, net_of, nowhere};
use crate::supervisor::lab::Lab;
use crate::ui;

/// How long one echo is waited for before the next is sent.
const ECHO_PATIENCE: Duration = Duration::from_millis(200);

pub(super) async fn ping(lab: &Lab, ping: &Ping) -> Result<String, Unmet> {
    let net = net_of(lab, ping.from).ok_or_else(|| nowhere(lab, ping.from))?;
    match ping.outcome {
        PingOutcome::Replies(within) => answered(&net, ping, Instant::now() + within).await,
        PingOutcome::Silence(during) => unanswered(&net, ping, Instant::now() + during).await,
    }
}

/// Every request of the count must be answered; one that is not is sent again until the deadline.
async fn answered(net: &NetNs, ping: &Ping, deadline: Instant) -> Result<String, Unmet> {
    let mut times = Vec::new();
    let mut lost: Vec<(String, u32)> = Vec::new();
    let mut seq = 0u16;
    let mut next = Instant::now();
    loop {
        seq = seq.wrapping_add(1);
        if times.len() >= usize::from(ping.count) {
            break;
        }
        let wait = deadline
            .saturating_duration_since(Instant::now())
            .min(ECHO_PATIENCE);
        if wait.is_zero() {
            return Err(Unmet {
                expected: format!("{} from {}", replies(ping.count.into()), ping.to),
                seen: replies(times.len()),
                details: lost.iter().map(|(why, n)| format!("{n} x {why}")).collect(),
            });
        }
        match icmp::ping(net, ping.source, echo(ping, seq, wait)).await {
            Ok(reply) => {
                times.push(reply.rtt);
                if let Some(interval) = ping.interval {
                    next += interval;
                    tokio::time::sleep_until(next.min(deadline)).await;
                }
            }
            Err(error) => {
                note(&mut lost, &error.to_string());
                // What cannot even be sent fails at once: do not spin.
                let pause = (Instant::now() + Duration::from_millis(10)).min(deadline);
                tokio::time::sleep_until(pause).await;
            }
        }
    }
    let shown: Vec<String> = times
        .iter()
        .map(|rtt| format!("{:.3}", rtt.as_secs_f64() * 1000.0))
        .collect();
    let again = match lost.iter().map(|(_, times)| times).sum::<u32>() {
        0 => String::new(),
        lost => format!(", {lost} more not answered"),
    };
    Ok(format!(
        "{} in {} ms{again}",
        replies(times.len()),
        shown.join(" ")
    ))
}

fn replies(n: usize) -> String {
    match n {
        1 => "1 reply".into(),
        n => format!("{n} replies"),
    }
}

/// Adds a reason, counting one that repeats itself.
pub(super) fn note(lost: &mut Vec<(String, u32)>, why: &str) {
    match lost.last_mut() {
        Some((last, times)) if last == why => *times += 1,
        _ => lost.push((why.to_owned(), 1)),
    }
}

/// No request may be answered until the deadline. One that cannot be sent is as good; a ping that cannot even be
/// tried is not.
async fn unanswered(net: &NetNs, ping: &Ping, deadline: Instant) -> Result<String, Unmet> {
    let expected = || format!("no reply from {}", ping.to);
    let (mut sent, mut unsent, mut refused) = (0u32, None, None);
    let mut tries = 0u16;
    while Instant::now() < deadline {
        tries = tries.wrapping_add(1);
        let wait = deadline
            .saturating_duration_since(Instant::now())
            .min(ECHO_PATIENCE);
        match icmp::ping(net, ping.source, echo(ping, tries, wait)).await {
            Ok(reply) => {
                return Err(Unmet {
                    expected: expected(),
                    seen: format!("echo {tries} was answered after {:?}", reply.rtt),
                    details: Vec::new(),
                });
            }
            Err(PingError::Timeout(_)) => sent += 1,
            Err(error @ PingError::Unreachable { .. }) => {
                sent += 1;
                refused = Some(error.to_string());
            }
            Err(error @ PingError::Send(_)) => unsent = Some(error.to_string()),
            Err(error @ PingError::Socket(_)) => return Err(Unmet::undone(&expected(), &error)),
        }
        tokio::time::sleep_until((Instant::now() + ECHO_PATIENCE / 4).min(deadline)).await;
    }
    let requests = ui::count(sent as usize, "request");
    Ok(match (sent, unsent, refused) {
        (0, Some(why), _) => format!("no request could be sent: {why}"),
        (_, _, Some(why)) => format!("{requests}, no reply: {why}"),
        _ => format!("{requests}, no reply"),
    })
}

fn echo(ping: &Ping, seq: u16, timeout: Duration) -> Echo {
    Echo {
        seq,
        timeout,
        payload_len: ping.size.into(),
        ttl: ping.ttl,
        dont_fragment: ping.df,
        ..Echo::to(ping.to)
    }
}
