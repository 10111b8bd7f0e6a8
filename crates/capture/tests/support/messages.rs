//! What scenarios ask of BGP messages, in the form it is resolved to.

#![allow(dead_code, reason = "each test file uses some of it")]

use scenario::packet::{BgpKind, BgpMatcher, LayerMatcher};
use scenario::{Amount, CaptureId, PacketExpectation, Since};

/// An expectation of packets like this since the beginning.
pub fn expect(layers: Vec<LayerMatcher>, amount: Amount) -> PacketExpectation {
    PacketExpectation {
        capture: CaptureId(0),
        layers,
        filter: None,
        then: Vec::new(),
        outside: None,
        amount,
        since: Since::Start,
        deadline: None,
        spacing: None,
    }
}

pub fn message(kind: BgpKind) -> LayerMatcher {
    LayerMatcher::Bgp(Box::new(kind.into()))
}

pub fn from_to(matcher: BgpMatcher) -> LayerMatcher {
    LayerMatcher::Bgp(Box::new(matcher))
}
