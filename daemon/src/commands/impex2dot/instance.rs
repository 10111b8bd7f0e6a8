//! A VPN instance as far as it is drawn.

use serde_json::{Value, json};

/// A VPN instance of a daemon. The order is that in which they are drawn.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Instance {
    /// The host of the daemon, as it was named.
    pub(super) server: String,
    pub(super) id: String,
    pub(super) is_evpn: bool,
    /// Route targets as the looking glass writes them, `target:64512:1`.
    pub(super) import: Vec<String>,
    pub(super) export: Vec<String>,
    /// Routes with the first ones are advertised again with the second ones.
    pub(super) readvertise: (Vec<String>, Vec<String>),
    pub(super) attract: Option<Attract>,
    pub(super) ports: Vec<String>,
    /// The IP VPN instance that an E-VPN instance is plugged into.
    pub(super) gateway: Option<String>,
}

/// Traffic that an instance attracts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Attract {
    /// Targets of the Flowspec routes: their importers redirect.
    pub(super) redirect_rts: Vec<String>,
    /// Such as `destinationPort 80`.
    pub(super) classifier: Vec<String>,
}

impl Instance {
    /// An instance from its page of the looking glass, and that of its ports. What is missing is empty.
    pub(super) fn new(server: &str, id: &str, page: &Value, ports: &Value) -> Self {
        let targets = |pointer: &str| -> Vec<String> {
            let mut targets: Vec<String> = texts(page.pointer(pointer));
            targets.sort();
            targets
        };
        let attract = page.get("attract_traffic").filter(|attract| {
            attract
                .as_object()
                .is_some_and(|attract| !attract.is_empty())
        });
        let ports = ports.as_object().into_iter().flatten();
        Self {
            server: server.to_owned(),
            id: id.to_owned(),
            is_evpn: page.get("instance_type").and_then(Value::as_str) == Some("EVI"),
            import: targets("/route_targets/import"),
            export: targets("/route_targets/export"),
            readvertise: (targets("/readvertise/from"), targets("/readvertise/to")),
            attract: attract.map(|_| Attract {
                redirect_rts: targets("/attract_traffic/redirect_rts"),
                classifier: members(page.pointer("/attract_traffic/classifier")),
            }),
            ports: ports.map(|(name, _)| name.clone()).collect(),
            gateway: page
                .pointer("/gateway_port/ipvpn/external_instance_id")
                .and_then(Value::as_str)
                .map(str::to_owned),
        }
    }

    /// The same for programs.
    pub(super) fn to_json(&self) -> Value {
        json!({
            "server": self.server,
            "id": self.id,
            "type": if self.is_evpn { "evpn" } else { "ipvpn" },
            "import": self.import,
            "export": self.export,
            "readvertise": {"from": self.readvertise.0, "to": self.readvertise.1},
            "attract_traffic": self.attract.as_ref().map(|attract| json!({
                "redirect_rts": attract.redirect_rts,
                "classifier": attract.classifier,
            })),
            "ports": self.ports,
            "ipvpn": self.gateway,
        })
    }
}

fn texts(value: Option<&Value>) -> Vec<String> {
    let items = value.and_then(Value::as_array).into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn members(value: Option<&Value>) -> Vec<String> {
    let members = value.and_then(Value::as_object).into_iter().flatten();
    let text = |value: &Value| match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    members
        .filter(|(_, value)| !value.is_null())
        .map(|(key, value)| format!("{key} {}", text(value)))
        .collect()
}
