//! Links between an E-VPN and an IP VPN instance of this host: pairs of interfaces.
//!
//! Both drivers make a link that they find missing, so that neither needs the other, and it goes when neither wants it
//! any more. Who wants it, the kernel remembers, over restarts too: a driver sets its end up, and down again. They take
//! turns: between finding half a link and removing it, the other would make the rest.

use netns::addr::MacAddr;
use netns::link::{
    Idempotent, Link as Interface, LinkChange, LinkError, LinkRef, LinkSpec, Netlink, Veth,
};
use tokio::sync::Mutex;
use vpn::intent::{GATEWAY_MAC, Link};

use crate::DriverError;
use crate::linux::execute;

/// MTU of both ends, in bytes: the largest there is. What fits is decided where frames leave the host.
const MTU: u32 = 65_535;

/// Whose turn it is.
static TURN: Mutex<()> = Mutex::const_new(());

/// Whose end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The driver's of E-VPN instances.
    Evpn,
    /// The driver's of IP VPN instances.
    IpVpn,
}

/// Makes a link, if it is not there as it should be. The end of this side is up then.
pub async fn ensure(netlink: &Netlink, link: &Link, side: Side) -> Result<(), DriverError> {
    let _turn = TURN.lock().await;
    let failed = |error: &LinkError| failure(&format!("make link `{}`", link.evpn), error);
    let (evpn, ipvpn) = ends(netlink, link).await.map_err(|error| failed(&error))?;
    if !is_whole(evpn.as_ref(), ipvpn.as_ref()) {
        // Half of one, or something else of that name: whose names these are is known.
        delete(netlink, link).await?;
        let end = |name: &str, found: Option<&Interface>| {
            let end = LinkSpec::up(name).mtu(MTU);
            if found.is_some_and(|found| found.up) {
                end
            } else {
                end.down()
            }
        };
        let pair = Veth {
            a: end(&link.evpn, evpn.as_ref()),
            b: end(&link.ipvpn, ipvpn.as_ref()).mac(gateway_mac()),
        };
        let made = netlink.create_veth(&pair).await;
        made.map_err(|error| failed(&error))?;
        let index = netlink.index(link.evpn.as_str()).await;
        let index = index.map_err(|error| failed(&error))?;
        // An old kernel or one without IPv6 is quiet anyway.
        let _ = netlink
            .apply(LinkChange::new(index).no_ipv6_address())
            .await;
    }
    let (own, other) = side.ends(link);
    let up = netlink.set_up(own).await;
    up.map_err(|error| failed(&error))?;
    for end in [own, other] {
        // Has the kernel notice the carrier now and not when it gets around to it (since Linux 6.9).
        let _ = netlink.link(end).await;
    }
    Ok(())
}

/// Removes a link that one side does not want any more, unless the other still does. One that is not there is no
/// failure.
pub async fn remove(netlink: &Netlink, link: &Link, side: Side) -> Result<(), DriverError> {
    let _turn = TURN.lock().await;
    let failed = |error: &LinkError| failure(&format!("remove link `{}`", link.evpn), error);
    let (evpn, ipvpn) = ends(netlink, link).await.map_err(|error| failed(&error))?;
    let (own, other) = match side {
        Side::Evpn => (&evpn, &ipvpn),
        Side::IpVpn => (&ipvpn, &evpn),
    };
    match (own, other) {
        (Some(own), Some(other)) if other.up && is_whole(evpn.as_ref(), ipvpn.as_ref()) => {
            let change = LinkChange::new(own.index).down().master(None);
            let changed = netlink.apply(change).await;
            changed.map(drop).map_err(|error| failed(&error))
        }
        _ => delete(netlink, link).await,
    }
}

impl Side {
    /// The end of this side and that of the other.
    fn ends(self, link: &Link) -> (&str, &str) {
        match self {
            Self::Evpn => (&link.evpn, &link.ipvpn),
            Self::IpVpn => (&link.ipvpn, &link.evpn),
        }
    }
}

async fn delete(netlink: &Netlink, link: &Link) -> Result<(), DriverError> {
    for end in [&link.evpn, &link.ipvpn] {
        // The other end goes with the first.
        let removed = netlink.apply(LinkRef::from(end.as_str()).delete()).await;
        let removed = removed.ignore_not_found();
        removed.map_err(|error| failure(&format!("remove link `{end}`"), &error))?;
    }
    Ok(())
}

async fn ends(
    netlink: &Netlink,
    link: &Link,
) -> Result<(Option<Interface>, Option<Interface>), LinkError> {
    let find = async |name: &str| match netlink.link(name).await {
        Ok(link) => Ok(Some(link)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    };
    Ok((find(&link.evpn).await?, find(&link.ipvpn).await?))
}

fn is_whole(evpn: Option<&Interface>, ipvpn: Option<&Interface>) -> bool {
    let (Some(evpn), Some(ipvpn)) = (evpn, ipvpn) else {
        return false;
    };
    let is_veth = |kind: &Option<String>| kind.as_deref() == Some("veth");
    is_veth(&evpn.kind)
        && is_veth(&ipvpn.kind)
        && evpn.peer == Some(ipvpn.index)
        && evpn.peer_ns.is_none()
        && ipvpn.mac == Some(gateway_mac())
}

fn gateway_mac() -> MacAddr {
    MacAddr(GATEWAY_MAC.0)
}

fn failure(action: &str, error: &LinkError) -> DriverError {
    match error.kind {
        netns::link::LinkErrorKind::Permission => DriverError::NotPermitted {
            action: action.to_owned(),
        },
        _ => DriverError::Kernel {
            action: action.to_owned(),
            reason: execute::reason(error),
        },
    }
}
