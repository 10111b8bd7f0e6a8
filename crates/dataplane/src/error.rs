//! What a driver can answer instead of doing what it was asked.

use bgp_wire::Vni;
use vpn::InstanceId;

/// Why a dataplane operation was not done. After any of these from [`Driver::apply`], the
/// dataplane is as it was before the call.
///
/// [`Driver::apply`]: crate::Driver::apply
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DriverError {
    /// A port to plug is not there.
    #[error("interface `{name}` does not exist")]
    NoInterface {
        /// The interface asked for.
        name: String,
    },
    /// A port to plug belongs to something else.
    #[error("interface `{name}` is already a port of bridge `{bridge}`")]
    PortElsewhere {
        /// The interface asked for.
        name: String,
        /// What it is enslaved to.
        bridge: String,
    },
    /// A port to plug is in another instance of this driver.
    #[error("interface `{name}` is already a port of VPN instance `{other}`")]
    PortInInstance {
        /// The interface asked for.
        name: String,
        /// External identifier of the instance that has it.
        other: String,
    },
    /// The bridge the caller named is not there.
    #[error("bridge `{name}` does not exist")]
    NoBridge {
        /// The name given as `linuxbr`.
        name: String,
    },
    /// An interface with the needed name is something else.
    #[error("interface `{name}` exists and is not a {wanted}")]
    WrongKind {
        /// The interface.
        name: String,
        /// What it should be: `bridge` or `VXLAN interface`.
        wanted: &'static str,
    },
    /// A VXLAN interface that is not ours receives on this VNI already.
    #[error("VNI {vni} is already used by VXLAN interface `{name}`")]
    VniInUse {
        /// The VNI.
        vni: Vni,
        /// The interface that has it.
        name: String,
    },
    /// Another instance of this driver receives on this VNI already.
    #[error("VNI {vni} is already used by VPN instance `{other}`")]
    VniInInstance {
        /// The VNI.
        vni: Vni,
        /// External identifier of the instance that has it.
        other: String,
    },
    /// Two instances want the same interface names.
    #[error("VPN instances `{external_id}` and `{other}` would share interface `{name}`")]
    NameClash {
        /// External identifier of the instance to apply.
        external_id: String,
        /// External identifier of the instance that has the name.
        other: String,
        /// The interface name.
        name: String,
    },
    /// The kernel lacks a feature.
    #[error("this kernel cannot make a {feature}: {reason}")]
    Unsupported {
        /// What was to be made, e.g. `VXLAN interface`.
        feature: String,
        /// The kernel's answer.
        reason: String,
    },
    /// The process may not change links.
    #[error("not permitted to {action}: CAP_NET_ADMIN is needed in this network namespace")]
    NotPermitted {
        /// What was attempted.
        action: String,
    },
    /// Anything else the kernel refused.
    #[error("cannot {action}: {reason}")]
    Kernel {
        /// What was attempted, naming the interface.
        action: String,
        /// The kernel's answer.
        reason: String,
    },
    /// An operation on an instance that was never applied.
    #[error("VPN instance {instance} is not known to the dataplane")]
    UnknownInstance {
        /// The instance.
        instance: InstanceId,
    },
    /// The task that owns the driver has ended.
    #[error("the dataplane task has stopped")]
    Stopped,
}
