//! Probes in echo requests: for a target of which we have no namespace. They take the way there and back.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::poll::PollFd;
use nix::sys::socket::{MsgFlags, SockaddrStorage, sendto};

use super::clock::Clock;
use super::path::{self, Heard, Path};
use super::{Ends, payload};
use crate::icmp::{self, message};
use crate::ns::{Context, NetNs, NsError};

#[derive(Debug)]
pub(super) struct Echoes {
    flow: u32,
    ends: Ends,
    socket: OwnedFd,
    raw: bool,
    to: SockaddrStorage,
    v6: bool,
    sequence: u16,
    overruns: u64,
}

impl Echoes {
    pub(super) fn open(flow: u32, ends: &Ends) -> Result<Self, NsError> {
        let v6 = ends.to.is_ipv6();
        let opened = ends.from.run(|| {
            let (fd, raw) = icmp::open(ends.source, v6)?;
            path::account_for(&fd)?;
            Ok::<_, io::Error>((fd, raw))
        })?;
        let (socket, raw) = opened.context("open an ICMP socket")?;
        Ok(Self {
            flow,
            ends: ends.clone(),
            socket,
            raw,
            to: SockaddrStorage::from(SocketAddr::new(ends.to, 0)),
            v6,
            sequence: 0,
            overruns: 0,
        })
    }
}

impl Path for Echoes {
    fn send(&mut self, probe: &[u8]) -> io::Result<()> {
        self.sequence = self.sequence.wrapping_add(1);
        // Wireshark pairs requests and replies by these; we go by what is inside.
        let request = message::request_with(self.flow as u16, self.sequence, probe, self.v6);
        let send = || {
            sendto(
                self.socket.as_raw_fd(),
                &request,
                &self.to,
                MsgFlags::MSG_DONTWAIT,
            )
        };
        send().or_else(|_| send())?;
        Ok(())
    }

    fn receive(&mut self, clock: Clock, each: &mut dyn FnMut(Heard<'_>)) -> io::Result<()> {
        let (flow, v6) = (self.flow, self.v6);
        let headed = self.raw && !v6;
        path::drain(self.socket.as_fd(), clock, &mut self.overruns, |datagram| {
            let octets = if headed {
                message::after_ipv4_header(datagram.octets).unwrap_or_default()
            } else {
                datagram.octets
            };
            if let Some(probe) = message::echoed(octets, v6) {
                // Replies to others' requests come here too.
                if let Some(number) = payload::read(probe, flow) {
                    each(Heard::Probe {
                        number,
                        at: datagram.at,
                    });
                }
            } else if let Some((kind, code)) = message::refusal_of(octets, flow as u16, v6)
                && let Some(from) = datagram.from.as_ref().and_then(icmp::ip)
            {
                let words = message::meaning(v6, kind, code);
                each(Heard::Refusal(&format!("`{from}` answers: {words}")));
            }
        })
    }

    fn relocate(&mut self, from: Option<&NetNs>, _to: Option<&NetNs>) -> Result<(), NsError> {
        if let Some(from) = from {
            let ends = Ends {
                from: from.clone(),
                ..self.ends.clone()
            };
            let overruns = self.overruns;
            *self = Self::open(self.flow, &ends)?;
            self.overruns = overruns;
        }
        Ok(())
    }

    fn watched(&self) -> Vec<PollFd<'_>> {
        vec![path::readable(&self.socket)]
    }

    fn overruns(&self) -> u64 {
        self.overruns
    }
}
