//! Whether this kernel can do what the driver needs, found out without making anything.

use netns::addr::MacAddr;
use netns::link::{Bridge, LinkErrorKind, LinkRef, LinkSpec, Netlink, Request, Vxlan, VxlanId};

use super::execute::unsupported;
use crate::DriverError;

/// Asks for a bridge and a VXLAN interface whose MAC address no interface can have: a kernel that knows what is asked
/// for refuses the address, one that does not refuses the kind. Interfaces really made, and waited for while they
/// vanish, would hold up everybody who starts many daemons at once.
pub async fn probe(netlink: &Netlink) -> Result<(), DriverError> {
    let multicast = MacAddr([0x03, 0, 0, 0, 0, 1]);
    let bridge = Bridge::new(LinkSpec::up("bridge-probe").mac(multicast)).create();
    refused(netlink, "bridge", &bridge).await?;
    let spec = LinkSpec::up("vxlan-probe").mac(multicast);
    let vxlan = Vxlan::new(spec, VxlanId::Vni(1)).create();
    refused(netlink, "VXLAN interface", &vxlan).await
}

async fn refused(netlink: &Netlink, feature: &str, request: &Request) -> Result<(), DriverError> {
    match netlink.create(request).await {
        Err(error) => match error.kind {
            LinkErrorKind::Permission => Err(DriverError::NotPermitted {
                action: format!("make a {feature}"),
            }),
            LinkErrorKind::Unsupported => Err(unsupported(feature, &error)),
            _ => Ok(()),
        },
        // Never seen; what nobody asked for goes again.
        Ok(link) => {
            let deleted = netlink.apply(LinkRef::Index(link).delete()).await;
            deleted.map_err(|error| unsupported(feature, &error))
        }
    }
}

/// Whether a port of a bridge answers for neighbours (since Linux 4.15; without it ARP is flooded). Kernels that do
/// not know the setting pass over it without a word, so only reading tells; nothing if the port is not there to read.
pub async fn suppression(netlink: &Netlink, vxlan: &str) -> Option<bool> {
    let port = netlink.link(vxlan).await.ok()?.port?;
    Some(port.neigh_suppress)
}
