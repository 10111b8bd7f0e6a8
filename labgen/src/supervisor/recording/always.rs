//! What is recorded of every net without being asked for, so that every report can show the BGP messages.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;

use bgp_wire::types::IpPrefix;
use capture::FrameLog;
use netns::packet::{Buffer, Capture, CaptureOptions, Traffic};
use scenario::{InterfaceAddress, LanId, LinkId, NetId, NodeKind, Record, Scenario};

use super::tap::{Kept, Tap};
use super::{RecordingError, create};
use crate::supervisor::build::peers;
use crate::supervisor::lab::Lab;

/// More nets than these are not recorded: each takes a descriptor and a file.
const MOST: usize = 512;
/// On a LAN, whose every session passes one place.
const LAN_RING: usize = 8 << 20;
/// On a link, of which there are many: nothing is taken until something comes.
const LINK_QUEUE: usize = 4 << 20;

/// Begins to record what the lab is to record. The nets that were left out because there are too many.
pub(in crate::supervisor) fn begin(lab: &Lab) -> Result<usize, RecordingError> {
    let record = lab.scenario.lab.record;
    let nets: Vec<NetId> = match record {
        Record::None => Vec::new(),
        Record::All => all(&lab.scenario).collect(),
        Record::Bgp => with_sessions(&lab.scenario).into_iter().collect(),
    };
    for net in nets.iter().take(MOST) {
        one(lab, *net, record)?;
    }
    Ok(nets.len().saturating_sub(MOST))
}

fn one(lab: &Lab, net: NetId, record: Record) -> Result<(), RecordingError> {
    let (only, suffix) = match record {
        Record::All => (Vec::new(), ".all"),
        _ => (vec![Traffic::Bgp], ".bgp"),
    };
    let buffer = match net {
        NetId::Lan(_) => Buffer::Ring(LAN_RING),
        NetId::Link(_) => Buffer::Queue(LINK_QUEUE),
    };
    let options = CaptureOptions {
        buffer,
        only,
        ..CaptureOptions::default()
    };
    let (place, interface) = lab.listening_place(net)?;
    let socket = Capture::open(&place, &interface, &options)?;
    let net = lab.scenario.net_name(net);
    let name = format!("{net}{suffix}");
    let (path, store) = create(lab, &name)?;
    let mut log = FrameLog::within(Box::new(store));
    let interface = log.interface(net);
    let kept = Kept::Log(Rc::new(RefCell::new(log)));
    let tap = Tap::begin(name, path, kept, interface, socket);
    lab.state.taps.borrow_mut().push(tap);
    Ok(())
}

fn all(scenario: &Scenario) -> impl Iterator<Item = NetId> {
    let lans = (0..scenario.lans.len()).map(|index| NetId::Lan(LanId(index)));
    let links = (0..scenario.links.len()).map(|index| NetId::Link(LinkId(index)));
    lans.chain(links)
}

/// The nets that sessions cross: those between neighbours, and where some session is not, every net that two nodes
/// which forward are on, since its way is the routers' to find.
fn with_sessions(scenario: &Scenario) -> BTreeSet<NetId> {
    let mut nets = BTreeSet::new();
    let mut far = false;
    for (id, node) in scenario.nodes() {
        let home = &scenario[scenario.home(id)];
        for peer in peers(&node.kind) {
            let near = home.interfaces.iter().filter(|own| {
                let mut addresses = own.addresses.iter();
                addresses.any(|own| is_near(own, peer))
            });
            let near: Vec<NetId> = near.map(|own| own.net).collect();
            far |= near.is_empty();
            nets.extend(near);
        }
        // Whoever calls a reflector, or configures itself, is not named here.
        let unnamed = matches!(node.kind, NodeKind::FakeRr(_))
            || node.kind.speaker().is_some_and(|own| own.config.is_some());
        if unnamed {
            nets.extend(home.interfaces.iter().map(|own| own.net));
        }
    }
    if far {
        nets.extend(all(scenario).filter(|net| between_routers(scenario, *net)));
    }
    nets
}

fn is_near(own: &InterfaceAddress, peer: IpAddr) -> bool {
    IpPrefix::new(own.ip, own.len).is_ok_and(|subnet| subnet.contains(peer))
}

fn between_routers(scenario: &Scenario, net: NetId) -> bool {
    let forwards = |kind: &NodeKind| kind.forwards() || kind.speaker().is_some();
    let on_it = scenario.nodes().filter(|(_, node)| {
        forwards(&node.kind) && node.interfaces.iter().any(|own| own.net == net)
    });
    on_it.count() > 1
}
