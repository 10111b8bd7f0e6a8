use std::hash::{Hash, Hasher};
use std::net::Ipv4Addr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Aggregator, AsPath, Attribute, AttributeValue, Origin, PmsiTunnel, code};
use crate::community::{Encapsulation, ExtendedCommunity, LargeCommunity};
use crate::message::{DecodeContext, EncodeContext};
use crate::raw::{RawAttribute, flags};
use crate::types::RouteTarget;

/// The attributes of a route except MP_REACH_NLRI and MP_UNREACH_NLRI, in ascending order of code.
///
/// Cheap to clone. Equal when flags (but for the length form), codes and values are the same octets. AS numbers are held in
/// four octets, and AS4_PATH is already part of AS_PATH; the encoder narrows them for a session that needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct PathAttributes {
    attributes: Shared,
}

/// Compares the pointers first: routes of one UPDATE share theirs.
#[derive(Debug, Clone, Default)]
struct Shared(Arc<Vec<Attribute>>);

impl PartialEq for Shared {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0 == other.0
    }
}

impl Eq for Shared {}

impl Hash for Shared {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

macro_rules! value_of {
    ($self:ident, $code:ident, $variant:ident) => {
        match &$self.get(code::$code)?.value {
            AttributeValue::$variant(value) => Some(value),
            _ => None,
        }
    };
}

impl PathAttributes {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// In ascending order of code; of several with one code the first, MP_REACH_NLRI and MP_UNREACH_NLRI left out.
    pub(crate) fn from_list(mut list: Vec<Attribute>) -> Self {
        list.retain(|attribute| !is_multiprotocol(attribute.code()));
        list.sort_by_key(Attribute::code);
        list.dedup_by_key(|attribute| attribute.code());
        Self {
            attributes: Shared(Arc::new(list)),
        }
    }

    /// The same with this attribute, in place of another of its code. MP_REACH_NLRI and MP_UNREACH_NLRI are not taken:
    /// they belong to a message.
    pub fn with(self, value: AttributeValue) -> Self {
        self.with_attribute(Attribute::new(value, &EncodeContext::default()))
    }

    /// As [`PathAttributes::with`], octets chosen by the caller.
    pub fn with_attribute(mut self, attribute: Attribute) -> Self {
        let code = attribute.code();
        if is_multiprotocol(code) {
            return self;
        }
        let list = Arc::make_mut(&mut self.attributes.0);
        match list.binary_search_by_key(&code, Attribute::code) {
            Ok(at) => list[at] = attribute,
            Err(at) => list.insert(at, attribute),
        }
        self
    }

    /// The same without the attribute of this code.
    pub fn without(mut self, code: u8) -> Self {
        if let Some(at) = self.position(code) {
            Arc::make_mut(&mut self.attributes.0).remove(at);
        }
        self
    }

    /// The same as another speaker may see it: unknown attributes without those that are not transitive, the others
    /// marked partial (RFC 4271 section 5).
    pub fn propagated(mut self) -> Self {
        let unknown = |attribute: &Attribute| {
            let RawAttribute { flags, .. } = attribute.raw;
            matches!(attribute.value, AttributeValue::Unknown { .. })
                && flags & (flags::TRANSITIVE | flags::PARTIAL)
                    != flags::TRANSITIVE | flags::PARTIAL
        };
        if self.iter().any(unknown) {
            let list = Arc::make_mut(&mut self.attributes.0);
            list.retain(|attribute| {
                !unknown(attribute) || attribute.raw.flags & flags::TRANSITIVE != 0
            });
            for attribute in list.iter_mut() {
                if let AttributeValue::Unknown { flags, .. } = &mut attribute.value {
                    *flags |= flags::PARTIAL;
                    attribute.raw.flags |= flags::PARTIAL;
                }
            }
        }
        self
    }

    /// The same, without a hold on the message that brought them: what is kept for long is not to keep it.
    pub fn detached(&self) -> Self {
        let values = self.iter().map(|attribute| attribute.raw.value.as_ref());
        let mut rest = Bytes::from(values.collect::<Vec<_>>().concat());
        let list = self.iter().map(|attribute| {
            let mut attribute = attribute.clone();
            let value = rest.split_to(attribute.raw.value.len());
            match &mut attribute.value {
                AttributeValue::Unknown { data, .. } => *data = value.clone(),
                AttributeValue::Pmsi(pmsi) => pmsi.tunnel = Bytes::copy_from_slice(&pmsi.tunnel),
                _ => {}
            }
            attribute.raw.value = value;
            attribute
        });
        Self {
            attributes: Shared(Arc::new(list.collect())),
        }
    }

    fn position(&self, code: u8) -> Option<usize> {
        self.attributes
            .0
            .binary_search_by_key(&code, Attribute::code)
            .ok()
    }

    /// The attribute of this code, see [`super::code`].
    pub fn get(&self, code: u8) -> Option<&Attribute> {
        self.attributes.0.get(self.position(code)?)
    }

    /// All of them, in ascending order of code.
    pub fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.attributes.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.attributes.0.is_empty()
    }

    /// ORIGIN.
    pub fn origin(&self) -> Option<Origin> {
        value_of!(self, ORIGIN, Origin).copied()
    }

    /// AS_PATH.
    pub fn as_path(&self) -> Option<&AsPath> {
        value_of!(self, AS_PATH, AsPath)
    }

    /// NEXT_HOP. Of a route the next hop beside it counts, not this.
    pub fn next_hop(&self) -> Option<Ipv4Addr> {
        value_of!(self, NEXT_HOP, NextHop).copied()
    }

    /// MULTI_EXIT_DISC.
    pub fn med(&self) -> Option<u32> {
        value_of!(self, MED, Med).copied()
    }

    /// LOCAL_PREF.
    pub fn local_pref(&self) -> Option<u32> {
        value_of!(self, LOCAL_PREF, LocalPref).copied()
    }

    /// AGGREGATOR.
    pub fn aggregator(&self) -> Option<Aggregator> {
        value_of!(self, AGGREGATOR, Aggregator).copied()
    }

    /// ORIGINATOR_ID.
    pub fn originator_id(&self) -> Option<Ipv4Addr> {
        value_of!(self, ORIGINATOR_ID, OriginatorId).copied()
    }

    /// CLUSTER_LIST, empty if absent.
    pub fn cluster_list(&self) -> &[Ipv4Addr] {
        let list = || value_of!(self, CLUSTER_LIST, ClusterList);
        list().map_or(&[], Vec::as_slice)
    }

    /// Communities, empty if absent.
    pub fn communities(&self) -> &[u32] {
        let list = || value_of!(self, COMMUNITIES, Communities);
        list().map_or(&[], Vec::as_slice)
    }

    /// Large communities, empty if absent.
    pub fn large_communities(&self) -> &[LargeCommunity] {
        let list = || value_of!(self, LARGE_COMMUNITIES, LargeCommunities);
        list().map_or(&[], Vec::as_slice)
    }

    /// Extended communities, empty if absent.
    pub fn extended_communities(&self) -> &[ExtendedCommunity] {
        let list = || value_of!(self, EXTENDED_COMMUNITIES, ExtendedCommunities);
        list().map_or(&[], Vec::as_slice)
    }

    /// The route targets among the extended communities, in order.
    pub fn route_targets(&self) -> Vec<RouteTarget> {
        self.extended_communities()
            .iter()
            .filter_map(ExtendedCommunity::route_target)
            .collect()
    }

    /// The encapsulations among the extended communities, in order.
    pub fn encapsulations(&self) -> Vec<Encapsulation> {
        self.extended_communities()
            .iter()
            .filter_map(ExtendedCommunity::encapsulation)
            .collect()
    }

    /// PMSI tunnel.
    pub fn pmsi(&self) -> Option<&PmsiTunnel> {
        value_of!(self, PMSI, Pmsi)
    }

    /// Appends them for a session, `except` one code. Without four-octet AS numbers AS_PATH and AGGREGATOR are narrowed
    /// and AS4_PATH and AS4_AGGREGATOR added where numbers were lost (RFC 6793 section 4.2.2).
    pub(crate) fn encode_into(
        &self,
        except: Option<u8>,
        context: &EncodeContext,
        buffer: &mut BytesMut,
    ) {
        let narrowed;
        let source = if context.as4 {
            self
        } else {
            narrowed = self.narrowed(context);
            &narrowed
        };
        for attribute in source
            .iter()
            .filter(|attribute| Some(attribute.code()) != except)
        {
            attribute.raw.encode_into(buffer);
        }
    }

    fn narrowed(&self, context: &EncodeContext) -> Self {
        let mut narrowed = self.clone();
        if let Some(path) = self.as_path() {
            let value = AttributeValue::AsPath(path.clone());
            narrowed = narrowed.with_attribute(Attribute::new(value, context));
            if let Some(wide) = path.as4_path() {
                narrowed = narrowed.with(AttributeValue::As4Path(wide));
            }
        }
        if let Some(aggregator) = self.aggregator() {
            let value = AttributeValue::Aggregator(aggregator);
            narrowed = narrowed.with_attribute(Attribute::new(value, context));
            if u16::try_from(aggregator.asn).is_err() {
                narrowed = narrowed.with(AttributeValue::As4Aggregator(aggregator));
            }
        }
        narrowed
    }

    /// The opposite of narrowing, for what a session without four-octet AS numbers brought (RFC 6793 section 4.2.3).
    pub(crate) fn widened(self) -> Self {
        let wide_path = match self.get(code::AS4_PATH).map(|attribute| &attribute.value) {
            Some(AttributeValue::As4Path(path)) => Some(path.clone()),
            _ => None,
        };
        let wide_aggregator = match self.get(code::AS4_AGGREGATOR).map(|a| &a.value) {
            Some(AttributeValue::As4Aggregator(aggregator)) => Some(*aggregator),
            _ => None,
        };
        let path = self.as_path().cloned();
        let aggregator = self.aggregator();
        let mut widened = self.without(code::AS4_PATH).without(code::AS4_AGGREGATOR);
        // An aggregator that is not AS_TRANS was set by a two-octet speaker later: what came from before it is stale.
        let trans = u32::from(crate::open::AS_TRANS);
        let stale = aggregator.is_some_and(|aggregator| aggregator.asn != trans);
        if let Some(path) = path {
            let path = match wide_path.filter(|_| !stale || wide_aggregator.is_none()) {
                Some(wide) => path.merged(&wide),
                None => path,
            };
            widened = widened.with(AttributeValue::AsPath(path));
        }
        if let Some(aggregator) = aggregator {
            let aggregator = wide_aggregator.filter(|_| !stale).unwrap_or(aggregator);
            widened = widened.with(AttributeValue::Aggregator(aggregator));
        }
        widened
    }
}

fn is_multiprotocol(code: u8) -> bool {
    matches!(code, code::MP_REACH | code::MP_UNREACH)
}

impl FromIterator<AttributeValue> for PathAttributes {
    fn from_iter<I: IntoIterator<Item = AttributeValue>>(values: I) -> Self {
        values.into_iter().fold(Self::new(), Self::with)
    }
}

/// As the octets of the attributes.
impl Serialize for PathAttributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|attribute| &attribute.raw))
    }
}

impl<'de> Deserialize<'de> for PathAttributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<RawAttribute>::deserialize(deserializer)?;
        let decoded = list
            .into_iter()
            .map(|raw| Attribute::decode(raw, &DecodeContext::default()));
        let list = decoded.collect::<Result<_, _>>();
        list.map(Self::from_list)
            .map_err(|verdict| serde::de::Error::custom(verdict.defect))
    }
}
