//! The configuration as it was written: options by name, with the place of each.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    str::FromStr,
    sync::Arc,
};

use super::{
    error::{ConfigError, ConfigErrorKind, Place},
    ini,
    known::{self, Known},
};

/// Options as typed in files and environment; the last one of a name counts.
#[derive(Debug, Default)]
pub struct RawConfig {
    values: BTreeMap<(String, String), (String, Place)>,
    /// What was odd and went through: old names, unknown names.
    pub warnings: Vec<String>,
}

impl RawConfig {
    /// Reads files in order, then the `*.conf` of the directories, sorted by name.
    ///
    /// # Errors
    /// A file that cannot be read, a line that is nothing.
    pub fn read(files: &[PathBuf], directories: &[PathBuf]) -> Result<Self, ConfigError> {
        let mut raw = Self::default();
        for file in files {
            raw.read_file(file)?;
        }
        for directory in directories {
            let unreadable = |error| {
                ConfigErrorKind::Unreadable(error).at(Place::File(Arc::new(directory.clone())))
            };
            let names: BTreeSet<PathBuf> = fs::read_dir(directory)
                .map_err(unreadable)?
                .map(|entry| entry.map(|entry| entry.path()))
                .collect::<Result<_, _>>()
                .map_err(unreadable)?;
            for file in names
                .iter()
                .filter(|name| name.extension().is_some_and(|e| e == "conf"))
            {
                raw.read_file(file)?;
            }
        }
        Ok(raw)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let path = Arc::new(path.to_owned());
        let bytes = fs::read(&*path).map_err(|error| {
            ConfigErrorKind::Unreadable(error).at(Place::File(Arc::clone(&path)))
        })?;
        self.read_text(&path, &String::from_utf8_lossy(&bytes))
    }

    /// Takes in the text of a file.
    ///
    /// # Errors
    /// A line that is nothing.
    pub fn read_text(&mut self, path: &Arc<PathBuf>, text: &str) -> Result<(), ConfigError> {
        for entry in ini::parse(path, text)? {
            let place = &entry.place;
            let option = match known::find(&entry.section, &entry.option) {
                Known::Option(name) => name.to_owned(),
                Known::OldName(name) => {
                    self.warnings.push(format!(
                        "{place}: option `{}` of [{}] is deprecated, it is called `{name}` now",
                        entry.option, entry.section
                    ));
                    name.to_owned()
                }
                Known::OldSection => {
                    self.warnings.push(format!(
                        "{place}: section [{}] is obsolete and ignored; use \
                         [DATAPLANE_DRIVER_IPVPN] and [DATAPLANE_DRIVER_EVPN]",
                        entry.section
                    ));
                    continue;
                }
                Known::Nothing => {
                    self.warnings.push(format!(
                        "{place}: unknown option `{}` in [{}] is ignored",
                        entry.option, entry.section
                    ));
                    continue;
                }
            };
            self.values
                .insert((entry.section, option), (entry.value, entry.place));
        }
        Ok(())
    }

    /// Takes in `OS_<SECTION>__<OPTION>` variables, which override files.
    pub fn read_environment(&mut self, variable: impl Fn(&str) -> Option<String>) {
        for (section, option) in known::options() {
            let name = format!("OS_{section}__{}", option.to_uppercase());
            if let Some(value) = variable(&name) {
                let key = (section.to_owned(), option.to_owned());
                self.values.insert(key, (value, Place::Environment(name)));
            }
        }
    }

    /// Warns of every `$name` that names no option with a value, and so stays as it is.
    pub fn warn_of_dollars(&mut self) {
        let mut warnings = Vec::new();
        for ((section, option), (value, place)) in &self.values {
            let mut unknown = Vec::new();
            // One that stands for itself is an error where it is used.
            self.substitute(section, value, 0, &mut unknown).ok();
            let is_secret = SECRETS.contains(&option.as_str());
            warnings.extend(unknown.into_iter().map(|name| {
                let what = if is_secret { "a `$`" } else { name };
                format!(
                    "{place}: {what} in the value of `{option}` stays as it is, for it names no option with a value \
                     here; a dollar sign is best written `$$`"
                )
            }));
        }
        self.warnings.extend(warnings);
    }

    /// Where an option was given a value.
    pub fn place(&self, section: &str, option: &str) -> Option<&Place> {
        let (_, place) = self.values.get(&(section.into(), option.into()))?;
        Some(place)
    }

    /// The text of an option, `$name` replaced.
    ///
    /// # Errors
    /// A `$name` that stands for itself.
    pub fn text(
        &self,
        section: &'static str,
        option: &'static str,
    ) -> Result<Option<String>, ConfigError> {
        match self.values.get(&(section.into(), option.into())) {
            None => Ok(None),
            Some((value, place)) => self
                .substitute(section, value, 0, &mut Vec::new())
                .map(Some)
                .map_err(|name| {
                    ConfigErrorKind::Substitution {
                        option: option.into(),
                        name,
                    }
                    .at(place.clone())
                }),
        }
    }

    /// A value of some type, or the default.
    ///
    /// # Errors
    /// A value that does not parse; `rule` says what it should have been.
    pub fn parsed<T: FromStr>(
        &self,
        section: &'static str,
        option: &'static str,
        rule: &str,
    ) -> Result<Option<T>, ConfigError> {
        self.with(section, option, rule, |text| text.parse().ok())
    }

    /// A value read by a function that knows what is right.
    ///
    /// # Errors
    /// A value the function does not take.
    pub fn with<T>(
        &self,
        section: &'static str,
        option: &'static str,
        rule: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(text) = self.text(section, option)? else {
            return Ok(None);
        };
        match read(&text) {
            Some(value) => Ok(Some(value)),
            None => Err(self.refuse(section, option, text, rule)),
        }
    }

    /// The items of a comma separated list.
    ///
    /// # Errors
    /// An item that does not parse; it alone is shown.
    pub fn list<T: FromStr>(
        &self,
        section: &'static str,
        option: &'static str,
        rule: &str,
    ) -> Result<Vec<T>, ConfigError> {
        let text = self.text(section, option)?.unwrap_or_default();
        text.split([',', '\n'])
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .map(|item| {
                item.parse()
                    .map_err(|_| self.refuse(section, option, item.to_owned(), rule))
            })
            .collect()
    }

    /// That the value of an option breaks a rule.
    pub fn refuse(
        &self,
        section: &'static str,
        option: &'static str,
        value: String,
        rule: &str,
    ) -> ConfigError {
        let place = match self.values.get(&(section.into(), option.into())) {
            Some((_, place)) => place.clone(),
            None => Place::Nowhere,
        };
        ConfigErrorKind::Value {
            section,
            option,
            value,
            rule: rule.to_owned(),
        }
        .at(place)
    }

    /// That a required option is missing.
    pub fn missing(&self, section: &'static str, option: &'static str) -> ConfigError {
        ConfigErrorKind::Missing { section, option }.at(Place::Nowhere)
    }

    /// Replaces `$option`, `${option}`, `$section.option`; `$$` and `\$` are a dollar sign. What names no option that
    /// was given a value stays, and is put into `unknown`. The error is the name that stands for itself.
    fn substitute<'a>(
        &'a self,
        section: &str,
        value: &'a str,
        depth: usize,
        unknown: &mut Vec<&'a str>,
    ) -> Result<String, String> {
        let mut out = String::new();
        let mut rest = value;
        while let Some(at) = rest.find('$') {
            let (before, from) = rest.split_at(at);
            let after = &from[1..];
            if let Some(before) = before.strip_suffix('\\') {
                out.push_str(before);
                out.push('$');
                rest = after;
                continue;
            }
            out.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                out.push('$');
                rest = after;
                continue;
            }
            let (name, after) = reference(after);
            let written = &from[..from.len() - after.len()];
            if name.is_empty() {
                out.push_str(written);
            } else if let Some(value) = self.lookup(section, name, depth, unknown)? {
                out.push_str(&value);
            } else {
                unknown.push(written);
                out.push_str(written);
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn lookup<'a>(
        &'a self,
        section: &str,
        name: &str,
        depth: usize,
        unknown: &mut Vec<&'a str>,
    ) -> Result<Option<String>, String> {
        // Deep enough for anything meant; what goes on refers to itself.
        const DEPTH: usize = 8;
        let (section, option) = match name.split_once('.') {
            Some((section, option)) => (section.to_uppercase(), option),
            None => (section.to_owned(), name),
        };
        let found = [section.as_str(), "DEFAULT"]
            .into_iter()
            .find_map(|section| {
                let value = self.values.get(&(section.to_owned(), option.to_owned()))?;
                Some((section.to_owned(), &value.0))
            });
        match found {
            None => Ok(None),
            Some((section, value)) if depth < DEPTH => {
                let value = self.substitute(&section, value, depth + 1, unknown)?;
                Ok(Some(value))
            }
            Some(_) => Err(name.to_owned()),
        }
    }
}

/// Options whose values are not to be shown, not even in part.
const SECRETS: [&str; 2] = ["md5_password", "md5_passwords"];

/// Splits what follows a dollar sign into the name referred to, which is empty if it can be none, and the rest.
fn reference(text: &str) -> (&str, &str) {
    let is_start = |c: char| c.is_ascii_alphabetic() || c == '_';
    let is_part = |c: char| is_start(c) || c.is_ascii_digit() || c == '.';
    let braced = text.strip_prefix('{').and_then(|text| text.split_once('}'));
    if let Some((name, rest)) = braced
        && name.starts_with(is_start)
        && name.chars().all(is_part)
    {
        return (name, rest);
    }
    if !text.starts_with(is_start) {
        return ("", text);
    }
    text.split_at(text.find(|c| !is_part(c)).unwrap_or(text.len()))
}
