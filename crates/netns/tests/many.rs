//! Many namespaces made by few threads, and what can be seen of them from outside.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use common::{allowed, namespace};
use netns::addr::IpPrefix;
use netns::link::{Address, LinkChange, LinkSpec, Netlink, Request, Veth};
use netns::ns::{NetNs, NodeNs, NodeSpec, Own, Root, visit};
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
        let root = Root::of(&node.mnt).unwrap();
        for path in ["/srv/number", "/etc/hosts"] {
            let text = std::io::read_to_string(root.open(Path::new(path)).unwrap()).unwrap();
            assert_eq!(text, number.to_string(), "{path}");
        }
        assert!(!root.has(Path::new("/srv/other")));
    }
    assert_eq!(common::visible(), before);
}

#[test]
fn a_socket_in_a_node_is_reached_from_outside() {
    let net = need!(namespace());
    let node = need!(allowed(NodeNs::around(&net, &NodeSpec::default())));
    assert_eq!(node.net.id().unwrap(), net.id().unwrap());
    let root = Root::of(&node.mnt).unwrap();
    let connect = || {
        root.reach(Path::new("/run/link/socket"), |path| {
            UnixStream::connect(path)
        })
    };
    assert!(connect().is_err());
    let listener = node.run(|| {
        fs::create_dir_all("/run/daemon").unwrap();
        // A link that leads elsewhere for whoever follows it from outside.
        std::os::unix::fs::symlink("/run/daemon", "/run/link").unwrap();
        UnixListener::bind("/run/daemon/socket").unwrap()
    });
    connect().unwrap();
    drop(listener);
    assert!(connect().is_err());
}
