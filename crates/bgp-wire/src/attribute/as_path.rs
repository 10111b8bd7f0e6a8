use std::fmt;

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};

use crate::cursor::Cursor;
use crate::open::AS_TRANS;

/// An AS path (RFC 4271 section 4.3), AS numbers always in four octets here. Text form `64512 64513 {1 2}`,
/// confederation segments in `()` and `[]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AsPath(pub Vec<Segment>);

/// A part of an AS path; on the wire at least one and at most 255 AS numbers.
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

impl SegmentKind {
    fn from_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Set),
            2 => Some(Self::Sequence),
            3 => Some(Self::ConfedSequence),
            4 => Some(Self::ConfedSet),
            _ => None,
        }
    }

    const fn number(self) -> u8 {
        match self {
            Self::Set => 1,
            Self::Sequence => 2,
            Self::ConfedSequence => 3,
            Self::ConfedSet => 4,
        }
    }

    const fn is_confederation(self) -> bool {
        matches!(self, Self::ConfedSequence | Self::ConfedSet)
    }
}

impl AsPath {
    /// One sequence, or the empty path.
    pub fn sequence(asns: impl Into<Vec<u32>>) -> Self {
        let asns = asns.into();
        if asns.is_empty() {
            return Self::default();
        }
        Self(vec![Segment {
            kind: SegmentKind::Sequence,
            asns,
        }])
    }

    /// How long route selection takes it to be: a set counts once, confederation segments do not
    /// (RFC 4271 section 9.1.2.2, RFC 5065 section 5.3).
    pub fn hops(&self) -> usize {
        let hops = self.0.iter().map(|segment| match segment.kind {
            SegmentKind::Sequence => segment.asns.len(),
            SegmentKind::Set => 1,
            SegmentKind::ConfedSequence | SegmentKind::ConfedSet => 0,
        });
        hops.sum()
    }

    /// Whether `asn` is anywhere in it.
    pub fn contains(&self, asn: u32) -> bool {
        self.0.iter().any(|segment| segment.asns.contains(&asn))
    }

    /// Reads the value; `None` for an unknown, empty or cut segment (RFC 7606 section 7.2).
    pub(super) fn parse(value: &[u8], as4: bool) -> Option<Self> {
        let mut cursor = Cursor(value);
        let mut segments = Vec::new();
        while !cursor.is_empty() {
            let kind = SegmentKind::from_number(cursor.u8()?)?;
            let count = cursor.u8().filter(|count| *count > 0)?;
            let asn = |_| {
                if as4 {
                    cursor.u32()
                } else {
                    cursor.u16().map(u32::from)
                }
            };
            let asns = (0..count).map(asn).collect::<Option<_>>()?;
            segments.push(Segment { kind, asns });
        }
        Some(Self(segments))
    }

    /// Appends the value. Long segments are cut into several, empty ones left out.
    pub(super) fn encode_into(&self, as4: bool, buffer: &mut BytesMut) {
        for segment in &self.0 {
            for asns in segment.asns.chunks(255) {
                buffer.put_u8(segment.kind.number());
                buffer.put_u8(asns.len() as u8);
                for asn in asns {
                    match as4 {
                        true => buffer.put_u32(*asn),
                        false => buffer.put_u16(u16::try_from(*asn).unwrap_or(AS_TRANS)),
                    }
                }
            }
        }
    }

    /// What a two-octet session carries beside this path in AS4_PATH: the path without confederation segments, if a
    /// number in it needs four octets (RFC 6793 section 4.2.2).
    pub(super) fn as4_path(&self) -> Option<Self> {
        let path: Vec<_> = self
            .0
            .iter()
            .filter(|segment| !segment.kind.is_confederation())
            .cloned()
            .collect();
        let wide = |segment: &Segment| segment.asns.iter().any(|asn| u16::try_from(*asn).is_err());
        path.iter().any(wide).then_some(Self(path))
    }

    /// This two-octet path with its end replaced by `wide`, unless that is the longer one (RFC 6793 section 4.2.3).
    pub(super) fn merged(&self, wide: &Self) -> Self {
        let Some(mut kept) = self.hops().checked_sub(wide.hops()) else {
            return self.clone();
        };
        let mut segments = Vec::new();
        for segment in &self.0 {
            let take = match segment.kind {
                SegmentKind::Sequence => segment.asns.len().min(kept),
                SegmentKind::Set => segment.asns.len() * kept.min(1),
                // Of no length, so it stays while something in front of it does, or leads.
                _ if kept > 0 || segments.is_empty() => segment.asns.len(),
                _ => 0,
            };
            kept -= if segment.kind == SegmentKind::Set {
                kept.min(1)
            } else {
                0
            };
            kept -= if segment.kind == SegmentKind::Sequence {
                take
            } else {
                0
            };
            if take > 0 {
                segments.push(Segment {
                    kind: segment.kind,
                    asns: segment.asns[..take].to_vec(),
                });
            }
        }
        for segment in &wide.0 {
            match segments.last_mut() {
                Some(last) if last.kind == SegmentKind::Sequence && segment.kind == last.kind => {
                    last.asns.extend(&segment.asns);
                }
                _ => segments.push(segment.clone()),
            }
        }
        Self(segments)
    }
}

impl fmt::Display for AsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, segment) in self.0.iter().enumerate() {
            let (open, close) = match segment.kind {
                SegmentKind::Sequence => ("", ""),
                SegmentKind::Set => ("{", "}"),
                SegmentKind::ConfedSequence => ("(", ")"),
                SegmentKind::ConfedSet => ("[", "]"),
            };
            let asns: Vec<String> = segment.asns.iter().map(u32::to_string).collect();
            write!(
                f,
                "{}{open}{}{close}",
                if i > 0 { " " } else { "" },
                asns.join(" ")
            )?;
        }
        Ok(())
    }
}
