//! The VXLAN interface that all instances share.

use std::net::IpAddr;

use netns::link::{LinkChange, LinkErrorKind, LinkSpec, Netlink, Vxlan, VxlanId};
use vpn::IpVpnIntent;

use super::plan::{Op, execute};
use super::{LinuxVxlanDriver, TUNNEL, kernel, state};
use crate::DriverError;

/// MTU of the VXLAN interface, in bytes: more than any underlay has. What does not fit is sent in fragments.
const TUNNEL_MTU: u32 = 65_485;

impl LinuxVxlanDriver {
    /// The VXLAN interface, made if it is not there, and the rules that all instances share.
    pub(super) async fn tunnel(
        &mut self,
        netlink: &Netlink,
        intent: &IpVpnIntent,
    ) -> Result<u32, DriverError> {
        let local = intent.local_pe;
        let there = match netlink.link(TUNNEL).await {
            Ok(link) => Some(link),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(kernel(&error)),
        };
        if let Some(link) = &there {
            let vxlan = link.vxlan.as_ref().ok_or_else(|| DriverError::WrongKind {
                name: TUNNEL.to_owned(),
                wanted: "VXLAN interface",
            })?;
            let fits = vxlan.vni.is_none()
                && vxlan.port == self.options.vxlan_port
                && vxlan.local == Some(local);
            if fits && link.up && self.tunnel == Some(link.index) {
                return Ok(link.index);
            }
            if !fits {
                // Of an earlier run with another configuration.
                netlink.delete(TUNNEL).await.map_err(|e| kernel(&e))?;
            }
        }
        let index = match netlink.index(TUNNEL).await {
            Ok(index) => index,
            Err(_) => {
                let spec = LinkSpec {
                    name: TUNNEL.to_owned(),
                    ..LinkSpec::default()
                };
                let spec = spec.mac(state::router_mac(local)).mtu(TUNNEL_MTU);
                let vxlan = Vxlan {
                    local: Some(local),
                    port: self.options.vxlan_port,
                    ..Vxlan::new(spec, VxlanId::PerPacket)
                };
                let made = netlink.create(&vxlan.create()).await;
                made.map_err(|error| kernel(&error))?
            }
        };
        if let Err(error) = self.raise_tunnel(netlink, index, local).await {
            // A tunnel that is down would only be in the way.
            let _ = self.remove_tunnel(netlink).await;
            return Err(error);
        }
        self.tunnel = Some(index);
        Ok(index)
    }

    async fn raise_tunnel(
        &self,
        netlink: &Netlink,
        index: u32,
        local: IpAddr,
    ) -> Result<(), DriverError> {
        let quiet = LinkChange::new(index).no_ipv6_address();
        // An old kernel or one without IPv6 is quiet anyway.
        let _ = netlink.apply(quiet).await;
        self.settings.tunnel(TUNNEL)?;
        let rules: Vec<Op> = state::shared(TUNNEL).map(Op::AddRule).collect();
        execute(netlink, &rules).await?;
        netlink
            .set_up(index)
            .await
            .map_err(|error| match error.kind {
                LinkErrorKind::Permission => kernel(&error),
                _ => DriverError::Kernel {
                    action: format!(
                        "receive VXLAN at {local} port {}, which E-VPN may be using: another \
                     `vxlan_dst_port` helps",
                        self.options.vxlan_port
                    ),
                    reason: crate::linux::execute::reason(&error),
                },
            })
    }

    pub(super) async fn remove_tunnel(&mut self, netlink: &Netlink) -> Result<(), DriverError> {
        self.tunnel = None;
        let rules: Vec<Op> = state::shared(TUNNEL).map(Op::DeleteRule).collect();
        execute(netlink, &rules).await?;
        match netlink.delete(TUNNEL).await {
            Err(error) if !error.is_not_found() => Err(kernel(&error)),
            _ => Ok(()),
        }
    }
}
