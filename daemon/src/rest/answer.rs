//! Requests answered.

use std::time::Duration;

use bagpipe_api::{
    AttachRequest, DetachRequest, openapi,
    request::{MAX_LIST, parse_body},
};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Either, LengthLimitError, Limited};
use hyper::{
    HeaderMap, Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderName, HeaderValue},
};
use serde::Serialize;
use serde_json::Value;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{
    Api, CHANGES_WAIT,
    body::{self, Body},
    error::HttpError,
    html,
    ignored::{self, OfRequest},
    path::{Form, Target},
    query::Query,
};
use crate::{
    core::{Command, Reply},
    glass::{RouteList, Shown},
    metrics,
};

/// Octets of a body: some 2,500 attachments in one call.
const MAX_BODY: usize = 1 << 20;

/// How long a client may take to send a body.
const BODY_WAIT: Duration = Duration::from_secs(20);

/// Answers one request; every outcome is an answer.
pub(super) async fn answer(
    api: &Api,
    request: Request<Incoming>,
    scheme: &'static str,
) -> Response<Body> {
    let accept = text_header(request.headers(), header::ACCEPT);
    let label = Target::of(request.uri().path()).label();
    let response = match page(api, request, accept.as_deref(), scheme).await {
        Ok(Page::Figures(text)) => respond(StatusCode::OK, metrics::CONTENT_TYPE, text),
        Ok(Page::Done { json, ignored }) => {
            let mut response = respond(StatusCode::OK, "application/json", json);
            if let Some(keys) = ignored.header() {
                response.headers_mut().insert(ignored::HEADER, keys);
            }
            response
        }
        Ok(Page::Json(json)) => respond(StatusCode::OK, "application/json", json),
        Ok(Page::Yaml(yaml)) => respond(StatusCode::OK, "application/yaml", yaml),
        Ok(Page::List(body)) => with_type("application/json", body),
        Ok(Page::Routes(list)) => with_type("application/json", body::routes(list)),
        Ok(Page::Html { text, nonce }) => {
            let mut response = respond(StatusCode::OK, "text/html; charset=UTF-8", text);
            let headers = response.headers_mut();
            if let Ok(policy) = HeaderValue::from_str(&html::policy(&nonce)) {
                headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            }
            let plain = HeaderValue::from_static("nosniff");
            headers.insert(header::X_CONTENT_TYPE_OPTIONS, plain);
            let nobody = HeaderValue::from_static("no-referrer");
            headers.insert(header::REFERRER_POLICY, nobody);
            response
        }
        Err(error) => error.response(accept.as_deref()),
    };
    api.counts.answered(label, response.status().as_u16());
    response
}

/// Whether a browser sends this for a page that did not come from here (RFC 6454): a site that somebody looks at could
/// ask for anything otherwise where there is no token.
fn is_of_another_page(headers: &HeaderMap) -> bool {
    let Some(origin) = text_header(headers, header::ORIGIN) else {
        return false;
    };
    let host = text_header(headers, header::HOST);
    let own = origin.split_once("://").map(|(_, authority)| authority);
    own.is_none() || own != host.as_deref()
}

/// A response with a body of some type.
pub(super) fn respond(
    status: StatusCode,
    content_type: &'static str,
    body: impl Into<Bytes>,
) -> Response<Body> {
    let mut response = with_type(content_type, Either::Left(body.into().into()));
    *response.status_mut() = status;
    response
}

fn with_type(content_type: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    let content_type = HeaderValue::from_static(content_type);
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, content_type);
    response
}

/// The body of a 200.
enum Page {
    Json(String),
    Done { json: String, ignored: OfRequest },
    Yaml(String),
    Routes(RouteList),
    List(Body),
    Html { text: String, nonce: String },
    Figures(String),
}

async fn page(
    api: &Api,
    request: Request<Incoming>,
    accept: Option<&str>,
    scheme: &'static str,
) -> Result<Page, HttpError> {
    let (parts, body) = request.into_parts();
    let method = if parts.method == Method::HEAD {
        Method::GET
    } else {
        parts.method
    };
    let query = Query::of(parts.uri.query().unwrap_or_default());
    let target = Target::of(parts.uri.path());
    // The number tells nothing, and who looks whether the daemon was restarted need not know the token.
    if target != Target::Ping
        && let Some(token) = &api.token
    {
        let given = text_header(&parts.headers, header::AUTHORIZATION);
        if !token.is_in(given.as_deref()) {
            return Err(HttpError::unauthorized());
        }
    }
    if method != Method::GET && is_of_another_page(&parts.headers) {
        return Err(HttpError::new(
            StatusCode::FORBIDDEN,
            "Pages of other sites may not ask for this.",
        ));
    }
    let json = match (target, &method) {
        (Target::Ping, _) => Ok(api.ping.to_string()),
        (Target::Root | Target::Attach | Target::Detach, &Method::GET) => Ok("{}".into()),
        (Target::Attach, &Method::POST) => {
            acceptable(accept)?;
            let ignored = OfRequest::default();
            let json = posted(api, body, |body, reply| {
                ignored.note(&body, &api.ignored);
                Ok(Command::Attach {
                    request: Box::new(AttachRequest::from_value(body)?),
                    reply,
                })
            })
            .await?;
            return Ok(Page::Done { json, ignored });
        }
        (Target::Detach, &Method::POST) => {
            acceptable(accept)?;
            posted(api, body, |body, reply| {
                Ok(Command::Detach {
                    request: Box::new(DetachRequest::from_value(body)?),
                    reply,
                })
            })
            .await
        }
        (Target::LookingGlass(path), &Method::GET) => {
            let host = text_header(&parts.headers, header::HOST);
            let base = format!(
                "{scheme}://{}/looking-glass",
                host.as_deref().unwrap_or("localhost")
            );
            let (filter, offset, limit) = query.routes()?;
            // Before the page: what changes in between makes it newer.
            let version = *api.version.borrow();
            let shown = {
                let (base, path) = (base.clone(), path.clone());
                ask(api, |reply| Command::Show { base, path, reply }).await?
            };
            let shown = shown
                .map_err(|missing| HttpError::new(StatusCode::NOT_FOUND, missing.to_string()))?;
            if html::is_preferred(accept) {
                let content = match shown {
                    Shown::Json(value) => html::page(&value, &base),
                    Shown::Routes(list) => {
                        let limit = limit.unwrap_or(html::ROWS).min(html::MOST_ROWS);
                        let list = list.narrow(filter, offset, limit);
                        html::list(&list, &query, offset, limit)
                    }
                };
                let place = html::Place {
                    path: &path,
                    query: parts.uri.query().unwrap_or_default(),
                    version,
                };
                let nonce = html::nonce();
                let text = html::frame(&place, &nonce, &content);
                return Ok(Page::Html { text, nonce });
            }
            match shown {
                Shown::Json(value) => Ok(value.to_string()),
                Shown::Routes(list) => {
                    let limit = limit.unwrap_or(usize::MAX);
                    return Ok(Page::Routes(list.narrow(filter, offset, limit)));
                }
            }
        }
        (Target::LookingGlass(path), _) if !path.is_empty() => Err(not_found(parts.uri.path())),
        (Target::Metrics, &Method::GET) => {
            let mut page = ask(api, |reply| Command::Figures { reply }).await?;
            api.counts.write(&mut page);
            metrics::process(&mut page);
            return Ok(Page::Figures(page.into_text()));
        }
        (Target::Attachments, &Method::GET) => {
            let attachments = ask(api, |reply| Command::Attachments { reply }).await?;
            return Ok(Page::List(body::list(attachments)));
        }
        (Target::Routes, &Method::GET) => {
            let all = query.flag("all")?;
            let routes = ask(api, |reply| Command::Routes { all, reply }).await?;
            return Ok(Page::List(body::list(routes)));
        }
        (Target::Sessions, &Method::GET) => {
            text(&ask(api, |reply| Command::Sessions { reply }).await?)
        }
        (Target::Changes, &Method::GET) => {
            let after = query.number("after", u64::MAX)?.unwrap_or_default();
            let limit = query.number("wait", u64::MAX)?.map(Duration::from_millis);
            let limit = limit.unwrap_or(CHANGES_WAIT);
            let version = wait(api.version.clone(), after, limit).await;
            Ok(format!("{{\"version\": {version}}}"))
        }
        (Target::Description(form), &Method::GET) => {
            let document = openapi::document(env!("CARGO_PKG_VERSION"));
            return Ok(match form {
                Form::Json => Page::Json(document.to_string()),
                Form::Yaml => Page::Yaml(openapi::to_yaml(&document)),
            });
        }
        (Target::Nothing, _) => Err(not_found(parts.uri.path())),
        (target, _) => Err(HttpError::method(method.as_str(), target.methods())),
    };
    json.map(Page::Json)
}

fn text(value: &impl Serialize) -> Result<String, HttpError> {
    serde_json::to_string(value)
        .map_err(|error| HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
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

/// Has one thing done, or each of a list: then the answer is a list too, of what each alone would have been answered.
async fn posted(
    api: &Api,
    body: Incoming,
    command: impl Fn(Value, Reply) -> Result<Command, HttpError>,
) -> Result<String, HttpError> {
    match parse_body(&read(body).await?)? {
        Value::Array(bodies) if bodies.len() > MAX_LIST => Err(HttpError::new(
            StatusCode::BAD_REQUEST,
            format!("The list has more than {MAX_LIST} items."),
        )),
        Value::Array(bodies) => {
            // All are on their way before the first is waited for; those of one instance are done in order.
            let mut asked = Vec::with_capacity(bodies.len());
            for body in bodies {
                asked.push(start(api, body, &command).await);
            }
            let mut outcomes = Vec::with_capacity(asked.len());
            for asked in asked {
                outcomes.push(match finish(asked).await {
                    Ok(()) => Value::Null,
                    Err(error) => error.value(),
                });
            }
            Ok(Value::Array(outcomes).to_string())
        }
        body => {
            finish(start(api, body, &command).await).await?;
            Ok("null".into())
        }
    }
}

type Outcome = oneshot::Receiver<Result<(), HttpError>>;

async fn start(
    api: &Api,
    body: Value,
    command: impl Fn(Value, Reply) -> Result<Command, HttpError>,
) -> Result<Outcome, HttpError> {
    let (reply, outcome) = oneshot::channel();
    let command = command(body, reply)?;
    api.commands.send(command).await.map_err(|_| stopping())?;
    Ok(outcome)
}

async fn finish(asked: Result<Outcome, HttpError>) -> Result<(), HttpError> {
    asked?.await.map_err(|_| stopping())?
}

async fn read(body: Incoming) -> Result<Bytes, HttpError> {
    let whole = timeout(BODY_WAIT, Limited::new(body, MAX_BODY).collect()).await;
    match whole {
        Ok(Ok(whole)) => Ok(whole.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(HttpError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("The body has more than {MAX_BODY} bytes."),
        )),
        Ok(Err(error)) => Err(HttpError::new(
            StatusCode::BAD_REQUEST,
            format!("The body cannot be read whole: {error}"),
        )),
        Err(_) => Err(HttpError::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("The body is not there after {} s.", BODY_WAIT.as_secs()),
        )),
    }
}

async fn ask<T>(
    api: &Api,
    command: impl FnOnce(oneshot::Sender<T>) -> Command,
) -> Result<T, HttpError> {
    let (reply, answer) = oneshot::channel();
    api.commands
        .send(command(reply))
        .await
        .map_err(|_| stopping())?;
    answer.await.map_err(|_| stopping())
}

fn stopping() -> HttpError {
    HttpError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "The daemon is being stopped.",
    )
}

async fn wait(mut version: watch::Receiver<u64>, after: u64, wait: Duration) -> u64 {
    let newer = version.wait_for(|version| *version > after);
    // Time is up, or the daemon is being stopped: the client gets what there is.
    timeout(wait.min(CHANGES_WAIT), newer).await.ok();
    *version.borrow()
}

fn text_header(headers: &HeaderMap, name: HeaderName) -> Option<String> {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}
