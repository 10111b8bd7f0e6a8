//! `bagpipe-impex2dot`: which VPN instances exchange routes, as a graph for Graphviz.

mod dot;
mod instance;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use bagpipe_api::{Client, ClientError};
use clap::Parser;
use serde_json::{Value, json};
use thiserror::Error;

use self::instance::Instance;
use super::{
    looking_glass,
    reach::{ReachArgs, ReachError},
};
use crate::{cli, config::ConfigError};

const PROGRAM: &str = "bagpipe-impex2dot";

/// Draw which VPN instances import and export which route targets.
#[derive(Debug, Parser)]
#[command(
    name = PROGRAM,
    version,
    infer_long_args = true,
    after_help = "Examples:\n  \
        bagpipe-impex2dot | dot -Tsvg > impex.svg\n  \
        bagpipe-impex2dot --server compute1 --server compute2 | dot -Tpdf > impex.pdf\n\n\
        Orange: imports and exports; dashed orange: routes advertised again; dotted blue: traffic \
        attracted by Flowspec routes.\n\n\
        Exit status: 0 drawn, 1 a daemon cannot be asked, 2 usage."
)]
struct Args {
    /// Address or name of a daemon, repeatable [default: that of `host` in the configuration file, else 127.0.0.1]
    #[arg(long, value_name = "HOST")]
    server: Vec<String>,

    /// Port of their APIs [default: that of the configuration file, else 8082]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    #[command(flatten)]
    reach: ReachArgs,

    /// First element of every path
    #[arg(long, value_name = "PREFIX", default_value = "looking-glass")]
    prefix: String,

    /// Print what is drawn as JSON instead
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Error)]
enum Failure {
    #[error("cannot start the event loop")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error("`{server}` is not the name of a host that can be found")]
    Unknown { server: String, source: io::Error },
    #[error("`{server}` has no address")]
    NoAddress { server: String },
    #[error("requesting {url}")]
    Request {
        url: String,
        source: Box<ClientError>,
    },
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
    let drawn = runtime
        .map_err(Failure::Runtime)
        .and_then(|runtime| runtime.block_on(draw(&args)));
    match drawn {
        Ok(text) => {
            // Whoever closed the pipe has seen enough.
            io::stdout().write_all(text.as_bytes()).ok();
            ExitCode::SUCCESS
        }
        Err(failure) => {
            cli::complain(PROGRAM, &failure);
            ExitCode::FAILURE
        }
    }
}

async fn draw(args: &Args) -> Result<String, Failure> {
    // Of a server that is named it does not matter where this host's is.
    let named = args
        .server
        .first()
        .map(|_| IpAddr::from(Ipv4Addr::LOCALHOST));
    let configured = cli::configured_api(named, args.port)?;
    let port = configured.port();
    let servers = match named {
        Some(_) => args.server.clone(),
        None => vec![configured.ip().to_string()],
    };
    let mut instances = Vec::new();
    for server in &servers {
        let glass = Glass::connect(args, server, port).await?;
        instances.extend(glass.instances().await?);
    }
    if args.json {
        let instances: Vec<Value> = instances.iter().map(Instance::to_json).collect();
        return Ok(format!("{:#}\n", json!({ "instances": instances })));
    }
    Ok(dot::graph(&instances))
}

/// The looking glass of one daemon.
struct Glass<'a> {
    server: &'a str,
    root: String,
    client: Client,
}

impl<'a> Glass<'a> {
    async fn connect(args: &Args, server: &'a str, port: u16) -> Result<Self, Failure> {
        let prefix = &args.prefix;
        let addresses = tokio::net::lookup_host((server, port)).await;
        let addresses: Vec<SocketAddr> = addresses
            .map_err(|source| Failure::Unknown {
                server: server.to_owned(),
                source,
            })?
            .collect();
        let mut refused = None;
        for address in addresses {
            match args.reach.connect(address, args.port.is_none()).await {
                Ok(client) => {
                    return Ok(Self {
                        server,
                        root: format!("/{}", prefix.trim_matches('/')),
                        client,
                    });
                }
                Err(ReachError::Client(error)) => refused = Some(error),
                Err(other) => return Err(other.into()),
            }
        }
        Err(match refused {
            Some(error) => Failure::Request {
                url: format!("http://{server}:{port}/{prefix}"),
                source: error.into(),
            },
            None => Failure::NoAddress {
                server: server.to_owned(),
            },
        })
    }

    async fn instances(mut self) -> Result<Vec<Instance>, Failure> {
        let list = self.page(&["vpns", "instances"]).await?;
        let ids = list.as_array().into_iter().flatten();
        let ids: Vec<String> = ids
            .filter_map(|entry| Some(entry.get("id")?.as_str()?.to_owned()))
            .collect();
        let mut instances = Vec::new();
        for id in ids {
            let page = self.page(&["vpns", "instances", &id]).await?;
            let ports = self.page(&["vpns", "instances", &id, "ports"]).await?;
            instances.push(Instance::new(self.server, &id, &page, &ports));
        }
        instances.sort();
        Ok(instances)
    }

    /// What is at a path; nothing where there is no such path, as in an instance that has just gone.
    async fn page(&mut self, path: &[&str]) -> Result<Value, Failure> {
        let mut url = self.root.clone();
        for element in path {
            url.push('/');
            // The name of an instance may have a slash in it.
            url.push_str(&looking_glass::encode(element).replace('/', "%2F"));
        }
        let answer = match self.client.get(&url).await {
            Ok(body) => serde_json::from_slice(&body).map_err(|source| ClientError::Answer {
                body: String::from_utf8_lossy(&body).into_owned(),
                source,
            }),
            Err(ClientError::Refused(refusal)) if refusal.status == 404 => Ok(Value::Null),
            Err(error) => Err(error),
        };
        answer.map_err(|error| Failure::Request {
            url: format!("http://{}{url}", self.server),
            source: error.into(),
        })
    }
}
