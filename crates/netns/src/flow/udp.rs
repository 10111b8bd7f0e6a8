//! Probes in UDP datagrams, from a socket here to a socket there.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;

use nix::poll::PollFd;
use nix::sys::socket::SockType;

use super::clock::Clock;
use super::path::{self, Heard, Path};
use super::{Ends, payload};
use crate::ns::{Context, NetNs, NsError};
use crate::refusal;

#[derive(Debug)]
pub(super) struct Udp {
    flow: u32,
    ends: Ends,
    near: UdpSocket,
    /// The last is where the address is, as far as is known; another may be where it was.
    far: Vec<(UdpSocket, u64)>,
    to: SocketAddr,
    /// What sockets counted that are gone.
    overruns: u64,
}

impl Udp {
    pub(super) fn open(flow: u32, ends: &Ends, receiver: &NetNs) -> Result<Self, NsError> {
        let far = far(ends, receiver, ends.port)?;
        let port = far
            .local_addr()
            .context("name the receiving socket")?
            .port();
        Ok(Self {
            flow,
            ends: ends.clone(),
            near: near(ends, &ends.from)?,
            far: vec![(far, 0)],
            to: SocketAddr::new(ends.to, port),
            overruns: 0,
        })
    }
}

/// Where probes come in.
fn far(ends: &Ends, receiver: &NetNs, port: u16) -> Result<UdpSocket, NsError> {
    let v6 = ends.to.is_ipv6();
    let opened = receiver.run(|| {
        let fd = path::open(v6, SockType::Datagram, None)?;
        path::account_for(&fd)?;
        path::bind_to(&fd, path::any(v6), port)?;
        Ok::<_, io::Error>(UdpSocket::from(fd))
    })?;
    opened.context(format!("receive on UDP port {port}"))
}

/// Where they go out.
fn near(ends: &Ends, from: &NetNs) -> Result<UdpSocket, NsError> {
    let v6 = ends.to.is_ipv6();
    let opened = from.run(|| {
        let fd = path::open(v6, SockType::Datagram, None)?;
        path::bind_to(&fd, ends.source.unwrap_or(path::any(v6)), 0)?;
        refusal::listen(&fd, v6)?;
        Ok::<_, io::Error>(UdpSocket::from(fd))
    })?;
    opened.context(ends.binding())
}

impl Path for Udp {
    fn send(&mut self, probe: &[u8]) -> io::Result<()> {
        // Not connected: each probe follows the routes as they are then.
        match self.near.send_to(probe, self.to) {
            Ok(_) => Ok(()),
            // News of an earlier probe, perhaps: then this one was not tried yet.
            Err(_) => self.near.send_to(probe, self.to).map(drop),
        }
    }

    fn receive(&mut self, clock: Clock, each: &mut dyn FnMut(Heard<'_>)) -> io::Result<()> {
        let flow = self.flow;
        while let Some(refusal) = refusal::next(&self.near)? {
            let (from, why) = (refusal.from, refusal.meaning());
            each(Heard::Refusal(&format!("`{from}` answers: {why}")));
        }
        for (far, overruns) in &mut self.far {
            path::drain(far.as_fd(), clock, overruns, |datagram| {
                each(match payload::read(datagram.octets, flow) {
                    Some(number) => Heard::Probe {
                        number,
                        at: datagram.at,
                    },
                    None => Heard::Foreign,
                });
            })?;
        }
        Ok(())
    }

    fn relocate(&mut self, from: Option<&NetNs>, to: Option<&NetNs>) -> Result<(), NsError> {
        if let Some(to) = to {
            let far = far(&self.ends, to, self.to.port())?;
            if self.far.len() > 1 {
                self.overruns += self.far.remove(0).1;
            }
            self.far.push((far, 0));
        }
        if let Some(from) = from {
            self.near = near(&self.ends, from)?;
        }
        Ok(())
    }

    fn watched(&self) -> Vec<PollFd<'_>> {
        self.far
            .iter()
            .map(|(far, _)| path::readable(far))
            .collect()
    }

    fn overruns(&self) -> u64 {
        self.overruns + self.far.iter().map(|(_, overruns)| overruns).sum::<u64>()
    }
}
