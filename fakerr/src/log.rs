use std::io::{self, IsTerminal};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{filter::Targets, fmt, layer::SubscriberExt, util::SubscriberInitExt};

use crate::args::{Args, LogFormat};

/// One line an event, to standard error.
pub(crate) fn init(args: &Args) {
    let ours = match args.verbose {
        0 => LevelFilter::INFO,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let filter = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets([("bagpipe_fakerr", ours), ("bgp_transport", ours)]);
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false);
    let registry = tracing_subscriber::registry().with(filter);
    // A second call in one process keeps what the first set up.
    let _ = match args.log_format {
        LogFormat::Text => registry.with(lines).try_init(),
        LogFormat::Plain => registry
            .with(lines.without_time().with_ansi(false))
            .try_init(),
        LogFormat::Json => registry.with(lines.json().flatten_event(true)).try_init(),
    };
}
