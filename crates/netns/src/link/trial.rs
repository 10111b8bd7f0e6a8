//! Requests that only the probes make: things a lab leaves to the programs of its scenarios.

use std::net::Ipv4Addr;

use netlink_packet_core::DefaultNla;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::link::{InfoData, InfoGre, InfoKind, InfoVlan, InfoVrf, LinkAttribute};
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};

use super::request::{Mode, Request};
use super::spec::LinkSpec;

/// A link that leads nowhere.
pub(crate) fn dummy() -> Request {
    LinkSpec::up("d0").create(InfoKind::Dummy, None)
}

/// A table of routes as a link.
pub(crate) fn vrf() -> Request {
    let data = InfoData::Vrf(vec![InfoVrf::TableId(100)]);
    LinkSpec::up("vrf0").create(InfoKind::Vrf, Some(data))
}

/// A GRE tunnel.
pub(crate) fn gre() -> Request {
    let ends = vec![
        InfoGre::Local(Ipv4Addr::LOCALHOST),
        InfoGre::Remote(Ipv4Addr::new(192, 0, 2, 1)),
    ];
    LinkSpec::up("g0").create(InfoKind::GreTun, Some(InfoData::GreTun(ends)))
}

/// A VLAN on the link with index `lower`.
pub(crate) fn vlan(lower: u32) -> Request {
    let data = InfoData::Vlan(vec![InfoVlan::Id(100)]);
    let mut request = LinkSpec::up("v100").create(InfoKind::Vlan, Some(data));
    if let Message::NewLink(link) = &mut request.message {
        link.attributes.push(LinkAttribute::Link(lower));
    }
    request
}

/// A queue that delays by a millisecond, on the link with index `link`.
pub(crate) fn netem(link: u32) -> Request {
    const OPTIONS: u16 = 2;
    // `struct tc_netem_qopt`: latency, limit, loss, gap, duplicate, jitter.
    let options: Vec<u8> = [15_625u32, 1000, 0, 0, 0, 0]
        .into_iter()
        .flat_map(u32::to_ne_bytes)
        .collect();
    let mut message = TcMessage::default();
    message.header.index = link.cast_signed();
    message.header.parent = TcHandle::ROOT;
    message.attributes = vec![
        TcAttribute::Kind("netem".into()),
        TcAttribute::Other(DefaultNla::new(OPTIONS, options)),
    ];
    Request::new(Message::NewQueueDiscipline(message), Mode::Create)
}
