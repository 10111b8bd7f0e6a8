//! What the lists of routes in the looking glass can be asked for.

use serde_json::{Value, json};

/// Query parameters of lists of routes, with what they do.
pub const FILTERS: [(&str, &str); 5] = [
    ("family", "Only this family, `l2vpn/evpn`."),
    ("rt", "Only routes with this route target, `64512:79`."),
    (
        "prefix",
        "Only routes of this prefix or address, and of prefixes and addresses within.",
    ),
    ("mac", "Only E-VPN routes of this MAC address."),
    (
        "source",
        "Only routes of this worker, `BGP-10.0.0.1`, `EVI-2`, `VRF-1`.",
    ),
];

pub(super) fn parameters() -> Vec<Value> {
    let text = |(name, text): (&str, &str)| json!({"name": name, "in": "query", "description": text, "schema": {"type": "string"}});
    let number = |(name, text): (&str, &str)| {
        json!({
            "name": name, "in": "query", "description": text,
            "schema": {"type": "integer", "minimum": 0, "maximum": u32::MAX},
        })
    };
    let filters = FILTERS.into_iter().map(text);
    let paging = [
        ("limit", "At most so many routes."),
        ("offset", "So many routes are left out first."),
    ];
    filters.chain(paging.into_iter().map(number)).collect()
}
