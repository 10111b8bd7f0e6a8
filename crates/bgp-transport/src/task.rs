use std::{
    collections::VecDeque,
    io,
    mem::{Discriminant, discriminant},
    sync::Arc,
    time::SystemTime,
};

use bgp_session::{Action, Delivery, Event, LinkId, Malformed, Moment, Notice, Session};
use bgp_wire::{Message, Notification, RawMessage, notification::cease, raw};
use bytes::Bytes;
use tokio::{
    net::TcpStream,
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, sleep_until},
};
use tracing::{debug, info};

use crate::{
    MessageCounts, Outgoing, PeerConfig, PeerEvent, SeldomOf,
    conn::{Conn, Written},
    handle::Command,
    links::{Links, Wake},
};

/// Runs one peer until it is told to stop, or nobody listens to its events any more.
pub(crate) async fn run<K: Clone>(
    key: K,
    config: PeerConfig,
    events: mpsc::Sender<(K, PeerEvent)>,
    mut commands: mpsc::UnboundedReceiver<Command>,
    mut calls: mpsc::Receiver<TcpStream>,
    counts: Arc<MessageCounts>,
) {
    let mut task = Task::new(config, counts);
    task.process(Event::Start);
    let farewell = loop {
        task.flush();
        if !task.deliver(&key, &events) {
            break String::new();
        }
        if task.is_over() {
            return task.end(key, &events).await;
        }
        let deadline = task
            .session
            .next_deadline()
            .map(|moment| task.epoch + moment.0);
        let may_read = task.pending.len() < MAX_PENDING;
        let Task {
            links,
            outgoing,
            pending,
            ..
        } = &mut task;
        tokio::select! {
            biased;
            command = commands.recv() => match command {
                Some(Command::Reset(notification)) => task.process(Event::Reset(notification)),
                Some(Command::Stop(text)) => break text,
                None => break String::new(),
            },
            Some(stream) = calls.recv() => task.accept(stream),
            // Before reading: a peer that never stops sending must not keep our KEEPALIVEs from leaving.
            () = until(deadline) => task.tick(may_read),
            wake = links.next(may_read) => task.wake(wake),
            () = filled(outgoing.as_ref()) => {}
            // Whether there is room or nobody there, the next round finds out.
            _ = events.reserve(), if !pending.is_empty() => {}
        }
    };
    task.process(Event::Stop(farewell));
    task.deliver(&key, &events);
    task.links.finish().await;
}

async fn filled(outgoing: Option<&Outgoing>) {
    match outgoing {
        Some(outgoing) => outgoing.filled().await,
        None => std::future::pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

struct Task {
    config: PeerConfig,
    session: Session,
    epoch: Instant,
    links: Links,
    /// Events the caller has not had room for.
    pending: VecDeque<PeerEvent>,
    outgoing: Option<Outgoing>,
    accepted: u32,
    /// What the peer can cause as often as it likes.
    notices: SeldomOf<Discriminant<Notice>>,
    buffer: Box<[u8]>,
    counts: Arc<MessageCounts>,
}

impl Task {
    fn new(config: PeerConfig, counts: Arc<MessageCounts>) -> Self {
        Self {
            session: Session::new(config.session.clone()),
            epoch: Instant::now(),
            links: Links::default(),
            pending: VecDeque::new(),
            outgoing: None,
            accepted: 0,
            notices: SeldomOf::default(),
            buffer: vec![0; READ_OCTETS].into_boxed_slice(),
            counts,
            config,
        }
    }

    /// Whether there was one connection and there was to be no other.
    fn is_over(&self) -> bool {
        self.config.once && self.accepted > 0 && self.session.links().next().is_none()
    }

    async fn end<K: Clone>(mut self, key: K, events: &mpsc::Sender<(K, PeerEvent)>) {
        self.pending.push_back(PeerEvent::Ended);
        let goodbye = self.links.finish();
        let pending = self.pending;
        let deliver = async move {
            for event in pending {
                // Nobody there is nobody to be told.
                let _ = events.send((key.clone(), event)).await;
            }
        };
        tokio::join!(goodbye, deliver);
    }

    fn process(&mut self, event: Event) {
        let now = Moment(self.epoch.elapsed());
        for action in self.session.handle(event, now) {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        let peer = self.config.remote;
        match action {
            Action::Connect(id) => self.links.connect(id, &self.config),
            Action::Close(id) => self.links.close(id),
            Action::Send(id, message) => self.send(id, &message),
            Action::StateChanged { from, to, why } => {
                debug!(%peer, %from, %to, %why, "state changed");
                let at = SystemTime::now();
                self.pending
                    .push_back(PeerEvent::State { from, to, why, at });
            }
            Action::Established(id, negotiated) => {
                let outgoing = Outgoing::new(self.config.max_queue, Arc::clone(&self.counts));
                if let Some(conn) = self.links.get(id) {
                    conn.outgoing = Some(outgoing.clone());
                }
                self.outgoing = Some(outgoing.clone());
                self.pending.push_back(PeerEvent::Established {
                    negotiated,
                    outgoing,
                });
            }
            Action::Down(reason) => {
                if let Some(outgoing) = self.outgoing.take() {
                    outgoing.close();
                }
                self.pending.push_back(PeerEvent::Down(reason));
            }
            Action::Deliver(Delivery::Update(update)) => {
                self.pending.push_back(PeerEvent::Update(Box::new(update)));
            }
            Action::Deliver(Delivery::RouteRefresh(refresh)) => {
                self.pending.push_back(PeerEvent::RouteRefresh(refresh));
            }
            Action::Log(notice) => self.log(&notice),
        }
    }

    fn log(&mut self, notice: &Notice) {
        let peer = self.config.remote;
        match notice {
            Notice::FamilyMissing(_) => info!(%peer, "{notice}"),
            // Our own calls pace themselves.
            Notice::LinkLost {
                link: LinkId::Out(_),
                ..
            } => info!(%peer, "{notice}"),
            _ => {
                if let Some(times) = self.notices.happened(discriminant(notice)) {
                    info!(%peer, times, "{notice}");
                }
            }
        }
    }

    fn send(&mut self, id: LinkId, message: &Message) {
        let Some(conn) = self.links.get(id) else {
            return;
        };
        // None of the messages a session sends by itself depends on what was negotiated.
        let bytes = message.encode().encode();
        self.counts.note_sent(&bytes);
        match message {
            Message::Notification(_) => conn.push_last(bytes),
            _ => conn.push(bytes),
        }
    }

    fn accept(&mut self, stream: TcpStream) {
        let id = LinkId::In(self.accepted);
        self.accepted = self.accepted.wrapping_add(1);
        self.links.conns.push(Conn::new(id, stream));
        self.process(Event::TcpConnected(id));
    }

    fn wake(&mut self, wake: Wake) {
        match wake {
            Wake::Connected(id, Ok(stream)) => {
                self.links.conns.push(Conn::new(id, stream));
                self.process(Event::TcpConnected(id));
            }
            Wake::Connected(id, Err(error)) => {
                info!(peer = %self.config.remote, %error, "cannot connect");
                self.process(Event::TcpFailed(id));
            }
            Wake::Readable(id) => self.read(id),
            Wake::Writable => {}
        }
    }

    fn tick(&mut self, may_read: bool) {
        // If this process was held up, the peer's KEEPALIVE lies here, and it must not be declared dead.
        for id in self.links.readable() {
            if may_read {
                self.read(id)
            } else {
                self.process(Event::ReadDeferred(id))
            }
        }
        self.process(Event::Tick);
    }

    fn read(&mut self, id: LinkId) {
        let Some(conn) = self.links.get(id) else {
            return;
        };
        match conn.stream.try_read(&mut self.buffer) {
            Ok(0) => self.lost(id),
            Ok(length) => {
                conn.framer.push(&self.buffer[..length]);
                while let Some(next) = self.links.get(id).and_then(|conn| conn.framer.next()) {
                    let kind = next.as_ref().ok().map(|message| message.kind);
                    if let Some(kind) = kind {
                        self.counts.note_received(kind);
                    }
                    let update = kind == Some(raw::kind::UPDATE);
                    let event = self.decode(id, next.map_err(malformed_header));
                    self.process(event);
                    if !update {
                        self.adopt_negotiated(id);
                    }
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => {
                debug!(peer = %self.config.remote, %error, "cannot read");
                self.lost(id);
            }
        }
    }

    fn decode(&mut self, id: LinkId, message: Result<RawMessage, Malformed>) -> Event {
        let Some(conn) = self.links.get(id) else {
            return Event::TcpClosed(id);
        };
        let decoded = message.and_then(|mut raw| {
            // Routes keep slices of their message. In a piece of its own it does not keep all that was read
            // together with it.
            raw.body = Bytes::copy_from_slice(&raw.body);
            Message::decode(&raw, &conn.context).map_err(|error| Malformed {
                notification: error.notification(),
                what: error.to_string(),
            })
        });
        match decoded {
            Ok(message) => Event::Received(id, message),
            Err(malformed) => Event::Malformed(id, malformed),
        }
    }

    /// What the OPENs agreed on decides how the next bytes are read.
    fn adopt_negotiated(&mut self, id: LinkId) {
        let Some(negotiated) = self.session.negotiated_on(id) else {
            return;
        };
        let context = negotiated.decode_context();
        if let Some(conn) = self.links.get(id) {
            if context.extended_message {
                conn.framer.set_max_len(raw::MAX_EXTENDED_LEN);
            }
            conn.context = context;
        }
    }

    fn lost(&mut self, id: LinkId) {
        self.links.remove(id);
        self.process(Event::TcpClosed(id));
    }

    /// Writes what can be written, until the session has nothing to say about how it went.
    fn flush(&mut self) {
        loop {
            let mut news = Vec::new();
            for conn in &mut self.links.conns {
                let id = conn.id;
                let was_blocked = conn.blocked;
                match conn.write() {
                    Ok(Written::All) if was_blocked => {
                        news.push(Event::SendFlowing {
                            link: id,
                            waiting: false,
                        });
                    }
                    Ok(Written::Part { progress: true }) => {
                        news.push(Event::SendFlowing {
                            link: id,
                            waiting: true,
                        });
                    }
                    Ok(Written::Part { progress: false }) if !was_blocked => {
                        news.push(Event::SendBlocked(id));
                    }
                    Ok(_) => {}
                    Err(error) => {
                        debug!(peer = %self.config.remote, %error, "cannot write");
                        news.push(Event::TcpClosed(id));
                    }
                }
            }
            let overflowed = self.outgoing.as_ref().is_some_and(Outgoing::overflowed);
            if overflowed {
                news.push(Event::Reset(Notification::cease(cease::OUT_OF_RESOURCES)));
            }
            if news.is_empty() {
                return;
            }
            for event in news {
                if let Event::TcpClosed(id) = event {
                    self.links.remove(id);
                }
                self.process(event);
            }
        }
    }

    /// Hands events to the caller as far as there is room. False if nobody takes them any more.
    fn deliver<K: Clone>(&mut self, key: &K, events: &mpsc::Sender<(K, PeerEvent)>) -> bool {
        while let Some(event) = self.pending.pop_front() {
            match events.try_send((key.clone(), event)) {
                Ok(()) => {}
                Err(TrySendError::Full((_, event))) => {
                    self.pending.push_front(event);
                    return true;
                }
                Err(TrySendError::Closed(_)) => return false,
            }
        }
        true
    }
}

fn malformed_header(error: raw::HeaderError) -> Malformed {
    Malformed {
        notification: error.notification(),
        what: error.to_string(),
    }
}

/// Events that wait for the caller before reading stops. One read can add a few thousand to that.
const MAX_PENDING: usize = 1024;
const READ_OCTETS: usize = 64 << 10;
