//! Peers that are configured by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
    time::Duration,
};

use tokio::{net::lookup_host, sync::mpsc, task::JoinSet, time::sleep};

use crate::config::{Bgp, Host};

/// How long until a name that stands for nothing is looked up again.
const AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How long until a name is looked up again to see whether it stands for another host now.
const AFTER_SUCCESS: Duration = Duration::from_secs(30);

/// What a name stands for, now.
pub(in crate::core) type Answer = (String, IpAddr);

/// The names of peers, and what they stand for.
pub(super) struct Names {
    known: BTreeMap<String, Name>,
    answers: mpsc::Sender<Answer>,
}

#[derive(Default)]
struct Name {
    address: Option<IpAddr>,
    /// Ends with this value.
    _lookups: JoinSet<()>,
}

impl Names {
    /// None so far; what is found out comes out of the receiver.
    pub(super) fn new() -> (Self, mpsc::Receiver<Answer>) {
        let (answers, receiver) = mpsc::channel(16);
        let known = BTreeMap::new();
        (Self { known, answers }, receiver)
    }

    /// Looks up the names in a configuration, and no others.
    pub(super) fn watch(&mut self, bgp: &Bgp) {
        let wanted: BTreeSet<&str> = bgp
            .all_peers()
            .filter_map(|(peer, _)| match &peer.host {
                Host::Name(name) => Some(name.as_str()),
                Host::Address(_) => None,
            })
            .collect();
        self.known.retain(|name, _| wanted.contains(name.as_str()));
        for name in wanted {
            if !self.known.contains_key(name) {
                let mut lookups = JoinSet::new();
                lookups.spawn(look_up(name.to_owned(), self.answers.clone()));
                let new = Name {
                    address: None,
                    _lookups: lookups,
                };
                self.known.insert(name.to_owned(), new);
            }
        }
    }

    /// Takes in what a name stands for now; true if that is news.
    pub(super) fn learn(&mut self, (name, address): Answer) -> bool {
        let known = self.known.get_mut(&name);
        known.is_some_and(|known| known.address.replace(address) != Some(address))
    }

    /// The address of a peer, if it is known.
    pub(super) fn address(&self, host: &Host) -> Option<IpAddr> {
        match host {
            Host::Address(address) => Some(*address),
            Host::Name(name) => self.known.get(name)?.address,
        }
    }
}

async fn look_up(name: String, answers: mpsc::Sender<Answer>) {
    let mut complained = false;
    let mut last = None;
    loop {
        // Any port: only the address is wanted.
        let found = lookup_host((name.as_str(), 0)).await;
        let address = found.and_then(|found| {
            let found: Vec<IpAddr> = found.map(|found| found.ip()).collect();
            choose(last, &found).ok_or_else(|| std::io::ErrorKind::NotFound.into())
        });
        let wait = match address {
            Ok(address) => {
                complained = false;
                last = Some(address);
                if answers.send((name.clone(), address)).await.is_err() {
                    return;
                }
                AFTER_SUCCESS
            }
            Err(error) => {
                if !std::mem::replace(&mut complained, true) {
                    tracing::warn!("peer `{name}` has no address, trying again: {error}");
                }
                AFTER_FAILURE
            }
        };
        sleep(wait).await;
    }
}

/// One of the addresses of a name: the one that it was before, as servers tell several in turns and a session is not to
/// go with each turn. Else the first of IPv4, as the own address is.
fn choose(last: Option<IpAddr>, found: &[IpAddr]) -> Option<IpAddr> {
    let still = last.filter(|last| found.contains(last));
    still.or_else(|| found.iter().copied().min_by_key(IpAddr::is_ipv6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_stays_where_it_is_as_long_as_its_name_stands_for_that() {
        let [a, b, c] = ["2001:db8::1", "192.0.2.1", "192.0.2.2"].map(|text| text.parse().unwrap());
        assert_eq!(choose(None, &[a, b, c]), Some(b));
        assert_eq!(choose(None, &[c, b]), Some(c));
        assert_eq!(choose(Some(b), &[c, b, a]), Some(b));
        assert_eq!(choose(Some(a), &[b, a]), Some(a));
        assert_eq!(choose(Some(b), &[a, c]), Some(c));
        assert_eq!(choose(Some(b), &[]), None);
    }
}
