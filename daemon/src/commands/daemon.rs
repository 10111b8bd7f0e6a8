//! `bagpipe-bgp`: the daemon.

use std::{
    collections::hash_map::RandomState,
    ffi::OsString,
    hash::{BuildHasher as _, Hasher as _},
    io,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

use bgp_transport::sd_notify;
use clap::{Parser, ValueEnum};
use dataplane::{DriverError, DriverTask, Reporter};
use thiserror::Error;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
};
use tokio_rustls::rustls::pki_types::pem;

use super::service::{self, PID_FILE, PidFile, ServiceError};
use crate::{
    cli::{self, DaemonArgs, Read},
    clock,
    config::{Config, ConfigError},
    core::{self, Command, Commands, Core, Leave, Parts, Sessions},
    host::{self, Addresses, OptionError},
    logging::{self, Memory},
    privileges,
    rest::{self, Api, Listener, TlsError, Token, TokenError},
    store::{Store, StoreError},
};

pub(super) const PROGRAM: &str = "bagpipe-bgp";

/// How many commands may wait for the core; further ones wait in their connections.
const COMMANDS: usize = 64;

/// A BGP VPN speaker for a compute node: E-VPN instances over a REST API, routes over BGP.
#[derive(Debug, Parser)]
#[command(
    name = PROGRAM,
    version,
    after_help = "Runs in the foreground until SIGTERM or SIGINT, which end BGP sessions with a Cease and \
        remove what was put into the dataplane. SIGUSR1 ends it for a restart: the dataplane goes on \
        forwarding.\n\n\
        After a crash and after SIGUSR1 the dataplane keeps forwarding: an instance that is attached again takes over what \
        is there, the rest is removed after stale_time (60 s).\n\n\
        SIGHUP reads the configuration again.\n\n\
        Examples:\n  \
        bagpipe-bgp --config-file bgp.conf --debug\n  \
        bagpipe-bgp --log-file /var/log/bagpipe-bgp.log start\n  \
        bagpipe-bgp stop\n\n\
        Exit status: 0 stopped by a signal, or done; 1 configuration or start failed; 2 usage."
)]
struct Args {
    #[command(flatten)]
    daemon: DaemonArgs,

    /// What an init script has it do: start in the background, or stop the one that was started so
    #[arg(value_enum)]
    word: Option<Word>,

    /// With start: stay in the foreground
    #[arg(long)]
    no_daemon: bool,

    /// File with the process number; locked while the daemon runs [default with start and stop:
    /// /var/run/bagpipe-bgp/bagpipe-bgp.pid]
    #[arg(long, value_name = "PATH", overrides_with = "pid_file")]
    pid_file: Option<PathBuf>,

    /// Taken for scripts that were written for a transition long past
    #[arg(long, hide = true)]
    ack_oslo_log: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Word {
    Start,
    Stop,
}

/// Why the daemon does not start.
#[derive(Debug, Error)]
enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Service(#[from] ServiceError),
    #[error(transparent)]
    Log(#[from] logging::LogError),
    #[error("cannot start the event loop")]
    Runtime(#[source] io::Error),
    #[error(transparent)]
    Address(#[from] OptionError),
    #[error("cannot listen on {place}, option `host` or `port` of section [API]")]
    Listen { place: String, source: io::Error },
    #[error("`{}`, option `token_file` of section [API]", file.display())]
    Token {
        file: std::path::PathBuf,
        source: TokenError,
    },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error("cannot give up the privileges that are not needed")]
    Privileges(#[source] caps::errors::CapsError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the dataplane driver `{driver}` does not start")]
    Driver {
        driver: String,
        section: &'static str,
        source: DriverError,
    },
}

impl StartError {
    /// Section and name of the option that it is about.
    fn option(&self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Address(error) => Some((error.section, error.option)),
            Self::Listen { .. } => Some(("API", "port")),
            Self::Token { .. } => Some(("API", "token_file")),
            Self::Tls(error) => Some(("API", error.option())),
            Self::Store(_) => Some(("COMMON", "persist")),
            Self::Driver { section, .. } => Some((section, "dataplane_driver")),
            _ => None,
        }
    }

    /// With its causes, and with the place of the option that it is about.
    fn explain(&self, read: &Read) -> String {
        let text = cli::explain(self);
        let place = self
            .option()
            .and_then(|(section, option)| read.place(section, option))
            .or_else(|| match self {
                Self::Listen { .. } => read.place("API", "host"),
                _ => None,
            });
        match place {
            Some(place) => format!("{place}: {text}"),
            None => text,
        }
    }

    /// Whether it is only that the daemon may not read something now, which it can when it is started: it has given up what it
    /// does not need since.
    fn is_of_privileges(&self) -> bool {
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            let io = error.downcast_ref::<io::Error>();
            let of_pem = error.downcast_ref::<pem::Error>();
            let denied = |error: &io::Error| error.kind() == io::ErrorKind::PermissionDenied;
            if io.is_some_and(denied)
                || matches!(of_pem, Some(pem::Error::Io(error)) if denied(error))
            {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

/// Runs the command; `args` starts with the name of the program.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = args.collect();
    let args: Args = match cli::parse(words.iter().cloned()) {
        Ok(args) => args,
        Err(status) => return status,
    };
    let pid_file = args.pid_file.clone();
    let again = args.daemon.clone();
    let usual = pid_file.clone().unwrap_or_else(|| PID_FILE.into());
    let done = match args.word {
        Some(Word::Stop) => service::stop(&usual).map_err(StartError::from),
        Some(Word::Start) if !args.no_daemon => match args.daemon.configuration() {
            Ok(read) => service::start(&words, &usual, &read.config.log).map_err(StartError::from),
            Err(error) => Err(error.into()),
        },
        _ => match args.daemon.configuration() {
            Ok(read) => match start(&read, pid_file.as_deref(), again) {
                Ok(()) => Ok(()),
                Err(error) => {
                    eprintln!("{PROGRAM}: error: {}", error.explain(&read));
                    return ExitCode::FAILURE;
                }
            },
            Err(error) => Err(error.into()),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::complain(PROGRAM, &error);
            ExitCode::FAILURE
        }
    }
}

fn start(read: &Read, pid_file: Option<&Path>, again: DaemonArgs) -> Result<(), StartError> {
    let _pid_file = pid_file.map(PidFile::take).transpose()?;
    let (memory, logs) = logging::start(PROGRAM, &read.config.log)?;
    for warning in &read.warnings {
        tracing::warn!("{warning}");
    }
    // Threads that look up names may be made before the others are given up, and they are kept.
    let drop_others = || {
        if let Err(error) = privileges::drop_others() {
            tracing::warn!("a thread cannot give up the privileges that it does not need: {error}");
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_start(drop_others)
        .build()
        .map_err(StartError::Runtime)?;
    runtime.block_on(run(read, memory, Again { args: again, logs }))
}

async fn run(read: &Read, memory: Memory, again: Again) -> Result<(), StartError> {
    let config = read.config.clone();
    let stop = Stop::new().map_err(StartError::Runtime)?;
    let started = clock::now();
    let (addresses, token) = check(&config).await?;
    for (elsewhere, section, option) in addresses.elsewhere() {
        let place = read.place(section, option);
        let place = place.map_or_else(String::new, |place| format!("{place}: "));
        tracing::error!(
            "{place}{elsewhere} is not an address of this host: nothing comes from there, and nothing can reach this daemon there \
             (option `{option}` of section [{section}])"
        );
    }
    let store = config.common.persist.as_deref().map(Store::open);
    let store = store.transpose()?;
    let listener = listen(&config).await?;
    let api_address = listener.to_string();
    if listener.is_open() && token.is_none() {
        tracing::warn!(
            "the API at {api_address} does what everybody asks who can reach it: let it ask for a token \
             (`token_file` in [API]) or for client certificates (`client_ca`), or listen on 127.0.0.1"
        );
    }

    let peers_listener = Sessions::listen(&config.bgp, addresses.bgp);
    // Requests are taken from here on; what needs the core waits in its channel until that is up.
    let ping = random();
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let (version, versions) = watch::channel(1);
    let api = Api {
        ping,
        commands: commands.clone(),
        version: versions,
        token,
        counts: Arc::default(),
        ignored: Arc::default(),
    };
    let server = tokio::spawn(rest::serve(listener, api));
    if let Err(error) = sd_notify::notify_ready() {
        tracing::warn!("cannot tell the service manager: {error}");
    }
    tracing::info!(
        "version {}, local address {}",
        env!("CARGO_PKG_VERSION"),
        addresses.bgp
    );
    tracing::info!("REST API on {api_address}");

    // Everything is bound, and the threads of the drivers are yet to be made.
    privileges::drop_others().map_err(StartError::Privileges)?;
    let (reporter, sightings) = Reporter::new();
    let driver = DriverTask::start(host::evpn_driver(&config.evpn, Some(reporter)))
        .await
        .map_err(|source| StartError::Driver {
            driver: config.evpn.driver.to_string(),
            section: "DATAPLANE_DRIVER_EVPN",
            source,
        })?;
    let ipvpn = match host::ipvpn_driver(&config.ipvpn) {
        None => {
            tracing::warn!(
                "this version has no `{}` driver for IP VPNs: they cannot be attached to",
                config.ipvpn.driver
            );
            None
        }
        Some(driver) => {
            let driver = DriverTask::start(driver).await;
            let driver = driver.map_err(|source| StartError::Driver {
                driver: config.ipvpn.driver.to_string(),
                section: "DATAPLANE_DRIVER_IPVPN",
                source,
            })?;
            Some(driver)
        }
    };
    let left = core::left_over(&driver, ipvpn.as_ref()).await;
    // Any part of the number will do: it only has to differ between daemons.
    let seed = (ping >> 64) as u64;
    let sessions = Sessions::connect(&config.bgp, addresses, seed, left.count > 0, peers_listener);
    let parts = Parts {
        config: Arc::new(config),
        addresses,
        driver,
        ipvpn,
        sightings,
        memory,
        started,
        version,
        sessions,
        store,
        left,
    };
    let (core, events) = Core::start(parts).await;
    core.run(events, inbox, stop.wait(&again, &commands)).await;
    server.abort();
    tracing::info!("stopped");
    Ok(())
}

async fn listen(config: &Config) -> Result<Listener, StartError> {
    let listener = Listener::bind(&config.api).await;
    listener.map_err(|source| StartError::Listen {
        place: match config.api.host.strip_prefix("unix:") {
            Some(_) => config.api.host.clone(),
            None => format!("{}:{}", config.api.host, config.api.port),
        },
        source,
    })
}

/// What can be told of a configuration without changing anything, at the start and when it is read again.
async fn check(config: &Config) -> Result<(Addresses, Option<Token>), StartError> {
    let addresses = Addresses::of(config).await?;
    rest::check_tls(&config.api)?;
    Ok((addresses, token(config)?))
}

fn token(config: &Config) -> Result<Option<Token>, StartError> {
    let Some(file) = &config.api.token_file else {
        return Ok(None);
    };
    let token = Token::read(file).map_err(|source| StartError::Token {
        file: file.clone(),
        source,
    })?;
    Ok(Some(token))
}

/// 128 random bits, the highest one set: the number is never 0, never -1 and never short.
fn random() -> u128 {
    // The standard library's hasher keys come from the system's random numbers.
    let half = || u128::from(RandomState::new().build_hasher().finish());
    1 << 127 | half() << 64 | half()
}

/// What it takes to read the configuration again.
struct Again {
    args: DaemonArgs,
    logs: logging::Handle,
}

impl Again {
    /// Reads it and hands it on; one that is wrong changes nothing.
    async fn read(&self, commands: &Commands) {
        let read = match self.args.clone().configuration() {
            Ok(read) => read,
            Err(error) => {
                tracing::error!("SIGHUP, but nothing changes: {error}");
                return;
            }
        };
        for warning in &read.warnings {
            tracing::warn!("{warning}");
        }
        // What a start would not take is not taken now either: it would only show when it is too late.
        if let Err(error) = check(&read.config).await {
            let text = error.explain(&read);
            if !error.is_of_privileges() {
                tracing::error!("SIGHUP, but nothing changes: {text}");
                return;
            }
            tracing::warn!("{text}: whether the next start can use it cannot be told");
        }
        let config = read.config;
        if let Err(error) = self.logs.reload(&config.log) {
            tracing::error!("SIGHUP, but nothing changes: {error}");
            return;
        }
        // The core only goes when the daemon does.
        let _ = commands.send(Command::Reload(Box::new(config))).await;
    }
}

/// The signals that end the daemon, and the one that does not.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
    restart: Signal,
    hangup: Signal,
}

impl Stop {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            restart: signal(SignalKind::user_defined1())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn wait(mut self, again: &Again, commands: &Commands) -> Leave {
        loop {
            let (name, leave) = tokio::select! {
                _ = self.terminate.recv() => ("SIGTERM", Leave::Nothing),
                _ = self.interrupt.recv() => ("SIGINT", Leave::Nothing),
                _ = self.restart.recv() => ("SIGUSR1", Leave::Forwarding),
                _ = self.hangup.recv() => {
                    again.read(commands).await;
                    continue;
                }
            };
            tracing::info!("{name}, stopping");
            return leave;
        }
    }
}
