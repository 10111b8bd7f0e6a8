//! ExaBGP, told by lines of its API, each answered by `done` or `error`.

use std::net::IpAddr;

use bgp_wire::attribute::{AsPath, Origin};
use bgp_wire::nlri::{FlowComponent, FlowspecRules};
use bgp_wire::types::IpPrefix;
use bgp_wire::{AttributeValue, LabelField, NlriValue, PathAttributes, RouteDistinguisher};
use scenario::Announcement;

use super::{Change, hex};

/// It has no words for this.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("ExaBGP has no words for {0}")]
pub struct NoWords(String);

/// The lines that make it announce or withdraw routes, one for each.
///
/// # Errors
///
/// There is something about the routes that it cannot be told.
pub fn lines(announcement: &Announcement, change: Change) -> Result<Vec<String>, NoWords> {
    let mut lines = Vec::new();
    for batch in announcement.batches() {
        for nlri in &batch.nlri {
            let value = nlri.value();
            let value = value.map_err(|_| NoWords(format!("{nlri:?}")))?;
            lines.push(line(announcement, &value, &batch.attributes, change)?);
        }
    }
    Ok(lines)
}

/// The line that ends the session with a peer: Cease, Administrative Reset.
pub fn reset(peer: IpAddr) -> String {
    format!("neighbor {peer} teardown 4")
}

fn line(
    announcement: &Announcement,
    value: &NlriValue,
    attributes: &PathAttributes,
    change: Change,
) -> Result<String, NoWords> {
    let word = match change {
        Change::Announce => "announce",
        Change::Withdraw => "withdraw",
    };
    match value {
        NlriValue::Unicast(prefix) => {
            let rest = route(announcement, attributes)?;
            Ok(format!("{word} route {prefix}{rest}"))
        }
        NlriValue::Vpn(vpn) => {
            let rest = route(announcement, attributes)?;
            let labels = labels(&vpn.labels);
            let (prefix, rd) = (vpn.prefix, distinguisher(vpn.rd)?);
            Ok(format!(
                "{word} route {prefix} rd {rd} label {labels}{rest}"
            ))
        }
        NlriValue::Flowspec(rules) => flow(word, None, rules, attributes),
        NlriValue::FlowspecVpn { rd, rules } => flow(word, Some(*rd), rules, attributes),
        _ => Err(NoWords(format!(
            "routes of the family {}",
            announcement.family()
        ))),
    }
}

fn labels(stack: &[LabelField]) -> String {
    let labels = stack.iter().map(|label| label.label().to_string());
    let labels: Vec<String> = labels.collect();
    match labels.as_slice() {
        [one] => one.clone(),
        several => format!("[ {} ]", several.join(" ")),
    }
}

/// It takes a large AS number for one of four octets, and a small one always for one of two.
fn distinguisher(rd: RouteDistinguisher) -> Result<String, NoWords> {
    let text = rd.to_string();
    match text.contains('L') || text.starts_with("0x") {
        true => Err(NoWords(format!("the route distinguisher {text}"))),
        false => Ok(text),
    }
}

/// Next hop and attributes of a route.
fn route(announcement: &Announcement, attributes: &PathAttributes) -> Result<String, NoWords> {
    let mut words = String::new();
    if let Some(hop) = announcement.next_hop.address() {
        words += &format!(" next-hop {hop}");
    }
    for attribute in attributes.iter() {
        words += &match &attribute.value {
            AttributeValue::Origin(origin) => format!(" origin {}", origin_word(*origin)),
            AttributeValue::AsPath(path) => as_path(path)?,
            AttributeValue::Med(med) => format!(" med {med}"),
            AttributeValue::LocalPref(preference) => format!(" local-preference {preference}"),
            AttributeValue::OriginatorId(id) => format!(" originator-id {id}"),
            AttributeValue::ClusterList(ids) => {
                format!(" cluster-list {}", list(ids.iter()))
            }
            value => communities(value)
                .map(|words| format!(" {words}"))
                .ok_or_else(|| unspoken(value))?,
        };
    }
    Ok(words)
}

fn unspoken(value: &AttributeValue) -> NoWords {
    NoWords(format!("the attribute with the code {}", value.code()))
}

fn origin_word(origin: Origin) -> &'static str {
    match origin {
        Origin::Igp => "igp",
        Origin::Egp => "egp",
        Origin::Incomplete => "incomplete",
    }
}

fn as_path(path: &AsPath) -> Result<String, NoWords> {
    match path.0.as_slice() {
        [] => Ok(String::new()),
        [segment] => Ok(format!(" as-path {}", list(segment.asns.iter()))),
        _ => Err(NoWords("an AS path of several segments".into())),
    }
}

/// Communities of the three kinds.
fn communities(value: &AttributeValue) -> Option<String> {
    Some(match value {
        AttributeValue::Communities(all) => {
            let all = all.iter();
            let all = all.map(|community| format!("{}:{}", community >> 16, community & 0xffff));
            format!("community {}", list(all))
        }
        AttributeValue::LargeCommunities(all) => format!("large-community {}", list(all.iter())),
        AttributeValue::ExtendedCommunities(all) => {
            // In octets: it has names for few of them.
            let all = all.iter();
            let all = all.map(|community| format!("0x{}", hex(&community.bytes())));
            format!("extended-community {}", list(all))
        }
        _ => return None,
    })
}

fn list(all: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let all: Vec<String> = all.map(|one| one.to_string()).collect();
    format!("[ {} ]", all.join(" "))
}

/// What is to be done stands in communities, whose octets say it.
fn flow(
    word: &str,
    rd: Option<RouteDistinguisher>,
    rules: &FlowspecRules,
    attributes: &PathAttributes,
) -> Result<String, NoWords> {
    let rd = rd.map(distinguisher).transpose()?;
    let rd = rd.map(|rd| format!("rd {rd}; ")).unwrap_or_default();
    let matches = rules.components.iter();
    let matches: Vec<String> = matches.map(|one| component(one, rules.ipv6)).collect();
    let mut then = String::new();
    for attribute in attributes.iter() {
        match &attribute.value {
            // These it gives itself.
            AttributeValue::Origin(_)
            | AttributeValue::AsPath(_)
            | AttributeValue::LocalPref(_) => {}
            value => then += &format!("{}; ", communities(value).ok_or_else(|| unspoken(value))?),
        }
    }
    Ok(format!(
        "{word} flow route {{ {rd}match {{ {} }} then {{ {then}}} }}",
        matches.join(" ")
    ))
}

fn component(component: &FlowComponent, ipv6: bool) -> String {
    let prefix = |name: &str, prefix: &IpPrefix, offset: u8| match (ipv6, offset) {
        (true, offset) => format!("{name} {prefix}/{offset};"),
        (false, _) => format!("{name} {prefix};"),
    };
    match component {
        FlowComponent::Destination { prefix: to, offset } => prefix("destination", to, *offset),
        FlowComponent::Source {
            prefix: from,
            offset,
        } => prefix("source", from, *offset),
        FlowComponent::Operations { .. } => {
            let rules = FlowspecRules {
                ipv6,
                components: vec![component.clone()],
            };
            format!("{rules};")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::announcement;
    use super::*;

    #[track_caller]
    fn says(announce: &str, expected: &str) {
        let lines = lines(&announcement("exabgp", announce), Change::Announce);
        assert_eq!(lines, Ok(vec![expected.to_owned()]));
    }

    #[test]
    fn routes_are_lines() {
        says(
            "family = \"ipv4\", prefix = \"20.0.0.0/24\", communities = [\"1:2\", \"no-export\"], as_path = [65001], med = 7",
            "announce route 20.0.0.0/24 next-hop 10.0.0.1 origin igp as-path [ 65001 ] med 7 local-preference 100 \
             community [ 1:2 65535:65281 ]",
        );
        says(
            "family = \"vpnv4\", prefix = \"20.0.0.0/24\", rd = \"64512:1\", label = 16, rt = \"64512:79\"",
            "announce route 20.0.0.0/24 rd 64512:1 label 16 next-hop 10.0.0.1 origin igp local-preference 100 \
             extended-community [ 0x0002fc000000004f ]",
        );
        says(
            "family = \"flowspec-vpnv4\", rd = \"64512:1\", flowspec = [\"destination-ipv4 20.0.0.0/24\", \
             \"destination-port >=80&<=90\"], action = { discard = true }",
            "announce flow route { rd 64512:1; match { destination 20.0.0.0/24; destination-port [ >=80&<=90 ]; } \
             then { extended-community [ 0x8006000000000000 ]; } }",
        );
    }

    #[test]
    fn many_routes_count_up() {
        let many = announcement(
            "exabgp",
            "family = \"ipv4\", prefix = \"20.0.0.0/24\", routes = 300",
        );
        let lines = lines(&many, Change::Withdraw).expect("words");
        assert_eq!(lines.len(), 300);
        assert!(
            lines[299].starts_with("withdraw route 20.1.43.0/24 "),
            "{}",
            lines[299]
        );
    }

    #[test]
    fn what_it_has_no_words_for_is_said() {
        let one = announcement(
            "exabgp",
            "family = \"vpnv4\", prefix = \"20.0.0.0/24\", rd = \"64512L:1\", label = 16",
        );
        let error = lines(&one, Change::Announce).expect_err("no words");
        assert!(error.to_string().contains("64512L:1"), "{error}");
    }
}
