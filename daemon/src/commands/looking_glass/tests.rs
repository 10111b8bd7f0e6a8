use std::collections::BTreeMap;

use bagpipe_api::{ClientError, Refusal};
use serde_json::{Value, json};

use super::{
    encode,
    node::{Fetch, Glass},
    render::render,
};

const BASE: &str = "http://127.0.0.1:8082/looking-glass";

impl Fetch for BTreeMap<&str, Value> {
    async fn fetch(&mut self, path: &str) -> Result<Value, ClientError> {
        let path = path
            .trim_start_matches("/looking-glass")
            .trim_start_matches('/');
        self.get(path).cloned().ok_or_else(|| {
            ClientError::Refused(Refusal {
                status: 404,
                description: path.into(),
                field: None,
                rule: None,
            })
        })
    }
}

fn link(path: &str) -> Value {
    json!({"href": format!("{BASE}/{path}")})
}

fn named(id: &str, path: &str) -> Value {
    json!({"id": id, "href": format!("{BASE}/{path}")})
}

/// A looking glass with an IP VPN and an E-VPN instance.
fn pages() -> BTreeMap<&'static str, Value> {
    let route = json!({"20.0.0.0/24 label 500 next-hop 2.2.2.2 rd 2.2.2.2:1": {
        "afi-safi": "ipv4/mpls-vpn",
        "attributes": {"local-preference": "100",
            "extended-community": "[ target:64512:2 encap:MPLS ]"},
        "next_hop": "2.2.2.2",
        "source": named("BGP-127.0.0.1", "bgp/workers/BGP-127.0.0.1"),
        "route_targets": ["target:64512:2"],
    }});
    BTreeMap::from([
        (
            "",
            json!({
                "summary": {
                    "BGP_established_peers": 1,
                    "route_counts": {"local_routes_count": 6, "received_routes_count": 3},
                    "vpn_instances_count": 3,
                    "warnings_and_errors": 0,
                    "start_time": "2026-11-21 02:49:15",
                    "version": "21.0.0",
                },
                "config": link("config"),
                "bgp": link("bgp"),
                "vpns": link("vpns"),
                "logs": link("logs"),
            }),
        ),
        (
            "vpns/instances",
            json!([
                {"id": "v1", "name": "VRF-1", "description": "net A",
                    "href": format!("{BASE}/vpns/instances/v1")},
                {"id": "e2", "name": "EVI-2", "href": format!("{BASE}/vpns/instances/e2")},
            ]),
        ),
        (
            "vpns/instances/v1",
            json!({
                "name": "VRF-1",
                "internals": {"event queue length": 0, "subscriptions": [
                    "match:ipv4/mpls-vpn,target:64512:2", "match:ipv4/flow-vpn,target:64512:2"]},
                "readvertised": link("vpns/instances/v1/readvertised"),
                "dataplane": link("vpns/instances/v1/dataplane"),
                "gateway_ip": null,
                "ports": link("vpns/instances/v1/ports"),
                "readvertise": {},
                "received_routes": link("vpns/instances/v1/received_routes"),
            }),
        ),
        ("vpns/instances/e2", json!({"name": "EVI-2"})),
        ("vpns/instances/v1/readvertised", json!([])),
        (
            "vpns/instances/v1/dataplane",
            json!({"driver": named("ipvpn", "vpns/dataplane/drivers/ipvpn"),
                "logs": link("vpns/instances/v1/dataplane/logs")}),
        ),
        ("vpns/instances/v1/dataplane/logs", json!([])),
        (
            "vpns/instances/v1/ports",
            json!({"tap1": {"endpoints": [{
                "label": 17, "mac_address": "00:00:de:ad:be:01", "ip_address": "10.1.1.1/24",
                "local_pref": null, "rd": " rd 127.0.0.1:1", "description": {"port": "p1"},
                "direction": "both",
            }]}}),
        ),
        (
            "vpns/instances/v1/received_routes",
            json!({"'20.0.0.0/24'": [route]}),
        ),
        (
            "bgp/routes",
            json!({
                "ipv4/mpls-vpn,*": [route],
                "l2vpn/evpn,*": [{"evpn:multicast::127.0.0.1:2:0:127.0.0.1": {
                    "afi-safi": "l2vpn/evpn",
                    "attributes": {"extended-community": "[ target:64512:3 encap:VXLAN ]",
                        "pmsi-tunnel": "pmsi:ingressreplication:0:0(5001):127.0.0.1"},
                    "next_hop": "127.0.0.1",
                    "source": named("EVI-2", "bgp/workers/EVI-2"),
                    "route_targets": ["target:64512:3"],
                }}],
                "ipv4/rtc,*": [{"rtc 64512:target:64512:10": {
                    "afi-safi": "ipv4/rtc", "attributes": {}, "next_hop": "127.0.0.1",
                    "source": named("BGPManager", "bgp/workers/BGPManager"),
                }}],
                "ipv4/flow-vpn,*": [],
            }),
        ),
        ("summary/version", json!("21.0.0")),
        (
            "vpns/instances/v1/banner",
            json!({"text": "\none\n  two\n", "up": true, "down": false}),
        ),
        ("bgp/adv_routes", json!([])),
    ])
}

async fn text(path: &str, recurse: bool) -> String {
    let mut glass = Glass {
        source: pages(),
        authority: "127.0.0.1:8082".into(),
    };
    let (value, url) = glass.top(&format!("/looking-glass/{path}")).await.unwrap();
    let base = recurse.then_some(url.as_str());
    render(&glass.expand(value, base).await.unwrap())
}

#[tokio::test]
async fn the_root() {
    insta::assert_snapshot!(text("", false).await);
}

#[tokio::test]
async fn lists_of_named_objects() {
    insta::assert_snapshot!(text("vpns/instances", false).await);
}

#[tokio::test]
async fn lists_inside_objects() {
    insta::assert_snapshot!(text("vpns/instances/v1/ports", false).await);
}

#[tokio::test]
async fn routes() {
    insta::assert_snapshot!(text("bgp/routes", false).await);
}

#[tokio::test]
async fn links_followed() {
    insta::assert_snapshot!(text("vpns/instances", true).await);
}

#[tokio::test]
async fn scalars_and_nothing() {
    assert_eq!(text("summary/version", false).await, "21.0.0\n");
    assert_eq!(text("bgp/adv_routes", false).await, "-\n");
    assert_eq!(
        text("vpns/instances/v1/banner", false).await,
        "text: \n  one\n    two\nup: True\ndown: False\n"
    );
}

#[test]
fn elements_are_percent_encoded() {
    assert_eq!(encode("a b/c:d"), "a%20b/c%3Ad");
}
