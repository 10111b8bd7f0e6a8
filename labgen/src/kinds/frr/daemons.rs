//! Which daemons a configuration needs.

/// The daemons there are, in the order of their starts: `bgpd` last, when what it redistributes is there. With
/// each the beginnings of the lines that only it understands.
const DAEMONS: [(&str, &[&str]); 17] = [
    ("zebra", &[]),
    ("staticd", &["ip route ", "ipv6 route ", "ip mroute "]),
    ("bfdd", &["bfd"]),
    ("ospfd", &["router ospf", "ip ospf "]),
    ("ospf6d", &["router ospf6", "ipv6 ospf6 "]),
    (
        "isisd",
        &["router isis", "ip router isis", "ipv6 router isis"],
    ),
    ("fabricd", &["router openfabric", "ip router openfabric"]),
    ("ripd", &["router rip", "ip rip "]),
    ("ripngd", &["router ripng", "ipv6 ripng "]),
    ("eigrpd", &["router eigrp", "ip eigrp "]),
    ("babeld", &["router babel", "babel "]),
    ("ldpd", &["mpls ldp"]),
    ("pimd", &["router pim", "ip pim", "ip igmp"]),
    ("pbrd", &["pbr-map ", "pbr-policy "]),
    ("vrrpd", &["vrrp "]),
    ("pathd", &["segment-routing"]),
    ("bgpd", &["router bgp"]),
];

/// The daemons for an integrated configuration, and those that are asked for by name; `zebra` always.
pub(super) fn asked_for(config: &str, named: &[String]) -> Vec<&'static str> {
    let lines: Vec<&str> = config.lines().map(str::trim).collect();
    let needed = |name: &str, beginnings: &[&str]| {
        name == "zebra"
            || named.iter().any(|asked| asked == name)
            || lines.iter().any(|line| {
                let words = |b: &&str| begins(line, b);
                beginnings.iter().any(words) || (name == "bfdd" && line.ends_with(" bfd"))
            })
    };
    DAEMONS
        .iter()
        .filter(|(name, beginnings)| needed(name, beginnings))
        .map(|(name, _)| *name)
        .collect()
}

/// Whether a line begins with these whole words: `router ospf6` is not `router ospf`.
fn begins(line: &str, words: &str) -> bool {
    let words = words.trim_end();
    line.strip_prefix(words)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}
