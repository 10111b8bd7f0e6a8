//! Ports into VPNs and out of them.

use std::ops::RangeInclusive;
use std::time::Duration;

use bagpipe_api::{AttachBody, Client, ClientError, DetachBody};
use scenario::{Attach, AttractTraffic, NodeId, PortDirection};
use serde_json::{Map, Value, json};
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
    attach_all(lab, attach).await
}

async fn attach_all(lab: &Lab, attach: &Attach) -> Result<String, AttachError> {
    let bodies = attach_bodies(lab, attach);
    ask(lab, attach.on, async |client| {
        for body in &bodies {
            client.attach(body).await?;
        }
        Ok(())
    })
    .await
}

/// As when a guest moves without a pause: it is there before it is gone here.
pub(super) async fn migrate(lab: &Lab, from: &Attach, to: &Attach) -> Result<String, AttachError> {
    let was = ports::plug(lab, to).await?;
    attach_all(lab, to).await?;
    let seen = detach(lab, from).await?;
    if let Some(was) = was {
        ports::unplug(lab, &was, from.port)?;
    }
    Ok(seen)
}

pub(super) async fn detach(lab: &Lab, from: &Attach) -> Result<String, AttachError> {
    let bodies = attach_bodies(lab, from);
    let bodies: Vec<_> = bodies.iter().rev().map(DetachBody::from).collect();
    ask(lab, from.on, async |client| {
        for body in &bodies {
            client.detach(body).await?;
        }
        Ok(())
    })
    .await
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

/// One for the port's address, one for each subnet behind it.
fn attach_bodies(lab: &Lab, attach: &Attach) -> Vec<AttachBody> {
    let own = attach_body(lab, attach);
    let subnets = attach.subnets.iter().map(|subnet| AttachBody {
        ip_address: Some(subnet.to_string()),
        advertise_subnet: true,
        ..own.clone()
    });
    std::iter::once(own.clone()).chain(subnets).collect()
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
    body.advertise_subnet = attach.advertise_subnet;
    body.local_pref = attach.local_pref;
    body.lb_consistent_hash_order = attach.hash_order;
    body.direction = match attach.direction {
        PortDirection::Both => bagpipe_api::Direction::Both,
        PortDirection::ToPort => bagpipe_api::Direction::ToPort,
        PortDirection::FromPort => bagpipe_api::Direction::FromPort,
    };
    if attach.learn {
        body.learn = true;
        body.mac_address.clear();
        body.ip_address = None;
    }
    if let Some(again) = &vpn.readvertise {
        body.readvertise = json!({"from_rt": again.from_rts, "to_rt": again.to_rts});
    }
    if let Some(attract) = &vpn.attract_traffic {
        body.attract_traffic = attract_body(attract);
    }
    body
}

fn attract_body(attract: &AttractTraffic) -> Value {
    let mut classifier = Map::new();
    let ports = |ports: &RangeInclusive<u16>| format!("{}:{}", ports.start(), ports.end());
    let said = [
        (
            "sourcePrefix",
            attract.source.map(|prefix| prefix.to_string()),
        ),
        (
            "protocol",
            attract.protocol.map(|number| number.to_string()),
        ),
        ("sourcePort", attract.source_ports.as_ref().map(ports)),
        (
            "destinationPort",
            attract.destination_ports.as_ref().map(ports),
        ),
    ];
    for (key, value) in said {
        classifier.extend(value.map(|value| (key.to_owned(), value.into())));
    }
    let mut body = json!({"redirect_rts": attract.redirect_rts, "classifier": classifier});
    // With a target of its own it has to have prefixes of its own.
    if !attract.static_prefixes.is_empty() {
        body["to_rt"] = json!([attract.to_rt]);
        body["static_destination_prefixes"] = json!(attract.static_prefixes);
    }
    body
}
