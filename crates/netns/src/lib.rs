//! Linux namespaces, links, processes and capture sockets; no BGP in here.
//!
//! Three facts of the kernel shape this crate:
//!
//! * `setns` and `unshare` act on one *thread*. They are only ever called on throw-away threads
//!   ([`ns::NetNs::run`]), so a pool thread never ends up in a wrong namespace.
//! * A socket belongs for ever to the network namespace it was *created* in. So every socket here
//!   (netlink, packet, ICMP, TCP) is opened on such a thread and then used from anywhere.
//! * A namespace lives as long as something holds it: a process, a mount or, here, a descriptor.
//!   Drop the last [`ns::NetNs`] and the kernel removes it with every link inside.
//!
//! The only crate of the workspace that may contain `unsafe`.

pub mod addr;
pub mod changes;
mod exec;
pub mod flow;
pub mod icmp;
pub mod lab;
pub mod limit;
pub mod link;
pub mod ns;
pub mod packet;
pub mod probe;
pub mod process;
pub mod reach;
mod refusal;
mod sys;
pub mod sysctl;
pub mod tcp;
pub mod trace;
pub mod unix;
pub mod wire;
