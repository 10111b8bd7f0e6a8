//! A scenario as it was typed: TOML with the place of every word, nothing looked up yet.
//!
//! `[lab]` says what the lab is called, `[nodes]`, `[lans]`, `[links]` and `[vpns]` hold one entry per name, and every
//! `[[step]]` is a table under its word. Includes, variables, groups and defaults have been worked out already.

mod at;
mod attraction;
mod bgp_message;
mod de;
mod fault;
mod impair;
mod layers;
mod nets;
mod nodes;
mod numbers;
mod parse;
mod parts;
mod routes;
mod steps;
mod words;

pub use at::{At, OneOrMany};
pub use attraction::{AttractFile, ReadvertiseFile};
pub use bgp_message::{
    BgpFile, BgpMessageFile, EndOfRibFile, NothingFile, NotificationFile, OpenFile, RefreshFile,
};
pub(crate) use fault::found;
pub(crate) use impair::Effects;
pub use impair::{ImpairFile, ImpairStepFile};
pub use layers::{
    ArpFile, EthernetFile, GreFile, IcmpFile, Ipv4File, Ipv6File, LayerFile, MplsFile, TcpFile,
    UdpFile, VxlanFile,
};
pub use nets::{ByNode, LanFile, LinkFile};
pub use nodes::{
    BagpipeFile, FakeRrFile, FlagOrText, FrrFile, HostFile, KindFile, NodeFile, NodeNetFile,
    OvsFile, ProgramFile, ReadyFile, RouterFile, SpeakerFile, SpeakerKind, StaticRouteFile,
};
pub use numbers::{BoundsFile, NumbersFile};
pub use parse::may_be_scenario;
pub(crate) use parse::{BODIES, FACTS, KINDS, WORDS, parse};
pub use parts::{LabFile, VpnFile};
pub use routes::{PmsiFile, RouteFile, RoutePatternFile};
pub use steps::{
    AmountFile, AnnounceFile, AttachFile, CableFile, CaptureFile, ConnectFile, ContentFile,
    ConvergedFile, CpuFile, DetachFile, EncapFile, ExecFile, ExpectFile, FdbFile, FlapFile,
    FlapSessionFile, FlowActionFile, ForwardingFile, InjectFile, InterfaceFile, InvariantsFile,
    KernelRouteFile, LabelRouteFile, LogFile, MemoryFile, MoveFile, NeighbourFile, OpenflowFile,
    PacketsFile, PingFile, ProgramsFile, RepeatFile, RuleFile, RunningFile, SessionFile,
    SignalFile, SoakFile, SpacingFile, StepFile, StopFile, TextFile, ThenFile, TracerouteFile,
    TrafficFiguresFile, TrafficFile, WaitFile, WithdrawFile,
};

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
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
    /// `[links]`, in the order of the text.
    pub links: Vec<Entry<LinkFile>>,
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

impl JsonSchema for NumberOrWord {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "NumberOrWord".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["integer", "string"] })
    }
}
