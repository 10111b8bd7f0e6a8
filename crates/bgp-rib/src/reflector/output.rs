use std::{collections::BTreeMap, sync::Arc};

use bgp_wire::{Family, Nlri};

use super::{
    ClientId, ReflectorAction,
    body::Body,
    client::Client,
    table::{Change, Path},
};

/// Turns changes of best paths into as few actions as possible: one for all routes that share a body and an
/// audience. Who is to hear what is worked out once per body.
pub(super) struct Output<'a> {
    clients: &'a BTreeMap<ClientId, Client>,
    audiences: BTreeMap<(Family, u64), Arc<[ClientId]>>,
    announced: BTreeMap<(Family, u64, Arc<[ClientId]>), Routes>,
    withdrawn: BTreeMap<(Family, Arc<[ClientId]>), Vec<Nlri>>,
}

struct Routes {
    body: Arc<Body>,
    nlri: Vec<Nlri>,
}

impl<'a> Output<'a> {
    pub(super) fn new(clients: &'a BTreeMap<ClientId, Client>) -> Self {
        Self {
            clients,
            audiences: BTreeMap::new(),
            announced: BTreeMap::new(),
            withdrawn: BTreeMap::new(),
        }
    }

    /// The best path to a destination has changed.
    pub(super) fn change(&mut self, (before, after): Change) {
        let held = before.as_ref().map(|path| self.audience(path));
        let gets = after.as_ref().map(|path| self.audience(path));
        if let (Some(before), Some(held)) = (before, held) {
            let orphans = match &gets {
                Some(gets) if Arc::ptr_eq(gets, &held) => None,
                Some(gets) => {
                    let rest = held
                        .iter()
                        .filter(|client| gets.binary_search(client).is_err());
                    Some(rest.copied().collect())
                }
                None => Some(held),
            };
            if let Some(orphans) = orphans {
                self.withdraw(orphans, before.nlri);
            }
        }
        if let (Some(after), Some(gets)) = (after, gets) {
            self.announce(gets, &after);
        }
    }

    pub(super) fn announce(&mut self, to: Arc<[ClientId]>, path: &Path) {
        if !to.is_empty() {
            let key = (path.nlri.family, path.body.id, to);
            let body = || Routes {
                body: Arc::clone(&path.body),
                nlri: Vec::new(),
            };
            let routes = self.announced.entry(key).or_insert_with(body);
            routes.nlri.push(path.nlri.clone());
        }
    }

    pub(super) fn withdraw(&mut self, to: Arc<[ClientId]>, nlri: Nlri) {
        if !to.is_empty() {
            self.withdrawn
                .entry((nlri.family, to))
                .or_default()
                .push(nlri);
        }
    }

    /// Everything so far. No destination is both withdrawn from a client and announced to it, so the order
    /// between the two does not matter.
    pub(super) fn finish(self, actions: &mut Vec<ReflectorAction>) {
        for ((family, to), nlri) in self.withdrawn {
            let to = to.to_vec();
            let some = |nlri| ReflectorAction::Withdraw {
                to: to.clone(),
                family,
                nlri,
            };
            actions.extend(parcels(family, nlri).into_iter().map(some));
        }
        for ((family, _, to), Routes { body, nlri }) in self.announced {
            let some = |nlri| ReflectorAction::Announce {
                to: to.to_vec(),
                family,
                attributes: body.attributes.clone(),
                next_hop: body.next_hop.clone(),
                nlri,
            };
            actions.extend(parcels(family, nlri).into_iter().map(some));
        }
    }

    fn audience(&mut self, path: &Path) -> Arc<[ClientId]> {
        let (family, body) = (path.nlri.family, &path.body);
        let clients = self.clients;
        let audience = self.audiences.entry((family, body.id)).or_insert_with(|| {
            let gets = clients.values().filter(|client| client.gets(family, body));
            gets.map(|client| client.id).collect()
        });
        Arc::clone(audience)
    }
}

/// NLRI that may share a message. Of a family whose NLRI cannot be told apart, the field of one message is
/// one NLRI; joined with another it would become a third that nobody can withdraw.
fn parcels(family: Family, nlri: Vec<Nlri>) -> Vec<Vec<Nlri>> {
    let told_apart = matches!(
        family,
        Family {
            afi: 1 | 2,
            safi: 1 | 2 | 4 | 128 | 129 | 132
        } | Family {
            afi: 1 | 2 | 25,
            safi: 133 | 134
        } | Family::EVPN
    );
    if told_apart {
        vec![nlri]
    } else {
        nlri.into_iter().map(|nlri| vec![nlri]).collect()
    }
}
