//! Log files read on from where they were left, line by line.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Read, Seek, SeekFrom, Stdout, Write};
use std::path::PathBuf;

/// How far each file has been read, and how its lines are shown.
pub(super) struct Tails {
    directory: PathBuf,
    files: BTreeMap<String, Tail>,
    /// Lines of each file to show of what is there at first.
    last: Option<usize>,
    /// The width of the names before the lines; 0 shows none.
    width: usize,
    color: bool,
    out: BufWriter<Stdout>,
}

#[derive(Default)]
struct Tail {
    offset: u64,
    /// A line whose end has not been written yet.
    open: Vec<u8>,
    /// Which colour its name has.
    number: usize,
}

/// Told apart on light and dark terminals alike.
const COLORS: [u8; 6] = [36, 33, 32, 35, 34, 31];

impl Tails {
    pub(super) fn new(directory: PathBuf, last: Option<usize>) -> Self {
        let color = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            directory,
            files: BTreeMap::new(),
            last,
            width: 0,
            color: color && io::stdout().is_terminal(),
            out: BufWriter::new(io::stdout()),
        }
    }

    /// The files there will be as far as one knows. One alone needs no name before its lines.
    pub(super) fn expect<'a>(&mut self, files: impl Iterator<Item = &'a str>) {
        let names: Vec<&str> = files.map(label).collect();
        if names.len() != 1 {
            self.width = names.iter().map(|name| name.len()).max().unwrap_or(1);
        }
    }

    /// What comes from now on is shown whole.
    pub(super) fn all_from_now_on(&mut self) {
        self.last = None;
    }

    /// Shows the whole lines that a file has more than at the last call.
    pub(super) fn read(&mut self, file: &str) -> io::Result<()> {
        let number = self.files.len();
        let tail = self.files.entry(file.to_owned()).or_insert_with(|| Tail {
            number,
            ..Tail::default()
        });
        let mut opened = match File::open(self.directory.join(file)) {
            Ok(opened) => opened,
            // Rotated away just now.
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(e) => return Err(e),
        };
        if opened.metadata()?.len() < tail.offset {
            tail.offset = 0;
        }
        opened.seek(SeekFrom::Start(tail.offset))?;
        let read = opened.read_to_end(&mut tail.open)?;
        tail.offset += read as u64;
        let whole = tail.open.iter().rposition(|octet| *octet == b'\n');
        let Some(whole) = whole else {
            return Ok(());
        };
        let lines: Vec<u8> = tail.open.drain(..=whole).collect();
        let number = tail.number;
        let lines: Vec<&[u8]> = lines[..whole].split(|octet| *octet == b'\n').collect();
        let from = self.last.map_or(0, |last| lines.len().saturating_sub(last));
        for line in &lines[from..] {
            self.print(file, number, line)?;
        }
        self.out.flush()
    }

    /// Shows last lines that were never ended.
    pub(super) fn finish(mut self) -> io::Result<()> {
        for (file, tail) in std::mem::take(&mut self.files) {
            if !tail.open.is_empty() {
                self.print(&file, tail.number, &tail.open)?;
            }
        }
        self.out.flush()
    }

    fn print(&mut self, file: &str, number: usize, line: &[u8]) -> io::Result<()> {
        if self.width > 0 {
            let (name, width) = (label(file), self.width);
            if self.color {
                let color = COLORS[number % COLORS.len()];
                write!(self.out, "\x1b[{color}m{name:width$} |\x1b[0m ")?;
            } else {
                write!(self.out, "{name:width$} | ")?;
            }
        }
        self.out.write_all(line)?;
        self.out.write_all(b"\n")
    }
}

/// `leaf-1.bgpd` of `leaf-1.bgpd.log`.
fn label(file: &str) -> &str {
    file.strip_suffix(".log").unwrap_or(file)
}
