//! What the daemon may still do once it has started.
//!
//! It is started with all capabilities of root, or of the owner of a user namespace, to listen on any port; after that it
//! needs one: `CAP_NET_ADMIN`, for interfaces, routes and bridges, and for TCP MD5 signatures of peers.

use caps::{CapSet, Capability, CapsHashSet};

/// What is kept, as far as it was there.
const KEPT: [Capability; 1] = [Capability::CAP_NET_ADMIN];

/// Gives up every other capability, for this thread and those that it makes, and for whatever is started.
///
/// Capabilities are a thread's own: this has to come before other threads are made, or be done by each.
///
/// # Errors
/// The system does not let go of them.
pub fn drop_others() -> Result<(), caps::errors::CapsError> {
    let permitted = caps::read(None, CapSet::Permitted)?;
    let kept: CapsHashSet = KEPT
        .into_iter()
        .filter(|capability| permitted.contains(capability))
        .collect();
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new())?;
    // The effective ones have to be among the permitted: first those go.
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    // Where it cannot be said, nothing is started that could gain any.
    nix::sys::prctl::set_no_new_privs().ok();
    Ok(())
}

/// What `/proc` tells of the privileges of the process: the capabilities in effect by name, and whether programs that
/// it starts can gain any.
pub fn shown() -> (Vec<String>, bool) {
    let capabilities = caps::read(None, CapSet::Effective).unwrap_or_default();
    let mut names: Vec<String> = capabilities.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let no_new = status
        .lines()
        .find_map(|line| line.strip_prefix("NoNewPrivs:"))
        .is_some_and(|value| value.trim() == "1");
    (names, no_new)
}
