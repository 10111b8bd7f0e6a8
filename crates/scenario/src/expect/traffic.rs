//! What came of traffic.

use serde::{Deserialize, Serialize};

use super::Since;
use crate::amount::Amount;
use crate::lab::FlowId;

/// The figures of a flow lie within these bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrafficExpectation {
    /// Which flow.
    pub flow: FlowId,
    /// From which probe on.
    pub since: Since,
    /// At least one, each figure once.
    pub bounds: Vec<FigureBound>,
}

/// Bounds of a figure, in its unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FigureBound {
    /// Which figure.
    pub figure: Figure,
    /// Its bounds.
    pub amount: Amount,
}

/// Something that is measured of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Figure {
    /// Probes that arrived.
    Received,
    /// Probes that did not.
    Lost,
    /// The part that was lost, in millionths.
    Loss,
    /// Arrivals after the first.
    Duplicated,
    /// Arrivals after one that was sent later.
    Reordered,
    /// The longest outage, in nanoseconds.
    Outage,
    /// How many outages there were.
    Outages,
    /// The shortest latency, in nanoseconds.
    Min,
    /// Half of the latencies, in nanoseconds, are no longer.
    P50,
    /// 90 % are no longer.
    P90,
    /// 99 % are no longer.
    P99,
    /// The longest latency, in nanoseconds.
    Max,
}

/// What a figure is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Probes, or outages.
    Count,
    /// Millionths.
    Part,
    /// Nanoseconds.
    Time,
}

impl Figure {
    /// The beginning of its keys.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Lost => "lost",
            Self::Loss => "loss",
            Self::Duplicated => "duplicated",
            Self::Reordered => "reordered",
            Self::Outage => "outage",
            Self::Outages => "outages",
            Self::Min => "min",
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::Max => "max",
        }
    }

    /// What it is counted in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Loss => Unit::Part,
            Self::Outage | Self::Min | Self::P50 | Self::P90 | Self::P99 | Self::Max => Unit::Time,
            _ => Unit::Count,
        }
    }

    /// Whether it can only grow while the flow goes on.
    pub const fn only_grows(self) -> bool {
        matches!(
            self,
            Self::Received
                | Self::Lost
                | Self::Duplicated
                | Self::Reordered
                | Self::Outage
                | Self::Outages
                | Self::Max
        )
    }

    /// A value of it, as people read it.
    pub fn show(self, value: u64) -> String {
        match self.unit() {
            Unit::Count => value.to_string(),
            Unit::Part => format!("{}%", value as f64 / 10_000.0),
            Unit::Time if value < 1_000_000 => format!("{} us", value as f64 / 1e3),
            Unit::Time if value < 1_000_000_000 => {
                format!("{} ms", (value as f64 / 1e3).round() / 1e3)
            }
            Unit::Time => format!("{} s", (value as f64 / 1e6).round() / 1e3),
        }
    }
}

impl FigureBound {
    /// `outage at most 200 ms`.
    pub fn show(&self) -> String {
        let name = self.figure.name();
        let show = |value| self.figure.show(value);
        match (self.amount.at_least, self.amount.at_most) {
            (least, Some(most)) if least == most => format!("{name} {}", show(least)),
            (0, Some(most)) => format!("{name} at most {}", show(most)),
            (least, Some(most)) => format!("{name} {} to {}", show(least), show(most)),
            (least, None) => format!("{name} at least {}", show(least)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_read_aloud() {
        let bound = |figure, at_least, at_most| {
            let amount = Amount { at_least, at_most };
            FigureBound { figure, amount }.show()
        };
        let ms = 1_000_000;
        assert_eq!(
            bound(Figure::Outage, 0, Some(200 * ms)),
            "outage at most 200 ms"
        );
        assert_eq!(
            bound(Figure::Outage, 1, Some(1500 * ms)),
            "outage 0.001 us to 1.5 s"
        );
        assert_eq!(bound(Figure::Loss, 0, Some(5000)), "loss at most 0.5%");
        assert_eq!(bound(Figure::Lost, 0, Some(0)), "lost 0");
        assert_eq!(bound(Figure::P99, 0, Some(500_000)), "p99 at most 500 us");
        assert_eq!(bound(Figure::Received, 10, None), "received at least 10");
    }
}
