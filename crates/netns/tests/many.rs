//! Many namespaces made by few threads.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::namespace;
use netns::addr::IpPrefix;
use netns::link::{Address, LinkChange, LinkSpec, Netlink, Request, Veth};
use netns::ns::{NetNs, NodeNs, NodeSpec, Own, visit};
use netns::sysctl;

const MANY: u32 = 40;

fn prefix(node: u32, len: u8) -> IpPrefix {
    IpPrefix::new([10, 0, 0, node as u8], len).unwrap()
}

/// A ring of nodes, made as a lab makes them: indexes are chosen, so nothing is asked back.
#[test]
fn a_ring_with_chosen_indexes() {
    let before = common::visible();
    let third = need!(namespace());
    let numbers: Vec<u32> = (0..MANY).collect();
    let nodes: Vec<NetNs> = visit(&numbers, |visitor, _| {
        let net = visitor.make_net().unwrap();
        sysctl::write_here(&[("net.ipv6.conf.default.accept_dad", "0")]).unwrap();
        net
    })
    .unwrap();
    let distinct: BTreeSet<_> = nodes.iter().map(|net| net.id().unwrap()).collect();
    assert_eq!(distinct.len(), nodes.len());

    let cables: Vec<Request> = (0..nodes.len())
        .map(|at| {
            let next = &nodes[(at + 1) % nodes.len()];
            let a = LinkSpec::up("right").down().index(40).in_ns(&nodes[at]);
            let b = LinkSpec::up("left").down().index(41).in_ns(next);
            Veth { a, b }.create()
        })
        .collect();
    let third = third.run(Netlink::current).unwrap().unwrap();
    for result in third.batch_blocking(&cables) {
        result.unwrap();
    }
    let links = visit(&numbers, |visitor, at| {
        visitor.enter(&nodes[*at as usize]).unwrap();
        let netlink = Netlink::current().unwrap();
        let requests = [
            LinkChange::new(40).up().request(),
            LinkChange::new(41).up().request(),
            Address::new(40, prefix(*at, 32)).add(),
            Address::new(41, "fd00::1/64".parse().unwrap()).add(),
        ];
        for result in netlink.batch_blocking(&requests) {
            result.unwrap();
        }
        fs::read_to_string("/proc/thread-self/net/dev").unwrap()
    });
    for seen in links.unwrap() {
        assert!(seen.contains("left:") && seen.contains("right:"), "{seen}");
    }
    assert_eq!(common::visible(), before);
}

#[test]
fn mount_namespaces_of_one_thread_do_not_see_each_other() {
    let before = common::visible();
    need!(namespace());
    let numbers: Vec<u32> = (0..MANY).collect();
    let nodes: Vec<NodeNs> = visit(&numbers, |visitor, number| {
        visitor.make_net().unwrap();
        let spec = NodeSpec {
            own: vec![
                Own::Directory("/srv".into()),
                Own::File {
                    path: "/etc/hosts".into(),
                    content: number.to_string(),
                },
            ],
            ..NodeSpec::default()
        };
        let node = visitor.make_mnt(&spec).unwrap();
        fs::write("/srv/number", number.to_string()).unwrap();
        node
    })
    .unwrap();
    for (number, node) in nodes.iter().enumerate() {
        for path in ["/srv/number", "/etc/hosts"] {
            let text = node.run(|| fs::read_to_string(path)).unwrap();
            assert_eq!(text.unwrap(), number.to_string(), "{path}");
        }
    }
    assert_eq!(common::visible(), before);
}
