//! The form of a log line, in the notation of Python's `logging`: `%(asctime)s %(levelname)-8s %(message)s`.

use std::fmt::Write as _;

use crate::clock::LocalTime;

/// What there is to say of an event.
#[derive(Debug, Clone)]
pub(super) struct Line<'a> {
    pub(super) time: &'a LocalTime,
    pub(super) level: &'static str,
    pub(super) name: &'a str,
    /// The worker it is about.
    pub(super) worker: Option<&'a str>,
    pub(super) file: Option<&'a str>,
    pub(super) line: Option<u32>,
    pub(super) message: &'a str,
}

/// A form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    pieces: Vec<Piece>,
    /// Of `asctime`; without, the date and time with milliseconds.
    date_format: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field {
        field: Field,
        left: bool,
        zeros: bool,
        width: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Time,
    Milliseconds,
    Level,
    LevelNumber,
    Name,
    Message,
    Process,
    Worker,
    /// As the reference's default line has it: `-` where there is no worker.
    WorkerOrDash,
    File,
    FileName,
    Line,
    Program,
}

/// Attributes of log records, and what they are here. Threads are workers there.
const FIELDS: [(&str, Field); 16] = [
    ("asctime", Field::Time),
    ("msecs", Field::Milliseconds),
    ("levelname", Field::Level),
    ("levelno", Field::LevelNumber),
    ("name", Field::Name),
    ("message", Field::Message),
    ("process", Field::Process),
    ("threadName", Field::Worker),
    ("thread", Field::Worker),
    ("resource", Field::WorkerOrDash),
    ("pathname", Field::File),
    ("filename", Field::FileName),
    ("module", Field::Name),
    ("funcName", Field::Name),
    ("lineno", Field::Line),
    ("processName", Field::Program),
];

/// The line when nothing else is said.
const USUAL: &str =
    "%(asctime)s.%(msecs)03d %(process)d %(levelname)s %(name)s [%(resource)s] %(message)s";

impl Pattern {
    /// The line when nothing else is said; `date_format` is one of `strftime`.
    pub(super) fn usual(date_format: Option<&str>) -> Self {
        let date_format = date_format.unwrap_or("%Y-%m-%d %H:%M:%S");
        Self::parse(USUAL, Some(date_format)).unwrap_or(Self {
            pieces: Vec::new(),
            date_format: None,
        })
    }

    /// Reads a form; the error is what is not understood of it.
    pub(super) fn parse(text: &str, date_format: Option<&str>) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            plain.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('%') {
                plain.push('%');
                rest = after;
                continue;
            }
            let (piece, after) = field(rest)?;
            pieces.push(Piece::Text(std::mem::take(&mut plain)));
            pieces.push(piece);
            rest = after;
        }
        plain.push_str(rest);
        pieces.push(Piece::Text(plain));
        Ok(Self {
            pieces,
            date_format: date_format.map(str::to_owned),
        })
    }

    /// The line, without a line break at its end.
    pub(super) fn write(&self, line: &Line<'_>) -> String {
        let mut out = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field {
                    field,
                    left,
                    zeros,
                    width,
                } => {
                    let text = self.text(*field, line);
                    // Writing to a string cannot fail.
                    let _ = match (left, zeros) {
                        (true, _) => write!(out, "{text:<width$}"),
                        (false, true) => write!(out, "{text:0>width$}"),
                        (false, false) => write!(out, "{text:>width$}"),
                    };
                }
            }
        }
        out
    }

    fn text(&self, field: Field, line: &Line<'_>) -> String {
        match field {
            Field::Time => match &self.date_format {
                Some(format) => line.time.strftime(format),
                None => line.time.format(','),
            },
            Field::Milliseconds => line.time.milliseconds().to_string(),
            Field::Level => line.level.to_owned(),
            Field::LevelNumber => match line.level {
                "ERROR" => "40",
                "WARNING" => "30",
                "INFO" => "20",
                _ => "10",
            }
            .to_owned(),
            Field::Name => line.name.to_owned(),
            Field::Message => line.message.to_owned(),
            Field::Process => std::process::id().to_string(),
            Field::Worker => line.worker.unwrap_or("MainThread").to_owned(),
            Field::WorkerOrDash => line.worker.unwrap_or("-").to_owned(),
            Field::File => line.file.unwrap_or_default().to_owned(),
            Field::FileName => {
                let path = line.file.unwrap_or_default();
                path.rsplit('/').next().unwrap_or_default().to_owned()
            }
            Field::Line => line.line.unwrap_or_default().to_string(),
            Field::Program => "MainProcess".to_owned(),
        }
    }
}

/// A field, `(name)` and how it is set, and what follows it.
fn field(text: &str) -> Result<(Piece, &str), String> {
    let not_one = || {
        let start: String = text.chars().take(12).collect();
        format!("`%{start}`")
    };
    let (name, rest) = text
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .ok_or_else(not_one)?;
    let field = FIELDS.iter().find(|(known, _)| *known == name);
    let (_, field) = field.ok_or_else(|| format!("`%({name})`"))?;
    let end = rest
        .find(|letter: char| letter.is_ascii_alphabetic())
        .ok_or_else(not_one)?;
    let (set, rest) = rest.split_at(end);
    let digits = set.trim_start_matches(['-', '0', '+', ' ', '#']);
    let width = digits.split('.').next().unwrap_or_default();
    let width = match width {
        "" => Ok(0),
        width => width.parse::<usize>(),
    };
    let piece = Piece::Field {
        field: *field,
        left: set.contains('-'),
        zeros: set.starts_with('0'),
        width: width.map_err(|_| not_one())?.min(200),
    };
    // One letter says how it is converted; everything here is a text or a number.
    Ok((piece, &rest[1..]))
}
