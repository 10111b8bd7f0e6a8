//! `bagpipe-fakerr`: a route reflector that needs no configuration.
//!
//! `reflect` is RFC 4456 between any number of clients of any AS and family; the rules are
//! [`bgp_rib::reflector`], the sessions [`bgp_transport`]. `splice` puts two BGP initiators face to face and
//! knows nothing of BGP.

mod args;
mod control;
mod identity;
mod listen;
mod log;
mod reflect;
mod socket;
mod splice;
mod status;

use std::{ffi::OsString, io, process::ExitCode};

use bgp_transport::{ListenError, sd_notify};
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use args::{Args, Mode};
use control::Desk;
use listen::Doors;
use status::Counter;

/// Runs the program with its command line, the program's name first. Returns when it is told to stop by
/// SIGTERM or SIGINT (0), when it cannot run (1), or when the command line is wrong (2).
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args = match Args::read(args) {
        Ok(args) => args,
        Err(error) => {
            // Help and version come this way too, with exit code 0. Nobody can be told of a closed stderr.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1));
        }
    };
    log::init(&args);
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut causes = String::new();
            let mut next = std::error::Error::source(&error);
            while let Some(cause) = next {
                causes.push_str(&format!(": {cause}"));
                next = cause.source();
            }
            eprintln!("error: {error}{causes}");
            ExitCode::FAILURE
        }
    }
}

/// Why the program cannot run.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("cannot start the event loop")]
    Runtime(#[source] io::Error),
    #[error("cannot tell of the status on `{path}`")]
    Status {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot take orders on `{path}`")]
    Control {
        path: String,
        #[source]
        source: io::Error,
    },
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
}

fn run(args: &Args) -> Result<(), RunError> {
    // One thread: everything that is shared has one owner, and there is nothing to lock.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.map_err(RunError::Runtime)?.block_on(serve(args))
}

async fn serve(args: &Args) -> Result<(), RunError> {
    let signals = |kind| signal(kind).map_err(RunError::Signals);
    let mut terminate = signals(SignalKind::terminate())?;
    let mut interrupt = signals(SignalKind::interrupt())?;
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => info!("told to stop by SIGTERM"),
            _ = interrupt.recv() => info!("told to stop by SIGINT"),
        }
    };
    let doors = Doors::open(&args.listen, args.port)?;
    let counter = args.status.as_deref().map(|path| {
        Counter::open(path).map_err(|source| RunError::Status {
            path: path.display().to_string(),
            source,
        })
    });
    let counter = counter.transpose()?;
    let desk = args.control.as_deref().map(|path| {
        Desk::open(path).map_err(|source| RunError::Control {
            path: path.display().to_string(),
            source,
        })
    });
    let desk = desk.transpose()?;
    match sd_notify::notify_ready() {
        Ok(true) => info!("told the service manager"),
        Ok(false) => {}
        Err(error) => warn!(%error, "cannot tell the service manager"),
    }
    match args.mode {
        Mode::Reflect => reflect::run(args, doors, counter, desk, stop).await,
        Mode::Splice => splice::run(doors, stop).await,
    }
    Ok(())
}
