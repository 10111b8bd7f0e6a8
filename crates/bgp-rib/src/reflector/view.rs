//! What a reflector holds and what its clients hold of it, for who asks.

use bgp_wire::{Family, NextHop, Nlri, PathAttributes};

use super::{ClientId, Reflector, body::Source};

/// A path, as it came or as it went.
#[derive(Clone, Copy, Debug)]
pub struct HeldPath<'a> {
    /// The client that announced it; `None` for the reflector's own.
    pub from: Option<ClientId>,
    /// Whether it is the one that is reflected.
    pub best: bool,
    /// The destination.
    pub nlri: &'a Nlri,
    /// Next hop, the same both ways.
    pub next_hop: &'a NextHop,
    /// The other attributes.
    pub attributes: &'a PathAttributes,
}

impl Reflector {
    /// Every path of a family as it was received, destination by destination, the best first.
    pub fn received(&self, family: Family) -> impl Iterator<Item = HeldPath<'_>> {
        self.table.all_of(family).flat_map(|paths| {
            paths.iter().enumerate().map(|(at, path)| HeldPath {
                from: client(path.body.source),
                best: at == 0,
                nlri: &path.nlri,
                next_hop: &path.body.next_hop,
                attributes: &path.body.received,
            })
        })
    }

    /// What `client` holds of a family: it follows from best paths and memberships, and was sent as it is here.
    pub fn sent(&self, to: ClientId, family: Family) -> impl Iterator<Item = HeldPath<'_>> {
        let to = self.clients.get(&to);
        let paths = to.map(|to| {
            let paths = self.table.family(family);
            paths.filter(move |path| to.gets(family, &path.body))
        });
        paths.into_iter().flatten().map(|path| HeldPath {
            from: client(path.body.source),
            best: true,
            nlri: &path.nlri,
            next_hop: &path.body.next_hop,
            attributes: &path.body.attributes,
        })
    }
}

fn client(source: Source) -> Option<ClientId> {
    match source {
        Source::Own | Source::Originated => None,
        Source::Client(client) => Some(client),
    }
}
