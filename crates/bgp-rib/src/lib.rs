//! Route tables: publish/subscribe on route targets, RT-Constraint, reflection rules, best path.
//!
//! The speaker's side: workers (BGP peers, VPN instances) publish routes to a [`RouteTable`] and subscribe to
//! route targets; the table says who has to be told what. [`PeerExport`] is the part that speaks for a BGP
//! peer. Everything that goes in is a [`RibEvent`] and everything that comes out a [`Dispatch`].
//!
//! No I/O, no clock.

pub mod best_path;
pub mod end_of_rib;
pub mod event;
pub mod export;
pub mod helper;
mod path;
pub mod peer;
pub mod reflector;
pub mod render;
pub mod route;
pub mod rtc;
pub mod sorted;
pub mod table;
pub mod worker;

pub use event::{Change, Dispatch, RibEvent};
pub use helper::Helper;
pub use peer::PeerExport;
pub use route::{Match, Route};
pub use rtc::RtcOrigin;
pub use table::{RouteCounts, RouteTable};
pub use worker::WorkerId;
