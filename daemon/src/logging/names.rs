//! Loggers of the Python versions, in the terms of this one.
//!
//! Files in the field name them, as `networking_bagpipe.bagpipe_bgp.engine` or, older, `bagpipe.bgp.engine`.

/// What they all begin with.
const ROOTS: [&str; 2] = ["networking_bagpipe.bagpipe_bgp", "bagpipe.bgp"];

/// Everything here.
const ALL: &[&str] = &[
    "bagpipe_bgp",
    "bagpipe_api",
    "bgp_session",
    "bgp_transport",
    "bgp_rib",
    "vpn",
    "dataplane",
];

/// What follows the root, and the loggers here that do the work of that module. Longer ones come first.
const PARTS: [(&str, &[&str]); 6] = [
    (".common.looking_glass", &["bagpipe_bgp.glass"]),
    (
        ".engine",
        &[
            "bgp_session",
            "bgp_transport",
            "bgp_rib",
            "bagpipe_bgp.core",
        ],
    ),
    (".vpn", &["vpn", "dataplane"]),
    (".api", &["bagpipe_bgp.rest", "bagpipe_api"]),
    (".common", &["bagpipe_bgp.config", "bagpipe_bgp.host"]),
    ("", ALL),
];

/// The loggers that a name stands for: each and everything below it.
pub(super) fn loggers(name: &str) -> Vec<&str> {
    for root in ROOTS {
        let Some(rest) = name.strip_prefix(root) else {
            continue;
        };
        let is_below = |part: &str| {
            rest.strip_prefix(part)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        if let Some((_, loggers)) = PARTS.iter().find(|(part, _)| is_below(part)) {
            return loggers.to_vec();
        }
    }
    vec![name]
}

/// Whether `name` is `logger` or below it; everything is below the root, which has no name.
pub(super) fn covers(logger: &str, name: &str) -> bool {
    let rest = name.strip_prefix(logger);
    logger.is_empty() || rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_versions_stand_for_those_here() {
        for (name, expected) in [
            ("bagpipe.bgp", ALL.to_vec()),
            (
                "networking_bagpipe.bagpipe_bgp.common.looking_glass",
                vec!["bagpipe_bgp.glass"],
            ),
            (
                "bagpipe.bgp.vpn.ipvpn.mpls_ovs_dataplane",
                vec!["vpn", "dataplane"],
            ),
            ("bagpipe_bgp.rest", vec!["bagpipe_bgp.rest"]),
            ("hyper", vec!["hyper"]),
        ] {
            assert_eq!(loggers(name), expected, "{name}");
        }
    }

    #[test]
    fn a_logger_covers_what_is_below_it() {
        for (logger, name, expected) in [
            ("", "vpn", true),
            ("vpn", "vpn", true),
            ("vpn", "vpn.evi", true),
            ("vpn", "vpnx", false),
            ("vpn.evi", "vpn", false),
        ] {
            assert_eq!(covers(logger, name), expected, "{logger} {name}");
        }
    }
}
