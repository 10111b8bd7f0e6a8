//! Schemas of what clients send.

use serde_json::{Map, Value, json};

use super::reference;
use crate::request::{
    CLASSIFIER_KEYS, DIRECTIONS, MAX_NAME, MAX_OF_PORT, MAX_VLAN, MAX_VNI, VPN_TYPES,
};

const REQUIRED: [&str; 5] = [
    "vpn_type",
    "vpn_instance_id",
    "local_port",
    "import_rt",
    "export_rt",
];

pub(super) fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("Attach", attach()),
        ("Detach", detach()),
        ("LocalPort", local_port()),
        ("RouteTargets", route_targets()),
        ("Readvertise", readvertise()),
        ("AttractTraffic", attract_traffic()),
    ]
}

/// The keys of every body, in the order they are checked.
fn endpoint() -> Map<String, Value> {
    let members = [
        (
            "vpn_type",
            json!({"enum": VPN_TYPES, "description": "Kind of VPN."}),
        ),
        (
            "vpn_instance_id",
            described(
                name(),
                "The caller's name of the instance; equal names share one instance.",
            ),
        ),
        ("mac_address", mac_or_null()),
    ];
    members
        .into_iter()
        .map(|(key, schema)| (key.to_owned(), schema))
        .collect()
}

fn attach() -> Value {
    let mut properties = endpoint();
    let mut put = |key: &str, schema: Value| {
        properties.insert(key.to_owned(), schema);
    };
    put(
        "learn",
        json!({"type": ["boolean", "null"], "default": false, "description": "Learn the MAC addresses that are seen at the port, too, and \
            advertise them (RFC 7432 section 9.1); `evpn` only. Without `mac_address`, all of the port's are learnt."}),
    );
    put("local_port", reference("LocalPort"));
    put("ip_address", ip());
    put("import_rt", reference("RouteTargets"));
    put("export_rt", reference("RouteTargets"));
    put(
        "gateway_ip",
        described(
            address_or_null(),
            "Gateway of the subnet. The key is required for `ipvpn`.",
        ),
    );
    put(
        "advertise_subnet",
        json!({"type": "boolean", "default": false, "description": "Advertise the subnet of `ip_address` rather than the address; `ipvpn` only."}),
    );
    put(
        "lb_consistent_hash_order",
        described(
            integer(u32::MAX),
            "Value of the consistent hash sort order community.",
        ),
    );
    put(
        "local_pref",
        described(
            integer(u32::MAX),
            "LOCAL_PREF of the routes of the endpoint; 100 if there is none.",
        ),
    );
    put(
        "vni",
        described(
            integer(MAX_VNI),
            "VXLAN network identifier of the instance, at creation; 0: the daemon chooses.",
        ),
    );
    let mut bridge = name();
    bridge["type"] = json!(["string", "null"]);
    put(
        "linuxbr",
        described(
            bridge,
            "Existing bridge to use instead of one of the daemon's; `evpn` only.",
        ),
    );
    let directions: Vec<Value> = DIRECTIONS
        .iter()
        .map(|word| Value::from(*word))
        .chain(["".into(), Value::Null])
        .collect();
    put(
        "direction",
        json!({"enum": directions, "default": "both", "description": "Which way traffic may go; null and nothing are `both`."}),
    );
    put("readvertise", reference("Readvertise"));
    put("attract_traffic", reference("AttractTraffic"));
    put(
        "fallback",
        json!({
            "type": ["object", "null"],
            "description": "Where to send what no route matches; absent leaves it, null ends it.",
            "properties": {
                "src_mac": described(optional(mac()), "Source address of the frames."),
                "dst_mac": described(optional(mac()), "Their destination."),
                "ovs_port_number": described(integer(u32::MAX), "Port of the Open vSwitch bridge."),
                "ovs_port_name": described(optional(name()), "The same by name."),
            },
        }),
    );
    put(
        "description",
        json!({"description": "Anything, shown with the endpoint; absent leaves it."}),
    );
    put(
        "instance_description",
        json!({"description": "Anything, shown with the instance; absent leaves it."}),
    );
    json!({
        "type": "object",
        "description": "One endpoint behind one local port, put into one VPN instance that is made on first use. Posted again it updates \
            what is there. Other keys are ignored; a key that is there twice is refused.",
        "required": REQUIRED,
        "properties": properties,
        "if": {"properties": {"vpn_type": {"const": "ipvpn"}}},
        "then": {
            "required": ["mac_address", "ip_address", "gateway_ip"],
            "properties": {"ip_address": {"type": "string"}, "learn": {"enum": [false, null]}},
        },
        "anyOf": [
            has_mac(),
            {"required": ["learn"], "properties": {"learn": {"const": true}, "mac_address": {"type": "null"}, "ip_address": {"type": "null"}}},
        ],
        "examples": [example()],
    })
}

pub(super) fn example() -> Value {
    json!({
        "vpn_type": "evpn",
        "vpn_instance_id": "blue",
        "mac_address": "02:00:00:00:00:01",
        "ip_address": "10.0.0.1",
        "local_port": {"linuxif": "tap1"},
        "import_rt": ["64512:79"],
        "export_rt": ["64512:79"],
    })
}

fn has_mac() -> Value {
    json!({"required": ["mac_address"], "properties": {"mac_address": {"type": ["string", "integer"]}}})
}

fn detach() -> Value {
    let mut properties = endpoint();
    let mut interface = name();
    interface["minLength"] = 1.into();
    let by_port = json!({"properties": {
        "vpn_type": {"const": "evpn"},
        "mac_address": {"type": "null"},
        "local_port": {"anyOf": [
            interface,
            {"type": "object", "required": ["linuxif"], "properties": {"linuxif": interface}},
        ]},
    }});
    properties.insert(
        "local_port".into(),
        json!({
            "description": "Has to be there; the MAC address finds the endpoint. Without one, the interface that was attached without.",
            "anyOf": [
                {"type": "string", "minLength": 1},
                {"type": "object", "required": ["linuxif"]},
                {"type": "object", "required": ["evpn"]},
            ],
        }),
    );
    properties.insert(
        "ip_address".into(),
        described(
            ip(),
            "Address of the endpoint; none (`evpn`): every endpoint of the MAC address.",
        ),
    );
    properties.insert("import_rt".into(), reference("RouteTargets"));
    properties.insert("export_rt".into(), reference("RouteTargets"));
    json!({
        "type": "object",
        "description": "What names an endpoint. Agents send what they sent at attach: other keys are ignored.",
        "required": &REQUIRED[..3],
        "properties": properties,
        "if": {"properties": {"vpn_type": {"const": "ipvpn"}}},
        "then": {"required": ["mac_address", "ip_address"], "properties": {"ip_address": {"type": "string"}}},
        "anyOf": [has_mac(), by_port],
        "examples": [example()],
    })
}

fn local_port() -> Value {
    let mut interface = name();
    interface["minLength"] = 1.into();
    let ovs = json!({
        "type": ["object", "null"],
        "description": "What the Open vSwitch driver has to know about the port.",
        "properties": {
            "plugged": {"type": ["boolean", "null"], "description": "It is in the bridge already."},
            "port_name": optional(name()),
            "port_number": described(integer(MAX_OF_PORT), "OpenFlow port."),
            "vlan": described(integer(MAX_VLAN), "Only this VLAN of the port."),
        },
    });
    let evpn = json!({
        "type": "object",
        "description": "An E-VPN instance plugged into an IP VPN; `ipvpn` only.",
        "required": ["id"],
        "properties": {"id": name(), "ovs_port_name": optional(name())},
    });
    json!({
        "description": "The interface, or the E-VPN instance, that the endpoint is behind.",
        "anyOf": [
            described(interface.clone(), "Short for `linuxif`."),
            {
                "type": "object",
                "required": ["linuxif"],
                "properties": {
                    "linuxif": described(interface, "Name of the interface."),
                    "evpn": {"type": "null"},
                    "ovs": ovs,
                    "vlan": described(integer(MAX_VLAN), "VLAN of the instance on the port."),
                },
            },
            {
                "type": "object",
                "required": ["evpn"],
                "properties": {
                    "linuxif": {"enum": ["", null]},
                    "evpn": evpn,
                    "ovs": ovs,
                    "vlan": described(integer(MAX_VLAN), "VLAN of the instance on the port."),
                },
            },
        ],
    })
}

/// `64512:1` (two-octet AS), `70000:1` (four-octet AS), `192.0.2.1:1` (RFC 4360, 5668).
const TARGET: &str = r"[0-9]+(\.[0-9]{1,3}){0,3}:[0-9]+";

fn route_targets() -> Value {
    json!({
        "description": "Route targets, `AS:number` or `IPv4-address:number`, within 6 octets; a list, or a string with commas.",
        "anyOf": [
            {"type": "array", "items": {"type": "string", "pattern": format!("^\\s*({TARGET})?\\s*$")}},
            {"type": "string", "pattern": format!("^\\s*({TARGET})?\\s*(,\\s*({TARGET})?\\s*)*$")},
        ],
    })
}

/// What counts as no object.
fn nothing() -> Value {
    json!({"enum": [null, "", {}, [], false, 0], "description": "None."})
}

fn readvertise() -> Value {
    json!({
        "description": "Routes to advertise again with other route targets.",
        "anyOf": [
            {
                "type": "object",
                "required": ["from_rt", "to_rt"],
                "properties": {
                    "from_rt": reference("RouteTargets"),
                    "to_rt": reference("RouteTargets"),
                },
            },
            nothing(),
        ],
    })
}

fn attract_traffic() -> Value {
    let ports = json!({"type": "string", "pattern": "^[0-9]+(:[0-9]+)?$", "description": "A port, or a range as `1000:2000`."});
    let classifier: Map<String, Value> = CLASSIFIER_KEYS
        .iter()
        .map(|key| {
            let schema = match *key {
                "sourcePort" | "destinationPort" => ports.clone(),
                "protocol" => json!({"type": "string", "pattern": "^([a-zA-Z]+[46]?|[0-9]+)$", "description": "By name or number."}),
                _ => prefix(),
            };
            ((*key).to_owned(), schema)
        })
        .collect();
    json!({
        "description": "Traffic to attract by Flowspec routes. Without a target, here or in `readvertise`, there is none.",
        "anyOf": [
            {
                "type": "object",
                "required": ["redirect_rts", "classifier"],
                "properties": {
                    "redirect_rts": reference("RouteTargets"),
                    "classifier": {"type": "object", "properties": classifier, "additionalProperties": false},
                    "to_rt": described(reference("RouteTargets"), "One route target; then `static_destination_prefixes` is required."),
                    "to": described(reference("RouteTargets"), "What one client calls `to_rt`."),
                    "static_destination_prefixes": {"type": ["array", "null"], "items": prefix()},
                },
            },
            nothing(),
        ],
    })
}

fn described(mut schema: Value, text: &str) -> Value {
    schema["description"] = text.into();
    schema
}

/// Text, or nothing.
fn optional(mut schema: Value) -> Value {
    schema["type"] = json!(["string", "null"]);
    schema
}

fn name() -> Value {
    json!({"type": "string", "maxLength": MAX_NAME, "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$"})
}

/// An integer, also as a string of digits, or nothing.
fn integer(max: u32) -> Value {
    json!({"anyOf": [
        {"type": ["integer", "null"], "minimum": 0, "maximum": max},
        {"type": "string", "pattern": "^[0-9]+$"},
    ]})
}

const V4: &str = r"(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(\.(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])){3}";

fn prefix() -> Value {
    json!({"anyOf": [
        {"type": "string", "pattern": format!("^{V4}(/([0-9]+|[0-9]+(\\.[0-9]+){{3}}))?$")},
        {"type": "string", "format": "ipv6"},
        {"type": "string", "pattern": "^[0-9a-fA-F:.]{2,45}/[0-9]+$"},
    ]})
}

fn ip() -> Value {
    let mut schema = prefix();
    if let Some(forms) = schema["anyOf"].as_array_mut() {
        forms.push(json!({"type": "null"}));
    }
    described(
        schema,
        "Address of the endpoint, with or without a prefix length or netmask. Required for `ipvpn`.",
    )
}

fn address_or_null() -> Value {
    json!({"anyOf": [
        {"type": "string", "pattern": format!("^({V4})?$")},
        {"type": "string", "format": "ipv6"},
        {"type": "null"},
    ]})
}

fn mac_or_null() -> Value {
    let mut schema = mac();
    if let Some(forms) = schema["anyOf"].as_array_mut() {
        forms.push(json!({"type": "null"}));
    }
    described(
        schema,
        "MAC address of the endpoint, a unicast one, in any notation. Required but for `evpn` ports whose MAC addresses are \
         all learnt.",
    )
}

fn mac() -> Value {
    let forms = [
        "([0-9A-Fa-f]{1,2}:){5}[0-9A-Fa-f]{1,2}",
        "([0-9A-Fa-f]{1,2}-){5}[0-9A-Fa-f]{1,2}",
        "([0-9A-Fa-f]{1,4}[.]){2}[0-9A-Fa-f]{1,4}",
        "([0-9A-Fa-f]{1,4}:){2}[0-9A-Fa-f]{1,4}",
        "([0-9A-Fa-f]{1,4}-){2}[0-9A-Fa-f]{1,4}",
        "[0-9A-Fa-f]{5,6}[:-][0-9A-Fa-f]{5,6}",
        "[0-9A-Fa-f]{11,12}",
    ];
    json!({
        "description": "MAC address of the endpoint, a unicast one, in any notation.",
        "anyOf": [
            {"type": "string", "pattern": format!("^({})$", forms.join("|"))},
            {"type": "integer", "minimum": 0, "maximum": (1_u64 << 48) - 1},
        ],
    })
}
