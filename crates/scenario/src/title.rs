//! What a person calls a step: one line, with the names that were typed.

use crate::amount::Amount;
use crate::expect::Fact;
use crate::file::{
    At, BgpFile, ExpectFile, LayerFile, NumberOrWord, PacketsFile, RoutePatternFile, StepFile,
};
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
            let capture = &scenario.captures[id.0];
            format!(
                "capture on {} as {}",
                scenario.net_name(capture.on),
                capture.name
            )
        }
        Action::Exec(exec) => {
            let on = typed
                .exec
                .as_ref()
                .map_or("", |exec| exec.value.on.value.as_str());
            format!("exec on {on}: {}", exec.command.join(" "))
        }
        Action::Expect(expectation) => match &typed.expect {
            Some(expect) => format!("expect {}", fact(&expect.value, &expectation.fact)),
            None => "expect".into(),
        },
    }
}

fn fact(typed: &ExpectFile, fact: &Fact) -> String {
    match fact {
        Fact::Session(session) => {
            let (on, peer) = match &typed.session {
                Some(session) => (
                    session.value.on.value.as_str(),
                    session.value.peer.value.as_str(),
                ),
                None => ("", ""),
            };
            format!("the session {on} -> {peer} {}", session.state.name())
        }
        Fact::Route(route) => {
            let Some(typed) = &typed.route else {
                return String::new();
            };
            let on = &typed.value.on.value;
            let vpn = typed
                .value
                .vpn
                .as_ref()
                .map(|vpn| format!(" in {}", vpn.value));
            let what = pattern(&typed.value.pattern());
            format!(
                "on {on}{}: {}",
                vpn.unwrap_or_default(),
                how_many(route.amount, &what)
            )
        }
        Fact::Packets(packets) => {
            let Some(typed) = &typed.packets else {
                return String::new();
            };
            described(&typed.value, packets.amount)
        }
        Fact::Forwarding(entry) => {
            let Some(typed) = &typed.forwarding else {
                return String::new();
            };
            let (vpn, on) = (&typed.value.vpn.value, &typed.value.on.value);
            let to = text(&typed.value.mac).or_else(|| text(&typed.value.ip));
            let to = to.unwrap_or_default();
            let hop = typed
                .value
                .next_hop
                .as_ref()
                .map(|hop| format!(" to {}", hop.value));
            let hop = hop.unwrap_or_default();
            format!(
                "{} forwarding entry for {to}{hop} in {vpn} on {on}",
                article(entry.absent)
            )
        }
        Fact::Neighbour(entry) => {
            let Some(typed) = &typed.neighbour else {
                return String::new();
            };
            let (ip, vpn, on) = (
                &typed.value.ip.value,
                &typed.value.vpn.value,
                &typed.value.on.value,
            );
            format!(
                "{} neighbour entry for {ip} in {vpn} on {on}",
                article(entry.absent)
            )
        }
    }
}

fn article(absent: bool) -> &'static str {
    if absent { "no" } else { "a" }
}

/// `packet`, `no packet`, `3 times packet`.
fn how_many(amount: Amount, what: &str) -> String {
    match amount {
        Amount::SOME => what.into(),
        Amount::NONE => format!("no {what}"),
        _ => format!("{amount} times {what}"),
    }
}

/// `evpn type 2 route for vm-a via compute-a`.
fn pattern(typed: &RoutePatternFile) -> String {
    let mut words = Vec::new();
    words.extend(text(&typed.family));
    words.extend(
        typed
            .route_type
            .as_ref()
            .map(|number| format!("type {}", number.value)),
    );
    words.push("route".into());
    let mut about = [&typed.ip, &typed.prefix, &typed.mac].map(text).to_vec();
    about.retain(Option::is_some);
    about.dedup();
    words.extend(
        about
            .into_iter()
            .flatten()
            .map(|what| format!("for {what}")),
    );
    words.extend(text(&typed.next_hop).map(|hop| format!("via {hop}")));
    words.join(" ")
}

fn described(typed: &PacketsFile, amount: Amount) -> String {
    let layers: Vec<String> = typed.layers.value.iter().map(layer).collect();
    let since = typed
        .since
        .as_ref()
        .map(|since| format!(" since {}", since.value));
    let outside = typed
        .outside
        .as_ref()
        .map(|layer| format!(" outside {}", layer.value));
    format!(
        "in {}{}: {}{}",
        typed.capture.value,
        since.unwrap_or_default(),
        how_many(amount, &layers.join(" / ")),
        outside.unwrap_or_default(),
    )
}

fn layer(typed: &LayerFile) -> String {
    match typed {
        LayerFile::Ethernet(layer) => arrow("ethernet", &layer.src, &layer.dst),
        LayerFile::Arp(layer) => arrow("arp", &layer.sender_ip, &layer.target_ip),
        LayerFile::Ipv4(layer) => arrow("ipv4", &layer.src, &layer.dst),
        LayerFile::Ipv6(layer) => arrow("ipv6", &layer.src, &layer.dst),
        LayerFile::Icmp(layer) => word("icmp", layer.kind.as_ref()),
        LayerFile::Udp(_) => "udp".into(),
        LayerFile::Tcp(_) => "tcp".into(),
        LayerFile::Vxlan(layer) => word("vxlan", layer.vni.as_ref()),
        LayerFile::Bgp(message) => match &**message {
            BgpFile::Open => "bgp open".into(),
            BgpFile::Keepalive => "bgp keepalive".into(),
            BgpFile::Notification => "bgp notification".into(),
            BgpFile::RouteRefresh => "bgp route-refresh".into(),
            BgpFile::Update(typed) => format!("bgp update of a {}", pattern(typed)),
            BgpFile::Withdraw(typed) => format!("bgp withdraw of a {}", pattern(typed)),
        },
    }
}

fn arrow(name: &str, from: &Option<At<String>>, to: &Option<At<String>>) -> String {
    match (text(from), text(to)) {
        (None, None) => name.into(),
        (from, to) => {
            let any = || "any".to_string();
            format!(
                "{name} {} -> {}",
                from.unwrap_or_else(any),
                to.unwrap_or_else(any)
            )
        }
    }
}

fn word(name: &str, typed: Option<&At<NumberOrWord>>) -> String {
    match typed.map(|typed| &typed.value) {
        None => name.into(),
        Some(NumberOrWord::Number(number)) => format!("{name} {number}"),
        Some(NumberOrWord::Word(word)) => format!("{name} {word}"),
    }
}

fn text(typed: &Option<At<String>>) -> Option<String> {
    typed.as_ref().map(|typed| typed.value.clone())
}
