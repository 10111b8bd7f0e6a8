use std::sync::Arc;

use bgp_wire::Notification;
use tokio::{net::TcpStream, sync::mpsc, task::JoinHandle};

use crate::{MessageCounts, PeerConfig, PeerEvent, task};

/// The caller's side of a peer task. Dropping it ends the session with a Cease.
#[derive(Debug)]
pub struct PeerHandle {
    commands: mpsc::UnboundedSender<Command>,
    calls: mpsc::Sender<TcpStream>,
    task: JoinHandle<()>,
    counts: Arc<MessageCounts>,
}

#[derive(Debug)]
pub(crate) enum Command {
    Reset(Notification),
    Stop(String),
}

/// Starts a session; its events come out of `events` under `key`. While that channel is full nothing more is
/// read from the peer. Needs a tokio runtime with I/O and time.
pub fn spawn<K>(key: K, config: PeerConfig, events: mpsc::Sender<(K, PeerEvent)>) -> PeerHandle
where
    K: Clone + Send + 'static,
{
    let (commands, receiver) = mpsc::unbounded_channel();
    let (calls, callers) = mpsc::channel(MAX_CALLS);
    let counts = Arc::default();
    let task = task::run(key, config, events, receiver, callers, Arc::clone(&counts));
    PeerHandle {
        commands,
        calls,
        task: tokio::spawn(task),
        counts,
    }
}

/// Connections of one peer that may wait to be looked at.
const MAX_CALLS: usize = 16;

impl PeerHandle {
    /// How many messages came and went.
    pub fn counts(&self) -> &MessageCounts {
        &self.counts
    }

    /// Hands in a connection that the peer opened. False if it is dropped instead, because several wait already.
    pub fn accept(&self, stream: TcpStream) -> bool {
        self.calls.try_send(stream).is_ok()
    }

    /// Ends the session with this NOTIFICATION and starts over.
    pub fn reset(&self, notification: Notification) {
        self.command(Command::Reset(notification));
    }

    /// Ends the session for good: Administrative Shutdown with this text (RFC 9003), at most 255 octets of it.
    /// Returns when that is on its way; a peer that does not take it is waited for two seconds. Events
    /// that still fit into the caller's channel are delivered, `Down` among them; it need not be read.
    pub async fn stop(self, text: &str) {
        self.command(Command::Stop(text.to_owned()));
        // A panic in the task has been reported where it happened.
        let _ = self.task.await;
    }

    /// Lets go of the connection without a word, as a process that dies does: a peer that knows of graceful restart keeps
    /// the routes (RFC 4724).
    pub fn abandon(self) {
        self.task.abort();
    }

    fn command(&self, command: Command) {
        // Only a task that has panicked is not listening.
        let _ = self.commands.send(command);
    }
}
