//! Where lines go.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    os::unix::{fs::MetadataExt as _, net::UnixDatagram},
    path::{Path, PathBuf},
};

use thiserror::Error;

use super::plan::{Facility, Rotation, Target};

/// Where system logs listen.
const SYSLOG: &str = "/dev/log";

/// Where systemd's journal listens for entries in its own form.
const JOURNAL: &str = "/run/systemd/journal/socket";

/// A sink cannot be opened.
#[derive(Debug, Error)]
pub enum SinkError {
    /// A file.
    #[error("cannot open the log file `{}`", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The journal.
    #[error("cannot reach the journal, asked for with `use_journal`")]
    Journal(#[source] io::Error),
}

/// A place that takes lines.
#[derive(Debug)]
pub(super) enum Sink {
    Stderr,
    Stdout,
    File(LogFile),
    Syslog(Syslog),
    Journal {
        program: String,
        socket: UnixDatagram,
    },
    Nothing,
}

impl Sink {
    pub(super) fn open(program: &str, target: &Target) -> Result<Self, SinkError> {
        Ok(match target {
            Target::Stderr => Self::Stderr,
            Target::Stdout => Self::Stdout,
            Target::File { path, rotation } => Self::File(LogFile::open(path, *rotation)?),
            Target::Syslog { facility, address } => Self::Syslog(Syslog {
                program: program.to_owned(),
                facility: *facility,
                address: address.clone().unwrap_or_else(|| SYSLOG.into()),
                socket: None,
            }),
            Target::Journal => {
                let socket = UnixDatagram::unbound().map_err(SinkError::Journal)?;
                socket.connect(JOURNAL).map_err(SinkError::Journal)?;
                Self::Journal {
                    program: program.to_owned(),
                    socket,
                }
            }
            Target::Nothing => Self::Nothing,
        })
    }

    /// Writes a line; `severity` is syslog's (RFC 5424 section 6.2.1).
    pub(super) fn write(&mut self, severity: u8, line: &str) -> io::Result<()> {
        match self {
            Self::Stderr => writeln!(io::stderr(), "{line}"),
            Self::Stdout => writeln!(io::stdout(), "{line}"),
            Self::File(file) => file.write(line),
            Self::Syslog(syslog) => syslog.write(severity, line),
            Self::Journal { program, socket } => {
                // A field with line breaks would have to be told by its length.
                let line = line.replace('\n', " ");
                let entry =
                    format!("PRIORITY={severity}\nSYSLOG_IDENTIFIER={program}\nMESSAGE={line}\n");
                socket.send(entry.as_bytes()).map(drop)
            }
            Self::Nothing => Ok(()),
        }
    }
}

/// A file that is appended to, opened again when it was moved away, and turned over when it has grown.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    rotation: Option<Rotation>,
    file: File,
    /// Device and inode of what is open.
    identity: (u64, u64),
    length: u64,
}

impl LogFile {
    fn open(path: &Path, rotation: Option<Rotation>) -> Result<Self, SinkError> {
        let failed = |source| SinkError::File {
            path: path.to_owned(),
            source,
        };
        let (file, identity, length) = append(path).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            rotation,
            file,
            identity,
            length,
        })
    }

    fn write(&mut self, line: &str) -> io::Result<()> {
        let there = std::fs::metadata(&self.path).map(|m| (m.dev(), m.ino()));
        if there.ok() != Some(self.identity) {
            self.reopen()?;
        }
        let octets = line.len() as u64 + 1;
        if let Some(rotation) = self.rotation
            && rotation.octets > 0
            && self.length > 0
            && self.length + octets > rotation.octets
        {
            self.turn_over(rotation)?;
        }
        self.length += octets;
        writeln!(self.file, "{line}")
    }

    fn reopen(&mut self) -> io::Result<()> {
        (self.file, self.identity, self.length) = append(&self.path)?;
        Ok(())
    }

    /// `x.log` becomes `x.log.1`, that `x.log.2`, and the oldest goes.
    fn turn_over(&mut self, rotation: Rotation) -> io::Result<()> {
        let numbered = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..rotation.count).rev() {
            // There may be fewer so far.
            std::fs::rename(numbered(number), numbered(number + 1)).ok();
        }
        if rotation.count > 0 {
            std::fs::rename(&self.path, numbered(1))?;
        } else {
            std::fs::remove_file(&self.path)?;
        }
        self.reopen()
    }
}

fn append(path: &Path) -> io::Result<(File, (u64, u64), u64)> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    let metadata = file.metadata()?;
    let identity = (metadata.dev(), metadata.ino());
    Ok((file, identity, metadata.len()))
}

/// The system log, over its Unix socket, in the form every one of them takes (RFC 3164).
#[derive(Debug)]
pub(super) struct Syslog {
    program: String,
    facility: Facility,
    address: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Syslog {
    fn write(&mut self, severity: u8, line: &str) -> io::Result<()> {
        let priority = self.facility.0 * 8 + severity;
        let (program, id) = (&self.program, std::process::id());
        let message = format!("<{priority}>{program}[{id}]: {line}");
        let sent = self.socket.as_ref().map(|s| s.send(message.as_bytes()));
        if matches!(sent, Some(Ok(_))) {
            return Ok(());
        }
        // It may have been started anew, or later than this program.
        let socket = UnixDatagram::unbound()?;
        socket.connect(&self.address)?;
        socket.set_nonblocking(true)?;
        socket.send(message.as_bytes())?;
        self.socket = Some(socket);
        Ok(())
    }
}
