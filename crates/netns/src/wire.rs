//! Links with delay, loss and the like: wires in user space, for kernels without netem and for decisions that a seed
//! repeats.
//!
//! ```text
//!                      |<------------ wire ------------>|
//!   node ==== veth ==== a ──ring──> line ──sendmmsg──> b ==== veth ==== node, or a bridge's port
//!                         <─sendmmsg── line <──ring──
//! ```
//!
//! A wire takes each frame that comes out of either of two interfaces and sends it into the other, as its [`Line`]
//! decides. One thread serves all wires of a lab. It reads frames from rings that it shares with the kernel, which, unlike
//! the buffers of sockets, an ordinary user may have as large as needed, and sends those that are not delayed straight
//! from there.
//!
//! Frames go through as they are: VLAN tags, and checksums that are yet to be filled in, included. One frame must be one
//! packet on the wire, so that a loss is one loss: who plugs a wire in keeps the interfaces that send towards it from
//! passing on several segments as one ([`one_packet_a_frame`](crate::link::one_packet_a_frame)).

mod end;
mod engine;
mod ring;
mod send;
mod waiting;

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use impair::{Counters, Impairment, Line};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

use crate::ns::{Context, NetNs, NsError};
use end::End;
use engine::{Engine, Order};
use ring::Ring;

/// The wires of a lab, and the thread that serves them. Both end when this and all [`Wire`]s are dropped.
#[derive(Clone)]
pub struct Wires(Arc<Orders>);

/// One wire. It carries nothing any more once this is dropped.
pub struct Wire {
    number: u64,
    orders: Arc<Orders>,
    counters: [SharedCounters; 2],
    /// Octets of its rings.
    rings: usize,
}

/// One of a wire's two directions, by the interface that its frames come out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the first interface to the second.
    FromA,
    /// From the second to the first.
    FromB,
}

/// What is done to the frames of a direction, and where its random numbers begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Treatment {
    /// What is done.
    pub impairment: Impairment,
    /// The same seed repeats the same decisions.
    pub seed: u64,
}

/// An end of a wire to be plugged in: an interface that nothing else uses.
#[derive(Debug, Clone, Copy)]
pub struct Plug<'a> {
    /// The interface's name.
    pub interface: &'a str,
    /// The longest packet it carries, in octets.
    pub mtu: u32,
}

type SharedCounters = Arc<Mutex<Counters>>;

/// The way to the thread.
struct Orders {
    sender: Mutex<(Sender<Order>, u64)>,
    wake: Arc<EventFd>,
    /// Octets of all rings.
    rings: AtomicUsize,
}

/// Octets of the largest ring and the smallest, and of all together as long as they need not be the smallest: a lab with
/// hundreds of wires does not need all of them to be ready for a gigabit at once, and their memory is taken for good.
const RING: (usize, usize) = (8 << 20, 512 << 10);
const RINGS: usize = 256 << 20;

/// Octets of each of a new wire's two rings where others have so many: an eighth of what is left, in whole powers of two.
fn ring_size(taken: usize) -> usize {
    let part = RINGS.saturating_sub(taken) / 8;
    1 << part.clamp(RING.1, RING.0).ilog2()
}

impl Orders {
    fn give(&self, order: impl FnOnce(u64) -> Order) -> u64 {
        let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
        sender.1 += 1;
        let number = sender.1;
        // A thread that is no more has said why, and carries nothing out.
        let _ = sender.0.send(order(number));
        let _ = self.wake.write(1);
        number
    }

    /// Has an order carried out, and waits for that: it takes no longer than a batch of frames.
    fn wait(&self, order: impl FnOnce(u64, Sender<()>) -> Order) -> u64 {
        let (done, wait) = channel();
        let number = self.give(|number| order(number, done));
        let _ = wait.recv();
        number
    }
}

impl Drop for Orders {
    fn drop(&mut self) {
        self.give(|_| Order::End);
    }
}

impl Wires {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The thread cannot be started, or has no descriptors.
    pub fn start() -> Result<Self, NsError> {
        let action = "start the thread of the wires";
        let (sender, orders): (_, Receiver<Order>) = channel();
        let flags = EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK;
        let wake = Arc::new(EventFd::from_flags(flags).context(action)?);
        let engine = Engine::new(orders, Arc::clone(&wake)).context(action)?;
        thread::Builder::new()
            .name("wires".to_owned())
            .spawn(move || engine.run())
            .context(action)?;
        let sender = Mutex::new((sender, 0));
        Ok(Self(Arc::new(Orders {
            sender,
            wake,
            rings: AtomicUsize::new(0),
        })))
    }

    /// Plugs a wire in between two interfaces of `ns`, each at the far side of what it connects. From the return of this
    /// call on it carries frames.
    ///
    /// # Errors
    ///
    /// There is no such interface, the kernel refuses the sockets or the memory for their rings, or the thread has ended.
    pub fn plug(
        &self,
        ns: &NetNs,
        plugs: [Plug<'_>; 2],
        treatments: [Treatment; 2],
    ) -> Result<Wire, NsError> {
        let action = || {
            let [a, b] = plugs.map(|plug| plug.interface);
            format!("lay a wire between `{a}` and `{b}`")
        };
        let mut octets = 0;
        let rings = &self.0.rings;
        // It is never refused.
        let _ = rings.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |taken| {
            octets = ring_size(taken);
            Some(taken + 2 * octets)
        });
        let opened = ns.run(|| {
            let [a, b] = plugs;
            Ok::<_, io::Error>([open(&a, octets)?, open(&b, octets)?])
        });
        let opened = opened.and_then(|opened| opened.context(action()));
        let opened = opened.inspect_err(|_| {
            self.0.rings.fetch_sub(2 * octets, Ordering::Relaxed);
        })?;
        let counters: [SharedCounters; 2] = Default::default();
        let mut ends = Vec::with_capacity(2);
        for (((socket, ring), treatment), counters) in
            opened.into_iter().zip(treatments).zip(&counters)
        {
            let line = Line::new(treatment.impairment, treatment.seed);
            ends.push(End::new(socket, ring, line, Arc::clone(counters)));
        }
        let (done, outcome) = channel();
        let number = self.0.give(|number| Order::Plug { number, ends, done });
        let wire = Wire {
            number,
            orders: Arc::clone(&self.0),
            counters,
            rings: 2 * octets,
        };
        let ended = |_| Err(io::Error::other("the thread of the wires has ended"));
        outcome.recv().unwrap_or_else(ended).context(action())?;
        Ok(wire)
    }
}

impl Wire {
    /// Changes what is done to the frames of one direction from now on. Those on their way arrive as was decided.
    pub fn treat(&self, way: Way, treatment: Treatment) {
        let wire = self.number;
        self.orders.wait(|_, done| Order::Treat {
            wire,
            way,
            treatment,
            done,
        });
    }

    /// What has become of the frames of one direction since the wire was plugged in.
    pub fn counters(&self, way: Way) -> Counters {
        let counters = &self.counters[way as usize];
        *counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wire {
    /// What is on its way arrives at once.
    fn drop(&mut self) {
        let wire = self.number;
        self.orders.wait(|_, done| Order::Unplug { wire, done });
        self.orders.rings.fetch_sub(self.rings, Ordering::Relaxed);
    }
}

impl fmt::Debug for Wires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wires")
    }
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({})", self.number)
    }
}

/// A socket on an interface of the calling thread's namespace, and the ring it fills.
fn open(plug: &Plug<'_>, octets: usize) -> io::Result<(OwnedFd, Ring)> {
    let index = nix::net::if_::if_nametoindex(plug.interface)?;
    // Without a protocol it catches nothing until it is bound: no frame of another interface slips in.
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None)?;
    let ring = Ring::open(&socket, plug.mtu, octets)?;
    crate::sys::packet_bind(socket.as_fd(), index)?;
    Ok((socket, ring))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rings_are_large_and_all_together_are_bounded() {
        let sizes: Vec<usize> = (0..200)
            .scan(0, |taken, _| {
                let size = ring_size(*taken);
                *taken += 2 * size;
                Some(size)
            })
            .collect();
        assert!(sizes[..12].iter().all(|size| *size == RING.0));
        assert!(sizes.is_sorted_by(|a, b| a >= b));
        assert!(
            sizes
                .iter()
                .all(|size| size.is_power_of_two() && *size >= RING.1)
        );
        let all = 2 * sizes.iter().sum::<usize>();
        assert!(all <= RINGS + 200 * 2 * RING.1, "{all}");
    }
}
