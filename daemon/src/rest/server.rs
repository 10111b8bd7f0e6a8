//! Connections: as many as there may be, and none for longer than its client needs.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;

use super::{
    Api, answer,
    listener::{Listener, Stream},
    patience::{Patience, Patient},
};

/// How many clients are served at once. Agents use one connection at a time each; whoever is above that is told so.
const CONNECTIONS: usize = 256;

/// Octets of a request's first line and headers together.
const MAX_HEAD: usize = 16 << 10;

/// How many headers a request may have; browsers send some twenty.
const MAX_HEADERS: usize = 64;

/// Long enough for a person who types a request by hand, and for agents that ask every so often.
const PATIENCE: Patience = Patience {
    head: Duration::from_secs(10),
    idle: Duration::from_secs(120),
    stall: Duration::from_secs(30),
};

/// How long to wait when the system has no descriptor left for a new connection.
const BREATHER: Duration = Duration::from_millis(100);

/// Serves requests for as long as it is polled.
pub async fn serve(listener: Listener, api: Api) {
    let api = Arc::new(api);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let full = AtomicBool::new(false);
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            Err(error) if is_of_one_connection(&error) => continue,
            Err(error) => {
                tracing::warn!("cannot take connections of REST clients: {error}");
                sleep(BREATHER).await;
                continue;
            }
        };
        match Arc::clone(&room).try_acquire_owned() {
            Ok(permit) => {
                full.store(false, Ordering::Relaxed);
                let (api, tls) = (Arc::clone(&api), listener.tls.clone());
                tokio::spawn(async move {
                    let counts = Arc::clone(&api.counts);
                    counts.connections.fetch_add(1, Ordering::Relaxed);
                    match stream {
                        Stream::Tcp(stream) => {
                            // Answers are one small write each: nothing follows that is worth waiting for.
                            stream.set_nodelay(true).ok();
                            secured(stream, tls, api).await;
                        }
                        Stream::Unix(stream) => secured(stream, tls, api).await,
                    }
                    counts.connections.fetch_sub(1, Ordering::Relaxed);
                    drop(permit);
                });
            }
            Err(_) => {
                api.counts.refused.fetch_add(1, Ordering::Relaxed);
                if !full.swap(true, Ordering::Relaxed) {
                    tracing::warn!("{CONNECTIONS} REST clients are connected: no more are served");
                }
                match stream {
                    Stream::Tcp(stream) => tokio::spawn(turn_away(stream)),
                    Stream::Unix(stream) => tokio::spawn(turn_away(stream)),
                };
            }
        }
    }
}

/// Answers the requests of one connection, over TLS where there is any.
async fn secured<S>(stream: S, tls: Option<TlsAcceptor>, api: Arc<Api>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Some(tls) = tls else {
        return connection(stream, api, "http").await;
    };
    match timeout(PATIENCE.head, tls.accept(stream)).await {
        Ok(Ok(stream)) => connection(stream, api, "https").await,
        Ok(Err(error)) => tracing::debug!("connection of a REST client: {error}"),
        Err(_) => tracing::debug!("connection of a REST client: TLS takes too long"),
    }
}

/// Answers the requests of one connection, until either side has had enough.
async fn connection<S>(stream: S, api: Arc<Api>, scheme: &'static str)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let busy = Arc::new(AtomicBool::new(false));
    let stream = Patient::new(stream, PATIENCE, Arc::clone(&busy));
    let service = service_fn(|request| {
        let (api, busy) = (Arc::clone(&api), Arc::clone(&busy));
        async move {
            busy.store(true, Ordering::Relaxed);
            let response = answer::answer(&api, request, scheme).await;
            busy.store(false, Ordering::Relaxed);
            Ok::<_, Infallible>(response)
        }
    });
    let served = http1::Builder::new()
        .max_buf_size(MAX_HEAD)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        // Clients come and go as they like; this is for who looks for a fault in one.
        tracing::debug!("connection of a REST client: {error}");
    }
}

async fn turn_away(mut stream: impl AsyncWrite + Unpin) {
    const ANSWER: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\n\
        connection: close\r\n\r\n";
    let said = async {
        stream.write_all(ANSWER).await?;
        stream.shutdown().await
    };
    // Whoever does not listen to this has lost nothing.
    timeout(BREATHER, said).await.ok();
}

/// Whether only the connection is concerned that was to be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}
