//! A scenario as it was typed: TOML with the place of every word, nothing looked up yet.
//!
//! A file has five parts: `[lab]` says what the lab is called, `[nodes]`, `[lans]` and `[vpns]` hold one entry
//! per name, and every `[[step]]` is a table under its word.

mod at;
mod de;
mod fault;
mod packets;
mod parse;
mod parts;
mod steps;

pub use at::{At, OneOrMany};
pub(crate) use fault::found;
pub use packets::{
    ArpFile, BgpFile, EthernetFile, IcmpFile, Ipv4File, Ipv6File, LayerFile, PortsFile,
    RoutePatternFile, VxlanFile,
};
pub(crate) use parse::{KINDS, parse};
pub use parts::{
    BagpipeFile, FakeRrFile, HostFile, LabFile, LanFile, Named, NodeFile, OvsFile, ProgramFile,
    ReadyFile, SpeakerFile, VpnFile,
};
pub use steps::{
    AttachFile, CaptureFile, DetachFile, ExecFile, ExpectFile, ForwardingFile, NeighbourFile,
    PacketsFile, PingFile, RouteFile, SessionFile, StepFile, TextFile,
};

use serde::Deserialize;

/// A whole file. Entries that could not be read are not in it, but their names are in `broken`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScenarioFile {
    /// `[lab]`.
    pub lab: LabFile,
    /// `[nodes]`, in the order of the text.
    pub nodes: Vec<Entry<NodeFile>>,
    /// `[lans]`, in the order of the text.
    pub lans: Vec<Entry<LanFile>>,
    /// `[vpns]`, in the order of the text.
    pub vpns: Vec<Entry<VpnFile>>,
    /// Every `[[step]]`, in the order of the text; `None` for one that could not be read.
    pub steps: Vec<Option<At<StepFile>>>,
    /// Groups of nodes, whose members are in `nodes`: name and number of members.
    pub groups: Vec<(String, usize)>,
    /// Names of entries that could not be read, so that using them is not a second mistake.
    pub broken: Vec<String>,
}

/// A name and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<T> {
    /// The name.
    pub name: At<String>,
    /// What it stands for.
    pub value: T,
}

/// A number, or a word that stands for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NumberOrWord {
    /// `5001`
    Number(i64),
    /// `"advertised"`
    Word(String),
}

impl<'de> Deserialize<'de> for NumberOrWord {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = NumberOrWord;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an integer or a word")
            }

            fn visit_i64<E>(self, number: i64) -> Result<NumberOrWord, E> {
                Ok(NumberOrWord::Number(number))
            }

            fn visit_str<E>(self, word: &str) -> Result<NumberOrWord, E> {
                Ok(NumberOrWord::Word(word.into()))
            }
        }

        deserializer.deserialize_any(Visitor)
    }
}
