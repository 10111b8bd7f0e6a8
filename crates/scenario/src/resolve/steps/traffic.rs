//! Traffic: flows, ways, and ports to be reached.

use std::net::IpAddr;

use crate::error::ErrorKind;
use crate::file::{At, ConnectFile, StepFile, TracerouteFile, TrafficFile};
use crate::lab::FlowId;
use crate::resolve::{Found, Resolver, related};
use crate::step::{
    Action, Connect, Endpoint, Flow, HopExpectation, PingOutcome, Protocol, Traceroute,
};
use crate::{defaults, values};

/// The fewest and most octets of a probe: its number and time have to be in it, and UDP has to carry it.
const SIZES: (i64, i64) = (24, 65_507);
/// The most probes a second.
const MOST_RATE: i64 = 100_000;
/// Probes of a flow that can be under way: of each it is remembered when it was sent.
const MOST_UNDER_WAY: u128 = 10_000_000;
/// A packet can go no further.
const MOST_HOPS: usize = 254;

impl Resolver<'_> {
    pub(super) fn probes(&mut self, typed: &StepFile) -> Found<Action> {
        if let Some(traffic) = &typed.traffic {
            self.begin_traffic(&traffic.value).map(Action::Traffic)
        } else if let Some(traceroute) = &typed.traceroute {
            self.traceroute(&traceroute.value).map(Action::Traceroute)
        } else {
            let connect = typed.connect.as_ref()?;
            self.connect(&connect.value).map(Action::Connect)
        }
    }

    fn begin_traffic(&mut self, typed: &TrafficFile) -> Found<FlowId> {
        let verb = "sends traffic";
        let from = self.endpoint(&typed.from, &format!("{verb} from"));
        let to = self.ping_target(from, &typed.to);
        let receiver = to.and_then(|to| self.receiver(&typed.to, to));
        let protocol = self.maybe(typed.protocol.as_ref(), |word| {
            let words = Protocol::ALL.map(|protocol| (protocol.name(), protocol));
            values::one_of("a protocol of traffic", word, &words)
        });
        let protocol = protocol.unwrap_or(match receiver {
            Some(_) => Protocol::Udp,
            None => Protocol::Icmp,
        });
        if let Some(word) = &typed.protocol
            && protocol != Protocol::Icmp
            && to.is_some()
            && receiver.is_none()
        {
            let reason = "needs somebody to receive it: a port or a node of the lab, not an address \
                          of nobody in it; \"icmp\" does not";
            self.out_of_place(&word.span, &word.value, reason);
        }
        if let (Protocol::Icmp, Some(port)) = (protocol, &typed.port) {
            self.out_of_place(
                &port.span,
                "port",
                "ICMP does not have; it is for UDP and TCP",
            );
        }
        let rate = match &typed.rate {
            Some(rate) => self.number("the rate", rate, 1, MOST_RATE),
            None => Some(defaults::RATE),
        };
        let size = match &typed.size {
            Some(size) => self.number("the size", size, SIZES.0, SIZES.1),
            None => Some(defaults::PROBE_SIZE),
        };
        let port = match &typed.port {
            Some(port) => Some(self.number("the port", port, 1, 65_535)?),
            None => None,
        };
        let source = self.source(typed.source.as_ref(), to);
        let during = self.maybe(typed.during.as_ref(), values::duration);
        let timeout = self.maybe(typed.timeout.as_ref(), values::duration);
        let timeout = timeout.unwrap_or(defaults::PROBE_TIMEOUT);
        if let (Some(rate), Some(typed)) = (rate, &typed.timeout) {
            let under_way = timeout.as_millis() * u128::from(rate) / 1000;
            if timeout.is_zero() {
                self.out_of_place(&typed.span, "timeout", "leaves no time to arrive");
            } else if under_way > MOST_UNDER_WAY {
                let reason = "lets more than 10,000,000 probes be under way; lower it or `rate`";
                self.out_of_place(&typed.span, "timeout", reason);
            }
        }
        let flow = Flow {
            name: typed.name.value.clone(),
            from: from?,
            source,
            to: to?,
            receiver,
            protocol,
            rate: rate?,
            size: size?,
            port,
            timeout,
            during,
        };
        self.flow_named(&typed.name, flow)
    }

    fn flow_named(&mut self, name: &At<String>, flow: Flow) -> Found<FlowId> {
        self.name(name);
        if let Some((_, first)) = self.flows.get(&name.value).cloned() {
            let kind = ErrorKind::Repeated {
                verb: "has traffic called".into(),
                name: name.value.clone(),
            };
            self.fail_with(&name.span, kind, related(&first, "the first is here"));
            return None;
        }
        let id = FlowId(self.scenario.flows.len());
        if flow.during.is_none() {
            self.course.flowing.insert(id, name.span.clone());
        }
        self.flows
            .insert(name.value.clone(), (id, name.span.clone()));
        self.scenario.flows.push(flow);
        Some(id)
    }

    /// Ends traffic that goes on.
    pub(super) fn stop_traffic(&mut self, name: &At<String>) -> Found<FlowId> {
        let verb = "stops the traffic";
        let Some((flow, span)) = self.flows.get(&name.value).cloned() else {
            let known = self.flows.keys().cloned().collect();
            return self.unknown(name, verb, "flow", known);
        };
        if self.course.flowing.remove(&flow).is_none() {
            let reason = match self.scenario.flows[flow.0].during {
                Some(_) => "ends by itself: it has `for`",
                None => "is stopped already",
            };
            let kind = ErrorKind::Misplaced {
                key: name.value.clone(),
                reason: reason.into(),
            };
            self.fail_with(&name.span, kind, related(&span, "it is begun here"));
            return None;
        }
        Some(flow)
    }

    /// Who in the lab has the address: who was named, or whoever has it.
    fn receiver(&self, typed: &At<String>, to: IpAddr) -> Option<Endpoint> {
        if let Some(port) = self.ports.get(&typed.value) {
            return Some(Endpoint::Port(*port));
        }
        if let Some(node) = self.node_index(&typed.value) {
            return Some(Endpoint::Node(crate::lab::NodeId(node)));
        }
        self.node_at(to).map(Endpoint::Node)
    }

    /// An address to send from, of the same version as that to send to.
    pub(super) fn source(
        &mut self,
        typed: Option<&At<String>>,
        to: Option<IpAddr>,
    ) -> Option<IpAddr> {
        let source = self.maybe(typed, values::ip)?;
        if to.is_some_and(|to| to.is_ipv4() != source.is_ipv4()) {
            let version = if source.is_ipv4() { "IPv4" } else { "IPv6" };
            let reason = format!("is {version}, but `to` is not");
            self.out_of_place(&typed?.span, "source", reason);
            return None;
        }
        Some(source)
    }

    fn traceroute(&mut self, typed: &TracerouteFile) -> Found<Traceroute> {
        let from = self.endpoint(&typed.from, "traces a route from");
        let to = self.ping_target(from, &typed.to);
        let method = self.maybe(typed.method.as_ref(), |word| {
            values::one_of("a method of traceroute", word, &TRACE_METHODS)
        });
        let source = self.source(typed.source.as_ref(), to);
        let within = self.maybe(typed.within.as_ref(), values::duration);
        let hops = match &typed.hops {
            Some(hops) => Some(self.hops(hops, to)?),
            None => None,
        };
        Some(Traceroute {
            from: from?,
            source,
            to: to?,
            hops,
            method: method.unwrap_or(Protocol::Icmp),
            within: within.unwrap_or(defaults::WITHIN),
        })
    }

    fn hops(
        &mut self,
        typed: &At<Vec<At<String>>>,
        to: Option<IpAddr>,
    ) -> Found<Vec<HopExpectation>> {
        if typed.value.len() > MOST_HOPS {
            self.out_of_place(&typed.span, "hops", "has more than a packet can go");
        }
        let mut hops = Vec::new();
        for (index, name) in typed.value.iter().enumerate() {
            let hop = if name.value == "*" {
                Some(HopExpectation::Any)
            } else if values::looks_like_address(&name.value) {
                let address = self.keep(&name.span, values::ip(&name.value));
                address.map(HopExpectation::Address)
            } else {
                self.node(name, "expects a hop at")
                    .map(|node| HopExpectation::Node {
                        node,
                        addresses: self.addresses(node).collect(),
                    })
            };
            let last = index + 1 == typed.value.len();
            if last && to.is_some() && hop.as_ref().is_some_and(|hop| is_end(hop, to)) {
                let reason = "is the end of the way; `hops` are those before it";
                self.out_of_place(&name.span, &name.value, reason);
            }
            hops.push(hop);
        }
        hops.into_iter().collect()
    }

    fn connect(&mut self, typed: &ConnectFile) -> Found<Connect> {
        let from = self.endpoint(&typed.from, "connects from");
        let to = self.ping_target(from, &typed.to);
        let receiver = to.and_then(|to| self.receiver(&typed.to, to));
        let protocol = self.maybe(typed.protocol.as_ref(), |word| {
            values::one_of("a protocol to connect with", word, &TRANSPORTS)
        });
        let protocol = protocol.unwrap_or(Protocol::Tcp);
        let port = self.number("the port", &typed.port, 1, 65_535);
        let source = self.source(typed.source.as_ref(), to);
        let listen = match &typed.listen {
            Some(listen) if listen.value && receiver.is_none() => {
                let reason = "needs a port or a node of the lab to listen in";
                self.out_of_place(&listen.span, "listen", reason);
                true
            }
            Some(listen) => listen.value,
            None => receiver.is_some(),
        };
        if !listen && protocol == Protocol::Udp {
            let at = typed.protocol.as_ref().unwrap_or(&typed.to);
            let reason =
                "needs labgen to listen: what answers to a datagram is not known otherwise";
            self.out_of_place(&at.span, "udp", reason);
        }
        let outcome = self.outcome(
            typed.fails.as_ref(),
            typed.within.as_ref(),
            typed.during.as_ref(),
            "connection",
        );
        Some(Connect {
            from: from?,
            source,
            to: to?,
            port: port?,
            protocol,
            listener: receiver.filter(|_| listen),
            outcome,
        })
    }

    /// What must come of something that is tried again until it works, or must not work.
    pub(super) fn outcome(
        &mut self,
        fails: Option<&At<bool>>,
        within: Option<&At<String>>,
        during: Option<&At<String>>,
        what: &str,
    ) -> PingOutcome {
        let patience = self.maybe(within, values::duration);
        let silence = self.maybe(during, values::duration);
        let fails = fails.is_some_and(|fails| fails.value);
        match (fails, within, during) {
            (true, Some(within), _) => {
                let reason = format!("waits for a {what}, but this one fails; say `for`");
                self.out_of_place(&within.span, "within", reason);
            }
            (false, _, Some(during)) => {
                let reason = format!("is for a {what} that fails; say `within`");
                self.out_of_place(&during.span, "for", reason);
            }
            _ => {}
        }
        if fails {
            PingOutcome::Silence(silence.unwrap_or(defaults::SILENCE))
        } else {
            PingOutcome::Replies(patience.unwrap_or(defaults::WITHIN))
        }
    }
}

fn is_end(hop: &HopExpectation, to: Option<IpAddr>) -> bool {
    !matches!(hop, HopExpectation::Any) && hop.holds(to)
}

/// With what a way is walked.
pub(crate) const TRACE_METHODS: [(&str, Protocol); 2] =
    [("icmp", Protocol::Icmp), ("udp", Protocol::Udp)];

/// What has ports.
pub(crate) const TRANSPORTS: [(&str, Protocol); 2] =
    [("tcp", Protocol::Tcp), ("udp", Protocol::Udp)];
