use std::collections::BTreeMap;

use bgp_rib::reflector::{ClientId, Mark, ReflectorAction};
use bgp_transport::Outgoing;
use bgp_wire::{
    EncodeContext, Family, Message, NextHop, Nlri, PathAttributes, RawMessage, RouteRefresh, Update,
};
use bytes::Bytes;
use tracing::{debug, warn};

/// The ways to the clients. A message for many is encoded once for all that read alike.
#[derive(Default)]
pub(super) struct Senders {
    clients: BTreeMap<ClientId, Sender>,
    /// All that were ever agreed on; few.
    contexts: Vec<EncodeContext>,
}

struct Sender {
    outgoing: Outgoing,
    context: usize,
}

impl Senders {
    pub(super) fn add(&mut self, id: ClientId, outgoing: Outgoing, context: EncodeContext) {
        let known = self.contexts.iter().position(|known| *known == context);
        let context = known.unwrap_or_else(|| {
            self.contexts.push(context);
            self.contexts.len() - 1
        });
        self.clients.insert(id, Sender { outgoing, context });
    }

    pub(super) fn remove(&mut self, id: ClientId) {
        self.clients.remove(&id);
    }

    pub(super) fn act(&self, action: ReflectorAction) {
        match action {
            ReflectorAction::Announce {
                to,
                family,
                attributes,
                next_hop,
                nlri,
            } => {
                debug!(%family, routes = nlri.len(), clients = to.len(), "announcing");
                self.send(&to, |context| {
                    announce(family, &attributes, &next_hop, &nlri, context)
                });
            }
            ReflectorAction::Withdraw { to, family, nlri } => {
                debug!(%family, routes = nlri.len(), clients = to.len(), "withdrawing");
                self.send(&to, |context| Update::withdraw(family, &nlri, context));
            }
            ReflectorAction::Mark { to, family, mark } => {
                self.send(&[to], |_| vec![mark_message(family, mark)]);
            }
        }
    }

    /// Octets of somebody else's, whatever they are.
    pub(super) fn say(&self, to: ClientId, octets: Bytes) {
        if let Some(sender) = self.clients.get(&to) {
            sender.outgoing.send_encoded([octets]);
        }
    }

    fn send(&self, to: &[ClientId], messages: impl Fn(&EncodeContext) -> Vec<RawMessage>) {
        let mut encoded: Vec<Option<Vec<Bytes>>> = vec![None; self.contexts.len()];
        for sender in to.iter().filter_map(|id| self.clients.get(id)) {
            let bytes = encoded[sender.context].get_or_insert_with(|| {
                let messages = messages(&self.contexts[sender.context]);
                messages.iter().map(RawMessage::encode).collect()
            });
            sender.outgoing.send_encoded(bytes.iter().cloned());
        }
    }
}

fn announce(
    family: Family,
    attributes: &PathAttributes,
    next_hop: &NextHop,
    nlri: &[Nlri],
    context: &EncodeContext,
) -> Vec<RawMessage> {
    let announcement = Update::announce_all(attributes, family, next_hop, nlri, context);
    let mut messages = announcement.messages;
    if !announcement.too_large.is_empty() {
        // Clients may hold what the route was before. That is no longer true.
        let routes = announcement.too_large.len();
        warn!(%family, routes, "routes do not fit in a message with our attributes: withdrawn");
        messages.extend(Update::withdraw(family, &announcement.too_large, context));
    }
    messages
}

fn mark_message(family: Family, mark: Mark) -> RawMessage {
    let refresh = |subtype| {
        let refresh = RouteRefresh {
            subtype,
            ..RouteRefresh::request(family)
        };
        Message::RouteRefresh(refresh).encode()
    };
    match mark {
        Mark::EndOfRib => Update::end_of_rib_for(family),
        Mark::RefreshBegins => refresh(RouteRefresh::BEGIN),
        Mark::RefreshEnds => refresh(RouteRefresh::END),
    }
}
