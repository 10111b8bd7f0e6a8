//! Routes that steps have speakers announce: one, and how the others follow from it.

mod counter;

use bgp_wire::{AttributeValue, Family, NextHop, Nlri, NlriValue, PathAttributes};
use serde::{Deserialize, Serialize};

pub use counter::{Counter, Overflow};

use crate::lab::NodeId;

/// Routes that a speaker announces when a step says so, and withdraws when another does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// What it is called, if anything.
    pub name: Option<String>,
    /// Who announces it.
    pub on: NodeId,
    /// The first destination.
    pub first: NlriValue,
    /// How many there are; at least 1.
    pub routes: u32,
    /// What counts up from each to the next; never past the end of its range.
    pub counting: Vec<Counter>,
    /// The next hop in the form of the family.
    pub next_hop: NextHop,
    /// Everything else, NEXT_HOP and MP_REACH_NLRI excepted.
    pub attributes: PathAttributes,
}

/// Routes that share everything but the destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// What they share.
    pub attributes: PathAttributes,
    /// The destinations.
    pub nlri: Vec<Nlri>,
}

impl Announcement {
    /// The family of all of them.
    pub fn family(&self) -> Family {
        self.first.family()
    }

    /// The destinations, in order.
    pub fn destinations(&self) -> impl Iterator<Item = Nlri> + '_ {
        (0..self.routes).filter_map(|n| {
            let mut counters = self.counting.iter();
            let first = self.first.clone();
            let value = counters.try_fold(first, |value, counter| counter.count(value, n));
            // That the last one fits was found out when this was made, and so do all before it.
            value.ok().map(Nlri::from)
        })
    }

    /// Everything there is to announce, in the order of the destinations: the label of a PMSI tunnel is an attribute, so
    /// that where it counts up nothing is shared.
    pub fn batches(&self) -> Vec<Batch> {
        let of_tunnels = self.counting.contains(&Counter::Vni) && self.tunnel(0).is_some();
        if !of_tunnels {
            return vec![Batch {
                attributes: self.attributes.clone(),
                nlri: self.destinations().collect(),
            }];
        }
        let numbered = (0..self.routes).zip(self.destinations());
        let batch = |(n, nlri)| Batch {
            attributes: self.tunnel(n).unwrap_or_else(|| self.attributes.clone()),
            nlri: vec![nlri],
        };
        numbered.map(batch).collect()
    }

    /// The attributes with the PMSI tunnel of the nth route; `None` where there is no such tunnel.
    fn tunnel(&self, n: u32) -> Option<PathAttributes> {
        let pmsi = self.attributes.pmsi()?;
        let mut pmsi = pmsi.clone();
        pmsi.label = Counter::Vni.count_field(pmsi.label, n).ok()?;
        Some(self.attributes.clone().with(AttributeValue::Pmsi(pmsi)))
    }
}
