//! The texts a scenario consists of, and the way from an offset to a file, a line and a column.
//!
//! Offsets count through all texts, one after another in the order in which they were read, so that a place is one
//! number wherever it is. The first text is the scenario itself; what it includes follows, then what the command line sets.

use std::ops::Range;

/// Every text of one scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    files: Vec<Source>,
}

/// One text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What the reader knows it as: a path, or the option it came from.
    pub name: String,
    /// The text.
    pub text: String,
    /// The offset of its first octet.
    base: usize,
    /// Offsets of the beginnings of its lines, from that of the text.
    lines: Vec<usize>,
}

impl Sources {
    /// A scenario of one text.
    pub fn of(name: &str, text: &str) -> Self {
        let mut sources = Self::default();
        sources.add(name, text);
        sources
    }

    /// Adds a text and gives the offset of its first octet.
    pub fn add(&mut self, name: &str, text: &str) -> usize {
        // One octet lies between two texts, so that the end of one is not the beginning of the next.
        let base = self.files.last().map_or(0, |last| last.end() + 1);
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let lines = [0].into_iter().chain(newlines.map(|(at, _)| at + 1));
        self.files.push(Source {
            name: name.into(),
            text: text.into(),
            base,
            lines: lines.collect(),
        });
        base
    }

    /// The texts, in the order in which they were read.
    pub fn iter(&self) -> impl Iterator<Item = &Source> {
        self.files.iter()
    }

    /// The text that an offset is in; `None` only when there is no text at all.
    pub fn at(&self, offset: usize) -> Option<&Source> {
        let after = self.files.partition_point(|file| file.base <= offset);
        self.files.get(after.saturating_sub(1))
    }

    /// What stands there, quotes included; empty for a place that is in no text.
    pub fn slice(&self, span: &Range<usize>) -> &str {
        let source = self.at(span.start);
        let slice = source.and_then(|source| source.text.get(source.local(span)));
        slice.unwrap_or_default()
    }
}

impl Source {
    fn end(&self) -> usize {
        self.base + self.text.len()
    }

    /// A place as offsets into this text alone.
    pub fn local(&self, span: &Range<usize>) -> Range<usize> {
        let within = |offset: usize| offset.saturating_sub(self.base).min(self.text.len());
        within(span.start)..within(span.end)
    }

    /// The line of an offset into this text alone, from 1.
    pub fn line(&self, local: usize) -> usize {
        self.lines.partition_point(|start| *start <= local).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::Sources;

    #[test]
    fn an_offset_names_its_text_and_line() {
        let mut sources = Sources::of("a", "one\ntwo");
        let base = sources.add("b", "\nthree\n");
        assert_eq!(base, 8);
        let told = |offset: usize| {
            let source = sources.at(offset).unwrap();
            let local = source.local(&(offset..offset));
            (source.name.as_str(), source.line(local.start))
        };
        assert_eq!(told(0), ("a", 1));
        assert_eq!(told(3), ("a", 1));
        assert_eq!(told(4), ("a", 2));
        assert_eq!(told(7), ("a", 2));
        assert_eq!(told(8), ("b", 1));
        assert_eq!(told(9), ("b", 2));
        assert_eq!(told(99), ("b", 3));
        assert_eq!(sources.slice(&(9..14)), "three");
        assert!(Sources::default().at(0).is_none());
    }
}
