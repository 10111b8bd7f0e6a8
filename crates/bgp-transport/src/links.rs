use std::{
    future::poll_fn,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    task::{Context, Poll, Waker},
};

use bgp_session::LinkId;
use tokio::{
    net::{TcpSocket, TcpStream},
    task::JoinSet,
};

use crate::{Password, PeerConfig, conn::Conn};

/// The connections of one peer: open ones, the one being opened, and those saying goodbye.
#[derive(Default)]
pub(crate) struct Links {
    pub(crate) conns: Vec<Conn>,
    connecting: Option<(LinkId, Connecting)>,
    lingering: JoinSet<()>,
}

/// Connections that may say goodbye at a time. Who opens more than that is not told why they are closed.
const MAX_LINGERING: usize = 16;

type Connecting = Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send>>;

/// Something a connection wants.
#[derive(Debug)]
pub(crate) enum Wake {
    Connected(LinkId, io::Result<TcpStream>),
    Readable(LinkId),
    Writable,
}

impl Links {
    pub(crate) fn get(&mut self, id: LinkId) -> Option<&mut Conn> {
        self.conns.iter_mut().find(|conn| conn.id == id)
    }

    pub(crate) fn connect(&mut self, id: LinkId, config: &PeerConfig) {
        let (remote, local) = (config.remote, config.local);
        let connecting = connect(remote, local, config.password.clone());
        self.connecting = Some((id, Box::pin(connecting)));
    }

    /// Gives up an attempt, or lets a connection finish what it has to say.
    pub(crate) fn close(&mut self, id: LinkId) {
        let conn = self.remove(id);
        while self.lingering.try_join_next().is_some() {}
        if let Some(conn) = conn
            && self.lingering.len() < MAX_LINGERING
        {
            self.lingering.spawn(conn.linger());
        }
    }

    /// Forgets an attempt or a connection.
    pub(crate) fn remove(&mut self, id: LinkId) -> Option<Conn> {
        self.connecting.take_if(|(connecting, _)| *connecting == id);
        let index = self.conns.iter().position(|conn| conn.id == id)?;
        Some(self.conns.remove(index))
    }

    /// Until all goodbyes are said.
    pub(crate) async fn finish(mut self) {
        while self.lingering.join_next().await.is_some() {}
    }

    /// The next thing to do; nothing is readable unless we `may_read`.
    pub(crate) async fn next(&mut self, may_read: bool) -> Wake {
        poll_fn(|cx| self.poll(may_read, cx)).await
    }

    fn poll(&mut self, may_read: bool, cx: &mut Context<'_>) -> Poll<Wake> {
        if let Some((id, connecting)) = &mut self.connecting
            && let Poll::Ready(result) = connecting.as_mut().poll(cx)
        {
            let id = *id;
            self.connecting = None;
            return Poll::Ready(Wake::Connected(id, result));
        }
        for conn in &self.conns {
            if conn.blocked && conn.stream.poll_write_ready(cx).is_ready() {
                return Poll::Ready(Wake::Writable);
            }
            if may_read && conn.stream.poll_read_ready(cx).is_ready() {
                return Poll::Ready(Wake::Readable(conn.id));
            }
        }
        Poll::Pending
    }

    /// Connections with bytes to be read, as far as is known.
    pub(crate) fn readable(&self) -> Vec<LinkId> {
        let mut cx = Context::from_waker(Waker::noop());
        let ready = |conn: &&Conn| conn.stream.poll_read_ready(&mut cx).is_ready();
        self.conns
            .iter()
            .filter(ready)
            .map(|conn| conn.id)
            .collect()
    }
}

async fn connect(
    remote: SocketAddr,
    local: Option<IpAddr>,
    password: Option<Password>,
) -> io::Result<TcpStream> {
    let socket = match remote {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    if let Some(password) = password {
        netns::tcp::sign(&socket, remote.ip(), password.key())?;
    }
    if let Some(local) = local {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    socket.connect(remote).await
}
