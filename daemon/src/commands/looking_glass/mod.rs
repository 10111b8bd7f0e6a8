//! `bagpipe-looking-glass`: the daemon's looking glass as text.

mod node;
mod render;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    fmt::Write as _,
    io::Write as _,
    net::{IpAddr, SocketAddr},
    process::ExitCode,
};

use bagpipe_api::ClientError;
use clap::Parser;
use thiserror::Error;

use super::reach::{ReachArgs, ReachError};
use crate::{cli, config::ConfigError};

const PROGRAM: &str = "bagpipe-looking-glass";

/// Show what a bagpipe-bgp daemon knows.
#[derive(Debug, Parser)]
#[command(
    name = PROGRAM,
    version,
    infer_long_args = true,
    after_help = "Examples:\n  \
        bagpipe-looking-glass\n  \
        bagpipe-looking-glass bgp peers\n  \
        bagpipe-looking-glass bgp routes\n  \
        bagpipe-looking-glass -r vpns instances test2\n  \
        bagpipe-looking-glass summary BGP_established_peers\n\n\
        Exit status: 0 shown, 1 no such path, no server or any other failure, 2 usage."
)]
struct Args {
    /// Address of the daemon [default: that of `host` in the configuration file, else 127.0.0.1]
    #[arg(long, value_name = "IP")]
    server: Option<IpAddr>,

    /// Port of its API [default: that of the configuration file, else 8082]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// First element of every path
    #[arg(long, value_name = "PREFIX", default_value = "looking-glass")]
    prefix: String,

    #[command(flatten)]
    reach: ReachArgs,

    /// Follow the links to what is below
    #[arg(short, long)]
    recurse: bool,

    /// Print JSON instead of text
    #[arg(long, conflicts_with = "recurse")]
    json: bool,

    /// Elements of the path to show
    #[arg(value_name = "ELEMENT")]
    path: Vec<String>,
}

#[derive(Debug, Error)]
enum Failure {
    #[error("No such looking glass path: {path}\n({url})")]
    NoSuchPath { path: String, url: String },
    #[error("Error code {status}: {body}")]
    Refused { status: u16, body: String },
    #[error("No server at http://{address} : {source}")]
    NoServer {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error(transparent)]
    Client(ClientError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}: {source}", source = std::error::Error::source(.0).map(ToString::to_string).unwrap_or_default())]
    Reach(ReachError),
    #[error("cannot start: {0}")]
    Runtime(std::io::Error),
}

/// Runs the command; `args` starts with the name of the program.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Args = match cli::parse(args) {
        Ok(args) => args,
        Err(status) => return status,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let shown = match runtime {
        Ok(runtime) => runtime.block_on(show(&args)),
        Err(error) => Err(Failure::Runtime(error)),
    };
    // What is shown goes to standard output, failures included: scripts read them there. Whoever
    // closes the pipe early has seen enough.
    match shown {
        Ok(text) => {
            std::io::stdout().write_all(text.as_bytes()).ok();
            ExitCode::SUCCESS
        }
        Err(failure) => {
            writeln!(std::io::stdout(), "{failure}").ok();
            ExitCode::FAILURE
        }
    }
}

async fn show(args: &Args) -> Result<String, Failure> {
    let address = cli::configured_api(args.server, args.port)?;
    let reached = args.reach.connect(address, args.port.is_none()).await;
    let client = reached.map_err(|error| match error {
        ReachError::Client(ClientError::Connect { address, source }) => {
            Failure::NoServer { address, source }
        }
        ReachError::Client(other) => Failure::Client(other),
        other => Failure::Reach(other),
    })?;
    let mut path = format!("/{}", args.prefix.trim_matches('/'));
    for element in &args.path {
        path.push('/');
        path.push_str(&encode(element));
    }
    let mut glass = node::Glass {
        source: client,
        authority: address.to_string(),
    };
    let (value, url) = glass.top(&path).await.map_err(|error| match error {
        ClientError::Refused(refusal) if refusal.status == 404 => Failure::NoSuchPath {
            path: args.path.join(" "),
            url: glass.url(&path),
        },
        ClientError::Refused(refusal) => Failure::Refused {
            status: refusal.status,
            body: refusal.description,
        },
        other => Failure::Client(other),
    })?;
    if args.json {
        return Ok(format!("{value:#}\n"));
    }
    let recurse = args.recurse.then_some(url.as_str());
    let node = glass
        .expand(value, recurse)
        .await
        .map_err(Failure::Client)?;
    Ok(render::render(&node))
}

/// Percent-encodes a path element; slashes stay, so that one argument can hold several elements.
pub(super) fn encode(element: &str) -> String {
    let mut out = String::new();
    for byte in element.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => {
                // Writing to a string cannot fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}
