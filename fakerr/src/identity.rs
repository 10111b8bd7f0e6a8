use std::net::Ipv4Addr;

use nix::ifaddrs::getifaddrs;

/// A BGP identifier for a host nobody gave one: 198.18.x.y, where x and y are the last octets of the host's
/// first address other than loopback. From the range for benchmarks (RFC 2544), so that it is not the identifier
/// of a daemon on the same host, which is usually one of the host's addresses.
pub(crate) fn default_router_id() -> Ipv4Addr {
    let addresses = getifaddrs().into_iter().flatten();
    let mut own = addresses
        .filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()))
        .filter(|address| !address.is_loopback() && !address.is_unspecified());
    derive(own.next())
}

fn derive(address: Option<Ipv4Addr>) -> Ipv4Addr {
    let [.., x, y] = address.unwrap_or(Ipv4Addr::new(0, 0, 0, 179)).octets();
    Ipv4Addr::new(198, 18, x, y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_identifier_follows_the_address() {
        let derived = |text: &str| derive(Some(text.parse().expect("an address"))).to_string();
        assert_eq!(derived("10.1.2.3"), "198.18.2.3");
        assert_eq!(derive(None).to_string(), "198.18.0.179");
        assert_eq!(default_router_id(), default_router_id());
    }
}
