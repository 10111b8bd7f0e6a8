//! Requests of the API as requests to the VPN instances.

use std::net::IpAddr;

use bagpipe_api::{ApiError, Rule, request};
use serde_json::{Value, json};
use vpn::{InstanceKind, LocalPort, Readvertise};

/// An attach.
pub(super) fn attach(request: request::AttachRequest) -> Result<vpn::AttachRequest, ApiError> {
    let gateway: Option<IpAddr> = request.gateway_ip.and_then(|text| text.parse().ok());
    let attract_traffic = request.attract_traffic.map(|attract| {
        let targets = |set: &std::collections::BTreeSet<_>| -> Vec<String> {
            set.iter()
                .map(|target| format!("target:{target}"))
                .collect()
        };
        json!({
            "redirect_rts": targets(&attract.redirect_rts),
            "classifier": attract.classifier,
            "to": [format!("target:{}", attract.to_rt)],
            "static_destination_prefixes": attract.static_destination_prefixes,
        })
        .to_string()
    });
    Ok(vpn::AttachRequest {
        kind: kind(request.vpn_type),
        external_id: request.vpn_instance_id,
        mac: request.mac.mac,
        mac_text: request.mac.text,
        ip: ip(request.ip)?,
        local_port: local_port(request.local_port)?,
        import: request.import_rt,
        export: request.export_rt,
        gateway,
        // In E-VPN, where only a subnet of one address gets this far, it is that address.
        advertise_subnet: request.advertise_subnet
            && request.vpn_type == bagpipe_api::VpnType::Ipvpn,
        hash_order: request.lb_consistent_hash_order,
        local_pref: request.local_pref,
        vni: request.vni,
        linuxbr: request.linuxbr,
        direction: direction(request.direction),
        readvertise: request.readvertise.map(|readvertise| Readvertise {
            from: readvertise.from_rt,
            to: readvertise.to_rt,
        }),
        attract_traffic,
        fallback: request.fallback.map(|value| value.to_string()),
        description: request.description.map(|value| value.to_string()),
        instance_description: request.instance_description.map(|value| value.to_string()),
    })
}

/// A detach.
pub(super) fn detach(request: request::DetachRequest) -> Result<vpn::DetachRequest, ApiError> {
    Ok(vpn::DetachRequest {
        kind: kind(request.vpn_type),
        external_id: request.vpn_instance_id,
        mac: request.mac.mac,
        ip: ip(request.ip)?,
    })
}

fn kind(vpn_type: bagpipe_api::VpnType) -> InstanceKind {
    match vpn_type {
        bagpipe_api::VpnType::Evpn => InstanceKind::Evpn,
        bagpipe_api::VpnType::Ipvpn => InstanceKind::IpVpn,
    }
}

fn direction(direction: bagpipe_api::Direction) -> vpn::Direction {
    match direction {
        bagpipe_api::Direction::Both => vpn::Direction::Both,
        bagpipe_api::Direction::ToPort => vpn::Direction::ToPort,
        bagpipe_api::Direction::FromPort => vpn::Direction::FromPort,
    }
}

fn ip(ip: Option<request::IpText>) -> Result<Option<vpn::IpWithPrefix>, ApiError> {
    ip.map(|ip| {
        ip.text
            .parse()
            .map_err(|_| ApiError::new("ip_address", Rule::Ip).found(ip.text.clone()))
    })
    .transpose()
}

fn local_port(port: request::LocalPort) -> Result<LocalPort, ApiError> {
    let details: Vec<Value> = [port.evpn, port.ovs].into_iter().flatten().collect();
    Ok(LocalPort {
        linuxif: port.linuxif.unwrap_or_default(),
        vlan: port.vlan,
        details: (!details.is_empty()).then(|| Value::from(details).to_string()),
    })
}
