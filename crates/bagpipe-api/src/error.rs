//! What can be wrong with a request: the field, the rule it breaks, and what was there instead.

use std::fmt;

use thiserror::Error;

/// A request that breaks a rule of the API; the daemon answers it with status 400.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.description())]
pub struct ApiError {
    /// Where: a key of the body (`mac_address`, `readvertise.to_rt`), or `body` for all of it.
    pub field: String,
    /// What should have been there.
    pub rule: Rule,
    /// What was there: a value as it was written, or the name of its JSON type.
    pub found: Option<String>,
}

/// The rules a request can break.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// There has to be a body.
    Body,
    /// The body has to be JSON; carries what the parser says.
    Json(String),
    /// The body has to be a JSON object.
    Object,
    /// The field has to be there.
    Required,
    /// A key of an object may be there once.
    Once,
    /// Text that can be a name.
    Name,
    /// The keys of the object have to be among these.
    Keys(&'static [&'static str]),
    /// One of the two, not both.
    NotWith(&'static str),
    /// A port, or two with a colon between them.
    Ports,
    /// An IP protocol, by name or number.
    Protocol,
    /// The value has to be of this JSON type.
    Type(&'static str),
    /// The value has to be one of these words.
    OneOf(&'static [&'static str]),
    /// An integer between these two, both included.
    Range(u64, u64),
    /// An EUI-48 address.
    Mac,
    /// An IP address, with or without a prefix length or netmask.
    Ip,
    /// An address, not a subnet: E-VPN routes carry no prefix.
    NoSubnet,
    /// A route target, `AS:number`, `IPv4:number`.
    RouteTarget,
    /// `linuxif` or `evpn` has to be in the local port.
    LocalPort,
    /// The field is of no use with this kind of VPN.
    OnlyFor(&'static str),
    /// `attract_traffic` has to have a classifier.
    Classifier,
    /// `attract_traffic.to_rt` has to come with the prefixes to attract.
    StaticPrefixes,
    /// `attract_traffic.to_rt` and `readvertise.to_rt` have to be the same list.
    SameTargets,
    /// Attraction works towards exactly one route target.
    OneTarget,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body => f.write_str("a JSON object is required"),
            Self::Json(_) => f.write_str("must be JSON"),
            Self::Object => f.write_str("must be a JSON object"),
            Self::Required => f.write_str("is required"),
            Self::Once => f.write_str("must be there only once"),
            Self::Name => f.write_str("must have no control characters and at most 255 characters"),
            Self::Keys(keys) => write!(f, "must be one of the keys: {}", keys.join(", ")),
            Self::NotWith(other) => write!(f, "cannot be given together with `{other}`"),
            Self::Ports => f.write_str("must be a port, or a range as `1000:2000`"),
            Self::Protocol => f.write_str("must be an IP protocol, by name or number"),
            Self::Type(name) => write!(f, "must be {name}"),
            Self::OneOf(words) => write!(f, "must be one of: {}", words.join(", ")),
            Self::Range(low, high) => write!(f, "must be an integer from {low} to {high}"),
            Self::Mac => f.write_str("must be a MAC address of 48 bits"),
            Self::Ip => f.write_str("must be an IP address, with or without a prefix length"),
            Self::NoSubnet => {
                f.write_str("must be an address, not a subnet, when `advertise_subnet` is true")
            }
            Self::RouteTarget => f.write_str(
                "must be route targets: AS:number or IPv4-address:number, within 6 octets",
            ),
            Self::LocalPort => f.write_str("must have `linuxif` or `evpn`"),
            Self::OnlyFor(kind) => write!(f, "is only for {kind}"),
            Self::Classifier => f.write_str("must have a `classifier`"),
            Self::StaticPrefixes => {
                f.write_str("`static_destination_prefixes` is required with `to_rt`")
            }
            Self::SameTargets => f.write_str("must equal `readvertise.to_rt`"),
            Self::OneTarget => f.write_str("must have exactly one route target"),
        }
    }
}

impl ApiError {
    /// A rule broken by a field; the name of one that is nobody's can be long, and is cut.
    pub fn new(field: impl Into<String>, rule: Rule) -> Self {
        Self {
            field: cut(field.into()),
            rule,
            found: None,
        }
    }

    /// With what was there instead.
    ///
    /// What is too long to be read is cut: nobody gets back a megabyte for having sent one.
    pub fn found(mut self, found: impl Into<String>) -> Self {
        self.found = Some(cut(found.into()));
        self
    }

    /// The text for people, starting with `API error:`.
    ///
    /// Clients match on some of these, so the ones they may know are kept word for word.
    pub fn description(&self) -> String {
        let field = &self.field;
        let found = self.found.as_deref().unwrap_or_default();
        let text = match (&self.rule, field.as_str()) {
            (Rule::Body, _) => return "No local port details received".into(),
            (Rule::Required, "vpn_type") => "missing instance_type".into(),
            (Rule::Required, _) => format!("Missing parameter: '{field}'"),
            (Rule::OneOf(_), "vpn_type") => format!("unknown vpn_type: {found}"),
            (Rule::OneOf(words), "direction") => {
                format!("direction should be one of: {}", words.join(", "))
            }
            (Rule::LocalPort, _) => {
                "Mandatory key is missing in local_port parameter (linuxif, or evpn)".into()
            }
            (Rule::Mac, _) => format!("MAC address {found} is not valid"),
            (Rule::Ip, _) => format!("IP address {found} is not valid"),
            (Rule::Type("a boolean"), _) => format!("'{field}' must be a boolean"),
            (Rule::Classifier, _) => "'attract_traffic' specified with no 'classifier'".into(),
            (Rule::StaticPrefixes, _) => {
                "'attract_traffic/to_rt' specified without 'static_destination_prefixes'".into()
            }
            (Rule::SameTargets, _) => "if both are set, then 'attract_traffic/to_rt' and \
                'readvertise/to_rt' have to be equal"
                .into(),
            (Rule::OneTarget, _) => "attract_traffic requires exactly one RT to be provided in \
                'readvertise/to_rt' and 'attract_traffic/to_rt'"
                .into(),
            (Rule::Json(why), _) => format!("'{field}' must be JSON: {why}"),
            (rule, _) if found.is_empty() => format!("'{field}' {rule}"),
            (rule, _) => format!("'{field}' {rule}, not {found}"),
        };
        format!("API error: {text}")
    }
}

const MAX_FOUND: usize = 100;

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_FOUND) {
        text.truncate(end);
        text.push_str("...");
    }
    text
}
