//! The rules of reflection, told a second time and naively: of what speakers around a reflector announce, who is to hold
//! what. It is for judging reflectors, ours and others', so nothing that reflects is used for it; only which families are
//! under RT-Constraint is said in one place.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr},
};

use bgp_wire::{Family, RouteTarget, nlri::RtcRoute};

use super::client::is_constrained;

/// Why a speaker is not to be told a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Rule {
    /// It does not speak the family.
    #[error("the session has no such family")]
    Family,
    /// It has announced the path.
    #[error("a route does not go back to who announced it (RFC 4456 section 6)")]
    Sender,
    /// The path began with it.
    #[error("a route does not go back to its originator (RFC 4456 section 8)")]
    Originator,
    /// The path has been through the reflector's cluster.
    #[error(
        "a route that went through a cluster does not go through it again (RFC 4456 section 8)"
    )]
    Cluster,
    /// Neither it nor who announced the path is a client.
    #[error("routes of non-clients go to clients only (RFC 4456 section 6)")]
    NonClients,
    /// It has not asked for any of the path's targets.
    #[error("it asked for none of its route targets (RFC 4684 section 4)")]
    NotAsked,
}

/// What decides who is to be told a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path {
    /// Route targets.
    pub targets: BTreeSet<RouteTarget>,
    /// ORIGINATOR_ID, if there is one.
    pub originator: Option<Ipv4Addr>,
    /// CLUSTER_LIST, the last cluster first.
    pub clusters: Vec<Ipv4Addr>,
    /// Where it leads, where that is known.
    pub next_hop: Option<IpAddr>,
}

/// A speaker that has a session with a reflector.
#[derive(Clone, Debug)]
pub struct Speaker<K> {
    /// What it is called.
    pub name: String,
    /// Its BGP identifier.
    pub router_id: Ipv4Addr,
    /// Whether it is a client.
    pub is_client: bool,
    /// Whether it is the reflector itself, of whose own routes nobody is the originator but it.
    pub is_reflector: bool,
    /// The families of the session.
    pub families: BTreeSet<Family>,
    /// What it asks for, if RT-Constraint is among the families.
    pub asks: Vec<RtcRoute>,
    /// What it announces to the reflector; `None` where that is not known.
    pub announces: Option<BTreeMap<K, Path>>,
    /// What it holds of the reflector; `None` where that is not known.
    pub holds: Option<BTreeMap<K, Path>>,
    /// Whether what is not told of the paths it holds is not there.
    pub tells_all: bool,
}

impl<K> Speaker<K> {
    /// Whether it asked for a path with these targets. The origin AS is not looked at.
    fn asks_for(&self, path: &Path) -> bool {
        let targets = || path.targets.iter();
        let asked = |route: &RtcRoute| route.is_default() || targets().any(|t| route.matches(t));
        self.asks.iter().any(asked)
    }
}

/// Whether `to` may be told a path of `family` that `from` announced to a reflector of the cluster `cluster`.
pub fn may_have<K>(
    cluster: Ipv4Addr,
    family: Family,
    path: &Path,
    from: &Speaker<K>,
    to: &Speaker<K>,
) -> Result<(), Rule> {
    if !to.families.contains(&family) || !from.families.contains(&family) {
        return Err(Rule::Family);
    }
    if path.clusters.contains(&cluster) {
        return Err(Rule::Cluster);
    }
    // Whoever asks for something is to hear that others do (RFC 4684 section 3.2).
    if family == Family::RTC {
        return Ok(());
    }
    if std::ptr::eq(from, to) {
        return Err(Rule::Sender);
    }
    if path.originator.unwrap_or(from.router_id) == to.router_id {
        return Err(Rule::Originator);
    }
    if !from.is_client && !to.is_client {
        return Err(Rule::NonClients);
    }
    let constrained = is_constrained(family) && to.families.contains(&Family::RTC);
    if constrained && !to.asks_for(path) {
        return Err(Rule::NotAsked);
    }
    Ok(())
}

/// How what a speaker holds differs from what the rules say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation<K> {
    /// The speaker.
    pub at: String,
    /// The destination.
    pub route: K,
    /// In what.
    pub what: Wrong,
}

/// In what a route that is held, or is not, differs from what the rules say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It lacks one that nothing forbids.
    #[error("lacks what `{from}` announces, though no rule keeps it from it (RFC 4456 section 6)")]
    Lacks {
        /// Who announces it.
        from: String,
    },
    /// It holds one that it must not.
    #[error("holds what `{from}` announces: {rule}")]
    Holds {
        /// Who announces it.
        from: String,
        /// Why it must not.
        rule: Rule,
    },
    /// It holds one that nobody announces.
    #[error("holds what nobody announces")]
    Stale,
    /// It holds one with other route targets.
    #[error("holds it with the route targets {seen}, but `{from}` announces it with {announced}")]
    Targets {
        /// Who announces it.
        from: String,
        /// With these.
        announced: String,
        /// As it is held.
        seen: String,
    },
    /// It holds one that leads elsewhere.
    #[error(
        "holds it with the next hop {seen}, but `{from}` announces it with {announced}, which is not to be changed (RFC 4456 section 10)"
    )]
    NextHop {
        /// Who announces it.
        from: String,
        /// With this one.
        announced: IpAddr,
        /// As it is held.
        seen: IpAddr,
    },
    /// It holds one without the originator that the reflector has to set or keep.
    #[error("holds it with {}, which must be {originator} (RFC 4456 section 8)", .seen.map_or("no ORIGINATOR_ID".into(), |id| format!("ORIGINATOR_ID {id}")))]
    WrongOriginator {
        /// As it has to be.
        originator: Ipv4Addr,
        /// As it is held.
        seen: Option<Ipv4Addr>,
    },
    /// It holds one that does not say that it went through the cluster.
    #[error("holds it with a CLUSTER_LIST that does not begin with {cluster} (RFC 4456 section 8)")]
    NoCluster {
        /// The reflector's cluster.
        cluster: Ipv4Addr,
    },
}

/// How what the speakers around a reflector of the cluster `cluster` hold differs from what the rules say of what they
/// announce. `family` gives that of a destination.
///
/// Which of several paths to a destination is the best is up to the reflector: any that may be held will do, and none
/// where the best may be one that may not.
pub fn violations<K: Ord + Clone>(
    cluster: Ipv4Addr,
    speakers: &[Speaker<K>],
    family: impl Fn(&K) -> Family,
) -> Vec<Violation<K>> {
    let mut announced: BTreeMap<&K, Vec<(&Speaker<K>, &Path)>> = BTreeMap::new();
    for speaker in speakers {
        for (key, path) in speaker.announces.iter().flatten() {
            announced.entry(key).or_default().push((speaker, path));
        }
    }
    let all_known = speakers.iter().all(|speaker| speaker.announces.is_some());
    let mut found = Vec::new();
    for to in speakers {
        let Some(held) = &to.holds else { continue };
        let mut note = |route: &K, what| {
            found.push(Violation {
                at: to.name.clone(),
                route: route.clone(),
                what,
            });
        };
        for (key, paths) in &announced {
            // Whether one hears of one's own membership is up to the reflector (RFC 4684 section 3.2).
            let others = |(from, _): &&(&Speaker<K>, &Path)| {
                family(key) != Family::RTC || !std::ptr::eq(*from, to)
            };
            let paths: Vec<_> = paths.iter().filter(others).copied().collect();
            if paths.is_empty() {
                continue;
            }
            let allowed = |(from, path): &(&Speaker<K>, &Path)| {
                may_have(cluster, family(key), path, from, to)
            };
            let refused: Vec<Rule> = paths.iter().filter_map(|one| allowed(one).err()).collect();
            match (held.get(*key), refused.as_slice()) {
                (None, []) => {
                    let from = paths[0].0.name.clone();
                    note(key, Wrong::Lacks { from });
                }
                (Some(_), [rule, ..]) if refused.len() == paths.len() && all_known => {
                    let (from, rule) = (paths[0].0.name.clone(), *rule);
                    note(key, Wrong::Holds { from, rule });
                }
                (Some(seen), _) if family(key) != Family::RTC => {
                    let mut wrongs = paths
                        .iter()
                        .filter(|one| allowed(one).is_ok())
                        .map(|(from, path)| altered(cluster, path, from, seen, to.tells_all));
                    // The one that is held is as one of those announced.
                    let first = wrongs.next().flatten();
                    if let Some(what) = first.filter(|_| wrongs.all(|wrong| wrong.is_some())) {
                        note(key, what);
                    }
                }
                _ => {}
            }
        }
        // The reflector itself may ask for everything (RFC 4684 section 6) and for what it needs.
        let stale = |key: &&K| !announced.contains_key(key) && family(key) != Family::RTC;
        if all_known {
            for key in held.keys().filter(stale) {
                note(key, Wrong::Stale);
            }
        }
    }
    found
}

/// In what a path that is held differs from the one that was announced, after the reflector's due changes to it.
fn altered<K>(
    cluster: Ipv4Addr,
    path: &Path,
    from: &Speaker<K>,
    seen: &Path,
    tells_all: bool,
) -> Option<Wrong> {
    let text = |targets: &BTreeSet<RouteTarget>| {
        let targets: Vec<String> = targets.iter().map(ToString::to_string).collect();
        match targets.is_empty() {
            true => "none".to_owned(),
            false => targets.join(", "),
        }
    };
    if path.targets != seen.targets {
        return Some(Wrong::Targets {
            from: from.name.clone(),
            announced: text(&path.targets),
            seen: text(&seen.targets),
        });
    }
    if let (Some(announced), Some(next_hop)) = (path.next_hop, seen.next_hop)
        && announced.to_canonical() != next_hop.to_canonical()
    {
        return Some(Wrong::NextHop {
            from: from.name.clone(),
            announced,
            seen: next_hop,
        });
    }
    if from.is_reflector {
        return None;
    }
    let originator = path.originator.unwrap_or(from.router_id);
    if seen.originator != Some(originator) && (tells_all || seen.originator.is_some()) {
        return Some(Wrong::WrongOriginator {
            originator,
            seen: seen.originator,
        });
    }
    let through = seen.clusters.first() == Some(&cluster);
    if !through && (tells_all || !seen.clusters.is_empty()) {
        return Some(Wrong::NoCluster { cluster });
    }
    None
}
