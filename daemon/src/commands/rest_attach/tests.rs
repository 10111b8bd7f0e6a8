use std::fmt::Write as _;

use clap::Parser as _;

use super::{args::Args, plan::Plan};

fn plan(flags: &str) -> Result<Plan, String> {
    let words = std::iter::once("bagpipe-rest-attach").chain(flags.split_whitespace());
    let args = Args::try_parse_from(words).map_err(|error| {
        error
            .to_string()
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned()
    })?;
    Plan::new(&args).map_err(|error| error.to_string())
}

/// Bodies of the command lines that documentation and scripts show.
#[test]
fn issue_68_bodies_of_command_lines() {
    let mut all = String::new();
    for flags in [
        "--attach --port netns --ip 12.11.11.1 --network-type evpn --vpn-instance-id test2 \
         --rt 64512:79",
        "--attach --port tap42 --mac de:ad:00:00:be:ef --ip 11.11.11.1 --gateway-ip 11.11.11.254 \
         --network-type ipvpn --rt 64512:77",
        "--attach --port netns:to-vm1 --ip 11.0.0.1/16 --network-type evpn",
        "--attach --port evpn:net1vm1_evpn --mac 02:00:00:00:00:01 --ip 11.0.0.1 --network-type \
         ipvpn --import 64512:10 --export 64512:11 --rt 64512:1",
        "--detach --port netns --netns ns1 --if2vpn h0 --ip 30.0.0.1 --network-type ipvpn \
         --advertise-subnet --local-pref 50 --vni 7 --lb-consistent-hash-order 2 --direction \
         to-port --readv-from-rt 64512:2 --readv-to-rt 64512:300 --redirect-rt 64512:120 \
         --destination-port 80 --attract-to-rt 64512:5 --static-destination-prefix 10.0.0.0/8",
        "--attach --port br100 --learn --network-type evpn --rt 64512:77",
        "--attach --port netns --ip 10.0.0.1 --learn --network-type evpn",
        "--attach --port netns --ip 10.0.0.1 --network-type ipvpn --ovs-preplug --ovs-bridge br-mpls \
         --ovs-vlan 7",
    ] {
        let Plan {
            body,
            netns,
            bridge,
            computed_gateway,
        } = plan(flags).unwrap();
        let body = serde_json::to_string(&body).unwrap();
        writeln!(
            all,
            "$ {flags}\n{body}\n{netns:?} {bridge:?}\ngateway {computed_gateway:?}\n"
        )
        .unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn flags_that_make_no_sense() {
    let mut all = String::new();
    for flags in [
        "",
        "--attach --port tap1 --learn --network-type ipvpn",
        "--attach --port tap1 --ip 10.0.0.1 --learn --network-type evpn",
        "--attach --port netns --learn --network-type evpn",
        "--attach",
        "--attach --detach --port tap1 --ip 10.0.0.1 --network-type evpn",
        "--attach --port tap1 --ip 10.0.0.1 --network-type evpn",
        "--attach --port tap1 --ip 10.0.0 --network-type ipvpn",
        "--attach --port tap1 --ip 10.0.0.1 --gateway-ip x --network-type ipvpn",
        "--attach --port tap1 --ip 10.0.0.1 --mac zz --network-type ipvpn",
        "--attach --port evpn:x --ip 10.0.0.1 --network-type evpn",
        "--attach --port tap1 --ip 10.0.0.1 --network-type ipvpn --redirect-rt 1:1",
        "--attach --port tap1 --ip 10.0.0.1 --network-type ipvpn --attract-to-rt 1:1",
        "--attach --port tap1 --ip 10.0.0.1 --mac 02:00:00:00:00:01 --network-type evpn --ovs-preplug",
        "--attach --port tap1 --ip 10.0.0.1 --network-type ipvpn --ovs-vlan 4095",
        "--detach --port tap1 --ip 10.0.0.1 --network-type ipvpn --clean",
        "--attach --port netns --ip 10.0.0.1 --network-type evpn --clean",
        "--attach --port tap1 --ip 10.0.0.1 --network-type l3vpn",
    ] {
        writeln!(all, "$ {flags}\n{}", plan(flags).unwrap_err()).unwrap();
    }
    insta::assert_snapshot!(all);
}
