//! Requests of the API as requests to the VPN instances.

use std::{net::IpAddr, sync::Arc};

use bagpipe_api::{ApiError, AttachBody, LocalPortBody, Rule, VpnType, request};
use serde_json::{Value, json};
use vpn::intent::{FallbackPort, FallbackTo};
use vpn::traffic::NumberRange;
use vpn::{Fallback, InstanceKind, LocalPort, Readvertise};

/// An attachment as the body that attaches it again.
pub(super) fn body(request: &vpn::AttachRequest) -> AttachBody {
    let targets = |targets: &std::collections::BTreeSet<bgp_wire::RouteTarget>| -> Vec<String> {
        targets.iter().map(ToString::to_string).collect()
    };
    let json = |text: &Option<String>| -> Option<Value> {
        let value = serde_json::from_str(text.as_deref()?).ok()?;
        Some(value).filter(|value: &Value| !value.is_null())
    };
    // A number was taken as an address too; as text it would be none.
    let mac_address = if request.is_of_port() {
        String::new()
    } else if request::parse_mac(&request.mac_text) == Some(request.mac) {
        request.mac_text.clone()
    } else {
        request.mac.to_string()
    };
    let readvertise = request.readvertise.as_ref().map(
        |readvertise| json!({"from_rt": targets(&readvertise.from), "to_rt": targets(&readvertise.to)}),
    );
    AttachBody {
        vpn_type: match request.kind {
            InstanceKind::Evpn => VpnType::Evpn,
            InstanceKind::IpVpn => VpnType::Ipvpn,
        },
        vpn_instance_id: request.external_id.clone(),
        mac_address,
        learn: request.learn,
        ip_address: request.ip.as_ref().map(ToString::to_string),
        local_port: port_body(&request.local_port),
        import_rt: targets(&request.import),
        export_rt: targets(&request.export),
        gateway_ip: request.gateway.map(|gateway| gateway.to_string()),
        advertise_subnet: request.advertise_subnet,
        vni: request.vni.map_or(0, |vni| vni.get()),
        lb_consistent_hash_order: request.hash_order,
        local_pref: request.local_pref,
        direction: match request.direction {
            vpn::Direction::Both => bagpipe_api::Direction::Both,
            vpn::Direction::ToPort => bagpipe_api::Direction::ToPort,
            vpn::Direction::FromPort => bagpipe_api::Direction::FromPort,
        },
        linuxbr: request.linuxbr.clone(),
        readvertise: readvertise.unwrap_or_default(),
        attract_traffic: request
            .attract_traffic
            .as_ref()
            .and_then(|attract| serde_json::from_str(&attract.shown).ok())
            .map_or_else(|| json!({}), attract_body),
        fallback: request
            .fallback
            .as_ref()
            .and_then(|fallback| serde_json::from_str(&fallback.shown).ok()),
        description: json(&request.description),
        instance_description: json(&request.instance_description),
    }
}

/// `attract_traffic` out of what the looking glass shows of it.
fn attract_body(shown: Value) -> Value {
    let targets = |key: &str| -> Vec<String> {
        let list = shown[key].as_array().into_iter().flatten();
        list.filter_map(|target| Some(target.as_str()?.trim_start_matches("target:").to_owned()))
            .collect()
    };
    let mut body = json!({
        "redirect_rts": targets("redirect_rts"),
        "classifier": shown["classifier"],
    });
    // Without prefixes the target is that of `readvertise`.
    if shown["static_destination_prefixes"].is_array() {
        body["to_rt"] = targets("to").into();
        body["static_destination_prefixes"] = shown["static_destination_prefixes"].clone();
    }
    body
}

fn port_body(port: &LocalPort) -> LocalPortBody {
    let details = port.details.as_deref().unwrap_or_default();
    let details: Value = serde_json::from_str(details).unwrap_or_default();
    let detail = |key: &str| details.get(key).cloned();
    let evpn = detail("evpn");
    LocalPortBody {
        // The interface of a plugged instance is the daemon's own making.
        linuxif: evpn.is_none().then(|| port.linuxif.to_string()),
        evpn,
        ovs: detail("ovs"),
        vlan: port.vlan,
    }
}

/// An attach.
pub(super) fn attach(request: request::AttachRequest) -> Result<vpn::AttachRequest, ApiError> {
    let gateway: Option<IpAddr> = request.gateway_ip.and_then(|text| text.parse().ok());
    let attract_traffic = request.attract_traffic.map(attract);
    let (mac, mac_text) = mac(request.mac);
    Ok(vpn::AttachRequest {
        kind: kind(request.vpn_type),
        external_id: request.vpn_instance_id,
        mac,
        mac_text,
        learn: request.learn,
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
        fallback: request.fallback.map(fallback),
        description: request.description.map(|value| value.to_string()),
        instance_description: request.instance_description.map(|value| value.to_string()),
    })
}

fn fallback(fallback: request::Fallback) -> Fallback {
    let by_number = fallback.ovs_port_number.map(FallbackPort::Number);
    let by_name = || fallback.ovs_port_name.map(FallbackPort::Name);
    Fallback {
        to: FallbackTo {
            src_mac: fallback.src_mac,
            dst_mac: fallback.dst_mac,
            port: by_number.or_else(by_name),
        },
        shown: fallback.given.to_string(),
    }
}

fn attract(attract: request::AttractTraffic) -> vpn::AttractTraffic {
    let targets = |set: &std::collections::BTreeSet<_>| -> Vec<String> {
        set.iter()
            .map(|target| format!("target:{target}"))
            .collect()
    };
    let prefixes = attract.static_destination_prefixes;
    let texts = prefixes
        .as_ref()
        .map(|prefixes| prefixes.iter().map(|p| p.text.as_str()).collect::<Vec<_>>());
    let shown = json!({
        "redirect_rts": targets(&attract.redirect_rts),
        "classifier": attract.classifier.given,
        "to": [format!("target:{}", attract.to_rt)],
        "static_destination_prefixes": texts,
    });
    let classifier = attract.classifier;
    let ports = |ports: Option<std::ops::RangeInclusive<u16>>| {
        ports.and_then(|ports| NumberRange::new(*ports.start(), *ports.end()))
    };
    vpn::AttractTraffic {
        classifier: vpn::Classifier {
            source: classifier.source_prefix,
            protocol: classifier.protocol,
            source_ports: ports(classifier.source_ports),
            destination_ports: ports(classifier.destination_ports),
        },
        redirect: attract.redirect_rts,
        to: attract.to_rt,
        static_prefixes: prefixes
            .into_iter()
            .flatten()
            .map(|prefix| prefix.prefix)
            .collect(),
        shown: shown.to_string(),
    }
}

/// A detach.
pub(super) fn detach(request: request::DetachRequest) -> Result<vpn::DetachRequest, ApiError> {
    Ok(vpn::DetachRequest {
        kind: kind(request.vpn_type),
        external_id: request.vpn_instance_id,
        mac: mac(request.mac).0,
        ip: ip(request.ip)?,
        linuxif: request.linuxif.map(Into::into),
    })
}

fn mac(mac: Option<request::MacText>) -> (bgp_wire::MacAddr, String) {
    mac.map_or((vpn::NO_MAC, String::new()), |mac| (mac.mac, mac.text))
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
    let text = |key: &str| port.evpn.as_ref()?.get(key)?.as_str();
    let evpn = text("id").map(Arc::from);
    if let Some(name) = text("ovs_port_name").filter(|name| !name.is_empty()) {
        let rule = Rule::OnlyFor("dataplane driver ovs");
        return Err(ApiError::new("local_port.evpn.ovs_port_name", rule).found(name));
    }
    let details = [("evpn", port.evpn), ("ovs", port.ovs)].into_iter();
    let details: serde_json::Map<String, Value> = details
        .filter_map(|(key, value)| Some((key.to_owned(), value?)))
        .collect();
    Ok(LocalPort {
        linuxif: port.linuxif.unwrap_or_default().into(),
        evpn,
        vlan: port.vlan,
        details: (!details.is_empty()).then(|| Value::from(details).to_string().into()),
    })
}
