//! What goes wrong in networks.

use serde::{Deserialize, Serialize};

use crate::lab::{NetId, NodeId};

/// Cables: all of a LAN or link, or one node's to a LAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cable {
    /// The LAN or link.
    pub on: NetId,
    /// The node, of a LAN's, whose cable alone is meant.
    pub node: Option<NodeId>,
}

/// A signal for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignalTo {
    /// Whose.
    pub node: NodeId,
    /// One of them by its name, or all.
    pub program: Option<String>,
    /// What is sent.
    pub signal: Signal,
}

macro_rules! signals {
    ($($variant:ident $name:literal $number:literal),* $(,)?) => {
        /// Signals (POSIX), with the numbers that they have on Linux.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum Signal {
            $(#[doc = $name] $variant,)*
        }

        impl Signal {
            /// Every one that a scenario can name.
            pub const ALL: [Self; 12] = [$(Self::$variant),*];

            /// `SIGHUP` and the others.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// Its number.
            pub const fn number(self) -> i32 {
                match self { $(Self::$variant => $number,)* }
            }
        }
    };
}

signals! {
    Hup "SIGHUP" 1, Int "SIGINT" 2, Quit "SIGQUIT" 3, Abrt "SIGABRT" 6, Kill "SIGKILL" 9, Usr1 "SIGUSR1" 10,
    Segv "SIGSEGV" 11, Usr2 "SIGUSR2" 12, Alrm "SIGALRM" 14, Term "SIGTERM" 15, Cont "SIGCONT" 18, Stop "SIGSTOP" 19,
}

impl Signal {
    /// Whether a program goes on after it, unless it does something of its own about it.
    pub const fn is_survived(self) -> bool {
        matches!(
            self,
            Self::Cont | Self::Stop | Self::Hup | Self::Usr1 | Self::Usr2
        )
    }
}
