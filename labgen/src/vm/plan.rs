//! What the two sides of a VM say to each other: the plan it starts with, the lines that come out of it.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where the first file system of a VM holds its plan.
pub const PLAN: &str = "/plan.json";
/// Where it holds the program that becomes process number 1.
pub const INIT: &str = "/labgen";
/// Where it holds the modules it needs to see the host's files.
pub const MODULES: &str = "/modules";
/// The subcommand of process number 1.
pub const INIT_COMMAND: &str = "__vm-init";
/// The share of the host's whole file system, read-only.
pub const ROOT_TAG: &str = "host";
/// The share of the lab's directory, writable.
pub const RESULTS_TAG: &str = "results";
/// The port on which a VM talks.
pub const PORT: &str = "labgen";

/// What a VM does, from boot to power-off.
#[derive(Debug, Serialize, Deserialize)]
pub struct Plan {
    /// Files below [`MODULES`], in the order of loading.
    pub modules: Vec<String>,
    /// The kernel's modules, on the host.
    pub module_directory: Option<PathBuf>,
    /// Modules that nothing asks the kernel for by itself, loaded where the kernel has them.
    pub wished: Vec<String>,
    /// What to run, with the host's paths.
    pub command: Command,
    /// The directory of all labs, private to the VM.
    pub state: PathBuf,
}

/// A command as the user's shell would start it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Command {
    /// The executable.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its whole environment.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory.
    pub directory: PathBuf,
}

/// A line out of a VM.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// The host's files are there; the command starts.
    Ready,
    /// Nothing happened, but the VM lives.
    Alive,
    /// A line of the command's output.
    Out(String),
    /// A line of its error output.
    Err(String),
    /// It could not come to the command, or not to its end.
    Broken(String),
    /// The command's exit status. The last line.
    Exit(u8),
}
