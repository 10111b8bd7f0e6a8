use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bgp_wire::RawMessage;
use bytes::Bytes;
use tokio::sync::Notify;

use crate::MessageCounts;

/// The way to one peer for as long as one session lasts. What is put in after its end goes nowhere, so that
/// nothing meant for one session can reach the next. Cheap to clone; never blocks.
#[derive(Clone)]
pub struct Outgoing(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    wake: Notify,
    max: usize,
    counts: Arc<MessageCounts>,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Bytes>,
    octets: usize,
    closed: bool,
    overflowed: bool,
}

impl Outgoing {
    pub(crate) fn new(max: usize, counts: Arc<MessageCounts>) -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::default(),
            wake: Notify::new(),
            max,
            counts,
        }))
    }

    /// Sends one message.
    pub fn send(&self, message: &RawMessage) {
        self.send_encoded([message.encode()]);
    }

    /// Sends messages in this order, none of another sender between them.
    pub fn send_all<'a>(&self, messages: impl IntoIterator<Item = &'a RawMessage>) {
        self.send_encoded(messages.into_iter().map(RawMessage::encode));
    }

    /// Sends whole messages that are bytes already; the same bytes can go to many peers uncopied.
    pub fn send_encoded(&self, messages: impl IntoIterator<Item = Bytes>) {
        let mut queue = self.queue();
        if queue.closed || queue.overflowed {
            return;
        }
        for message in messages {
            queue.octets += message.len();
            queue.messages.push_back(message);
        }
        if queue.octets > self.0.max {
            // The session cannot go on with a gap in what was said: the task will end it.
            queue.overflowed = true;
            queue.messages = VecDeque::new();
        }
        drop(queue);
        self.0.wake.notify_one();
    }

    /// Octets that wait to be sent.
    pub fn queued(&self) -> usize {
        self.queue().octets
    }

    /// Whether the session is gone.
    pub fn is_closed(&self) -> bool {
        self.queue().closed
    }

    /// Moves messages to `to` until that holds `limit` octets or more; `octets` keeps count.
    pub(crate) fn take(&self, to: &mut VecDeque<Bytes>, octets: &mut usize, limit: usize) {
        let mut queue = self.queue();
        while *octets < limit
            && let Some(message) = queue.messages.pop_front()
        {
            queue.octets -= message.len();
            *octets += message.len();
            self.0.counts.note_sent(&message);
            to.push_back(message);
        }
    }

    /// Whether more was put in than may wait.
    pub(crate) fn overflowed(&self) -> bool {
        self.queue().overflowed
    }

    pub(crate) fn close(&self) {
        let mut queue = self.queue();
        *queue = Queue {
            closed: true,
            ..Queue::default()
        };
    }

    /// Until something was put in since the last call.
    pub(crate) async fn filled(&self) {
        self.0.wake.notified().await;
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing in here panics half-way.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("queued", &self.queued())
            .finish_non_exhaustive()
    }
}
