//! Being told of changes in a namespace.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, IntoRawFd, OwnedFd};

use netlink_packet_core::{NetlinkMessage, NetlinkPayload};
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::neighbour::NeighbourMessage;
use netlink_packet_route::route::RouteMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::libc;
use nix::sys::socket::{MsgFlags, recv};
use serde::Serialize;
use tokio::io::unix::AsyncFd;

use super::transport::messages;
use super::{Address, FdbEntry, FibRoute, FibTo, Link, LinkError, Neighbour, Route, Rule};
use crate::ns::NetNs;
use crate::sys::watch;

/// What to be told of.
#[derive(Debug, Clone, Copy, Default)]
pub struct Groups {
    /// Links made, changed, deleted.
    pub links: bool,
    /// Addresses.
    pub addresses: bool,
    /// Neighbours and forwarding entries.
    pub neighbours: bool,
    /// Routes, of every table.
    pub routes: bool,
    /// Rules that choose a table.
    pub rules: bool,
    /// MPLS routes.
    pub labels: bool,
}

/// A change, told after the fact.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// A link was made or changed.
    Link(Box<Link>),
    /// A link was deleted.
    LinkGone(Box<Link>),
    /// An address was added.
    Address(Address),
    /// An address was taken away.
    AddressGone(Address),
    /// A neighbour was added or changed.
    Neighbour(Neighbour),
    /// A neighbour was deleted.
    NeighbourGone(Neighbour),
    /// A forwarding entry was added, learned or moved.
    Fdb(FdbEntry),
    /// A forwarding entry was deleted or has aged.
    FdbGone(FdbEntry),
    /// A route was added or replaced.
    Route(Route),
    /// A route was deleted; those that go with their link are not told of.
    RouteGone(Route),
    /// A rule was added.
    Rule(Rule),
    /// A rule was deleted.
    RuleGone(Rule),
    /// An MPLS route was added or replaced.
    Label(FibRoute),
    /// An MPLS route was deleted.
    LabelGone(FibRoute),
    /// The listener was too slow and changes are lost: ask for the whole state again.
    Lost,
}

/// A stream of changes in one namespace, from the moment it was opened.
#[derive(Debug)]
pub struct Monitor {
    socket: AsyncFd<OwnedFd>,
    buffer: Vec<u8>,
    pending: VecDeque<Change>,
}

const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_NEIGH: u32 = 3;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const RTNLGRP_IPV4_ROUTE: u32 = 7;
const RTNLGRP_IPV4_RULE: u32 = 8;
const RTNLGRP_IPV6_IFADDR: u32 = 9;
const RTNLGRP_IPV6_ROUTE: u32 = 11;
const RTNLGRP_IPV6_RULE: u32 = 19;
const RTNLGRP_MPLS_ROUTE: u32 = 27;

impl Monitor {
    /// Listens in `ns`. Must be called inside a tokio runtime.
    pub fn open(ns: &NetNs, groups: Groups) -> Result<Self, LinkError> {
        let failed = |error: &io::Error| LinkError::from_io("listen for changes", error);
        let socket = ns
            .run(|| open(groups))
            .map_err(|error| failed(&error.source))?
            .map_err(|error| failed(&error))?;
        let socket = watch(socket).map_err(|error| failed(&error))?;
        Ok(Self {
            socket,
            buffer: vec![0; 64 * 1024],
            pending: VecDeque::new(),
        })
    }

    /// The next change. Dropping the future loses nothing.
    pub async fn next(&mut self) -> Result<Change, LinkError> {
        loop {
            if let Some(change) = self.pending.pop_front() {
                return Ok(change);
            }
            let buffer = &mut self.buffer;
            let received = self
                .socket
                .async_io(tokio::io::Interest::READABLE, |socket| {
                    recv(socket.as_raw_fd(), buffer, MsgFlags::empty()).map_err(io::Error::from)
                })
                .await;
            match received {
                Ok(length) => self.pending.extend(parse(&self.buffer[..length])),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                    return Ok(Change::Lost);
                }
                Err(error) => return Err(LinkError::from_io("listen for changes", &error)),
            }
        }
    }

    /// The same as a stream that ends at the first failure.
    pub fn into_stream(self) -> impl futures_util::Stream<Item = Change> {
        futures_util::stream::unfold(self, |mut monitor| async move {
            let change = monitor.next().await.ok()?;
            Some((change, monitor))
        })
    }
}

fn open(groups: Groups) -> io::Result<OwnedFd> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.bind(&SocketAddr::new(0, 0))?;
    socket.set_non_blocking(true)?;
    // Ordinary users get less than asked for; `Change::Lost` covers the rest.
    socket.set_rx_buf_sz(4u32 << 20)?;
    let wanted = [
        (groups.links, RTNLGRP_LINK),
        (groups.neighbours, RTNLGRP_NEIGH),
        (groups.addresses, RTNLGRP_IPV4_IFADDR),
        (groups.addresses, RTNLGRP_IPV6_IFADDR),
        (groups.routes, RTNLGRP_IPV4_ROUTE),
        (groups.routes, RTNLGRP_IPV6_ROUTE),
        (groups.rules, RTNLGRP_IPV4_RULE),
        (groups.rules, RTNLGRP_IPV6_RULE),
        (groups.labels, RTNLGRP_MPLS_ROUTE),
    ];
    for (_, group) in wanted.into_iter().filter(|(wanted, _)| *wanted) {
        socket.add_membership(group)?;
    }
    // SAFETY: `into_raw_fd` gives the descriptor up, so this is its only owner.
    Ok(unsafe { OwnedFd::from_raw_fd(socket.into_raw_fd()) })
}

/// The changes of one datagram; what cannot be read is passed over, since a notification is not
/// an answer anyone waits for.
fn parse(bytes: &[u8]) -> Vec<Change> {
    let mut changes = Vec::new();
    for message in messages(bytes).flatten() {
        let length = message.length() as usize;
        match NetlinkMessage::<Message>::deserialize(&message.into_inner()[..length]) {
            Ok(NetlinkMessage {
                payload: NetlinkPayload::InnerMessage(message),
                ..
            }) => {
                changes.extend(change(&message));
            }
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "passed over a notification"),
        }
    }
    changes
}

fn change(message: &Message) -> Option<Change> {
    match message {
        Message::NewLink(link) => Some(Change::Link(Box::new(Link::parse(link)))),
        Message::DelLink(link) => Some(Change::LinkGone(Box::new(Link::parse(link)))),
        Message::NewAddress(address) => Address::parse(address).map(Change::Address),
        Message::DelAddress(address) => Address::parse(address).map(Change::AddressGone),
        Message::NewNeighbour(entry) => neighbour(entry, Change::Neighbour, Change::Fdb),
        Message::DelNeighbour(entry) => neighbour(entry, Change::NeighbourGone, Change::FdbGone),
        Message::NewRoute(route) => self::route(route, Change::Route, Change::Label),
        Message::DelRoute(route) => self::route(route, Change::RouteGone, Change::LabelGone),
        Message::NewRule(rule) => Rule::parse(rule).map(Change::Rule),
        Message::DelRule(rule) => Rule::parse(rule).map(Change::RuleGone),
        _ => None,
    }
}

fn route(
    message: &RouteMessage,
    route: fn(Route) -> Change,
    label: fn(FibRoute) -> Change,
) -> Option<Change> {
    let switched = |found: &FibRoute| matches!(found.to, FibTo::Label(_));
    Route::parse(message)
        .map(route)
        .or_else(|| FibRoute::parse(message).filter(switched).map(label))
}

fn neighbour(
    message: &NeighbourMessage,
    neighbour: fn(Neighbour) -> Change,
    fdb: fn(FdbEntry) -> Change,
) -> Option<Change> {
    FdbEntry::parse(message)
        .map(fdb)
        .or_else(|| Neighbour::parse(message).map(neighbour))
}

impl AsFd for Monitor {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.socket.get_ref().as_fd()
    }
}
