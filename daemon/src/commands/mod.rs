//! The commands: each is a function from its command line, program name first, to an exit status.

pub mod looking_glass;
