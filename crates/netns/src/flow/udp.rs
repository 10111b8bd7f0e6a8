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
    near: UdpSocket,
    far: UdpSocket,
    to: SocketAddr,
    overruns: u64,
}

impl Udp {
    pub(super) fn open(flow: u32, ends: &Ends, receiver: &NetNs) -> Result<Self, NsError> {
        let v6 = ends.to.is_ipv6();
        let far = receiver.run(|| {
            let fd = path::open(v6, SockType::Datagram, None)?;
            path::account_for(&fd)?;
            path::bind_to(&fd, path::any(v6), ends.port)?;
            Ok::<_, io::Error>(UdpSocket::from(fd))
        })?;
        let far = far.context(format!("receive on UDP port {}", ends.port))?;
        let port = far
            .local_addr()
            .context("name the receiving socket")?
            .port();
        let near = ends.from.run(|| {
            let fd = path::open(v6, SockType::Datagram, None)?;
            path::bind_to(&fd, ends.source.unwrap_or(path::any(v6)), 0)?;
            refusal::listen(&fd, v6)?;
            Ok::<_, io::Error>(UdpSocket::from(fd))
        })?;
        let near = near.context(ends.binding())?;
        Ok(Self {
            flow,
            near,
            far,
            to: SocketAddr::new(ends.to, port),
            overruns: 0,
        })
    }
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
        path::drain(self.far.as_fd(), clock, &mut self.overruns, |datagram| {
            each(match payload::read(datagram.octets, flow) {
                Some(number) => Heard::Probe {
                    number,
                    at: datagram.at,
                },
                None => Heard::Foreign,
            });
        })
    }

    fn watched(&self) -> Vec<PollFd<'_>> {
        vec![path::readable(&self.far)]
    }

    fn overruns(&self) -> u64 {
        self.overruns
    }
}
