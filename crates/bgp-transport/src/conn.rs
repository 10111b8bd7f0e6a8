use std::{collections::VecDeque, io, io::IoSlice, time::Duration};

use bgp_session::LinkId;
use bgp_wire::{DecodeContext, raw::Framer};
use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::Outgoing;

/// One open TCP connection with what was read and not yet framed, and what is to be written.
#[derive(Debug)]
pub(crate) struct Conn {
    pub(crate) id: LinkId,
    pub(crate) stream: TcpStream,
    pub(crate) framer: Framer,
    out: VecDeque<Bytes>,
    out_octets: usize,
    /// Part of the first message in `out` has been written.
    started: bool,
    /// How to read what the peer sends.
    pub(crate) context: DecodeContext,
    /// The routes of the session, once this is its connection.
    pub(crate) outgoing: Option<Outgoing>,
    /// The kernel takes no more for now.
    pub(crate) blocked: bool,
}

/// How writing went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// All of it.
    All,
    /// Some or none; the peer is behind.
    Part { progress: bool },
}

impl Conn {
    pub(crate) fn new(id: LinkId, stream: TcpStream) -> Self {
        // Batches are made here; the kernel need not wait for more. Failing costs only latency.
        let _ = stream.set_nodelay(true);
        Self {
            id,
            stream,
            framer: Framer::new(),
            out: VecDeque::new(),
            out_octets: 0,
            started: false,
            context: DecodeContext::default(),
            outgoing: None,
            blocked: false,
        }
    }

    pub(crate) fn push(&mut self, message: Bytes) {
        self.out_octets += message.len();
        self.out.push_back(message);
    }

    /// The last words: what was not begun is dropped, so that they are not stuck behind a table.
    pub(crate) fn push_last(&mut self, message: Bytes) {
        self.outgoing = None;
        self.out.truncate(usize::from(self.started));
        self.out_octets = self.out.iter().map(Bytes::len).sum();
        self.push(message);
    }

    /// Writes as much as the kernel takes, many messages in one call.
    pub(crate) fn write(&mut self) -> io::Result<Written> {
        let mut progress = false;
        loop {
            if let Some(outgoing) = &self.outgoing {
                outgoing.take(&mut self.out, &mut self.out_octets, BATCH_OCTETS);
            }
            if self.out.is_empty() {
                self.blocked = false;
                return Ok(Written::All);
            }
            let slices: Vec<IoSlice<'_>> = self
                .out
                .iter()
                .take(BATCH_SLICES)
                .map(|bytes| IoSlice::new(bytes))
                .collect();
            match self.stream.try_write_vectored(&slices) {
                Ok(written) => {
                    progress = true;
                    self.advance(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked = true;
                    return Ok(Written::Part { progress });
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn advance(&mut self, mut written: usize) {
        self.out_octets -= written;
        while written > 0
            && let Some(first) = self.out.front_mut()
        {
            if written < first.len() {
                *first = first.slice(written..);
                self.started = true;
                return;
            }
            written -= first.len();
            self.out.pop_front();
            self.started = false;
        }
    }

    /// Delivers the last words. Closing with unread bytes would make the kernel send a reset, which can
    /// overtake a NOTIFICATION; so the peer's bytes are read until it closes too, or time is up.
    pub(crate) async fn linger(mut self) {
        let farewell = async {
            while let Some(message) = self.out.pop_front() {
                self.stream.write_all(&message).await?;
            }
            self.stream.shutdown().await?;
            let mut rest = [0; 4096];
            while self.stream.read(&mut rest).await? > 0 {}
            io::Result::Ok(())
        };
        // Either it worked or the peer does not listen; nobody is left to be told.
        let _ = timeout(LINGER, farewell).await;
    }
}

/// What is taken from the queue at once: enough for one big write, little enough that a KEEPALIVE is not late.
const BATCH_OCTETS: usize = 256 << 10;
/// As many as `writev` takes on Linux.
const BATCH_SLICES: usize = 1024;
const LINGER: Duration = Duration::from_secs(2);
