//! What BGP speakers are told to do, in the form that each program takes. Pure: what to say, and how answers read.
//! Saying it is the supervisor's.

pub mod exabgp;
pub mod fakerr;
pub mod gobgp;
mod reset;

pub use reset::{Reset, reset};

/// Whether routes come or go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// They come.
    Announce,
    /// They go.
    Withdraw,
}

/// Lower-case hexadecimal.
fn hex(octets: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::with_capacity(octets.len() * 2);
    for octet in octets {
        // Writing to a string cannot fail.
        let _ = write!(text, "{octet:02x}");
    }
    text
}

#[cfg(test)]
mod testing {
    use scenario::{Announcement, Scenario};

    /// What the only `announce` of a scenario with one speaker of this kind and a client says.
    #[track_caller]
    pub(super) fn announcement(kind: &str, announce: &str) -> Announcement {
        let text = format!(
            "[nodes]\nx = {{ kind = \"{kind}\", families = {FAMILIES} }}\ny = {{ kind = \"gobgp\", families = {FAMILIES} }}\n\
             [lans]\nlan = {{ join = [\"x\", \"y\"], subnet = \"10.0.0.0/24\" }}\n\
             [[step]]\nannounce = {{ on = \"x\", {announce} }}\n"
        );
        let text = match kind {
            "fakerr" => text.replacen(&format!(", families = {FAMILIES}"), "", 1),
            "exabgp" => text.replacen(", \"evpn\", \"rtc\"", "", 1),
            _ => text,
        };
        match scenario::check(&text, "one.toml") {
            Ok(Scenario { announcements, .. }) => announcements[0].clone(),
            Err(errors) => panic!("{errors:#?}"),
        }
    }

    const FAMILIES: &str = "[\"ipv4\", \"ipv6\", \"vpnv4\", \"vpnv6\", \"flowspec-ipv4\", \"flowspec-ipv6\", \
                            \"flowspec-vpnv4\", \"flowspec-vpnv6\", \"evpn\", \"rtc\"]";
}
