//! What can be wrong with the configuration, and where.

use std::{fmt, io, path::PathBuf, sync::Arc};

use thiserror::Error;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of a file, counted from 1.
    Line(Arc<PathBuf>, usize),
    /// A file as a whole.
    File(Arc<PathBuf>),
    /// An environment variable.
    Environment(String),
    /// Nowhere: that is what is wrong.
    Nowhere,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(path, line) => write!(f, "{}:{line}", path.display()),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Environment(name) => write!(f, "environment variable {name}"),
            Self::Nowhere => f.write_str("configuration"),
        }
    }
}

/// A configuration that cannot be used.
#[derive(Debug, Error)]
#[error("{place}: {kind}")]
pub struct ConfigError {
    /// Where.
    pub place: Place,
    /// What.
    #[source]
    pub kind: ConfigErrorKind,
}

/// What is wrong with a configuration.
#[derive(Debug, Error)]
pub enum ConfigErrorKind {
    /// The file cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// The line is neither a section, nor an option, nor a comment.
    #[error("`{0}` is no `[section]`, no `option = value` and no comment")]
    NoOption(String),
    /// An option stands before the first section.
    #[error("option `{0}` stands before the first `[section]`")]
    NoSection(String),
    /// The first line of a file continues nothing.
    #[error("the line continues an option, but there is none before it")]
    NothingToContinue,
    /// A required option is missing.
    #[error("option `{option}` of section [{section}] is required")]
    Missing {
        /// Section it belongs to.
        section: &'static str,
        /// Its name.
        option: &'static str,
    },
    /// A value breaks the rule of its option.
    #[error("`{value}` is not a value for `{option}` in [{section}]: {rule}")]
    Value {
        /// Section.
        section: &'static str,
        /// Option.
        option: &'static str,
        /// As written.
        value: String,
        /// What it has to be.
        rule: String,
    },
    /// The kernel does not let two drivers receive on one port.
    #[error(
        "the drivers `linux` and `linux-vxlan` cannot both receive on port {0}: set `vxlan_dst_port` of section \
         [DATAPLANE_DRIVER_IPVPN] or [DATAPLANE_DRIVER_EVPN] to another on every node, such as 8472"
    )]
    SamePort(u16),
    /// A section of a logging configuration is missing.
    #[error("section [{}] is missing", .0.to_lowercase())]
    NoLogSection(String),
    /// An option of a logging configuration is missing.
    #[error("option `{option}` of section [{section}] is missing")]
    NoLogOption {
        /// Section it belongs to.
        section: String,
        /// Its name.
        option: &'static str,
    },
    /// Something in a logging configuration is not understood.
    #[error("`{text}` is not understood: {rule}")]
    Log {
        /// As written.
        text: String,
        /// What it has to be.
        rule: String,
    },
    /// A `$name` in a value stands for itself.
    #[error(
        "`${name}` in the value of `{option}` stands for itself; a dollar sign is written `$$`"
    )]
    Substitution {
        /// Option whose value has it.
        option: String,
        /// What was referred to.
        name: String,
    },
}

impl ConfigErrorKind {
    pub(crate) fn at(self, place: Place) -> ConfigError {
        ConfigError { place, kind: self }
    }
}
