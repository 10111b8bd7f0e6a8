//! Streams whose other end may not take for ever.

use std::{
    future::Future as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// How long a client may take for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From the first octet of a request to the end of its head.
    pub(super) head: Duration,
    /// Without a request.
    pub(super) idle: Duration,
    /// Without taking one more octet of an answer.
    pub(super) stall: Duration,
}

/// A stream that fails when its other end is too slow.
pub(super) struct Patient<S> {
    stream: S,
    patience: Patience,
    /// Whether a request is being answered: until then it is the daemon that takes its time.
    busy: Arc<AtomicBool>,
    was_busy: bool,
    is_idle: bool,
    read: Pin<Box<Sleep>>,
    write: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// A stream that has just been opened; `busy` is set while a request is being answered.
    pub(super) fn new(stream: S, patience: Patience, busy: Arc<AtomicBool>) -> Self {
        Self {
            stream,
            patience,
            busy,
            was_busy: false,
            is_idle: true,
            read: Box::pin(sleep(patience.head)),
            write: None,
        }
    }

    fn wait_for_request(&mut self) {
        self.is_idle = true;
        self.read
            .as_mut()
            .reset(Instant::now() + self.patience.idle);
    }

    /// Fails when nothing could be written for too long.
    fn stalled(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stall = self.patience.stall;
        let timer = self.write.get_or_insert_with(|| Box::pin(sleep(stall)));
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(too_slow("takes too long to read the answer")))
    }

    fn flowing(&mut self) {
        self.write = None;
        if self.is_idle {
            // The answer is still going out: the time until the next request starts with its last octet.
            self.wait_for_request();
        }
    }
}

fn too_slow(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let busy = this.busy.load(Ordering::Relaxed);
        if this.was_busy && !busy {
            this.wait_for_request();
        }
        this.was_busy = busy;
        let before = buffer.filled().len();
        if let Poll::Ready(result) = Pin::new(&mut this.stream).poll_read(cx, buffer) {
            if this.is_idle && !busy && buffer.filled().len() > before {
                this.is_idle = false;
                this.read
                    .as_mut()
                    .reset(Instant::now() + this.patience.head);
            }
            return Poll::Ready(result);
        }
        if busy {
            return Poll::Pending;
        }
        ready!(this.read.as_mut().poll(cx));
        Poll::Ready(Err(too_slow("takes too long to send a request")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Poll::Ready(written) = Pin::new(&mut this.stream).poll_write(cx, octets) {
            this.flowing();
            return Poll::Ready(written);
        }
        this.stalled(cx).map(|result| result.map(|()| 0))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Poll::Ready(written) = Pin::new(&mut this.stream).poll_write_vectored(cx, slices) {
            this.flowing();
            return Poll::Ready(written);
        }
        this.stalled(cx).map(|result| result.map(|()| 0))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_flush(cx) {
            Poll::Ready(result) => {
                this.write = None;
                Poll::Ready(result)
            }
            Poll::Pending => this.stalled(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_shutdown(cx) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => this.stalled(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    const PATIENCE: Patience = Patience {
        head: Duration::from_secs(10),
        idle: Duration::from_secs(120),
        stall: Duration::from_secs(30),
    };

    /// A client's end, and the daemon's with the word that a request is being answered.
    fn ends() -> (DuplexStream, Patient<DuplexStream>, Arc<AtomicBool>) {
        let (client, stream) = duplex(16);
        let busy = Arc::new(AtomicBool::new(false));
        let patient = Patient::new(stream, PATIENCE, Arc::clone(&busy));
        (client, patient, busy)
    }

    /// How long reading goes on until it fails.
    async fn until_dropped(patient: &mut Patient<DuplexStream>) -> Duration {
        let start = Instant::now();
        loop {
            match patient.read(&mut [0; 8]).await {
                Ok(0) => panic!("the client has left"),
                Ok(_) => {}
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
                    return start.elapsed();
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_an_octet_now_and_then_is_dropped_all_the_same() {
        let (mut client, mut patient, _) = ends();
        let trickle = async {
            loop {
                sleep(Duration::from_secs(1)).await;
                client.write_all(b"x").await.unwrap();
            }
        };
        let dropped = tokio::select! {
            () = trickle => unreachable!(),
            dropped = until_dropped(&mut patient) => dropped,
        };
        // A second until the first octet, then the time that a head may take.
        assert_eq!(dropped.as_secs(), 11);
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_is_dropped_sooner_at_first_than_between_requests() {
        let (_client, mut patient, _) = ends();
        assert_eq!(until_dropped(&mut patient).await, PATIENCE.head);
        let (mut client, mut patient, busy) = ends();
        client.write_all(b"request").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(patient.read(&mut buffer).await.unwrap(), 7);
        busy.store(true, Ordering::Relaxed);
        // However long the answer takes, the client is not to blame.
        let read = tokio::time::timeout(Duration::from_secs(600), patient.read(&mut buffer));
        assert!(read.await.is_err());
        busy.store(false, Ordering::Relaxed);
        assert_eq!(until_dropped(&mut patient).await, PATIENCE.idle);
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_the_answer_is_dropped() {
        let (_client, mut patient, _) = ends();
        let start = Instant::now();
        let error = patient.write_all(&[0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(start.elapsed(), PATIENCE.stall);
        // Whoever reads slowly is served.
        let (mut slow, mut patient, _) = ends();
        let read = async {
            for _ in 0..4 {
                sleep(Duration::from_secs(29)).await;
                slow.read_exact(&mut [0; 16]).await.unwrap();
            }
        };
        let (written, ()) = tokio::join!(patient.write_all(&[0; 64]), read);
        written.unwrap();
    }
}
