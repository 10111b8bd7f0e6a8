//! Text forms, as they are typed and shown.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use bgp_wire::community::{Encapsulation, LargeCommunity, Layer2Attributes, MacMobility};
use bgp_wire::{
    Esi, ExtendedCommunity, Family, IpPrefix, Label, LabelField, MacAddr, RouteDistinguisher,
    RouteTarget, Vni,
};

/// Typed so, shown as the second.
#[track_caller]
fn assert_text<T>(typed: &str, shown: &str)
where
    T: std::str::FromStr<Err = bgp_wire::ParseError> + std::fmt::Display,
{
    let value: T = typed.parse().unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(value.to_string(), shown);
    assert_eq!(
        shown.parse::<T>().map(|value| value.to_string()),
        Ok(shown.to_owned())
    );
}

#[test]
fn mac_addresses() {
    for typed in [
        "02:00:00:AB:cd:01",
        "02-00-00-ab-cd-01",
        "0200.00ab.cd01",
        "020000abcd01",
    ] {
        assert_text::<MacAddr>(typed, "02:00:00:ab:cd:01");
    }
    for wrong in [
        "",
        "02:00:00:ab:cd",
        "2:0:0:ab:cd:1",
        "02:00:00:ab:cd:0g",
        "0200.00ab-cd01",
        "é2:00:00:ab:cd:01",
    ] {
        assert!(wrong.parse::<MacAddr>().is_err(), "{wrong}");
    }
}

#[test]
fn distinguishers_and_targets() {
    for text in [
        "64512:79",
        "64512:4294967295",
        "192.0.2.1:5",
        "70000:1",
        "100L:1",
        "0:0",
    ] {
        assert_text::<RouteDistinguisher>(text, text);
        assert_text::<RouteTarget>(text, text);
    }
    assert_text::<RouteDistinguisher>("0x0003000000000001", "0x0003000000000001");
    assert_text::<RouteDistinguisher>("0x0000fc0000000001", "64512:1");
    assert_ne!("100L:1".parse(), Ok(RouteTarget::as2(100, 1)));
    for wrong in [
        "",
        "64512",
        "64512:",
        ":1",
        "70000:65536",
        "192.0.2.1:65536",
        "4294967296:1",
        "a:1",
        "0x00",
    ] {
        assert!(wrong.parse::<RouteDistinguisher>().is_err(), "{wrong}");
        assert!(wrong.parse::<RouteTarget>().is_err(), "{wrong}");
    }
    assert_eq!(RouteTarget::from_bytes([0, 3, 0, 0, 0, 0, 0, 0]), None);
    assert_eq!(RouteTarget::from_bytes([0x40, 2, 0, 0, 0, 0, 0, 0]), None);
}

#[test]
fn prefixes() {
    assert_text::<IpPrefix>("10.1.2.3/24", "10.1.2.0/24");
    assert_text::<IpPrefix>("10.1.2.3", "10.1.2.3/32");
    assert_text::<IpPrefix>("2001:db8::1/33", "2001:db8::/33");
    assert_text::<IpPrefix>("255.255.255.255/0", "0.0.0.0/0");
    assert_text::<IpPrefix>("ffff::/0", "::/0");
    for wrong in [
        "",
        "10.0.0.0/33",
        "::/129",
        "10.0.0/8",
        "10.0.0.0/",
        "10.0.0.0/-1",
    ] {
        assert!(wrong.parse::<IpPrefix>().is_err(), "{wrong}");
    }
    let prefix: IpPrefix = "10.1.0.0/16".parse().unwrap();
    assert!(prefix.contains([10, 1, 255, 1].into()) && !prefix.contains([10, 2, 0, 0].into()));
}

#[test]
fn families() {
    assert_text::<Family>("l2vpn/evpn", "l2vpn/evpn");
    assert_text::<Family>("afi25/safi70", "l2vpn/evpn");
    assert_text::<Family>("afi1/safi5", "afi1/safi5");
    for wrong in ["", "evpn", "afi1", "afi1/safi256", "IPv4/unicast"] {
        assert!(wrong.parse::<Family>().is_err(), "{wrong}");
    }
}

#[test]
fn segments() {
    let text = "00:01:02:03:04:05:06:07:08:09";
    assert_text::<Esi>(text, text);
    assert!("00:01".parse::<Esi>().is_err());
    let derived = ExtendedCommunity::from(text.parse::<Esi>().unwrap());
    assert_eq!(
        derived.es_import(),
        Some("01:02:03:04:05:06".parse().unwrap())
    );
}

#[test]
fn numbers() {
    assert_text::<Vni>("16777215", "16777215");
    assert_text::<Label>("1048575", "1048575");
    let error = Vni::new(16_777_216).unwrap_err();
    assert_eq!(error.to_string(), "VNI 16777216 is above 16777215");
    assert!("1048576".parse::<Label>().is_err());
    let error = serde_json::from_str::<Vni>("16777216").unwrap_err();
    assert!(error.to_string().starts_with("VNI 16777216 is above"));
    let field = LabelField::from_vni(Vni::new(5001).unwrap());
    assert_eq!(
        (field.raw(), field.label().get(), field.is_bottom()),
        (5001, 312, true)
    );
    let field = LabelField::from_label(Label::new(16).unwrap(), false);
    assert_eq!((field.0, field.is_bottom()), ([0, 1, 0], false));
}

#[test]
fn encapsulations() {
    for (number, text) in [
        (2, "GRE"),
        (7, "IP-in-IP"),
        (8, "VXLAN"),
        (13, "MPLS-in-UDP"),
        (77, "77"),
    ] {
        assert_text::<Encapsulation>(&number.to_string(), text);
        assert_eq!(Encapsulation::from_number(number).number(), number);
    }
    assert_eq!("vxlan".parse(), Ok(Encapsulation::Vxlan));
    assert_text::<LargeCommunity>("64512:1:2", "64512:1:2");
    assert!("64512:1".parse::<LargeCommunity>().is_err());
}

/// Every constructor is found by its own view.
#[test]
fn community_views() {
    let mac: MacAddr = "02:00:00:00:00:01".parse().unwrap();
    let label = LabelField::from_vni(Vni::new(100).unwrap());
    let mobility = MacMobility {
        sticky: true,
        sequence: 7,
    };
    let layer2 = Layer2Attributes {
        flags: 2,
        mtu: 1500,
    };
    let with = ExtendedCommunity::from_mac_mobility(mobility);
    assert_eq!(
        (with.0, with.mac_mobility()),
        ([6, 0, 1, 0, 0, 0, 0, 7], Some(mobility))
    );
    let with = ExtendedCommunity::from_esi_label(true, label);
    assert_eq!(
        (with.0, with.esi_label()),
        ([6, 1, 1, 0, 0, 0, 0, 100], Some((true, label)))
    );
    assert_eq!(
        ExtendedCommunity::from_es_import(mac).es_import(),
        Some(mac)
    );
    assert_eq!(
        ExtendedCommunity::from_router_mac(mac).router_mac(),
        Some(mac)
    );
    let with = ExtendedCommunity::from_layer2_attributes(layer2);
    assert_eq!(
        (with.0, with.layer2_attributes()),
        ([6, 4, 0, 2, 5, 0xdc, 0, 0], Some(layer2))
    );
    assert_eq!(ExtendedCommunity::from_color(9).color(), Some(9));
    assert_eq!(
        ExtendedCommunity::from_traffic_rate(1, 0.5).traffic_rate(),
        Some((1, 0.5))
    );
    assert_eq!(
        ExtendedCommunity::from_consistent_hash_order(3).consistent_hash_order(),
        Some(3)
    );
    assert!(ExtendedCommunity::DEFAULT_GATEWAY.is_default_gateway());
    let to = ExtendedCommunity([0x01, 0x0c, 192, 0, 2, 1, 0, 1]);
    assert_eq!(to.redirect_ip(), Some(([192, 0, 2, 1].into(), true)));
    assert!(to.is_transitive() && !ExtendedCommunity([0x43, 0, 0, 0, 0, 0, 0, 0]).is_transitive());
}
