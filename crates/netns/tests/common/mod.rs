//! What the tests of this crate share.

// Each test binary uses a part of it.
#![allow(dead_code, unused_macros, clippy::unwrap_used)]

use std::fs;
use std::io::Write as _;

use std::time::{Duration, Instant};

use netns::icmp::{self, Echo};
use netns::link::{Address, Bridge, LinkSpec, Netlink, Veth};
use netns::ns::{NetNs, NsError};

/// An empty namespace, or a visible skip where the kernel refuses to make one: as an ordinary
/// user, run the tests under `unshare --user --map-root-user`.
pub fn namespace() -> Option<NetNs> {
    allowed(NetNs::create())
}

/// The value, or `None` with a message when the privilege for it is missing.
pub fn allowed<T>(made: Result<T, NsError>) -> Option<T> {
    match made {
        Ok(made) => Some(made),
        Err(error) if error.is_permission() => {
            // Written past the test harness, which hides what passing tests print.
            let _ = writeln!(std::io::stderr(), "SKIPPED: {error}: {}", error.source);
            None
        }
        Err(error) => panic!("{error}: {}", error.source),
    }
}

/// Skips the rest of a test when a namespace cannot be made.
#[macro_export]
macro_rules! need {
    ($made:expr) => {
        match $made {
            Some(made) => made,
            None => return,
        }
    };
}

/// The mounts and links that the calling thread sees: must be the same before and after.
pub fn visible() -> (usize, usize) {
    let lines = |path| fs::read_to_string(path).unwrap().lines().count();
    (
        lines("/proc/thread-self/mounts"),
        lines("/proc/thread-self/net/dev"),
    )
}

/// Two nodes `10.0.0.1` and `10.0.0.2` (`fd00::1`, `fd00::2`) on a bridge `br0` in a third
/// namespace; their links are called `eth0`, the bridge's ports `p1` and `p2`.
pub struct Lan {
    /// Where the bridge is.
    pub switch: NetNs,
    /// The two nodes.
    pub nodes: [NetNs; 2],
}

impl Lan {
    /// `None` where the kernel refuses.
    pub async fn build() -> Option<Self> {
        let switch = namespace()?;
        let netlink = Netlink::in_ns(&switch).unwrap();
        let br0 = netlink
            .create(&Bridge::new(LinkSpec::up("br0")).create())
            .await
            .unwrap();
        let nodes = [namespace()?, namespace()?];
        for (number, node) in (1u8..).zip(&nodes) {
            let a = LinkSpec::up(format!("p{number}")).master(br0);
            let b = LinkSpec::up("eth0")
                .in_ns(node)
                .mac([2, 0, 0, 0, 0, number]);
            netlink.create_veth(&Veth { a, b }).await.unwrap();
            let netlink = Netlink::in_ns(node).unwrap();
            let eth0 = netlink.index("eth0").await.unwrap();
            for prefix in [format!("10.0.0.{number}/24"), format!("fd00::{number}/64")] {
                let address = Address::new(eth0, prefix.parse().unwrap());
                netlink.apply(address.add()).await.unwrap();
            }
        }
        let lan = Self { switch, nodes };
        lan.forwards().await;
        Some(lan)
    }

    /// Waits until the bridge forwards: the kernel may take a second to notice that a new port has a carrier.
    async fn forwards(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        let echo = Echo {
            timeout: Duration::from_millis(100),
            ..Echo::to("10.0.0.2".parse().unwrap())
        };
        while let Err(error) = icmp::ping(&self.nodes[0], None, echo).await {
            assert!(
                Instant::now() < deadline,
                "the LAN does not forward: {error}"
            );
        }
    }
}
