use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::types::{Esi, IpPrefix, LabelField, MacAddr, RouteDistinguisher};

/// An E-VPN route (RFC 7432 section 7, RFC 9136 for type 5).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvpnRoute {
    /// Type 1: Ethernet auto-discovery, per segment or per instance.
    EthernetAutoDiscovery {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment.
        esi: Esi,
        /// Ethernet tag, `u32::MAX` per segment.
        ethernet_tag: u32,
        /// Label or VNI.
        label: LabelField,
    },
    /// Type 2: a MAC address, with or without an IP address.
    MacIp {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment, not part of the key.
        esi: Esi,
        /// Ethernet tag.
        ethernet_tag: u32,
        /// The MAC address.
        mac: MacAddr,
        /// The IP address.
        ip: Option<IpAddr>,
        /// Layer 2 label or VNI, not part of the key.
        label1: LabelField,
        /// Layer 3 label or VNI, not part of the key.
        label2: Option<LabelField>,
    },
    /// Type 3: who takes part in an instance.
    InclusiveMulticast {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// Ethernet tag.
        ethernet_tag: u32,
        /// The originating router.
        originator: IpAddr,
    },
    /// Type 4: who is on a segment.
    EthernetSegment {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment.
        esi: Esi,
        /// The originating router.
        originator: IpAddr,
    },
    /// Type 5: an IP prefix.
    IpPrefix {
        /// Route distinguisher.
        rd: RouteDistinguisher,
        /// The segment, not part of the key.
        esi: Esi,
        /// Ethernet tag.
        ethernet_tag: u32,
        /// The prefix.
        prefix: IpPrefix,
        /// The gateway, unspecified if none; not part of the key; of the prefix's IP version.
        gateway: IpAddr,
        /// Label or VNI, not part of the key.
        label: LabelField,
    },
    /// Any other type, kept.
    Unknown {
        /// Route type.
        kind: u8,
        /// What follows the length octet.
        #[serde(with = "crate::text::hex")]
        data: Bytes,
    },
}
