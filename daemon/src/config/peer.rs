//! How peers are named.

use std::{fmt, net::IpAddr, str::FromStr};

/// A peer as it is configured: `10.0.0.1`, `10.0.0.1:1790`, `2001:db8::1`, `[2001:db8::1]:1790`, `rr.example`,
/// `rr.example:1790`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerName {
    /// Who.
    pub host: Host,
    /// The TCP port, where it is another than the others'.
    pub port: Option<u16>,
}

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// By its address.
    Address(IpAddr),
    /// By a name, which is looked up again and again.
    Name(String),
}

impl FromStr for PeerName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if let Ok(address) = text.parse() {
            let host = Host::Address(address);
            return Ok(Self { host, port: None });
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => {
                let port: u16 = port.parse().map_err(drop)?;
                (host, Some(port).filter(|port| *port > 0).ok_or(())?.into())
            }
            None => (text, None),
        };
        let bare = host
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        let host = match (bare, host.parse()) {
            (Some(bare), _) => Host::Address(IpAddr::V6(bare.parse().map_err(drop)?)),
            (None, Ok(IpAddr::V4(address))) => Host::Address(address.into()),
            (None, Ok(IpAddr::V6(_))) => return Err(()),
            (None, Err(_)) if is_name(host) => Host::Name(host.to_owned()),
            (None, Err(_)) => return Err(()),
        };
        Ok(Self { host, port })
    }
}

/// RFC 1123 section 2.1; what only looks like an address is none.
fn is_name(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..64).contains(&label.len()) && label.chars().all(inner) && !label.starts_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() < 254 && text.split('.').all(label) && !last.chars().all(|c| c.is_ascii_digit())
}

impl fmt::Display for PeerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (Host::Address(address), None) => write!(f, "{address}"),
            (Host::Address(IpAddr::V6(address)), Some(port)) => write!(f, "[{address}]:{port}"),
            (Host::Address(address), Some(port)) => write!(f, "{address}:{port}"),
            (Host::Name(name), None) => f.write_str(name),
            (Host::Name(name), Some(port)) => write!(f, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_have_addresses_names_and_ports() {
        for text in [
            "10.0.0.1",
            "10.0.0.1:1790",
            "2001:db8::1",
            "[2001:db8::1]:1790",
            "rr",
            "rr-1.example:1790",
        ] {
            let peer: PeerName = text.parse().unwrap();
            assert_eq!(peer.to_string(), text);
        }
        for text in [
            "10.0.0",
            "10.0.0.256",
            "10.0.0.1:0",
            "10.0.0.1:65536",
            "rr:",
            "r/r",
            "-rr",
            "",
            "[10.0.0.1]:179",
            "rr..x",
        ] {
            assert_eq!(text.parse::<PeerName>(), Err(()), "{text}");
        }
    }
}
