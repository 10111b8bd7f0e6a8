//! Why an operation was not done, as the client is told.

use dataplane::DriverError;
use hyper::StatusCode;
use vpn::{AttachError, DetachError};

use crate::{rest::HttpError, store::NotKept};

/// The instance or its numbers do not allow the attach.
pub(super) fn attach(error: &AttachError) -> HttpError {
    let (field, rule) = match error {
        AttachError::NoDriver { .. } => ("vpn_type", "must have a dataplane driver"),
        AttachError::OtherKind { .. } => ("vpn_type", "must be that of the instance"),
        AttachError::NotUnicast { .. } => ("mac_address", "must be a unicast address"),
        AttachError::UnsupportedDirection { .. } => {
            ("direction", "must be one the dataplane driver supports")
        }
        AttachError::SubnetInEvpn { .. } => ("advertise_subnet", "must be false for this VPN type"),
        AttachError::LearnOutsideEvpn { .. } => ("learn", "must be false for this VPN type"),
        AttachError::AddressWithoutMac => ("ip_address", "is only for a MAC address"),
        AttachError::NoAddress => ("ip_address", "is required"),
        AttachError::NoPort => ("local_port", "must have a linuxif or an evpn"),
        AttachError::EvpnInEvpn => ("local_port.evpn", "is only for vpn_type ipvpn"),
        AttachError::UnknownEvpn { .. } | AttachError::NotEvpn { .. } => (
            "local_port.evpn.id",
            "must be an existing instance of type evpn",
        ),
        AttachError::EvpnTaken { .. } => (
            "local_port.evpn.id",
            "must not be plugged into another ipvpn instance",
        ),
        AttachError::OtherEvpn { .. } => (
            "local_port.evpn.id",
            "must be the evpn instance that is plugged in already",
        ),
        AttachError::VniInUse { .. } => ("vni", "must not be used by another instance"),
        AttachError::MacOnOtherPort { .. } => {
            ("local_port", "must be the one the MAC address is bound to")
        }
        AttachError::IpOnOtherMac { .. } => {
            ("ip_address", "must not be bound to another MAC address")
        }
        AttachError::VlanDiffers { .. } => ("local_port", "must have the same VLAN for all"),
        AttachError::Exhausted { .. } => return failed(ATTACH, &error.to_string()),
    };
    refuse(field, rule, &error.to_string())
}

/// There is nothing to detach.
pub(super) fn detach(error: &DetachError) -> HttpError {
    let (field, rule) = match error {
        DetachError::UnknownInstance { .. } => ("vpn_instance_id", "must be an existing instance"),
        DetachError::PortNotPlugged { .. } => (
            "mac_address",
            "is required, as the port is not attached without one",
        ),
        DetachError::NotPlugged { .. } => ("mac_address", "must be attached to the instance"),
    };
    refuse(field, rule, &error.to_string())
}

/// The dataplane did not plug the port.
pub(super) fn plug(error: &DriverError) -> HttpError {
    let (field, rule) = match error {
        DriverError::NoInterface { .. } => ("local_port.linuxif", "must be an existing interface"),
        DriverError::PortElsewhere { .. } | DriverError::PortInInstance { .. } => {
            ("local_port.linuxif", "must not be a port of something else")
        }
        DriverError::NoBridge { .. } => ("linuxbr", "must be an existing bridge"),
        DriverError::VniInUse { .. } | DriverError::VniInInstance { .. } => {
            ("vni", "must not be used by another VXLAN interface")
        }
        DriverError::WrongKind { .. } | DriverError::NameClash { .. } => {
            ("vpn_instance_id", "must give interface names of its own")
        }
        _ => return failed(ATTACH, &error.to_string()),
    };
    refuse(field, rule, &error.to_string())
}

/// The dataplane did not unplug the port.
pub(super) fn unplug(error: &DriverError) -> HttpError {
    failed(DETACH, &error.to_string())
}

/// The endpoint is attached, and a restart would lose it.
pub(super) fn not_kept(error: &NotKept) -> HttpError {
    unwritten(
        "The endpoint is attached, but a restart would lose it",
        error,
    )
}

/// The endpoint is detached, and a restart would attach it again.
pub(super) fn not_forgotten(error: &NotKept) -> HttpError {
    let what = "The endpoint is not attached any more, but a restart would attach it again";
    unwritten(what, error)
}

/// It will be written when the disk takes it, asked again or not. Asked again, the client is told when that is so.
fn unwritten(what: &str, error: &NotKept) -> HttpError {
    HttpError {
        header: Some(("retry-after", "5")),
        ..HttpError::new(StatusCode::SERVICE_UNAVAILABLE, format!("{what}: {error}"))
    }
}

const ATTACH: &str = "An error occurred during local port plug to VPN";
const DETACH: &str = "An error occurred during local port unplug from VPN";

fn refuse(field: &str, rule: &str, text: &str) -> HttpError {
    HttpError::rule(field, rule, format!("API error: {text}"))
}

fn failed(what: &str, why: &str) -> HttpError {
    tracing::error!("{what}: {why}");
    HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("{what}: {why}"))
}
