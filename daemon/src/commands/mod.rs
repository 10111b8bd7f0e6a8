//! The commands: each is a function from its command line, program name first, to an exit status.

pub mod cleanup;
pub mod daemon;
pub mod impex2dot;
pub mod looking_glass;
mod reach;
pub mod rest_attach;
mod service;
