use std::net::Ipv4Addr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{AsPath, Attribute, AttributeValue, Origin, PmsiTunnel};
use crate::community::{Encapsulation, ExtendedCommunity};
use crate::types::RouteTarget;

/// The attributes of a route except MP_REACH_NLRI and MP_UNREACH_NLRI, in ascending order of code.
///
/// Cheap to clone. Equal when flags (but for the length form), codes and values are the same octets. AS numbers are held in
/// four octets; the encoder narrows them for a session that needs it.
#[derive(Debug, Clone, Default)]
pub struct PathAttributes {
    attributes: Arc<Vec<Attribute>>,
}

impl PathAttributes {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with this attribute, in place of another of its code.
    pub fn with(self, value: AttributeValue) -> Self {
        let _ = value;
        unimplemented!()
    }

    /// The same without the attribute of this code.
    pub fn without(self, code: u8) -> Self {
        let _ = code;
        unimplemented!()
    }

    /// The attribute of this code, see [`super::code`].
    pub fn get(&self, code: u8) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|attribute| attribute.code() == code)
    }

    /// All of them, in ascending order of code.
    pub fn iter(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter()
    }

    /// ORIGIN.
    pub fn origin(&self) -> Option<Origin> {
        unimplemented!()
    }

    /// AS_PATH.
    pub fn as_path(&self) -> Option<&AsPath> {
        unimplemented!()
    }

    /// NEXT_HOP.
    pub fn next_hop(&self) -> Option<Ipv4Addr> {
        unimplemented!()
    }

    /// MULTI_EXIT_DISC.
    pub fn med(&self) -> Option<u32> {
        unimplemented!()
    }

    /// LOCAL_PREF.
    pub fn local_pref(&self) -> Option<u32> {
        unimplemented!()
    }

    /// ORIGINATOR_ID.
    pub fn originator_id(&self) -> Option<Ipv4Addr> {
        unimplemented!()
    }

    /// CLUSTER_LIST, empty if absent.
    pub fn cluster_list(&self) -> &[Ipv4Addr] {
        unimplemented!()
    }

    /// Communities, empty if absent.
    pub fn communities(&self) -> &[u32] {
        unimplemented!()
    }

    /// Extended communities, empty if absent.
    pub fn extended_communities(&self) -> &[ExtendedCommunity] {
        unimplemented!()
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
        unimplemented!()
    }
}

impl PartialEq for PathAttributes {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.attributes, &other.attributes) || self.attributes == other.attributes
    }
}

impl Eq for PathAttributes {}

impl Serialize for PathAttributes {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        unimplemented!()
    }
}

impl<'de> Deserialize<'de> for PathAttributes {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        unimplemented!()
    }
}
