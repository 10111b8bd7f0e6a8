//! Command line shared by the daemon and its cleanup, and what all commands do alike.

use std::{env, ffi::OsString, io, path::PathBuf, process::ExitCode};

use clap::{Arg, Args, Command, Parser, value_parser};
use clap_complete::Shell;

use crate::config::{Config, ConfigError, ConfigErrorKind, LogOptions, RawConfig, default_file};

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
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    eprintln!("{program}: error: {text}");
}

/// Flags of `bagpipe-bgp` and `bagpipe-bgp-cleanup`.
#[derive(Debug, Args)]
pub struct DaemonArgs {
    /// Configuration file, repeatable, later ones override [default: /etc/bagpipe-bgp/bgp.conf]
    #[arg(long, value_name = "PATH")]
    config_file: Vec<PathBuf>,

    /// Directory whose *.conf are read after the files, sorted by name
    #[arg(long, value_name = "DIR")]
    config_dir: Vec<PathBuf>,

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

    #[command(flatten)]
    accepted: AcceptedArgs,
}

/// Flags of other versions that are taken and do nothing here.
#[derive(Debug, Args)]
struct AcceptedArgs {
    #[arg(long, aliases = ["log-config", "log_config"], value_name = "PATH", hide = true)]
    log_config_append: Option<PathBuf>,
    #[arg(long, value_name = "FORMAT", hide = true)]
    log_date_format: Option<String>,
    #[arg(long, value_name = "FACILITY", hide = true)]
    syslog_log_facility: Option<String>,
    #[arg(long, hide = true)]
    use_syslog: bool,
    #[arg(long, hide = true)]
    nouse_syslog: bool,
    #[arg(long, hide = true)]
    use_journal: bool,
    #[arg(long, hide = true)]
    nouse_journal: bool,
    #[arg(long, hide = true)]
    use_json: bool,
    #[arg(long, hide = true)]
    nouse_json: bool,
    #[arg(long, hide = true)]
    ack_oslo_log: bool,
    /// Old init scripts say `start`.
    #[arg(hide = true, value_parser = ["start"])]
    word: Option<String>,
}

impl DaemonArgs {
    /// Reads the configuration that these flags name; also returns what should be warned about.
    ///
    /// # Errors
    /// A file that cannot be read or that says something impossible.
    pub fn configuration(self) -> Result<(Config, Vec<String>), ConfigError> {
        let files = if self.config_file.is_empty() && self.config_dir.is_empty() {
            vec![default_file()]
        } else {
            self.config_file.clone()
        };
        let mut raw = RawConfig::read(&files, &self.config_dir)?;
        raw.read_environment(|name| env::var(name).ok());
        let mut config = Config::resolve(&raw)?;
        self.apply(&mut config.log);
        let mut warnings = raw.warnings;
        warnings.extend(
            config
                .log
                .unsupported
                .iter()
                .map(|what| format!("{what} is not supported, ignored")),
        );
        Ok((config, warnings))
    }

    fn apply(self, log: &mut LogOptions) {
        log.debug = (log.debug || self.debug) && !self.nodebug;
        if let Some(file) = self.log_file {
            log.set_file(file);
        }
        if self.log_dir.is_some() {
            log.dir = self.log_dir;
        }
        let accepted = self.accepted;
        for (set, what) in [
            (accepted.log_config_append.is_some(), "--log-config-append"),
            (accepted.log_date_format.is_some(), "--log-date-format"),
            (accepted.use_syslog, "--use-syslog"),
            (accepted.use_journal, "--use-journal"),
            (accepted.use_json, "--use-json"),
        ] {
            if set {
                log.unsupported.push(what);
            }
        }
    }
}

/// The configuration file as the small tools use it: only for the port of the API, and not required.
///
/// # Errors
/// The file is there and says something impossible about the port.
pub fn configured_api_port() -> Result<u16, ConfigError> {
    let mut raw = match RawConfig::read(&[default_file()], &[]) {
        Ok(raw) => raw,
        Err(ConfigError {
            kind: ConfigErrorKind::Unreadable(error),
            ..
        }) if error.kind() == io::ErrorKind::NotFound => RawConfig::default(),
        Err(error) => return Err(error),
    };
    raw.read_environment(|name| env::var(name).ok());
    crate::config::api_port(&raw)
}
