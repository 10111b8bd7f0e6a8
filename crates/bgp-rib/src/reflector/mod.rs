//! A route reflector (RFC 4456) for clients only, with RT-Constraint (RFC 4684).
//!
//! ```text
//!   ReflectorEvent ──> table: destination -> paths, the best first ──> changes of best paths
//!                                                                          │ who may have it:
//!                      clients: families, memberships ─────────────────────┤ family, origin, targets
//!                                                                          v
//!                                              ReflectorAction: groups of routes to groups of clients
//! ```
//!
//! Of every destination the best path is sent to every client that negotiated the family, except the one it
//! came from and the one that originated it. To clients with RT-Constraint, routes of VPN families go only if
//! they asked for one of their targets, and not before. What clients ask for is reflected like other routes,
//! but also to where it came from, with the reflector as the originator: clients of one VPN announce the same
//! membership, and each has to hear that somebody wants its routes (RFC 4684 section 3.2). For a client
//! without RT-Constraint the reflector asks all others for everything, see [`AskForAll`].
//!
//! Routes of the reflector's own compete with those of clients by the same rules, and go out as they are.
//!
//! What clients hold is never stored: it follows from best paths and memberships, before and after.

mod best;
mod body;
mod client;
mod event;
mod output;
pub mod rules;
mod table;
mod view;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
    sync::Arc,
};

use bgp_wire::{
    AttributeValue, Family, NextHop, Nlri, NlriValue, PathAttributes, Update,
    attribute::{AsPath, Origin as OriginCode},
    nlri::RtcRoute,
};
use serde::{Deserialize, Serialize};

pub use event::{ClientId, ClientInfo, Mark, ReflectorAction, ReflectorEvent};
pub use view::HeldPath;

use body::{Bodies, Origin, Source};
use client::{Client, MembershipChange};
use output::Output;
use table::{Path, Table};

use crate::export::DEFAULT_LOCAL_PREF;

/// Who a reflector is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReflectorConfig {
    /// Its BGP identifier.
    pub router_id: Ipv4Addr,
    /// What it puts into CLUSTER_LIST, usually its BGP identifier (RFC 4456 section 7).
    pub cluster_id: Ipv4Addr,
    /// When it asks clients for everything.
    pub ask_for_all: AskForAll,
}

/// When a reflector announces the default route of RT-Constraint, which asks for every route (RFC 4684
/// section 6).
///
/// Not always, though that would be simplest: GoBGP 3.10 as a client ends with a nil pointer once it has a
/// default route and any other membership from one peer, or deletes a VRF while it has a default route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AskForAll {
    /// While a client speaks VPN families without RT-Constraint: it wants everything and cannot say so.
    #[default]
    Auto,
    /// From the beginning.
    Always,
    /// Never: a client without RT-Constraint gets what others asked for.
    Never,
}

/// The state of a route reflector. See the [module](self).
#[derive(Debug)]
pub struct Reflector {
    config: ReflectorConfig,
    clients: BTreeMap<ClientId, Client>,
    bodies: Bodies,
    table: Table,
    /// End-of-RIBs held back, while they are.
    deferred: Option<BTreeSet<(ClientId, Family)>>,
}

impl Reflector {
    /// A reflector without clients.
    pub fn new(config: ReflectorConfig) -> Self {
        let mut this = Self {
            config,
            clients: BTreeMap::new(),
            bodies: Bodies::default(),
            table: Table::default(),
            deferred: None,
        };
        this.ask_if_needed(false);
        this.table.changes();
        this
    }

    /// A reflector that has restarted. Its clients keep what it told them before until it marks the end of what
    /// it has to tell; it does so only when [`ReflectorEvent::DeferralOver`] says that all clients have told it
    /// theirs again (Selection_Deferral_Timer, RFC 4724 section 4.1). What there is to tell is told at once.
    pub fn deferring(config: ReflectorConfig) -> Self {
        Self {
            deferred: Some(BTreeSet::new()),
            ..Self::new(config)
        }
    }

    /// Takes in what happened. What follows for routes may wait for [`Reflector::flush`], so that a burst of
    /// events becomes few messages; what has to be said before comes out at once.
    pub fn handle(&mut self, event: ReflectorEvent) -> Vec<ReflectorAction> {
        let mut actions = Vec::new();
        match event {
            ReflectorEvent::Up { client, info } => {
                // All that came before is sent to those who were there before.
                self.flush_into(&mut actions);
                self.down(client);
                self.up(client, info, &mut actions);
            }
            ReflectorEvent::Down { client } => self.down(client),
            ReflectorEvent::Update { client, update } => {
                self.update(client, &update, &mut actions);
            }
            ReflectorEvent::Originate { update } => self.originate(&update),
            ReflectorEvent::DeferralOver => {
                self.flush_into(&mut actions);
                for (client, family) in self.deferred.take().into_iter().flatten() {
                    self.mark_end(client, family, &mut actions);
                }
            }
            ReflectorEvent::Refresh { client, family } => {
                self.flush_into(&mut actions);
                self.refresh(client, family, &mut actions);
            }
        }
        actions
    }

    /// What is still to be sent.
    pub fn flush(&mut self) -> Vec<ReflectorAction> {
        let mut actions = Vec::new();
        self.flush_into(&mut actions);
        actions
    }

    /// How many destinations there are in each family.
    pub fn counts(&self) -> impl Iterator<Item = (Family, usize)> + '_ {
        self.table.counts()
    }

    /// The clients, in the order of their numbers.
    pub fn clients(&self) -> impl Iterator<Item = (ClientId, &ClientInfo)> {
        self.clients
            .values()
            .map(|client| (client.id, &client.info))
    }

    fn flush_into(&mut self, actions: &mut Vec<ReflectorAction>) {
        let changes = self.table.changes();
        if changes.is_empty() {
            return;
        }
        let mut output = Output::new(&self.clients);
        for change in changes {
            output.change(change);
        }
        output.finish(actions);
    }

    /// The reflector's own path, the default route of RT-Constraint, comes and goes with the need for it.
    /// `newcomer` tells of a client that is not yet among the clients.
    fn ask_if_needed(&mut self, newcomer: bool) {
        let needed = match self.config.ask_for_all {
            AskForAll::Auto => newcomer || self.clients.values().any(Client::wants_all_silently),
            AskForAll::Always => true,
            AskForAll::Never => false,
        };
        let nlri = Nlri::from(NlriValue::Rtc(RtcRoute::DEFAULT));
        if !needed {
            self.table.remove(Source::Own, &nlri);
            return;
        }
        let attributes = PathAttributes::new()
            .with(AttributeValue::Origin(OriginCode::Igp))
            .with(AttributeValue::AsPath(AsPath::default()))
            .with(AttributeValue::LocalPref(DEFAULT_LOCAL_PREF));
        let router_id = self.config.router_id;
        let origin = Origin {
            source: Source::Own,
            router_id,
            address: router_id.into(),
            is_membership: true,
        };
        let next_hop = NextHop::for_family(Family::RTC, IpAddr::V4(router_id));
        let body = self
            .bodies
            .get(&self.config, origin, &next_hop, &attributes);
        self.table.insert(Path { body, nlri });
    }

    fn up(&mut self, id: ClientId, info: ClientInfo, actions: &mut Vec<ReflectorAction>) {
        let client = Client::new(id, info);
        // First what the client needs in order to know what it should send.
        let mut families: Vec<Family> = client.info.families.iter().copied().collect();
        families.sort_by_key(|family| (*family != Family::RTC, *family));
        // To the others; the new client gets it with everything else.
        self.ask_if_needed(client.wants_all_silently());
        self.flush_into(actions);
        self.clients.insert(id, client);
        for family in families {
            self.send_family(id, family, actions);
            if self
                .clients
                .get(&id)
                .is_some_and(|client| !client.constrained(family))
            {
                self.mark_end(id, family, actions);
            }
        }
    }

    /// The client has been told everything of the family, as far as its other clients have.
    fn mark_end(&mut self, to: ClientId, family: Family, actions: &mut Vec<ReflectorAction>) {
        let mark = Mark::EndOfRib;
        match &mut self.deferred {
            // Of memberships nothing is kept through a restart, and clients wait for this mark with their routes.
            Some(deferred) if family != Family::RTC => {
                deferred.insert((to, family));
            }
            _ => actions.push(ReflectorAction::Mark { to, family, mark }),
        }
    }

    fn down(&mut self, id: ClientId) {
        if let Some(deferred) = &mut self.deferred {
            deferred.retain(|(client, _)| *client != id);
        }
        if self.clients.remove(&id).is_some() {
            self.table.remove_all(Source::Client(id));
            self.ask_if_needed(false);
        }
    }

    fn refresh(&mut self, id: ClientId, family: Family, actions: &mut Vec<ReflectorAction>) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let enhanced = client.info.enhanced_refresh;
        let mark = |mark| ReflectorAction::Mark {
            to: id,
            family,
            mark,
        };
        if enhanced {
            actions.push(mark(Mark::RefreshBegins));
        }
        self.send_family(id, family, actions);
        if enhanced {
            actions.push(mark(Mark::RefreshEnds));
        } else {
            self.mark_end(id, family, actions);
        }
    }

    /// Everything of a family that the client is to hold.
    fn send_family(&self, id: ClientId, family: Family, actions: &mut Vec<ReflectorAction>) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let to: Arc<[ClientId]> = Arc::from([id]);
        let mut output = Output::new(&self.clients);
        for path in self
            .table
            .family(family)
            .filter(|path| client.gets(family, &path.body))
        {
            output.announce(Arc::clone(&to), path);
        }
        output.finish(actions);
    }

    fn update(&mut self, id: ClientId, update: &Update, actions: &mut Vec<ReflectorAction>) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let origin = Origin {
            source: Source::Client(id),
            router_id: client.info.router_id,
            address: client.info.address,
            is_membership: false,
        };
        // RFC 4456 section 8: what has been here before is not taken again.
        let looped = update.attributes.originator_id() == Some(self.config.router_id)
            || update
                .attributes
                .cluster_list()
                .contains(&self.config.cluster_id);
        self.learn(origin, update, looped);
        self.update_membership(id, update, looped, actions);
    }

    /// Any family will do, and there is nobody to loop.
    fn originate(&mut self, update: &Update) {
        let router_id = self.config.router_id;
        let origin = Origin {
            source: Source::Originated,
            router_id,
            address: router_id.into(),
            is_membership: false,
        };
        self.learn(origin, update, false);
    }

    fn learn(&mut self, origin: Origin, update: &Update, looped: bool) {
        let (source, config) = (origin.source, self.config);
        let client = match source {
            Source::Client(id) => self.clients.get(&id),
            Source::Own | Source::Originated => None,
        };
        let speaks =
            |family: &Family| client.is_none_or(|client| client.info.families.contains(family));
        for (_, nlri) in update.unreach.iter().filter(|(family, _)| speaks(family)) {
            nlri.iter().for_each(|nlri| self.table.remove(source, nlri));
        }
        for (family, next_hop, nlri) in update.reach.iter().filter(|(family, ..)| speaks(family)) {
            if looped {
                nlri.iter().for_each(|nlri| self.table.remove(source, nlri));
                continue;
            }
            let origin = Origin {
                is_membership: *family == Family::RTC,
                ..origin
            };
            let body = self
                .bodies
                .get(&config, origin, next_hop, &update.attributes);
            for nlri in nlri {
                self.table.insert(Path {
                    body: Arc::clone(&body),
                    nlri: nlri.clone(),
                });
            }
        }
    }

    fn update_membership(
        &mut self,
        id: ClientId,
        update: &Update,
        looped: bool,
        actions: &mut Vec<ReflectorAction>,
    ) {
        let withdrawn = update
            .unreach
            .iter()
            .filter(|(family, _)| *family == Family::RTC);
        let announced = update
            .reach
            .iter()
            .filter(|(family, ..)| *family == Family::RTC);
        let end_of_rib = update.end_of_rib() == Some(Family::RTC);
        let mut announced = announced.peekable();
        let mut withdrawn = withdrawn.peekable();
        let nothing = announced.peek().is_none() && withdrawn.peek().is_none();
        if (nothing && !end_of_rib) || !self.clients.contains_key(&id) {
            return;
        }
        // What changed until now goes to those who had asked until now.
        self.flush_into(actions);
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if !client.info.families.contains(&Family::RTC) {
            return;
        }
        let mut change = MembershipChange::default();
        for nlri in withdrawn.flat_map(|(_, nlri)| nlri) {
            change.remove(&mut client.membership, &nlri.key());
        }
        for nlri in announced.flat_map(|(_, _, nlri)| nlri) {
            if looped {
                change.remove(&mut client.membership, &nlri.key());
            } else if let Ok(NlriValue::Rtc(route)) = nlri.value() {
                change.add(&mut client.membership, nlri.key(), route);
            }
        }
        let client = &self.clients[&id];
        if !change.is_empty() {
            self.send_difference(client, &change, actions);
        }
        if end_of_rib {
            self.end_vpn_families(id, actions);
        }
    }

    /// Routes the client asks for now and did not before, and the other way round.
    fn send_difference(
        &self,
        client: &Client,
        change: &MembershipChange,
        actions: &mut Vec<ReflectorAction>,
    ) {
        let to: Arc<[ClientId]> = Arc::from([client.id]);
        let mut output = Output::new(&self.clients);
        for path in self.table.with_targets(change.targets()) {
            let targets = &path.body.targets;
            let had = change.asked(&client.membership, targets);
            let gets = client.membership.asks(targets);
            if had != gets && client.may_have(path.nlri.family, &path.body) {
                match gets {
                    true => output.announce(Arc::clone(&to), path),
                    false => output.withdraw(Arc::clone(&to), path.nlri.clone()),
                }
            }
        }
        output.finish(actions);
    }

    /// The client has said all it wants, so what it got is complete.
    fn end_vpn_families(&mut self, id: ClientId, actions: &mut Vec<ReflectorAction>) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        if !std::mem::take(&mut client.owes_end_of_rib) {
            return;
        }
        let client = &self.clients[&id];
        let families = client.info.families.iter().copied();
        let owed: Vec<Family> = families.filter(|f| client.constrained(*f)).collect();
        for family in owed {
            self.mark_end(id, family, actions);
        }
    }
}
