//! What is logged where, as data.

use std::path::PathBuf;

use tracing::level_filters::LevelFilter;

use super::{names, pattern::Pattern, python};
use crate::config::ConfigError;

/// How logs are to be, as the options say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogOptions {
    /// Debug messages too.
    pub debug: bool,
    /// File; standard error when there is none and nothing else.
    pub file: Option<PathBuf>,
    /// Directory of a relative file name; alone it means `<program>.log` in it.
    pub dir: Option<PathBuf>,
    /// When the file is turned over.
    pub rotation: Option<Rotation>,
    /// Form of dates, as `strftime` has it.
    pub date_format: Option<String>,
    /// A logging configuration of Python's, which replaces all the rest.
    pub config: Option<PathBuf>,
    /// To the system log.
    pub syslog: bool,
    /// As what the system log takes it.
    pub facility: Facility,
    /// To systemd's journal.
    pub journal: bool,
    /// To standard error, whatever else there is.
    pub stderr: bool,
    /// One JSON object a line.
    pub json: bool,
    /// Levels of single loggers.
    pub levels: Vec<(String, LevelFilter)>,
    /// Options that were set and do nothing here.
    pub unsupported: Vec<&'static str>,
}

impl LogOptions {
    /// Whether nothing but standard error is left to log to.
    pub fn goes_nowhere(&self) -> bool {
        self.file.is_none()
            && self.dir.is_none()
            && self.config.is_none()
            && !self.syslog
            && !self.journal
    }
}

/// When a log file is turned over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// Octets it may have; 0 is any number.
    pub octets: u64,
    /// Old files kept.
    pub count: u32,
}

/// A facility of the system log, by its number (RFC 5424 section 6.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facility(pub u8);

impl Default for Facility {
    /// `user`.
    fn default() -> Self {
        Self(1)
    }
}

impl Facility {
    /// From its name: `daemon`, `LOG_DAEMON`.
    pub fn named(name: &str) -> Option<Self> {
        const NAMES: [&str; 12] = [
            "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron",
            "authpriv", "ftp",
        ];
        let name = name.to_ascii_lowercase();
        let name = name.strip_prefix("log_").unwrap_or(&name);
        let local = name.strip_prefix("local").and_then(|n| n.parse().ok());
        let named = NAMES.iter().position(|known| *known == name);
        let number = named.and_then(|n| u8::try_from(n).ok());
        let local = local.filter(|n: &u8| *n < 8).map(|n| 16 + n);
        number.or(local).map(Self)
    }
}

/// A place for lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    Stderr,
    Stdout,
    File {
        path: PathBuf,
        rotation: Option<Rotation>,
    },
    Syslog {
        facility: Facility,
        /// Where it listens; `/dev/log` if nothing is said.
        address: Option<PathBuf>,
    },
    Journal,
    Nothing,
}

/// The form of what is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    Pattern(Pattern),
    Json,
}

/// A place and what goes there in which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Handler {
    pub(super) target: Target,
    pub(super) level: LevelFilter,
    pub(super) form: Form,
}

/// What is done with the events of a logger and of those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    /// The loggers; the one without name is the root.
    pub(super) loggers: Vec<String>,
    /// That of the logger above, if `None`.
    pub(super) level: Option<LevelFilter>,
    /// Indices into [`Plan::handlers`].
    pub(super) handlers: Vec<usize>,
    /// Whether the handlers of the loggers above get it too.
    pub(super) propagate: bool,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Plan {
    pub(super) handlers: Vec<Handler>,
    pub(super) routes: Vec<Route>,
}

impl Plan {
    /// What the options mean.
    ///
    /// # Errors
    /// A logging configuration that is wrong.
    pub(super) fn of(program: &str, options: &LogOptions) -> Result<Self, ConfigError> {
        let mut plan = match &options.config {
            Some(file) => python::read(file)?,
            None => Self::usual(program, options),
        };
        // The HTTP library's own words are of no use to users.
        plan.routes.push(Route::level("hyper", LevelFilter::WARN));
        Ok(plan)
    }

    fn usual(program: &str, options: &LogOptions) -> Self {
        let file = match (&options.dir, &options.file) {
            (None, file) => file.clone(),
            (Some(dir), Some(file)) => Some(dir.join(file)),
            (Some(dir), None) => Some(dir.join(format!("{program}.log"))),
        };
        let file = file.map(|path| Target::File {
            path,
            rotation: options.rotation,
        });
        let syslog = options.syslog.then_some(Target::Syslog {
            facility: options.facility,
            address: None,
        });
        let journal = options.journal.then_some(Target::Journal);
        let mut targets: Vec<Target> = [file, syslog, journal].into_iter().flatten().collect();
        if options.stderr || targets.is_empty() {
            targets.push(Target::Stderr);
        }
        let form = match options.json {
            true => Form::Json,
            false => Form::Pattern(Pattern::usual(options.date_format.as_deref())),
        };
        let handlers: Vec<Handler> = targets
            .into_iter()
            .map(|target| Handler {
                target,
                level: LevelFilter::TRACE,
                form: form.clone(),
            })
            .collect();
        let root = Route {
            handlers: (0..handlers.len()).collect(),
            ..Route::level(
                "",
                match options.debug {
                    true => LevelFilter::DEBUG,
                    false => LevelFilter::INFO,
                },
            )
        };
        let single = options.levels.iter();
        let single = single.map(|(name, level)| Route::level(name, *level));
        Self {
            handlers,
            routes: [root].into_iter().chain(single).collect(),
        }
    }
}

impl Route {
    /// Only the level of a logger.
    pub(super) fn level(name: &str, level: LevelFilter) -> Self {
        Self {
            loggers: names::loggers(name)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            level: Some(level),
            handlers: Vec::new(),
            propagate: true,
        }
    }
}

/// A level by the name Python has for it, or its number.
pub(crate) fn level(name: &str) -> Option<LevelFilter> {
    Some(match name.to_ascii_uppercase().as_str() {
        "CRITICAL" | "FATAL" | "ERROR" | "50" | "40" => LevelFilter::ERROR,
        "WARNING" | "WARN" | "30" | "AUDIT" => LevelFilter::WARN,
        "INFO" | "20" => LevelFilter::INFO,
        "DEBUG" | "10" => LevelFilter::DEBUG,
        "TRACE" | "NOTSET" | "5" | "0" => LevelFilter::TRACE,
        _ => return None,
    })
}
