use std::{
    ffi::OsString,
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use bgp_rib::reflector::AskForAll;
use clap::{CommandFactory, Parser, ValueEnum, error::ErrorKind};

/// A BGP route reflector that needs no configuration.
///
/// Reflects routes of any address family between any number of clients, which connect to it. Each client is
/// told that the reflector is in the client's own AS and speaks the client's families.
#[derive(Debug, Parser)]
#[command(name = "bagpipe-fakerr", version, after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Address to listen on; repeatable [default: every address]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Vec<IpAddr>,

    /// TCP port to listen on; 0 takes a free one and logs which
    #[arg(long, default_value_t = 179, value_name = "PORT")]
    pub(crate) port: u16,

    /// The reflector's AS; clients of another are refused [default: each client's own]
    #[arg(long = "as", value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) local_as: Option<u32>,

    /// BGP identifier [default: 198.18.x.y, with the last two octets of this host's first address]
    #[arg(long, value_name = "ID", value_parser = nonzero)]
    pub(crate) router_id: Option<Ipv4Addr>,

    /// Cluster identifier [default: the BGP identifier]
    #[arg(long, value_name = "ID", value_parser = nonzero)]
    pub(crate) cluster_id: Option<Ipv4Addr>,

    /// What to do with clients
    #[arg(long, value_enum, default_value_t = Mode::Reflect)]
    pub(crate) mode: Mode,

    /// Hold time to propose, in seconds: 0 for none, else at least 3
    #[arg(long, default_value_t = 180, value_name = "SECONDS", value_parser = hold_time)]
    pub(crate) hold_time: u16,

    /// How long clients are to keep routes while the reflector restarts, in seconds; 0 asks for nothing
    #[arg(long, default_value_t = 120, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(..4096))]
    pub(crate) restart_time: u16,

    /// How long after its start the reflector holds back the ends of its routes, in seconds, so that clients keep those
    /// of clients that are not yet back
    #[arg(long, default_value_t = 5, value_name = "SECONDS")]
    pub(crate) deferral_time: u16,

    /// When to ask clients with RT-Constraint for every route, with the default route of that family
    #[arg(long, value_enum, default_value_t = AskAll::Auto, value_name = "WHEN")]
    pub(crate) ask_for_all: AskAll,

    /// Unix socket on which to tell who asks about the clients, as JSON; not in mode splice
    #[arg(long, value_name = "PATH")]
    pub(crate) status: Option<PathBuf>,

    /// Unix socket on which to take orders: routes to originate, sessions to reset; not in mode splice
    #[arg(long, value_name = "PATH")]
    pub(crate) control: Option<PathBuf>,

    /// Log more: -v state changes and routes, -vv everything
    #[arg(short, long, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// How log lines look, on standard error
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub(crate) log_format: LogFormat,
}

impl Args {
    /// Reads a command line that starts with the program's name.
    pub(crate) fn read(args: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let args = Self::try_parse_from(args)?;
        if args.mode == Mode::Splice && args.status.is_some() {
            let text = "'--status <PATH>' has nothing to tell in '--mode splice'";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, text));
        }
        if args.mode == Mode::Splice && args.control.is_some() {
            let text = "'--control <PATH>' has nothing to control in '--mode splice'";
            return Err(Self::command().error(ErrorKind::ArgumentConflict, text));
        }
        Ok(args)
    }
}

/// What to do with clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Be a route reflector
    Reflect,
    /// Join the TCP connections of two clients, byte for byte
    Splice,
}

/// When to ask for every route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum AskAll {
    /// While a client without RT-Constraint is there
    Auto,
    /// From the beginning
    Always,
    /// Never
    Never,
}

impl From<AskAll> for AskForAll {
    fn from(ask: AskAll) -> Self {
        match ask {
            AskAll::Auto => Self::Auto,
            AskAll::Always => Self::Always,
            AskAll::Never => Self::Never,
        }
    }
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Time, level, words
    Text,
    /// Without the time, for a journal that adds it
    Plain,
    /// One JSON object a line
    Json,
}

fn nonzero(text: &str) -> Result<Ipv4Addr, String> {
    match text.parse::<Ipv4Addr>() {
        Ok(Ipv4Addr::UNSPECIFIED) => Err("must not be 0.0.0.0".to_owned()),
        Ok(id) => Ok(id),
        Err(error) => Err(error.to_string()),
    }
}

fn hold_time(text: &str) -> Result<u16, String> {
    match text.parse::<u16>() {
        Ok(1 | 2) => Err("must be 0 or at least 3".to_owned()),
        Ok(seconds) => Ok(seconds),
        Err(error) => Err(error.to_string()),
    }
}

const EXAMPLES: &str = "\
Examples:
  bagpipe-fakerr                                  reflect on port 179 of every address
  bagpipe-fakerr --listen 10.0.0.1 --as 64512     only there, only clients of that AS
  bagpipe-fakerr --port 1790 -v                   without root, and say what is going on
  bagpipe-fakerr --mode splice                    put two daemons face to face

Exit status: 0 after SIGTERM or SIGINT, 1 if it cannot run, 2 for a wrong command line.";
