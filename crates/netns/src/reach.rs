//! Whether a TCP or UDP port can be reached from a namespace.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::ns::{Context, NetNs, NsError};
use crate::tcp;

/// What has ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Connections.
    Tcp,
    /// Datagrams.
    Udp,
}

/// One attempt to reach a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// The address it is made from; `None`: what the routes suggest.
    pub source: Option<IpAddr>,
    /// Whom to reach.
    pub to: SocketAddr,
    /// By what.
    pub protocol: Transport,
    /// Whether a [`Listener`] is there, which says what it is told. Otherwise that a connection is made is enough;
    /// UDP has none, so it needs one.
    pub echo: bool,
    /// How long it may take.
    pub timeout: Duration,
}

/// Why a port was not reached.
#[derive(Debug, thiserror::Error)]
pub enum ReachError {
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// Refused, or not sent.
    #[error("not reached")]
    Refused(#[source] io::Error),
    /// Something else than what it was told came back.
    #[error("somebody else answered")]
    Stranger,
    /// No socket could be opened.
    #[error(transparent)]
    Socket(#[from] NsError),
}

impl ReachError {
    /// Whether it says nothing of the network.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Socket(_))
    }

    /// Whether something listens on that port already.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Socket(error) if error.source.kind() == io::ErrorKind::AddrInUse)
    }
}

/// Listens on a port of a namespace and says what it is told, until dropped.
#[derive(Debug)]
pub struct Listener(JoinHandle<()>);

impl Listener {
    /// Listens on every address of the namespace. Must be called inside a tokio runtime.
    pub fn open(
        ns: &NetNs,
        protocol: Transport,
        ipv6: bool,
        port: u16,
    ) -> Result<Self, ReachError> {
        let any: IpAddr = if ipv6 {
            Ipv6Addr::UNSPECIFIED.into()
        } else {
            Ipv4Addr::UNSPECIFIED.into()
        };
        let at = SocketAddr::new(any, port);
        Ok(Self(match protocol {
            Transport::Tcp => tokio::spawn(serve(tcp::listen_in(ns, at)?)),
            Transport::Udp => tokio::spawn(answer(udp_in(ns, at)?)),
        }))
    }

    /// Listens no more: when it returns, the port is free for another.
    pub async fn close(mut self) {
        self.0.abort();
        // It was aborted, which is no news.
        let _ = (&mut self.0).await;
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What is told, and must come back.
const WORD: [u8; 16] = *b"labgen was here\n";

/// Tries to reach the port from `ns`: how long it took. Must be called inside a tokio runtime.
pub async fn reach(ns: &NetNs, attempt: &Attempt) -> Result<Duration, ReachError> {
    let began = Instant::now();
    let trying = async {
        match attempt.protocol {
            Transport::Tcp => connect(ns, attempt).await,
            Transport::Udp => exchange(ns, attempt).await,
        }
    };
    let outcome = timeout(attempt.timeout, trying).await;
    outcome.unwrap_or(Err(ReachError::Timeout(attempt.timeout)))?;
    Ok(began.elapsed())
}

async fn connect(ns: &NetNs, attempt: &Attempt) -> Result<(), ReachError> {
    let socket = tcp::socket_in(ns, attempt.to)?;
    if let Some(source) = attempt.source {
        let bound = socket.bind(SocketAddr::new(source, 0));
        bound.context(format!("connect from `{source}`"))?;
    }
    let mut stream = socket
        .connect(attempt.to)
        .await
        .map_err(ReachError::Refused)?;
    if attempt.echo {
        let mut said = [0; WORD.len()];
        let told = stream.write_all(&WORD).await;
        told.map_err(ReachError::Refused)?;
        let heard = stream.read_exact(&mut said).await;
        heard.map_err(ReachError::Refused)?;
        return same(&said);
    }
    Ok(())
}

async fn exchange(ns: &NetNs, attempt: &Attempt) -> Result<(), ReachError> {
    let any: IpAddr = match attempt.to {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let from = SocketAddr::new(attempt.source.unwrap_or(any), 0);
    let socket = udp_in(ns, from)?;
    // Connected: only its answer is heard, and refusals are.
    socket
        .connect(attempt.to)
        .await
        .map_err(ReachError::Refused)?;
    socket.send(&WORD).await.map_err(ReachError::Refused)?;
    let mut said = [0; WORD.len() + 1];
    let length = socket.recv(&mut said).await.map_err(ReachError::Refused)?;
    same(&said[..length])
}

fn same(said: &[u8]) -> Result<(), ReachError> {
    if said == WORD {
        Ok(())
    } else {
        Err(ReachError::Stranger)
    }
}

fn udp_in(ns: &NetNs, at: SocketAddr) -> Result<UdpSocket, NsError> {
    let action = || format!("open UDP socket `{at}`");
    let socket = ns
        .run(|| std::net::UdpSocket::bind(at))?
        .context(action())?;
    socket.set_nonblocking(true).context(action())?;
    UdpSocket::from_std(socket).context(action())
}

async fn serve(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(repeat(stream))),
            // Of a connection that was gone before it was taken there is nothing to say.
            Err(error) if is_of_one_connection(&error) => {}
            // Asking again would go round without end; that nobody listens any more is seen.
            Err(_) => return,
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}

async fn repeat(mut stream: TcpStream) {
    let mut said = [0; 256];
    while let Ok(length @ 1..) = stream.read(&mut said).await {
        if stream.write_all(&said[..length]).await.is_err() {
            return;
        }
    }
}

async fn answer(socket: UdpSocket) {
    let mut said = [0; 256];
    loop {
        // Errors are news of earlier answers.
        if let Ok((length, from)) = socket.recv_from(&mut said).await {
            let _ = socket.send_to(&said[..length], from).await;
        }
    }
}
