use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use bgp_transport::{ListenError, Listener, Seldom};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet, time::sleep};
use tracing::{info, warn};

/// All the sockets on which clients call.
#[derive(Debug)]
pub(crate) struct Doors {
    calls: mpsc::Receiver<(TcpStream, SocketAddr)>,
    /// Ends with us.
    _porters: JoinSet<()>,
}

impl Doors {
    /// Listens on these addresses; on all if there are none.
    pub(crate) fn open(addresses: &[IpAddr], port: u16) -> Result<Self, ListenError> {
        let listeners = if addresses.is_empty() {
            vec![anywhere(port)?]
        } else {
            let bind = |address: &IpAddr| Listener::bind(SocketAddr::new(*address, port));
            addresses.iter().map(bind).collect::<Result<_, _>>()?
        };
        let (sender, calls) = mpsc::channel(16);
        let mut porters = JoinSet::new();
        for listener in listeners {
            match listener.local_addr() {
                Ok(address) => info!(%address, "listening"),
                Err(error) => warn!(%error, "listening, but where?"),
            }
            porters.spawn(answer(listener, sender.clone()));
        }
        Ok(Self {
            calls,
            _porters: porters,
        })
    }

    /// The next client.
    pub(crate) async fn next(&mut self) -> (TcpStream, SocketAddr) {
        match self.calls.recv().await {
            Some(call) => call,
            // Porters only go when we do.
            None => std::future::pending().await,
        }
    }
}

/// IPv6 takes IPv4 too, where there is IPv6.
fn anywhere(port: u16) -> Result<Listener, ListenError> {
    let v6 = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port);
    match Listener::bind(v6) {
        Err(ListenError::Other { .. } | ListenError::NotLocal(_)) => {
            Listener::bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
        }
        result => result,
    }
}

async fn answer(listener: Listener, calls: mpsc::Sender<(TcpStream, SocketAddr)>) {
    let mut failures = Seldom::default();
    loop {
        match listener.accept().await {
            Ok(call) => {
                if calls.send(call).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                if let Some(times) = failures.happened() {
                    warn!(%error, times, "cannot take a call");
                }
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

/// How long to wait after a call could not be taken: usually there are too many open files, which trying at once
/// would not mend. The call waits in the kernel.
pub(crate) const AFTER_FAILURE: Duration = Duration::from_millis(100);
