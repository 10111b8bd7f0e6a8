//! Lists of route targets.

use std::{collections::BTreeSet, net::Ipv4Addr};

use bgp_wire::RouteTarget;
use serde_json::Value;

/// A list of strings, or one string with commas; empty items are dropped, as are duplicates.
///
/// The error is the item that is no route target, or none when the value is neither a list nor a string.
pub(super) fn parse_all<'a>(value: &'a Value) -> Result<BTreeSet<RouteTarget>, Option<String>> {
    let items: Vec<&str> = match value {
        Value::String(text) => text.split(',').collect(),
        Value::Array(items) => {
            let text = |item: &'a Value| item.as_str().ok_or_else(|| Some(item.to_string()));
            items.iter().map(text).collect::<Result<_, _>>()?
        }
        _ => return Err(None),
    };
    items
        .into_iter()
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(|item| parse(item).ok_or_else(|| Some(item.to_owned())))
        .collect()
}

/// Reads a route target: `64512:1` (two-octet AS), `70000:1` (four-octet AS), `192.0.2.1:1` (RFC 4360, 5668).
pub fn parse(text: &str) -> Option<RouteTarget> {
    let (administrator, number) = text.split_once(':')?;
    let number = digits(number)?;
    if let Ok(address) = administrator.parse::<Ipv4Addr>() {
        return Some(RouteTarget::ipv4(address, u16::try_from(number).ok()?));
    }
    let asn = digits(administrator)?;
    match u16::try_from(asn) {
        Ok(asn) => Some(RouteTarget::as2(asn, number)),
        Err(_) => Some(RouteTarget::as4(asn, u16::try_from(number).ok()?)),
    }
}

/// `parse` alone would also take a sign.
pub(super) fn digits(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_and_strings() {
        let two = BTreeSet::from([RouteTarget::as2(64512, 1), RouteTarget::as2(64512, 2)]);
        for value in [
            json!(["64512:1", "64512:2"]),
            json!(["64512:2", "64512:1", "64512:2"]),
            json!("64512:1,64512:2"),
            json!("64512:1,,  64512:2,"),
        ] {
            assert_eq!(parse_all(&value), Ok(two.clone()), "{value}");
        }
        for value in [json!([]), json!(""), json!([""])] {
            assert_eq!(parse_all(&value), Ok(BTreeSet::new()), "{value}");
        }
    }

    #[test]
    fn all_three_kinds() {
        assert_eq!(parse("70000:1"), Some(RouteTarget::as4(70000, 1)));
        assert_eq!(
            parse("1.2.3.4:5"),
            Some(RouteTarget::ipv4(Ipv4Addr::new(1, 2, 3, 4), 5))
        );
        assert_eq!(
            parse("64512:4294967295"),
            Some(RouteTarget::as2(64512, u32::MAX))
        );
    }

    #[test]
    fn what_is_no_route_target() {
        for text in [
            "64512:4294967296",
            "a:b",
            "1:2:3",
            "64512:1 64512:2",
            "64512",
            ":",
            "1:",
            ":1",
            "70000:65536",
            "1.2.3.4:65536",
            "+1:2",
            "4294967296:1",
        ] {
            assert_eq!(
                parse_all(&json!([text])),
                Err(Some(text.to_owned())),
                "{text}"
            );
        }
        assert_eq!(parse_all(&json!([5])), Err(Some("5".into())));
        for value in [json!(null), json!(5), json!({})] {
            assert_eq!(parse_all(&value), Err(None), "{value}");
        }
    }
}
