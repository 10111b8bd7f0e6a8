//! When a program is ready: a fact, waited for.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::path::Path;
use std::time::Duration;

use netns::changes::Changes;
use netns::process::{Child, Exit, ProcessSpec};
use netns::unix::unix_in;
use scenario::{NodeId, Ready};
use tokio::net::UnixDatagram;
use tokio::time::timeout;

use super::lab::Lab;
use super::slowness;
use crate::kinds::Program;

/// The longest a program may take to be ready on a usual machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How soon a fact is looked for again that nothing tells of, at first.
const AGAIN: Duration = Duration::from_millis(2);
/// And at the most: without and with word of changes that may bring it about.
const AT_MOST: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(1)];

/// Why a program is not ready.
pub(super) enum Unready {
    /// It has ended.
    Ended(Exit),
    /// The fact did not come about in time.
    Silent,
}

/// What is being waited for; made before the program is started, so that nothing is missed.
pub(super) struct Watch {
    ready: Ready,
    once: bool,
    patience: Duration,
    notified: UnixDatagram,
    log_from: u64,
    /// Word of changes that may bring the fact about.
    changes: Option<Changes>,
}

impl Watch {
    /// Prepares to wait for `program`, which is about to be started.
    pub(super) fn begin(lab: &Lab, node: &str, program: &Program) -> io::Result<Self> {
        let log = lab.dir.log(node);
        let log_from = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)?
            .metadata()?
            .len();
        let changes = match &program.ready {
            _ if program.once => None,
            Ready::Log(_) => Changes::here(&log).ok(),
            // It appears in a directory that may have to be made first: then nothing tells of it.
            Ready::File(path) | Ready::Socket(path) => changes_beside(lab, node, path),
            _ => None,
        };
        let path = lab.dir.notify_socket(node);
        // The programs of a node are started one after the other, each with a socket of its own.
        match std::fs::remove_file(&path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let socket = StdUnixDatagram::bind(path)?;
        socket.set_nonblocking(true)?;
        Ok(Self {
            ready: program.ready.clone(),
            once: program.once,
            patience: slowness::patience(PATIENCE, lab.scenario.lab.slow),
            notified: UnixDatagram::from_std(socket)?,
            log_from,
            changes,
        })
    }

    /// Waits until the program is ready.
    pub(super) async fn ready(
        &mut self,
        lab: &Lab,
        node: NodeId,
        mut child: Child,
    ) -> Result<(), Unready> {
        let patience = self.patience;
        // One that nobody waits for may have done its work at once.
        let may_end = self.once || matches!(self.ready, Ready::Started);
        tokio::select! {
            () = self.fact(lab, node) => Ok(()),
            exit = child.exited() => match may_end && exit.success() {
                true => Ok(()),
                false => Err(Unready::Ended(exit)),
            },
            () = tokio::time::sleep(patience) => Err(Unready::Silent),
        }
    }

    /// The longest the program may take.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    async fn fact(&mut self, lab: &Lab, node: NodeId) {
        let fact = match self.ready.clone() {
            _ if self.once => return std::future::pending().await,
            Ready::Started => return,
            Ready::Notify => return notified(&self.notified).await,
            other => other,
        };
        let mut pause = AGAIN;
        while !self.holds(lab, node, &fact).await {
            let told = match &mut self.changes {
                Some(changes) => timeout(pause, changes.next()).await.is_ok(),
                None => {
                    tokio::time::sleep(pause).await;
                    false
                }
            };
            // A socket is there before it accepts connections: look again at once.
            let at_most = AT_MOST[usize::from(self.changes.is_some())];
            pause = if told {
                AGAIN
            } else {
                (pause * 2).min(at_most)
            };
        }
    }

    /// What the node has printed since.
    pub(super) fn log(&self, lab: &Lab, node: NodeId) -> String {
        let log = std::fs::read(lab.dir.log(&lab.scenario[node].name)).unwrap_or_default();
        let from = usize::try_from(self.log_from).unwrap_or(0).min(log.len());
        String::from_utf8_lossy(&log[from..]).into_owned()
    }

    async fn holds(&self, lab: &Lab, node: NodeId, fact: &Ready) -> bool {
        let Ok(home) = lab.home(node) else {
            return false;
        };
        match fact {
            Ready::Started | Ready::Notify => true,
            Ready::File(path) => home.run(|| Path::new(path).exists()).unwrap_or(false),
            Ready::Socket(path) => {
                let connected = home.whole().and_then(|home| unix_in(home, Path::new(path)));
                connected.is_ok()
            }
            Ready::Tcp(port) => {
                let address = ([127, 0, 0, 1], *port).into();
                netns::tcp::tcp_in(&home.net, address).await.is_ok()
            }
            Ready::Log(text) => self.log(lab, node).contains(text),
            Ready::Command(command) => succeeds(lab, node, command).await,
        }
    }
}

fn changes_beside(lab: &Lab, node: &str, path: &str) -> Option<Changes> {
    let home = lab.home(lab.scenario.node_named(node)?).ok()?;
    let directory = Path::new(path).parent()?;
    Changes::of(home.whole().ok()?, directory).ok()
}

async fn notified(socket: &UnixDatagram) {
    let mut message = [0; 4096];
    while let Ok(length) = socket.recv(&mut message).await {
        let text = String::from_utf8_lossy(&message[..length]);
        if text.lines().any(|line| line == "READY=1") {
            return;
        }
    }
    // A socket that cannot be read any more says nothing: the deadline decides.
    std::future::pending::<()>().await;
}

async fn succeeds(lab: &Lab, node: NodeId, command: &[String]) -> bool {
    let Some((program, args)) = command.split_first() else {
        return true;
    };
    let home = lab.home(node).ok();
    let Some(whole) = home.and_then(|home| home.whole().ok().cloned()) else {
        return false;
    };
    let spec = ProcessSpec {
        args: args.iter().map(Into::into).collect(),
        env: lab.environment(),
        node: Some(whole),
        ..ProcessSpec::new(program)
    };
    match lab.spawner.spawn(spec).await {
        Ok(mut child) => child.exited().await.success(),
        Err(_) => false,
    }
}
