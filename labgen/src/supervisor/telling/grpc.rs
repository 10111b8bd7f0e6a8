//! A gRPC call: HTTP/2 with a frame around each message, and the outcome in trailers.

use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bytes::Bytes;
use h2::client::SendRequest;
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request, Response, StatusCode};
use tokio::net::TcpStream;

/// Where `gobgpd` listens, in its own namespace.
pub(super) const API: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50051);

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(in crate::supervisor) enum GrpcError {
    #[error("cannot be called")]
    Http2(#[from] h2::Error),
    #[error("cannot be called")]
    Http(#[from] http::Error),
    #[error("answered with the HTTP status {0}")]
    Status(StatusCode),
    #[error("answered without an outcome")]
    NoOutcome,
    #[error("failed (code {code}): {message}")]
    Failed { code: String, message: String },
}

/// One call: all these messages, which are framed already, then the outcome. What else is answered is not looked at.
pub(super) async fn call(
    stream: TcpStream,
    path: &str,
    messages: Vec<Bytes>,
) -> Result<(), GrpcError> {
    let (client, connection) = h2::client::handshake(stream).await?;
    // An error of the connection is one of the call as well.
    let driver = tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    let outcome = converse(client, path, messages).await;
    driver.abort();
    outcome
}

async fn converse(
    client: SendRequest<Bytes>,
    path: &str,
    messages: Vec<Bytes>,
) -> Result<(), GrpcError> {
    let mut client = client.ready().await?;
    let request = Request::post(format!("http://{API}{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(())?;
    let (response, send) = client.send_request(request, false)?;
    let sent = send_all(send, messages).await;
    // A server that refuses one message says why, and takes no more.
    match response.await {
        Ok(response) => outcome(response).await,
        Err(error) => sent.and(Err(error.into())),
    }
}

/// No faster than the server takes them.
async fn send_all(mut send: SendStream<Bytes>, messages: Vec<Bytes>) -> Result<(), GrpcError> {
    for mut message in messages {
        while !message.is_empty() {
            send.reserve_capacity(message.len());
            let Some(room) = poll_fn(|context| send.poll_capacity(context)).await else {
                return Ok(());
            };
            let now = message.split_to(room?.min(message.len()));
            send.send_data(now, false)?;
        }
    }
    send.send_data(Bytes::new(), true)?;
    Ok(())
}

async fn outcome(response: Response<RecvStream>) -> Result<(), GrpcError> {
    let (head, mut body) = response.into_parts();
    if head.status != StatusCode::OK {
        return Err(GrpcError::Status(head.status));
    }
    while let Some(data) = body.data().await {
        let taken = data?.len();
        body.flow_control().release_capacity(taken)?;
    }
    // Where there is nothing to answer, head and trailers are one.
    let trailers = body.trailers().await?.unwrap_or(head.headers);
    let text = |trailers: &HeaderMap, name: &str| {
        let value = trailers.get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    match text(&trailers, "grpc-status") {
        Some(code) if code == "0" => Ok(()),
        Some(code) => Err(GrpcError::Failed {
            code,
            message: text(&trailers, "grpc-message").unwrap_or_default(),
        }),
        None => Err(GrpcError::NoOutcome),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// A server that reads all it is sent and ends with this status.
    async fn served(status: &'static str, messages: usize) -> (Result<(), GrpcError>, usize) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let server = async move {
            let (stream, _) = listener.accept().await.expect("a call");
            let mut connection = h2::server::handshake(stream).await.expect("HTTP/2");
            let (request, mut respond) = connection.accept().await.expect("one").expect("a call");
            assert_eq!(request.uri().path(), "/a.B/C");
            let mut body = request.into_body();
            let reading = async {
                let mut octets = 0;
                while let Some(data) = body.data().await {
                    let length = data.expect("data").len();
                    octets += length;
                    let control = body.flow_control();
                    control.release_capacity(length).expect("room");
                }
                octets
            };
            let octets = tokio::select! {
                octets = reading => octets,
                _ = connection.accept() => panic!("a second call"),
            };
            let mut answer = respond
                .send_response(Response::new(()), false)
                .expect("a head");
            let mut trailers = HeaderMap::new();
            trailers.insert("grpc-status", status.parse().expect("a status"));
            trailers.insert("grpc-message", "no such path".parse().expect("a text"));
            answer.send_trailers(trailers).expect("trailers");
            while connection.accept().await.is_some() {}
            octets
        };
        let client = async move {
            let stream = TcpStream::connect(address).await.expect("a server");
            // More than the window of a stream.
            let messages = vec![Bytes::from(vec![7; 50_000]); messages];
            call(stream, "/a.B/C", messages).await
        };
        let local = tokio::task::LocalSet::new();
        let (octets, outcome) = local
            .run_until(async { tokio::join!(server, client) })
            .await;
        (outcome, octets)
    }

    #[tokio::test]
    async fn all_is_sent_and_the_outcome_is_heard() {
        let (outcome, octets) = served("0", 10).await;
        assert!(outcome.is_ok(), "{outcome:?}");
        assert_eq!(octets, 500_000);
    }

    #[tokio::test]
    async fn a_refusal_says_why() {
        let (outcome, _) = served("3", 1).await;
        let error = outcome.expect_err("refused").to_string();
        assert_eq!(error, "failed (code 3): no such path");
    }
}
