//! A capture that runs: frames from the kernel into a file.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;

use capture::{Counted, Frame, FrameLog, InterfaceId, Recording, Timestamp};
use netns::packet::{Capture, Frame as Caught};
use tokio::sync::{mpsc, oneshot, watch};

/// A running capture, or one that has ended and can still be asked.
#[derive(Clone)]
pub(in crate::supervisor) struct Tap {
    /// What it is called.
    pub(super) name: String,
    /// Its file.
    pub(in crate::supervisor) path: PathBuf,
    pub(super) kept: Kept,
    requests: mpsc::Sender<Request>,
    grown: watch::Receiver<usize>,
}

/// What becomes of frames.
#[derive(Clone)]
pub(super) enum Kept {
    /// They are looked into, for those who ask.
    Recording(Rc<RefCell<Recording>>),
    /// They are written down, no more.
    Log(Rc<RefCell<FrameLog>>),
}

struct Request {
    end: bool,
    say: oneshot::Sender<Settled>,
}

/// What is known once every frame sent so far has been taken in.
#[derive(Debug, Clone, Default)]
pub(in crate::supervisor) struct Settled {
    /// Frames the kernel had no room for.
    pub(in crate::supervisor) dropped: u64,
    /// The capture ended by itself, and why.
    pub(in crate::supervisor) ended: Option<String>,
}

impl Kept {
    fn push(&self, frame: Frame) {
        match self {
            Self::Recording(recording) => drop(recording.borrow_mut().push(frame)),
            Self::Log(log) => drop(log.borrow_mut().push(frame)),
        }
    }

    pub(super) fn with_log<T>(&self, f: impl FnOnce(&mut FrameLog) -> T) -> T {
        match self {
            Self::Recording(recording) => f(recording.borrow_mut().log_mut()),
            Self::Log(log) => f(&mut log.borrow_mut()),
        }
    }
}

impl Tap {
    /// Takes in what `socket` catches from now on.
    pub(super) fn begin(
        name: String,
        path: PathBuf,
        kept: Kept,
        interface: InterfaceId,
        socket: Capture,
    ) -> Self {
        let (requests, asked) = mpsc::channel(4);
        let (grow, grown) = watch::channel(0);
        let taking = Taking {
            socket: Some(socket),
            kept: kept.clone(),
            interface,
            settled: Settled::default(),
        };
        tokio::task::spawn_local(taking.run(asked, grow));
        Self {
            name,
            path,
            kept,
            requests,
            grown,
        }
    }

    /// Takes in every frame that was sent before this call.
    pub(in crate::supervisor) async fn settle(&self) -> Settled {
        self.ask(false).await
    }

    /// The same, and no frame after them.
    pub(in crate::supervisor) async fn end(&self) -> Settled {
        self.ask(true).await
    }

    async fn ask(&self, end: bool) -> Settled {
        let gone = || Settled {
            ended: Some("its task ended".into()),
            ..Settled::default()
        };
        let (say, said) = oneshot::channel();
        if self.requests.send(Request { end, say }).await.is_err() {
            return gone();
        }
        said.await.unwrap_or_else(|_| gone())
    }

    /// Comes back when there are more frames than `than`.
    pub(in crate::supervisor) async fn grown(&mut self, than: usize) {
        if self.grown.wait_for(|frames| *frames > than).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// What it holds, if that is looked into.
    pub(in crate::supervisor) fn recording(&self) -> Option<Rc<RefCell<Recording>>> {
        match &self.kept {
            Kept::Recording(recording) => Some(Rc::clone(recording)),
            Kept::Log(_) => None,
        }
    }
}

/// The task that takes frames.
struct Taking {
    /// `None` once the capture has ended.
    socket: Option<Capture>,
    kept: Kept,
    interface: InterfaceId,
    settled: Settled,
}

impl Taking {
    async fn run(mut self, mut asked: mpsc::Receiver<Request>, grow: watch::Sender<usize>) {
        let mut caught = Vec::new();
        loop {
            let next = async {
                match &mut self.socket {
                    Some(socket) => socket.next(&mut caught).await,
                    None => std::future::pending().await,
                }
            };
            let request = tokio::select! {
                outcome = next => {
                    if let Err(error) = outcome {
                        self.fail(error.to_string());
                    }
                    None
                }
                request = asked.recv() => match request {
                    Some(request) => Some(request),
                    None => return,
                },
            };
            if let (Some(_), Some(socket)) = (&request, &mut self.socket)
                && let Err(error) = socket.drain(&mut caught).await
            {
                self.fail(error.to_string());
            }
            self.take(&mut caught);
            if let Some(request) = request {
                self.answer(request);
            }
            grow.send_replace(self.kept.with_log(|log| log.len()));
        }
    }

    fn fail(&mut self, why: String) {
        self.settled.ended.get_or_insert(why);
        self.close();
    }

    /// Closes the socket. The kernel waits then until nobody can be about to use it, ten milliseconds and more: with
    /// one capture after the other a run of many links would end seconds late.
    fn close(&mut self) {
        if let Some(socket) = self.socket.take() {
            tokio::task::spawn_blocking(move || drop(socket));
        }
    }

    fn take(&mut self, caught: &mut Vec<Caught>) {
        for frame in caught.drain(..) {
            let mut taken =
                Frame::new(Timestamp(frame.timestamp_ns), frame.data).on(self.interface);
            taken.original_len = frame.original_len;
            self.kept.push(taken);
        }
        let trouble = self.kept.with_log(|log| {
            log.flush();
            log.trouble()
        });
        if let Some(why) = trouble {
            self.fail(why);
        }
    }

    fn answer(&mut self, request: Request) {
        if let Some(socket) = &mut self.socket {
            let statistics = socket.statistics().unwrap_or_default();
            self.settled.dropped = statistics.dropped;
            if request.end {
                let counted = Counted {
                    received: statistics.received,
                    dropped: statistics.dropped,
                };
                let interface = self.interface;
                self.kept.with_log(|log| log.end(interface, counted));
                self.close();
            }
        }
        // Whoever asked may have given up.
        let _ = request.say.send(self.settled.clone());
    }
}
