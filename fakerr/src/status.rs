//! What the reflector tells about its clients and routes to who asks on a Unix socket, in JSON documents of a line.
//!
//! Of the clients it tells at once, and again after each change of theirs. Who says a line gets more:
//!
//! | said | told |
//! |---|---|
//! | `routes FAMILY` | every path of the family as it was received, once |
//! | `sent FAMILY ADDRESS` | what the client of that address holds of the family, once |
//! | `changes` | a document with the number of changes of routes, at once and after each |

mod answer;

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    path::Path,
};

use bgp_wire::Family;
use serde::Serialize;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::sleep,
};
use tracing::{info, warn};

use crate::{
    listen::AFTER_FAILURE,
    socket::{self, Socket},
};
use answer::{Said, refusal};

pub(crate) use answer::{Asked, ToldRoute, document};

/// The document.
#[derive(Debug, Serialize)]
pub(crate) struct Status {
    /// The reflector's BGP identifier.
    pub(crate) router_id: Ipv4Addr,
    /// In the order in which they called.
    pub(crate) clients: Vec<ClientStatus>,
}

/// A client.
#[derive(Debug, Serialize)]
pub(crate) struct ClientStatus {
    /// Where it called from.
    pub(crate) address: IpAddr,
    /// Its TCP port.
    pub(crate) port: u16,
    /// State of its session, by the name of RFC 4271.
    pub(crate) state: String,
    /// Its autonomous system, once it is Established.
    #[serde(rename = "as")]
    pub(crate) asn: Option<u32>,
    /// Its BGP identifier, once it is Established.
    pub(crate) router_id: Option<Ipv4Addr>,
    /// The families agreed on, sorted, once it is Established.
    pub(crate) families: Option<Vec<Family>>,
    /// The hold time agreed on, in seconds, once it is Established.
    pub(crate) hold_time: Option<u16>,
    /// Whether both ends can do four-octet AS numbers, once it is Established.
    pub(crate) four_octet_as: Option<bool>,
    /// Whether it announces graceful restart, once it is Established.
    pub(crate) graceful_restart: Option<bool>,
    /// For how long it has been Established, in milliseconds.
    pub(crate) established_ms: Option<u64>,
    /// How often sessions with this address have left Established.
    pub(crate) flaps: u64,
}

/// A question, and where the answer goes, a document of a line; answered by the one who owns the clients.
pub(crate) type Question = (Asked, oneshot::Sender<String>);

/// The owner's side: tells of changes, and takes questions.
#[derive(Debug)]
pub(crate) struct Counter {
    changes: watch::Sender<Changes>,
    questions: mpsc::Receiver<Question>,
    /// Ends with us.
    _clerks: JoinSet<()>,
    _socket: Socket,
}

impl Counter {
    /// Listens at `path`, see [`socket::listen`].
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let (listener, socket) = socket::listen(path)?;
        info!(path = %path.display(), "telling of the status");
        let (asking, questions) = mpsc::channel(16);
        let (changes, changed) = watch::channel(Changes::default());
        let mut clerks = JoinSet::new();
        clerks.spawn(attend(listener, asking, changed));
        Ok(Self {
            changes,
            questions,
            _clerks: clerks,
            _socket: socket,
        })
    }

    /// Clients, routes or both are not as they were.
    pub(crate) fn changed(&self, clients: bool, routes: bool) {
        if clients || routes {
            self.changes.send_modify(|changes| {
                changes.clients += u64::from(clients);
                changes.routes += u64::from(routes);
            });
        }
    }

    /// The next question.
    pub(crate) async fn question(&mut self) -> Question {
        match self.questions.recv().await {
            Some(question) => question,
            // Clerks only go when we do.
            None => std::future::pending().await,
        }
    }
}

async fn attend(
    listener: UnixListener,
    asking: mpsc::Sender<Question>,
    changed: watch::Receiver<Changes>,
) {
    let mut visitors = JoinSet::new();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (asking, changed) = (asking.clone(), changed.clone());
                visitors.spawn(async move {
                    // A visitor that has gone needs nothing more.
                    let _ = tell(stream, &asking, changed).await;
                });
            }
            Err(error) => {
                warn!(%error, "cannot take a question about the status");
                sleep(AFTER_FAILURE).await;
            }
        }
        while visitors.try_join_next().is_some() {}
    }
}

/// How often something has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Changes {
    clients: u64,
    routes: u64,
}

/// Until the visitor has gone. Changes while a document is on its way are told together by the next.
async fn tell(
    mut stream: UnixStream,
    asking: &mpsc::Sender<Question>,
    mut changed: watch::Receiver<Changes>,
) -> io::Result<()> {
    let (visitor, mut stream) = stream.split();
    let mut visitor = BufReader::new(visitor);
    let mut said = Vec::new();
    let mut told: Option<Changes> = None;
    // Whether the visitor wants to hear of changes of routes.
    let mut follows = false;
    loop {
        let now = *changed.borrow_and_update();
        if told.is_none_or(|told| told.clients != now.clients) {
            let Some(line) = answered(asking, Asked::Clients).await else {
                return Ok(());
            };
            stream.write_all(line.as_bytes()).await?;
        }
        if follows && told.is_none_or(|told| told.routes != now.routes) {
            let line = format!("{{\"changes\":{}}}\n", now.routes);
            stream.write_all(line.as_bytes()).await?;
        }
        told = Some(now);
        let mut line = (&mut visitor).take((LONGEST - said.len()) as u64);
        tokio::select! {
            news = changed.changed() => if news.is_err() {
                return Ok(());
            },
            // Cancel safe: what has come of a line stays in `said`. Nothing more is a visitor that has gone.
            read = line.read_until(b'\n', &mut said) => {
                if read? == 0 || said.len() == LONGEST {
                    return Ok(());
                }
                let line = std::mem::take(&mut said);
                match Said::read(&line) {
                    Said::Follow => {
                        follows = true;
                        let line = format!("{{\"changes\":{}}}\n", now.routes);
                        stream.write_all(line.as_bytes()).await?;
                    }
                    Said::Ask(question) => {
                        let Some(line) = answered(asking, question).await else {
                            return Ok(());
                        };
                        stream.write_all(line.as_bytes()).await?;
                    }
                    Said::Unknown(error) => {
                        stream.write_all(refusal(&error).as_bytes()).await?;
                    }
                }
            },
        }
    }
}

async fn answered(asking: &mpsc::Sender<Question>, asked: Asked) -> Option<String> {
    let (ask, answer) = oneshot::channel();
    asking.send((asked, ask)).await.ok()?;
    answer.await.ok()
}

/// Longer than anything that can be said, in octets: who says that is not listened to any more.
const LONGEST: usize = 256;
