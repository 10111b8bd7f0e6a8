//! Destinations of routes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use bgp_wire::nlri::{EvpnRoute, FlowComponent, FlowspecRules, RtcRoute, VpnRoute};
use bgp_wire::types::IpPrefix;
use bgp_wire::{Esi, Family, Label, LabelField, NlriValue, RouteDistinguisher};

use crate::error::ErrorKind;
use crate::file::{AnnounceFile, At};
use crate::lab::NodeId;
use crate::resolve::{Found, MOST_32, Resolver};
use crate::values;

impl Resolver<'_> {
    /// The first destination.
    pub(super) fn first_destination(
        &mut self,
        typed: &AnnounceFile,
        on: NodeId,
        family: Family,
        route_type: u8,
        at: &Range<usize>,
    ) -> Found<NlriValue> {
        match family {
            Family::EVPN => self.evpn_destination(typed, on, route_type, at),
            Family::RTC => self.membership(typed, on),
            Family::VPNV4 | Family::VPNV6 => {
                let rd = self.distinguisher(typed, at);
                let label = self.needed("label", typed.label.as_ref(), at);
                let label = label.and_then(|label| self.mpls_label(label));
                let prefix = self.prefix_of(typed, family, at);
                Some(NlriValue::Vpn(VpnRoute {
                    rd: rd?,
                    labels: vec![LabelField::from_label(label?, true)],
                    prefix: prefix?,
                }))
            }
            Family::IPV4_UNICAST | Family::IPV6_UNICAST => {
                self.prefix_of(typed, family, at).map(NlriValue::Unicast)
            }
            Family::FLOWSPEC_VPNV4 | Family::FLOWSPEC_VPNV6 => {
                let rd = self.distinguisher(typed, at);
                let rules = self.rules(typed, family, at);
                Some(NlriValue::FlowspecVpn {
                    rd: rd?,
                    rules: rules?,
                })
            }
            _ => self.rules(typed, family, at).map(NlriValue::Flowspec),
        }
    }

    /// What has to be said.
    fn needed<'a, T>(
        &mut self,
        key: &str,
        typed: Option<&'a T>,
        at: &Range<usize>,
    ) -> Found<&'a T> {
        if typed.is_none() {
            self.fail(at, ErrorKind::MissingKey { key: key.into() });
        }
        typed
    }

    fn distinguisher(
        &mut self,
        typed: &AnnounceFile,
        at: &Range<usize>,
    ) -> Found<RouteDistinguisher> {
        let rd = self.needed("rd", typed.rd.as_ref(), at)?;
        self.keep(&rd.span, values::route_distinguisher(&rd.value))
    }

    fn mpls_label(&mut self, typed: &At<i64>) -> Found<Label> {
        let number = self.number("the label", typed, 0, Label::MAX.into())?;
        Label::new(number).ok()
    }

    /// The prefix, of the family's version of IP.
    fn prefix_of(
        &mut self,
        typed: &AnnounceFile,
        family: Family,
        at: &Range<usize>,
    ) -> Found<IpPrefix> {
        let typed = self.needed("prefix", typed.prefix.as_ref(), at)?;
        let prefix = self.keep(&typed.span, values::prefix(&typed.value))?;
        let version = if family.afi == 2 { 6 } else { 4 };
        if family.afi <= 2 && prefix.address().is_ipv6() != (version == 6) {
            let kind = ErrorKind::BadValue {
                what: "a prefix of this family".into(),
                value: typed.value.clone(),
                reason: format!("the family is one of IPv{version}"),
            };
            self.fail(&typed.span, kind);
            return None;
        }
        Some(prefix)
    }

    /// The label field of an E-VPN route: a label or a VNI, and 0 where none has to be there.
    fn label_field(
        &mut self,
        typed: &AnnounceFile,
        at: &Range<usize>,
        must: bool,
    ) -> Found<LabelField> {
        match (&typed.label, &typed.vni) {
            (Some(_), Some(vni)) => {
                let kind = ErrorKind::TwoWords {
                    first: "label".into(),
                    second: "vni".into(),
                };
                self.fail(&vni.span, kind);
                None
            }
            (Some(label), None) => {
                let label = self.mpls_label(label)?;
                Some(LabelField::from_label(label, false))
            }
            (None, Some(vni)) => self.vni(vni).map(LabelField::from_vni),
            (None, None) if must => {
                self.fail(at, ErrorKind::MissingKey { key: "vni".into() });
                None
            }
            (None, None) => Some(LabelField::default()),
        }
    }

    /// The label field of a PMSI tunnel.
    pub(super) fn tunnel_field(&mut self, typed: &AnnounceFile) -> LabelField {
        // What is wrong with it is noted with the destination.
        match (&typed.label, &typed.vni) {
            (Some(label), None) => {
                let label = u32::try_from(label.value).ok();
                let label = label.and_then(|label| Label::new(label).ok());
                label.map(|label| LabelField::from_label(label, false))
            }
            (None, Some(vni)) => {
                let vni = u32::try_from(vni.value).ok();
                vni.and_then(|vni| LabelField::try_from(vni).ok())
            }
            _ => None,
        }
        .unwrap_or_default()
    }

    fn evpn_destination(
        &mut self,
        typed: &AnnounceFile,
        on: NodeId,
        route_type: u8,
        at: &Range<usize>,
    ) -> Found<NlriValue> {
        let rd = self.distinguisher(typed, at);
        let esi = match &typed.esi {
            Some(esi) => self.keep(&esi.span, values::esi(&esi.value)),
            None => Some(Esi::ZERO),
        };
        let ethernet_tag = match &typed.ethernet_tag {
            Some(tag) => self.number("the Ethernet tag", tag, 0, MOST_32),
            None => Some(0),
        };
        let route = match route_type {
            1 => EvpnRoute::EthernetAutoDiscovery {
                label: self.label_field(typed, at, false)?,
                rd: rd?,
                esi: esi?,
                ethernet_tag: ethernet_tag?,
            },
            2 => {
                let mac = self.needed("mac", typed.mac.as_ref(), at);
                let mac = mac.and_then(|mac| self.mac_of(mac, "announces a route for"));
                let ip = match &typed.ip {
                    Some(ip) => Some(self.ip_of(ip, "announces a route for")?),
                    None => None,
                };
                let label1 = self.label_field(typed, at, true);
                EvpnRoute::MacIp {
                    rd: rd?,
                    esi: esi?,
                    ethernet_tag: ethernet_tag?,
                    mac: mac?,
                    ip,
                    label1: label1?,
                    label2: None,
                }
            }
            3 => {
                let originator = self.originating(typed, on);
                self.label_field(typed, at, typed.pmsi.as_ref().is_none_or(|pmsi| pmsi.value))?;
                EvpnRoute::InclusiveMulticast {
                    rd: rd?,
                    ethernet_tag: ethernet_tag?,
                    originator: originator?,
                }
            }
            4 => {
                let originator = self.originating(typed, on);
                self.needed("esi", typed.esi.as_ref(), at)?;
                EvpnRoute::EthernetSegment {
                    rd: rd?,
                    esi: esi?,
                    originator: originator?,
                }
            }
            _ => {
                let prefix = self.prefix_of(typed, Family::EVPN, at);
                let label = self.label_field(typed, at, true);
                let prefix = prefix?;
                EvpnRoute::IpPrefix {
                    gateway: self.gateway(typed, prefix)?,
                    rd: rd?,
                    esi: esi?,
                    ethernet_tag: ethernet_tag?,
                    prefix,
                    label: label?,
                }
            }
        };
        Some(NlriValue::Evpn(route))
    }

    /// The originating router: the announcer, unless another is said.
    fn originating(&mut self, typed: &AnnounceFile, on: NodeId) -> Found<IpAddr> {
        match &typed.ip {
            Some(ip) => self.ip_of(ip, "announces a route of"),
            None => self.known_address(on),
        }
    }

    /// RFC 9136 section 3.1: of the prefix's version of IP, unspecified for none.
    fn gateway(&mut self, typed: &AnnounceFile, prefix: IpPrefix) -> Found<IpAddr> {
        let v6 = prefix.address().is_ipv6();
        let Some(typed) = &typed.gateway else {
            return Some(match v6 {
                true => Ipv6Addr::UNSPECIFIED.into(),
                false => Ipv4Addr::UNSPECIFIED.into(),
            });
        };
        let gateway = self.ip_of(typed, "announces a route by way of")?;
        if gateway.is_ipv6() == v6 {
            return Some(gateway);
        }
        let kind = ErrorKind::BadValue {
            what: "a gateway for this prefix".into(),
            value: typed.value.clone(),
            reason: "it is of the other version of IP".into(),
        };
        self.fail(&typed.span, kind);
        None
    }

    /// RFC 4684: a route target and who asks for it, or all.
    fn membership(&mut self, typed: &AnnounceFile, on: NodeId) -> Found<NlriValue> {
        let own = self.bgp[on.0].as_ref().map_or(0, |bgp| bgp.asn());
        let origin = match &typed.origin_as {
            Some(asn) => self.number("the AS number", asn, 0, MOST_32)?,
            None => own,
        };
        let route = match typed.rt.0.as_slice() {
            [] => RtcRoute::DEFAULT,
            [rt] => RtcRoute::new(
                origin,
                self.keep(&rt.span, values::route_target(&rt.value))?,
            ),
            [_, second, ..] => {
                self.out_of_place(&second.span, "rt", "is one route target in a membership");
                return None;
            }
        };
        Some(NlriValue::Rtc(route))
    }

    fn rules(
        &mut self,
        typed: &AnnounceFile,
        family: Family,
        at: &Range<usize>,
    ) -> Found<FlowspecRules> {
        let ipv6 = family.afi == 2;
        if typed.flowspec.0.is_empty() {
            let key = "flowspec".into();
            self.fail(at, ErrorKind::MissingKey { key });
            return None;
        }
        let mut components: Vec<FlowComponent> = Vec::new();
        for text in &typed.flowspec.0 {
            let component = values::flow_component(&text.value, ipv6);
            let component = self.keep(&text.span, component)?;
            if components
                .iter()
                .any(|other| other.kind() == component.kind())
            {
                self.out_of_place(
                    &text.span,
                    &text.value,
                    "is a second component of its type; one can hold several values",
                );
                return None;
            }
            components.push(component);
        }
        // RFC 8955 section 4.2: in the order of types.
        components.sort_by_key(FlowComponent::kind);
        Some(FlowspecRules { ipv6, components })
    }
}
