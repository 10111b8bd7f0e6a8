//! Interfaces, by their names or by what they are on; and flows of Open vSwitch.

use super::amount::how_many;
use crate::amount::Amount;
use crate::error::ErrorKind;
use crate::expect::{Counter, InterfaceExpectation, LinkState, OpenflowExpectation, Since};
use crate::file::{AmountFile, At, InterfaceFile, OneOrMany, OpenflowFile};
use crate::lab::NodeId;
use crate::resolve::{Found, Resolver};
use crate::values;

type Bounds<'a> = &'a Option<At<AmountFile>>;

fn counters(typed: &InterfaceFile) -> [(Counter, Bounds<'_>); 8] {
    [
        (Counter::RxPackets, &typed.rx_packets),
        (Counter::RxBytes, &typed.rx_bytes),
        (Counter::RxDropped, &typed.rx_dropped),
        (Counter::RxErrors, &typed.rx_errors),
        (Counter::TxPackets, &typed.tx_packets),
        (Counter::TxBytes, &typed.tx_bytes),
        (Counter::TxDropped, &typed.tx_dropped),
        (Counter::TxErrors, &typed.tx_errors),
    ]
}

fn counts(typed: &InterfaceFile) -> bool {
    counters(typed).iter().any(|(_, bounds)| bounds.is_some())
}

impl Resolver<'_> {
    pub(super) fn interface(&mut self, typed: &InterfaceFile) -> Found<InterfaceExpectation> {
        let on = self.node(&typed.on, "expects an interface on")?;
        let name = match (&typed.name, &typed.net) {
            (Some(_), Some(net)) => self.cannot_be(&net.span, "net", "says nothing beside `name`"),
            (Some(name), None) => self.keep(&name.span, values::interface_name(&name.value)),
            (None, Some(net)) => {
                let id = self.net(net, "expects an interface on")?;
                let mut own = self.interfaces[self.home(on).0].iter();
                let own = own.find(|interface| interface.net == id);
                match own.map(|interface| interface.name.clone()) {
                    Some(name) => Some(name),
                    None => self.not_on(on, net),
                }
            }
            (None, None) => {
                let known = vec!["name".into(), "net".into()];
                let what = "look at".into();
                self.fail(&typed.on.span, ErrorKind::NoWord { what, known });
                None
            }
        };
        let state = self.maybe(typed.state.as_ref(), |word| {
            let words = LinkState::ALL.map(|state| (state.name(), state));
            values::one_of("a state of an interface", word, &words)
        });
        let mac = match &typed.mac {
            Some(mac) => Some(self.mac_of(mac, "expects an interface with the address of")?),
            None => None,
        };
        let counters = self.counters(typed);
        let since = match &typed.since {
            Some(since) if !counts(typed) => {
                return self.cannot_be(&since.span, "since", "is for what is counted");
            }
            Some(since) => self.since(since)?,
            None => Since::Start,
        };
        let absent = typed.absent.as_ref().is_some_and(|absent| absent.value);
        let said = state.is_some() || typed.mtu.is_some() || mac.is_some();
        if let (true, true, Some(key)) = (
            absent,
            said || typed.master.is_some() || !counters.is_empty(),
            &typed.absent,
        ) {
            let reason = "leaves nothing to say of it";
            return self.cannot_be(&key.span, "absent", reason);
        }
        Some(InterfaceExpectation {
            on,
            name: name?,
            state,
            mtu: self.maybe_number("the MTU", typed.mtu.as_ref(), 68, 65_535),
            mac,
            master: self.maybe_interface(on, typed.master.as_ref()),
            counters,
            since,
            absent,
        })
    }

    fn counters(&mut self, typed: &InterfaceFile) -> Vec<(Counter, Amount)> {
        let given = counters(typed)
            .into_iter()
            .filter_map(|(counter, typed)| Some((counter, self.amount_of(typed.as_ref()?)?)));
        given.collect()
    }

    /// The name of an interface that is named, or that is on the LAN or link that is.
    pub(super) fn maybe_interface(
        &mut self,
        on: NodeId,
        typed: Option<&At<String>>,
    ) -> Option<String> {
        let typed = typed?;
        let is_lan = self.lan_ids.contains_key(typed.value.as_str());
        if !is_lan && !self.link_ids.contains_key(&typed.value) {
            return self.keep(&typed.span, values::interface_name(&typed.value));
        }
        let net = self.net(typed, "expects an interface on")?;
        let mut own = self.interfaces[self.home(on).0].iter();
        let own = own.find(|interface| interface.net == net || interface.name == typed.value);
        match own.map(|interface| interface.name.clone()) {
            Some(name) => Some(name),
            None => self.not_on(on, typed),
        }
    }

    /// Notes that a node is not on a LAN or link.
    fn not_on<T>(&mut self, on: NodeId, net: &At<String>) -> Found<T> {
        let own = self.interfaces[self.home(on).0].iter();
        let nets: Vec<_> = own.map(|interface| interface.net).collect();
        let name = |net| self.scenario.net_name(net).to_owned();
        let known = nets.into_iter().map(name).collect();
        let what = format!("LAN or link of `{}`", self.node_name(on));
        self.unknown(net, "expects an interface on", &what, known)
    }

    pub(super) fn openflow(&mut self, typed: &OpenflowFile) -> Found<OpenflowExpectation> {
        let verb = "expects flows on";
        let on = self.node(&typed.on, verb)?;
        let on = self.of_kind(on, &typed.on, verb, "node of kind `ovs`", |word| {
            word == "ovs"
        });
        let words = |typed: &OneOrMany<At<String>>| {
            let words = typed.0.iter().map(|word| word.value.trim().to_owned());
            words.collect::<Vec<_>>()
        };
        for (key, list) in [("match", &typed.matches), ("actions", &typed.actions)] {
            if let Some(empty) = list.0.iter().find(|word| word.value.trim().is_empty()) {
                self.fail(&empty.span, ErrorKind::Empty { key: key.into() });
            }
        }
        let packets = match &typed.packets {
            Some(packets) => Some(self.amount_of(packets)?),
            None => None,
        };
        let amount = self.how_many(how_many!(typed));
        Some(OpenflowExpectation {
            on: on?,
            bridge: self.keep(
                &typed.bridge.span,
                values::interface_name(&typed.bridge.value),
            )?,
            table: self.maybe_number("the OpenFlow table", typed.table.as_ref(), 0, 254),
            priority: self.maybe_number("the priority", typed.priority.as_ref(), 0, 65_535),
            matches: words(&typed.matches),
            actions: words(&typed.actions),
            packets,
            amount: amount?,
        })
    }
}
