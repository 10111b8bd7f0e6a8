//! What the reflector tells about its clients to who asks on a Unix socket: a JSON document a line, the first at
//! once and another after each change.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use bgp_wire::Family;
use serde::Serialize;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{UnixListener, UnixStream, unix::ReadHalf},
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::sleep,
};
use tracing::{info, warn};

use crate::listen::AFTER_FAILURE;

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
}

/// A question for the document, answered by the one who owns the clients.
pub(crate) type Question = oneshot::Sender<Status>;

/// The owner's side: tells of changes, and takes questions.
#[derive(Debug)]
pub(crate) struct Counter {
    changes: watch::Sender<u64>,
    questions: mpsc::Receiver<Question>,
    /// Ends with us.
    _clerks: JoinSet<()>,
    path: PathBuf,
}

impl Counter {
    /// Listens at `path`, for this user alone. A socket left there by an earlier run is replaced, anything else
    /// is an error.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        match std::fs::symlink_metadata(path) {
            Ok(there) if there.file_type().is_socket() => std::fs::remove_file(path)?,
            Ok(_) => {
                let text = "there is something else than a socket";
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
        info!(path = %path.display(), "telling of the status");
        let (asking, questions) = mpsc::channel(16);
        let (changes, changed) = watch::channel(0);
        let mut clerks = JoinSet::new();
        clerks.spawn(attend(listener, asking, changed));
        Ok(Self {
            changes,
            questions,
            _clerks: clerks,
            path: path.to_owned(),
        })
    }

    /// Something in the document is not as it was.
    pub(crate) fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
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

impl Drop for Counter {
    fn drop(&mut self) {
        // A socket that stays is replaced by the next run.
        let _ = std::fs::remove_file(&self.path);
    }
}

async fn attend(
    listener: UnixListener,
    asking: mpsc::Sender<Question>,
    changed: watch::Receiver<u64>,
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

/// Until the visitor has gone. Changes while a document is on its way are told together by the next.
async fn tell(
    mut stream: UnixStream,
    asking: &mpsc::Sender<Question>,
    mut changed: watch::Receiver<u64>,
) -> io::Result<()> {
    let (mut visitor, mut stream) = stream.split();
    loop {
        changed.mark_unchanged();
        let (ask, answer) = oneshot::channel();
        if asking.send(ask).await.is_err() {
            return Ok(());
        }
        let Ok(status) = answer.await else {
            return Ok(());
        };
        let line = format!("{}\n", serde_json::to_string(&status)?);
        stream.write_all(line.as_bytes()).await?;
        let news = tokio::select! {
            news = changed.changed() => news.is_ok(),
            // Or its descriptor would be held until something changes.
            () = gone(&mut visitor) => false,
        };
        if !news {
            return Ok(());
        }
    }
}

/// Resolves when the visitor has closed its side. There is nothing it could say.
async fn gone(visitor: &mut ReadHalf<'_>) {
    while let Ok(1..) = visitor.read(&mut [0; 64]).await {}
}
