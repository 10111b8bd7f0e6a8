//! Whether this kernel can do what the driver needs, found out by doing it where nobody sees it.

use netns::link::{
    Bridge, LinkChange, LinkError, LinkErrorKind, LinkSpec, Netlink, PortFlags, Vxlan, VxlanId,
};
use netns::ns::NetNs;

use super::execute::{reason, unsupported};
use crate::DriverError;

/// Makes a bridge with a VXLAN port in a namespace that then vanishes, and answers whether the port answers
/// for neighbours (since Linux 4.15; without it ARP is flooded). Nothing if no namespace can be made, as with
/// CAP_NET_ADMIN alone: then the first instance shows.
pub async fn probe() -> Result<Option<bool>, DriverError> {
    let Ok(namespace) = NetNs::create() else {
        return Ok(None);
    };
    let netlink = Netlink::in_ns(&namespace).map_err(|error| DriverError::Kernel {
        action: "open a netlink socket".to_owned(),
        reason: reason(&error),
    })?;
    let bridge = Bridge::new(LinkSpec::up("bridge")).create();
    let bridge = netlink.create(&bridge).await;
    let bridge = bridge.map_err(|error| lacking("bridge", &error))?;
    let spec = LinkSpec::up("vxlan").master(bridge);
    let vxlan = Vxlan::new(spec, VxlanId::Vni(1)).create();
    let vxlan = netlink.create(&vxlan).await;
    let vxlan = vxlan.map_err(|error| lacking("VXLAN interface", &error))?;
    let suppress = PortFlags {
        neigh_suppress: Some(true),
        ..PortFlags::default()
    };
    let suppress = LinkChange::new(vxlan).port(suppress);
    // Kernels that do not know the setting pass over it without a word, so only reading tells.
    if netlink.apply(suppress).await.is_err() {
        return Ok(Some(false));
    }
    let port = netlink.link(vxlan).await.ok().and_then(|link| link.port);
    Ok(Some(port.is_some_and(|port| port.neigh_suppress)))
}

fn lacking(feature: &str, error: &LinkError) -> DriverError {
    match error.kind {
        LinkErrorKind::Permission => DriverError::NotPermitted {
            action: format!("make a {feature}"),
        },
        _ => unsupported(feature, error),
    }
}
