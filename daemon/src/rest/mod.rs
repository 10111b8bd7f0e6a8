//! The REST API: HTTP in, commands for the core out.
//!
//! | Path | Method | Answer |
//! |---|---|---|
//! | `/` | GET | `{}` |
//! | `/ping` | any | a random integer that stays the same while the process lives |
//! | `/attach_localport`, `/detach_localport` | POST | `null` when it is done |
//! | `/looking-glass/...` | GET | a page |
//! | `/routes` | GET | the routes received, octets included ([`bagpipe_api::HeldRoute`]); `?all=true`: its own as well |
//! | `/sessions` | GET | the sessions with peers ([`bagpipe_api::PeerSession`]) |
//! | `/changes?after=N&wait=MS` | GET | `{"version": M}` as soon as M > N, or after MS milliseconds |
//!
//! `/routes`, `/sessions` and `/changes` are additions to the original API: the first two are the looking glass for programs,
//! the second lets a client wait for a fact of the looking glass instead of asking again and again. Versions start at
//! 1 and grow whenever a session, a route or an instance changed.

mod error;
mod path;

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use bagpipe_api::{AttachRequest, DetachRequest};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
};

pub use self::error::HttpError;
use self::path::Target;
use crate::core::{Command, Commands};

/// No body of this API comes near.
const MAX_BODY: usize = 1 << 20;

/// How long `/changes` waits when the client does not say, and at most.
const CHANGES_WAIT: Duration = Duration::from_secs(30);

/// What requests are answered from.
#[derive(Debug, Clone)]
pub struct Api {
    /// The number `/ping` answers.
    pub ping: u128,
    /// The way to the core.
    pub commands: Commands,
    /// The version of everything visible.
    pub version: watch::Receiver<u64>,
}

/// Serves requests until the listener fails or the returned future is dropped.
///
/// # Errors
/// The listener failed.
pub async fn serve(listener: TcpListener, api: Api) -> std::io::Result<()> {
    use axum::serve::ListenerExt as _;
    // Answers are one small write each: nothing follows that is worth waiting for.
    let listener = listener.tap_io(|stream| {
        stream.set_nodelay(true).ok();
    });
    axum::serve(listener, router(api)).await
}

fn router(api: Api) -> Router {
    Router::new().fallback(handle).with_state(Arc::new(api))
}

async fn handle(State(api): State<Arc<Api>>, request: Request) -> Response {
    let accept = text_header(request.headers(), header::ACCEPT);
    match answer(&api, request, accept.as_deref()).await {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(error) => error.response(accept.as_deref()),
    }
}

async fn answer(api: &Api, request: Request, accept: Option<&str>) -> Result<String, HttpError> {
    let (parts, body) = request.into_parts();
    let method = if parts.method == Method::HEAD {
        Method::GET
    } else {
        parts.method
    };
    match (Target::of(parts.uri.path()), &method) {
        (Target::Ping, _) => Ok(api.ping.to_string()),
        (Target::Root | Target::Attach | Target::Detach, &Method::GET) => Ok("{}".into()),
        (Target::Attach, &Method::POST) => {
            acceptable(accept)?;
            let request = AttachRequest::from_json(&read(body).await?)?;
            done(api, |reply| Command::Attach {
                request: Box::new(request),
                reply,
            })
            .await
        }
        (Target::Detach, &Method::POST) => {
            acceptable(accept)?;
            let request = DetachRequest::from_json(&read(body).await?)?;
            done(api, |reply| Command::Detach {
                request: Box::new(request),
                reply,
            })
            .await
        }
        (Target::LookingGlass(path), &Method::GET) => {
            let host = text_header(&parts.headers, header::HOST);
            let base = format!(
                "http://{}/looking-glass",
                host.as_deref().unwrap_or("localhost")
            );
            let page = ask(api, |reply| Command::Show { base, path, reply }).await?;
            let page =
                page.map_err(|missing| HttpError::new(StatusCode::NOT_FOUND, missing.to_string()))?;
            Ok(page.to_string())
        }
        (Target::LookingGlass(path), _) if !path.is_empty() => Err(not_found(parts.uri.path())),
        (Target::Routes, &Method::GET) => {
            let query = parts.uri.query().unwrap_or_default();
            let all = query.split('&').any(|pair| pair == "all=true");
            let routes = ask(api, |reply| Command::Routes { all, reply }).await?;
            serde_json::to_string(&routes).map_err(|error| {
                HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
            })
        }
        (Target::Sessions, &Method::GET) => {
            let sessions = ask(api, |reply| Command::Sessions { reply }).await?;
            serde_json::to_string(&sessions).map_err(|error| {
                HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
            })
        }
        (Target::Changes, &Method::GET) => {
            let query = path::changes(parts.uri.query().unwrap_or_default())?;
            let version = wait(api.version.clone(), query.after, query.wait).await;
            Ok(format!("{{\"version\": {version}}}"))
        }
        (Target::Nothing, _) => Err(not_found(parts.uri.path())),
        _ => Err(HttpError::method(method.as_str())),
    }
}

fn not_found(path: &str) -> HttpError {
    HttpError::new(StatusCode::NOT_FOUND, format!("No such resource: {path}"))
}

/// What is asked of the daemon is answered in JSON or not at all.
fn acceptable(accept: Option<&str>) -> Result<(), HttpError> {
    match accept {
        Some(accept) if !accept.contains("json") && !accept.contains('*') => Err(HttpError::new(
            StatusCode::NOT_ACCEPTABLE,
            format!("The answer is application/json, which is not accepted: {accept}"),
        )),
        _ => Ok(()),
    }
}

async fn read(body: Body) -> Result<Vec<u8>, HttpError> {
    match to_bytes(body, MAX_BODY).await {
        Ok(bytes) => Ok(bytes.into()),
        Err(_) => Err(HttpError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The body cannot be read whole, or has more than {MAX_BODY} bytes."),
        )),
    }
}

/// Has a command done; the answer to success is always the same.
async fn done(
    api: &Api,
    command: impl FnOnce(oneshot::Sender<Result<(), HttpError>>) -> Command,
) -> Result<String, HttpError> {
    ask(api, command).await?.map(|()| "null".to_owned())
}

async fn ask<T>(
    api: &Api,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, HttpError> {
    let (reply, answer) = oneshot::channel();
    let stopping = || {
        HttpError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "The daemon is being stopped.",
        )
    };
    api.commands
        .send(command(reply))
        .await
        .map_err(|_| stopping())?;
    answer.await.map_err(|_| stopping())
}

async fn wait(mut version: watch::Receiver<u64>, after: u64, wait: Duration) -> u64 {
    let newer = version.wait_for(|version| *version > after);
    // Time is up, or the daemon is being stopped: the client gets what there is.
    tokio::time::timeout(wait.min(CHANGES_WAIT), newer)
        .await
        .ok();
    *version.borrow()
}

fn text_header(headers: &HeaderMap, name: header::HeaderName) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}
