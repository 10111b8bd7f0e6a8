//! Routes that steps announce and withdraw, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::{At, OneOrMany, words};

/// Announces routes: as many as are said, each like the one before but for what is counted up.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnounceFile {
    /// The speaker that announces: a `fakerr`, `gobgp` or `exabgp`.
    pub on: Option<At<String>>,
    /// What they are called in later steps.
    #[serde(rename = "as")]
    pub name: Option<At<String>>,
    /// Announces again what an earlier step announced under this name and another has withdrawn. Nothing else stands
    /// beside it.
    pub what: Option<At<String>>,
    /// Address family.
    #[schemars(with = "Option<words::Family>")]
    pub family: Option<At<String>>,
    /// E-VPN route type, 1 to 5.
    #[serde(rename = "type")]
    pub route_type: Option<At<i64>>,
    /// How many routes; 1 when not given.
    pub routes: Option<At<i64>>,
    /// What is counted up from one route to the next: `"prefix"` (by its own size), `"ip"`, `"mac"`, `"rd"`, `"label"`,
    /// `"vni"`, `"ethernet_tag"`, `"rt"` (of RT-Constraint). When not given: what tells destinations apart, the prefix,
    /// the MAC address with its IP address, the originating router, the route target.
    #[serde(default)]
    #[schemars(with = "OneOrMany<words::Counter>")]
    pub counting: OneOrMany<At<String>>,
    /// The prefix; of Flowspec it stands in `flowspec`.
    pub prefix: Option<At<String>>,
    /// Route distinguisher.
    pub rd: Option<At<String>>,
    /// MPLS label, from 0 to 1048575.
    pub label: Option<At<i64>>,
    /// VNI; the encapsulation is VXLAN then, unless another is said. With type 3 it is that of the PMSI tunnel.
    pub vni: Option<At<i64>>,
    /// MAC address of a type 2 route, or the name of a port that has it.
    pub mac: Option<At<String>>,
    /// Of type 2 the host's address; of types 3 and 4 the originating router's, the announcer's own when not given. Or the
    /// name of a port or node.
    pub ip: Option<At<String>>,
    /// Ethernet segment identifier: ten octets with colons; none when not given.
    pub esi: Option<At<String>>,
    /// Ethernet tag; 0 when not given.
    pub ethernet_tag: Option<At<i64>>,
    /// Gateway of a type 5 route; none when not given.
    pub gateway: Option<At<String>>,
    /// Flowspec components: `"destination-ipv4 10.0.0.0/24"`, `"protocol =tcp"`, `"destination-port [ >=80&<=90 ]"`.
    #[serde(default)]
    pub flowspec: OneOrMany<At<String>>,
    /// What Flowspec does with the traffic.
    pub action: Option<At<FlowActionFile>>,
    /// AS that a membership of RT-Constraint comes from; the announcer's when not given.
    pub origin_as: Option<At<i64>>,
    /// An address, or the name of a node; the announcer's own when not given.
    pub next_hop: Option<At<String>>,
    /// Route targets; with `family = "rtc"` the one that is asked for, none for all.
    #[serde(default)]
    pub rt: OneOrMany<At<String>>,
    /// Encapsulation it asks for.
    #[schemars(with = "Option<words::Encapsulation>")]
    pub encap: Option<At<String>>,
    /// `"64512:1"`, or a name: `"no-export"`, `"no-advertise"`, `"no-export-subconfed"`, `"no-peer"`, `"blackhole"`,
    /// `"graceful-shutdown"`, `"accept-own"`, `"llgr-stale"`, `"no-llgr"`.
    #[serde(default)]
    pub communities: OneOrMany<At<String>>,
    /// `"64512:1:2"`
    #[serde(default)]
    pub large_communities: OneOrMany<At<String>>,
    /// Further ones: `"target:64512:79"`, `"soo:64512:1"`, `"color:100"`, `"redirect:64512:300"`, or the eight octets:
    /// `"0x030b000000000064"`.
    #[serde(default)]
    pub extended_communities: OneOrMany<At<String>>,
    /// Origin; `"igp"` when not given.
    #[schemars(with = "Option<words::Origin>")]
    pub origin: Option<At<String>>,
    /// AS path; empty when not given.
    pub as_path: Option<At<Vec<i64>>>,
    /// Local preference; 100 when not given.
    pub local_pref: Option<At<i64>>,
    /// Multi-exit discriminator.
    pub med: Option<At<i64>>,
    /// Originator, as if it had been reflected: a BGP identifier.
    pub originator: Option<At<String>>,
    /// Clusters it seems to have been reflected by, the last first: cluster ids.
    pub cluster_list: Option<At<Vec<At<String>>>>,
    /// Sequence number of MAC mobility.
    pub mobility: Option<At<i64>>,
    /// True: MAC mobility says that the MAC address must not move.
    pub sticky: Option<At<bool>>,
    /// True: marked as a default gateway's.
    pub default_gateway: Option<At<bool>>,
    /// The router's MAC address.
    pub router_mac: Option<At<String>>,
    /// False: a type 3 route without PMSI tunnel, which nobody can send copies to.
    pub pmsi: Option<At<bool>>,
    /// Where copies are sent to (ingress replication), an address or the name of a node; the next hop when not given.
    pub endpoint: Option<At<String>>,
}

/// What Flowspec does with the traffic.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowActionFile {
    /// True: drops it.
    pub discard: Option<At<bool>>,
    /// Lets so many octets a second through.
    pub rate: Option<At<i64>>,
    /// Sends it to the VRF that imports this route target.
    pub redirect: Option<At<String>>,
    /// Marks it with this DSCP, 0 to 63.
    pub dscp: Option<At<i64>>,
}

/// Withdraws what steps have announced: by name, or all of a speaker.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WithdrawFile {
    /// Names of announcements.
    #[serde(default)]
    pub what: OneOrMany<At<String>>,
    /// The speaker, with `all`.
    pub on: Option<At<String>>,
    /// True: everything that steps have had it announce.
    pub all: Option<At<bool>>,
}
