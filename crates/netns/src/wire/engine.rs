//! The thread that serves all wires of a lab.
//!
//! Being woken for a frame costs more than carrying it. So an end that has said that frames are there is not listened to
//! for as long as some are found whenever it is looked at, [`PAUSE`] apart: a frame that comes after a silence is carried
//! at once, and of many that follow each other closely some wait a moment for others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::EventFd;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::end::End;
use super::{Treatment, Way};

/// What the thread is told.
pub(super) enum Order {
    /// A wire of two ends is there.
    Plug {
        number: u64,
        ends: Vec<End>,
        done: Sender<io::Result<()>>,
    },
    /// A direction does something else to its frames.
    Treat {
        wire: u64,
        way: Way,
        treatment: Treatment,
        done: Sender<()>,
    },
    /// A wire goes.
    Unplug { wire: u64, done: Sender<()> },
    /// All go.
    End,
}

/// An end, by its wire and which of the two it is: twice the wire's number, and one more for the second.
type Key = u64;

/// What the other descriptors are called beside the ends.
const WAKE: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

/// How long after a batch of frames the next is taken.
const PAUSE: Duration = Duration::from_micros(50);

pub(super) struct Engine {
    orders: Receiver<Order>,
    wake: Arc<EventFd>,
    epoll: Epoll,
    timer: TimerFd,
    /// What the timer is set to.
    armed: Option<Duration>,
    began: Instant,
    ends: BTreeMap<Key, End>,
    /// Ends with frames on their way, the next to arrive first.
    due: BTreeSet<(Duration, Key)>,
    /// Ends that are not listened to, the next to be looked at first.
    busy: VecDeque<(Duration, Key)>,
}

/// Once: until it is listened to again.
fn listening(key: Key) -> EpollEvent {
    EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLONESHOT, key)
}

impl Engine {
    pub(super) fn new(orders: Receiver<Order>, wake: Arc<EventFd>) -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        epoll.add(&*wake, EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN, TIMER))?;
        Ok(Self {
            orders,
            wake,
            epoll,
            timer,
            armed: None,
            began: Instant::now(),
            ends: BTreeMap::new(),
            due: BTreeSet::new(),
            busy: VecDeque::new(),
        })
    }

    pub(super) fn run(mut self) {
        let mut events = [EpollEvent::empty(); 64];
        loop {
            let ready = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(ready) => ready,
                Err(Errno::EINTR) => continue,
                Err(error) => {
                    eprintln!("the wires carry nothing any more: {error}");
                    return;
                }
            };
            for event in &events[..ready] {
                match event.data() {
                    WAKE => {
                        let _ = self.wake.read();
                        if self.obey() {
                            return;
                        }
                    }
                    TIMER => {
                        let _ = self.timer.wait();
                        self.armed = None;
                    }
                    key => {
                        if event.events().contains(EpollFlags::EPOLLERR)
                            && let Some(end) = self.ends.get(&key)
                        {
                            end.heed();
                        }
                        self.serve(key);
                    }
                }
            }
            self.look();
            self.arrivals();
            self.arm();
        }
    }

    /// Does what was ordered. Whether that was to end.
    fn obey(&mut self) -> bool {
        while let Ok(order) = self.orders.try_recv() {
            let now = self.began.elapsed();
            match order {
                Order::Plug { number, ends, done } => {
                    let keys = [2 * number, 2 * number + 1];
                    let mut both = ends.iter().zip(keys);
                    let listened =
                        both.try_for_each(|(end, key)| self.epoll.add(end, listening(key)));
                    // An end that is not listened to carries nothing: then both go, and leave the epoll by that.
                    if listened.is_ok() {
                        self.ends.extend(keys.into_iter().zip(ends));
                    }
                    let _ = done.send(listened.map_err(io::Error::from));
                }
                Order::Treat {
                    wire,
                    way,
                    treatment,
                    done,
                } => {
                    self.on(2 * wire + way as u64, |end, to| {
                        end.take_all(to.as_fd(), now);
                        end.treat(treatment);
                        end.publish();
                    });
                    let _ = done.send(());
                }
                Order::Unplug { wire, done } => {
                    for key in [2 * wire, 2 * wire + 1] {
                        self.on(key, |end, to| {
                            end.take_all(to.as_fd(), now);
                            end.flush(to.as_fd());
                        });
                    }
                    for key in [2 * wire, 2 * wire + 1] {
                        // Its descriptor closes, and so leaves the epoll by itself.
                        self.ends.remove(&key);
                    }
                    let _ = done.send(());
                }
                Order::End => return true,
            }
        }
        false
    }

    /// Takes a batch of frames: one, so that no wire waits long for another.
    fn serve(&mut self, key: Key) {
        let now = self.began.elapsed();
        self.on(key, |end, to| {
            end.take(to.as_fd(), now);
            end.publish();
        });
        self.busy.push_back((now + PAUSE, key));
    }

    /// Looks at the ends that are not listened to, and listens again to those that have fallen silent.
    fn look(&mut self) {
        let now = self.began.elapsed();
        while let Some((at, key)) = self.busy.front().copied() {
            if at > now {
                return;
            }
            self.busy.pop_front();
            match self.ends.get(&key) {
                None => {}
                Some(end) if end.is_filled() => self.serve(key),
                Some(end) => {
                    let mut event = listening(key);
                    if let Err(error) = self.epoll.modify(end, &mut event) {
                        eprintln!("a wire carries nothing any more: {error}");
                    }
                }
            }
        }
    }

    /// Sends what has been on its way long enough.
    fn arrivals(&mut self) {
        let now = self.began.elapsed();
        while let Some((at, key)) = self.due.first().copied() {
            if at > now {
                return;
            }
            self.on(key, |end, to| {
                end.arrive(to.as_fd(), now);
                end.publish();
            });
        }
    }

    /// Does something with an end and the one that its frames go to, and notes when it has frames to send next.
    fn on(&mut self, key: Key, act: impl FnOnce(&mut End, &End)) {
        // Out and in again: both are needed at once.
        let Some(mut end) = self.ends.remove(&key) else {
            return;
        };
        let before = end.due();
        if let Some(to) = self.ends.get(&(key ^ 1)) {
            act(&mut end, to);
        }
        let after = end.due();
        if before != after {
            if let Some(at) = before {
                self.due.remove(&(at, key));
            }
            if let Some(at) = after {
                self.due.insert((at, key));
            }
        }
        self.ends.insert(key, end);
    }

    fn arm(&mut self) {
        let arrival = self.due.first().map(|(at, _)| *at);
        let look = self.busy.front().map(|(at, _)| *at);
        let next = arrival.into_iter().chain(look).min();
        if next == self.armed {
            return;
        }
        let set = match next {
            Some(at) => {
                // Nothing at all would disarm it.
                let left = at
                    .saturating_sub(self.began.elapsed())
                    .max(Duration::from_nanos(1));
                let expiration = Expiration::OneShot(TimeSpec::from_duration(left));
                self.timer.set(expiration, TimerSetTimeFlags::empty())
            }
            None => self.timer.unset(),
        };
        if let Err(error) = set {
            eprintln!("frames on a wire are late: {error}");
        }
        self.armed = next;
    }
}
