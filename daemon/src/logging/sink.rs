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
    Journal { program: String, socket: Datagrams },
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
                socket: Datagrams::to(address.clone().unwrap_or_else(|| SYSLOG.into())),
            }),
            Target::Journal => {
                let mut socket = Datagrams::to(JOURNAL.into());
                socket.open().map_err(SinkError::Journal)?;
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
                socket.send(entry.as_bytes())
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
    socket: Datagrams,
}

impl Syslog {
    fn write(&mut self, severity: u8, line: &str) -> io::Result<()> {
        let priority = self.facility.0 * 8 + severity;
        let (program, id) = (&self.program, std::process::id());
        let message = format!("<{priority}>{program}[{id}]: {line}");
        self.socket.send(message.as_bytes())
    }
}

/// A Unix socket that takes datagrams from this program. Nothing waits for whoever reads them: what there is no room
/// for is lost.
#[derive(Debug)]
pub(super) struct Datagrams {
    address: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Datagrams {
    fn to(address: PathBuf) -> Self {
        let socket = None;
        Self { address, socket }
    }

    fn send(&mut self, datagram: &[u8]) -> io::Result<()> {
        match self.socket.as_ref().map(|socket| socket.send(datagram)) {
            Some(Ok(_)) => return Ok(()),
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            _ => {}
        }
        // Its reader may have been started anew, or later than this program.
        self.open()?.send(datagram).map(drop)
    }

    fn open(&mut self) -> io::Result<&UnixDatagram> {
        let socket = UnixDatagram::unbound()?;
        socket.connect(&self.address)?;
        socket.set_nonblocking(true)?;
        Ok(self.socket.insert(socket))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_who_reads_datagrams_and_who_is_started_anew_gets_them() {
        let directory = tempfile::tempdir().unwrap();
        let address = directory.path().join("log");
        let reader = UnixDatagram::bind(&address).unwrap();
        let mut writer = Datagrams::to(address.clone());
        let full = (0..100_000).find_map(|_| writer.send(b"line").err());
        assert_eq!(full.unwrap().kind(), io::ErrorKind::WouldBlock);
        drop(reader);
        std::fs::remove_file(&address).unwrap();
        assert!(writer.send(b"to nobody").is_err());
        let reader = UnixDatagram::bind(&address).unwrap();
        writer.send(b"again").unwrap();
        let mut heard = [0; 16];
        assert_eq!(reader.recv(&mut heard).unwrap(), 5);
        assert_eq!(&heard[..5], b"again");
    }
}
