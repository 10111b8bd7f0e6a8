//! Resetting a session, as the program at one of its ends is told.

use std::net::IpAddr;

use scenario::NodeKind;

use super::{exabgp, fakerr};

/// How a program is told to reset a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reset {
    /// By an order to `bagpipe-fakerr`.
    Order(String),
    /// By a line of ExaBGP's API.
    Line(String),
    /// By a command in its node.
    Command(Vec<String>),
}

/// How a speaker of this kind is told to reset its session with `peer`; `None` where it cannot be.
pub fn reset(kind: &NodeKind, peer: IpAddr) -> Option<Reset> {
    let address = peer.to_string();
    let words: Vec<&str> = match kind {
        NodeKind::FakeRr(_) => return Some(Reset::Order(fakerr::reset(peer))),
        NodeKind::ExaBgp(_) => return Some(Reset::Line(exabgp::reset(peer))),
        NodeKind::GoBgp(_) => {
            // Its own `reset` leaves the peer alone for half a minute, whatever its timers are set to.
            let both = ["disable", "enable"].map(|word| format!("gobgp neighbor {peer} {word}"));
            return Some(command(&["sh", "-c", &both.join(" && ")]));
        }
        NodeKind::OpenBgpd(_) => vec!["bgpctl", "neighbor", &address, "clear"],
        NodeKind::Frr(_) => {
            let clear = format!("clear bgp {address}");
            return Some(command(&["vtysh", "-d", "bgpd", "-c", &clear]));
        }
        NodeKind::Bird(speaker) => {
            // Its protocols are called by number, in the order of the sessions.
            let mut sessions = speaker.sessions.iter();
            let index = sessions.position(|session| session.peer.address == peer)?;
            let name = match speaker.config {
                Some(_) => return None,
                None => format!("session{}", index + 1),
            };
            let socket = crate::kinds::BIRD_CONTROL;
            return Some(command(&["birdc", "-s", socket, "restart", &name]));
        }
        _ => return None,
    };
    Some(command(&words))
}

fn command(words: &[&str]) -> Reset {
    Reset::Command(words.iter().map(|word| (*word).to_owned()).collect())
}
