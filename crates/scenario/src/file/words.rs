//! Words that stand for something, as a schema lists them: the same lists that scenarios are resolved with.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};

use crate::expect::{KernelRouteType, LinkState, NeighbourState, SessionState};
use crate::lab::Traffic as Frames;
use crate::packet::{CapabilityKind, LayerKind, TcpFlag as Flag};
use crate::resolve::{
    KERNEL_FEATURES, RECORDS, ROUTE_PROTOCOLS, TRACE_METHODS, TRANSPORTS, WAITS, WIRES,
    bgp_message, impair, layers, nodes, ports, vpns,
};
use crate::route;
use crate::values::{self, FAMILIES, VERSIONS};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)*) => {$(
        $(#[$doc])*
        pub(super) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

words! {
    /// When a lab counts as up.
    Wait = one_of(&WAITS);
    /// What is recorded.
    Record = one_of(&RECORDS);
    /// Kinds of frame.
    Traffic = one_of(&Frames::ALL);
    /// Parts of the kernel.
    KernelFeature = one_of(&KERNEL_FEATURES);
    /// What delays and loses frames.
    WireKind = one_of(&WIRES);
    /// Directions of frames.
    Direction = one_of(&impair::DIRECTIONS);
    /// Times on the way.
    Time = json_schema!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?(us|ms|s)$" });
    /// Shares of frames.
    Percentage = json_schema!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?%$" });
    /// Bits per second.
    Rate = json_schema!({ "type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?[gmk]?bit$" });
    /// What a lab is called.
    LabName = json_schema!({ "type": "string", "pattern": values::LAB_NAME });
    /// Which way traffic may pass a port.
    PortDirection = one_of(&ports::DIRECTIONS);
    /// Kinds of VPN.
    VpnType = one_of(&vpns::TYPES);
    /// Which subnets are chosen.
    Versions = one_of(&VERSIONS);
    /// What a `bagpipe` forwards with.
    Dataplane = one_of(&nodes::DATAPLANES);
    /// What a `fakerr` does.
    Mode = one_of(&nodes::MODES);
    /// Address families.
    Family = one_of(&FAMILIES);
    /// Daemons of FRR's.
    Daemon = one_of(&nodes::DAEMONS.map(|word| (word, ())));
    /// Encapsulations.
    Encapsulation = one_of(&route::Encapsulation::ALL.map(|one| (one.name(), ())));
    /// Origins.
    Origin = one_of(&route::ORIGINS);
    /// Types of PMSI tunnel.
    PmsiTunnel = or_number(&route::PMSI_TUNNELS);
    /// What a route can do without.
    Lackable = json_schema!({
        "type": "string",
        "enum": route::RouteField::ALL.iter().filter(|field| field.may_lack()).map(|field| field.name()).collect::<Vec<_>>(),
    });
    /// What can be counted up.
    Counter = one_of(&crate::announcement::Counter::WORDS);
    /// Operations of ARP.
    ArpOperation = one_of(&layers::ARP_OPERATIONS);
    /// States of a session.
    State = one_of(&SessionState::ALL.map(|state| (state.name(), ())));
    /// States of a neighbour.
    NeighbourWord = one_of(&NeighbourState::ALL.map(|state| (state.name(), ())));
    /// What becomes of packets that a kernel's route matches.
    RouteKind = one_of(&KernelRouteType::ALL.map(|kind| (kind.name(), ())));
    /// Makers of a kernel's routes.
    RouteMaker = or_number(&ROUTE_PROTOCOLS);
    /// States of an interface.
    InterfaceState = one_of(&LinkState::ALL.map(|state| (state.name(), ())));
    /// Signals.
    SignalName = one_of(&crate::step::Signal::ALL.map(|signal| (signal.name(), ())));
    /// What carries probes.
    Protocol = one_of(&crate::step::Protocol::ALL.map(|protocol| (protocol.name(), ())));
    /// With what a way is walked.
    TraceMethod = one_of(&TRACE_METHODS);
    /// What has ports.
    Transport = one_of(&TRANSPORTS);
    /// Layers of a packet.
    Layer = one_of(&LayerKind::ALL.map(|layer| (layer.name(), ())));
    /// Control bits of TCP.
    TcpFlag = one_of(&Flag::ALL.map(|flag| (flag.name(), ())));
    /// BGP messages.
    BgpMessage = one_of(&bgp_message::MESSAGES.map(|word| (word, ())));
    /// Capabilities of BGP.
    Capability = one_of(&CapabilityKind::ALL.map(|one| (one.name(), ())));
    /// Error codes of a NOTIFICATION.
    NotificationCode = or_number(&bgp_message::CODES);
    /// Types of ICMP message.
    IcmpType = or_number(&layers::ICMP_TYPES);
    /// A VNI in a packet.
    AnyVni = or_number(&layers::VNIS);
}

fn list<T>(words: &[(&str, T)]) -> Vec<Value> {
    words.iter().map(|(word, _)| json!(word)).collect()
}

fn one_of<T>(words: &[(&str, T)]) -> Schema {
    json_schema!({ "type": "string", "enum": list(words) })
}

fn or_number<T>(words: &[(&str, T)]) -> Schema {
    json_schema!({ "anyOf": [{ "type": "integer" }, { "type": "string", "enum": list(words) }] })
}
