//! Making, visiting and setting up many namespaces with a few threads.

use std::cell::OnceCell;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};

use super::node::{make_mounts, make_private};
use super::{Context, MntNs, NetNs, NodeNs, NodeSpec, NsError};

/// A throw-away thread on its way from namespace to namespace. Where a thread for each would cost more than what is
/// to be done there.
#[derive(Debug)]
pub struct Visitor {
    /// Where every node's mount namespace is copied from; made when the first is.
    home: OnceCell<MntNs>,
}

/// More would only wait for each other: the kernel makes links under one lock.
const MOST_VISITORS: usize = 8;

/// Calls `work` for every item, on as many throw-away threads as there are processors, and waits for all. The
/// results are in the order of the items. A panic in `work` continues in the caller.
///
/// # Errors
///
/// No thread could be started.
pub fn visit<T: Sync, R: Send>(
    items: &[T],
    work: impl Fn(&Visitor, &T) -> R + Sync,
) -> Result<Vec<R>, NsError> {
    let processors = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = processors.min(MOST_VISITORS).min(items.len());
    let next = AtomicUsize::new(0);
    let tour = || {
        let visitor = Visitor {
            home: OnceCell::new(),
        };
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(at) else {
                return done;
            };
            done.push((at, work(&visitor, item)));
        }
    };
    let mut done = thread::scope(|scope| {
        let started = (0..threads).map(|_| {
            thread::Builder::new()
                .name("netns".to_owned())
                .spawn_scoped(scope, tour)
                .context("start a thread")
        });
        let started: Vec<_> = started.collect::<Result<_, _>>()?;
        let mut done = Vec::with_capacity(items.len());
        for thread in started {
            done.extend(
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic)),
            );
        }
        Ok(done)
    })?;
    done.sort_unstable_by_key(|(at, _)| *at);
    Ok(done.into_iter().map(|(_, result)| result).collect())
}

impl Visitor {
    /// Makes an empty network namespace and stays in it.
    pub fn make_net(&self) -> Result<NetNs, NsError> {
        unshare(CloneFlags::CLONE_NEWNET).context("make a network namespace")?;
        NetNs::current()
    }

    /// Goes to a network namespace.
    pub fn enter(&self, net: &NetNs) -> Result<(), NsError> {
        setns(net, CloneFlags::CLONE_NEWNET).context("enter the network namespace")
    }

    /// Makes a node's mount namespace around the network namespace this thread is in.
    pub fn make_mnt(&self, spec: &NodeSpec) -> Result<NodeNs, NsError> {
        let home = self.home()?;
        setns(home, CloneFlags::CLONE_NEWNS).context("enter the mount namespace")?;
        unshare(CloneFlags::CLONE_NEWNS).context("make a mount namespace")?;
        make_mounts(spec)
    }

    fn home(&self) -> Result<&MntNs, NsError> {
        if let Some(home) = self.home.get() {
            return Ok(home);
        }
        unshare(CloneFlags::CLONE_NEWNS).context("make a mount namespace")?;
        make_private()?;
        let home = MntNs::current()?;
        Ok(self.home.get_or_init(|| home))
    }
}
