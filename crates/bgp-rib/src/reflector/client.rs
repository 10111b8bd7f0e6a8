use std::collections::{BTreeMap, BTreeSet};

use bgp_wire::{Family, NlriKey, RouteTarget, nlri::RtcRoute};

use super::{
    ClientId, ClientInfo,
    body::{Body, Source},
};

#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: ClientId,
    pub(super) info: ClientInfo,
    pub(super) membership: Membership,
    /// The End-of-RIB of VPN families is owed until the client has said all it wants.
    pub(super) owes_end_of_rib: bool,
}

impl Client {
    pub(super) fn new(id: ClientId, info: ClientInfo) -> Self {
        let owes_end_of_rib = info.families.contains(&Family::RTC);
        Self {
            id,
            info,
            membership: Membership::default(),
            owes_end_of_rib,
        }
    }

    /// Whether RT-Constraint decides what of `family` this client gets.
    pub(super) fn constrained(&self, family: Family) -> bool {
        is_constrained(family) && self.info.families.contains(&Family::RTC)
    }

    /// Whether it wants every VPN route and cannot say so.
    pub(super) fn wants_all_silently(&self) -> bool {
        let families = &self.info.families;
        !families.contains(&Family::RTC) && families.iter().any(|family| is_constrained(*family))
    }

    /// Everything but RT-Constraint: the family, and not back to where it came from (RFC 4456 sections 6, 8),
    /// unless it is a membership (RFC 4684 section 3.2).
    pub(super) fn may_have(&self, family: Family, body: &Body) -> bool {
        let comes_from_it =
            body.source == Source::Client(self.id) || body.originator == self.info.router_id;
        self.info.families.contains(&family) && (family == Family::RTC || !comes_from_it)
    }

    /// Whether this client is to hold that path.
    pub(super) fn gets(&self, family: Family, body: &Body) -> bool {
        self.may_have(family, body)
            && (!self.constrained(family) || self.membership.asks(&body.targets))
    }
}

/// Families whose routes carry route targets that RT-Constraint filters (RFC 4684 section 1).
pub(super) fn is_constrained(family: Family) -> bool {
    matches!(
        family,
        Family {
            afi: 1 | 2,
            safi: 128 | 134
        } | Family {
            afi: 25,
            safi: 65 | 70 | 134
        }
    )
}

/// The route targets a client asked for (RFC 4684 section 4). The origin AS is not looked at.
#[derive(Clone, Debug, Default)]
pub(super) struct Membership {
    asked: BTreeMap<NlriKey, RtcRoute>,
    /// How many routes ask for exactly this target.
    exact: BTreeMap<RouteTarget, usize>,
    /// Those that ask for more than one: the default, and prefixes.
    wide: BTreeMap<NlriKey, RtcRoute>,
}

impl Membership {
    pub(super) fn asks(&self, targets: &[RouteTarget]) -> bool {
        self.asks_widely(targets) || targets.iter().any(|target| self.exact.contains_key(target))
    }

    /// Through the default or a prefix.
    fn asks_widely(&self, targets: &[RouteTarget]) -> bool {
        self.wide
            .values()
            .any(|route| route.is_default() || targets.iter().any(|target| route.matches(target)))
    }
}

/// What an UPDATE changed in a membership.
#[derive(Debug, Default)]
pub(super) struct MembershipChange {
    added: BTreeSet<RouteTarget>,
    removed: BTreeSet<RouteTarget>,
    /// As it was, if more than single targets changed.
    before: Option<Box<Membership>>,
}

impl MembershipChange {
    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.before.is_none()
    }

    /// The targets whose routes may change hands; `None` is all of them.
    pub(super) fn targets(&self) -> Option<impl Iterator<Item = &RouteTarget>> {
        self.before
            .is_none()
            .then(|| self.added.iter().chain(&self.removed))
    }

    /// What [`Membership::asks`] said before the change; `now` is the membership after it.
    pub(super) fn asked(&self, now: &Membership, targets: &[RouteTarget]) -> bool {
        if let Some(before) = &self.before {
            return before.asks(targets);
        }
        // Only whole targets changed: without those added, with those removed.
        let exact = |target| !self.added.contains(target) && now.exact.contains_key(target);
        now.asks_widely(targets)
            || targets
                .iter()
                .any(|target| self.removed.contains(target) || exact(target))
    }

    pub(super) fn add(&mut self, membership: &mut Membership, key: NlriKey, route: RtcRoute) {
        if membership.asked.contains_key(&key) {
            return;
        }
        match kind(&route) {
            Kind::Nothing => {}
            Kind::Exact(target) => {
                let count = membership.exact.entry(target).or_default();
                *count += 1;
                if *count == 1 && !self.removed.remove(&target) {
                    self.added.insert(target);
                }
            }
            Kind::Wide => {
                self.remember(membership);
                membership.wide.insert(key.clone(), route);
            }
        }
        membership.asked.insert(key, route);
    }

    pub(super) fn remove(&mut self, membership: &mut Membership, key: &NlriKey) {
        let Some(route) = membership.asked.get(key).copied() else {
            return;
        };
        match kind(&route) {
            Kind::Nothing => {}
            Kind::Exact(target) => {
                if let Some(count) = membership.exact.get_mut(&target) {
                    *count -= 1;
                    if *count == 0 {
                        membership.exact.remove(&target);
                        if !self.added.remove(&target) {
                            self.removed.insert(target);
                        }
                    }
                }
            }
            Kind::Wide => {
                self.remember(membership);
                membership.wide.remove(key);
            }
        }
        membership.asked.remove(key);
    }

    fn remember(&mut self, membership: &Membership) {
        if self.before.is_some() {
            return;
        }
        let mut before = membership.clone();
        for target in &self.added {
            before.exact.remove(target);
        }
        before
            .exact
            .extend(self.removed.iter().map(|target| (*target, 1)));
        self.before = Some(Box::new(before));
    }
}

enum Kind {
    /// A whole extended community that is no route target.
    Nothing,
    Exact(RouteTarget),
    Wide,
}

fn kind(route: &RtcRoute) -> Kind {
    match (route.bits, route.route_target()) {
        (96, Some(target)) => Kind::Exact(target),
        (96, None) => Kind::Nothing,
        _ => Kind::Wide,
    }
}
