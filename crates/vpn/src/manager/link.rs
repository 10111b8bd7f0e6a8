//! E-VPN instances plugged into IP VPN ones.
//!
//! ```text
//!   hosts ── EVI ── evpn1-ipvpn2 ═══ ipvpn2-evpn1 ── VRF ── other PEs
//!          (bridge)                  (the gateway)
//! ```
//!
//! The link is there as long as an endpoint of the VRF is behind it, and so long the EVI stays, with endpoints of its
//! own or without.

use super::{Effect, VpnManager};
use crate::error::AttachError;
use crate::instance::Instance;
use crate::intent::{GatewayPort, InstanceId, Link};
use crate::request::{AttachRequest, InstanceKind};

impl VpnManager {
    /// The instance that a request wants to plug, if it can be. What is known of the port by then is put into the
    /// request: the interface's name, if the VRF has a number yet.
    pub(super) fn check_link(
        &self,
        request: &mut AttachRequest,
    ) -> Result<Option<InstanceId>, AttachError> {
        let Some(name) = request.local_port.evpn.as_deref().map(str::to_owned) else {
            return Ok(None);
        };
        if request.kind == InstanceKind::Evpn {
            return Err(AttachError::EvpnInEvpn);
        }
        let unknown = || AttachError::UnknownEvpn { name: name.clone() };
        let id = self.id_of(&name).ok_or_else(unknown)?;
        let evi = match self.instances.get(&id) {
            Some(Instance::Evi(evi)) => evi,
            Some(Instance::Vrf(_)) => return Err(AttachError::NotEvpn { name }),
            None => return Err(unknown()),
        };
        let vrf = self.id_of(&request.external_id);
        if let Some(Instance::Vrf(known)) = vrf.and_then(|vrf| self.instances.get(&vrf))
            && let Some(linked) = known.linked_to.filter(|linked| *linked != id)
        {
            let other = self.instances.get(&linked);
            return Err(AttachError::OtherEvpn {
                external_id: request.external_id.clone(),
                name,
                other: other.map_or_else(String::new, |i| i.common().external_id.clone()),
            });
        }
        if let Some(port) = evi.intent.gateway_port.as_ref()
            && Some(port.vrf) != vrf
        {
            let other = self.instances.get(&port.vrf);
            return Err(AttachError::EvpnTaken {
                name,
                other: other.map_or_else(String::new, |i| i.common().external_id.clone()),
            });
        }
        if let Some(vrf) = vrf {
            request.local_port.linuxif = Link::between(id, vrf).ipvpn.into();
        }
        Ok(Some(id))
    }

    /// Links two instances, if they are not; what follows from it is told with [`VpnManager::tell_link`].
    pub(super) fn link(&mut self, evi: InstanceId, vrf: InstanceId) {
        if let Some(Instance::Vrf(known)) = self.instances.get_mut(&vrf) {
            known.linked_to = Some(evi);
        }
        self.refresh_link(vrf);
    }

    /// Has the EVI that is plugged into a VRF know of its gateway.
    fn refresh_link(&mut self, vrf: InstanceId) -> Option<InstanceId> {
        let Some(Instance::Vrf(known)) = self.instances.get(&vrf) else {
            return None;
        };
        let id = known.linked_to?;
        let gateway = known.intent.gateway.map(|gateway| gateway.address);
        let port = GatewayPort {
            link: Link::between(id, vrf),
            vrf,
            address: gateway,
        };
        if let Some(Instance::Evi(evi)) = self.instances.get_mut(&id)
            && evi.set_gateway_port(Some(port))
        {
            self.changed.insert(id);
        }
        Some(id)
    }

    /// What the EVI that is plugged into a VRF tells others of its gateway.
    pub(super) fn tell_link(&mut self, vrf: InstanceId) -> Vec<Effect> {
        let Some(id) = self.refresh_link(vrf) else {
            return Vec::new();
        };
        self.publish_link(id)
    }

    /// Ends the link of a VRF that has nothing behind it any more.
    pub(super) fn unlink_idle(&mut self, vrf: InstanceId) -> Vec<Effect> {
        let (id, is_used) = match self.instances.get(&vrf) {
            Some(Instance::Vrf(known)) => match known.linked_to {
                Some(id) => {
                    let end = Link::between(id, vrf).ipvpn;
                    (id, known.intent.ports.contains_key(end.as_str()))
                }
                None => return Vec::new(),
            },
            _ => return Vec::new(),
        };
        if is_used {
            return Vec::new();
        }
        if let Some(Instance::Vrf(known)) = self.instances.get_mut(&vrf) {
            known.linked_to = None;
        }
        let Some(Instance::Evi(evi)) = self.instances.get_mut(&id) else {
            return Vec::new();
        };
        if evi.set_gateway_port(None) {
            self.changed.insert(id);
        }
        self.publish_link(id)
    }

    /// What follows for the routes of an EVI whose link has changed, up to its end.
    fn publish_link(&mut self, id: InstanceId) -> Vec<Effect> {
        let Some(instance) = self.instances.get_mut(&id) else {
            return Vec::new();
        };
        let outcome = if instance.is_idle() {
            if instance.forget_all() {
                self.changed.insert(id);
            }
            instance.retire(self.now)
        } else {
            instance.publish(&self.config, [], self.now)
        };
        let effects = self.effects(id, outcome);
        if self.instances.get(&id).is_some_and(Instance::is_unused) {
            self.remove(id);
        }
        effects
    }
}
