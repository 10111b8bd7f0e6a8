//! Instances that nobody attached to: traffic is redirected to them, for as long as a Flowspec route says so.
//!
//! Whoever may announce Flowspec routes decides how many there are, so there is a limit; the targets above it wait for room.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use bgp_wire::{MacAddr, RouteTarget};

use super::{Effect, VpnManager};
use crate::error::Warning;
use crate::instance::{Instance, Redirection};
use crate::intent::InstanceId;
use crate::request::{AttachRequest, IpWithPrefix, LocalPort};

impl VpnManager {
    /// Makes the instances of the `targets` that `user` began to redirect to, and removes those it was the last to
    /// need; in between, its intent follows.
    pub(super) fn follow_redirects(
        &mut self,
        user: InstanceId,
        targets: BTreeSet<RouteTarget>,
        effects: &mut Vec<Effect>,
    ) {
        let is_needed = |target: &RouteTarget| self.is_redirecting(user, *target);
        let (needed, spare): (Vec<_>, Vec<_>) = targets.into_iter().partition(is_needed);
        for target in needed {
            if let Err(warning) = self.redirect_to(target, user, effects) {
                effects.extend(warning.map(|warning| Effect::Warn(user, warning)));
            }
        }
        self.place_redirects(user);
        for target in spare {
            self.end_redirect(target, user, effects);
        }
        self.make_refused(effects);
    }

    fn is_redirecting(&self, user: InstanceId, target: RouteTarget) -> bool {
        match self.instances.get(&user) {
            Some(Instance::Vrf(vrf)) => vrf.redirects_to(target),
            _ => false,
        }
    }

    fn place_redirects(&mut self, user: InstanceId) {
        if let Some(Instance::Vrf(vrf)) = self.instances.get_mut(&user)
            && vrf.place_redirects(&self.redirects)
        {
            self.changed.insert(user);
        }
    }

    /// How many instances are made because others redirect to them.
    fn max_redirects(&self) -> usize {
        let ipvpn = self.config.ipvpn.as_ref();
        ipvpn.map_or(0, |ipvpn| ipvpn.max_redirects)
    }

    /// Makes instances for redirects that there was no room for, now that there may be.
    fn make_refused(&mut self, effects: &mut Vec<Effect>) {
        while self.redirects.len() < self.max_redirects()
            && let Some((target, users)) = self.refused.pop_first()
        {
            for user in users {
                if !self.is_redirecting(user, target) {
                    continue;
                }
                if let Err(warning) = self.redirect_to(target, user, effects) {
                    effects.extend(warning.map(|warning| Effect::Warn(user, warning)));
                }
                if let Some(Instance::Vrf(vrf)) = self.instances.get_mut(&user) {
                    vrf.touch_redirects(target);
                }
                self.place_redirects(user);
            }
        }
    }

    /// Sees to it that there is an instance that imports `target`, for `user`; the error is what is to be said of why
    /// there is none. That there are too many is said when the first has no room.
    fn redirect_to(
        &mut self,
        target: RouteTarget,
        user: InstanceId,
        effects: &mut Vec<Effect>,
    ) -> Result<(), Option<Warning>> {
        let failed = |reason: String| {
            let target = target.to_string();
            Some(Warning::NoRedirect { target, reason })
        };
        let name = format!("redirect-to-ipvpn-{}", target.to_string().replace(':', "_"));
        let known = self.redirects.get(&target).copied();
        let id = match known.or_else(|| self.id_of(&name)) {
            Some(id) if id == user => return Err(failed("it is the instance itself".to_owned())),
            Some(id) => id,
            None if self.redirects.len() >= self.max_redirects() => {
                let is_first = self.refused.is_empty();
                self.refused.entry(target).or_default().insert(user);
                return Err(is_first.then(|| Warning::TooManyRedirects {
                    target: target.to_string(),
                    max: self.max_redirects(),
                }));
            }
            None => {
                // The reference's values, which say nothing: there is no port.
                let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
                let request = AttachRequest {
                    gateway: Some(loopback),
                    ..AttachRequest::ipvpn(
                        name,
                        MacAddr([0; 6]),
                        IpWithPrefix::of(loopback, 24),
                        LocalPort::new(""),
                    )
                };
                let made = self.create(&request);
                made.map_err(|error| failed(error.to_string()))?
            }
        };
        let Some(Instance::Vrf(vrf)) = self.instances.get_mut(&id) else {
            let reason = "a VPN instance of another type has the name";
            return Err(failed(reason.to_owned()));
        };
        let redirection = vrf.common.redirection.get_or_insert_with(|| {
            let users = BTreeSet::new();
            Redirection { target, users }
        });
        redirection.users.insert(user);
        if self.redirects.insert(target, id).is_none() {
            self.changed.insert(id);
            let outcome = vrf.publish(&self.config, []);
            effects.extend(self.effects(id, outcome));
        }
        Ok(())
    }

    fn end_redirect(&mut self, target: RouteTarget, user: InstanceId, effects: &mut Vec<Effect>) {
        if let Some(users) = self.refused.get_mut(&target) {
            users.remove(&user);
            if users.is_empty() {
                self.refused.remove(&target);
            }
        }
        let Some(id) = self.redirects.get(&target).copied() else {
            return;
        };
        let Some(Instance::Vrf(vrf)) = self.instances.get_mut(&id) else {
            return;
        };
        let common = &mut vrf.common;
        if let Some(redirection) = &mut common.redirection {
            redirection.users.remove(&user);
            if !redirection.users.is_empty() {
                return;
            }
        }
        common.redirection = None;
        self.redirects.remove(&target);
        let is_unused = common.is_unused();
        let outcome = if common.has_nothing_live() {
            if vrf.forget_all() {
                self.changed.insert(id);
            }
            vrf.retire()
        } else {
            vrf.publish(&self.config, [])
        };
        effects.extend(self.effects(id, outcome));
        if is_unused {
            self.remove(id);
        }
    }
}
