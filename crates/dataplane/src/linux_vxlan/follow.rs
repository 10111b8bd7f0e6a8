//! Following ports and routes that come and go, without a look at the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use netns::link::Netlink;
use vpn::IpVpnIntent;
use vpn::intent::IpVpnPort;

use super::plan::{execute, plan};
use super::state::{Host, State};
use super::whole::Difference;
use super::{LinuxVxlanDriver, TUNNEL};
use crate::DriverError;

impl LinuxVxlanDriver {
    /// Whether the kernel has been brought from the intent in force to `intent` by changing what they differ in. If not,
    /// everything has to be compared: what has failed here will then succeed, or fail with the right words.
    pub(super) async fn follow(&mut self, intent: &Arc<IpVpnIntent>) -> Result<bool, DriverError> {
        let netlink = self.netlink()?;
        let Some(before) = self.instances.get(&intent.instance) else {
            return Ok(false);
        };
        if !before.is_certain || !before.missing.is_empty() || self.left != State::default() {
            return Ok(false);
        }
        let from = Arc::clone(&before.intent);
        let (table, tunnel) = (before.table, before.tunnel);
        let Some(difference) = Difference::between(&from, intent) else {
            return Ok(false);
        };
        if self.tunnel(&netlink, intent).await? != tunnel {
            return Ok(false);
        }
        let Some(ports) = self
            .changed_ports(&netlink, &difference, &from, intent)
            .await
        else {
            return Ok(false);
        };
        let leads_here = difference.leads_here(intent);
        let elsewhere = match leads_here {
            true => self.elsewhere(intent),
            false => BTreeMap::new(),
        };
        let Some(before) = self.instances.get_mut(&intent.instance) else {
            return Ok(false);
        };
        // Those that come are put beside those that go: names tell which are whose.
        let old: Vec<String> = difference.gone(intent).map(ToString::to_string).collect();
        before.ports.extend(ports);
        let host = Host {
            tunnel,
            tunnel_name: TUNNEL,
            table,
            ports: &before.ports,
            elsewhere: &elsewhere,
            // What leads to other tables is not followed.
            tables: &BTreeMap::new(),
        };
        let change = before
            .whole
            .change(&difference, (&from, &host), (intent, &host));
        let ops = plan(&change.had, &change.want);
        // Until it is known to hold all of it, what it holds is not known.
        before.is_certain = false;
        if change.want.needs_ipv6_forwarding() {
            self.settings.forward_ipv6()?;
        }
        if execute(&netlink, &self.unshared(ops, intent))
            .await
            .is_err()
        {
            return Ok(false);
        }
        let moved = !difference.ports.is_empty();
        if let Some(before) = self.instances.get_mut(&intent.instance) {
            before.whole.apply(change);
            for name in &old {
                before.ports.remove(name);
            }
            before.leads_here |= leads_here;
            before.is_certain = true;
            before.intent = Arc::clone(intent);
        }
        self.note_users(Some(&from), Some(intent));
        self.release(old);
        if moved {
            self.refresh_dependents(intent.instance, &netlink).await;
        }
        Ok(true)
    }

    /// Indexes of the ports that have come, prepared; nothing if one of them cannot be plugged, or is the end of a link.
    async fn changed_ports(
        &self,
        netlink: &Netlink,
        difference: &Difference<'_>,
        from: &IpVpnIntent,
        to: &IpVpnIntent,
    ) -> Option<BTreeMap<String, u32>> {
        let mut ports = BTreeMap::new();
        for name in &difference.ports {
            let is_linked = |port: Option<&IpVpnPort>| port.is_some_and(|port| port.link.is_some());
            let (old, new) = (from.ports.get(*name), to.ports.get(*name));
            if is_linked(old) || is_linked(new) || self.check_port(to, name).is_err() {
                return None;
            }
            if old.is_some() {
                continue;
            }
            let link = netlink.link(&***name).await.ok()?;
            if link.master.is_some() {
                return None;
            }
            self.prepare_port(netlink, name, false).await.ok()?;
            ports.insert(name.to_string(), link.index);
        }
        Some(ports)
    }
}
