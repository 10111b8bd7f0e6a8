//! What goes and comes back, again and again; and octets that no speaker would send.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Attach, Cable};
use crate::lab::{AnnouncementId, NodeId};

/// Takes something away and brings it back, again and again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flap {
    /// What.
    pub what: Flapping,
    /// How many times; at least 1.
    pub times: u32,
    /// From the turn of one flap to that of the next.
    pub period: Duration,
    /// How long it is away; of a session, no time of its own.
    pub down: Duration,
    /// The most that a flap begins after its turn; with `down` at most `period`.
    pub jitter: Duration,
    /// Where the jitter begins.
    pub seed: u64,
}

/// What goes and comes back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Flapping {
    /// Routes that are announced.
    Announced(AnnouncementId),
    /// A port that is attached.
    Port(Attach),
    /// A session, reset at one of its ends.
    Session {
        /// The speaker that resets it.
        on: NodeId,
        /// The other end, as the speaker knows it.
        peer: IpAddr,
    },
    /// Cables.
    Link(Cable),
}

/// Octets for a client of a reflector of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inject {
    /// The reflector.
    pub on: NodeId,
    /// The client's address.
    pub to: IpAddr,
    /// What is sent.
    pub octets: Vec<u8>,
}

impl Flap {
    /// When each flap begins and ends, from the beginning of the step: never before the one before it has ended.
    pub fn moments(&self) -> impl Iterator<Item = (Duration, Duration)> + '_ {
        (0..self.times).map(|n| {
            let begins = self.period * n + self.late(n);
            (begins, begins + self.down)
        })
    }

    /// How much the nth flap is late. Depends on seed and number alone, so that one flap can be looked at by itself.
    fn late(&self, n: u32) -> Duration {
        let most = u64::try_from(self.jitter.as_nanos()).unwrap_or(u64::MAX - 1);
        let drawn = impair::mix(self.seed ^ impair::mix(n.into()));
        // The upper half of the product: as even as the draw, without a division.
        let share = (u128::from(drawn) * (u128::from(most) + 1)) >> 64;
        Duration::from_nanos(u64::try_from(share).unwrap_or(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flap(seed: u64) -> Flap {
        Flap {
            what: Flapping::Announced(AnnouncementId(0)),
            times: 1000,
            period: Duration::from_millis(20),
            down: Duration::from_millis(10),
            jitter: Duration::from_millis(5),
            seed,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_moments_and_another_gives_others() {
        let moments = |seed| flap(seed).moments().collect::<Vec<_>>();
        assert_eq!(moments(7), moments(7));
        assert_ne!(moments(7), moments(8));
    }

    #[test]
    fn flaps_are_late_by_the_whole_jitter_and_no_more_and_never_overlap() {
        let flap = flap(7);
        let mut late = Vec::new();
        let mut last = Duration::ZERO;
        for (n, (begins, ends)) in (0..).zip(flap.moments()) {
            assert!(begins >= last);
            last = ends;
            late.push(begins - flap.period * n);
        }
        let least = late.iter().min().expect("some");
        let most = late.iter().max().expect("some");
        assert!(*least < Duration::from_micros(100), "{least:?}");
        assert!(
            *most > Duration::from_micros(4900) && *most <= flap.jitter,
            "{most:?}"
        );
        let mean: Duration = late.iter().sum::<Duration>() / 1000;
        let middle = Duration::from_micros(2200)..Duration::from_micros(2800);
        assert!(middle.contains(&mean), "{mean:?}");
    }

    #[test]
    fn without_jitter_every_flap_has_its_turn() {
        let flap = Flap {
            jitter: Duration::ZERO,
            times: 3,
            ..flap(7)
        };
        let begins: Vec<u128> = flap
            .moments()
            .map(|(begins, _)| begins.as_millis())
            .collect();
        assert_eq!(begins, [0, 20, 40]);
    }
}
