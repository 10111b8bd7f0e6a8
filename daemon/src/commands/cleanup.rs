//! `bagpipe-bgp-cleanup`: removes what a daemon that is not running left in the dataplane.

use std::{ffi::OsString, fmt, io, process::ExitCode};

use clap::Parser;
use dataplane::{Driver, DriverError, DriverTask};
use thiserror::Error;
use vpn::Intent;

use crate::{
    cli::{self, DaemonArgs},
    config::Config,
    host, logging,
};

const PROGRAM: &str = "bagpipe-bgp-cleanup";

/// Remove what a bagpipe-bgp daemon that is not running left in the dataplane.
#[derive(Debug, Parser)]
#[command(
    name = PROGRAM,
    version,
    after_help = "Does not look whether the daemon is running.\n\n\
        Exit status: 0 clean, 1 configuration or dataplane failed, 2 usage."
)]
struct Args {
    #[command(flatten)]
    daemon: DaemonArgs,

    /// Say what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Error)]
enum CleanupError {
    #[error(transparent)]
    Log(#[from] logging::LogError),
    #[error("cannot start the event loop")]
    Runtime(#[source] io::Error),
    #[error("the dataplane driver `{driver}` cannot clean up")]
    Driver { driver: String, source: DriverError },
}

/// Runs the command; `args` starts with the name of the program.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Args = match cli::parse(args) {
        Ok(args) => args,
        Err(status) => return status,
    };
    let read = match args.daemon.configuration() {
        Ok(read) => read,
        Err(error) => {
            cli::complain(PROGRAM, &error);
            return ExitCode::FAILURE;
        }
    };
    match clean(&read.config, &read.warnings, args.dry_run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            cli::complain(PROGRAM, &error);
            ExitCode::FAILURE
        }
    }
}

fn clean(config: &Config, warnings: &[String], dry_run: bool) -> Result<(), CleanupError> {
    logging::start(PROGRAM, &config.log)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CleanupError::Runtime)?;
    let failed = |driver: &dyn fmt::Display| {
        let driver = driver.to_string();
        |source| CleanupError::Driver { driver, source }
    };
    runtime.block_on(async {
        let evpn = reset(host::evpn_driver(&config.evpn, None), dry_run).await;
        // Whatever became of the one, the other is to be cleaned.
        let ipvpn = match host::ipvpn_driver(&config.ipvpn) {
            Some(driver) => reset(driver, dry_run).await,
            None => Ok(()),
        };
        evpn.map_err(failed(&config.evpn.driver))?;
        ipvpn.map_err(failed(&config.ipvpn.driver))
    })
}

async fn reset<I: Intent>(driver: Box<dyn Driver<I>>, dry_run: bool) -> Result<(), DriverError> {
    let driver = DriverTask::start(driver).await?;
    for owned in driver.list().await? {
        tracing::info!(
            "{} `{}`",
            if dry_run { "would remove" } else { "removing" },
            owned.name
        );
    }
    if !dry_run {
        driver.reset().await?;
    }
    driver.shutdown().await;
    Ok(())
}
