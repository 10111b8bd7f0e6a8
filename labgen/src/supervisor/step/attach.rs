//! Ports into VPNs and out of them.

use std::time::Duration;

use bagpipe_api::{AttachBody, Client, ClientError, DetachBody};
use scenario::{Attach, NodeId};
use tokio::time::timeout;

use crate::supervisor::lab::{Lab, ReachError};
use crate::supervisor::ports::{self, PortError};
use crate::supervisor::slowness;

/// The longest a speaker may take to attach or detach a port on a usual machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why a port could not be attached or detached.
#[derive(Debug, thiserror::Error)]
pub(super) enum AttachError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Unplug(#[from] Box<PortError>),
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error("`{node}` refused")]
    Refused { node: String, source: ClientError },
    #[error("`{node}` did not answer within {} s", .after.as_secs())]
    Silent { node: String, after: Duration },
}

pub(super) async fn attach(lab: &Lab, attach: &Attach) -> Result<String, AttachError> {
    if let Some(elsewhere) = ports::plug(lab, attach).await? {
        // It was detached there.
        ports::unplug(lab, &elsewhere, attach.port)?;
    }
    let body = attach_body(lab, attach);
    ask(lab, attach.on, async |client| client.attach(&body).await).await
}

/// As when a guest moves without a pause: it is there before it is gone here.
pub(super) async fn migrate(lab: &Lab, from: &Attach, to: &Attach) -> Result<String, AttachError> {
    let was = ports::plug(lab, to).await?;
    let body = attach_body(lab, to);
    ask(lab, to.on, async |client| client.attach(&body).await).await?;
    let seen = detach(lab, from).await?;
    if let Some(was) = was {
        ports::unplug(lab, &was, from.port)?;
    }
    Ok(seen)
}

pub(super) async fn detach(lab: &Lab, from: &Attach) -> Result<String, AttachError> {
    let body = DetachBody::from(&attach_body(lab, from));
    ask(lab, from.on, async |client| client.detach(&body).await).await
}

/// Asks a speaker for something; one that was stopped does not answer.
async fn ask<T>(
    lab: &Lab,
    on: NodeId,
    request: impl AsyncFnOnce(&mut Client) -> Result<T, ClientError>,
) -> Result<String, AttachError> {
    let node = || lab.scenario[on].name.clone();
    let after = slowness::patience(PATIENCE, lab.scenario.lab.slow);
    let asked = async {
        let refused = |source| AttachError::Refused {
            node: node(),
            source,
        };
        let done = request(&mut lab.client(on).await?).await;
        done.map(drop).map_err(refused)
    };
    let answered = timeout(after, asked).await;
    answered.map_err(|_| AttachError::Silent {
        node: node(),
        after,
    })??;
    Ok(String::new())
}

fn attach_body(lab: &Lab, attach: &Attach) -> AttachBody {
    let vpn = &lab.scenario[attach.vpn];
    let port = &lab.scenario[attach.port];
    let mut body = AttachBody::evpn(&vpn.name, &port.interface, attach.mac.to_string())
        .ip(format!("{}/{}", attach.ip, attach.prefix_len));
    body.vpn_type = match vpn.kind {
        scenario::VpnType::Evpn => bagpipe_api::VpnType::Evpn,
        scenario::VpnType::Ipvpn => bagpipe_api::VpnType::Ipvpn,
    };
    body.import_rt = vpn.import_rts.iter().map(ToString::to_string).collect();
    body.export_rt = vpn.export_rts.iter().map(ToString::to_string).collect();
    body.vni = vpn.vni.map_or(0, |vni| vni.get());
    body.gateway_ip = vpn.gateway_ip.map(|ip| ip.to_string());
    body
}
