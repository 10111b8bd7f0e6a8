//! The accounts that daemons give up their privileges for.

use std::fs;

use super::NodeMount;

/// Users and groups of the daemons that a node can run.
const DAEMONS: [&str; 5] = ["frr", "frrvty", "_openbgpd", "_bgpd", "_bgplgd"];

/// `/etc/passwd` and `/etc/group` in which the daemons' users and groups are number 0, the only one that is
/// mapped for an ordinary user's lab. The same for root's labs, so that both behave alike, and the same for all
/// kinds, so that several of them fit in one node.
pub(super) fn mounts() -> [NodeMount; 2] {
    let [users, groups] = ["/etc/passwd", "/etc/group"];
    [
        NodeMount::File {
            path: users.into(),
            content: passwd(&read(users)),
        },
        NodeMount::File {
            path: groups.into(),
            content: group(&read(groups)),
        },
    ]
}

fn read(path: &str) -> String {
    let octets = fs::read(path).unwrap_or_default();
    String::from_utf8_lossy(&octets).into_owned()
}

fn passwd(host: &str) -> String {
    let mut text = others(host);
    for name in DAEMONS {
        // OpenBGPD's directory is what it makes its root.
        text += &format!("{name}:x:0:0::/run/openbgpd:/usr/sbin/nologin\n");
    }
    text
}

fn group(host: &str) -> String {
    let mut text = others(host);
    for name in DAEMONS {
        text += &format!("{name}:x:0:{name}\n");
    }
    text
}

/// The host's entries without the daemons'.
fn others(host: &str) -> String {
    let others = host.lines().filter(|line| {
        let name = line.split(':').next();
        name.is_none_or(|name| !DAEMONS.contains(&name))
    });
    others.map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn daemons_are_number_zero_and_others_stay() {
        let host =
            "root:x:0:0:root:/root:/bin/bash\nfrr:x:105:110::/nonexistent:/usr/sbin/nologin\n";
        insta::assert_snapshot!(passwd(host), @r"
        root:x:0:0:root:/root:/bin/bash
        frr:x:0:0::/run/openbgpd:/usr/sbin/nologin
        frrvty:x:0:0::/run/openbgpd:/usr/sbin/nologin
        _openbgpd:x:0:0::/run/openbgpd:/usr/sbin/nologin
        _bgpd:x:0:0::/run/openbgpd:/usr/sbin/nologin
        _bgplgd:x:0:0::/run/openbgpd:/usr/sbin/nologin
        ");
        insta::assert_snapshot!(group("root:x:0:\nfrrvty:x:109:frr\n"), @r"
        root:x:0:
        frr:x:0:frr
        frrvty:x:0:frrvty
        _openbgpd:x:0:_openbgpd
        _bgpd:x:0:_bgpd
        _bgplgd:x:0:_bgplgd
        ");
    }
}
