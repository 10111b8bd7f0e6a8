use std::net::Ipv4Addr;

use bytes::Bytes;

use super::encode::flags_of;
use super::value::{Aggregator, AttributeValue, MpReach, MpUnreach, Origin};
use super::{AsPath, NextHop, PmsiTunnel, code};
use crate::community::{ExtendedCommunity, LargeCommunity};
use crate::cursor::Cursor;
use crate::family::Family;
use crate::message::DecodeContext;
use crate::nlri::{Nlri, NlriError};
use crate::notification::Notification;
use crate::raw::RawAttribute;
use crate::raw::flags::{EXTENDED, OPTIONAL, TRANSITIVE};
use crate::verdict::{Defect, Outcome, Verdict};

/// What an attribute says, and the defects that leave something to say.
pub(crate) struct Reading {
    /// `None` after a defect that leaves nothing.
    pub(crate) value: Option<AttributeValue>,
    pub(crate) verdicts: Vec<Verdict>,
}

/// Reads one attribute (RFC 7606 sections 3 c, 5.3, 5.4 and 7).
pub(crate) fn read(raw: &RawAttribute, context: &DecodeContext) -> Reading {
    let Some(expected) = flags_of(raw.code) else {
        return read_unknown(raw);
    };
    let internal_only = matches!(
        raw.code,
        code::LOCAL_PREF | code::ORIGINATOR_ID | code::CLUSTER_LIST
    );
    if internal_only && !context.ibgp {
        return fault(raw, Outcome::AttributeDiscard, Defect::NotFromExternal);
    }
    // Between speakers of four-octet AS numbers these must not be, and are not looked at (RFC 6793 section 4.1).
    if context.as4 && matches!(raw.code, code::AS4_PATH | code::AS4_AGGREGATOR) {
        return fault(raw, Outcome::AttributeDiscard, Defect::Superfluous);
    }
    let mut reading = match raw.code {
        code::MP_REACH => mp_reach(raw, context),
        code::MP_UNREACH => mp_unreach(raw, context),
        _ => match plain(raw, context) {
            Ok(value) => Reading {
                value: Some(value),
                verdicts: Vec::new(),
            },
            Err(defect) => fault(raw, malformed_outcome(raw.code), defect),
        },
    };
    if raw.flags & (OPTIONAL | TRANSITIVE) != expected {
        let defect = Defect::Flags { flags: raw.flags };
        reading
            .verdicts
            .push(verdict(raw, Outcome::TreatAsWithdraw, defect));
    }
    reading
}

fn read_unknown(raw: &RawAttribute) -> Reading {
    if raw.flags & OPTIONAL == 0 {
        return fault(raw, Outcome::SessionReset, Defect::UnknownWellKnown);
    }
    let (flags, code, data) = (raw.flags & !EXTENDED, raw.code, raw.value.clone());
    let value = AttributeValue::Unknown { flags, code, data };
    Reading {
        value: Some(value),
        verdicts: Vec::new(),
    }
}

/// What a malformed value of this attribute leads to (RFC 7606 section 7, RFC 6793 section 6).
fn malformed_outcome(code: u8) -> Outcome {
    match code {
        code::ATOMIC_AGGREGATE | code::AGGREGATOR => Outcome::AttributeDiscard,
        code::AS4_PATH | code::AS4_AGGREGATOR => Outcome::AttributeDiscard,
        code::MP_REACH | code::MP_UNREACH => Outcome::SessionReset,
        _ => Outcome::TreatAsWithdraw,
    }
}

fn fault(raw: &RawAttribute, outcome: Outcome, defect: Defect) -> Reading {
    Reading {
        value: None,
        verdicts: vec![verdict(raw, outcome, defect)],
    }
}

/// The verdict on an attribute, with the NOTIFICATION that RFC 4271 section 6.3 has for the defect.
pub(crate) fn verdict(raw: &RawAttribute, outcome: Outcome, defect: Defect) -> Verdict {
    let whole = || {
        let mut buffer = bytes::BytesMut::with_capacity(raw.wire_len());
        raw.encode_into(&mut buffer);
        buffer.freeze()
    };
    let notification = match &defect {
        Defect::Flags { .. } => Some(Notification::attribute_flags(whole())),
        Defect::UnknownWellKnown => Some(Notification::unrecognized_well_known(whole())),
        Defect::Duplicate => Some(Notification::malformed_attribute_list()),
        Defect::NextHopLength { .. } | Defect::Nlri { .. } => {
            Some(Notification::optional_attribute(whole()))
        }
        Defect::Length { .. } => Some(Notification::attribute_length(whole())),
        Defect::Value => Some(match raw.code {
            code::ORIGIN => Notification::invalid_origin(whole()),
            code::AS_PATH => Notification::malformed_as_path(),
            code::NEXT_HOP => Notification::invalid_next_hop(whole()),
            _ => Notification::optional_attribute(whole()),
        }),
        Defect::Overrun { .. } => Some(Notification::malformed_attribute_list()),
        Defect::Missing | Defect::NotFromExternal | Defect::Superfluous | Defect::NoRoutes => None,
    };
    Verdict {
        outcome,
        attribute: Some(raw.code),
        defect,
        notification,
    }
}

/// Every attribute without NLRI.
fn plain(raw: &RawAttribute, context: &DecodeContext) -> Result<AttributeValue, Defect> {
    let value = &raw.value;
    let wrong_length = Defect::Length {
        length: value.len(),
    };
    let read = || match raw.code {
        code::NEXT_HOP => exact(value).map(|v: [u8; 4]| AttributeValue::NextHop(v.into())),
        code::MED => exact(value).map(|v| AttributeValue::Med(u32::from_be_bytes(v))),
        code::LOCAL_PREF => exact(value).map(|v| AttributeValue::LocalPref(u32::from_be_bytes(v))),
        code::ATOMIC_AGGREGATE => value.is_empty().then_some(AttributeValue::AtomicAggregate),
        code::AGGREGATOR => aggregator(value, context.as4).map(AttributeValue::Aggregator),
        code::AS4_AGGREGATOR => aggregator(value, true).map(AttributeValue::As4Aggregator),
        code::ORIGINATOR_ID => {
            exact(value).map(|v: [u8; 4]| AttributeValue::OriginatorId(v.into()))
        }
        code::COMMUNITIES => list(value, u32::from_be_bytes).map(AttributeValue::Communities),
        code::CLUSTER_LIST => {
            list(value, |v: [u8; 4]| Ipv4Addr::from(v)).map(AttributeValue::ClusterList)
        }
        code::EXTENDED_COMMUNITIES => {
            list(value, ExtendedCommunity).map(AttributeValue::ExtendedCommunities)
        }
        code::LARGE_COMMUNITIES => list(value, large).map(AttributeValue::LargeCommunities),
        _ => None,
    };
    match raw.code {
        code::ORIGIN => {
            let [number] = exact(value).ok_or(wrong_length)?;
            Origin::from_number(number)
                .map(AttributeValue::Origin)
                .ok_or(Defect::Value)
        }
        code::AS_PATH => AsPath::parse(value, context.as4)
            .map(AttributeValue::AsPath)
            .ok_or(Defect::Value),
        code::AS4_PATH => AsPath::parse(value, true)
            .map(AttributeValue::As4Path)
            .ok_or(Defect::Value),
        code::PMSI => PmsiTunnel::parse(value)
            .map(AttributeValue::Pmsi)
            .ok_or(Defect::Value),
        _ => read().ok_or(wrong_length),
    }
}

fn exact<const N: usize>(value: &[u8]) -> Option<[u8; N]> {
    value.try_into().ok()
}

/// At least one element of `N` octets, nothing over.
fn list<const N: usize, T>(value: &[u8], element: impl Fn([u8; N]) -> T) -> Option<Vec<T>> {
    let (chunks, rest) = value.as_chunks::<N>();
    let whole = rest.is_empty() && !chunks.is_empty();
    whole.then(|| chunks.iter().map(|chunk| element(*chunk)).collect())
}

fn large(octets: [u8; 12]) -> LargeCommunity {
    let word = |at: usize| {
        u32::from_be_bytes([octets[at], octets[at + 1], octets[at + 2], octets[at + 3]])
    };
    LargeCommunity(word(0), word(4), word(8))
}

fn aggregator(value: &[u8], as4: bool) -> Option<Aggregator> {
    let mut cursor = Cursor(value);
    let asn = if as4 {
        cursor.u32()?
    } else {
        cursor.u16()?.into()
    };
    let address = Ipv4Addr::from(cursor.array::<4>()?);
    cursor.is_empty().then_some(Aggregator { asn, address })
}

fn mp_reach(raw: &RawAttribute, context: &DecodeContext) -> Reading {
    let value = &raw.value;
    let wrong_length = || {
        fault(
            raw,
            Outcome::SessionReset,
            Defect::Length {
                length: value.len(),
            },
        )
    };
    let &[a, b, safi, length, ..] = value.as_ref() else {
        return wrong_length();
    };
    let (family, length) = (
        Family::new(u16::from_be_bytes([a, b]), safi),
        usize::from(length),
    );
    // The next hop and the octet that once counted SNPAs.
    if value.len() < 5 + length {
        return wrong_length();
    }
    let Some(next_hop) = NextHop::parse(family, &value.slice(4..4 + length)) else {
        return fault(
            raw,
            Outcome::SessionReset,
            Defect::NextHopLength { family, length },
        );
    };
    nlri(raw, family, value.slice(5 + length..), context, |nlri| {
        AttributeValue::MpReach(MpReach {
            family,
            next_hop,
            nlri,
        })
    })
}

fn mp_unreach(raw: &RawAttribute, context: &DecodeContext) -> Reading {
    let &[a, b, safi, ..] = raw.value.as_ref() else {
        return fault(
            raw,
            Outcome::SessionReset,
            Defect::Length {
                length: raw.value.len(),
            },
        );
    };
    let family = Family::new(u16::from_be_bytes([a, b]), safi);
    nlri(raw, family, raw.value.slice(3..), context, |nlri| {
        AttributeValue::MpUnreach(MpUnreach { family, nlri })
    })
}

/// Cuts the field and keeps what can be read.
fn nlri(
    raw: &RawAttribute,
    family: Family,
    field: Bytes,
    context: &DecodeContext,
    value: impl FnOnce(Vec<Nlri>) -> AttributeValue,
) -> Reading {
    match Nlri::split(family, &field, context.add_path.contains(&family)) {
        Ok(mut list) => {
            let mut verdicts = Vec::new();
            list.retain(|nlri| match nlri.check() {
                Ok(()) => true,
                Err(error) => {
                    let outcome = nlri_outcome(family, error);
                    verdicts.push(verdict(raw, outcome, Defect::Nlri { family, error }));
                    false
                }
            });
            Reading {
                value: Some(value(list)),
                verdicts,
            }
        }
        Err(error) => fault(raw, Outcome::SessionReset, Defect::Nlri { family, error }),
    }
}

/// Where the length octet is the prefix length, one out of range leaves doubt about where NLRI start, and RFC 7606 section
/// 5.3 wants a reset. Typed NLRI (section 5.4) and Flowspec carry an independent length, so the others can be believed.
pub(crate) fn nlri_outcome(family: Family, error: NlriError) -> Outcome {
    match (family, error) {
        (_, NlriError::Overrun { .. }) => Outcome::SessionReset,
        (Family::EVPN, _) => Outcome::TreatAsWithdraw,
        (
            Family {
                safi: 133 | 134, ..
            },
            _,
        ) => Outcome::TreatAsWithdraw,
        _ => Outcome::SessionReset,
    }
}
