//! What came of traffic, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::At;

/// What came of traffic. Probes that are still under way do not count; those that were sent before the expectation are
/// waited for. While the traffic goes on, upper bounds are judged by what is sent for another `timeout` of it as well, or
/// a quarter of `within` where that is shorter: what was just broken shows in that.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrafficFiguresFile {
    /// What the traffic is called.
    pub flow: At<String>,
    /// Only probes sent since this step began: its label, or `"last-step"`, the last one before this that did
    /// something. All when not given.
    pub since: Option<At<String>>,
    /// Probes that arrived.
    pub received_at_least: Option<At<i64>>,
    /// Probes that arrived.
    pub received_at_most: Option<At<i64>>,
    /// Probes that did not.
    pub lost_at_least: Option<At<i64>>,
    /// Probes that did not.
    pub lost_at_most: Option<At<i64>>,
    /// The part of the probes that was lost: `"0.5%"`.
    pub loss_at_least: Option<At<String>>,
    /// The part of the probes that was lost: `"0.5%"`.
    pub loss_at_most: Option<At<String>>,
    /// Arrivals of a probe that was there already.
    pub duplicated_at_least: Option<At<i64>>,
    /// Arrivals of a probe that was there already.
    pub duplicated_at_most: Option<At<i64>>,
    /// Probes that arrived after one that was sent later.
    pub reordered_at_least: Option<At<i64>>,
    /// Probes that arrived after one that was sent later.
    pub reordered_at_most: Option<At<i64>>,
    /// The longest time in which nothing that was sent arrived: `"200ms"`.
    pub outage_at_least: Option<At<String>>,
    /// The longest time in which nothing that was sent arrived: `"200ms"`. It must be over.
    pub outage_at_most: Option<At<String>>,
    /// How often nothing that was sent arrived for a while.
    pub outages_at_least: Option<At<i64>>,
    /// How often nothing that was sent arrived for a while.
    pub outages_at_most: Option<At<i64>>,
    /// The shortest latency: `"500us"`.
    pub min_at_least: Option<At<String>>,
    /// The median of the latency: half of the probes take no longer.
    pub p50_at_least: Option<At<String>>,
    /// The median of the latency: half of the probes take no longer.
    pub p50_at_most: Option<At<String>>,
    /// 90 % of the probes take no longer.
    pub p90_at_most: Option<At<String>>,
    /// 99 % of the probes take no longer.
    pub p99_at_most: Option<At<String>>,
    /// The longest latency.
    pub max_at_most: Option<At<String>>,
}
