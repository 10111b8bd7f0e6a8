//! Bridge and VXLAN of the Linux kernel.

mod check;
mod desired;
mod model;
mod names;
mod plan;
