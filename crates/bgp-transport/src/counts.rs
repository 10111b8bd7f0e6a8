use std::sync::atomic::{AtomicU64, Ordering};

use bgp_wire::raw::kind;

/// Types of messages, by the names of RFC 4271 and RFC 2918.
pub const MESSAGE_TYPES: [(u8, &str); 5] = [
    (kind::OPEN, "OPEN"),
    (kind::UPDATE, "UPDATE"),
    (kind::NOTIFICATION, "NOTIFICATION"),
    (kind::KEEPALIVE, "KEEPALIVE"),
    (kind::ROUTE_REFRESH, "ROUTE-REFRESH"),
];

/// How many messages of each type came from a peer and went to it, over all its sessions. Those to it count when they
/// are handed to the connection.
#[derive(Debug, Default)]
pub struct MessageCounts {
    received: [AtomicU64; MESSAGE_TYPES.len()],
    sent: [AtomicU64; MESSAGE_TYPES.len()],
}

impl MessageCounts {
    /// Messages received: name of the type and number, in the order of [`MESSAGE_TYPES`].
    pub fn received(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        named(&self.received)
    }

    /// Messages sent.
    pub fn sent(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        named(&self.sent)
    }

    pub(crate) fn note_received(&self, kind: u8) {
        note(&self.received, kind);
    }

    pub(crate) fn note_sent(&self, message: &[u8]) {
        // The type follows marker and length (RFC 4271 section 4.1).
        if let Some(kind) = message.get(18) {
            note(&self.sent, *kind);
        }
    }
}

fn named(counts: &[AtomicU64]) -> impl Iterator<Item = (&'static str, u64)> + '_ {
    let names = MESSAGE_TYPES.iter().map(|(_, name)| *name);
    names.zip(counts.iter().map(|count| count.load(Ordering::Relaxed)))
}

fn note(counts: &[AtomicU64], kind: u8) {
    let index = MESSAGE_TYPES.iter().position(|(known, _)| *known == kind);
    if let Some(count) = index.and_then(|index| counts.get(index)) {
        count.fetch_add(1, Ordering::Relaxed);
    }
}
