//! Which of several paths to one destination is reflected (RFC 4271 section 9.1.2, RFC 4456 section 9).
//!
//! 1. E-VPN type 2: a MAC that must not move, then the higher mobility sequence (RFC 7432 section 15).
//! 2. The higher LOCAL_PREF; absent means 100.
//! 3. The shorter AS_PATH.
//! 4. The lower ORIGIN.
//! 5. The lower MULTI_EXIT_DISC among paths from the same neighbouring AS; absent means 0.
//! 6. The lower originator: ORIGINATOR_ID, else the client's BGP identifier.
//! 7. The shorter CLUSTER_LIST.
//! 8. The lower client address, then the older session.
//!
//! The steps about external routes and the distance to the next hop do not apply: all clients are internal, and
//! a reflector beside the data path knows no distances. The reflector's own paths win over all others.

use std::cmp::Ordering;

use bgp_wire::Family;

use super::{body::Source, table::Path};

/// The index of the best path; `None` of none.
pub(super) fn best(paths: &[Path]) -> Option<usize> {
    if paths.len() < 2 {
        return (!paths.is_empty()).then_some(0);
    }
    // MULTI_EXIT_DISC does not order paths, only those of one neighbour. So first the best of each neighbour,
    // then the best of those without it; comparing in pairs would depend on the order of arrival.
    let winners = (0..paths.len()).filter(|candidate| {
        let candidate = &paths[*candidate];
        let rivals = paths
            .iter()
            .filter(|path| neighbour(path) == neighbour(candidate));
        rivals
            .into_iter()
            .all(|rival| compare(candidate, rival, true) != Ordering::Greater)
    });
    winners.min_by(|a, b| compare(&paths[*a], &paths[*b], false))
}

fn neighbour(path: &Path) -> Option<u32> {
    path.body.rank.neighbour_as
}

/// The better one is less.
fn compare(a: &Path, b: &Path, by_med: bool) -> Ordering {
    let own = |path: &Path| path.body.source == Source::Own;
    let (x, y) = (&a.body.rank, &b.body.rank);
    let med = if by_med {
        x.med.cmp(&y.med)
    } else {
        Ordering::Equal
    };
    own(b)
        .cmp(&own(a))
        .then_with(|| mobility(b).cmp(&mobility(a)))
        .then_with(|| y.local_pref.cmp(&x.local_pref))
        .then_with(|| x.as_path_length.cmp(&y.as_path_length))
        .then_with(|| x.origin.cmp(&y.origin))
        .then(med)
        .then_with(|| a.body.originator.cmp(&b.body.originator))
        .then_with(|| x.cluster_list_length.cmp(&y.cluster_list_length))
        .then_with(|| x.address.cmp(&y.address))
        .then_with(|| a.body.source.cmp(&b.body.source))
}

fn mobility(path: &Path) -> (bool, u32) {
    const MAC_IP: u8 = 2;
    let of_a_mac = path.nlri.family == Family::EVPN && path.nlri.bytes.first() == Some(&MAC_IP);
    if of_a_mac {
        path.body.rank.mobility
    } else {
        (false, 0)
    }
}
