//! `bagpipe-bgp`, a BGP VPN speaker for a compute node, and its tools.
//!
//! Each tool is a function from its command line to an exit status, so that one binary can be all of them:
//! see [`commands`].

pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod core;
pub mod glass;
pub mod host;
pub mod logging;
pub mod metrics;
pub mod port;
pub mod privileges;
pub mod rest;
pub mod store;
