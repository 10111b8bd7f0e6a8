//! The INI dialect of the configuration files.
//!
//! `[section]` (case does not matter), `option = value` or `option: value`, `#` and `;` comments on lines of
//! their own, a line that starts with white space continues the value before it. Quotes around a value are
//! taken off.

use std::{path::PathBuf, sync::Arc};

use super::error::{ConfigError, ConfigErrorKind, Place};

/// An option as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Section, upper case.
    pub section: String,
    /// Option name, case kept.
    pub option: String,
    /// Value without quotes and outer white space; continuation lines are joined by newlines.
    pub value: String,
    /// Where the option starts.
    pub place: Place,
}

/// Reads the text of a file.
///
/// # Errors
/// The first line that is nothing known.
pub fn parse(path: &Arc<PathBuf>, text: &str) -> Result<Vec<Entry>, ConfigError> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut section: Option<String> = None;
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let place = Place::Line(Arc::clone(path), index + 1);
        let trimmed = line.trim();
        if trimmed.is_empty() {
            open = false;
        } else if trimmed.starts_with(['#', ';']) {
        } else if line.starts_with(char::is_whitespace) {
            match entries.last_mut().filter(|_| open) {
                Some(entry) => {
                    entry.value.push('\n');
                    entry.value.push_str(trimmed);
                }
                None => return Err(ConfigErrorKind::NothingToContinue.at(place)),
            }
        } else if let Some(name) = trimmed
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
        {
            section = Some(name.trim().to_uppercase());
            open = false;
        } else {
            let Some((option, value)) = trimmed.split_once(['=', ':']) else {
                return Err(ConfigErrorKind::NoOption(trimmed.to_owned()).at(place));
            };
            let option = option.trim().to_owned();
            let Some(section) = section.clone() else {
                return Err(ConfigErrorKind::NoSection(option).at(place));
            };
            entries.push(Entry {
                section,
                option,
                value: value.trim().to_owned(),
                place,
            });
            open = true;
        }
    }
    for entry in &mut entries {
        unquote(&mut entry.value);
    }
    Ok(entries)
}

fn unquote(value: &mut String) {
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(inner) = inner.map(str::to_owned) {
            *value = inner;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String, String)>, String> {
        parse(&Arc::new(PathBuf::from("bgp.conf")), text)
            .map(|entries| {
                entries
                    .into_iter()
                    .map(|e| (e.section, e.option, e.value))
                    .collect()
            })
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_whole_dialect() {
        let text = "# comment\n[bgp]\nlocal_address=10.0.0.1  \npeers : 10.0.0.2,\n   10.0.0.3\n\
            ; other comment\nname = \"a = b\"\n\n[API]\nport = 8082\nport = 8083\n";
        let expected = [
            ("BGP", "local_address", "10.0.0.1"),
            ("BGP", "peers", "10.0.0.2,\n10.0.0.3"),
            ("BGP", "name", "a = b"),
            ("API", "port", "8082"),
            ("API", "port", "8083"),
        ]
        .map(|(section, option, value)| (section.into(), option.into(), value.into()));
        assert_eq!(read(text), Ok(expected.to_vec()));
    }

    #[test]
    fn lines_that_are_nothing() {
        for (text, expected) in [
            (
                "[BGP]\nwhat\n",
                "bgp.conf:2: `what` is no `[section]`, no `option = value` and no comment",
            ),
            (
                "a = b\n",
                "bgp.conf:1: option `a` stands before the first `[section]`",
            ),
            (
                "[BGP]\n  a = b\n",
                "bgp.conf:2: the line continues an option, but there is none before it",
            ),
        ] {
            assert_eq!(read(text), Err(expected.into()));
        }
    }
}
