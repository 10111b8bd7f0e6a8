//! What a node's kernel forwards with.

use std::net::IpAddr;
use std::ops::Range;

use super::amount::how_many;
use crate::error::ErrorKind;
use crate::expect::{
    Encap, FdbExpectation, HopPattern, KernelRouteExpectation, KernelRouteType, MplsExpectation,
    RuleExpectation, WhichRoute,
};
use crate::file::{
    At, EncapFile, FdbFile, KernelRouteFile, LabelRouteFile, NumberOrWord, RuleFile,
};
use crate::lab::NodeId;
use crate::resolve::{Found, MOST_32, Resolver};
use crate::values;

/// The table that routes are put into when nobody says otherwise.
const MAIN_TABLE: u32 = 254;

/// The largest MPLS label (RFC 3032 section 2.1).
const MOST_LABEL: i64 = (1 << 20) - 1;

/// Who makes routes, by iproute2's words.
pub(crate) const ROUTE_PROTOCOLS: [(&str, u8); 14] = [
    ("redirect", 1),
    ("kernel", 2),
    ("boot", 3),
    ("static", 4),
    ("ra", 9),
    ("zebra", 11),
    ("bird", 12),
    ("dhcp", 16),
    ("babel", 42),
    ("bgp", 186),
    ("isis", 187),
    ("ospf", 188),
    ("rip", 189),
    ("eigrp", 192),
];

impl Resolver<'_> {
    pub(super) fn kernel_route(
        &mut self,
        typed: &KernelRouteFile,
    ) -> Found<KernelRouteExpectation> {
        let verb = "expects a route of the kernel on";
        let on = self.node(&typed.on, verb)?;
        let which = self.which_route(on, typed);
        let hop = self.hop(
            on,
            typed.via.as_ref(),
            typed.dev.as_ref(),
            typed.encap.as_ref(),
        );
        let kind = self.maybe(typed.kind.as_ref(), |word| {
            let words = KernelRouteType::ALL.map(|kind| (kind.name(), kind));
            values::one_of("a type of route", word, &words)
        });
        if let (Some(kind), Some(place)) = (kind.filter(|kind| !kind.leads()), &typed.kind) {
            self.leads_nowhere(kind, &place.span, typed);
        }
        let metric = self.maybe_number("the metric", typed.metric.as_ref(), 0, MOST_32);
        let protocol = typed.protocol.as_ref().and_then(|word| self.protocol(word));
        let hops = typed.next_hops.as_ref();
        let next_hops = self.maybe_number("the number of next hops", hops, 0, 1024);
        let amount = self.how_many(how_many!(typed));
        Some(KernelRouteExpectation {
            on,
            which: which?,
            hop: hop?,
            kind,
            metric,
            protocol,
            next_hops,
            amount: amount?,
        })
    }

    /// A route by which packets do not go on is nobody's way, and has no next router.
    fn leads_nowhere(
        &mut self,
        kind: KernelRouteType,
        place: &Range<usize>,
        typed: &KernelRouteFile,
    ) {
        if typed.lookup.is_some() {
            let reason = "is not for `lookup`, as such a route is no way: say `absent = true`";
            self.out_of_place(place, "type", reason);
        }
        let spans = [
            ("via", typed.via.as_ref().map(|via| &via.span)),
            ("encap", typed.encap.as_ref().map(|encap| &encap.span)),
        ];
        for (key, span) in spans {
            if let Some(span) = span {
                let kind = kind.name();
                let reason = format!("a route of type `{kind}` does not have, as it leads nowhere");
                self.out_of_place(span, key, reason);
            }
        }
    }

    fn which_route(&mut self, on: NodeId, typed: &KernelRouteFile) -> Found<WhichRoute> {
        let table = self.maybe_number("the table", typed.table.as_ref(), 1, MOST_32);
        match (&typed.to, &typed.lookup) {
            (Some(_), Some(lookup)) => {
                let reason =
                    "says nothing beside `to`: one is for a prefix, the other for an address";
                self.cannot_be(&lookup.span, "lookup", reason)
            }
            (None, None) => {
                let kind = ErrorKind::NoWord {
                    what: "look for".into(),
                    known: vec!["to".into(), "lookup".into()],
                };
                self.fail(&typed.on.span, kind);
                None
            }
            (Some(to), None) => {
                for (key, other) in [("from", &typed.from), ("iif", &typed.iif)] {
                    if let Some(other) = other {
                        self.out_of_place(&other.span, key, "is for `lookup`");
                    }
                }
                let prefix = self.keep(&to.span, values::prefix(&to.value))?;
                let table = table.unwrap_or(MAIN_TABLE);
                Some(WhichRoute::To { prefix, table })
            }
            (None, Some(lookup)) => {
                let many = [
                    ("count", &typed.count),
                    ("at_least", &typed.at_least),
                    ("at_most", &typed.at_most),
                ];
                for (key, number) in many {
                    if let Some(number) = number {
                        let reason = "is not for `lookup`, which finds one route or none";
                        self.out_of_place(&number.span, key, reason);
                    }
                }
                let to = self.ip_of(lookup, "looks for the way to");
                let from = match &typed.from {
                    Some(from) => Some(self.ip_of(from, "looks for the way from")?),
                    None => None,
                };
                let iif = self.maybe_interface(on, typed.iif.as_ref());
                let to: IpAddr = to?;
                if let (Some(address), Some(from)) = (from, &typed.from)
                    && address.is_ipv4() != to.is_ipv4()
                {
                    let reason = "is of another version of IP than `lookup`";
                    return self.cannot_be(&from.span, "from", reason);
                }
                Some(WhichRoute::Taken {
                    to,
                    from,
                    iif,
                    table,
                })
            }
        }
    }

    fn protocol(&mut self, typed: &At<NumberOrWord>) -> Found<u8> {
        match &typed.value {
            NumberOrWord::Number(number) => {
                let number = values::number("the protocol", *number, 0, 255);
                self.keep(&typed.span, number)
            }
            NumberOrWord::Word(word) => {
                let number = values::one_of("a maker of routes", word, &ROUTE_PROTOCOLS);
                self.keep(&typed.span, number)
            }
        }
    }

    fn hop(
        &mut self,
        on: NodeId,
        via: Option<&At<String>>,
        dev: Option<&At<String>>,
        encap: Option<&At<EncapFile>>,
    ) -> Found<HopPattern> {
        let via = match via {
            Some(via) => Some(self.next_hop(via, "expects a route by way of")?),
            None => None,
        };
        let encap = match encap {
            Some(encap) => Some(self.encap(encap)?),
            None => None,
        };
        Some(HopPattern {
            via,
            dev: self.maybe_interface(on, dev),
            encap,
        })
    }

    fn encap(&mut self, typed: &At<EncapFile>) -> Found<Encap> {
        let EncapFile { labels, id, dst } = &typed.value;
        let tunnel = id.as_ref().map(|id| ("id", &id.span));
        let tunnel = tunnel.or(dst.as_ref().map(|dst| ("dst", &dst.span)));
        match (labels.0.is_empty(), tunnel) {
            (false, Some((key, span))) => {
                let span = span.clone();
                self.cannot_be(&span, key, "is for a tunnel, and `labels` for none")
            }
            (false, None) => self.labels(&labels.0).map(Encap::Mpls),
            (true, None) => {
                let known = ["labels", "id", "dst"].map(String::from).to_vec();
                let what = "put packets into".into();
                self.fail(&typed.span, ErrorKind::NoWord { what, known });
                None
            }
            (true, Some(_)) => {
                let id = self.maybe_number("the key of the tunnel", id.as_ref(), 0, i64::MAX);
                let dst = match dst {
                    Some(dst) => Some(self.next_hop(dst, "expects a tunnel to")?),
                    None => None,
                };
                Some(Encap::Ip { id, dst })
            }
        }
    }

    fn labels(&mut self, typed: &[At<i64>]) -> Found<Vec<u32>> {
        let labels = typed
            .iter()
            .map(|label| self.number("an MPLS label", label, 0, MOST_LABEL));
        labels.collect::<Vec<_>>().into_iter().collect()
    }

    pub(super) fn rule(&mut self, typed: &RuleFile) -> Found<RuleExpectation> {
        let on = self.node(&typed.on, "expects a rule on")?;
        let from = self.maybe(typed.from.as_ref(), values::prefix);
        let to = self.maybe(typed.to.as_ref(), values::prefix);
        if let (Some(a), Some(b), Some(place)) = (from, to, &typed.to)
            && a.address().is_ipv4() != b.address().is_ipv4()
        {
            self.out_of_place(&place.span, "to", "is of another version of IP than `from`");
        }
        let amount = self.how_many(how_many!(typed));
        Some(RuleExpectation {
            on,
            priority: self.maybe_number("the priority", typed.priority.as_ref(), 0, MOST_32),
            from,
            to,
            iif: self.maybe_interface(on, typed.iif.as_ref()),
            oif: self.maybe_interface(on, typed.oif.as_ref()),
            tun_id: self.maybe_number("the tunnel's key", typed.tun_id.as_ref(), 0, i64::MAX),
            mark: self.maybe_number("the mark", typed.mark.as_ref(), 0, MOST_32),
            table: self.maybe_number("the table", typed.table.as_ref(), 1, MOST_32),
            amount: amount?,
        })
    }

    pub(super) fn fdb(&mut self, typed: &FdbFile) -> Found<FdbExpectation> {
        let on = self.node(&typed.on, "expects a forwarding entry on")?;
        let mac = self.mac_of(&typed.mac, "expects a forwarding entry for");
        let dst = match &typed.dst {
            Some(dst) => Some(self.next_hop(dst, "expects a forwarding entry to")?),
            None => None,
        };
        let amount = self.how_many(how_many!(typed));
        Some(FdbExpectation {
            on,
            mac: mac?,
            dev: self.maybe_interface(on, typed.dev.as_ref()),
            dst,
            vni: typed.vni.as_ref().and_then(|vni| self.vni(vni)),
            amount: amount?,
        })
    }

    pub(super) fn mpls_route(&mut self, typed: &LabelRouteFile) -> Found<MplsExpectation> {
        let on = self.node(&typed.on, "expects an MPLS route on")?;
        let label = self.number("an MPLS label", &typed.label, 0, MOST_LABEL);
        let hop = self.hop(on, typed.via.as_ref(), typed.dev.as_ref(), None);
        let swap = match &typed.swap {
            Some(swap) => Some(self.labels(&swap.value.0)?),
            None => None,
        };
        Some(MplsExpectation {
            on,
            label: label?,
            hop: hop?,
            swap,
            absent: typed.absent.as_ref().is_some_and(|absent| absent.value),
        })
    }
}
