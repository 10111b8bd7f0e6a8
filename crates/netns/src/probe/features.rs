//! The features, each with the deed that proves it.

use std::fs;
use std::io;
use std::net::IpAddr;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

use crate::addr::{IpPrefix, MacAddr};
use crate::link::{
    Bridge, FdbEntry, IpEncap, LinkChange, LinkError, LinkSpec, Neighbour, Netlink, PortFlags,
    Route, Rule, Veth, Vxlan, VxlanId, one_packet_a_frame,
};
use crate::ns::{NetNs, NodeNs, NodeSpec, NsError, mount_tmpfs, named, on_thread};
use crate::{icmp, packet, sysctl, wire};

/// One thing that a lab may want of the kernel.
pub(super) struct Feature {
    pub(super) name: &'static str,
    pub(super) needed_for: &'static str,
    pub(super) fallback: Option<&'static str>,
    /// What was found, or why it does not work.
    pub(super) probe: fn() -> Result<String, String>,
}

/// All of them.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "PID namespace",
        needed_for: "ending a lab whole",
        fallback: None,
        probe: pid_namespace,
    },
    Feature {
        name: "network namespace",
        needed_for: "nodes",
        fallback: None,
        probe: network_namespace,
    },
    Feature {
        name: "tmpfs",
        needed_for: "a node's own `/run`",
        fallback: None,
        probe: tmpfs,
    },
    Feature {
        name: "own /sys",
        needed_for: "`/sys/class/net` showing a node's links only",
        fallback: Some("the lab's `/sys` stays visible in nodes"),
        probe: own_sys,
    },
    Feature {
        name: "named namespaces",
        needed_for: "`ip netns` inside a node",
        fallback: Some("`labgen exec` only"),
        probe: named_namespaces,
    },
    Feature {
        name: "overlay",
        needed_for: "nodes with files of their own over the host's",
        fallback: Some("bind mounts"),
        probe: overlay,
    },
    Feature {
        name: "veth",
        needed_for: "links",
        fallback: None,
        probe: veth,
    },
    Feature {
        name: "bridge",
        needed_for: "LANs, E-VPN",
        fallback: None,
        probe: bridge,
    },
    Feature {
        name: "vxlan",
        needed_for: "E-VPN forwarding",
        fallback: Some("dataplane `dummy`"),
        probe: vxlan,
    },
    Feature {
        name: "vxlan proxy",
        needed_for: "answering ARP for remote hosts",
        fallback: Some("bridge neighbour suppression, or flooding"),
        probe: vxlan_proxy,
    },
    Feature {
        name: "bridge neigh_suppress",
        needed_for: "answering ARP for remote hosts",
        fallback: Some("VXLAN proxy, or flooding"),
        probe: neigh_suppress,
    },
    Feature {
        name: "vxlan per-packet tunnels",
        needed_for: "IP VPN by dataplane `linux-vxlan`",
        fallback: Some("dataplane `ovs` or `dummy`"),
        probe: per_packet_tunnels,
    },
    Feature {
        name: "rules by tunnel key",
        needed_for: "IP VPN by dataplane `linux-vxlan`",
        fallback: Some("dataplane `ovs` or `dummy`"),
        probe: tunnel_rules,
    },
    Feature {
        name: "MPLS",
        needed_for: "IP VPN by dataplane `linux`",
        fallback: Some("dataplane `linux-vxlan`, `ovs` or `dummy`"),
        probe: mpls,
    },
    Feature {
        name: "packet capture",
        needed_for: "captures, packet expectations",
        fallback: Some("scenarios without them"),
        probe: capture,
    },
    Feature {
        name: "own wires",
        needed_for: "delay, loss and the like on LANs and links (`impair`)",
        fallback: Some("netem, where the kernel has it"),
        probe: own_wires,
    },
    Feature {
        name: "ICMP socket",
        needed_for: "pings",
        fallback: Some("scenarios without them"),
        probe: icmp_socket,
    },
    Feature {
        name: "TCP signatures",
        needed_for: "sessions with a `password`",
        fallback: Some("sessions without"),
        probe: tcp_signatures,
    },
    Feature {
        name: "kernel settings",
        needed_for: "forwarding between links of a node",
        fallback: Some("scenarios without routers"),
        probe: settings,
    },
    Feature {
        name: "tun device",
        needed_for: "Open vSwitch bridges with addresses",
        fallback: Some("other dataplanes"),
        probe: tun_device,
    },
];

type Found = Result<String, String>;

fn namespace_error(error: NsError) -> String {
    format!("{error}: {}", error.source)
}

fn text(error: impl ToString) -> String {
    error.to_string()
}

fn works() -> Found {
    Ok("works".to_owned())
}

/// Carries out changes in a namespace that ends with the probe.
fn netlink<F>(probe: impl FnOnce(Netlink) -> F) -> Found
where
    F: Future<Output = Result<(), LinkError>>,
{
    let ns = NetNs::create().map_err(namespace_error)?;
    let netlink = Netlink::in_ns(&ns).map_err(text)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(text)?;
    runtime.block_on(probe(netlink)).map_err(text)?;
    works()
}

fn tcp_signatures() -> Found {
    let socket = std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).map_err(text)?;
    crate::tcp::sign(&socket, REMOTE, b"probe").map_err(text)?;
    works()
}

fn pid_namespace() -> Found {
    match std::process::id() {
        1 => works(),
        number => Err(format!("is process number {number}")),
    }
}

fn network_namespace() -> Found {
    NetNs::create().map_err(namespace_error)?;
    works()
}

fn tmpfs() -> Found {
    in_own_mounts(|| {
        mount_tmpfs(Path::new("/tmp"), "mode=755").map_err(namespace_error)?;
        works()
    })
}

fn own_sys() -> Found {
    match NodeNs::create(&NodeSpec::default()).map_err(namespace_error)? {
        NodeNs { own_sys: true, .. } => works(),
        _ => Err("the kernel refuses to mount it".to_owned()),
    }
}

fn named_namespaces() -> Found {
    let node = NodeNs::create(&NodeSpec::default()).map_err(namespace_error)?;
    node.run(|| named::add("probe").and_then(|_| named::delete("probe")))
        .map_err(namespace_error)?
        .map_err(text)?;
    works()
}

fn overlay() -> Found {
    in_own_mounts(|| {
        let root = Path::new("/tmp");
        mount_tmpfs(root, "mode=755").map_err(namespace_error)?;
        for directory in ["lower", "upper", "work", "merged"] {
            fs::create_dir(root.join(directory)).map_err(text)?;
        }
        let options = "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work";
        let kind = Some("overlay");
        let target = root.join("merged");
        mount(kind, &target, kind, MsFlags::empty(), Some(options)).map_err(text)?;
        fs::write(target.join("file"), "").map_err(text)?;
        works()
    })
}

fn in_own_mounts(probe: impl FnOnce() -> Found + Send) -> Found {
    let outcome = on_thread(|| {
        unshare(CloneFlags::CLONE_NEWNS).map_err(text)?;
        probe()
    });
    outcome.map_err(namespace_error)?
}

fn veth() -> Found {
    let other = NetNs::create().map_err(namespace_error)?;
    let cable = Veth {
        a: LinkSpec::up("a"),
        b: LinkSpec::up("b").in_ns(&other),
    };
    netlink(async |netlink: Netlink| netlink.create_veth(&cable).await)
}

fn bridge() -> Found {
    netlink(async |netlink: Netlink| {
        netlink
            .apply(Bridge::new(LinkSpec::up("br0")).create())
            .await
    })
}

const REMOTE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

fn vxlan() -> Found {
    netlink(async |netlink: Netlink| {
        let vxlan = Vxlan::new(LinkSpec::up("vx0"), VxlanId::Vni(1));
        let vx0 = netlink.create(&vxlan.create()).await?;
        netlink.apply(FdbEntry::flood(vx0, REMOTE).append()).await
    })
}

fn vxlan_proxy() -> Found {
    netlink(async |netlink: Netlink| {
        let mut vxlan = Vxlan::new(LinkSpec::up("vx0"), VxlanId::Vni(1));
        vxlan.proxy = true;
        let vx0 = netlink.create(&vxlan.create()).await?;
        netlink
            .apply(Neighbour::permanent(vx0, REMOTE, MacAddr([2; 6])).replace())
            .await
    })
}

fn neigh_suppress() -> Found {
    netlink(async |netlink: Netlink| {
        let br0 = netlink
            .create(&Bridge::new(LinkSpec::up("br0")).create())
            .await?;
        let port = LinkSpec::up("vx0").master(br0);
        netlink
            .apply(Vxlan::new(port, VxlanId::Vni(1)).create())
            .await?;
        let flags = PortFlags {
            neigh_suppress: Some(true),
            ..PortFlags::default()
        };
        netlink.apply(LinkChange::new("vx0").port(flags)).await
    })
}

fn per_packet_tunnels() -> Found {
    netlink(async |netlink: Netlink| {
        netlink.set_up("lo").await?;
        let vxlan = Vxlan::new(LinkSpec::up("vx0"), VxlanId::PerPacket);
        let vx0 = netlink.create(&vxlan.create()).await?;
        let mut route = Route::to(IpPrefix::host(REMOTE)).link(vx0);
        route.encap = Some(IpEncap {
            id: 1,
            dst: std::net::Ipv4Addr::LOCALHOST.into(),
        });
        netlink.apply(route.add()).await
    })
}

fn tunnel_rules() -> Found {
    netlink(async |netlink: Netlink| {
        let mut rule = Rule::lookup(100, 100).iif("lo");
        rule.tunnel_id = Some(1);
        netlink.apply(rule.add()).await
    })
}

fn mpls() -> Found {
    let ns = NetNs::create().map_err(namespace_error)?;
    let labels = sysctl::read(&ns, "net.mpls.platform_labels").map_err(namespace_error)?;
    Ok(format!("{labels} labels"))
}

fn capture() -> Found {
    let ns = NetNs::create().map_err(namespace_error)?;
    let options = packet::CaptureOptions::default();
    let buffer = ns
        .run(|| packet::buffer_size("lo", &options))
        .map_err(namespace_error)?;
    Ok(format!(
        "works, with a buffer of {} KiB",
        buffer.map_err(text)? / 1024
    ))
}

fn own_wires() -> Found {
    let ns = NetNs::create().map_err(namespace_error)?;
    let netlink = Netlink::in_ns(&ns).map_err(text)?;
    let ends = Veth {
        a: LinkSpec::up("a"),
        b: LinkSpec::up("b"),
    };
    for result in netlink.batch_blocking(&[ends.create()]) {
        result.map_err(text)?;
    }
    one_packet_a_frame(&ns, "a", true).map_err(namespace_error)?;
    let plugs = ["a", "b"].map(|interface| wire::Plug {
        interface,
        mtu: 1500,
    });
    let wires = wire::Wires::start().map_err(namespace_error)?;
    let plugged = wires.plug(&ns, plugs, Default::default());
    plugged.map_err(namespace_error)?;
    works()
}

fn icmp_socket() -> Found {
    let ns = NetNs::create().map_err(namespace_error)?;
    let raw = ns
        .run(icmp::can_open)
        .map_err(namespace_error)?
        .map_err(text)?;
    Ok(if raw { "raw" } else { "without raw access" }.to_owned())
}

fn settings() -> Found {
    let ns = NetNs::create().map_err(namespace_error)?;
    sysctl::write(&ns, "net.ipv4.ip_forward", "1").map_err(namespace_error)?;
    works()
}

fn tun_device() -> Found {
    let opened: io::Result<_> = fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun");
    opened.map_err(|error| format!("`/dev/net/tun`: {error}"))?;
    works()
}
