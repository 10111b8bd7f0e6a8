//! `bagpipe-fakerr`, asked over its status socket: a JSON document a line, that of the clients at once and one more
//! after each change, others when they are asked for.

#[cfg(test)]
mod tests;

use std::net::IpAddr;
use std::time::Duration;

use bgp_wire::{Family, NextHop, Nlri, PathAttributes};
use capture::RouteFacts;
use serde::Deserialize;

use super::{Misread, News, Question, Route, Session, Speaker, Topic, Up, state_named};
use crate::kinds::FAKERR_STATUS;

pub(super) struct FakeRr;

#[derive(Deserialize)]
struct Status {
    clients: Vec<Client>,
}

#[derive(Deserialize)]
struct Client {
    address: IpAddr,
    state: String,
    #[serde(rename = "as")]
    asn: Option<u32>,
    families: Option<Vec<Family>>,
    hold_time: Option<u16>,
    four_octet_as: Option<bool>,
    graceful_restart: Option<bool>,
    established_ms: Option<u64>,
    flaps: Option<u64>,
}

#[derive(Deserialize)]
struct Told {
    routes: Vec<ToldRoute>,
}

#[derive(Deserialize)]
struct ToldRoute {
    from: Option<IpAddr>,
    to: Option<IpAddr>,
    best: bool,
    nlri: Nlri,
    next_hop: NextHop,
    attributes: PathAttributes,
}

impl Speaker for FakeRr {
    fn question(&self, topic: Topic) -> Option<Question> {
        let (say, complete): (_, fn(&[u8]) -> bool) = match topic {
            Topic::Sessions => (String::new(), |said| said.ends_with(b"\n")),
            Topic::Routes(family) => (format!("routes {family}\n"), has_routes),
            Topic::Sent(family, to) => (format!("sent {family} {to}\n"), has_routes),
        };
        Some(Question::Socket {
            path: FAKERR_STATUS.into(),
            say,
            complete,
        })
    }

    fn sessions(&self, answer: &[u8]) -> Result<Vec<Session>, Misread> {
        let line = lines(answer).next().unwrap_or(answer);
        let status: Status =
            serde_json::from_slice(line).map_err(|error| Misread::new(error, line))?;
        let session = |client: Client| {
            let state = state_named(&client.state)
                .ok_or_else(|| Misread::new("no such state", &client.state))?;
            let session = Session {
                remote_as: client.asn,
                families: client.families,
                hold_time: client.hold_time,
                four_octet_as: client.four_octet_as,
                graceful_restart: client.graceful_restart,
                up: client
                    .established_ms
                    .map(|ms| Up::For(Duration::from_millis(ms))),
                flaps: client.flaps,
                ..Session::new(client.address, state)
            };
            Ok(session.settled())
        };
        let sessions = status.clients.into_iter().map(session);
        let mut sessions = sessions.collect::<Result<Vec<_>, Misread>>()?;
        sessions.sort_by_key(|session| session.peer);
        Ok(sessions)
    }

    fn routes(&self, _family: Family, answer: &[u8]) -> Result<Vec<Route>, Misread> {
        let Some(line) = lines(answer).find(|line| tells_routes(line)) else {
            return Ok(Vec::new());
        };
        let told: Told = serde_json::from_slice(line).map_err(|error| Misread::new(error, line))?;
        Ok(told.routes.into_iter().map(ToldRoute::route).collect())
    }

    fn news(&self, topic: Topic) -> News {
        News::Socket {
            path: FAKERR_STATUS.into(),
            say: match topic {
                Topic::Sessions => "",
                Topic::Routes(_) | Topic::Sent(..) => "changes\n",
            },
        }
    }
}

impl ToldRoute {
    fn route(self) -> Route {
        let Self {
            from,
            to,
            best,
            nlri,
            next_hop,
            attributes,
        } = self;
        let facts = RouteFacts::of(&nlri, next_hop.address(), &attributes);
        Route {
            to,
            best: Some(best),
            ..Route::new(facts).told_by(from)
        }
    }
}

/// Whole lines; what comes after the last may be on its way.
fn lines(said: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = said.split_inclusive(|octet| *octet == b'\n');
    lines.filter_map(|line| line.strip_suffix(b"\n"))
}

fn tells_routes(line: &[u8]) -> bool {
    line.starts_with(b"{\"routes\"") || line.starts_with(b"{\"error\"")
}

/// That of the clients comes first, and again when it changes.
fn has_routes(said: &[u8]) -> bool {
    lines(said).any(tells_routes)
}
