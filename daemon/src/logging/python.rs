//! Logging configurations as Python reads them (`logging.config.fileConfig`): loggers, handlers, formatters.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{
    names,
    pattern::Pattern,
    plan::{Facility, Form, Handler, Plan, Rotation, Route, Target, level},
};
use crate::config::{ConfigError, ConfigErrorKind, Place, ini};

/// A section: options by name, each with its place.
type Section = BTreeMap<String, (String, Place)>;

/// Reads a configuration.
///
/// # Errors
/// What Python would not understand of it, and what this program does not.
pub(super) fn read(file: &Path) -> Result<Plan, ConfigError> {
    let path = Arc::new(file.to_owned());
    let whole = Place::File(Arc::clone(&path));
    let text = fs::read_to_string(file)
        .map_err(|error| ConfigErrorKind::Unreadable(error).at(whole.clone()))?;
    Reader::new(&path, &text, whole)?.plan()
}

struct Reader {
    whole: Place,
    sections: BTreeMap<String, Section>,
}

impl Reader {
    fn new(path: &Arc<PathBuf>, text: &str, whole: Place) -> Result<Self, ConfigError> {
        let mut sections: BTreeMap<String, Section> = BTreeMap::new();
        for entry in ini::parse(path, text)? {
            let section = sections.entry(entry.section).or_default();
            section.insert(entry.option.to_lowercase(), (entry.value, entry.place));
        }
        Ok(Self { whole, sections })
    }

    fn plan(&self) -> Result<Plan, ConfigError> {
        let mut plan = Plan::default();
        let mut known = BTreeMap::new();
        for name in self.keys("HANDLERS")? {
            known.insert(name.clone(), plan.handlers.len());
            plan.handlers.push(self.handler(&name)?);
        }
        for name in self.keys("LOGGERS")? {
            plan.routes.push(self.logger(&name, &known)?);
        }
        Ok(plan)
    }

    /// The names listed in a section.
    fn keys(&self, section: &str) -> Result<Vec<String>, ConfigError> {
        let (keys, _) = self.option(section, "keys")?;
        Ok(names_in(keys))
    }

    fn logger(&self, name: &str, handlers: &BTreeMap<String, usize>) -> Result<Route, ConfigError> {
        let section = format!("LOGGER_{}", name.to_uppercase());
        let loggers = match name {
            "root" => vec![String::new()],
            _ => {
                let (qualified, _) = self.option(&section, "qualname")?;
                let named = names::loggers(qualified).into_iter();
                named.map(str::to_owned).collect()
            }
        };
        let (listed, place) = self.option(&section, "handlers")?;
        let listed = names_in(listed).into_iter().map(|handler| {
            handlers
                .get(&handler)
                .copied()
                .ok_or_else(|| self.wrong(&handler, "must be one of `keys` in [handlers]", place))
        });
        Ok(Route {
            loggers,
            level: self.level(&section)?,
            handlers: listed.collect::<Result<_, _>>()?,
            propagate: self
                .given(&section, "propagate")
                .is_none_or(|(text, _)| text != "0"),
        })
    }

    fn handler(&self, name: &str) -> Result<Handler, ConfigError> {
        let section = format!("HANDLER_{}", name.to_uppercase());
        let (class, place) = self.option(&section, "class")?;
        let args = self.given(&section, "args");
        let words = arguments(args.map_or("", |(text, _)| text));
        let place = args.map_or(place, |(_, place)| place);
        let file = |rotation| match words.first() {
            Some(path) => Ok(Target::File {
                path: path.into(),
                rotation,
            }),
            None => Err(self.wrong("()", "must name a file, as ('/var/log/x.log', 'a')", place)),
        };
        let number = |index: usize| words.get(index).and_then(|word| word.parse().ok());
        let target = match class.rsplit('.').next().unwrap_or_default() {
            "StreamHandler" if words.first().is_some_and(|word| word.contains("stdout")) => {
                Target::Stdout
            }
            "StreamHandler" => Target::Stderr,
            "NullHandler" => Target::Nothing,
            "FileHandler" | "WatchedFileHandler" | "TimedRotatingFileHandler" => file(None)?,
            "RotatingFileHandler" => file(Some(Rotation {
                octets: number(2).unwrap_or(0),
                count: number(3).and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
            }))?,
            "SysLogHandler" | "OSSysLogHandler" => syslog(&words),
            "OSJournalHandler" | "JournalHandler" | "JournaldLogHandler" => Target::Journal,
            "ColorHandler" => Target::Stderr,
            _ => {
                let rule = "must be StreamHandler, FileHandler, handlers.RotatingFileHandler, \
                    handlers.WatchedFileHandler, handlers.SysLogHandler or NullHandler";
                return Err(self.wrong(class, rule, place));
            }
        };
        Ok(Handler {
            target,
            level: self
                .level(&section)?
                .unwrap_or(tracing::level_filters::LevelFilter::TRACE),
            form: self.form(&section)?,
        })
    }

    fn form(&self, handler: &str) -> Result<Form, ConfigError> {
        let Some((name, _)) = self
            .given(handler, "formatter")
            .filter(|(n, _)| !n.is_empty())
        else {
            return self.pattern("%(message)s", None, &self.whole);
        };
        let section = format!("FORMATTER_{}", name.to_uppercase());
        if let Some((class, _)) = self.given(&section, "class")
            && class.ends_with("JSONFormatter")
        {
            return Ok(Form::Json);
        }
        let date_format = self.given(&section, "datefmt").map(|(text, _)| text);
        let date_format = date_format.filter(|text| !text.is_empty());
        match self
            .given(&section, "format")
            .filter(|(text, _)| !text.is_empty())
        {
            Some((text, place)) => self.pattern(text, date_format, place),
            None if self.sections.contains_key(&section) => {
                Ok(Form::Pattern(Pattern::usual(date_format)))
            }
            None => Err(ConfigErrorKind::NoLogSection(section).at(self.whole.clone())),
        }
    }

    fn pattern(
        &self,
        text: &str,
        date_format: Option<&str>,
        place: &Place,
    ) -> Result<Form, ConfigError> {
        let pattern = Pattern::parse(text, date_format);
        let pattern = pattern.map_err(|what| {
            let rule = format!("{what} in it is no attribute of a log record");
            self.wrong(text, &rule, place)
        })?;
        Ok(Form::Pattern(pattern))
    }

    fn level(
        &self,
        section: &str,
    ) -> Result<Option<tracing::level_filters::LevelFilter>, ConfigError> {
        let Some((text, place)) = self.given(section, "level") else {
            return Ok(None);
        };
        match text {
            "NOTSET" => Ok(None),
            _ => level(text).map(Some).ok_or_else(|| {
                self.wrong(
                    text,
                    "must be DEBUG, INFO, WARNING, ERROR or CRITICAL",
                    place,
                )
            }),
        }
    }

    fn given(&self, section: &str, option: &str) -> Option<(&str, &Place)> {
        let (text, place) = self.sections.get(section)?.get(option)?;
        Some((text, place))
    }

    fn option(&self, section: &str, option: &'static str) -> Result<(&str, &Place), ConfigError> {
        self.given(section, option).ok_or_else(|| {
            let section = section.to_lowercase();
            ConfigErrorKind::NoLogOption { section, option }.at(self.whole.clone())
        })
    }

    fn wrong(&self, text: &str, rule: &str, place: &Place) -> ConfigError {
        ConfigErrorKind::Log {
            text: text.to_owned(),
            rule: rule.to_owned(),
        }
        .at(place.clone())
    }
}

fn names_in(list: &str) -> Vec<String> {
    let names = list.split([',', '\n']).map(str::trim);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

/// The words of a Python tuple of literals: `('/x/y.log', 'a', 5*1024*1024, 5)`. Names of keywords are dropped.
fn arguments(text: &str) -> Vec<String> {
    let text = text.trim().trim_start_matches('(').trim_end_matches(')');
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    let mut depth = 0_u32;
    for letter in text.chars() {
        match (letter, quote) {
            (_, Some(end)) if letter == end => quote = None,
            (_, Some(_)) => word.push(letter),
            ('"' | '\'', None) => quote = Some(letter),
            ('(' | '[', None) => depth += 1,
            (')' | ']', None) => depth = depth.saturating_sub(1),
            (',', None) if depth == 0 => words.push(std::mem::take(&mut word)),
            (' ' | '\n', None) => {}
            (other, None) => word.push(other),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words.into_iter().map(|word| product(&word)).collect()
}

/// A product of numbers as a number; anything else as it is.
fn product(word: &str) -> String {
    let factors = word
        .split('*')
        .map(|factor| factor.trim().parse::<u64>().ok());
    let product = factors
        .into_iter()
        .try_fold(1_u64, |product, factor| product.checked_mul(factor?));
    product.map_or_else(|| word.to_owned(), |product| product.to_string())
}

/// An address that is a path, and a facility, in either order or left out.
fn syslog(words: &[String]) -> Target {
    let facility = words.iter().rev().find_map(|word| {
        let name = word.rsplit('.').next().unwrap_or_default();
        Facility::named(name.strip_prefix("facility=").unwrap_or(name))
    });
    let address = words.iter().find(|word| word.contains("/"));
    let path = |word: &String| word.trim_start_matches("address=").into();
    Target::Syslog {
        facility: facility.unwrap_or_default(),
        address: address.map(path),
    }
}
