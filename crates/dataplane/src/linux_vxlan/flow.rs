//! Flows that go by another instance's table, as rules of the kernel.

use netns::addr::IpPrefix;
use netns::link::{PortRange, Rule};
use vpn::traffic::{Numbers, TrafficMatch};

use super::state::{LOOKUP, netns_prefix};

/// Rules of flows come before those that choose a table for everything: for each length of the destination, for
/// whether there is a source, a protocol, ports.
pub const FLOWS: u32 = LOOKUP - (LONGEST + 2) * 8;

/// Bits of the longest prefix.
const LONGEST: u32 = 128;

/// More than anybody writes. Each rule is tried for each packet.
const MOST_RULES: usize = 256;

/// What the kernel can tell of a flow.
#[derive(Debug, PartialEq, Eq)]
pub enum Flow {
    /// All of it.
    Whole(Vec<Rule>),
    /// All but what is from or to port 65535, or only port 0.
    WithoutLastPort(Vec<Rule>),
    /// It takes too many rules, so it has none.
    TooMany(usize),
}

impl Flow {
    /// Packets that come in at a port and match look into a table.
    pub fn new(traffic: &TrafficMatch, iif: &str, table: u32) -> Self {
        let prefix = |prefix: &bgp_wire::IpPrefix| netns_prefix(prefix);
        let like = Rule {
            ipv6: traffic.ipv6,
            from: traffic
                .source
                .as_ref()
                .and_then(prefix)
                .filter(says_something),
            to: traffic
                .destination
                .as_ref()
                .and_then(prefix)
                .filter(says_something),
            ..Rule::lookup(priority(traffic), table).iif(iif)
        };
        let protocols: Vec<Option<u8>> = match &traffic.protocols {
            None => vec![None],
            Some(numbers) => {
                let ranges = numbers.ranges().iter();
                let numbers = ranges.flat_map(|range| range.low()..=range.high());
                numbers.map(|number| u8::try_from(number).ok()).collect()
            }
        };
        let mut whole = true;
        let mut told = |numbers: &Option<Numbers>| {
            let (ranges, is_whole) = ranges(numbers.as_ref());
            whole &= is_whole;
            ranges
        };
        let ends = ends(traffic);
        let ends: Vec<_> = ends.iter().map(|(a, b)| (told(a), told(b))).collect();
        // Counted before there is one of them: thousands of ports each way would be millions of rules.
        let pairs = ends.iter().map(|(from, to)| from.len() * to.len());
        let count = protocols.len().saturating_mul(pairs.sum());
        if count > MOST_RULES {
            return Self::TooMany(count);
        }
        let ports: Vec<_> = ends
            .iter()
            .flat_map(|(from, to)| from.iter().flat_map(|a| to.iter().map(move |b| (*a, *b))))
            .collect();
        let of_protocol = |protocol: &Option<u8>| {
            let rules = ports.iter().map(|(from, to)| Rule {
                protocol: *protocol,
                from_ports: *from,
                to_ports: *to,
                ..like.clone()
            });
            rules.collect::<Vec<_>>()
        };
        let rules = protocols.iter().flat_map(of_protocol).collect();
        if whole {
            Self::Whole(rules)
        } else {
            Self::WithoutLastPort(rules)
        }
    }

    /// The rules there are.
    pub fn rules(self) -> Vec<Rule> {
        match self {
            Self::Whole(rules) | Self::WithoutLastPort(rules) => rules,
            Self::TooMany(_) => Vec::new(),
        }
    }
}

/// Whether it leaves out any address: the kernel shows none in a rule that does not.
fn says_something(prefix: &IpPrefix) -> bool {
    prefix.prefix_len() > 0
}

/// The more a flow says, the earlier it is tried, beginning with its destination (RFC 8955 section 5.1).
fn priority(traffic: &TrafficMatch) -> u32 {
    let destination = match traffic.destination {
        Some(prefix) => LONGEST - u32::from(prefix.len()),
        None => LONGEST + 1,
    };
    let has_ports = traffic.ports.is_some()
        || traffic.destination_ports.is_some()
        || traffic.source_ports.is_some();
    let said = [
        traffic.source.is_some(),
        traffic.protocols.is_some(),
        has_ports,
    ];
    let unsaid = said
        .iter()
        .fold(0, |bits, said| bits << 1 | u32::from(!said));
    FLOWS + destination * 8 + unsaid
}

/// Source and destination ports that must both match, of which one pair must.
fn ends(traffic: &TrafficMatch) -> Vec<(Option<Numbers>, Option<Numbers>)> {
    let (from, to) = (&traffic.source_ports, &traffic.destination_ports);
    let Some(either) = &traffic.ports else {
        return vec![(from.clone(), to.clone())];
    };
    let both = |numbers: &Option<Numbers>| match numbers {
        Some(numbers) => numbers.intersection(either),
        None => either.clone(),
    };
    vec![
        (Some(both(from)), to.clone()),
        (from.clone(), Some(both(to))),
    ]
}

/// Ports as the kernel tells them, and whether that is all of them. Port 0 beside others is none that anybody uses.
fn ranges(numbers: Option<&Numbers>) -> (Vec<Option<PortRange>>, bool) {
    let Some(numbers) = numbers else {
        return (vec![None], true);
    };
    let mut ranges = Vec::new();
    let mut whole = true;
    for range in numbers.ranges() {
        let (low, high) = (range.low().max(1), range.high().min(u16::MAX - 1));
        if range.low() <= 1 && range.high() == u16::MAX {
            ranges.push(None);
            continue;
        }
        let told = PortRange::new(low, high);
        whole &= told.is_some() && range.high() == high;
        ranges.extend(told.map(Some));
    }
    (ranges, whole)
}

#[cfg(test)]
mod tests {
    use bgp_wire::nlri::FlowspecRules;
    use vpn::Classifier;
    use vpn::traffic::NumberRange;

    use super::*;

    fn flow(rules: &FlowspecRules) -> Flow {
        Flow::new(&TrafficMatch::read(rules).unwrap_or_default(), "tap1", 1001)
    }

    fn classifier(from: Option<(u16, u16)>, to: Option<(u16, u16)>) -> Classifier {
        let range = |(low, high)| NumberRange::new(low, high);
        Classifier {
            source_ports: from.and_then(range),
            destination_ports: to.and_then(range),
            ..Classifier::default()
        }
    }

    fn rules(classifier: &Classifier, to: &str) -> Option<FlowspecRules> {
        classifier.rules(to.parse().ok()?)
    }

    #[test]
    fn a_flow_is_a_rule() {
        let rules =
            rules(&classifier(Some((10, 20)), Some((80, 80))), "12.0.0.0/24").unwrap_or_default();
        let Flow::Whole(rules) = flow(&rules) else {
            panic!("{rules}");
        };
        let [rule] = &rules[..] else {
            panic!("{rules:?}");
        };
        assert_eq!(rule.iif.as_deref(), Some("tap1"));
        assert_eq!(rule.to, "12.0.0.0/24".parse().ok());
        assert_eq!((rule.protocol, rule.table), (Some(6), Some(1001)));
        assert_eq!(rule.from_ports, PortRange::new(10, 20));
        assert_eq!(rule.to_ports, PortRange::new(80, 80));
    }

    #[test]
    fn the_ends_of_ranges() {
        let ports = |low, high| rules(&classifier(None, Some((low, high))), "12.0.0.0/24");
        let told = |low, high| flow(&ports(low, high).unwrap_or_default());
        assert!(matches!(&told(0, 65535), Flow::Whole(r) if r[0].to_ports.is_none()));
        assert!(matches!(&told(0, 100), Flow::Whole(r) if r[0].to_ports == PortRange::new(1, 100)));
        assert!(matches!(&told(9, 65535), Flow::WithoutLastPort(r)
            if r[0].to_ports == PortRange::new(9, 65534)));
        assert_eq!(told(65535, 65535), Flow::WithoutLastPort(Vec::new()));
        assert_eq!(told(0, 0), Flow::WithoutLastPort(Vec::new()));
    }

    #[test]
    fn either_port_takes_two_rules() {
        let http = classifier(None, Some((80, 80)));
        let rules = rules(&http, "12.0.0.0/24").unwrap_or_default();
        let mut traffic = TrafficMatch::read(&rules).unwrap_or_default();
        traffic.ports = traffic.destination_ports.take();
        let rules = Flow::new(&traffic, "tap1", 1).rules();
        let port = PortRange::new(80, 80);
        let ports: Vec<_> = rules.iter().map(|r| (r.from_ports, r.to_ports)).collect();
        assert_eq!(ports, [(port, None), (None, port)]);
        // What can never match has no rule.
        traffic.ports = Some(Numbers::default());
        assert_eq!(Flow::new(&traffic, "tap1", 1), Flow::Whole(Vec::new()));
    }

    #[test]
    fn what_says_more_comes_first() {
        let all = Classifier::default();
        let http = classifier(None, Some((80, 80)));
        let order: Vec<_> = [
            rules(&http, "2001:db8::1"),
            rules(&http, "12.0.0.0/24"),
            rules(&all, "12.0.0.0/24"),
            rules(&http, "0.0.0.0/0"),
            Some(FlowspecRules::default()),
        ]
        .into_iter()
        .map(|rules| flow(&rules.unwrap_or_default()).rules()[0].priority)
        .collect();
        assert!(
            order.is_sorted() && order[0] >= FLOWS && order[4] < LOOKUP,
            "{order:?}"
        );
    }

    #[test]
    fn too_much_is_not_told() {
        let every_second = |kind, count| bgp_wire::nlri::FlowComponent::Operations {
            kind,
            operations: (0..count)
                .map(|n| bgp_wire::nlri::FlowOp::equal(2 * n))
                .collect(),
        };
        let told = |components| {
            flow(&FlowspecRules {
                ipv6: false,
                components,
            })
        };
        let to = bgp_wire::nlri::FlowComponent::DESTINATION_PORT;
        let from = bgp_wire::nlri::FlowComponent::SOURCE_PORT;
        assert_eq!(told(vec![every_second(to, 300)]), Flow::TooMany(299));
        let both = vec![every_second(to, 30_000), every_second(from, 30_000)];
        assert_eq!(told(both), Flow::TooMany(29_999 * 29_999));
    }
}
