//! Peers that are configured by name.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
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
    loop {
        // Any port: only the address is wanted.
        let found = lookup_host((name.as_str(), 0)).await;
        let address = found.and_then(|found| {
            let none = std::io::ErrorKind::NotFound;
            // The own address is of IPv4.
            found
                .min_by_key(SocketAddr::is_ipv6)
                .ok_or_else(|| none.into())
        });
        let wait = match address {
            Ok(address) => {
                complained = false;
                if answers.send((name.clone(), address.ip())).await.is_err() {
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
