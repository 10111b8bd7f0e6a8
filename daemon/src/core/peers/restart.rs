//! Graceful restart of peers: what is kept of them, told to people.

use std::time::Duration;

use bgp_rib::{
    RouteTable,
    helper::{Announced, Phase},
};
use bgp_session::GracefulRestart;
use serde_json::{Value, json};

use super::Peer;

/// What the decision to keep routes goes by.
pub(super) fn announced(restart: &GracefulRestart) -> Announced {
    Announced {
        time: Duration::from_secs(restart.time.into()),
        families: restart.families.iter().copied().collect(),
    }
}

impl Peer {
    /// Graceful restart as the looking glass shows it: what the peer announced in the last session, and what is kept
    /// of it now.
    pub fn graceful_restart(&self, table: &RouteTable) -> Value {
        let announced = self
            .restart
            .as_ref()
            .filter(|restart| !restart.families.is_empty());
        let families = announced.into_iter().flat_map(|restart| &restart.families);
        let state = match self.helper.phase() {
            Phase::Settled if announced.is_none() => "not announced",
            Phase::Settled => "ready",
            Phase::Away { .. } => "restarting",
            Phase::Returning { .. } => "returning",
        };
        json!({
            "state": state,
            "restart_time": announced.map(|restart| restart.time),
            "families": families.map(|(family, _)| family.to_string()).collect::<Vec<_>>(),
            "stale_routes": table.unconfirmed(self.worker()),
        })
    }

    /// Says that routes stay although the peer is gone.
    pub(super) fn log_kept(&self, table: &RouteTable, now: Duration) {
        if let Phase::Away { until } = self.helper.phase() {
            let routes = table.unconfirmed(self.worker());
            let seconds = until.saturating_sub(now).as_secs();
            tracing::warn!(
                worker = %self.worker(),
                "the peer restarts: its {routes} routes are kept, for {seconds} s at most"
            );
        }
    }

    /// Says what has become of routes that were kept: `stale` of them were left, `swept` have just gone.
    pub(super) fn log_swept(&self, stale: usize, swept: usize) {
        let worker = self.worker();
        match self.helper.phase() {
            Phase::Returning { .. } if swept == 0 => {}
            Phase::Returning { .. } => {
                tracing::info!(%worker, "{swept} of {stale} routes that were kept are gone");
            }
            Phase::Settled if swept == 0 => {
                tracing::info!(%worker, "the peer has confirmed all routes that were kept");
            }
            _ => tracing::warn!(
                %worker,
                "{swept} routes that were kept for the peer are gone: it has not confirmed them"
            ),
        }
    }
}
