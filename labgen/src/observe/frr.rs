//! FRR's `bgpd`, asked over the socket that `vtysh` uses: commands that end with a zero octet, and after each
//! answer three of them and the status. That spares the start of a `vtysh`, which takes longer than the answer.

mod answer;
#[cfg(test)]
mod tests;

use bgp_wire::Family;

use super::{Misread, News, Question, Route, Session, Speaker, Topic};

/// Where `bgpd` listens for `vtysh`.
const SOCKET: &str = "/run/frr/bgpd.vty";
/// A command that there is not: the answer to it is the last of several.
const END: &str = "labgen-end";

pub(super) struct Frr;

impl Speaker for Frr {
    fn question(&self, topic: Topic) -> Option<Question> {
        let command = match topic {
            Topic::Sessions => "show bgp neighbors json".to_owned(),
            Topic::Routes(Family::EVPN) => "show bgp l2vpn evpn route detail json".to_owned(),
            Topic::Routes(family) => format!("show bgp {} json detail", words(family)?),
            Topic::Sent(..) => return None,
        };
        Some(ask(format!("{command}\0"), complete))
    }

    fn further(&self, topic: Topic, answer: &[u8]) -> Option<Question> {
        // A table of VPN routes comes without their labels and communities, whatever detail is asked for.
        let Topic::Routes(family @ (Family::VPNV4 | Family::VPNV6)) = topic else {
            return None;
        };
        let words = words(family)?;
        let commands: String = answer::vpn_prefixes(parts(answer).first()?)
            .ok()?
            .iter()
            .map(|(rd, prefix)| format!("show bgp {words} rd {rd} {prefix} json\0"))
            .collect();
        let some = !commands.is_empty();
        some.then(|| ask(format!("{commands}{END}\0"), complete_to_the_end))
    }

    fn sessions(&self, answer: &[u8]) -> Result<Vec<Session>, Misread> {
        match parts(answer).first() {
            Some(part) => answer::sessions(part),
            None => Ok(Vec::new()),
        }
    }

    fn routes(&self, family: Family, answer: &[u8]) -> Result<Vec<Route>, Misread> {
        let parts = parts(answer);
        match family {
            Family::EVPN => answer::evpn(parts.first().unwrap_or(&&b""[..])),
            Family::VPNV4 | Family::VPNV6 => {
                let mut routes = Vec::new();
                for part in parts.iter().skip(1) {
                    routes.extend(answer::vpn(family, part)?);
                }
                Ok(routes)
            }
            _ => answer::plain(family, parts.first().unwrap_or(&&b""[..])),
        }
    }

    fn news(&self, topic: Topic) -> News {
        match topic {
            // It logs when one comes up or goes down.
            Topic::Sessions => News::Log,
            Topic::Routes(_) | Topic::Sent(..) => News::None,
        }
    }
}

fn ask(say: String, complete: fn(&[u8]) -> bool) -> Question {
    Question::Socket {
        path: SOCKET.into(),
        say,
        complete,
    }
}

/// FRR's words for a family.
fn words(family: Family) -> Option<&'static str> {
    Some(match family {
        Family::IPV4_UNICAST => "ipv4 unicast",
        Family::IPV6_UNICAST => "ipv6 unicast",
        Family::VPNV4 => "ipv4 vpn",
        Family::VPNV6 => "ipv6 vpn",
        Family::FLOWSPEC_IPV4 => "ipv4 flowspec",
        Family::FLOWSPEC_IPV6 => "ipv6 flowspec",
        _ => return None,
    })
}

fn complete(said: &[u8]) -> bool {
    matches!(said, [.., 0, 0, 0, _])
}

fn complete_to_the_end(said: &[u8]) -> bool {
    let last = parts(said).pop().unwrap_or_default();
    complete(said) && last.windows(END.len()).any(|part| part == END.as_bytes())
}

/// The answers to several commands. What FRR says instead of JSON is no answer: that there is no BGP, or no
/// such command.
fn parts(answer: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = answer;
    while let Some(end) = rest.windows(3).position(|octets| octets == [0; 3]) {
        parts.push(rest[..end].trim_ascii());
        rest = rest.get(end + 4..).unwrap_or_default();
    }
    parts
}
