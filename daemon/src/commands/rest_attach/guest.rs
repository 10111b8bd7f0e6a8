//! The namespace behind `--port netns`.

use bagpipe_api::request::parse_mac;
use netns::{
    addr::MacAddr,
    link::{LinkError, Netlink},
    ns::{
        NetNs, NsError,
        named::{self, NamedError},
    },
};
use thiserror::Error;

use super::plan::NetnsPort;
use crate::port::{self, GuestPort, PortError};

/// A namespace could not be made, looked into or removed.
#[derive(Debug, Error)]
pub(super) enum GuestError {
    #[error(transparent)]
    Name(#[from] NamedError),
    #[error(transparent)]
    Namespace(#[from] NsError),
    #[error(transparent)]
    Port(#[from] PortError),
    #[error("cannot look into namespace `{netns}`")]
    Look { netns: String, source: LinkError },
    #[error(
        "interface `{0}` leads to another namespace: give yours a name that differs in its first 12 characters"
    )]
    Taken(String),
    #[error("interface `{host_if}`")]
    Host { host_if: String, source: LinkError },
}

/// What was not there before, to be taken away again if that is of no use.
#[derive(Debug, Default)]
pub(super) struct Made {
    netns: Option<String>,
    host_if: Option<String>,
}

impl Made {
    /// Takes it away. What is gone already or cannot be taken away is left at that: why it is done is to be told.
    pub(super) async fn undo(self) {
        if let (Some(host_if), Ok(netlink)) = (self.host_if, Netlink::current()) {
            netlink.delete(host_if.as_str()).await.ok();
        }
        if let Some(netns) = self.netns {
            named::delete(&netns).ok();
        }
    }
}

/// Makes the namespace unless it is there, wires it and answers its MAC address.
pub(super) async fn make(
    port: &NetnsPort,
    mac: Option<&str>,
    made: &mut Made,
) -> Result<String, GuestError> {
    let guest = match named::open(&port.netns) {
        Err(NamedError::Missing(_)) => {
            let guest = named::add(&port.netns)?;
            made.netns = Some(port.netns.clone());
            guest
        }
        other => other?,
    };
    let wired = GuestPort {
        host_if: port.host_if.clone(),
        guest_if: port.guest_if.clone(),
        address: Some(port.address),
        gateway: port.gateway,
        mac: mac.and_then(parse_mac).map(|mac| MacAddr(mac.0)),
        quiet: false,
        vlan: port.vlan,
    };
    let here = NetNs::current()?;
    let taken = port::leads_elsewhere(&here, &guest, &port.host_if).await;
    let host = |source| GuestError::Host {
        host_if: port.host_if.clone(),
        source,
    };
    let taken = taken.map_err(host)?;
    if taken {
        return Err(GuestError::Taken(port.host_if.clone()));
    }
    let before = Netlink::in_ns(&here)
        .map_err(host)?
        .link(port.host_if.as_str())
        .await;
    if before.is_err_and(|error| error.is_not_found()) {
        made.host_if = Some(port.host_if.clone());
    }
    let found = port::plug_netns(&here, &guest, &wired).await?;
    // What was given stays as it was written.
    Ok(mac.map_or_else(|| found.to_string(), str::to_owned))
}

/// The MAC address in a namespace that was made before.
pub(super) async fn mac(port: &NetnsPort) -> Result<String, GuestError> {
    let guest = named::open(&port.netns)?;
    match port::guest_mac(&guest, &port.guest_if).await {
        Ok(mac) => Ok(mac.to_string()),
        Err(source) => Err(GuestError::Look {
            netns: port.netns.clone(),
            source,
        }),
    }
}

/// Whether an interface of this host is a bridge; one that is not there is none.
pub(super) async fn is_bridge(interface: &str) -> Result<bool, GuestError> {
    let host = |source| GuestError::Host {
        host_if: interface.to_owned(),
        source,
    };
    match Netlink::current().map_err(host)?.link(interface).await {
        Ok(link) => Ok(link.kind.as_deref() == Some("bridge")),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(host(error)),
    }
}

/// Removes the namespace and its interfaces; what is not there is no error.
pub(super) async fn remove(port: &NetnsPort) -> Result<(), GuestError> {
    let host = |source| GuestError::Host {
        host_if: port.host_if.clone(),
        source,
    };
    match Netlink::current()
        .map_err(host)?
        .delete(port.host_if.as_str())
        .await
    {
        Err(error) if !error.is_not_found() => return Err(host(error)),
        _ => {}
    }
    match named::delete(&port.netns) {
        Err(NamedError::Missing(_)) | Ok(()) => Ok(()),
        Err(error) => Err(error.into()),
    }
}
