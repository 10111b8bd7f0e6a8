//! VPNs.

use bgp_wire::{RouteTarget, Vni};

use super::Resolver;
use crate::error::{ErrorKind, Subject};
use crate::file::{At, Entry, OneOrMany, VpnFile};
use crate::lab::{Vpn, VpnType};
use crate::values;

impl Resolver<'_> {
    pub(super) fn vpns(&mut self, vpns: &[Entry<VpnFile>]) {
        for vpn in vpns {
            self.subject = Subject::Vpn(vpn.name.value.clone());
            self.name(&vpn.name);
            let resolved = self.vpn_of(vpn);
            self.scenario.vpns.push(resolved);
        }
    }

    fn vpn_of(&mut self, vpn: &Entry<VpnFile>) -> Vpn {
        let typed = &vpn.value;
        let kind = values::one_of("a type of VPN", &typed.kind.value, &TYPES);
        let kind = self.keep(&typed.kind.span, kind).unwrap_or(VpnType::Evpn);
        let gateway_ip = self.maybe(typed.gateway_ip.as_ref(), values::ip);
        if kind == VpnType::Ipvpn && typed.gateway_ip.is_none() {
            self.fail(
                &vpn.name.span,
                ErrorKind::MissingKey {
                    key: "gateway_ip".into(),
                },
            );
        }
        if [&typed.rt, &typed.import_rt, &typed.export_rt]
            .iter()
            .all(|rts| rts.0.is_empty())
        {
            self.fail(&vpn.name.span, ErrorKind::MissingKey { key: "rt".into() });
        }
        let both = self.route_targets(&typed.rt);
        let import_rts = self.route_targets(&typed.import_rt);
        let export_rts = self.route_targets(&typed.export_rt);
        let readvertise = self.readvertise(typed, kind);
        let attract_traffic = self.attract(typed, kind, readvertise.as_ref());
        Vpn {
            name: vpn.name.value.clone(),
            kind,
            import_rts: union(&both, import_rts),
            export_rts: union(&both, export_rts),
            vni: typed.vni.as_ref().and_then(|vni| self.vni(vni)),
            gateway_ip,
            readvertise,
            attract_traffic,
            place: self.place(&vpn.name.span),
        }
    }

    pub(super) fn route_targets(&mut self, typed: &OneOrMany<At<String>>) -> Vec<RouteTarget> {
        let typed = typed.0.iter();
        typed
            .filter_map(|rt| self.keep(&rt.span, values::route_target(&rt.value)))
            .collect()
    }

    /// A VNI; 0 is kept for "not a VNI" by what allocates them.
    pub(super) fn vni(&mut self, typed: &At<i64>) -> Option<Vni> {
        let number: u32 = self.number("the VNI", typed, 1, 0xff_ffff)?;
        Vni::try_from(number).ok()
    }
}

/// Kinds of VPN.
pub(crate) const TYPES: [(&str, VpnType); 2] = [("evpn", VpnType::Evpn), ("ipvpn", VpnType::Ipvpn)];

fn union(both: &[RouteTarget], mut more: Vec<RouteTarget>) -> Vec<RouteTarget> {
    more.extend_from_slice(both);
    more.sort();
    more.dedup();
    more
}
