//! Command line shared by the daemon and its cleanup, and what all commands do alike.

use std::{
    env,
    ffi::OsString,
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Arg, Args, Command, Parser, value_parser};
use clap_complete::Shell;

use crate::{
    config::{self, Config, ConfigError, ConfigErrorKind, Place, RawConfig, default_file},
    logging::{Facility, LogOptions},
};

/// Reads a command line that starts with the name of the program. `--shell_completion SHELL`, which every program
/// has, prints what makes the shell complete its arguments.
///
/// # Errors
/// The exit status when there is nothing more to do: 0 after `--help`, `--version` and `--shell_completion`, 2 after
/// a usage error; the text has been printed.
pub fn parse<T: Parser>(args: impl Iterator<Item = OsString>) -> Result<T, ExitCode> {
    let args: Vec<OsString> = args.collect();
    let completion = Arg::new(COMPLETION)
        .long(COMPLETION)
        .alias("shell-completion")
        .value_name("SHELL")
        .value_parser(value_parser!(Shell))
        .help("Print what makes a shell complete the arguments of this program");
    // Asked for by itself, without the arguments that are required otherwise.
    let wanted = Command::new(COMPLETION)
        .arg(completion.clone())
        .ignore_errors(true)
        .disable_help_flag(true)
        .try_get_matches_from(&args);
    let mut command = T::command().arg(completion);
    if let Ok(wanted) = wanted
        && let Some(shell) = wanted.get_one::<Shell>(COMPLETION)
    {
        let name = command.get_name().to_owned();
        clap_complete::generate(*shell, &mut command, name, &mut io::stdout());
        return Err(ExitCode::SUCCESS);
    }
    let matches = command.try_get_matches_from(&args);
    let parsed = matches.and_then(|matches| T::from_arg_matches(&matches));
    parsed.map_err(|error| {
        // Nowhere to print to is no reason to fail differently.
        error.print().ok();
        ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
    })
}

const COMPLETION: &str = "shell_completion";

/// Prints an error with its causes, once.
pub fn complain(program: &str, error: &dyn std::error::Error) {
    eprintln!("{program}: error: {}", explain(error));
}

/// An error with its causes, each once.
pub fn explain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// A configuration that was read.
pub struct Read {
    /// What it means.
    pub config: Config,
    /// What should be warned about.
    pub warnings: Vec<String>,
    written: RawConfig,
}

impl Read {
    /// Where an option was given its value, if it was.
    pub fn place(&self, section: &str, option: &str) -> Option<&Place> {
        self.written.place(section, option)
    }
}

/// Flags of `bagpipe-bgp` and `bagpipe-bgp-cleanup`.
#[derive(Debug, Clone, Args)]
pub struct DaemonArgs {
    /// Configuration file, repeatable, later ones override [default: /etc/bagpipe-bgp/bgp.conf]
    #[arg(long, value_name = "PATH")]
    config_file: Vec<PathBuf>,

    /// Directory whose *.conf are read after the files, sorted by name
    #[arg(long, value_name = "DIR")]
    config_dir: Vec<PathBuf>,

    #[command(flatten)]
    log: LogArgs,
}

/// Where logs go and in which form.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
struct LogArgs {
    /// Log debug messages too
    #[arg(short, long, overrides_with = "nodebug")]
    debug: bool,

    /// No debug messages, whatever the file says
    #[arg(long)]
    nodebug: bool,

    /// Log to this file instead of standard error
    #[arg(long, alias = "logfile", value_name = "PATH")]
    log_file: Option<PathBuf>,

    /// Directory of a relative log file; alone: <program>.log in it
    #[arg(long, alias = "logdir", value_name = "DIR")]
    log_dir: Option<PathBuf>,

    /// A logging configuration as Python's, which replaces everything else about logs
    #[arg(long, aliases = ["log-config", "log_config"], value_name = "PATH")]
    log_config_append: Option<PathBuf>,

    /// Form of dates, as strftime has it [default: %Y-%m-%d %H:%M:%S]
    #[arg(long, value_name = "FORMAT")]
    log_date_format: Option<String>,

    /// Log to the system log
    #[arg(long, overrides_with = "nouse_syslog")]
    use_syslog: bool,
    #[arg(long, hide = true)]
    nouse_syslog: bool,

    /// Facility of the system log [default: LOG_USER]
    #[arg(long, value_name = "FACILITY", value_parser = facility)]
    syslog_log_facility: Option<Facility>,

    /// Log to systemd's journal
    #[arg(long, overrides_with = "nouse_journal")]
    use_journal: bool,
    #[arg(long, hide = true)]
    nouse_journal: bool,

    /// One JSON object a line
    #[arg(long, overrides_with = "nouse_json")]
    use_json: bool,
    #[arg(long, hide = true)]
    nouse_json: bool,
}

fn facility(text: &str) -> Result<Facility, String> {
    let rule = || "must be a facility of syslog, such as LOG_USER or LOG_LOCAL0".to_owned();
    Facility::named(text).ok_or_else(rule)
}

impl LogArgs {
    /// What is said here counts more than what files say.
    fn apply(self, log: &mut LogOptions) {
        let flag = |file: bool, yes: bool, no: bool| (file || yes) && !no;
        log.debug = flag(log.debug, self.debug, self.nodebug);
        log.syslog = flag(log.syslog, self.use_syslog, self.nouse_syslog);
        log.journal = flag(log.journal, self.use_journal, self.nouse_journal);
        log.json = flag(log.json, self.use_json, self.nouse_json);
        if let Some(file) = self.log_file {
            log.set_file(file);
        }
        log.dir = self.log_dir.or(log.dir.take());
        log.config = self.log_config_append.or(log.config.take());
        log.date_format = self.log_date_format.or(log.date_format.take());
        log.facility = self.syslog_log_facility.unwrap_or(log.facility);
    }
}

impl DaemonArgs {
    /// Reads the configuration that these flags name.
    ///
    /// # Errors
    /// A file that cannot be read or that says something impossible.
    pub fn configuration(self) -> Result<Read, ConfigError> {
        let files = if self.config_file.is_empty() && self.config_dir.is_empty() {
            vec![default_file()]
        } else {
            self.config_file.clone()
        };
        let mut raw = RawConfig::read(&files, &self.config_dir)?;
        raw.read_environment(|name| env::var(name).ok());
        raw.warn_of_dollars();
        let mut config = Config::resolve(&raw).inspect_err(|_| {
            // One of them may be why: an option that is missing was perhaps misspelt.
            for warning in &raw.warnings {
                eprintln!("warning: {warning}");
            }
        })?;
        self.log.apply(&mut config.log);
        let mut warnings = std::mem::take(&mut raw.warnings);
        warnings.extend(
            config
                .log
                .unsupported
                .iter()
                .map(|what| format!("{what} is not supported, ignored")),
        );
        Ok(Read {
            config,
            warnings,
            written: raw,
        })
    }
}

/// Where the small tools find the API: at what was given, else where the configuration file has it, which is not required.
/// The address is the loopback's where the daemon listens on all, or on a Unix socket.
///
/// # Errors
/// The file is there and says something impossible about what was not given.
pub fn configured_api(
    server: Option<IpAddr>,
    port: Option<u16>,
) -> Result<SocketAddr, ConfigError> {
    if let (Some(server), Some(port)) = (server, port) {
        return Ok(SocketAddr::new(server, port));
    }
    let mut raw = match RawConfig::read(&[default_file()], &[]) {
        Ok(raw) => raw,
        Err(ConfigError {
            kind: ConfigErrorKind::Unreadable(error),
            ..
        }) if error.kind() == io::ErrorKind::NotFound => RawConfig::default(),
        Err(error) => return Err(error),
    };
    raw.read_environment(|name| env::var(name).ok());
    let server = match server {
        Some(server) => server,
        None => config::api_address(&raw)?,
    };
    let port = match port {
        Some(port) => port,
        None => config::api_port(&raw)?,
    };
    Ok(SocketAddr::new(server, port))
}
