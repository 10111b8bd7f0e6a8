//! What bad links do to frames, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, words};

/// What is asked of frames, wherever that is said.
#[derive(Clone, Copy, Debug)]
pub struct Effects<'a> {
    /// Times on the way.
    pub delay: Option<&'a At<String>>,
    pub jitter: Option<&'a At<String>>,
    /// Percentages.
    pub loss: Option<&'a At<String>>,
    pub loss_correlation: Option<&'a At<String>>,
    pub duplicate: Option<&'a At<String>>,
    pub reorder: Option<&'a At<String>>,
    pub gap: Option<&'a At<i64>>,
    pub corrupt: Option<&'a At<String>>,
    /// Bits per second.
    pub rate: Option<&'a At<String>>,
    pub queue: Option<&'a At<i64>>,
}

/// A table that has, beside keys of its own, those of [`Effects`]: the same in `[lans]`, `[links]` and in steps.
macro_rules! with_effects {
    ($(#[$about:meta])* pub struct $name:ident { $($own:tt)* }) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($own)*
            /// How long every frame takes: `"500us"`, `"1.5ms"`, `"2s"`; at most a minute.
            #[schemars(with = "Option<words::Time>")]
            pub delay: Option<At<String>>,
            /// By how much the delay is shorter or longer, evenly; at most the delay. Frames keep their order.
            #[schemars(with = "Option<words::Time>")]
            pub jitter: Option<At<String>>,
            /// Which share of frames is lost: `"1%"`, `"0.05%"`.
            #[schemars(with = "Option<words::Percentage>")]
            pub loss: Option<At<String>>,
            /// How much the loss of a frame says about that of the next, so that losses come in bursts: `"0%"` (when not
            /// given), nothing; `"100%"`, everything. The share of frames lost stays the same.
            #[schemars(with = "Option<words::Percentage>")]
            pub loss_correlation: Option<At<String>>,
            /// Which share of frames arrives twice.
            #[schemars(with = "Option<words::Percentage>")]
            pub duplicate: Option<At<String>>,
            /// Which share of frames is not delayed and so overtakes others; with `delay`.
            #[schemars(with = "Option<words::Percentage>")]
            pub reorder: Option<At<String>>,
            /// Only every so many-th frame may overtake; 1 when not given.
            pub gap: Option<At<i64>>,
            /// Which share of frames has a bit turned over.
            #[schemars(with = "Option<words::Percentage>")]
            pub corrupt: Option<At<String>>,
            /// How much goes through in a second, Ethernet headers included: `"500kbit"`, `"10mbit"`, `"1gbit"`.
            #[schemars(with = "Option<words::Rate>")]
            pub rate: Option<At<String>>,
            /// How many frames wait for the rate at most before others are dropped; 1000 when not given.
            pub queue: Option<At<i64>>,
        }

        impl $name {
            /// What it asks of frames.
            pub fn effects(&self) -> Effects<'_> {
                Effects {
                    delay: self.delay.as_ref(),
                    jitter: self.jitter.as_ref(),
                    loss: self.loss.as_ref(),
                    loss_correlation: self.loss_correlation.as_ref(),
                    duplicate: self.duplicate.as_ref(),
                    reorder: self.reorder.as_ref(),
                    gap: self.gap.as_ref(),
                    corrupt: self.corrupt.as_ref(),
                    rate: self.rate.as_ref(),
                    queue: self.queue.as_ref(),
                }
            }
        }
    };
}

with_effects! {
    /// What a LAN or link does to frames from the start. Without `node` it is done to every frame once: as it leaves the
    /// node that sends it. Of several that concern the same frames the last counts, alone.
    pub struct ImpairFile {
        /// Only to the frames of this node, or of every node of this group.
        pub node: Option<At<String>>,
        /// With `node`: `"out"`, what it sends; `"in"`, what it gets; `"both"` (when not given).
        #[schemars(with = "Option<words::Direction>")]
        pub direction: Option<At<String>>,
    }
}

with_effects! {
    /// Has a LAN or link do something to frames from now on, in place of what it did. Without `node` it is done to every
    /// frame once: as it leaves the node that sends it.
    pub struct ImpairStepFile {
        /// The LAN or link.
        pub on: At<String>,
        /// Only to the frames of this node, or of every node of this group; those of others go on as they did.
        pub node: Option<At<String>>,
        /// With `node`: `"out"`, what it sends; `"in"`, what it gets; `"both"` (when not given).
        #[schemars(with = "Option<words::Direction>")]
        pub direction: Option<At<String>>,
        /// True: nothing is done to them any more.
        pub clear: Option<At<bool>>,
    }
}
