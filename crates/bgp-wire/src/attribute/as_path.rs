use serde::{Deserialize, Serialize};

/// An AS path (RFC 4271 section 4.3), AS numbers always in four octets here.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AsPath(pub Vec<Segment>);

/// A part of an AS path, at most 255 AS numbers on the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// How to read it.
    pub kind: SegmentKind,
    /// The AS numbers.
    pub asns: Vec<u32>,
}

/// How to read a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SegmentKind {
    /// 1: unordered.
    Set,
    /// 2: in order.
    Sequence,
    /// 3: in order, inside a confederation (RFC 5065).
    ConfedSequence,
    /// 4: unordered, inside a confederation (RFC 5065).
    ConfedSet,
}
