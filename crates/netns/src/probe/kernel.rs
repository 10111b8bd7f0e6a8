//! Features that labs have users for, but this crate has no types for.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use netlink_sys::protocols::{NETLINK_GENERIC, NETLINK_NETFILTER, NETLINK_ROUTE};
use nix::libc;

use super::features::Feature;
use super::raw::{ACK, CREATE, Message, REQUEST, ask, nested};
use crate::ns::NetNs;

/// All of them.
pub(super) const FEATURES: &[Feature] = &[
    Feature {
        name: "dummy",
        needed_for: "interfaces without a peer (`needs = [\"dummy\"]`)",
        fallback: Some("addresses of the loopback interface"),
        probe: || link("dummy", &[], None),
    },
    Feature {
        name: "VLAN",
        needed_for: "tagged ports (`needs = [\"vlan\"]`)",
        fallback: Some("a link for each VLAN"),
        probe: vlan,
    },
    Feature {
        name: "VRF",
        needed_for: "IP VPN by dataplane `linux`, VRFs of FRR (`needs = [\"vrf\"]`)",
        fallback: Some("dataplane `linux-vxlan`, `ovs` or `dummy`; or `--kernel`"),
        // IFLA_VRF_TABLE
        probe: || link("vrf", &[(1, &100u32.to_ne_bytes())], None),
    },
    Feature {
        name: "GRE",
        needed_for: "MPLS over GRE (`needs = [\"gre\"]`)",
        fallback: Some("VXLAN; or `--kernel`"),
        // IFLA_GRE_LOCAL, IFLA_GRE_REMOTE
        probe: || link("gre", &[(6, &[192, 0, 2, 1]), (7, &[192, 0, 2, 2])], None),
    },
    Feature {
        name: "netem",
        needed_for: "delay, loss and the like by the kernel (`wire = \"netem\"`)",
        fallback: Some("labgen's own wires"),
        probe: netem,
    },
    Feature {
        name: "tbf",
        needed_for: "a rate on links",
        fallback: Some("`--kernel`"),
        probe: tbf,
    },
    Feature {
        name: "nftables",
        needed_for: "packet filters in nodes",
        fallback: Some("cutting whole links; or `--kernel`"),
        probe: nftables,
    },
    Feature {
        name: "cls_bpf",
        needed_for: "dropping chosen packets on links",
        fallback: Some("cutting whole links; or `--kernel`"),
        probe: cls_bpf,
    },
    Feature {
        name: "OVS datapath",
        needed_for: "Open vSwitch in the kernel",
        fallback: Some("its userspace datapath, which nodes of kind `ovs` use; or `--kernel`"),
        probe: ovs_datapath,
    },
    Feature {
        name: "KVM",
        needed_for: "`--kernel` at full speed",
        fallback: Some("emulation, some ten times slower"),
        probe: kvm,
    },
];

type Found = Result<String, String>;

const NEW_LINK: u16 = 16;
const NEW_QUEUE: u16 = 36;
const NEW_FILTER: u16 = 44;
/// IFLA_IFNAME, IFLA_LINK, IFLA_LINKINFO; in it IFLA_INFO_KIND, IFLA_INFO_DATA.
const NAME: u16 = 3;
const LOWER: u16 = 5;
const INFO: u16 = 18;
const INFO_KIND: u16 = 1;
const INFO_DATA: u16 = 2;
/// TCA_KIND, TCA_OPTIONS.
const KIND: u16 = 1;
const OPTIONS: u16 = 2;
const ROOT: u32 = 0xffff_ffff;
const INGRESS: u32 = 0xffff_fff1;
/// In every namespace.
const LOOPBACK: i32 = 1;

/// Asks in a namespace that ends with the probe.
fn asked(protocol: isize, requests: Vec<Vec<Message>>) -> Found {
    let ns = NetNs::create().map_err(|e| format!("{e}: {}", e.source))?;
    let ask_all = || -> io::Result<()> {
        for messages in requests {
            ask(protocol, messages)?;
        }
        Ok(())
    };
    ns.run(ask_all)
        .map_err(|e| format!("{e}: {}", e.source))?
        .map_err(|e| said(&e))?;
    Ok("works".to_owned())
}

fn said(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EOPNOTSUPP | libc::ENOENT | libc::EPROTONOSUPPORT) => {
            "this kernel does not have it".to_owned()
        }
        _ => error.to_string(),
    }
}

fn link(kind: &str, data: &[(u16, &[u8])], lower: Option<i32>) -> Found {
    asked(
        NETLINK_ROUTE,
        vec![vec![new_link("probe", kind, data, lower)]],
    )
}

fn new_link(name: &str, kind: &str, data: &[(u16, &[u8])], lower: Option<i32>) -> Message {
    let mut message = Message::new(NEW_LINK, REQUEST | ACK | CREATE, &[0; 16]);
    message = message.with(NAME, &terminated(name));
    if let Some(lower) = lower {
        message = message.with(LOWER, &lower.to_ne_bytes());
    }
    let data = nested(data);
    message.with_nested(INFO, &[(INFO_KIND, kind.as_bytes()), (INFO_DATA, &data)])
}

fn terminated(text: &str) -> Vec<u8> {
    let mut octets = text.as_bytes().to_vec();
    octets.push(0);
    octets
}

fn vlan() -> Found {
    // IFLA_VLAN_ID. The loopback interface takes no tags; every kernel that can do labs has bridges.
    let over = new_link("under", "bridge", &[], None);
    let ns = NetNs::create().map_err(|e| format!("{e}: {}", e.source))?;
    let both = || -> io::Result<()> {
        ask(NETLINK_ROUTE, vec![over])?;
        let under = nix::net::if_::if_nametoindex("under")?.cast_signed();
        let id = 7u16.to_ne_bytes();
        ask(
            NETLINK_ROUTE,
            vec![new_link("probe", "vlan", &[(1, &id)], Some(under))],
        )
    };
    ns.run(both)
        .map_err(|e| format!("{e}: {}", e.source))?
        .map_err(|e| said(&e))?;
    Ok("works".to_owned())
}

/// `struct tcmsg`: family and padding, interface, handle, parent, info.
fn traffic(handle: u32, parent: u32, info: u32) -> Vec<u8> {
    let mut body = vec![0; 4];
    body.extend_from_slice(&LOOPBACK.to_ne_bytes());
    for word in [handle, parent, info] {
        body.extend_from_slice(&word.to_ne_bytes());
    }
    body
}

fn queue(kind: &str, handle: u32, parent: u32) -> Message {
    let body = traffic(handle, parent, 0);
    Message::new(NEW_QUEUE, REQUEST | ACK | CREATE, &body).with(KIND, &terminated(kind))
}

fn netem() -> Found {
    // `struct tc_netem_qopt`: latency, limit, loss, gap, duplicate, jitter.
    let options: Vec<u8> = [1000u32, 1000, 0, 0, 0, 0]
        .iter()
        .flat_map(|word| word.to_ne_bytes())
        .collect();
    let request = queue("netem", 0, ROOT).with(OPTIONS, &options);
    asked(NETLINK_ROUTE, vec![vec![request]])
}

fn tbf() -> Found {
    // `struct tc_tbf_qopt`: two `struct tc_ratespec` (cell_log, linklayer, overhead, cell_align, mpu, rate), then
    // limit, buffer, mtu. Link layer 1 is Ethernet.
    let mut options = vec![0, 1, 0, 0, 0, 0, 0, 0];
    options.extend_from_slice(&125_000u32.to_ne_bytes());
    options.extend_from_slice(&[0; 12]);
    for word in [30_000u32, 1 << 20, 0] {
        options.extend_from_slice(&word.to_ne_bytes());
    }
    // TCA_TBF_PARMS
    let request = queue("tbf", 0, ROOT).with_nested(OPTIONS, &[(1, &options)]);
    asked(NETLINK_ROUTE, vec![vec![request]])
}

fn nftables() -> Found {
    // `struct nfgenmsg`: family, version, resource in network order. The subsystem is number 10.
    let batch = |kind: u16| Message::new(kind, REQUEST, &[0, 0, 0, 10]);
    let table = Message::new(10 << 8, REQUEST | ACK | CREATE, &[1, 0, 0, 0]);
    let table = table.with(1, &terminated("probe"));
    asked(NETLINK_NETFILTER, vec![vec![batch(16), table, batch(17)]])
}

fn cls_bpf() -> Found {
    let handle = 0xffff_0000;
    let ingress = queue("ingress", handle, INGRESS);
    // Priority 1, every protocol.
    let info = 1 << 16 | u32::from(3u16.to_be());
    // `return -1`, as classic BPF: TCA_BPF_OPS_LEN, TCA_BPF_OPS, TCA_BPF_CLASSID.
    let program = [6, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    let options: [(u16, &[u8]); 3] = [
        (4, &1u16.to_ne_bytes()),
        (5, &program),
        (3, &1u32.to_ne_bytes()),
    ];
    let body = traffic(0, handle, info);
    let filter = Message::new(NEW_FILTER, REQUEST | ACK | CREATE, &body)
        .with(KIND, &terminated("bpf"))
        .with_nested(OPTIONS, &options);
    asked(NETLINK_ROUTE, vec![vec![ingress], vec![filter]])
}

fn ovs_datapath() -> Found {
    // CTRL_CMD_GETFAMILY, version 1; CTRL_ATTR_FAMILY_NAME.
    let request = Message::new(16, REQUEST, &[3, 1, 0, 0]).with(2, &terminated("ovs_datapath"));
    asked(NETLINK_GENERIC, vec![vec![request]])
}

/// `KVM_CREATE_VM`: opening the device says nothing about the processor.
const CREATE_VM: libc::Ioctl = nix::request_code_none!(0xae, 0x01) as libc::Ioctl;

fn kvm() -> Found {
    let opened = fs::File::options().read(true).write(true).open("/dev/kvm");
    let device = opened.map_err(|error| format!("`/dev/kvm`: {error}"))?;
    // SAFETY: the request takes a number and no pointer; what it returns is a descriptor of ours.
    let machine = unsafe { libc::ioctl(device.as_raw_fd(), CREATE_VM, 0) };
    if machine < 0 {
        return Err(format!("`/dev/kvm`: {}", io::Error::last_os_error()));
    }
    // SAFETY: as above; nobody else knows of it.
    drop(unsafe { OwnedFd::from_raw_fd(machine) });
    Ok("works".to_owned())
}
