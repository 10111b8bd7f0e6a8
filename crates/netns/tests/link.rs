//! Links and tables, made and read back in throw-away namespaces.

#![allow(clippy::unwrap_used)]

mod common;

use std::net::IpAddr;
use std::time::Duration;

use common::namespace;
use netns::addr::{IpPrefix, MacAddr};
use netns::link::{
    Address, Bridge, Change, EntryState, FdbEntry, FdbTable, FibKind, FibTo, Groups, Idempotent,
    IpEncap, LinkChange, LinkErrorKind, LinkRef, LinkSpec, MAIN_TABLE, Monitor, Neighbour, Netlink,
    PortFlags, Route, RouteKind, Rule, Veth, Vxlan, VxlanId,
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn prefix(text: &str) -> IpPrefix {
    text.parse().unwrap()
}

fn mac(last: u8) -> MacAddr {
    MacAddr([2, 0, 0, 0, 0, last])
}

#[tokio::test]
async fn a_cable_between_two_namespaces() {
    let (left, right) = (need!(namespace()), need!(namespace()));
    // Made from a third place: both ends are born where they belong.
    let third = Netlink::in_ns(&need!(namespace())).unwrap();
    let a = LinkSpec::up("eth0").in_ns(&left).mac(mac(1)).mtu(1400);
    let b = LinkSpec::up("eth0").in_ns(&right).mac(mac(2)).mtu(1400);
    third.create_veth(&Veth { a, b }).await.unwrap();

    let left = Netlink::in_ns(&left).unwrap();
    let right = Netlink::in_ns(&right).unwrap();
    left.apply(LinkChange::new("eth0").alias("left end"))
        .await
        .unwrap();
    let end = left.link("eth0").await.unwrap();
    assert_eq!(end.kind.as_deref(), Some("veth"));
    assert_eq!(
        (end.mac, end.mtu, end.up, end.carrier),
        (Some(mac(1)), 1400, true, true)
    );
    assert_eq!(end.alias.as_deref(), Some("left end"));
    let other = right.link("eth0").await.unwrap();
    assert_eq!(end.peer, Some(other.index));
    assert!(end.peer_ns.is_some());
    assert_eq!(
        third.links().await.unwrap().len(),
        1,
        "only loopback in the third namespace"
    );

    left.delete("eth0").await.unwrap();
    assert!(right.link("eth0").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn a_bridge_with_a_tunnel_port() {
    let netlink = Netlink::in_ns(&need!(namespace())).unwrap();
    let bridge = Bridge::new(LinkSpec::up("br0"));
    let br0 = netlink.create(&bridge.create()).await.unwrap();
    let mut vxlan = Vxlan::new(LinkSpec::up("vx0").master(br0).mtu(1450), VxlanId::Vni(79));
    vxlan.local = Some(ip("127.0.0.1"));
    vxlan.proxy = true;
    let vx0 = netlink.create(&vxlan.create()).await.unwrap();
    let flags = PortFlags {
        learning: Some(false),
        neigh_suppress: Some(true),
        isolated: Some(true),
        hairpin: Some(true),
        unicast_flood: Some(false),
        ..PortFlags::default()
    };
    netlink
        .apply(LinkChange::new(vx0).port(flags))
        .await
        .unwrap();

    let links = netlink.links().await.unwrap();
    let names: Vec<_> = links.iter().map(|link| link.name.as_str()).collect();
    assert_eq!(names, ["lo", "br0", "vx0"]);
    let vx0 = &links[2];
    assert_eq!(vx0.master, Some(br0));
    assert!(vx0.operational);
    insta::assert_json_snapshot!((&vx0.port, &vx0.vxlan, vx0.mtu), @r#"
    [
      {
        "learning": false,
        "neigh_suppress": true,
        "hairpin": true,
        "isolated": true,
        "unicast_flood": false
      },
      {
        "vni": 79,
        "local": "127.0.0.1",
        "port": 4789,
        "learning": false,
        "proxy": true
      },
      1450
    ]
    "#);

    netlink
        .apply(LinkChange::new("vx0").master(None))
        .await
        .unwrap();
    assert_eq!(netlink.link("vx0").await.unwrap().master, None);
}

#[tokio::test]
async fn forwarding_entries_of_a_tunnel() {
    let netlink = Netlink::in_ns(&need!(namespace())).unwrap();
    let vxlan = Vxlan::new(LinkSpec::up("vx0"), VxlanId::Vni(79));
    let vx0 = netlink.create(&vxlan.create()).await.unwrap();

    let known = FdbEntry::tunnel(vx0, mac(9), ip("10.0.0.9")).vni(80);
    let floods = [
        FdbEntry::flood(vx0, ip("10.0.0.9")),
        FdbEntry::flood(vx0, ip("10.0.0.8")),
    ];
    netlink.apply(known.replace()).await.unwrap();
    netlink.apply(known.replace()).await.unwrap();
    for flood in &floods {
        netlink.apply(flood.append()).await.unwrap();
    }
    netlink.apply(floods[0].append()).await.unwrap();
    let twice = netlink.apply(known.add()).await;
    assert!(twice.as_ref().unwrap_err().is_exists(), "{twice:?}");
    twice.ignore_exists().unwrap();

    let entries = netlink.fdb(Some(vx0)).await.unwrap();
    assert_eq!(
        entries,
        [floods[1].clone(), floods[0].clone(), known.clone()]
    );

    netlink.apply(floods[0].delete()).await.unwrap();
    netlink.apply(known.delete()).await.unwrap();
    assert_eq!(netlink.fdb(None).await.unwrap(), [floods[1].clone()]);
    let gone = netlink.apply(known.delete()).await.unwrap_err();
    assert_eq!(gone.kind, LinkErrorKind::NotFound);
    assert_eq!(
        gone.action,
        format!("delete neighbour `02:00:00:00:00:09` `10.0.0.9` on link {vx0}")
    );
}

#[tokio::test]
async fn forwarding_entries_of_a_bridge() {
    let netlink = Netlink::in_ns(&need!(namespace())).unwrap();
    let br0 = netlink
        .create(&Bridge::new(LinkSpec::up("br0")).create())
        .await
        .unwrap();
    let vxlan = Vxlan::new(LinkSpec::up("vx0").master(br0), VxlanId::Vni(79));
    let vx0 = netlink.create(&vxlan.create()).await.unwrap();

    let mut entry = FdbEntry::behind(vx0, mac(9));
    entry.extern_learn = true;
    netlink.apply(entry.replace()).await.unwrap();
    let tunnel = FdbEntry::tunnel(vx0, mac(9), ip("10.0.0.9"));
    netlink.apply(tunnel.replace()).await.unwrap();

    let entries = netlink.fdb(Some(vx0)).await.unwrap();
    let of = |table| {
        entries
            .iter()
            .filter(move |e| e.table == table && e.mac == mac(9))
    };
    assert_eq!(of(FdbTable::Own).collect::<Vec<_>>(), [&tunnel]);
    let told = FdbEntry {
        bridge: Some(br0),
        ..entry.clone()
    };
    assert_eq!(of(FdbTable::Master).collect::<Vec<_>>(), [&told]);
    netlink.apply(entry.delete()).await.unwrap();
    netlink.apply(tunnel.delete()).await.unwrap();
    let left = netlink.fdb(Some(vx0)).await.unwrap();
    assert!(left.iter().all(|e| e.mac != mac(9)), "{left:?}");
}

#[tokio::test]
async fn a_batch_reports_each_request() {
    let netlink = Netlink::in_ns(&need!(namespace())).unwrap();
    let vxlan = Vxlan::new(LinkSpec::up("vx0"), VxlanId::Vni(79));
    let vx0 = netlink.create(&vxlan.create()).await.unwrap();

    // More than one send, a failure in every one of them, the very last among them.
    let count = 1000;
    let octets = |n: u32| MacAddr([2, 0, 0, 0, (n >> 8) as u8, n as u8]);
    let requests = (0..count)
        .map(|n| {
            let link = if n % 50 == 49 { vx0 + 1000 } else { vx0 };
            FdbEntry::tunnel(link, octets(n), ip("10.0.0.9")).replace()
        })
        .collect();
    let results = netlink.batch(requests).await;
    assert_eq!(results.len(), count as usize);
    for (n, result) in results.iter().enumerate() {
        assert_eq!(result.is_err(), n % 50 == 49, "request {n}: {result:?}");
    }
    assert!(results[49].as_ref().unwrap_err().is_not_found());
    assert_eq!(netlink.fdb(Some(vx0)).await.unwrap().len(), 980);
    // The socket is in step afterwards.
    assert_eq!(netlink.index("vx0").await.unwrap(), vx0);
    assert!(netlink.batch(Vec::new()).await.is_empty());
}

#[tokio::test]
async fn addresses_and_neighbours() {
    let netlink = Netlink::in_ns(&need!(namespace())).unwrap();
    let br0 = netlink
        .create(&Bridge::new(LinkSpec::up("br0")).create())
        .await
        .unwrap();
    let v4 = Address::new(br0, prefix("10.0.0.1/24"));
    let v6 = Address::new(br0, prefix("fd00::1/64"));
    netlink.apply(v4.add()).await.unwrap();
    netlink.apply(v6.add()).await.unwrap();
    assert!(netlink.apply(v4.add()).await.unwrap_err().is_exists());
    netlink.apply(v4.replace()).await.unwrap();
    let addresses = netlink.addresses().await.unwrap();
    assert!(
        addresses.contains(&v4) && addresses.contains(&v6),
        "{addresses:?}"
    );

    let near = Neighbour::permanent(br0, ip("10.0.0.2"), mac(2));
    let near6 = Neighbour::permanent(br0, ip("fd00::2"), mac(2));
    let results = netlink.batch(vec![near.replace(), near6.add()]).await;
    assert_eq!(results, [Ok(()), Ok(())]);
    let neighbours = netlink.neighbours(Some(br0)).await.unwrap();
    let permanent: Vec<_> = neighbours
        .into_iter()
        .filter(|n| n.state == EntryState::Permanent)
        .collect();
    assert_eq!(permanent, [near.clone(), near6]);
    netlink.apply(near.delete()).await.unwrap();
    netlink
        .apply(near.delete())
        .await
        .ignore_not_found()
        .unwrap();

    netlink.apply(v4.delete()).await.unwrap();
    assert!(netlink.apply(v4.delete()).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn routes_and_rules() {
    let netlink = Netlink::in_ns(&need!(namespace())).unwrap();
    let br0 = netlink
        .create(&Bridge::new(LinkSpec::up("br0")).create())
        .await
        .unwrap();
    netlink
        .apply(Address::new(br0, prefix("10.0.0.1/24")).add())
        .await
        .unwrap();
    let by_router = Route::to(prefix("20.0.0.0/8"))
        .via(ip("10.0.0.9"))
        .table(1001);
    let mut nowhere = Route::to(IpPrefix::DEFAULT_V4).table(1001);
    nowhere.kind = RouteKind::Unreachable;
    nowhere.metric = Some(4_278_198_272);
    netlink.apply(by_router.add()).await.unwrap();
    netlink.apply(nowhere.replace()).await.unwrap();

    let routes = netlink.routes(Some(1001)).await.unwrap();
    let expected_link = Route {
        link: Some(br0),
        ..by_router.clone()
    };
    assert!(routes.contains(&expected_link), "{routes:?}");
    assert!(
        routes
            .iter()
            .any(|r| r.kind == RouteKind::Unreachable && r.metric == nowhere.metric)
    );
    let unreachable = Route::to(prefix("30.0.0.0/8")).via(ip("40.0.0.1")).add();
    let refused = netlink.apply(unreachable).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "cannot add route to `30.0.0.0/8`: Network is unreachable \
         (kernel: Nexthop has invalid gateway)"
    );

    let rule = Rule::lookup(100, 1001).iif("br0");
    let mut tunnel = Rule::lookup(101, 1001).iif("br0");
    tunnel.tunnel_id = Some(79);
    netlink.apply(rule.add()).await.unwrap();
    netlink.apply(tunnel.add()).await.unwrap();
    assert!(netlink.apply(rule.add()).await.unwrap_err().is_exists());
    let rules = netlink.rules().await.unwrap();
    assert!(
        rules.contains(&rule) && rules.contains(&tunnel),
        "{rules:?}"
    );
    assert!(rules.iter().any(|rule| rule.table == Some(MAIN_TABLE)));
    netlink.apply(rule.delete()).await.unwrap();
    assert!(!netlink.rules().await.unwrap().contains(&rule));
}

#[tokio::test]
async fn routes_into_a_per_packet_tunnel() {
    let netlink = Netlink::in_ns(&need!(namespace())).unwrap();
    // Brings 127.0.0.0/8, without which the kernel knows no local addresses and trusts no gateway.
    netlink.set_up("lo").await.unwrap();
    let vxlan = Vxlan::new(LinkSpec::up("vx"), VxlanId::PerPacket);
    let vx = netlink.create(&vxlan.create()).await.unwrap();
    assert_eq!(netlink.link("vx").await.unwrap().vxlan.unwrap().vni, None);
    netlink
        .apply(Neighbour::permanent(vx, ip("169.254.0.2"), mac(2)).replace())
        .await
        .unwrap();
    let mut route = Route::to(prefix("20.0.0.0/24"))
        .via(ip("169.254.0.2"))
        .link(vx)
        .table(1001);
    route.encap = Some(IpEncap {
        id: 79,
        dst: "10.0.0.2".parse().unwrap(),
    });
    route.onlink = true;
    netlink.apply(route.add()).await.unwrap();
    assert_eq!(netlink.routes(Some(1001)).await.unwrap(), [route.clone()]);

    // The same by a tunnel and a router of IPv6.
    let other = Neighbour::permanent(vx, ip("fe80::2"), mac(2));
    netlink.apply(other.replace()).await.unwrap();
    let mut other = route.clone().via(ip("fe80::2")).table(1002);
    other.encap = Some(IpEncap {
        id: 79,
        dst: ip("fd00::2"),
    });
    netlink.apply(other.add()).await.unwrap();
    assert_eq!(netlink.routes(Some(1002)).await.unwrap(), [other]);
}

#[tokio::test]
async fn renaming_and_moving() {
    let (here, there) = (need!(namespace()), need!(namespace()));
    let netlink = Netlink::in_ns(&here).unwrap();
    let veth = Veth {
        a: LinkSpec::up("a"),
        b: LinkSpec::up("b"),
    };
    netlink.create_veth(&veth).await.unwrap();
    let b = netlink.index("b").await.unwrap();
    netlink.set_down(b).await.unwrap();
    netlink
        .apply(LinkChange::new(b).rename("port").mac(mac(7)).mtu(1300))
        .await
        .unwrap();
    netlink
        .apply(LinkChange::new("port").to_ns(&there))
        .await
        .unwrap();
    assert!(netlink.index("port").await.unwrap_err().is_not_found());
    let port = Netlink::in_ns(&there).unwrap().link("port").await.unwrap();
    assert_eq!((port.mac, port.mtu, port.up), (Some(mac(7)), 1300, false));
}

#[tokio::test]
async fn failures_name_what_was_asked_for() {
    let netlink = Netlink::in_ns(&need!(namespace())).unwrap();
    let bridge = Bridge::new(LinkSpec::up("br0")).create();
    netlink.apply(bridge.clone()).await.unwrap();
    let twice = netlink.apply(bridge).await.unwrap_err();
    assert_eq!(
        twice.to_string(),
        "cannot create link `br0` of type `bridge`: it exists already"
    );
    let missing = netlink.link("nil").await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "cannot find link `nil`: it does not exist"
    );
    let missing = netlink.delete("nil").await.unwrap_err();
    assert_eq!(
        missing.to_string(),
        "cannot delete link `nil`: it does not exist"
    );
    // The kernel's own words.
    let mut vxlan = Vxlan::new(LinkSpec::up("vx0"), VxlanId::Vni(1 << 24));
    vxlan.local = Some(ip("10.0.0.1"));
    let refused = netlink.apply(vxlan.create()).await.unwrap_err();
    assert!(refused.explanation.is_some(), "{refused}");
}

#[tokio::test]
async fn an_ordinary_thread_stays_where_it_is() {
    let before = common::visible();
    let ns = need!(namespace());
    let netlink = Netlink::in_ns(&ns).unwrap();
    netlink
        .create(&Bridge::new(LinkSpec::up("br0")).create())
        .await
        .unwrap();
    assert_eq!(common::visible(), before);
    assert_ne!(
        ns.id().unwrap(),
        netns::ns::NetNs::current().unwrap().id().unwrap()
    );
}

#[tokio::test]
async fn changes_are_told() {
    let ns = need!(namespace());
    let all = Groups {
        links: true,
        addresses: true,
        neighbours: true,
        routes: true,
        rules: true,
        labels: true,
    };
    let mut monitor = Monitor::open(&ns, all).unwrap();
    let netlink = Netlink::in_ns(&ns).unwrap();
    let br0 = netlink
        .create(&Bridge::new(LinkSpec::up("br0")).create())
        .await
        .unwrap();
    let address = Address::new(br0, prefix("10.0.0.1/24"));
    netlink.apply(address.add()).await.unwrap();
    let neighbour = Neighbour::permanent(br0, ip("10.0.0.2"), mac(2));
    netlink.apply(neighbour.replace()).await.unwrap();
    let route = Route::to(prefix("192.0.2.0/24"))
        .via(ip("10.0.0.2"))
        .link(br0);
    netlink.apply(route.add()).await.unwrap();
    netlink.apply(route.delete()).await.unwrap();
    let rule = Rule::lookup(100, 7);
    netlink.apply(rule.add()).await.unwrap();
    netlink.apply(rule.delete()).await.unwrap();
    netlink.delete("br0").await.unwrap();

    let mut told = Vec::new();
    let mut made = false;
    loop {
        let change = tokio::time::timeout(Duration::from_secs(10), monitor.next())
            .await
            .expect("changes come")
            .unwrap();
        match change {
            Change::Link(link) => made |= link.name == "br0" && link.up,
            Change::LinkGone(link) if link.index == br0 => break,
            change => told.push(change),
        }
    }
    assert!(made);
    for expected in [
        Change::Address(address),
        Change::Neighbour(neighbour),
        Change::Route(route.clone()),
        Change::RouteGone(route),
        Change::Rule(rule.clone()),
        Change::RuleGone(rule),
    ] {
        assert!(told.contains(&expected), "{expected:?} is not in {told:?}");
    }
}

#[tokio::test]
async fn the_kernel_says_where_packets_go() {
    let netlink = Netlink::in_ns(&need!(namespace())).unwrap();
    let br0 = netlink
        .create(&Bridge::new(LinkSpec::up("br0")).create())
        .await
        .unwrap();
    let address = Address::new(br0, prefix("10.0.0.1/24"));
    netlink.apply(address.add()).await.unwrap();
    let route = Route::to(prefix("192.0.2.0/24")).via(ip("10.0.0.2"));
    netlink.apply(route.add()).await.unwrap();
    let mut nowhere = Route::to(prefix("192.0.2.128/25"));
    nowhere.kind = RouteKind::Blackhole;
    netlink.apply(nowhere.add()).await.unwrap();

    let taken = netlink.lookup(ip("192.0.2.1"), None, None).await.unwrap();
    let taken = taken.unwrap();
    assert_eq!((taken.table, taken.kind), (MAIN_TABLE, FibKind::Unicast));
    let hops: Vec<_> = taken.hops.iter().map(|hop| (hop.via, hop.link)).collect();
    assert_eq!(hops, [(Some(ip("10.0.0.2")), Some(br0))]);
    for kind in [RouteKind::Blackhole, RouteKind::Unreachable] {
        let mut nowhere = Route::to(prefix("2001:db8::/32"));
        nowhere.kind = kind;
        netlink.apply(nowhere.add()).await.unwrap();
        let none = netlink.lookup(ip("2001:db8::1"), None, None).await.unwrap();
        assert_eq!(none, None, "{kind:?}");
        netlink.apply(nowhere.delete()).await.unwrap();
    }
    for unreachable in ["192.0.2.129", "198.51.100.1"] {
        let none = netlink.lookup(ip(unreachable), None, None).await.unwrap();
        assert_eq!(none, None, "{unreachable}");
    }

    let fib = netlink.fib().await.unwrap();
    let to = FibTo::Prefix(prefix("192.0.2.128/25"));
    let blackhole = fib.iter().find(|route| route.to == to).unwrap();
    assert_eq!(blackhole.kind, FibKind::Blackhole);
    assert_eq!(netlink.mpls_routes().await.unwrap(), []);
}

#[tokio::test]
async fn a_link_reference_reads_well() {
    assert_eq!(LinkRef::from("br0").to_string(), "`br0`");
    assert_eq!(LinkRef::from(7).to_string(), "7");
}
