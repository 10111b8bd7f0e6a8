//! The supervisor's end of the line to the command that started it.

use std::io;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::rc::Rc;

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::journal::Journal;
use crate::protocol::{DETACH, Event};

/// Events go out; `detach` or the end comes in. Sending never waits: the front end may be a stopped
/// terminal, and a lab must not stop with it.
pub(super) struct Front {
    out: mpsc::UnboundedSender<Event>,
    journal: Rc<Journal>,
    writer: JoinHandle<()>,
    state: watch::Receiver<State>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Attached,
    Detached,
    Gone,
}

impl Front {
    /// Takes the line over once the order has been read from it. Must be called in a `LocalSet`.
    pub(super) fn new(stream: StdUnixStream, journal: Journal) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let (read, write) = UnixStream::from_std(stream)?.into_split();
        let (out, events) = mpsc::unbounded_channel();
        let (say, state) = watch::channel(State::Attached);
        tokio::task::spawn_local(listen(read, say));
        let writer = tokio::task::spawn_local(speak(write, events));
        Ok(Self {
            out,
            journal: Rc::new(journal),
            writer,
            state,
        })
    }

    /// Tells, and writes it down; nobody listening is no fault.
    pub(super) fn send(&self, event: &Event) {
        self.journal.write(event);
        let _ = self.out.send(event.clone());
    }

    /// For those who have something to tell as long as the lab lives, this line or not.
    pub(super) fn teller(&self) -> Teller {
        Teller {
            out: self.out.downgrade(),
            journal: Rc::clone(&self.journal),
        }
    }

    /// Comes back when the front end went away without letting the lab stay.
    pub(super) async fn gone(&self) {
        let mut state = self.state.clone();
        if state.wait_for(|state| *state == State::Gone).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Comes back when everything has been told, or nobody listens any more.
    pub(super) async fn finish(self) {
        drop(self.out);
        let _ = self.writer.await;
    }
}

/// Tells what happens to a lab. It does not keep the line open.
#[derive(Clone)]
pub(super) struct Teller {
    out: mpsc::WeakUnboundedSender<Event>,
    journal: Rc<Journal>,
}

impl Teller {
    /// As [`Front::send`].
    pub(super) fn tell(&self, event: Event) {
        self.journal.write(&event);
        if let Some(out) = self.out.upgrade() {
            let _ = out.send(event);
        }
    }
}

async fn listen(read: OwnedReadHalf, say: watch::Sender<State>) {
    let mut lines = BufReader::new(read).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if line == DETACH {
            say.send_replace(State::Detached);
        }
    }
    say.send_if_modified(|state| {
        let attached = *state == State::Attached;
        if attached {
            *state = State::Gone;
        }
        attached
    });
}

async fn speak(mut write: OwnedWriteHalf, mut events: mpsc::UnboundedReceiver<Event>) {
    while let Some(event) = events.recv().await {
        let Ok(line) = serde_json::to_string(&event) else {
            continue;
        };
        if write
            .write_all(format!("{line}\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
    }
}
