//! What a bad link does to frames, decided without sockets or a clock.
//!
//! An [`Impairment`] says what is asked of one direction of a link. A [`Line`] decides, frame by frame, what becomes of
//! each: lost, or delivered when, how often and how damaged. The same impairment and seed give the same decisions:
//!
//! ```
//! use std::time::Duration;
//! use impair::{Fate, Impairment, Line};
//!
//! let lossy = Impairment { loss: "30%".parse()?, ..Impairment::default() };
//! let mut one = Line::new(lossy, 42);
//! let mut other = Line::new(lossy, 42);
//! for number in 0..1000 {
//!     let now = Duration::from_millis(number);
//!     assert_eq!(one.decide(64, now), other.decide(64, now));
//! }
//! assert!((250..350).contains(&one.counters().lost));
//! # Ok::<(), impair::BadQuantity>(())
//! ```

mod counters;
mod draw;
mod impairment;
mod line;
mod quantity;

pub use counters::Counters;
pub use draw::{mix, seed_for};
pub use impairment::{Contradiction, Impairment};
pub use line::{Delivery, Fate, Line, flip};
pub use quantity::{BadQuantity, Rate, Share, in_parts, time};
