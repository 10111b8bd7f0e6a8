//! The configuration, read again while the daemon runs.

use std::{net::IpAddr, sync::Arc};

use super::{Core, peers};
use crate::config::{Bgp, Config};

impl Core {
    /// Takes over what can be changed while the daemon runs, peers and their options, and names the rest.
    pub(super) fn reload(&mut self, new: Config) {
        let old = Arc::clone(&self.config);
        for option in needs_restart(&old, &new) {
            tracing::warn!("{option} has changed: that counts when the daemon is started again");
        }
        let bgp = Bgp {
            local_address: old.bgp.local_address.clone(),
            router_id: old.bgp.router_id,
            my_as: old.bgp.my_as,
            enable_rtc: old.bgp.enable_rtc,
            listen: old.bgp.listen,
            listen_port: old.bgp.listen_port,
            ..new.bgp
        };
        self.config = Arc::new(Config {
            bgp,
            log: new.log,
            ..(*old).clone()
        });
        self.apply_peers();
        tracing::info!("the configuration was read again");
        self.changed();
    }

    /// A name stands for another address, or for one at all.
    pub(super) fn on_name(&mut self, answer: (String, IpAddr)) {
        if self.starter.learn(answer) {
            self.apply_peers();
        }
    }

    /// Makes peers what the configuration says. Those of which it says what it said before notice nothing.
    fn apply_peers(&mut self) {
        let config = Arc::clone(&self.config);
        let plan = self.starter.plan(&config.bgp, &self.peers);
        peers::calls::sign(self.listener.as_deref(), &plan.all);
        for (address, stays) in plan.ended {
            let Some(mut peer) = self.peers.remove(&address) else {
                continue;
            };
            let (what, said) = if stays {
                ("changed, its session starts over", "peer reconfigured")
            } else {
                ("removed", "peer removed from the configuration")
            };
            tracing::info!(worker = %peer.worker(), "peer {what}");
            let output = self.speaker.handle([peer.forget()]);
            self.deliver(output);
            tokio::spawn(peer.stop(said));
        }
        for (address, wanted) in plan.started {
            let peer = self.starter.start(address, wanted);
            tracing::info!(worker = %peer.worker(), "peer added");
            self.peers.insert(address, peer);
        }
        self.changed();
    }
}

/// The sections and options that are looked at only when the daemon starts, and are not as they were.
fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    let (before, after) = (&old.bgp, &new.bgp);
    let changes = [
        ("section [COMMON]", old.common != new.common),
        ("section [API]", old.api != new.api),
        ("section [DATAPLANE_DRIVER_EVPN]", old.evpn != new.evpn),
        ("section [DATAPLANE_DRIVER_IPVPN]", old.ipvpn != new.ipvpn),
        (
            "option `local_address` of [BGP]",
            before.local_address != after.local_address,
        ),
        (
            "option `router_id` of [BGP]",
            before.router_id != after.router_id,
        ),
        ("option `my_as` of [BGP]", before.my_as != after.my_as),
        (
            "option `enable_rtc` of [BGP]",
            before.enable_rtc != after.enable_rtc,
        ),
        ("option `listen` of [BGP]", before.listen != after.listen),
        (
            "option `listen_port` of [BGP]",
            before.listen_port != after.listen_port,
        ),
    ];
    let changed = changes.into_iter().filter(|(_, changed)| *changed);
    changed.map(|(option, _)| option).collect()
}
