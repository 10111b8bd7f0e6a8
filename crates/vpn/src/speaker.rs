//! Route table and VPN instances together: the whole core of the speaker, as one value.

use std::collections::VecDeque;
use std::time::Duration;

use bgp_rib::{Dispatch, RibEvent, RouteTable, RtcOrigin};
use bgp_wire::MacAddr;

use crate::error::{AttachError, DetachError, Warning};
use crate::intent::{InstanceId, IntentChange, IpVpnIntent};
use crate::manager::{AttachToken, Effect, Prepared, PreviousVnis, VpnConfig, VpnManager};
use crate::request::{AttachRequest, DetachRequest};

/// What the world outside has to do. Intents are collected apart, see [`Speaker::take_intents`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Changes for BGP peers, in order.
    pub dispatches: Vec<Dispatch>,
    /// Lines for the logs of instances.
    pub warnings: Vec<(InstanceId, Warning)>,
}

/// Route table and VPN instances, joined: what one says to the other never leaves.
#[derive(Debug)]
pub struct Speaker {
    table: RouteTable,
    vpns: VpnManager,
}

impl Speaker {
    /// A speaker without peers and instances; with `rtc`, one that originates RT-Constraint routes.
    pub fn new(config: VpnConfig, rtc: Option<RtcOrigin>) -> Self {
        Self {
            table: RouteTable::new(rtc),
            vpns: VpnManager::new(config),
        }
    }

    /// The route table.
    pub fn table(&self) -> &RouteTable {
        &self.table
    }

    /// The instances.
    pub fn vpns(&self) -> &VpnManager {
        &self.vpns
    }

    /// See [`VpnManager::prefer`].
    pub fn prefer(&mut self, previous: PreviousVnis) {
        self.vpns.prefer(previous);
    }

    /// Takes in what a peer did, see [`bgp_rib::PeerExport`].
    pub fn handle(&mut self, events: impl IntoIterator<Item = RibEvent>) -> Output {
        self.run(events.into_iter().map(Effect::Rib))
    }

    /// See [`VpnManager::advance`].
    pub fn advance(&mut self, now: Duration) -> Output {
        let effects = self.vpns.advance(now);
        self.run(effects)
    }

    /// See [`VpnManager::prepare_attach`].
    ///
    /// # Errors
    /// When the request does not fit; nothing has changed then.
    pub fn prepare_attach(&mut self, request: AttachRequest) -> Result<Prepared, AttachError> {
        self.vpns.prepare_attach(request)
    }

    /// See [`VpnManager::commit`].
    pub fn commit(&mut self, token: AttachToken) -> Output {
        let effects = self.vpns.commit(token);
        self.run(effects)
    }

    /// See [`VpnManager::abort`].
    pub fn abort(&mut self, token: AttachToken) -> Output {
        let effects = self.vpns.abort(token);
        self.run(effects)
    }

    /// See [`VpnManager::detach`].
    ///
    /// # Errors
    /// When there is no such endpoint; nothing has changed then.
    pub fn detach(&mut self, request: &DetachRequest) -> Result<Output, DetachError> {
        let effects = self.vpns.detach(request)?;
        Ok(self.run(effects))
    }

    /// See [`VpnManager::sight`].
    pub fn sight(&mut self, instance: InstanceId, mac: MacAddr, linuxif: Option<&str>) -> Output {
        let effects = self.vpns.sight(instance, mac, linuxif);
        self.run(effects)
    }

    /// See [`VpnManager::change_again`].
    pub fn change_again(&mut self, external_id: &str) {
        self.vpns.change_again(external_id);
    }

    /// See [`VpnManager::stop`].
    pub fn stop(&mut self) -> Output {
        let effects = self.vpns.stop();
        self.run(effects)
    }

    /// See [`VpnManager::take_intents`].
    pub fn take_intents(&mut self) -> Vec<IntentChange> {
        self.vpns.take_intents()
    }

    /// See [`VpnManager::take_ipvpn_intents`].
    pub fn take_ipvpn_intents(&mut self) -> Vec<IntentChange<IpVpnIntent>> {
        self.vpns.take_ipvpn_intents()
    }

    fn run(&mut self, effects: impl IntoIterator<Item = Effect>) -> Output {
        let mut output = Output::default();
        let mut queue: VecDeque<Effect> = effects.into_iter().collect();
        while let Some(effect) = queue.pop_front() {
            let event = match effect {
                Effect::Rib(event) => event,
                Effect::Warn(instance, warning) => {
                    output.warnings.push((instance, warning));
                    continue;
                }
            };
            for dispatch in self.table.handle(event) {
                if dispatch.to.is_peer() {
                    output.dispatches.push(dispatch);
                } else {
                    queue.extend(self.vpns.on_dispatch(&dispatch));
                }
            }
        }
        output
    }
}
