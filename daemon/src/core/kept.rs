//! Attachments that were kept over a restart: attached again, and detached where nobody asks for them any more.

use std::collections::BTreeSet;

use bagpipe_api::AttachRequest;
use tokio::time::Instant;
use vpn::{DetachRequest, InstanceKind, NO_MAC};

use super::{
    Core, convert,
    operations::{Answer, Operation, To},
};
use crate::store::Kept;

impl Core {
    /// Attaches again what was kept.
    pub(super) fn restore(&mut self, kept: Vec<Kept>) {
        if kept.is_empty() {
            return;
        }
        tracing::info!("attaching {} endpoints that were kept", kept.len());
        let time = self.config.common.persist_confirm_time;
        self.confirm = time.map(|time| Instant::now() + time);
        let mut requests = Vec::new();
        for Kept { key, body } in kept {
            let request = AttachRequest::from_json(body.as_bytes()).and_then(convert::attach);
            match request {
                Ok(request) => requests.push((key, request)),
                Err(error) => tracing::warn!("what was kept is not understood: {error}: {body}"),
            }
        }
        // What is plugged into an IP VPN instance has to be there.
        requests.sort_by_key(|(_, request)| request.kind == InstanceKind::IpVpn);
        let instances: BTreeSet<String> = requests
            .iter()
            .map(|(_, request)| request.external_id.clone())
            .collect();
        for (key, request) in requests {
            if let Some(evpn) = &request.local_port.evpn
                && !instances.contains(evpn.as_ref())
            {
                // It stayed for being plugged in, and only endpoints are kept.
                tracing::warn!(
                    "E-VPN instance `{evpn}`, which was plugged into `{}`, had no endpoint of its own and so is not \
                     there any more: attach to it, then to `{0}` again",
                    request.external_id
                );
            }
            let detach = DetachRequest {
                kind: request.kind,
                external_id: request.external_id.clone(),
                mac: request.mac,
                ip: request.ip.clone(),
                linuxif: Some(request.local_port.linuxif.clone()),
            };
            let to = To::Log(name(&detach));
            self.unconfirmed.insert(key, detach);
            let answer = Answer { to, memo: None };
            self.queue(Operation::Attach(Box::new(request), answer));
        }
        self.restoring = !self.operations.is_empty();
    }

    /// Everything that was kept is attached again, as far as that can be: peers need not wait for more, and what the
    /// previous run left has only to forward until they have told their routes.
    pub(super) fn restored(&mut self) {
        if !std::mem::take(&mut self.restoring) {
            return;
        }
        if let Some(stale) = &mut self.stale {
            stale.attached = true;
            // Marks the end of the own routes.
            self.on_deadline();
            self.peers_may_have_told();
        }
    }

    /// Detaches what was kept and nobody attached again: its user has gone in the meantime.
    pub(super) fn detach_unconfirmed(&mut self) {
        self.confirm = None;
        for request in std::mem::take(&mut self.unconfirmed).into_values() {
            let name = name(&request);
            tracing::info!("detaching {name}: it was kept, and nobody attached it again");
            let to = To::Log(name);
            self.detach(request, to);
        }
    }
}

fn name(request: &DetachRequest) -> String {
    let what = match &request.linuxif {
        Some(linuxif) if request.mac == NO_MAC => format!("port `{linuxif}`"),
        _ => request.mac.to_string(),
    };
    format!("{what} at `{}`", request.external_id)
}
