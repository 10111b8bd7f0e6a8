//! Interface addresses.

use netlink_packet_route::AddressFamily;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::address::{
    AddressAttribute, AddressHeaderFlags, AddressMessage, AddressScope,
};
use serde::Serialize;

use super::request::{Mode, Request};
use crate::addr::IpPrefix;

/// An address of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Address {
    /// Index of the link.
    pub link: u32,
    /// The address and the length of the prefix that is reached directly.
    pub prefix: IpPrefix,
}

impl Address {
    /// `prefix` on the link with this index.
    pub fn new(link: u32, prefix: IpPrefix) -> Self {
        Self { link, prefix }
    }

    /// Adds it; fails when the link has it. An IPv6 address can be used at once: duplicate
    /// address detection is skipped.
    pub fn add(&self) -> Request {
        Request::new(Message::NewAddress(self.message()), Mode::Create)
    }

    /// Adds it or confirms it.
    pub fn replace(&self) -> Request {
        Request::new(Message::NewAddress(self.message()), Mode::Replace)
    }

    /// Takes it away.
    pub fn delete(&self) -> Request {
        Request::new(Message::DelAddress(self.message()), Mode::Existing)
    }

    fn message(&self) -> AddressMessage {
        let addr = self.prefix.addr();
        let mut message = AddressMessage::default();
        let header = &mut message.header;
        header.index = self.link;
        header.prefix_len = self.prefix.prefix_len();
        header.scope = if addr.is_loopback() {
            AddressScope::Host
        } else {
            AddressScope::Universe
        };
        header.family = AddressFamily::Inet;
        if addr.is_ipv6() {
            header.family = AddressFamily::Inet6;
            header.flags = AddressHeaderFlags::Nodad;
        }
        message.attributes.push(AddressAttribute::Local(addr));
        message.attributes.push(AddressAttribute::Address(addr));
        message
    }

    pub(super) fn parse(message: &AddressMessage) -> Option<Self> {
        let mut found = None;
        for attribute in &message.attributes {
            match attribute {
                // On a point-to-point link `Address` is the far end; IPv6 usually sends only that.
                AddressAttribute::Local(addr) => found = Some(*addr),
                AddressAttribute::Address(addr) => found = found.or(Some(*addr)),
                _ => {}
            }
        }
        let prefix = IpPrefix::new(found?, message.header.prefix_len)?;
        Some(Self {
            link: message.header.index,
            prefix,
        })
    }
}
