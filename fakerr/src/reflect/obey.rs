use std::net::IpAddr;

use bgp_rib::reflector::{ClientId, ReflectorEvent};
use bgp_session::State;
use bgp_wire::{Notification, Update, notification::cease};
use bytes::Bytes;
use tracing::info;

use super::hub::Hub;
use crate::control::{Answer, Order, Refusal, Task};

/// Orders that are done when sessions have ended.
#[derive(Default)]
pub(super) struct Resets(Vec<Reset>);

struct Reset {
    waiting: Vec<ClientId>,
    sessions: usize,
    answer: Answer,
}

impl Resets {
    /// A session has ended, or its client is gone.
    pub(super) fn ended(&mut self, client: ClientId) {
        for reset in &mut self.0 {
            reset.waiting.retain(|waiting| *waiting != client);
        }
        for done in self.0.extract_if(.., |reset| reset.waiting.is_empty()) {
            // Who ordered it may have gone.
            let _ = done.answer.send(Ok(done.sessions));
        }
    }
}

impl Hub {
    /// Carries an order out. What follows for routes waits for the flush.
    pub(super) fn obey(&mut self, Order { task, answer }: Order) {
        let done = match task {
            Task::Originate(update) => Ok(self.originate(update)),
            Task::Send { to, octets } => self.say(to, &octets),
            Task::Reset(client) => match self.reset(client) {
                Ok(waiting) => {
                    let sessions = waiting.len();
                    self.resets.0.push(Reset {
                        waiting,
                        sessions,
                        answer,
                    });
                    return;
                }
                Err(refusal) => Err(refusal),
            },
        };
        // Who ordered it may have gone.
        let _ = answer.send(done);
    }

    fn originate(&mut self, update: Box<Update>) -> usize {
        let reach: usize = update.reach.iter().map(|(_, _, nlri)| nlri.len()).sum();
        let unreach: usize = update.unreach.iter().map(|(_, nlri)| nlri.len()).sum();
        info!(reach, unreach, "originating");
        self.news.1 |= reach + unreach > 0;
        self.handle(ReflectorEvent::Originate { update });
        reach + unreach
    }

    fn reset(&self, client: IpAddr) -> Result<Vec<ClientId>, Refusal> {
        let sessions = self.sessions_with(client)?;
        for id in &sessions {
            info!(%id, address = %client, "told to reset the session");
            if let Some(client) = self.clients.get(id) {
                let reset = Notification::cease(cease::RESET);
                client.handle.reset(reset);
            }
        }
        Ok(sessions)
    }

    fn say(&self, client: IpAddr, octets: &Bytes) -> Result<usize, Refusal> {
        for id in self.sessions_with(client)? {
            info!(%id, address = %client, octets = octets.len(), "told to say");
            self.senders.say(id, octets.clone());
        }
        Ok(octets.len())
    }

    /// The sessions with this client; at least one.
    fn sessions_with(&self, address: IpAddr) -> Result<Vec<ClientId>, Refusal> {
        let sessions = self.clients.iter().filter(|(_, client)| {
            client.state == State::Established && client.address.ip().to_canonical() == address
        });
        let sessions: Vec<ClientId> = sessions.map(|(id, _)| *id).collect();
        match sessions.is_empty() {
            true => Err(Refusal::NoClient(address)),
            false => Ok(sessions),
        }
    }
}
