use serde_json::json;

use super::{dot, instance::Instance};

#[test]
fn issue_70_a_graph_of_everything_that_is_drawn() {
    let evi = json!({
        "instance_type": "EVI",
        "route_targets": {"import": ["target:64512:3"], "export": ["target:64512:3"]},
        "gateway_port": {"interface": "'evpn1-ipvpn2'", "ipvpn": {"external_instance_id": "ipvpn_4d3f-aaaa-cccc"}},
        "readvertise": {},
        "attract_traffic": {},
    });
    let vrf = json!({
        "instance_type": "VRF",
        "route_targets": {"import": ["target:64512:2", "target:64512:10"], "export": []},
        "readvertise": {"from": ["target:64512:121"], "to": ["target:64512:120"]},
        "attract_traffic": {
            "redirect_rts": ["target:64512:300"],
            "classifier": {"destinationPort": "80", "protocol": "tcp"},
        },
    });
    let far = json!({"instance_type": "VRF", "route_targets": {"import": ["target:10.0.0.1:7"], "export": []}});
    let instances = [
        Instance::new("localhost", "e2", &evi, &json!({"to-vm1": {}})),
        Instance::new(
            "localhost",
            "ipvpn_4d3f-aaaa-cccc",
            &vrf,
            &json!({"ns-x1": {}}),
        ),
        Instance::new("compute-2", "a \"b\" {c} \\ |<d>", &far, &json!({})),
    ];
    insta::assert_snapshot!(dot::graph(&instances));
}
