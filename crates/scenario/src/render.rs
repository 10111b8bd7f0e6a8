//! Draws mistakes as rustc does: the line, carets under the word, what is known, how to mend it.

use std::fmt::Write as _;
use std::ops::Range;

use crate::error::ScenarioError;
use crate::source::{Source, Sources};

/// Draws `errors` about `sources`, one after another with a blank line between; `color` adds ANSI colours.
/// Every line ends with a newline.
pub fn render(errors: &[ScenarioError], sources: &Sources, color: bool) -> String {
    let paint = Paint { color };
    let drawn: Vec<String> = errors
        .iter()
        .map(|error| one(error, sources, paint))
        .collect();
    drawn.join("\n")
}

fn one(error: &ScenarioError, sources: &Sources, paint: Paint) -> String {
    let mut out = String::new();
    line(
        &mut out,
        format_args!("{}: {}", paint.red("error"), paint.bold(&error.to_string())),
    );
    let note = error.kind.label().unwrap_or_default();
    snippet(&mut out, sources, &error.span, &note, paint, Paint::red);
    if let Some(related) = &error.related {
        line(
            &mut out,
            format_args!("{}: {}", paint.cyan("note"), related.text),
        );
        snippet(&mut out, sources, &related.span, "", paint, Paint::cyan);
    }
    if let Some(help) = error.help() {
        line(&mut out, format_args!("{}: {help}", paint.cyan("help")));
    }
    out
}

fn snippet(
    out: &mut String,
    sources: &Sources,
    span: &Range<usize>,
    note: &str,
    paint: Paint,
    mark: fn(Paint, &str) -> String,
) {
    let Some(source) = sources.at(span.start) else {
        return;
    };
    let name = &source.name;
    let Spot {
        number,
        column,
        source: drawn,
        before,
        width,
    } = spot(source, &source.local(span));
    let number = number.to_string();
    let gutter = " ".repeat(number.len());
    let bar = paint.blue("|");
    line(
        out,
        format_args!("{gutter}{} {name}:{number}:{column}", paint.blue("-->")),
    );
    line(out, format_args!("{gutter} {bar}"));
    line(out, format_args!("{} {bar} {drawn}", paint.blue(&number)));
    let carets = format!("{} {note}", "^".repeat(width));
    line(
        out,
        format_args!(
            "{gutter} {bar} {}{}",
            " ".repeat(before),
            mark(paint, carets.trim_end())
        ),
    );
}

/// A place as it is drawn.
struct Spot {
    /// Line, from 1.
    number: usize,
    /// Column in characters, from 1.
    column: usize,
    /// The line, tabs as one blank each, shortened to [`WIDTH`] around the place.
    source: String,
    /// Characters before the place.
    before: usize,
    /// Characters of the place on this line, at least 1.
    width: usize,
}

/// The most characters of a source line that are drawn.
const WIDTH: usize = 160;

fn spot(source: &Source, span: &Range<usize>) -> Spot {
    let text = source.text.as_str();
    let start = floor(text, span.start);
    let end = floor(text, span.end.max(start));
    let from = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let to = text[start..]
        .find('\n')
        .map_or(text.len(), |newline| start + newline);
    let whole: Vec<char> = text[from..to]
        .trim_end()
        .replace('\t', " ")
        .chars()
        .collect();
    let before = text[from..start].chars().count();
    let width = text[start..end.clamp(start, to)].chars().count().max(1);
    let column = before + 1;
    let number = source.line(start);
    if whole.len() <= WIDTH {
        return Spot {
            number,
            column,
            source: whole.iter().collect(),
            before,
            width,
        };
    }
    let width = width.min(WIDTH / 2);
    let first = (before + width / 2)
        .saturating_sub(WIDTH / 2)
        .min(whole.len() - WIDTH);
    let last = first + WIDTH;
    let (head, tail) = (
        ["", "..."][usize::from(first > 0)],
        ["", "..."][usize::from(last < whole.len())],
    );
    let middle: String = whole[first..last].iter().collect();
    let source = format!("{head}{middle}{tail}");
    Spot {
        number,
        column,
        source,
        before: head.len() + before - first,
        width,
    }
}

/// The nearest character boundary at or below `offset`.
fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset.min(text.len()))
}

#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn with(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.into()
        }
    }

    fn red(self, text: &str) -> String {
        self.with("1;31", text)
    }

    fn cyan(self, text: &str) -> String {
        self.with("1;36", text)
    }

    fn blue(self, text: &str) -> String {
        self.with("1;34", text)
    }

    fn bold(self, text: &str) -> String {
        self.with("1", text)
    }
}

fn line(out: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "{content}");
}
