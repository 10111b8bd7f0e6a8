//! Attaching an endpoint, in two phases.

use std::sync::Arc;

use bgp_wire::Vni;

use super::{AttachToken, Effect, Prepared, VpnManager};
use crate::error::{AttachError, Warning};
use crate::instance::{Instance, Numbers, key_of};
use crate::intent::{AnyIntent, InstanceId, Link};
use crate::request::{AttachRequest, InstanceKind};

impl VpnManager {
    /// First phase: checks the request, reserves every number it needs and says what the dataplane is to hold.
    /// Nothing is advertised yet. Several attaches may be prepared at once, also to the same instance.
    ///
    /// # Errors
    /// When the request does not fit; nothing has changed then.
    pub fn prepare_attach(&mut self, mut request: AttachRequest) -> Result<Prepared, AttachError> {
        let evi = self.check_link(&mut request)?;
        self.check(&request)?;
        let id = match self.id_of(&request.external_id) {
            Some(id) => id,
            None => self.create(&request)?,
        };
        if let Some(evi) = evi {
            request.local_port.linuxif = Link::between(evi, id).ipvpn.into();
            self.link(evi, id);
        }
        let (mac, linuxif) = (request.mac, request.local_port.linuxif.clone());
        let token = AttachToken(self.next_token);
        self.next_token += 1;
        if let Err(error) = self.hold(id, token, request) {
            if let Some(instance) = self.instances.get_mut(&id) {
                instance.common_mut().pending.remove(&token);
            }
            // Nothing of it was advertised.
            self.settle(id, mac, &linuxif);
            return Err(error);
        }
        let Some(instance) = self.instances.get(&id) else {
            return Err(AttachError::Exhausted {
                what: "instances",
                total: u32::MAX,
            });
        };
        let common = instance.common();
        let is_refresh = common.pending.get(&token).is_some_and(|request| {
            common.endpoints.contains_key(&key_of(request))
                || common.is_covered(request)
                || request.is_of_port() && common.ports.contains_key(&linuxif)
        });
        let intent = match instance {
            Instance::Evi(evi) => AnyIntent::Evpn(Arc::clone(&evi.intent)),
            Instance::Vrf(vrf) => AnyIntent::IpVpn(Arc::clone(&vrf.intent)),
        };
        self.tokens.insert(token, id);
        Ok(Prepared {
            token,
            instance: id,
            intent,
            is_refresh,
        })
    }

    /// Second phase, when the dataplane holds the intent: the endpoint goes live and its routes go out.
    /// Unknown tokens have no effect.
    pub fn commit(&mut self, token: AttachToken) -> Vec<Effect> {
        let Some(id) = self.tokens.remove(&token) else {
            return Vec::new();
        };
        let Some(instance) = self.instances.get_mut(&id) else {
            return Vec::new();
        };
        let Some(request) = instance.common_mut().pending.remove(&token) else {
            return Vec::new();
        };
        let warnings = fixed(instance, &request);
        let mut effects: Vec<_> = warnings.map(|w| Effect::Warn(id, w)).collect();
        if request
            .gateway
            .is_some_and(|gateway| instance.set_gateway(gateway))
        {
            self.changed.insert(id);
        }
        if let Some(fallback) = &request.fallback
            && instance.set_fallback(fallback)
        {
            self.changed.insert(id);
        }
        let common = instance.common_mut();
        let export: Vec<_> = request.export.iter().copied().collect();
        let is_export_new = common.export != export;
        common.export = export;
        common.import.clone_from(&request.import);
        if let Some(description) = &request.instance_description {
            common.description = Some(description.clone());
        }
        if let Some(readvertise) = &request.readvertise {
            common.readvertise = Some(readvertise.clone()).filter(|r| !r.is_nothing());
        }
        if let Some(attract) = &request.attract_traffic {
            common.attract_traffic = Some(attract.clone()).filter(|a| !a.redirect.is_empty());
        }
        if common.is_covered(&request) {
            common.cover(&request);
        } else {
            common.enliven(&request);
        }
        let (mac, linuxif) = (request.mac, &request.local_port.linuxif);
        if request.ip.is_some() {
            common.end((mac, None));
        }
        let mut touched: Vec<_> = if is_export_new {
            common.endpoints.keys().copied().collect()
        } else {
            common.keys_of(mac).collect()
        };
        // That of the MAC alone may be replaced by others, or have been learnt.
        touched.extend((!request.is_of_port()).then_some((mac, None)));
        instance.claim(mac);
        touched.extend(instance.learnt(Some(linuxif).filter(|_| !is_export_new).map(|s| &**s)));
        let (unlearnt, changed) = instance.unlearn(linuxif);
        if changed {
            self.changed.insert(id);
        }
        touched.extend(unlearnt);
        let outcome = instance.publish(&self.config, touched, self.now);
        effects.extend(self.effects(id, outcome));
        effects.extend(self.tell_link(id));
        effects.extend(self.settle(id, mac, linuxif));
        effects
    }

    /// Second phase, when the dataplane refused: nothing of the attach remains. Unknown tokens have no effect.
    pub fn abort(&mut self, token: AttachToken) -> Vec<Effect> {
        let Some(id) = self.tokens.remove(&token) else {
            return Vec::new();
        };
        let Some(instance) = self.instances.get_mut(&id) else {
            return Vec::new();
        };
        let Some(request) = instance.common_mut().pending.remove(&token) else {
            return Vec::new();
        };
        // The driver may hold the intent with the endpoint even where the one without is an old acquaintance.
        self.changed.insert(id);
        let linuxif = &request.local_port.linuxif;
        let (unlearnt, _) = instance.unlearn(linuxif);
        let mut effects = Vec::new();
        if !unlearnt.is_empty() {
            let outcome = instance.publish(&self.config, unlearnt, self.now);
            effects = self.effects(id, outcome);
        }
        effects.extend(self.settle(id, request.mac, linuxif));
        effects
    }

    /// Both phases at once, for dataplanes that cannot fail.
    ///
    /// # Errors
    /// As [`VpnManager::prepare_attach`].
    pub fn attach(&mut self, request: AttachRequest) -> Result<Vec<Effect>, AttachError> {
        let prepared = self.prepare_attach(request)?;
        self.changed.insert(prepared.instance);
        Ok(self.commit(prepared.token))
    }

    fn check(&self, request: &AttachRequest) -> Result<(), AttachError> {
        let kind = request.kind;
        let Some(capabilities) = self.config.capabilities_of(kind) else {
            return Err(AttachError::NoDriver { kind });
        };
        if kind == InstanceKind::IpVpn && request.learn {
            return Err(AttachError::LearnOutsideEvpn { kind });
        }
        if request.learn && request.is_of_port() {
            if request.ip.is_some() {
                return Err(AttachError::AddressWithoutMac);
            }
        } else if !request.mac.is_unicast() {
            return Err(AttachError::NotUnicast { mac: request.mac });
        }
        if kind == InstanceKind::Evpn && request.advertise_subnet {
            return Err(AttachError::SubnetInEvpn { kind });
        }
        if kind == InstanceKind::IpVpn && request.ip.is_none() {
            return Err(AttachError::NoAddress);
        }
        if request.local_port.linuxif.is_empty() && request.local_port.evpn.is_none() {
            return Err(AttachError::NoPort);
        }
        let direction = request.direction;
        if !capabilities.directions.contains(&direction) {
            return Err(AttachError::UnsupportedDirection { direction });
        }
        match self
            .id_of(&request.external_id)
            .and_then(|id| self.instances.get(&id))
        {
            Some(instance) if instance.kind() != kind => Err(AttachError::OtherKind {
                external_id: request.external_id.clone(),
                existing: instance.kind(),
                kind,
            }),
            Some(instance) => instance.admit(request),
            None => match request.vni.filter(|vni| self.vnis.contains_key(vni)) {
                Some(vni) => Err(AttachError::VniInUse { vni }),
                None => Ok(()),
            },
        }
    }

    pub(super) fn create(&mut self, request: &AttachRequest) -> Result<InstanceId, AttachError> {
        let rd = self.rds.allocate().ok_or(RDS_EXHAUSTED)?;
        let label = match request.vni {
            Some(_) => None,
            None => {
                let vnis = &self.vnis;
                let is_vni = |label| Vni::new(label).is_ok_and(|vni| vnis.contains_key(&vni));
                let before = self.previous.of(&request.external_id).map(Vni::get);
                match before.filter(|number| !is_vni(*number) && self.labels.take(*number)) {
                    Some(number) => Some(number),
                    None => {
                        let previous = &self.previous;
                        self.labels
                            .allocate_unless(|label| is_vni(label) || previous.contains(label))
                    }
                }
            }
        };
        let number = label.and_then(|label| Vni::new(label).ok());
        let Some(vni) = request.vni.or(number) else {
            self.rds.release(rd);
            return Err(LABELS_EXHAUSTED);
        };
        let id = InstanceId(self.next_instance);
        self.next_instance += 1;
        let numbers = Numbers { id, vni, label, rd };
        let instance = Instance::new(numbers, request, &self.config);
        self.vnis.insert(vni, id);
        self.by_name.insert(request.external_id.clone(), id);
        self.instances.insert(id, instance);
        Ok(id)
    }

    /// Reserves the endpoint and its numbers, and puts it into the intent.
    fn hold(
        &mut self,
        id: InstanceId,
        token: AttachToken,
        request: AttachRequest,
    ) -> Result<(), AttachError> {
        let Some(instance) = self.instances.get_mut(&id) else {
            return Ok(());
        };
        let common = instance.common_mut();
        let (key, mac) = (key_of(&request), request.mac);
        let linuxif = request.local_port.linuxif.clone();
        let is_advertised = request.direction.is_advertised();
        let is_of_port = request.is_of_port();
        common.pending.insert(token, request);
        if is_of_port {
            instance.refresh_port(&linuxif);
            return Ok(());
        }
        if !common.labels.contains_key(&mac) {
            let previous = &self.previous;
            let number = self
                .labels
                .allocate_unless(|number| previous.contains(number));
            common.labels.insert(mac, number.ok_or(LABELS_EXHAUSTED)?);
        }
        if is_advertised && !common.rds.contains_key(&key) {
            let rd = self.rds.allocate().ok_or(RDS_EXHAUSTED)?;
            common.rds.insert(key, rd);
        }
        instance.refresh_local(mac);
        instance.refresh_port(&linuxif);
        Ok(())
    }
}

const LABELS_EXHAUSTED: AttachError = AttachError::Exhausted {
    what: "labels",
    total: (1 << 20) - 16,
};
const RDS_EXHAUSTED: AttachError = AttachError::Exhausted {
    what: "route distinguishers",
    total: 1 << 16,
};

/// What the request wants changed that cannot change.
fn fixed(instance: &Instance, request: &AttachRequest) -> impl Iterator<Item = Warning> {
    let text = |name: &Option<String>| name.clone().unwrap_or_else(|| "none".to_owned());
    let kept = instance.common().numbers.vni;
    let vni = request
        .vni
        .filter(|vni| *vni != kept)
        .map(|vni| Warning::Fixed {
            field: "vni".to_owned(),
            kept: kept.to_string(),
            asked: vni.to_string(),
        });
    let kept = match instance {
        Instance::Evi(evi) => &evi.intent.linuxbr,
        Instance::Vrf(_) => &None,
    };
    let is_other = request.linuxbr.is_some() && request.linuxbr != *kept;
    let linuxbr = is_other.then(|| Warning::Fixed {
        field: "linuxbr".to_owned(),
        kept: text(kept),
        asked: text(&request.linuxbr),
    });
    vni.into_iter().chain(linuxbr)
}
