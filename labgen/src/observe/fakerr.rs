//! `bagpipe-fakerr`, asked over its status socket: a JSON document a line, the first at once and one more
//! after each change.

use std::net::IpAddr;
use std::path::PathBuf;

use bgp_wire::Family;
use serde::Deserialize;

use super::{Misread, News, Question, Route, Session, Speaker, Topic, state_named};
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
}

impl Speaker for FakeRr {
    fn question(&self, topic: Topic) -> Option<Question> {
        (topic == Topic::Sessions).then(|| Question::Socket {
            path: FAKERR_STATUS.into(),
            say: String::new(),
            complete: |said| said.ends_with(b"\n"),
        })
    }

    fn sessions(&self, answer: &[u8]) -> Result<Vec<Session>, Misread> {
        let line = answer
            .split(|octet| *octet == b'\n')
            .next()
            .unwrap_or(answer);
        let status: Status =
            serde_json::from_slice(line).map_err(|error| Misread::new(error, line))?;
        let session = |client: Client| {
            let state = state_named(&client.state)
                .ok_or_else(|| Misread::new("no such state", &client.state))?;
            Ok(Session {
                peer: client.address,
                state,
                remote_as: client.asn,
                families: client.families,
            })
        };
        let sessions = status.clients.into_iter().map(session);
        let mut sessions = sessions.collect::<Result<Vec<_>, Misread>>()?;
        sessions.sort_by_key(|session| session.peer);
        Ok(sessions)
    }

    fn routes(&self, _family: Family, _answer: &[u8]) -> Result<Vec<Route>, Misread> {
        Ok(Vec::new())
    }

    fn news(&self, _topic: Topic) -> News {
        News::Socket(PathBuf::from(FAKERR_STATUS))
    }
}
