//! One change to the kernel's state, ready to be sent alone or with others.

use std::fmt::Write;

use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::AddressAttribute;
use netlink_packet_route::link::{LinkAttribute, LinkInfo};
use netlink_packet_route::neighbour::{NeighbourAddress, NeighbourAttribute};
use netlink_packet_route::route::{RouteAddress, RouteAttribute};

use super::LinkError;
use crate::addr::MacAddr;
use crate::ns::NetNs;

/// One change: made by [`Bridge::create`](super::Bridge::create),
/// [`FdbEntry::append`](super::FdbEntry::append) and the like, carried out by
/// [`Netlink::apply`](super::Netlink::apply) or, many at a time, by
/// [`Netlink::batch`](super::Netlink::batch).
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) message: Message,
    pub(super) flags: u16,
    /// Namespaces whose descriptors are in the message: they must stay open until it is sent.
    pub(super) held: Vec<NetNs>,
}

/// What to do when the thing is, or is not, there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Fail when it is there.
    Create,
    /// Make it or overwrite it.
    Replace,
    /// Add one more with the same key.
    Append,
    /// It must be there.
    Existing,
}

impl Mode {
    fn flags(self) -> u16 {
        match self {
            Mode::Create => NLM_F_CREATE | NLM_F_EXCL,
            Mode::Replace => NLM_F_CREATE | NLM_F_REPLACE,
            Mode::Append => NLM_F_CREATE | NLM_F_APPEND,
            Mode::Existing => 0,
        }
    }
}

impl Request {
    pub(super) fn new(message: Message, mode: Mode) -> Self {
        Self {
            message,
            flags: mode.flags(),
            held: Vec::new(),
        }
    }

    pub(super) fn holding(mut self, ns: &NetNs) -> Self {
        self.held.push(ns.clone());
        self
    }

    /// The name of the link that the request makes.
    pub(super) fn link_name(&self) -> Option<&str> {
        let Message::NewLink(link) = &self.message else {
            return None;
        };
        link.attributes
            .iter()
            .find_map(|attribute| match attribute {
                LinkAttribute::IfName(name) => Some(name.as_str()),
                _ => None,
            })
    }

    /// The failure that the kernel's answer to this request means.
    pub(super) fn error(&self, errno: i32, explanation: Option<String>) -> LinkError {
        LinkError::from_errno(self.describe(), errno, explanation)
    }

    /// What the request does, in words. Only built when something failed.
    fn describe(&self) -> String {
        let verb = match (&self.message, self.flags & NLM_F_CREATE != 0) {
            (Message::NewLink(_), true) => "create link",
            (Message::NewLink(_) | Message::SetLink(_), _) => "change link",
            (Message::DelLink(_), _) => "delete link",
            (Message::NewAddress(_), _) => "add address",
            (Message::DelAddress(_), _) => "delete address",
            (Message::NewNeighbour(_), _) => "add neighbour",
            (Message::DelNeighbour(_), _) => "delete neighbour",
            (Message::NewRoute(_), _) => "add route",
            (Message::DelRoute(_), _) => "delete route",
            (Message::NewRule(_), _) => "add rule",
            (Message::DelRule(_), _) => "delete rule",
            (Message::NewQueueDiscipline(_), _) => "add queue",
            (Message::DelQueueDiscipline(_), _) => "delete queue",
            _ => "carry out the request",
        };
        let mut text = verb.to_owned();
        self.describe_object(&mut text);
        text
    }

    fn describe_object(&self, text: &mut String) {
        // Writing to a string cannot fail.
        let mut add = |words: std::fmt::Arguments<'_>| text.write_fmt(words).unwrap_or_default();
        match &self.message {
            Message::NewLink(link) | Message::SetLink(link) | Message::DelLink(link) => {
                let name = link
                    .attributes
                    .iter()
                    .find_map(|attribute| match attribute {
                        LinkAttribute::IfName(name) => Some(name),
                        _ => None,
                    });
                match name {
                    Some(name) => add(format_args!(" `{name}`")),
                    None => add(format_args!(" {}", link.header.index)),
                }
                for attribute in &link.attributes {
                    if let LinkAttribute::LinkInfo(infos) = attribute {
                        for info in infos {
                            if let LinkInfo::Kind(kind) = info {
                                add(format_args!(" of type `{kind}`"));
                            }
                        }
                    }
                }
            }
            Message::NewAddress(message) | Message::DelAddress(message) => {
                for attribute in &message.attributes {
                    if let AddressAttribute::Local(addr) = attribute {
                        add(format_args!(" `{addr}/{}`", message.header.prefix_len));
                    }
                }
                add(format_args!(" of link {}", message.header.index));
            }
            Message::NewNeighbour(message) | Message::DelNeighbour(message) => {
                for attribute in &message.attributes {
                    match attribute {
                        NeighbourAttribute::LinkLayerAddress(octets) => {
                            if let Ok(mac) = MacAddr::try_from(octets.as_slice()) {
                                add(format_args!(" `{mac}`"));
                            }
                        }
                        NeighbourAttribute::Destination(NeighbourAddress::Inet(addr)) => {
                            add(format_args!(" `{addr}`"));
                        }
                        NeighbourAttribute::Destination(NeighbourAddress::Inet6(addr)) => {
                            add(format_args!(" `{addr}`"));
                        }
                        _ => {}
                    }
                }
                add(format_args!(" on link {}", message.header.ifindex));
            }
            Message::NewRoute(message) | Message::DelRoute(message) => {
                let destination = message
                    .attributes
                    .iter()
                    .find_map(|attribute| match attribute {
                        RouteAttribute::Destination(RouteAddress::Inet(addr)) => {
                            Some(addr.to_string())
                        }
                        RouteAttribute::Destination(RouteAddress::Inet6(addr)) => {
                            Some(addr.to_string())
                        }
                        _ => None,
                    });
                match destination {
                    Some(addr) => {
                        let len = message.header.destination_prefix_length;
                        add(format_args!(" to `{addr}/{len}`"));
                    }
                    None => add(format_args!(" to everywhere")),
                }
            }
            Message::NewQueueDiscipline(queue) | Message::DelQueueDiscipline(queue) => {
                add(format_args!(" of link {}", queue.header.index));
            }
            _ => {}
        }
    }
}
