//! Orders to the reflector, on a Unix socket: a JSON document a line, each answered by one, in this order.
//!
//! | order | what is done | `done` is |
//! |---|---|---|
//! | `{"originate":"HEX"}` | what this body of an UPDATE announces is announced, what it withdraws is withdrawn, as routes of the reflector's own | routes |
//! | `{"reset":"ADDRESS"}` | the sessions with the client of this address are ended by Cease, Administrative Reset | sessions |
//! | `{"send":{"to":"ADDRESS","octets":"HEX"}}` | these octets go to that client as they are, between two messages | octets |
//!
//! The answer is `{"done":NUMBER}` or `{"error":"why not"}`. Routes of the reflector's own stay when who ordered them
//! hangs up, until they are withdrawn or the reflector ends.

mod order;

use std::{io, path::Path};

use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::sleep,
};
use tracing::{info, warn};

use crate::{
    listen::AFTER_FAILURE,
    socket::{self, Socket},
};

pub(crate) use order::{Refusal, Task};

/// What is to be done, and where its outcome goes.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) task: Task,
    pub(crate) answer: Answer,
}

/// Where an outcome goes: of how much it was done, or why it was not.
pub(crate) type Answer = oneshot::Sender<Result<usize, Refusal>>;

/// The side of who carries the orders out.
#[derive(Debug)]
pub(crate) struct Desk {
    orders: mpsc::Receiver<Order>,
    /// Ends with us.
    _clerks: JoinSet<()>,
    _socket: Socket,
}

impl Desk {
    /// Listens at `path`, see [`socket::listen`].
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let (listener, socket) = socket::listen(path)?;
        info!(path = %path.display(), "taking orders");
        let (ordering, orders) = mpsc::channel(16);
        let mut clerks = JoinSet::new();
        clerks.spawn(attend(listener, ordering));
        Ok(Self {
            orders,
            _clerks: clerks,
            _socket: socket,
        })
    }

    /// The next order.
    pub(crate) async fn order(&mut self) -> Order {
        match self.orders.recv().await {
            Some(order) => order,
            // Clerks only go when we do.
            None => std::future::pending().await,
        }
    }
}

async fn attend(listener: UnixListener, ordering: mpsc::Sender<Order>) {
    let mut visitors = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let ordering = ordering.clone();
                visitors.spawn(async move {
                    // A visitor that has gone needs no answer.
                    let _ = serve(stream, &ordering).await;
                });
            }
            Err(error) => {
                warn!(%error, "cannot take an order");
                sleep(AFTER_FAILURE).await;
            }
        }
        while visitors.try_join_next().is_some() {}
    }
}

/// Until the visitor has gone.
async fn serve(mut stream: UnixStream, ordering: &mpsc::Sender<Order>) -> io::Result<()> {
    let (visitor, mut stream) = stream.split();
    let mut visitor = BufReader::new(visitor);
    let mut line = Vec::new();
    // Whether what comes is the rest of a line that was refused.
    let mut rest = false;
    loop {
        line.clear();
        let mut limited = (&mut visitor).take(LONGEST);
        if limited.read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        // The last line may come without an end.
        let whole = line.ends_with(b"\n") || (line.len() as u64) < LONGEST;
        if std::mem::replace(&mut rest, !whole) {
            continue;
        }
        let outcome = match whole.then(|| Task::read(&line)) {
            None => Err(Refusal::TooLong),
            Some(Err(refusal)) => Err(refusal),
            Some(Ok(task)) => {
                let (answer, outcome) = oneshot::channel();
                if ordering.send(Order { task, answer }).await.is_err() {
                    return Ok(());
                }
                // Dropped by one who could not finish.
                outcome.await.unwrap_or(Err(Refusal::Interrupted))
            }
        };
        let said = match outcome {
            Ok(done) => Said::Done(done),
            Err(refusal) => Said::Error(refusal.to_string()),
        };
        let said = format!("{}\n", serde_json::to_string(&said)?);
        stream.write_all(said.as_bytes()).await?;
    }
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Said {
    Done(usize),
    Error(String),
}

/// The largest UPDATE in hexadecimal, and what is around it.
const LONGEST: u64 = 2 * 65_536 + 256;
