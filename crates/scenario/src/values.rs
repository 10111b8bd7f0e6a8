//! Values that are typed as text, and what to say when they are not well formed.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use bgp_wire::community::{Community, LargeCommunity};
use bgp_wire::nlri::FlowComponent;
use bgp_wire::types::{IP_PROTOCOLS, IpPrefix};
use bgp_wire::{Esi, ExtendedCommunity, Family, MacAddr, RouteDistinguisher, RouteTarget};

use crate::error::ErrorKind;

/// `300ms`, `5s`, `2m`, `1h`: whole numbers.
pub fn duration(text: &str) -> Result<Duration, ErrorKind> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let parsed = match (number.parse::<u32>().map(u64::from), unit) {
        (Ok(number), "ms") => Some(Duration::from_millis(number)),
        (Ok(number), "s") => Some(Duration::from_secs(number)),
        (Ok(number), "m") => Some(Duration::from_secs(60 * number)),
        (Ok(number), "h") => Some(Duration::from_secs(3600 * number)),
        _ => None,
    };
    parsed.ok_or_else(|| {
        bad(
            "a duration",
            text,
            "like \"300ms\", \"5s\", \"2m\" or \"1h\"",
        )
    })
}

/// A duration in which something can be done.
pub fn time_limit(text: &str) -> Result<Duration, ErrorKind> {
    let limit = duration(text)?;
    match limit.is_zero() {
        true => Err(bad("a time limit", text, "nothing is done in no time")),
        false => Ok(limit),
    }
}

/// `256KiB`, `64MiB`, `1GiB`: octets, in whole numbers.
pub fn size(what: &str, text: &str) -> Result<u64, ErrorKind> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let shift = match unit {
        "KiB" => Some(10),
        "MiB" => Some(20),
        "GiB" => Some(30),
        _ => None,
    };
    let number = number.parse::<u32>().ok().map(u64::from);
    let size = number.zip(shift).map(|(number, shift)| number << shift);
    size.ok_or_else(|| bad(what, text, "like \"256KiB\", \"64MiB\" or \"1GiB\""))
}

/// An IPv4 or IPv6 address.
pub fn ip(text: &str) -> Result<IpAddr, ErrorKind> {
    parsed("an IP address", text, "like \"10.0.0.1\"")
}

/// An address with the prefix length of its subnet; `default` is the length for IPv4 and for IPv6 without one.
pub fn ip_with_length(text: &str, default: (u8, u8)) -> Result<(IpAddr, u8), ErrorKind> {
    let what = "an address with a prefix length";
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length)),
        None => (text, None),
    };
    let address: IpAddr = parsed(what, address, "like \"10.1.1.1/24\"")
        .map_err(|_| bad(what, text, "like \"10.1.1.1/24\""))?;
    let (most, usual) = if address.is_ipv4() {
        (32, default.0)
    } else {
        (128, default.1)
    };
    let length = match length {
        None => usual,
        Some(length) => length
            .parse()
            .ok()
            .filter(|length| *length <= most)
            .ok_or_else(|| bad(what, text, &format!("a prefix length is at most {most}")))?,
    };
    Ok((address, length))
}

/// A prefix whose host bits are zero.
pub fn prefix(text: &str) -> Result<IpPrefix, ErrorKind> {
    let what = "a prefix";
    let like = "like \"10.0.0.0/24\"";
    let (address, length) = ip_with_length(text, (32, 128)).map_err(|_| bad(what, text, like))?;
    let prefix = IpPrefix::new(address, length).map_err(|_| bad(what, text, like))?;
    if prefix.address() != address {
        return Err(bad(
            what,
            text,
            &format!("bits are set beyond its length; `{prefix}` has none"),
        ));
    }
    Ok(prefix)
}

/// What a speaker originates: a prefix, or a word for several.
pub fn network(text: &str) -> Result<IpPrefix, ErrorKind> {
    prefix(text).map_err(|kind| match kind {
        ErrorKind::BadValue { value, .. } if !looks_like_address(&value) => {
            let like = "like \"10.0.0.0/24\", or \"loopback\" or \"connected\"";
            bad("a prefix", &value, like)
        }
        kind => kind,
    })
}

/// Whether `text` is meant as an address rather than a name: names begin with a letter and have neither dots
/// nor colons.
pub fn looks_like_address(text: &str) -> bool {
    text.contains([':', '.']) || text.starts_with(|c: char| c.is_ascii_digit())
}

/// A MAC address.
pub fn mac(text: &str) -> Result<MacAddr, ErrorKind> {
    parsed("a MAC address", text, "like \"02:00:00:00:00:01\"")
}

/// The MAC address of an interface.
pub fn unicast_mac(text: &str) -> Result<MacAddr, ErrorKind> {
    let mac = mac(text)?;
    if mac.0[0] & 1 == 0 && mac.0 != [0; 6] {
        return Ok(mac);
    }
    let reason = "that of an interface is unicast and not zero";
    Err(bad("a MAC address for an interface", text, reason))
}

/// An address in the form of which BGP identifiers and cluster ids are written.
pub fn identifier(what: &str, text: &str) -> Result<Ipv4Addr, ErrorKind> {
    parsed(what, text, "like \"1.2.3.4\"")
}

/// RFC 4271 section 4.2: zero, or three seconds and more, whole, in 16 bits.
pub fn hold_time(text: &str) -> Result<u16, ErrorKind> {
    let time = duration(text)?;
    let seconds = u16::try_from(time.as_secs())
        .ok()
        .filter(|n| *n == 0 || *n >= 3);
    seconds
        .filter(|_| time.subsec_millis() == 0)
        .ok_or_else(|| {
            let reason = "\"0s\", or whole seconds from 3 to 65535";
            bad("a hold time", text, reason)
        })
}

/// RFC 4724 section 3: whole seconds in 12 bits, and some.
pub fn restart_time(text: &str) -> Result<u16, ErrorKind> {
    let time = duration(text)?;
    let seconds = u16::try_from(time.as_secs()).ok();
    seconds
        .filter(|seconds| time.subsec_millis() == 0 && (1..4096).contains(seconds))
        .ok_or_else(|| {
            let reason = "whole seconds from 1 to 4095";
            bad("a restart time", text, reason)
        })
}

/// RFC 2385 section 4.5 lets it have 80 octets; these every program takes unquoted.
pub fn password(text: &str) -> Result<String, ErrorKind> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if (1..=80).contains(&text.len()) && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    let reason = "1 to 80 letters, digits, `-`, `_` and `.`";
    Err(bad("a password", text, reason))
}

/// A route target.
pub fn route_target(text: &str) -> Result<RouteTarget, ErrorKind> {
    parsed("a route target", text, "like \"64512:79\"")
}

/// A route distinguisher.
pub fn route_distinguisher(text: &str) -> Result<RouteDistinguisher, ErrorKind> {
    parsed("a route distinguisher", text, "like \"10.0.0.1:1\"")
}

/// An Ethernet segment identifier.
pub fn esi(text: &str) -> Result<Esi, ErrorKind> {
    parsed(
        "an Ethernet segment identifier",
        text,
        "like \"00:01:02:03:04:05:06:07:08:09\"",
    )
}

/// A community.
pub fn community(text: &str) -> Result<Community, ErrorKind> {
    parsed("a community", text, "like \"64512:1\" or \"no-export\"")
}

/// A large community.
pub fn large_community(text: &str) -> Result<LargeCommunity, ErrorKind> {
    parsed("a large community", text, "like \"64512:1:2\"")
}

/// An extended community: in the form of a looking glass, or one of some further names.
pub fn extended_community(text: &str) -> Result<ExtendedCommunity, ErrorKind> {
    let named = || {
        let Some((name, value)) = text.split_once(':') else {
            return (text == "default-gateway").then_some(ExtendedCommunity::DEFAULT_GATEWAY);
        };
        Some(match name {
            "rt" => ExtendedCommunity::from_route_target(value.parse().ok()?),
            // Route origin: the layout of a route target with sub-type 3 (RFC 4360 section 5).
            "soo" => {
                let target: RouteTarget = value.parse().ok()?;
                let [kind, _, a, b, c, d, e, f] = target.bytes();
                ExtendedCommunity([kind, 3, a, b, c, d, e, f])
            }
            "color" => ExtendedCommunity::from_color(value.parse().ok()?),
            "router-mac" => ExtendedCommunity::from_router_mac(value.parse().ok()?),
            "es-import" => ExtendedCommunity::from_es_import(value.parse().ok()?),
            _ => return None,
        })
    };
    let like = "like \"target:64512:79\", \"soo:64512:1\", \"color:100\" or \"0x030b000000000064\"";
    named()
        .or_else(|| text.parse().ok())
        .ok_or_else(|| bad("an extended community", text, like))
}

/// A Flowspec component of this version of IP.
pub fn flow_component(text: &str, ipv6: bool) -> Result<FlowComponent, ErrorKind> {
    FlowComponent::parse_text(text, ipv6).map_err(|_| {
        let known = FlowComponent::words(ipv6);
        let name = text.split_whitespace().next().unwrap_or_default();
        // The version at the end may be left out.
        let means = |word: &String| word == name || word.starts_with(&format!("{name}-ip"));
        if !known.iter().any(means) {
            return ErrorKind::UnknownWord {
                what: "a Flowspec component".into(),
                word: name.into(),
                known,
            };
        }
        let (what, like) = if ipv6 {
            (
                "a Flowspec component of IPv6",
                "like \"destination-ipv6 fd00::/64\", \"next-header =tcp\" or \"destination-port [ >=80&<=90 ]\"",
            )
        } else {
            (
                "a Flowspec component of IPv4",
                "like \"destination-ipv4 10.0.0.0/24\", \"protocol =tcp\" or \"destination-port [ >=80&<=90 ]\"",
            )
        };
        bad(what, text, like)
    })
}

/// The same in the one text that routes are shown with, however it was written; without a family, of either version of
/// IP.
pub fn flow_text(text: &str, family: Option<Family>) -> Result<String, ErrorKind> {
    let read = |ipv6| flow_component(text, ipv6).map(|component| component.text(ipv6));
    if let Some(family) = family {
        return read(family.afi == 2);
    }
    match (read(false), read(true)) {
        (Ok(v4), Ok(v6)) => {
            // Some components are called otherwise in IPv6: the word says which is meant.
            let said = text.split_whitespace().next();
            let is_v6 = v6.split_whitespace().next() == said;
            Ok(if is_v6 { v6 } else { v4 })
        }
        (Ok(text), Err(_)) | (Err(_), Ok(text)) => Ok(text),
        (Err(ErrorKind::UnknownWord { .. }), Err(error)) | (Err(error), Err(_)) => Err(error),
    }
}

/// The families a scenario can name.
pub const FAMILIES: [(&str, Family); 10] = [
    ("ipv4", Family::IPV4_UNICAST),
    ("ipv6", Family::IPV6_UNICAST),
    ("evpn", Family::EVPN),
    ("vpnv4", Family::VPNV4),
    ("vpnv6", Family::VPNV6),
    ("rtc", Family::RTC),
    ("flowspec-ipv4", Family::FLOWSPEC_IPV4),
    ("flowspec-ipv6", Family::FLOWSPEC_IPV6),
    ("flowspec-vpnv4", Family::FLOWSPEC_VPNV4),
    ("flowspec-vpnv6", Family::FLOWSPEC_VPNV6),
];

/// The word for a family that a scenario can name.
pub fn family_word(family: Family) -> &'static str {
    let word = FAMILIES.iter().find(|(_, known)| *known == family);
    word.map_or("", |(word, _)| word)
}

/// Which versions of IP a LAN or link has: IPv4, IPv6.
pub const VERSIONS: [(&str, (bool, bool)); 4] = [
    ("ipv4", (true, false)),
    ("ipv6", (false, true)),
    ("both", (true, true)),
    ("none", (false, false)),
];

/// One of a few words.
pub fn one_of<T: Copy>(what: &str, text: &str, words: &[(&str, T)]) -> Result<T, ErrorKind> {
    words
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| ErrorKind::UnknownWord {
            what: what.into(),
            word: text.into(),
            known: words.iter().map(|(word, _)| (*word).into()).collect(),
        })
}

/// What a name must be, as a regular expression.
pub const NAME: &str = "^[A-Za-z][A-Za-z0-9_-]{0,31}$";

/// What the name of a lab must be, as a regular expression.
pub const LAB_NAME: &str = "^[a-z0-9-]{1,32}$";

/// What the kernel takes as the name of an interface (`dev_valid_name`).
pub fn interface_name(text: &str) -> Result<String, ErrorKind> {
    let good = (1..=15).contains(&text.len())
        && text != "."
        && text != ".."
        && !text.contains(|c: char| c == '/' || c == ':' || c.is_whitespace());
    if good {
        return Ok(text.to_owned());
    }
    let reason = "1 to 15 octets, without blanks, `/` and `:`";
    Err(bad("a name of an interface", text, reason))
}

/// A path from the root.
pub fn path(text: &str) -> Result<String, ErrorKind> {
    if text.starts_with('/') && !text.ends_with('/') && !text.contains('\0') {
        return Ok(text.to_owned());
    }
    Err(bad(
        "a path to a file",
        text,
        "from the root, like \"/run/ready\"",
    ))
}

/// A regular expression.
pub fn regular_expression(text: &str) -> Result<(), ErrorKind> {
    let Err(error) = regex::Regex::new(text) else {
        return Ok(());
    };
    // The text is drawn above the reason, over several lines; the renderer draws it itself.
    let said = error.to_string();
    let reason = said.lines().last().unwrap_or_default();
    let reason = reason.trim_start_matches("error: ");
    Err(bad("a regular expression", text, reason))
}

/// The memory that a program may take: some.
pub fn memory(text: &str) -> Result<u64, ErrorKind> {
    let what = "an amount of memory";
    match size(what, text)? {
        0 => Err(bad(what, text, "no program runs on none")),
        size => Ok(size),
    }
}

/// Hundredths of a processor: `50%`, whole and more than 0.
pub fn cpu_share(text: &str) -> Result<u32, ErrorKind> {
    let number = text
        .strip_suffix('%')
        .and_then(|number| number.parse().ok());
    let number = number.filter(|number| *number > 0);
    number.ok_or_else(|| bad("a share", text, "like \"50%\""))
}

/// A name of a node, LAN, VPN, port, capture or step.
pub fn name(text: &str) -> Result<(), ErrorKind> {
    let good = text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if good {
        return Ok(());
    }
    Err(bad(
        "a name",
        text,
        "a letter, then letters, digits, `-` and `_`, at most 32 in all",
    ))
}

/// A node's log is called after it, beside those of these.
pub fn not_reserved(node: &str) -> Result<(), ErrorKind> {
    match node {
        "supervisor" | "vm-console" => {
            Err(bad("a name for a node", node, "labgen's own log has it"))
        }
        _ => Ok(()),
    }
}

/// Whether a lab can have this name: it is a directory's too.
pub fn is_lab_name(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// The name of a lab.
pub fn lab_name(text: &str) -> Result<(), ErrorKind> {
    if is_lab_name(text) {
        return Ok(());
    }
    Err(bad(
        "the name of a lab",
        text,
        "lower-case letters, digits and `-`, at most 32",
    ))
}

/// The name of a lab whose file is called `path`.
pub fn lab_name_from(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
    let name: String = stem
        .to_lowercase()
        .chars()
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '-'
            }
        })
        .take(32)
        .collect();
    if name.is_empty() { "lab".into() } else { name }
}

/// A number within bounds.
pub fn number<T: TryFrom<i64>>(what: &str, value: i64, min: i64, max: i64) -> Result<T, ErrorKind> {
    let out = || ErrorKind::OutOfRange {
        what: what.into(),
        value,
        min,
        max,
    };
    if !(min..=max).contains(&value) {
        return Err(out());
    }
    T::try_from(value).map_err(|_| out())
}

/// 64 bits that depend on every octet of `text` (FNV-1a).
pub fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A MAC address that depends on the names alone: of a port in a lab, of a node on a net. Locally administered, unicast.
pub fn mac_for(whose: &str, name: &str) -> MacAddr {
    let [.., a, b, c, d, e] = hash(&format!("{whose}/{name}")).to_be_bytes();
    MacAddr([0x02, a, b, c, d, e])
}

/// An interface name of at most 15 octets: `name` when it is short enough and free, otherwise its beginning
/// and a hash of it.
pub fn interface(name: &str, taken: impl Fn(&str) -> bool) -> String {
    const RESERVED: [&str; 3] = ["lo", "all", "default"];
    if name.len() <= 15 && !RESERVED.contains(&name) && !taken(name) {
        return name.into();
    }
    let head: String = name.chars().filter(char::is_ascii).take(8).collect();
    let mut seed = hash(name);
    loop {
        let cut = format!("{head}-{:06x}", seed & 0xff_ffff);
        if !taken(&cut) {
            return cut;
        }
        seed = seed.wrapping_add(1);
    }
}

fn parsed<T: FromStr>(what: &str, text: &str, like: &str) -> Result<T, ErrorKind> {
    text.parse().map_err(|_| bad(what, text, like))
}

pub(crate) fn bad(what: &str, value: &str, reason: &str) -> ErrorKind {
    ErrorKind::BadValue {
        what: what.into(),
        value: value.into(),
        reason: reason.into(),
    }
}

/// An IP protocol, by name or number.
pub fn ip_protocol(text: &str) -> Result<u8, ErrorKind> {
    let named = IP_PROTOCOLS.iter().find(|(name, _)| *name == text);
    let number = named
        .map(|(_, number)| *number)
        .or_else(|| text.parse().ok());
    number.ok_or_else(|| bad("an IP protocol", text, "like \"tcp\", \"udp\" or \"47\""))
}

/// `80` or `1000:2000`.
pub fn ports(text: &str) -> Result<RangeInclusive<u16>, ErrorKind> {
    let (low, high) = text.split_once(':').unwrap_or((text, text));
    let ends = low.parse::<u16>().ok().zip(high.parse::<u16>().ok());
    let range = ends.filter(|(low, high)| low <= high);
    range.map(|(low, high)| low..=high).ok_or_else(|| {
        bad(
            "a port or a range of ports",
            text,
            "like \"80\" or \"1000:2000\"",
        )
    })
}
