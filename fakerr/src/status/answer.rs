//! What can be asked, and how answers look.

use std::net::IpAddr;

use bgp_rib::reflector::HeldPath;
use bgp_wire::{Family, NextHop, Nlri, PathAttributes};
use serde::Serialize;

/// Something to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// The clients.
    Clients,
    /// Every path of a family, as received.
    Received(Family),
    /// What a client holds of a family.
    Sent(Family, IpAddr),
}

/// What a visitor says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Ask(Asked),
    /// To be told of changes.
    Follow,
    /// Nothing that there is an answer to, and why.
    Unknown(String),
}

impl Said {
    /// Reads a line.
    pub(super) fn read(line: &[u8]) -> Self {
        let line = String::from_utf8_lossy(line);
        let words: Vec<&str> = line.split_whitespace().collect();
        let family = |word: &str| word.parse::<Family>().map_err(|error| error.to_string());
        let said = match words[..] {
            ["changes"] => Ok(Self::Follow),
            ["routes", word] => family(word).map(|family| Self::Ask(Asked::Received(family))),
            ["sent", word, to] => family(word).and_then(|family| {
                let to: IpAddr = to
                    .parse()
                    .map_err(|_| format!("`{to}` is not an address"))?;
                Ok(Self::Ask(Asked::Sent(family, to)))
            }),
            _ => Err("say `routes FAMILY`, `sent FAMILY ADDRESS` or `changes`".to_owned()),
        };
        said.unwrap_or_else(Self::Unknown)
    }
}

/// A route as it is told.
#[derive(Debug, Serialize)]
pub(crate) struct ToldRoute<'a> {
    /// The client that announced it; `None` for the reflector's own.
    from: Option<IpAddr>,
    /// The client that it was sent to, where that was asked.
    to: Option<IpAddr>,
    /// Whether it is the one that is reflected.
    best: bool,
    nlri: &'a Nlri,
    next_hop: &'a NextHop,
    attributes: &'a PathAttributes,
}

impl<'a> ToldRoute<'a> {
    pub(crate) fn new(path: HeldPath<'a>, from: Option<IpAddr>, to: Option<IpAddr>) -> Self {
        let HeldPath {
            best,
            nlri,
            next_hop,
            attributes,
            ..
        } = path;
        Self {
            from,
            to,
            best,
            nlri,
            next_hop,
            attributes,
        }
    }
}

/// `{"NAME":DOCUMENT}` and the end of the line; nothing that is told can fail to be written so.
pub(crate) fn document<T: Serialize>(name: Option<&str>, told: &T) -> String {
    let text = serde_json::to_string(told).unwrap_or_else(|error| format!("\"{error}\""));
    match name {
        Some(name) => format!("{{\"{name}\":{text}}}\n"),
        None => format!("{text}\n"),
    }
}

/// Why there is no answer.
pub(super) fn refusal(error: &str) -> String {
    document(Some("error"), &error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_understood_or_refused() {
        let read = |line: &str| Said::read(line.as_bytes());
        let evpn = Family::EVPN;
        assert_eq!(
            read("routes l2vpn/evpn\n"),
            Said::Ask(Asked::Received(evpn))
        );
        let to = "10.0.0.2".parse().expect("an address");
        let sent = Said::Ask(Asked::Sent(evpn, to));
        assert_eq!(read("sent l2vpn/evpn 10.0.0.2\r\n"), sent);
        assert_eq!(read("changes\n"), Said::Follow);
        for wrong in [
            "\n",
            "routes\n",
            "routes evpn?\n",
            "sent l2vpn/evpn rr\n",
            "\u{fffd}",
        ] {
            assert!(matches!(read(wrong), Said::Unknown(_)), "{wrong}");
        }
    }
}
