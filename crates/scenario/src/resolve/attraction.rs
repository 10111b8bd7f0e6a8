//! What an IP VPN does with routes of others besides forwarding by them.

use bgp_wire::RouteTarget;

use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::file::{At, AttractFile, ReadvertiseFile, VpnFile};
use crate::lab::{AttractTraffic, Readvertise, VpnType};
use crate::values;

impl Resolver<'_> {
    pub(super) fn readvertise(&mut self, typed: &VpnFile, kind: VpnType) -> Option<Readvertise> {
        let typed = typed.readvertise.as_ref()?;
        self.only_for_ipvpn("readvertise", typed, kind)?;
        let ReadvertiseFile { from_rt, to_rt } = &typed.value;
        let lists = [("from_rt", from_rt), ("to_rt", to_rt)];
        for (key, list) in lists {
            if list.0.is_empty() {
                self.fail(&typed.span, ErrorKind::Empty { key: key.into() });
            }
        }
        Some(Readvertise {
            from_rts: self.route_targets(from_rt),
            to_rts: self.route_targets(to_rt),
        })
    }

    /// After [`Self::readvertise`], whose result is given.
    pub(super) fn attract(
        &mut self,
        typed: &VpnFile,
        kind: VpnType,
        again: Option<&Readvertise>,
    ) -> Option<AttractTraffic> {
        let at = typed.attract_traffic.as_ref()?;
        self.only_for_ipvpn("attract_traffic", at, kind)?;
        let attract = &at.value;
        if attract.redirect_rt.0.is_empty() {
            let key = "redirect_rt".into();
            self.fail(&at.span, ErrorKind::Empty { key });
        }
        let redirect_rts = self.route_targets(&attract.redirect_rt);
        let to_rt = self.attract_to(at, typed.readvertise.is_some(), again);
        let prefixes = attract.static_prefixes.0.iter();
        let static_prefixes: Vec<_> = prefixes
            .filter_map(|prefix| self.keep(&prefix.span, values::network(&prefix.value)))
            .collect();
        if typed.readvertise.is_none() && attract.static_prefixes.0.is_empty() {
            let key = "static_prefixes".into();
            self.fail(&at.span, ErrorKind::MissingKey { key });
        }
        let source = self.maybe(attract.source.as_ref(), values::network);
        if let (Some(source), Some(typed)) = (source, &attract.source) {
            let versions = static_prefixes
                .iter()
                .map(|prefix| prefix.address().is_ipv4());
            let mut others = versions.filter(|is_ipv4| *is_ipv4 != source.address().is_ipv4());
            if others.next().is_some() {
                let reason = "no packet to a prefix of the other version of IP comes from";
                self.out_of_place(&typed.span, &typed.value, reason);
            }
        }
        let protocol = self.maybe(attract.protocol.as_ref(), values::ip_protocol);
        let source_ports = self.maybe(attract.source_port.as_ref(), values::ports);
        let destination_ports = self.maybe(attract.destination_port.as_ref(), values::ports);
        let has_ports = |protocol: &u8| [6, 17, 132].contains(protocol);
        for typed in [&attract.source_port, &attract.destination_port] {
            if let (Some(typed), Some(protocol)) = (typed, &attract.protocol)
                && let Ok(number) = values::ip_protocol(&protocol.value)
                && !has_ports(&number)
            {
                let reason = format!("packets of `{}` do not have", protocol.value);
                self.out_of_place(&typed.span, &typed.value, reason);
            }
        }
        Some(AttractTraffic {
            redirect_rts,
            to_rt: to_rt?,
            static_prefixes,
            source,
            protocol,
            source_ports,
            destination_ports,
        })
    }

    /// The one target that traffic is redirected to.
    fn attract_to(
        &mut self,
        at: &At<AttractFile>,
        is_given: bool,
        again: Option<&Readvertise>,
    ) -> Found<RouteTarget> {
        let own = self.maybe(at.value.to_rt.as_ref(), values::route_target);
        match (&at.value.to_rt, again.map(|again| &again.to_rts[..])) {
            (None, None) if !is_given => {
                let key = "to_rt".into();
                self.fail(&at.span, ErrorKind::MissingKey { key });
                None
            }
            (None, None) => None,
            (None, Some([only])) => Some(*only),
            (None, Some(_)) => {
                let reason = "works towards one route target, and `readvertise` has several";
                self.out_of_place(&at.span, "attract_traffic", reason);
                None
            }
            (Some(typed), Some(others)) if own.is_some_and(|own| others != [own]) => {
                let reason = "is not what `readvertise` has";
                self.out_of_place(&typed.span, "to_rt", reason);
                None
            }
            (Some(_), _) => own,
        }
    }

    fn only_for_ipvpn<T>(&mut self, key: &str, typed: &At<T>, kind: VpnType) -> Found<()> {
        if kind == VpnType::Ipvpn {
            return Some(());
        }
        self.out_of_place(&typed.span, key, "has no effect in an E-VPN");
        None
    }
}
