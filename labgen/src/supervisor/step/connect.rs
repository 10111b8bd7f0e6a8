//! Whether a port can be reached.

use std::net::SocketAddr;
use std::time::Duration;

use netns::ns::NetNs;
use netns::reach::{Attempt, Listener, ReachError, reach};
use scenario::{Connect, PingOutcome, Protocol};
use tokio::time::{Instant, sleep_until};

use super::{Unmet, net_of, nowhere};
use crate::supervisor::lab::Lab;
use crate::ui;

/// How long one attempt may take before the next is made.
const PATIENCE: Duration = Duration::from_millis(500);
/// The pause after one that failed at once.
const AGAIN: Duration = Duration::from_millis(20);

pub(super) async fn connect(lab: &Lab, wanted: &Connect) -> Result<String, Unmet> {
    let net = net_of(lab, wanted.from).ok_or_else(|| nowhere(lab, wanted.from))?;
    let protocol = match wanted.protocol {
        Protocol::Udp => netns::reach::Transport::Udp,
        Protocol::Tcp | Protocol::Icmp => netns::reach::Transport::Tcp,
    };
    let listener = match wanted.listener {
        Some(endpoint) => {
            let there = net_of(lab, endpoint).ok_or_else(|| nowhere(lab, endpoint))?;
            let listener = Listener::open(&there, protocol, wanted.to.is_ipv6(), wanted.port);
            Some(listener.map_err(|error| unable(&error, wanted))?)
        }
        None => None,
    };
    let attempt = Attempt {
        source: wanted.source,
        to: SocketAddr::new(wanted.to, wanted.port),
        protocol,
        echo: listener.is_some(),
        timeout: PATIENCE * lab.scenario.lab.slow,
    };
    let outcome = match wanted.outcome {
        PingOutcome::Replies(within) => made(&net, &attempt, Instant::now() + within).await,
        PingOutcome::Silence(during) => none(&net, &attempt, Instant::now() + during).await,
    };
    // The next step may listen on the same port.
    if let Some(listener) = listener {
        listener.close().await;
    }
    outcome
}

fn unable(error: &ReachError, wanted: &Connect) -> Unmet {
    let mut unmet = Unmet::undone(&format!("labgen listens on port {}", wanted.port), error);
    if error.is_taken() {
        let help = "something listens there already; say `listen = false` to connect to it";
        unmet.details.push(help.into());
    }
    unmet
}

/// One attempt, given up when no time is left.
async fn within(net: &NetNs, attempt: &Attempt, left: Duration) -> Result<Duration, ReachError> {
    let timeout = attempt.timeout.min(left);
    let attempt = Attempt {
        timeout,
        ..*attempt
    };
    reach(net, &attempt).await
}

async fn made(net: &NetNs, attempt: &Attempt, deadline: Instant) -> Result<String, Unmet> {
    let mut failed: Vec<(String, u32)> = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let tries = failed.iter().map(|(_, times)| *times as usize).sum();
            return Err(Unmet {
                expected: expected(attempt),
                seen: format!("none in {}", ui::count(tries, "attempt")),
                details: failed
                    .iter()
                    .map(|(why, n)| format!("{n} x {why}"))
                    .collect(),
            });
        }
        match within(net, attempt, left).await {
            Ok(time) => return Ok(format!("after {:.3} ms", time.as_secs_f64() * 1e3)),
            Err(error) => super::ping::note(&mut failed, &crate::command::chain(&error)),
        }
        sleep_until((Instant::now() + AGAIN).min(deadline)).await;
    }
}

async fn none(net: &NetNs, attempt: &Attempt, deadline: Instant) -> Result<String, Unmet> {
    let mut failed: Vec<(String, u32)> = Vec::new();
    while Instant::now() < deadline {
        let left = deadline.saturating_duration_since(Instant::now());
        match within(net, attempt, left).await {
            Ok(time) => {
                return Err(Unmet {
                    expected: format!("no {}", expected(attempt).trim_start_matches("a ")),
                    seen: format!("one was made in {:.3} ms", time.as_secs_f64() * 1e3),
                    details: Vec::new(),
                });
            }
            Err(error) if error.is_ours() => {
                return Err(Unmet::undone("an attempt", &error));
            }
            Err(error) => super::ping::note(&mut failed, &crate::command::chain(&error)),
        }
        sleep_until((Instant::now() + AGAIN).min(deadline)).await;
    }
    let why = failed.last().map(|(why, _)| why.clone());
    Ok(why.unwrap_or_default())
}

fn expected(attempt: &Attempt) -> String {
    let what = match attempt.protocol {
        netns::reach::Transport::Tcp => "a connection to",
        netns::reach::Transport::Udp => "a datagram echoed by",
    };
    format!("{what} {}", attempt.to)
}
