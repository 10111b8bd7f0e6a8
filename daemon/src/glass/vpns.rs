//! `vpns`: instances, ports and the dataplane.

use std::net::IpAddr;

use dataplane::{Capabilities, DriverHandle};
use serde_json::{Map, Value, json};
use vpn::view::{EndpointView, InstanceView, SourcedByEntry};
use vpn::{InstanceKind, IpVpnIntent};

use super::{Glass, Member, Named, Node, RouteList, json_text};

impl<'a> Glass<'a> {
    pub(super) fn vpns(&'a self) -> Node<'a> {
        Node::Object(vec![
            ("instances", Member::link(|| self.instances())),
            ("dataplane", Member::link(|| self.dataplane())),
            ("instances_per_vni", Member::value(self.instances_per_vni())),
        ])
    }

    fn instances(&'a self) -> Node<'a> {
        let named = |instance: InstanceView| {
            let mut summary = vec![("name", Value::from(instance.name.clone()))];
            let description = json_text(instance.description.as_deref());
            if is_truthy(&description) {
                summary.push(("description", description));
            }
            let id = instance.external_id.clone();
            Named {
                id,
                summary,
                node: Box::new(move || self.instance(instance)),
            }
        };
        Node::Named(self.core.speaker.vpns().instances().map(named).collect())
    }

    fn instances_per_vni(&self) -> Value {
        let given = self
            .core
            .speaker
            .vpns()
            .instances()
            .filter(|instance| instance.is_vni_given);
        let shown = given.map(|instance| {
            let entry =
                json!({"name": instance.name, "external_instance_id": instance.external_id});
            (instance.dataplane_id.to_string(), entry)
        });
        Value::Object(shown.collect())
    }

    pub(super) fn instance(&'a self, view: InstanceView) -> Node<'a> {
        let id = view.external_id.clone();
        let link = |node: fn(&'a Self, &str) -> Node<'a>| {
            let id = id.clone();
            Member::link(move || node(self, &id))
        };
        let worker = view.worker;
        let targets = |list: &[bgp_wire::RouteTarget]| -> Vec<String> {
            list.iter()
                .map(|target| format!("target:{target}"))
                .collect()
        };
        let readvertise = view.readvertise.as_ref().map_or_else(
            || json!({}),
            |readvertise| {
                let targets = |set: &std::collections::BTreeSet<bgp_wire::RouteTarget>| {
                    set.iter()
                        .map(|target| format!("target:{target}"))
                        .collect::<Vec<_>>()
                };
                json!({"from": targets(&readvertise.from), "to": targets(&readvertise.to)})
            },
        );
        let attract_traffic = match json_text(view.attract_traffic.as_deref()) {
            Value::Null => json!({}),
            attract => attract,
        };
        let length = view.prefix_len;
        let number = view.id;
        let kind = view.kind;
        let mut members = match kind {
            InstanceKind::Evpn => {
                let mobility = self.core.speaker.vpns().mobility(&id).unwrap_or_default();
                vec![
                    ("gateway_port", Member::value(self.gateway_port(&id))),
                    ("duplicate_macs", Member::value(json!(mobility.duplicates))),
                    ("moved_macs", Member::value(json!(mobility.elsewhere))),
                    ("remote_gateways", link(Self::remote_gateways)),
                ]
            }
            InstanceKind::IpVpn => {
                let refused = self.core.speaker.vpns().refused_redirects(&id);
                vec![
                    ("readvertised", link(Self::readvertised)),
                    ("redirects_refused", Member::value(targets(&refused))),
                ]
            }
        };
        let instance_type = match kind {
            InstanceKind::Evpn => "EVI",
            InstanceKind::IpVpn => "VRF",
        };
        members.extend([
            ("name", Member::value(view.name)),
            ("internals", Member::value(self.internals(worker, 0))),
            ("instance_type", Member::value(instance_type)),
            ("external_instance_id", Member::value(view.external_id)),
            (
                "description",
                Member::value(json_text(view.description.as_deref())),
            ),
            (
                "dataplane",
                Member::link(move || self.instance_dataplane(number, kind, worker)),
            ),
            (
                "route_targets",
                Member::value(json!({
                    "import": targets(&view.import),
                    "export": targets(&view.export),
                })),
            ),
            ("gateway_ip", Member::value(json!(view.gateway))),
            ("subnet_prefix_length", Member::value(json!(length))),
            (
                "instance_dataplane_id",
                Member::value(view.dataplane_id.get()),
            ),
            ("ports", link(Self::ports)),
            ("readvertise", Member::value(readvertise)),
            ("attract_traffic", Member::value(attract_traffic)),
            (
                "fallback",
                Member::value(json_text(view.fallback.as_deref())),
            ),
            ("received_routes", link(Self::received_routes)),
            ("best_routes", link(Self::best_routes)),
            ("adv_routes", link(Self::advertised_routes)),
            (
                "logs",
                Member::link(move || self.logs(Some(&worker.to_string()))),
            ),
        ]);
        Node::Object(members)
    }

    /// Where an E-VPN instance is plugged into an IP VPN one.
    fn gateway_port(&self, external_id: &str) -> Value {
        let Some((interface, vrf)) = self.core.speaker.vpns().gateway_port(external_id) else {
            return Value::Null;
        };
        let path = ["vpns", "instances", &vrf.external_id];
        let mut ipvpn = self.links.reference(&vrf.name, &path);
        ipvpn["external_instance_id"] = vrf.external_id.clone().into();
        // The quotes have always been there.
        json!({"interface": format!("'{interface}'"), "ipvpn": ipvpn})
    }

    fn remote_gateways(&'a self, external_id: &str) -> Node<'a> {
        let gateways = self.core.speaker.vpns().remote_gateways(external_id);
        let shown = gateways.unwrap_or_default().into_iter();
        let shown =
            shown.map(|(ip, mac, pe)| json!({"ip_address": ip, "mac_address": mac, "pe": pe}));
        Node::Value(shown.collect())
    }

    fn ports(&'a self, external_id: &str) -> Node<'a> {
        let ports = self
            .core
            .speaker
            .vpns()
            .ports(external_id)
            .unwrap_or_default();
        let learned = self.core.speaker.vpns().learned_macs(external_id);
        let shown = ports.into_iter().map(|(linuxif, endpoints)| {
            let endpoints: Vec<Value> = endpoints.iter().map(endpoint).collect();
            let mut port = json!({"endpoints": endpoints});
            if let Some(macs) = learned.get(&linuxif) {
                port["learned_macs"] = json!(macs);
            }
            (linuxif, port)
        });
        Node::Value(Value::Object(shown.collect()))
    }

    fn received_routes(&'a self, external_id: &str) -> Node<'a> {
        self.by_entry(self.core.speaker.vpns().received(external_id))
    }

    fn best_routes(&'a self, external_id: &str) -> Node<'a> {
        self.by_entry(self.core.speaker.vpns().best(external_id))
    }

    fn by_entry(&self, routes: Option<SourcedByEntry>) -> Node<'a> {
        let lists = routes.unwrap_or_default().into_iter();
        Node::Routes(RouteList::grouped(&self.links, lists))
    }

    fn advertised_routes(&'a self, external_id: &str) -> Node<'a> {
        let routes = self.core.speaker.vpns().advertised(external_id);
        Node::Routes(RouteList::flat(
            &self.links,
            routes.unwrap_or_default().into_iter(),
        ))
    }

    fn readvertised(&'a self, external_id: &str) -> Node<'a> {
        let routes = self.core.speaker.vpns().readvertised(external_id);
        let list = RouteList::flat(&self.links, routes.unwrap_or_default().into_iter());
        Node::Routes(list.without_source())
    }

    fn instance_dataplane(
        &'a self,
        instance: vpn::InstanceId,
        kind: InstanceKind,
        worker: bgp_rib::WorkerId,
    ) -> Node<'a> {
        let id = kind.to_string();
        let path = ["vpns", "dataplane", "drivers", &id];
        let mut members = vec![("driver", Member::value(self.links.reference(&id, &path)))];
        let view = match kind {
            InstanceKind::Evpn => self.core.driver.state(instance),
            InstanceKind::IpVpn => {
                let driver = self.core.ipvpn.as_ref();
                driver.and_then(|driver| driver.state(instance))
            }
        };
        let view = view.unwrap_or_default();
        let told = [
            ("linux_bridge", json!(view.linux_bridge)),
            ("route_table", json!(view.route_table)),
            ("vxlan_if", json!(view.vxlan_if)),
            ("mtu", json!(view.mtu)),
            ("arp_suppression", json!(view.arp_suppression)),
            ("missing_ports", json!(view.missing_ports)),
        ];
        let told = told.into_iter().filter(|(_, value)| is_truthy(value));
        members.extend(told.map(|(key, value)| (key, Member::value(value))));
        if let Some(intent) = self.core.speaker.vpns().ipvpn_intent(instance) {
            members.push(("intent", Member::link(|| Node::Value(json!(**intent)))));
        }
        members.push((
            "logs",
            Member::link(move || self.logs(Some(&worker.to_string()))),
        ));
        Node::Object(members)
    }

    fn dataplane(&'a self) -> Node<'a> {
        Node::Object(vec![
            ("ids", Member::link(|| self.ids())),
            (
                "drivers",
                Member::link(|| {
                    let named = |kind: InstanceKind, node| Named {
                        id: kind.to_string(),
                        summary: Vec::new(),
                        node,
                    };
                    let evpn = named(InstanceKind::Evpn, Box::new(|| self.evpn_driver()));
                    let ipvpn = self.core.ipvpn.as_ref().map(|driver| {
                        let node = Box::new(|| self.ipvpn_driver(driver));
                        named(InstanceKind::IpVpn, node)
                    });
                    Node::Named([evpn].into_iter().chain(ipvpn).collect())
                }),
            ),
        ])
    }

    fn ids(&self) -> Node<'a> {
        let purposes = self.core.speaker.vpns().label_purposes();
        let shown = purposes
            .into_iter()
            .map(|(label, purpose)| (label.to_string(), purpose.into()));
        Node::Value(Value::Object(shown.collect::<Map<_, _>>()))
    }

    fn evpn_driver(&'a self) -> Node<'a> {
        let evpn = &self.core.config.evpn;
        let name = match self.core.driver.name() {
            "linux" => "LinuxVXLANDataplaneDriver",
            _ => "DummyDataplaneDriver",
        };
        let local_address = self.core.speaker.vpns().config().local_vtep;
        let config = json!({
            "dataplane_local_address": evpn.local_address.as_ref().map(ToString::to_string),
            "dataplane_driver": evpn.driver.to_string(),
        });
        let capabilities = self.core.driver.capabilities();
        self.driver("evpn", name, local_address, capabilities, config)
    }

    fn ipvpn_driver(&'a self, driver: &'a DriverHandle<IpVpnIntent>) -> Node<'a> {
        let ipvpn = &self.core.config.ipvpn;
        let name = match driver.name() {
            "linux-vxlan" => "LinuxVXLANIPVPNDataplaneDriver",
            _ => "DummyDataplaneDriver",
        };
        let vpn_config = self.core.speaker.vpns().config();
        let local_pe = vpn_config.ipvpn.as_ref().map(|ipvpn| ipvpn.local_pe);
        let config = json!({
            "dataplane_local_address": ipvpn.local_address.as_ref().map(ToString::to_string),
            "dataplane_driver": ipvpn.driver.to_string(),
        });
        let local_address = local_pe.unwrap_or(vpn_config.local_address);
        self.driver("ipvpn", name, local_address, driver.capabilities(), config)
    }

    fn driver(
        &'a self,
        id: &'static str,
        name: &str,
        local_address: IpAddr,
        capabilities: &Capabilities,
        config: Value,
    ) -> Node<'a> {
        let encaps: Vec<String> = capabilities
            .encaps
            .iter()
            .map(|encap| format!("encap:{}", encap_name(*encap)))
            .collect();
        let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let release = release.trim().split('-').next().unwrap_or_default();
        Node::Object(vec![
            ("name", Member::value(name)),
            ("local_address", Member::value(json!(local_address))),
            ("supported_encaps", Member::value(encaps)),
            ("config", Member::value(config)),
            ("kernel_release", Member::value(release)),
            ("logs", Member::link(move || self.logs(Some(id)))),
        ])
    }
}

fn encap_name(encap: vpn::Encap) -> &'static str {
    match encap {
        vpn::Encap::Default => "Default",
        vpn::Encap::Gre => "GRE",
        vpn::Encap::Vxlan => "VXLAN",
        vpn::Encap::Mpls => "MPLS",
        vpn::Encap::MplsInUdp => "MPLS-in-UDP",
    }
}

fn endpoint(endpoint: &EndpointView) -> Value {
    json!({
        "label": endpoint.label,
        "mac_address": endpoint.mac_address,
        "ip_address": endpoint.ip_address,
        "local_pref": endpoint.local_pref,
        "rd": endpoint.rd,
        "description": json_text(endpoint.description.as_deref()),
        "direction": endpoint.direction.to_string(),
    })
}

/// Whether a value is worth showing in a list.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Bool(true) => true,
    }
}
