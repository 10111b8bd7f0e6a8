//! The reflector's event loop: sessions in, the rules of [`bgp_rib::reflector`], messages out.

mod hub;
mod obey;
mod send;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use crate::{
    args::Args,
    control::{Desk, Order},
    listen::Doors,
    status::{Counter, Question},
};
use hub::Hub;

/// Reflects until `stop`, then says Cease to every client.
pub(crate) async fn run(
    args: &Args,
    mut doors: Doors,
    mut counter: Option<Counter>,
    mut desk: Option<Desk>,
    stop: impl Future<Output = ()>,
) {
    let (sender, mut events) = mpsc::channel(CHANNEL);
    let mut hub = Hub::new(args, sender);
    let mut stop = std::pin::pin!(stop);
    let mut batch = Vec::with_capacity(CHANNEL);
    loop {
        let deferred_until = hub.deferred_until();
        tokio::select! {
            () = until(deferred_until) => hub.deferral_over(),
            () = &mut stop => break,
            (stream, address) = doors.next() => hub.called(stream, address),
            (question, to) = asked(&mut counter) => {
                // Who asked may have gone.
                let _ = to.send(hub.answer(question));
            }
            order = ordered(&mut desk) => {
                hub.obey(order);
                hub.flush();
            }
            _ = events.recv_many(&mut batch, CHANNEL) => {
                for (client, event) in batch.drain(..) {
                    hub.take(client, event);
                }
                hub.flush();
            }
        }
        if let Some(counter) = &counter {
            let (clients, routes) = hub.news();
            counter.changed(clients, routes);
        }
    }
    hub.stop().await;
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

async fn asked(counter: &mut Option<Counter>) -> Question {
    match counter {
        Some(counter) => counter.question().await,
        None => std::future::pending().await,
    }
}

async fn ordered(desk: &mut Option<Desk>) -> Order {
    match desk {
        Some(desk) => desk.order().await,
        None => std::future::pending().await,
    }
}

/// Events that wait for the reflector. More wait in the sessions, and then in the clients' sockets.
const CHANNEL: usize = 4096;
