//! Routes that steps announce and withdraw.

mod attributes;
mod keys;
mod nlri;

use std::collections::BTreeMap;
use std::ops::Range;

use bgp_wire::{Family, NlriValue};

use crate::announcement::{Announcement, Counter};
use crate::error::ErrorKind;
use crate::file::{AnnounceFile, At, WithdrawFile};
use crate::kind::{FakeRrMode, NodeKind};
use crate::lab::{AnnouncementId, NodeId};
use crate::resolve::families::families;
use crate::resolve::{Found, Resolver, related};
use crate::values;

/// More routes than are announced by one step.
const MOST_ROUTES: i64 = 1_000_000;

/// Announcements that have names, and where they have them from.
pub(in crate::resolve) type Names = BTreeMap<String, (AnnouncementId, Range<usize>)>;

/// Kinds of node that can be told to announce routes.
const ANNOUNCERS: [&str; 3] = ["fakerr", "gobgp", "exabgp"];

/// Whether nodes of a kind can be told to announce routes of a family.
fn can_announce(kind: &str, family: Family) -> bool {
    // ExaBGP 4.2 speaks E-VPN, and has no words for its routes.
    let wordless = kind == "exabgp" && family == Family::EVPN;
    let spoken = families(kind).is_some_and(|spoken| spoken.contains(&family));
    ANNOUNCERS.contains(&kind) && spoken && !wordless
}

impl Resolver<'_> {
    pub(super) fn announce(
        &mut self,
        typed: &AnnounceFile,
        at: &Range<usize>,
    ) -> Found<AnnouncementId> {
        if let Some(what) = &typed.what {
            return self.announce_again(typed, what);
        }
        let family = self.named_family(typed, at)?;
        let on = self.announcer(typed, family, at)?;
        if let Some(name) = &typed.name {
            self.name(name);
            if let Some((_, first)) = self.announcements.get(&name.value).cloned() {
                let kind = ErrorKind::Repeated {
                    verb: "has an announcement called".into(),
                    name: name.value.clone(),
                };
                self.fail_with(&name.span, kind, related(&first, "the first is here"));
                return None;
            }
        }
        let made = self.announcement(typed, on, family, at);
        let id = AnnouncementId(self.scenario.announcements.len());
        let place = typed.name.as_ref().map_or(at, |name| &name.span).clone();
        let Some(made) = made else {
            self.broken
                .extend(typed.name.as_ref().map(|name| name.value.clone()));
            return None;
        };
        if let Some(name) = &typed.name {
            let known = (id, name.span.clone());
            self.announcements.insert(name.value.clone(), known);
        }
        self.scenario.announcements.push(made);
        self.course.announced.insert(id, place);
        Some(id)
    }

    fn announce_again(&mut self, typed: &AnnounceFile, what: &At<String>) -> Found<AnnouncementId> {
        let alone = AnnounceFile {
            what: Some(what.clone()),
            ..AnnounceFile::default()
        };
        if *typed != alone {
            let reason = "stands alone: what is announced has been said before".into();
            let kind = ErrorKind::Misplaced {
                key: "what".into(),
                reason,
            };
            self.fail(&what.span, kind);
        }
        let (id, _) = self.announcement_named(what, "announces")?;
        if let Some(place) = self.course.announced.get(&id).cloned() {
            let kind = ErrorKind::Misplaced {
                key: what.value.clone(),
                reason: "is announced already".into(),
            };
            self.fail_with(&what.span, kind, related(&place, "it was announced here"));
            return None;
        }
        self.is_running(self.scenario[id].on, what);
        self.course.announced.insert(id, what.span.clone());
        Some(id)
    }

    pub(super) fn withdraw(
        &mut self,
        typed: &WithdrawFile,
        at: &Range<usize>,
    ) -> Found<Vec<AnnouncementId>> {
        let misplaced = |key: &str, reason: &str| ErrorKind::Misplaced {
            key: key.into(),
            reason: reason.into(),
        };
        if let Some(on) = &typed.on {
            if !typed.what.0.is_empty() {
                self.fail(&on.span, misplaced("on", "says nothing beside `what`"));
                return None;
            }
            match &typed.all {
                Some(At { value: true, .. }) => {}
                Some(all) => {
                    self.fail(&all.span, misplaced("all", "can only be true"));
                    return None;
                }
                None => {
                    self.fail(at, ErrorKind::MissingKey { key: "all".into() });
                    return None;
                }
            }
            return self.withdraw_all(on);
        }
        if let Some(all) = &typed.all {
            self.fail(
                &all.span,
                misplaced("all", "is for a speaker: say which `on`"),
            );
            return None;
        }
        if typed.what.0.is_empty() {
            self.fail(at, ErrorKind::MissingKey { key: "what".into() });
            return None;
        }
        let mut all = Vec::new();
        for what in &typed.what.0 {
            let Some((id, place)) = self.announcement_named(what, "withdraws") else {
                continue;
            };
            if self.course.announced.remove(&id).is_none() {
                let reason = "is not announced: it was withdrawn, or its speaker was ended";
                let kind = misplaced(&what.value, reason);
                self.fail_with(&what.span, kind, related(&place, "it was announced here"));
                continue;
            }
            all.push(id);
        }
        Some(all)
    }

    fn withdraw_all(&mut self, on: &At<String>) -> Found<Vec<AnnouncementId>> {
        let node = self.node(on, "withdraws all of")?;
        let announced = self.course.announced.keys();
        let all: Vec<AnnouncementId> = announced
            .filter(|id| self.scenario[**id].on == node)
            .copied()
            .collect();
        if all.is_empty() {
            self.out_of_place(
                &on.span,
                &on.value,
                "announces nothing that a step has told it to",
            );
            return None;
        }
        for id in &all {
            self.course.announced.remove(id);
        }
        Some(all)
    }

    pub(super) fn announcement_named(
        &mut self,
        name: &At<String>,
        verb: &str,
    ) -> Found<(AnnouncementId, Range<usize>)> {
        match self.announcements.get(&name.value) {
            Some(known) => Some(known.clone()),
            None => {
                let known = self.announcements.keys().cloned().collect();
                self.unknown(name, verb, "route announcement", known)
            }
        }
    }

    fn named_family(&mut self, typed: &AnnounceFile, at: &Range<usize>) -> Found<Family> {
        let Some(word) = &typed.family else {
            self.fail(
                at,
                ErrorKind::MissingKey {
                    key: "family".into(),
                },
            );
            return None;
        };
        let family = values::one_of("a family", &word.value, &values::FAMILIES);
        self.keep(&word.span, family)
    }

    /// The node, which can announce routes of this family to somebody.
    fn announcer(
        &mut self,
        typed: &AnnounceFile,
        family: Family,
        at: &Range<usize>,
    ) -> Found<NodeId> {
        let Some(on) = &typed.on else {
            self.fail(at, ErrorKind::MissingKey { key: "on".into() });
            return None;
        };
        let word = values::family_word(family);
        let verb = format!("announces routes of `{word}` on");
        let node = self.node(on, &verb)?;
        let can = |kind: &str| can_announce(kind, family);
        let kinds = ANNOUNCERS.into_iter().filter(|kind| can(kind));
        let needed = format!("kind that can: {}", kinds.collect::<Vec<_>>().join(", "));
        let node = self.of_kind(node, on, &verb, &needed, can)?;
        let kind = &self.scenario.nodes.get(node.0)?.kind;
        // Without one that is a mistake noted elsewhere, from which all else would follow.
        self.addresses(node).next()?;
        let splices = matches!(kind, NodeKind::FakeRr(rr) if rr.mode == FakeRrMode::Splice);
        // What a configuration file of its own says is not known.
        let heard = kind.speaker().is_none_or(|speaker| {
            let mut sessions = speaker.sessions.iter();
            speaker.config.is_some() || sessions.any(|session| session.families.contains(&family))
        });
        let reason = match (splices, heard) {
            (true, _) => "only joins its clients, and says nothing of its own".to_owned(),
            (_, false) => format!("has no session with the family `{word}`"),
            (false, true) => {
                self.is_running(node, on);
                return Some(node);
            }
        };
        let key = on.value.clone();
        self.fail(&on.span, ErrorKind::Misplaced { key, reason });
        None
    }

    /// A program that was ended cannot be told anything.
    pub(super) fn is_running(&mut self, node: NodeId, name: &At<String>) {
        if let Some(place) = self.course.halted.get(&node).cloned() {
            let node = self.node_name(node);
            let kind = ErrorKind::Misplaced {
                key: name.value.clone(),
                reason: match node == name.value {
                    true => "is halted".into(),
                    false => format!("is for `{node}`, which is halted"),
                },
            };
            self.fail_with(&name.span, kind, related(&place, "that was here"));
        }
    }

    fn announcement(
        &mut self,
        typed: &AnnounceFile,
        on: NodeId,
        family: Family,
        at: &Range<usize>,
    ) -> Found<Announcement> {
        let before = self.errors.len();
        let route_type = self.route_type(typed, family, at)?;
        self.only_its_keys(typed, family, route_type);
        let kind = self.file.nodes[on.0].value.kind.word();
        self.only_its_words(typed, kind, family);
        let first = self.first_destination(typed, on, family, route_type, at);
        let hop = self.announced_hop(typed, on, family, at);
        let attributes = self.attributes(typed, on, family, route_type, hop);
        let routes = match &typed.routes {
            Some(routes) => self.number("the number of routes", routes, 1, MOST_ROUTES),
            None => Some(1),
        };
        let first = first?;
        let counting = self.counted(typed, &first, routes?)?;
        (self.errors.len() == before).then_some(Announcement {
            name: typed.name.as_ref().map(|name| name.value.clone()),
            on,
            first,
            routes: routes?,
            counting,
            next_hop: attributes::next_hop(family, hop),
            attributes,
        })
    }

    /// What counts up, and that none of it runs out.
    fn counted(
        &mut self,
        typed: &AnnounceFile,
        first: &NlriValue,
        routes: u32,
    ) -> Found<Vec<Counter>> {
        let mut counters: Vec<(Counter, Range<usize>)> = Vec::new();
        for word in &typed.counting.0 {
            let known = values::one_of(
                "something that can be counted up",
                &word.value,
                &Counter::WORDS,
            );
            let counter = self.keep(&word.span, known)?;
            if !counter.is_in(first) {
                self.out_of_place(&word.span, &word.value, "a route like this does not have");
                return None;
            }
            counters.push((counter, word.span.clone()));
        }
        let place = match &typed.routes {
            Some(routes) => routes.span.clone(),
            None => {
                if let Some(word) = typed.counting.0.first() {
                    self.out_of_place(&word.span, "counting", "says nothing without `routes`");
                }
                return Some(Vec::new());
            }
        };
        if counters.is_empty() {
            let usual = Counter::usual(first).into_iter();
            counters = usual.map(|counter| (counter, place.clone())).collect();
        }
        if routes > 1 && !counters.iter().any(|(counter, _)| counter.is_key()) {
            let keys = Counter::WORDS.into_iter();
            let keys = keys.filter(|(_, counter)| counter.is_key() && counter.is_in(first));
            let keys: Vec<&str> = keys.map(|(word, _)| word).collect();
            let kind = ErrorKind::BadValue {
                what: "a number of routes to one destination".into(),
                value: routes.to_string(),
                reason: format!("for as many, count up one of: {}", keys.join(", ")),
            };
            self.fail(&place, kind);
            return None;
        }
        for (counter, _) in &counters {
            let last = match counter.is_in(first) {
                true => counter.count(first.clone(), routes - 1).map(drop),
                false => Ok(()),
            };
            let tunnel = typed.vni.as_ref().filter(|_| *counter == Counter::Vni);
            let past = tunnel.is_some_and(|vni| vni.value + i64::from(routes) - 1 > 0xff_ffff);
            let overflow = match last {
                Err(overflow) => Some(overflow.to_string()),
                Ok(()) if past => Some("the VNI ends at 16777215".into()),
                Ok(()) => None,
            };
            if let Some(overflow) = overflow {
                let kind = ErrorKind::BadValue {
                    what: format!(
                        "a number of routes that fits, counting up `{}`",
                        counter.word()
                    ),
                    value: routes.to_string(),
                    reason: overflow,
                };
                self.fail(&place, kind);
                return None;
            }
        }
        Some(counters.into_iter().map(|(counter, _)| counter).collect())
    }
}
