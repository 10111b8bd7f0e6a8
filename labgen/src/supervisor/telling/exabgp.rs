use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

use netns::changes::Changes;
use nix::libc;
use scenario::NodeId;
use tokio::io::AsyncWriteExt;
use tokio::net::unix::pipe;

use super::TellError;
use crate::kinds::{EXABGP_COMMANDS, EXABGP_EVENTS};
use crate::supervisor::lab::Lab;

/// Says lines to ExaBGP, and waits until it has answered each: in the file of its events.
pub(super) async fn lines(lab: &Lab, node: NodeId, lines: &[String]) -> Result<(), TellError> {
    let name = || lab.scenario[node].name.clone();
    let failed = |source| TellError::Io {
        node: name(),
        source,
    };
    let home = lab.home(node)?;
    // Opened before anything is said, so that nothing is missed.
    let mut changes = Changes::of(home.whole()?, EXABGP_EVENTS.as_ref())
        .map_err(|error| failed(io::Error::other(error)))?;
    let open = || -> io::Result<(File, File)> {
        let mut events = File::open(EXABGP_EVENTS)?;
        events.seek(SeekFrom::End(0))?;
        let mut commands = OpenOptions::new();
        // Without a reader that is an error, not a reason to wait.
        commands.write(true).custom_flags(libc::O_NONBLOCK);
        Ok((events, commands.open(EXABGP_COMMANDS)?))
    };
    let (events, commands) = match home.run(open)? {
        Ok(files) => files,
        Err(error) if error.raw_os_error() == Some(libc::ENXIO) => {
            return Err(TellError::NoTap { node: name() });
        }
        Err(error) => return Err(failed(error)),
    };
    let mut commands = pipe::Sender::from_file(commands).map_err(failed)?;
    let saying = async {
        for line in lines {
            commands.write_all(line.as_bytes()).await?;
            commands.write_all(b"\n").await?;
        }
        Ok(())
    };
    let hearing = async {
        let mut answers = Answers::new(events);
        loop {
            answers.read()?;
            if let Some(refused) = answers.refused {
                return Ok(Some(refused));
            }
            if answers.heard >= lines.len() {
                return Ok(None);
            }
            changes.next().await.map_err(io::Error::other)?;
        }
    };
    let ((), refused) = tokio::try_join!(saying, hearing).map_err(failed)?;
    match refused {
        None => Ok(()),
        Some(index) => Err(TellError::RefusedLine {
            node: name(),
            line: lines.get(index).cloned().unwrap_or_default(),
        }),
    }
}

/// Answers among events.
struct Answers {
    file: File,
    /// What has come of a line.
    begun: Vec<u8>,
    heard: usize,
    /// The first that was refused.
    refused: Option<usize>,
}

impl Answers {
    fn new(file: File) -> Self {
        Self {
            file,
            begun: Vec::new(),
            heard: 0,
            refused: None,
        }
    }

    /// Takes what has come.
    fn read(&mut self) -> io::Result<()> {
        self.file.read_to_end(&mut self.begun)?;
        let whole = self.begun.iter().rposition(|octet| *octet == b'\n');
        let Some(end) = whole else { return Ok(()) };
        let rest = self.begun.split_off(end + 1);
        for line in std::mem::replace(&mut self.begun, rest).split(|octet| *octet == b'\n') {
            match line {
                b"done" => self.heard += 1,
                b"error" => {
                    self.refused.get_or_insert(self.heard);
                    self.heard += 1;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
