//! A small HTTP/1.1 client of the daemon.

use std::{io, net::SocketAddr, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{self, SendRequest},
    header::{self, HeaderValue},
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

use crate::body::{AttachBody, DetachBody};
use crate::routes::HeldRoute;
use crate::sessions::PeerSession;

/// What a request to the daemon can end with instead of an answer.
#[derive(Debug, Error)]
pub enum ClientError {
    /// Nobody listens, or the way there is broken.
    #[error("no server at `http://{address}`")]
    Connect {
        /// Where the connection went.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The HTTP exchange failed on the way.
    #[error("the exchange with the daemon failed")]
    Http(#[from] hyper::Error),
    /// The request could not be built: the path is not one.
    #[error("`{path}` is not a path")]
    Path {
        /// What was asked for.
        path: String,
    },
    /// The daemon answered with a status other than 200.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The body of a 200 is not the JSON that was expected.
    #[error("the answer of the daemon is not understood: {body}")]
    Answer {
        /// The body, as text.
        body: String,
        /// Where the JSON went wrong.
        source: serde_json::Error,
    },
    /// The body of the request cannot be written as JSON.
    #[error("the request cannot be written as JSON")]
    Body(#[source] serde_json::Error),
}

/// The daemon's answer when it did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("error {status}: {description}")]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// What the daemon says about it; the whole body if it is no JSON error.
    pub description: String,
    /// The field of the request that broke a rule.
    pub field: Option<String>,
    /// The rule.
    pub rule: Option<String>,
}

/// An error as the daemon writes it.
#[derive(Deserialize)]
struct ErrorBody {
    code: u16,
    description: String,
    #[serde(default)]
    field: Option<String>,
    #[serde(default)]
    rule: Option<String>,
}

impl From<ErrorBody> for Refusal {
    fn from(body: ErrorBody) -> Self {
        Self {
            status: body.code,
            description: body.description,
            field: body.field,
            rule: body.rule,
        }
    }
}

impl Refusal {
    fn new(status: StatusCode, body: &[u8]) -> Self {
        match serde_json::from_slice::<ErrorBody>(body) {
            Ok(body) => body.into(),
            Err(_) => Self {
                status: status.as_u16(),
                description: String::from_utf8_lossy(body).trim().to_owned(),
                field: None,
                rule: None,
            },
        }
    }
}

/// One kept-alive connection to the daemon; requests go one after the other.
#[derive(Debug)]
pub struct Client {
    requests: SendRequest<Full<Bytes>>,
    authority: String,
    token: Option<HeaderValue>,
}

impl Client {
    /// Connects from the namespace of the caller.
    ///
    /// # Errors
    /// [`ClientError::Connect`] when nobody listens, [`ClientError::Http`] when it is no HTTP server.
    pub async fn connect(address: SocketAddr) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(address)
            .await
            .map_err(|source| ClientError::Connect { address, source })?;
        // An attach is one small write each way: waiting for more to send only adds latency.
        stream
            .set_nodelay(true)
            .map_err(|source| ClientError::Connect { address, source })?;
        Self::over(stream, &address.to_string()).await
    }

    /// Speaks over a stream that is connected already, wherever its socket lives.
    ///
    /// `authority` is the `host:port` the daemon puts into the links of its looking glass. Must be called
    /// inside a tokio runtime: the connection runs as a task of its own until the client is dropped.
    ///
    /// # Errors
    /// [`ClientError::Http`] when the HTTP handshake fails.
    pub async fn over<S>(stream: S, authority: &str) -> Result<Self, ClientError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (requests, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // The error of a broken connection also reaches the request that waits for an answer.
        tokio::spawn(async move { connection.await.ok() });
        Ok(Self {
            requests,
            authority: authority.to_owned(),
            token: None,
        })
    }

    /// Brings a token along with every request, for daemons that ask for one. A text that cannot be a token is brought as none.
    pub fn set_token(&mut self, token: &str) {
        let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok();
        if let Some(value) = &mut value {
            value.set_sensitive(true);
        }
        self.token = value;
    }

    /// The number that identifies the run of the daemon: another one means that it was restarted.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn ping(&mut self) -> Result<u128, ClientError> {
        read(&self.get("/ping").await?)
    }

    /// Attaches an endpoint; the port is plugged and the routes are on their way when this returns.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with the field and the rule when the daemon will not, else any other.
    pub async fn attach(&mut self, body: &AttachBody) -> Result<(), ClientError> {
        self.post("/attach_localport", body).await.map(drop)
    }

    /// Detaches an endpoint.
    ///
    /// # Errors
    /// [`ClientError::Refused`] when the daemon will not, else any other.
    pub async fn detach(&mut self, body: &DetachBody) -> Result<(), ClientError> {
        self.post("/detach_localport", body).await.map(drop)
    }

    /// Attaches endpoints, in order, by one call. One that is refused does not keep the others from it; the outcomes come in
    /// the order of the bodies.
    ///
    /// # Errors
    /// Any [`ClientError`], when there are no outcomes.
    pub async fn attach_all(
        &mut self,
        bodies: &[AttachBody],
    ) -> Result<Vec<Result<(), Refusal>>, ClientError> {
        outcomes(&self.post("/attach_localport", &bodies).await?)
    }

    /// Detaches endpoints by one call, as [`Client::attach_all`].
    ///
    /// # Errors
    /// Any [`ClientError`], when there are no outcomes.
    pub async fn detach_all(
        &mut self,
        bodies: &[DetachBody],
    ) -> Result<Vec<Result<(), Refusal>>, ClientError> {
        outcomes(&self.post("/detach_localport", &bodies).await?)
    }

    /// Every attachment there is, as bodies that attach it again.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn attachments(&mut self) -> Result<Vec<AttachBody>, ClientError> {
        read(&self.get("/attachments").await?)
    }

    /// A node of the looking glass; `path` is relative to its root (`bgp/peers`), elements percent-encoded.
    ///
    /// # Errors
    /// [`ClientError::Refused`] with status 404 when there is no such node, else any other.
    pub async fn looking_glass(&mut self, path: &str) -> Result<Value, ClientError> {
        let path = path.trim_matches('/');
        let path = if path.is_empty() {
            "/looking-glass".into()
        } else {
            format!("/looking-glass/{path}")
        };
        read(&self.get(&path).await?)
    }

    /// Every route the daemon holds that it did not originate.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn routes(&mut self) -> Result<Vec<HeldRoute>, ClientError> {
        read(&self.get("/routes").await?)
    }

    /// The session with every configured peer.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn sessions(&mut self) -> Result<Vec<PeerSession>, ClientError> {
        read(&self.get("/sessions").await?)
    }

    /// Every route the daemon has, those that it originates as well.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn all_routes(&mut self) -> Result<Vec<HeldRoute>, ClientError> {
        read(&self.get("/routes?all=true").await?)
    }

    /// Waits until something visible is newer than version `after`, at most for `wait`, and returns the
    /// version there is then.
    ///
    /// # Errors
    /// Any [`ClientError`].
    pub async fn changes(&mut self, after: u64, wait: Duration) -> Result<u64, ClientError> {
        #[derive(Deserialize)]
        struct Changes {
            version: u64,
        }
        let path = format!("/changes?after={after}&wait={}", wait.as_millis());
        read::<Changes>(&self.get(&path).await?).map(|changes| changes.version)
    }

    /// `GET` of any path; the body of a 200.
    ///
    /// # Errors
    /// Any [`ClientError`] but [`ClientError::Answer`].
    pub async fn get(&mut self, path: &str) -> Result<Bytes, ClientError> {
        self.send(Method::GET, path, Bytes::new()).await
    }

    /// `POST` of any body to any path; the body of a 200.
    ///
    /// # Errors
    /// Any [`ClientError`] but [`ClientError::Answer`].
    pub async fn post(&mut self, path: &str, body: &impl Serialize) -> Result<Bytes, ClientError> {
        let body = serde_json::to_vec(body).map_err(ClientError::Body)?;
        self.send(Method::POST, path, body.into()).await
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, ClientError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.authority)
            .header(header::ACCEPT, "application/json")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|_| ClientError::Path {
                path: path.to_owned(),
            })?;
        if let Some(token) = &self.token {
            let headers = request.headers_mut();
            headers.insert(header::AUTHORIZATION, token.clone());
        }
        self.requests.ready().await?;
        let response = self.requests.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if status == StatusCode::OK {
            Ok(body)
        } else {
            Err(Refusal::new(status, &body).into())
        }
    }
}

/// What became of each of several requests: null, or the error that it alone would have been answered with.
fn outcomes(body: &[u8]) -> Result<Vec<Result<(), Refusal>>, ClientError> {
    let outcomes: Vec<Option<ErrorBody>> = read(body)?;
    let outcome = |error: Option<ErrorBody>| error.map_or(Ok(()), |error| Err(error.into()));
    Ok(outcomes.into_iter().map(outcome).collect())
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|source| ClientError::Answer {
        body: String::from_utf8_lossy(body).into_owned(),
        source,
    })
}
