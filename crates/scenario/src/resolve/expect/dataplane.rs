//! What the kernel forwards with.

use crate::error::ErrorKind;
use crate::expect::{Destination, ForwardingExpectation, NeighbourExpectation, NeighbourState};
use crate::file::{ForwardingFile, NeighbourFile};
use crate::lab::{VpnId, VpnType};
use crate::resolve::{Found, Resolver};
use crate::values;

impl Resolver<'_> {
    pub(super) fn forwarding(&mut self, typed: &ForwardingFile) -> Found<ForwardingExpectation> {
        let on = self.bagpipe_named(&typed.on, "expects a forwarding entry on");
        let vpn = self.vpn(&typed.vpn, "expects a forwarding entry in");
        let to = self.destination(typed, vpn);
        let hop = typed.next_hop.as_ref();
        let next_hop = hop.and_then(|hop| self.next_hop(hop, "expects a forwarding entry to"));
        let vni = typed.vni.as_ref().and_then(|vni| self.vni(vni));
        let absent = typed.absent.unwrap_or(false);
        Some(ForwardingExpectation {
            on: on?,
            vpn: vpn?,
            to: to?,
            next_hop,
            vni,
            absent,
        })
    }

    /// What the kind of VPN forwards by.
    fn destination(&mut self, typed: &ForwardingFile, vpn: Found<VpnId>) -> Found<Destination> {
        let verb = "expects a forwarding entry for";
        let kind = self.scenario.vpns[vpn?.0].kind;
        let (key, other, needed) = match kind {
            VpnType::Evpn => ("ip", &typed.ip, "mac"),
            VpnType::Ipvpn => ("mac", &typed.mac, "ip"),
        };
        if let Some(other) = other {
            let key = key.into();
            let reason = format!("a VPN of this type does not forward by; it takes `{needed}`");
            self.fail(&other.span, ErrorKind::Misplaced { key, reason });
            return None;
        }
        match (kind, &typed.mac, &typed.ip) {
            (VpnType::Evpn, Some(mac), _) => self.mac_of(mac, verb).map(Destination::Mac),
            (VpnType::Ipvpn, _, Some(ip)) => self.ip_of(ip, verb).map(Destination::Ip),
            _ => {
                let key = needed.into();
                self.fail(&typed.vpn.span, ErrorKind::MissingKey { key });
                None
            }
        }
    }

    pub(super) fn neighbour(&mut self, typed: &NeighbourFile) -> Found<NeighbourExpectation> {
        let verb = "expects a neighbour on";
        let on = match &typed.vpn {
            Some(_) => self.bagpipe_named(&typed.on, verb)?,
            None => self.node(&typed.on, verb)?,
        };
        let vpn = match &typed.vpn {
            Some(vpn) => Some(self.vpn(vpn, "expects a neighbour in")?),
            None => None,
        };
        if let (Some(dev), Some(_)) = (&typed.dev, &typed.vpn) {
            let reason = "says nothing beside `vpn`, which has devices of its own";
            self.out_of_place(&dev.span, "dev", reason);
        }
        let state = self.maybe(typed.state.as_ref(), |word| {
            let words = NeighbourState::ALL.map(|state| (state.name(), state));
            values::one_of("a state of a neighbour", word, &words)
        });
        let ip = self.ip_of(&typed.ip, "expects the neighbour");
        let mac = typed
            .mac
            .as_ref()
            .and_then(|mac| self.mac_of(mac, "expects the neighbour"));
        let absent = typed.absent.unwrap_or(false);
        Some(NeighbourExpectation {
            on,
            vpn,
            ip: ip?,
            mac,
            dev: self.maybe_interface(on, typed.dev.as_ref()),
            state,
            absent,
        })
    }
}
