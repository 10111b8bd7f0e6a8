//! Two TCP connections face to face, byte for byte.

use std::{io, net::SocketAddr, ops::ControlFlow};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
};
use tracing::{info, warn};

use crate::listen::Doors;

/// Joins clients pair by pair, one pair at a time, until `stop`.
pub(crate) async fn run(mut doors: Doors, stop: impl Future<Output = ()>) {
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            () = pair(&mut doors) => {}
        }
    }
}

/// One pair, from the first call to the end of either.
async fn pair(doors: &mut Doors) {
    let (mut first, address) = doors.next().await;
    info!(peer = %address, "got new peer: it is the first, will buffer what it says");
    let mut said = Vec::new();
    let (mut second, other) = loop {
        tokio::select! {
            call = doors.next() => break call,
            heard = hear(&mut first, &mut said), if said.len() < MAX_BUFFER => {
                if heard.is_break() {
                    info!(peer = %address, "lost peer, waiting for a first one again");
                    return;
                }
            }
        }
    };
    info!(peer = %other, first = %address, "got new peer: now ready");
    for stream in [&first, &second] {
        // Failing costs only latency.
        let _ = stream.set_nodelay(true);
    }
    if second.write_all(&said).await.is_ok() {
        tokio::select! {
            () = relay(&mut first, &mut second) => {}
            () = turn_away(doors, address, other) => {}
        }
    }
    info!(first = %address, second = %other, "lost peer, closing both");
}

/// Something the first client says while it is alone.
async fn hear(stream: &mut TcpStream, said: &mut Vec<u8>) -> ControlFlow<()> {
    match stream.read_buf(said).await {
        Ok(1..) => ControlFlow::Continue(()),
        Ok(0) | Err(_) => ControlFlow::Break(()),
    }
}

/// Copies both ways until either side ends, what came before the end included.
async fn relay(a: &mut TcpStream, b: &mut TcpStream) {
    let ((a_in, a_out), (b_in, b_out)) = (a.split(), b.split());
    // How a connection ended makes no difference to the other one.
    let _ = tokio::select! {
        result = copy(a_in, b_out) => result,
        result = copy(b_in, a_out) => result,
    };
}

async fn copy(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) -> io::Result<()> {
    tokio::io::copy(&mut from, &mut to).await?;
    to.shutdown().await
}

/// Refuses everybody else.
async fn turn_away(doors: &mut Doors, first: SocketAddr, second: SocketAddr) {
    loop {
        let (stream, address) = doors.next().await;
        warn!(peer = %address, %first, %second, "refused: two peers are connected already");
        drop(stream);
    }
}

/// What the first client may say before there is a second; then it has to wait. Far more than a handshake.
const MAX_BUFFER: usize = 1 << 20;
