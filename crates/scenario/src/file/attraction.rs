//! What an IP VPN does with routes of others besides forwarding by them, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, OneOrMany};

/// Routes to advertise again with other targets. Beside `attract_traffic` it is a default route that is advertised, not the
/// prefixes: what comes by it is no more than was attracted.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ReadvertiseFile {
    /// Routes with one of these route targets...
    pub from_rt: OneOrMany<At<String>>,
    /// ...are advertised again with these, once for each port.
    pub to_rt: OneOrMany<At<String>>,
}

/// Traffic to attract with Flowspec routes, to the prefixes of the routes that `readvertise` names and to
/// `static_prefixes`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AttractFile {
    /// Route targets of the Flowspec routes: who imports one of them has the traffic redirected.
    pub redirect_rt: OneOrMany<At<String>>,
    /// The route target that it is redirected to; that of `readvertise` when not given.
    pub to_rt: Option<At<String>>,
    /// Prefixes attracted whatever routes there are.
    #[serde(default)]
    pub static_prefixes: OneOrMany<At<String>>,
    /// Where it comes from, as a prefix; from anywhere when not given.
    pub source: Option<At<String>>,
    /// The IP protocol, by name or number; `"tcp"` when not given.
    pub protocol: Option<At<String>>,
    /// Source ports: `"80"` or `"1000:2000"`.
    pub source_port: Option<At<String>>,
    /// Destination ports: `"80"` or `"1000:2000"`.
    pub destination_port: Option<At<String>>,
}
