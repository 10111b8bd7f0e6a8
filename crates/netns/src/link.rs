//! Links, addresses, neighbours, forwarding entries, routes and rules of a namespace.
//!
//! Changes are values: [`Bridge::create`], [`FdbEntry::append`], [`LinkChange::request`] and the
//! like make a [`Request`], [`Netlink::apply`] carries one out, and [`Netlink::batch`] many with
//! few system calls. Failures name what was asked for and carry the kernel's own words.
//!
//! ```no_run
//! # async fn f() -> Result<(), Box<dyn std::error::Error>> {
//! use netns::link::{Bridge, LinkSpec, Netlink, Veth};
//! use netns::ns::NetNs;
//!
//! let (node, switch) = (NetNs::create()?, NetNs::create()?);
//! let netlink = Netlink::in_ns(&switch)?;
//! let br0 = netlink.create(&Bridge::new(LinkSpec::up("br0")).create()).await?;
//! let port = LinkSpec::up("node").master(br0);
//! let eth0 = LinkSpec::up("eth0").in_ns(&node).mac([2, 0, 0, 0, 0, 1]);
//! netlink.create_veth(&Veth { a: port, b: eth0 }).await?;
//! # Ok(()) }
//! ```

mod address;
mod change;
mod error;
mod fib;
mod monitor;
mod neighbour;
mod netem;
mod offload;
mod request;
mod route;
mod spec;
mod state;
mod transport;

use std::sync::{Arc, Mutex, PoisonError};

use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::AddressMessage;
use netlink_packet_route::link::{LinkAttribute, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourAttribute, NeighbourMessage};
use netlink_packet_route::route::RouteMessage;
use netlink_packet_route::rule::RuleMessage;

use crate::ns::NetNs;
use transport::Transport;

pub use address::Address;
pub use change::{LinkChange, LinkRef, PortFlags, delete_group};
pub use error::{Idempotent, LinkError, LinkErrorKind};
pub use fib::{FibEncap, FibHop, FibKind, FibRoute, FibTo};
pub use monitor::{Change, Groups, Monitor};
pub use neighbour::{EntryState, FdbEntry, FdbTable, Neighbour, ProxyNeighbour};
pub use netem::Netem;
pub use offload::{one_packet_a_frame, one_packet_a_frame_here};
pub use request::Request;
pub use route::{Hop, IpEncap, LOCAL_TABLE, MAIN_TABLE, PortRange, Route, RouteKind, Rule};
pub use spec::{Bridge, LinkSpec, Veth, Vlan, Vxlan, VxlanId};
pub use state::{Counters, Link, PortState, VxlanState};

/// A routing socket of one namespace. Clones share it; requests are carried out one after
/// another.
///
/// The kernel works inside the system call (deleting a link can take milliseconds), so the calls
/// are made on tokio's blocking threads: methods must be called inside a tokio runtime. A dropped
/// future does not undo its request.
#[derive(Clone)]
pub struct Netlink {
    transport: Arc<Mutex<Transport>>,
}

impl std::fmt::Debug for Netlink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Netlink")
    }
}

impl Netlink {
    /// Opens a socket in the calling thread's namespace.
    pub fn current() -> Result<Self, LinkError> {
        Ok(Self {
            transport: Arc::new(Mutex::new(Transport::open()?)),
        })
    }

    /// Opens a socket in `ns`, about 0.1 ms.
    pub fn in_ns(ns: &NetNs) -> Result<Self, LinkError> {
        ns.run(Self::current)
            .map_err(|error| LinkError::from_io(error.action, &error.source))?
    }

    /// Carries one request out.
    pub async fn apply(&self, request: impl Into<Request>) -> Result<(), LinkError> {
        let mut results = self.batch(vec![request.into()]).await;
        results.pop().unwrap_or(Ok(()))
    }

    /// Carries requests out in order, up to 64 with one system call. One failing does not stop the
    /// next. The results are in the order of the requests.
    pub async fn batch(&self, requests: Vec<Request>) -> Vec<Result<(), LinkError>> {
        self.blocking(move |transport| transport.transact(&requests))
            .await
    }

    /// The same by the calling thread, for one that may wait and needs no runtime.
    pub fn batch_blocking(&self, requests: &[Request]) -> Vec<Result<(), LinkError>> {
        let transport = self.transport.lock();
        transport
            .unwrap_or_else(PoisonError::into_inner)
            .transact(requests)
    }

    /// Makes a link and says its index. The link must be born in this socket's namespace.
    pub async fn create(&self, request: &Request) -> Result<u32, LinkError> {
        let name = request.link_name().unwrap_or_default().to_owned();
        self.apply(request.clone()).await?;
        self.index(&name).await
    }

    /// Makes both ends of a cable, up where they are to be up.
    pub async fn create_veth(&self, veth: &Veth) -> Result<(), LinkError> {
        self.apply(veth.create()).await?;
        match &veth.b {
            LinkSpec { up: false, .. } => Ok(()),
            LinkSpec {
                ns: Some(ns), name, ..
            } => Self::in_ns(ns)?.set_up(name).await,
            LinkSpec { ns: None, name, .. } => self.set_up(name).await,
        }
    }

    /// Deletes a link.
    pub async fn delete(&self, link: impl Into<LinkRef>) -> Result<(), LinkError> {
        self.apply(link.into().delete()).await
    }

    /// Sets a link up.
    pub async fn set_up(&self, link: impl Into<LinkRef>) -> Result<(), LinkError> {
        self.apply(LinkChange::new(link).up()).await
    }

    /// Sets a link down.
    pub async fn set_down(&self, link: impl Into<LinkRef>) -> Result<(), LinkError> {
        self.apply(LinkChange::new(link).down()).await
    }

    /// The index of the link with this name.
    pub async fn index(&self, name: &str) -> Result<u32, LinkError> {
        self.link(name).await.map(|link| link.index)
    }

    /// One link.
    pub async fn link(&self, link: impl Into<LinkRef>) -> Result<Link, LinkError> {
        let link = link.into();
        let action = format!("find link {link}");
        let message = Message::GetLink(link.message());
        match self
            .blocking(move |transport| transport.get(&message, &action))
            .await?
        {
            Message::NewLink(message) => Ok(Link::parse(&message)),
            _ => Err(LinkError::decode(format!("find link {link}"), "not a link")),
        }
    }

    /// Has the kernel notice now whether links have a carrier, by asking for it (since Linux 6.9). By itself it does when
    /// it gets around to it, up to a second later, and until then a bridge forwards nothing to or from a new port, and
    /// of two ends of a cable the one that was set up first sends nothing. A
    /// link that has vanished has no carrier to notice.
    pub async fn notice_carriers(&self, links: Vec<u32>) -> Result<(), LinkError> {
        self.blocking(move |transport| notice_carriers(transport, &links))
            .await
    }

    /// The same by the calling thread.
    pub fn notice_carriers_blocking(&self, links: &[u32]) -> Result<(), LinkError> {
        let transport = self.transport.lock();
        notice_carriers(
            &mut transport.unwrap_or_else(PoisonError::into_inner),
            links,
        )
    }

    /// All links, by index.
    pub async fn links(&self) -> Result<Vec<Link>, LinkError> {
        let request = Message::GetLink(LinkMessage::default());
        self.dump(request, "list links", |message| match message {
            Message::NewLink(link) => Some(Link::parse(link)),
            _ => None,
        })
        .await
        .map(|mut links| {
            links.sort_by_key(|link| link.index);
            links
        })
    }

    /// The ports of one bridge, by index.
    pub async fn ports(&self, bridge: u32) -> Result<Vec<Link>, LinkError> {
        let mut request = LinkMessage::default();
        request.attributes.push(LinkAttribute::Controller(bridge));
        self.dump(
            Message::GetLink(request),
            "list ports",
            |message| match message {
                Message::NewLink(link) => Some(Link::parse(link)),
                _ => None,
            },
        )
        .await
        .map(|mut ports| {
            ports.retain(|port| port.master == Some(bridge));
            ports.sort_by_key(|port| port.index);
            ports
        })
    }

    /// All addresses, sorted.
    pub async fn addresses(&self) -> Result<Vec<Address>, LinkError> {
        let request = Message::GetAddress(AddressMessage::default());
        self.dump(request, "list addresses", |message| match message {
            Message::NewAddress(address) => Address::parse(address),
            _ => None,
        })
        .await
        .map(sorted)
    }

    /// The neighbours of one link, or of all, sorted.
    pub async fn neighbours(&self, link: Option<u32>) -> Result<Vec<Neighbour>, LinkError> {
        let mut request = NeighbourMessage::default();
        request
            .attributes
            .extend(link.map(NeighbourAttribute::IfIndex));
        self.dump(
            Message::GetNeighbour(request),
            "list neighbours",
            |message| match message {
                Message::NewNeighbour(entry) => Neighbour::parse(entry),
                _ => None,
            },
        )
        .await
        .map(|mut neighbours| {
            neighbours.retain(|entry| link.is_none_or(|link| entry.link == link));
            sorted(neighbours)
        })
    }

    /// The IPv6 addresses that this host answers for, sorted.
    pub async fn proxy_neighbours(&self) -> Result<Vec<ProxyNeighbour>, LinkError> {
        self.dump(
            Message::GetNeighbour(ProxyNeighbour::question()),
            "list proxy neighbours",
            |message| match message {
                Message::NewNeighbour(entry) => ProxyNeighbour::parse(entry),
                _ => None,
            },
        )
        .await
        .map(sorted)
    }

    /// The forwarding entries of one bridge port or VXLAN device, or of all, sorted.
    pub async fn fdb(&self, link: Option<u32>) -> Result<Vec<FdbEntry>, LinkError> {
        let mut request = NeighbourMessage::default();
        request.header.family = AddressFamily::Bridge;
        request.header.ifindex = link.unwrap_or(0);
        self.dump(
            Message::GetNeighbour(request),
            "list forwarding entries",
            |message| match message {
                Message::NewNeighbour(entry) => FdbEntry::parse(entry),
                _ => None,
            },
        )
        .await
        .map(|mut entries| {
            entries.retain(|entry| link.is_none_or(|link| entry.link == link));
            sorted(entries)
        })
    }

    /// The forwarding entries of a bridge and of its ports' own tables, sorted.
    pub async fn bridge_fdb(&self, bridge: u32) -> Result<Vec<FdbEntry>, LinkError> {
        let mut request = NeighbourMessage::default();
        request.header.family = AddressFamily::Bridge;
        request
            .attributes
            .push(NeighbourAttribute::Controller(bridge));
        self.dump(
            Message::GetNeighbour(request),
            "list forwarding entries",
            |message| match message {
                Message::NewNeighbour(entry) => FdbEntry::parse(entry),
                _ => None,
            },
        )
        .await
        .map(sorted)
    }

    /// The routes of one table, or of all, both families, sorted.
    pub async fn routes(&self, table: Option<u32>) -> Result<Vec<Route>, LinkError> {
        let request = Message::GetRoute(RouteMessage::default());
        self.dump(request, "list routes", |message| match message {
            Message::NewRoute(route) => Route::parse(route),
            _ => None,
        })
        .await
        .map(|mut routes| {
            routes.retain(|route| table.is_none_or(|table| route.table == table));
            sorted(routes)
        })
    }

    /// All rules of both families, sorted.
    pub async fn rules(&self) -> Result<Vec<Rule>, LinkError> {
        let request = Message::GetRule(RuleMessage::default());
        self.dump(request, "list rules", |message| match message {
            Message::NewRule(rule) => Rule::parse(rule),
            _ => None,
        })
        .await
        .map(sorted)
    }

    async fn dump<T>(
        &self,
        request: Message,
        action: &'static str,
        parse: impl Fn(&Message) -> Option<T>,
    ) -> Result<Vec<T>, LinkError> {
        let messages = self
            .blocking(move |transport| transport.dump(&request, action))
            .await?;
        Ok(messages.iter().filter_map(parse).collect())
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Transport) -> T + Send + 'static,
    ) -> T {
        let transport = Arc::clone(&self.transport);
        let work = tokio::task::spawn_blocking(move || {
            // A panic leaves the transport in order: at worst with stale answers, which are
            // recognised by their sequence numbers.
            work(&mut transport.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match work.await {
            Ok(outcome) => outcome,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is shutting down: nobody will ask for the outcome.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

fn notice_carriers(transport: &mut Transport, links: &[u32]) -> Result<(), LinkError> {
    for link in links {
        let message = Message::GetLink(LinkRef::Index(*link).message());
        match transport.get(&message, &format!("find link {link}")) {
            Err(error) if !error.is_not_found() => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn sorted<T: Ord>(mut entries: Vec<T>) -> Vec<T> {
    entries.sort();
    entries.dedup();
    entries
}
