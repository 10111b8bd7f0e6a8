//! Detaching endpoints.

use std::sync::Arc;

use super::{Effect, VpnManager};
use crate::error::DetachError;
use crate::intent::InstanceId;
use crate::request::{DetachRequest, NO_MAC};

impl VpnManager {
    /// Takes back an endpoint, or without address every endpoint of the MAC, or without MAC the port; with the last
    /// that wants it, what was learnt at a port is taken back, too. The instance goes with its last
    /// endpoint. Routes are withdrawn first, then [`VpnManager::take_intents`] tells the dataplane.
    ///
    /// # Errors
    /// When there is no such endpoint; nothing has changed then.
    pub fn detach(&mut self, request: &DetachRequest) -> Result<Vec<Effect>, DetachError> {
        let unknown = || DetachError::UnknownInstance {
            external_id: request.external_id.clone(),
        };
        let id = self.id_of(&request.external_id).ok_or_else(unknown)?;
        let instance = self.instances.get_mut(&id).ok_or_else(unknown)?;
        let mac = request.mac;
        let ip = request.ip.as_ref().map(|ip| ip.address());
        let common = instance.common_mut();
        let mut keys: Vec<_> = common
            .keys_of(mac)
            .filter(|key| ip.is_none() || key.1 == ip)
            .collect();
        let linuxif = match &request.linuxif {
            Some(linuxif) if mac == NO_MAC => {
                if !common.end_port(linuxif) {
                    let linuxif = linuxif.to_string();
                    return Err(DetachError::PortNotPlugged { linuxif });
                }
                linuxif.clone()
            }
            _ if keys.is_empty() => return Err(DetachError::NotPlugged { mac, ip }),
            _ => {
                let port = common.port_of(mac);
                port.map_or_else(|| "".into(), |port| Arc::clone(&port.linuxif))
            }
        };
        for key in &keys {
            common.end(*key);
        }
        let is_last = common.has_nothing_live();
        if is_last && common.redirection.is_some() {
            // It stays for those that redirect to it, and has no wishes of its own any more.
            common.import.clear();
            (common.readvertise, common.attract_traffic) = (None, None);
        }
        let (unlearnt, changed) = instance.unlearn(&linuxif);
        keys.extend(unlearnt);
        // What stays learnt may have been advertised like what is detached.
        keys.extend(instance.learnt(Some(&*linuxif)));
        if changed {
            self.changed.insert(id);
        }
        let outcome = if instance.is_idle() {
            if instance.forget_all() {
                self.changed.insert(id);
            }
            instance.retire(self.now)
        } else {
            instance.publish(&self.config, keys, self.now)
        };
        let mut effects = self.effects(id, outcome);
        effects.extend(self.settle(id, mac, &linuxif));
        Ok(effects)
    }

    /// Stops every instance and forgets every attach that was being prepared.
    pub fn stop(&mut self) -> Vec<Effect> {
        let ids: Vec<InstanceId> = self.instances.keys().copied().collect();
        self.tokens.clear();
        let mut effects = Vec::new();
        for id in ids {
            let Some(instance) = self.instances.get_mut(&id) else {
                continue;
            };
            let events = instance.retire(self.now).events;
            effects.extend(events.into_iter().map(Effect::Rib));
            let common = instance.common_mut();
            let labels = std::mem::take(&mut common.labels);
            labels
                .values()
                .for_each(|label| self.labels.release(*label));
            let rds = std::mem::take(&mut common.rds);
            rds.values().for_each(|rd| self.rds.release(*rd));
            self.remove(id);
        }
        self.redirects.clear();
        self.refused.clear();
        effects
    }
}
