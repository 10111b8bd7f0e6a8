//! Links between an E-VPN and an IP VPN instance of this host: pairs of interfaces.
//!
//! Both drivers make a link that they find missing, and remove one that they do not want any more, so that neither
//! needs the other. They take turns: between finding half a link and removing it, the other would make the rest.

use netns::addr::MacAddr;
use netns::link::{Idempotent, LinkChange, LinkError, LinkRef, LinkSpec, Netlink, Veth};
use tokio::sync::Mutex;
use vpn::intent::{GATEWAY_MAC, Link};

use crate::DriverError;
use crate::linux::execute;

/// MTU of both ends, in bytes: the largest there is. What fits is decided where frames leave the host.
const MTU: u32 = 65_535;

/// Whose turn it is.
static TURN: Mutex<()> = Mutex::const_new(());

/// Makes a link, if it is not there as it should be. Both ends are up then.
pub async fn ensure(netlink: &Netlink, link: &Link) -> Result<(), DriverError> {
    let _turn = TURN.lock().await;
    let failed = |error: &LinkError| failure(&format!("make link `{}`", link.evpn), error);
    if !is_there(netlink, link)
        .await
        .map_err(|error| failed(&error))?
    {
        // Half of one, or something else of that name: whose names these are is known.
        delete(netlink, link).await?;
        let end = |name: &str| LinkSpec::up(name).mtu(MTU);
        let pair = Veth {
            a: end(&link.evpn),
            b: end(&link.ipvpn).mac(gateway_mac()),
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
    for end in [&link.evpn, &link.ipvpn] {
        let up = netlink.set_up(end.as_str()).await;
        up.map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Removes a link. One that is not there is no failure.
pub async fn remove(netlink: &Netlink, link: &Link) -> Result<(), DriverError> {
    let _turn = TURN.lock().await;
    delete(netlink, link).await
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

async fn is_there(netlink: &Netlink, link: &Link) -> Result<bool, LinkError> {
    let find = async |name: &str| match netlink.link(name).await {
        Ok(link) => Ok(Some(link)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    };
    let (Some(evpn), Some(ipvpn)) = (find(&link.evpn).await?, find(&link.ipvpn).await?) else {
        return Ok(false);
    };
    let is_veth = |kind: &Option<String>| kind.as_deref() == Some("veth");
    Ok(is_veth(&evpn.kind)
        && is_veth(&ipvpn.kind)
        && evpn.peer == Some(ipvpn.index)
        && evpn.peer_ns.is_none()
        && ipvpn.mac == Some(gateway_mac()))
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
