//! Instances that nobody attached to: traffic is redirected to them, for as long as a Flowspec route says so.

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
        let is_needed = |target: &RouteTarget| match self.instances.get(&user) {
            Some(Instance::Vrf(vrf)) => vrf.redirects_to(*target),
            _ => false,
        };
        let (needed, spare): (Vec<_>, Vec<_>) = targets.into_iter().partition(is_needed);
        for target in needed {
            if let Err(reason) = self.redirect_to(target, user, effects) {
                let target = target.to_string();
                let warning = Warning::NoRedirect { target, reason };
                effects.push(Effect::Warn(user, warning));
            }
        }
        if let Some(Instance::Vrf(vrf)) = self.instances.get_mut(&user)
            && vrf.place_redirects(&self.redirects)
        {
            self.changed.insert(user);
        }
        for target in spare {
            self.end_redirect(target, user, effects);
        }
    }

    /// Sees to it that there is an instance that imports `target`, for `user`; the error says why there is none.
    fn redirect_to(
        &mut self,
        target: RouteTarget,
        user: InstanceId,
        effects: &mut Vec<Effect>,
    ) -> Result<(), String> {
        let name = format!("redirect-to-ipvpn-{}", target.to_string().replace(':', "_"));
        let known = self.redirects.get(&target).copied();
        let id = match known.or_else(|| self.id_of(&name)) {
            Some(id) if id == user => return Err("it is the instance itself".to_owned()),
            Some(id) => id,
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
                self.create(&request).map_err(|error| error.to_string())?
            }
        };
        let Some(Instance::Vrf(vrf)) = self.instances.get_mut(&id) else {
            return Err("a VPN instance of another type has the name".to_owned());
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
