//! What comes after the question mark.

use bagpipe_api::request::{parse_mac, parse_prefix, parse_route_target};
use bgp_wire::{Family, IpPrefix};

use super::{error::HttpError, path::decode};
use crate::glass::Filter;

/// The keys and values of a query, decoded. Keys that mean nothing are ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what comes after the question mark.
    pub(super) fn of(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty());
        let decoded = pairs.map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            // As forms write them (URL standard, application/x-www-form-urlencoded).
            (
                decode(&key.replace('+', " ")),
                decode(&value.replace('+', " ")),
            )
        });
        Self(decoded.collect())
    }

    /// The value of a key.
    ///
    /// # Errors
    /// It is there twice.
    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, HttpError> {
        let mut values = self.0.iter().filter(|(known, _)| known == key);
        let value = values.next().map(|(_, value)| value.as_str());
        match values.next() {
            None => Ok(value),
            Some(_) => Err(wrong(key, "must be there only once")),
        }
    }

    /// The number of a key.
    ///
    /// # Errors
    /// It is there twice, or is no integer from 0 to `max`.
    pub(super) fn number(&self, key: &str, max: u64) -> Result<Option<u64>, HttpError> {
        let Some(text) = self.text(key)? else {
            return Ok(None);
        };
        // `parse` alone would also take a sign.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.then(|| text.parse().ok()).flatten();
        match number.filter(|number| *number <= max) {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(key, &format!("must be an integer from 0 to {max}"))),
        }
    }

    /// Which routes of a list are wanted, how many are left out first, and how many there may be at most.
    ///
    /// # Errors
    /// A key is there twice, or has no value of its type.
    pub(super) fn routes(&self) -> Result<(Filter, usize, Option<usize>), HttpError> {
        let filter = Filter {
            family: self.parsed("family", "must be a family, as l2vpn/evpn", family)?,
            target: self.parsed("rt", "must be a route target, as 64512:79", |text| {
                parse_route_target(text.trim_start_matches("target:"))
            })?,
            prefix: self.parsed("prefix", "must be an IP address or prefix", |text| {
                let (address, length) = parse_prefix(text)?;
                IpPrefix::new(address, length).ok()
            })?,
            mac: self.parsed("mac", "must be a MAC address", parse_mac)?,
            source: self.parsed(
                "source",
                "must be a worker, as BGP-10.0.0.1 or EVI-2",
                |text| text.parse().ok(),
            )?,
        };
        let number = |key: &str| -> Result<Option<usize>, HttpError> {
            let number = self.number(key, u64::from(u32::MAX))?;
            Ok(number.map(|number| usize::try_from(number).unwrap_or(usize::MAX)))
        };
        Ok((
            filter,
            number("offset")?.unwrap_or_default(),
            number("limit")?,
        ))
    }

    /// A value that a function makes something of; what a form leaves empty is not said.
    fn parsed<T>(
        &self,
        key: &str,
        rule: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, HttpError> {
        match self.text(key)? {
            None | Some("") => Ok(None),
            Some(text) => parse(text).map(Some).ok_or_else(|| wrong(key, rule)),
        }
    }

    /// Whether a key is true.
    ///
    /// # Errors
    /// It is there twice, or is neither `true` nor `false`.
    pub(super) fn flag(&self, key: &str) -> Result<bool, HttpError> {
        match self.text(key)? {
            Some("true") => Ok(true),
            None | Some("false") => Ok(false),
            Some(_) => Err(wrong(key, "must be true or false")),
        }
    }
}

fn family(text: &str) -> Option<Family> {
    let families = [
        Family::VPNV4,
        Family::VPNV6,
        Family::EVPN,
        Family::RTC,
        Family::FLOWSPEC_VPNV4,
        Family::FLOWSPEC_VPNV6,
    ];
    families
        .into_iter()
        .find(|family| family.to_string() == text)
}

/// 400: the value of a key breaks a rule.
pub(super) fn wrong(key: &str, rule: &str) -> HttpError {
    HttpError::rule(key, rule, format!("API error: '{key}' {rule}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values() {
        let query = Query::of("a=1&b%20c=x+%2By&&all&d=");
        assert_eq!(query.text("a"), Ok(Some("1")));
        assert_eq!(query.text("b c"), Ok(Some("x +y")));
        assert_eq!(query.text("d"), Ok(Some("")));
        assert_eq!(query.text("e"), Ok(None));
        assert_eq!(query.number("a", 1), Ok(Some(1)));
        for (text, key) in [
            ("a=2", "a"),
            ("a=+1", "a"),
            ("a=-1", "a"),
            ("a=", "a"),
            ("a=1&a=1", "a"),
        ] {
            let error = Query::of(text).number(key, 1).unwrap_err();
            assert_eq!(error.status.as_u16(), 400, "{text}");
            assert_eq!(error.field.as_deref(), Some("a"), "{text}");
        }
        assert_eq!(Query::of("all=true").flag("all"), Ok(true));
        assert!(query.flag("all").is_err());
    }
}
