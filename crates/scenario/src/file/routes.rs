//! What a route must look like, as typed: in an expectation of routes held, and of routes in an UPDATE.

use std::ops::Range;

use schemars::JsonSchema;
use serde::Deserialize;

use super::parts::Number;
use super::{At, OneOrMany, words};
use crate::route::RouteField;

/// Both tables have these keys, and each a few of its own.
macro_rules! tables {
    ($($(#[$about:meta])* $key:ident: $kind:ty,)*) => {
        /// What a route must look like: everything that is given, with anything else beside it.
        #[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct RoutePatternFile {
            /// Address family.
            #[schemars(with = "Option<words::Family>")]
            pub family: Option<At<String>>,
            $($(#[$about])* pub $key: $kind,)*
        }

        /// Routes a speaker holds; of a compute node those that it was told, not those of its own ports.
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct RouteFile {
            /// The speaker that is asked.
            pub on: At<String>,
            /// Only routes that this VPN imported.
            pub vpn: Option<At<String>>,
            /// Address family.
            #[schemars(with = "words::Family")]
            pub family: At<String>,
            $($(#[$about])* pub $key: $kind,)*
            /// True: the speaker has chosen it for use. False: it has chosen another.
            pub best: Option<At<bool>>,
            /// Only routes that this peer told: a node or an address.
            pub from: Option<At<String>>,
            /// On a `fakerr`: only routes as it told them to this client, a node or an address.
            pub to: Option<At<String>>,
            /// Exactly so many; one or more when not given.
            pub count: Option<At<i64>>,
            /// So many or more.
            pub at_least: Option<At<i64>>,
            /// So many or fewer.
            pub at_most: Option<At<i64>>,
            /// True: none.
            pub absent: Option<At<bool>>,
        }

        impl RouteFile {
            /// What the routes must look like.
            pub fn pattern(&self) -> RoutePatternFile {
                RoutePatternFile {
                    family: Some(self.family.clone()),
                    $($key: self.$key.clone(),)*
                }
            }
        }
    };
}

tables! {
    /// E-VPN route type, 1 to 5.
    #[serde(rename = "type")]
    route_type: Option<At<i64>>,
    /// An address, or the name of a port or node.
    ip: Option<At<String>>,
    /// A prefix.
    prefix: Option<At<String>>,
    /// A MAC address, or the name of a port.
    mac: Option<At<String>>,
    /// Route distinguisher.
    rd: Option<At<String>>,
    /// Ethernet segment identifier: ten octets with colons.
    esi: Option<At<String>>,
    /// Ethernet tag.
    ethernet_tag: Option<At<i64>>,
    /// MPLS label, the topmost.
    label: Option<At<i64>>,
    /// VNI.
    vni: Option<At<i64>>,
    /// Flowspec components that must all be there, each as `"destination-ipv4 10.0.0.0/24"`, `"protocol =tcp"`,
    /// `"destination-port [ >=80&<=90 ]"`.
    #[serde(default)]
    flowspec: OneOrMany<At<String>>,
    /// An address, or the name of a node, any of whose addresses will do.
    next_hop: Option<At<String>>,
    /// Route targets that must all be there.
    #[serde(default)]
    rt: OneOrMany<At<String>>,
    /// Encapsulation that it asks for.
    #[schemars(with = "Option<words::Encapsulation>")]
    encap: Option<At<String>>,
    /// Communities that must all be there: `"64512:1"`, or a name: `"no-export"`, `"no-advertise"`,
    /// `"no-export-subconfed"`, `"no-peer"`, `"blackhole"`, `"graceful-shutdown"`, `"accept-own"`, `"llgr-stale"`,
    /// `"no-llgr"`.
    #[serde(default)]
    communities: OneOrMany<At<String>>,
    /// Large communities that must all be there: `"64512:1:2"`.
    #[serde(default)]
    large_communities: OneOrMany<At<String>>,
    /// Extended communities that must all be there: `"target:64512:79"`, `"soo:64512:1"`, `"encap:vxlan"`, `"color:100"`,
    /// `"redirect:64512:300"`, `"router-mac:02:00:00:00:00:01"`, `"default-gateway"`, `"es-import:02:00:00:00:00:01"`, or
    /// the eight octets: `"0x030b000000000064"`.
    #[serde(default)]
    extended_communities: OneOrMany<At<String>>,
    /// Origin.
    #[schemars(with = "Option<words::Origin>")]
    origin: Option<At<String>>,
    /// The AS path: these numbers in this order, no more and no fewer.
    as_path: Option<At<Vec<i64>>>,
    /// AS numbers that are all anywhere in the AS path.
    #[serde(default)]
    as_path_contains: OneOrMany<At<i64>>,
    /// Local preference.
    local_pref: Option<At<i64>>,
    /// Multi-exit discriminator.
    med: Option<At<i64>>,
    /// Originator: a BGP identifier, or the name of the node that has it.
    originator: Option<At<String>>,
    /// The clusters it was reflected by, the last first: cluster ids, or names of the nodes that have them.
    cluster_list: Option<At<Vec<At<String>>>>,
    /// PMSI tunnel.
    pmsi: Option<At<PmsiFile>>,
    /// Sequence number of MAC mobility; 0 is that of a route without any too.
    mobility: Option<At<i64>>,
    /// Whether MAC mobility says that the MAC address must not move.
    sticky: Option<At<bool>>,
    /// Whether it is marked as a default gateway's.
    default_gateway: Option<At<bool>>,
    /// The router's MAC address, or the name of a port that has it.
    router_mac: Option<At<String>>,
    /// Keys of what must not be there: `["communities", "med"]`.
    #[serde(default)]
    #[schemars(with = "OneOrMany<words::Lackable>")]
    lacks: OneOrMany<At<String>>,
}

/// What a PMSI tunnel must look like.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PmsiFile {
    /// Tunnel type: `"ingress-replication"` or another word, or its number.
    #[serde(rename = "type")]
    #[schemars(with = "Option<words::PmsiTunnel>")]
    pub tunnel: Option<Number>,
    /// MPLS label.
    pub label: Option<At<i64>>,
    /// VNI.
    pub vni: Option<At<i64>>,
    /// Of ingress replication, where copies go: an address, or the name of a node, any of whose addresses will do.
    pub endpoint: Option<At<String>>,
}

impl RoutePatternFile {
    /// What is asked for, and where, in the order of the fields.
    pub fn given(&self) -> Vec<(RouteField, Range<usize>)> {
        fn one<T>(typed: &Option<At<T>>) -> Option<&Range<usize>> {
            typed.as_ref().map(|typed| &typed.span)
        }
        fn first<T>(typed: &OneOrMany<At<T>>) -> Option<&Range<usize>> {
            typed.0.first().map(|typed| &typed.span)
        }
        let pmsi = self.pmsi.as_ref();
        let endpoint = pmsi.and_then(|pmsi| pmsi.value.endpoint.as_ref());
        let typed = [
            (RouteField::Type, one(&self.route_type)),
            (RouteField::Mac, one(&self.mac)),
            (RouteField::Ip, one(&self.ip)),
            (RouteField::Prefix, one(&self.prefix)),
            (RouteField::Rd, one(&self.rd)),
            (RouteField::Esi, one(&self.esi)),
            (RouteField::EthernetTag, one(&self.ethernet_tag)),
            (RouteField::Label, one(&self.label)),
            (RouteField::Vni, one(&self.vni)),
            (RouteField::Flowspec, first(&self.flowspec)),
            (RouteField::NextHop, one(&self.next_hop)),
            (RouteField::Rt, first(&self.rt)),
            (RouteField::Encap, one(&self.encap)),
            (RouteField::Communities, first(&self.communities)),
            (RouteField::LargeCommunities, first(&self.large_communities)),
            (
                RouteField::ExtendedCommunities,
                first(&self.extended_communities),
            ),
            (RouteField::Origin, one(&self.origin)),
            (RouteField::AsPath, one(&self.as_path)),
            (RouteField::AsPathContains, first(&self.as_path_contains)),
            (RouteField::LocalPref, one(&self.local_pref)),
            (RouteField::Med, one(&self.med)),
            (RouteField::Originator, one(&self.originator)),
            (RouteField::ClusterList, one(&self.cluster_list)),
            (RouteField::Pmsi, one(&self.pmsi)),
            (RouteField::PmsiEndpoint, endpoint.map(|typed| &typed.span)),
            (RouteField::Mobility, one(&self.mobility)),
            (RouteField::Sticky, one(&self.sticky)),
            (RouteField::DefaultGateway, one(&self.default_gateway)),
            (RouteField::RouterMac, one(&self.router_mac)),
        ];
        let typed = typed.into_iter();
        typed
            .filter_map(|(field, span)| Some((field, span?.clone())))
            .collect()
    }
}
