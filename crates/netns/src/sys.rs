//! The system calls that no crate of ours offers safely, each in a function of its own.

use std::io;
use std::mem::{size_of, size_of_val, zeroed};
use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use nix::libc;
use tokio::io::unix::AsyncFd;

/// Lets tokio watch a non-blocking descriptor. Must be called inside a runtime.
pub(crate) fn watch(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` always answers with the same open descriptor, until it is dropped.
    let watched = unsafe { AsyncFd::register(fd) };
    watched.map_err(io::Error::from)
}

/// One datagram as [`receive_many`] finds it.
pub(crate) struct Datagram<'a> {
    /// Its octets, cut to the size of the slot.
    pub(crate) data: &'a [u8],
    /// Its whole length in octets.
    pub(crate) original_len: u32,
    /// The control messages; see [`control_messages`].
    pub(crate) control: &'a [u8],
    /// `sll_pkttype` of its source address.
    pub(crate) packet_type: u8,
}

/// Room for a time stamp and the auxiliary data of a packet, aligned as control messages are.
type Control = [u64; 16];

/// Takes as many datagrams as `data` has slots of `slot` octets, without waiting, and hands each
/// to `each`. Returns how many there were, at least one.
pub(crate) fn receive_many(
    socket: BorrowedFd<'_>,
    data: &mut [u8],
    slot: usize,
    mut each: impl FnMut(Datagram<'_>),
) -> io::Result<usize> {
    let count = data.len() / slot.max(1);
    let mut controls: Vec<Control> = vec![Control::default(); count];
    // SAFETY: a `sockaddr_ll` is plain integers, for which zero is a value.
    let mut sources: Vec<libc::sockaddr_ll> = vec![unsafe { zeroed() }; count];
    let mut vectors: Vec<libc::iovec> = data
        .chunks_exact_mut(slot)
        .map(|chunk| libc::iovec {
            iov_base: chunk.as_mut_ptr().cast(),
            iov_len: chunk.len(),
        })
        .collect();
    let mut headers: Vec<libc::mmsghdr> = (0..count)
        .map(|at| {
            // SAFETY: an `mmsghdr` is integers and pointers, for which zero is a value.
            let mut header: libc::mmsghdr = unsafe { zeroed() };
            header.msg_hdr.msg_name = ptr::from_mut(&mut sources[at]).cast();
            header.msg_hdr.msg_namelen = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
            header.msg_hdr.msg_iov = ptr::from_mut(&mut vectors[at]);
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = controls[at].as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = size_of::<Control>() as _;
            header
        })
        .collect();
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    // SAFETY: the headers point to addresses, vectors, control buffers and data that live, and
    // are not otherwise touched, until after this call.
    let received = unsafe {
        libc::recvmmsg(
            socket.as_raw_fd(),
            headers.as_mut_ptr(),
            count as libc::c_uint,
            flags as _,
            ptr::null_mut(),
        )
    };
    let received = usize::try_from(received).map_err(|_| io::Error::last_os_error())?;
    for (at, header) in headers.iter().take(received).enumerate() {
        let start = at * slot;
        let length = (header.msg_len as usize).min(slot);
        let control: &[u64; 16] = &controls[at];
        let filled = size_of_val(control).min(header.msg_hdr.msg_controllen as _);
        // SAFETY: reading integers as octets, within the array.
        let control = unsafe { std::slice::from_raw_parts(control.as_ptr().cast::<u8>(), filled) };
        each(Datagram {
            data: &data[start..start + length],
            original_len: header.msg_len,
            control,
            packet_type: sources[at].sll_pkttype,
        });
    }
    Ok(received)
}

/// Walks control messages (`cmsghdr`): level, type, data.
pub(crate) fn control_messages(mut rest: &[u8]) -> impl Iterator<Item = (i32, i32, &[u8])> {
    const WORD: usize = size_of::<usize>();
    const HEADER: usize = WORD + 8;
    std::iter::from_fn(move || {
        let length = usize::from_ne_bytes(*rest.first_chunk::<WORD>()?);
        let message = rest
            .get(..length)
            .filter(|message| message.len() >= HEADER)?;
        let word = |at: usize| {
            message
                .get(at..)?
                .first_chunk::<4>()
                .map(|octets| i32::from_ne_bytes(*octets))
        };
        let found = (word(WORD)?, word(WORD + 4)?, &message[HEADER..]);
        rest = rest
            .get(length.next_multiple_of(WORD)..)
            .unwrap_or_default();
        Some(found)
    })
}

/// Binds a packet socket to a link: from now on it receives all protocols.
pub(crate) fn packet_bind(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    // SAFETY: a `sockaddr_ll` is plain integers, for which zero is a value.
    let mut address: libc::sockaddr_ll = unsafe { zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index.cast_signed();
    // SAFETY: the pointer is to an address of the length given.
    check(unsafe {
        libc::bind(
            socket.as_raw_fd(),
            ptr::from_ref(&address).cast(),
            size_of_val(&address) as libc::socklen_t,
        )
    })
}

/// Makes the link take frames for others while this socket is open.
pub(crate) fn packet_promiscuous(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    let membership = libc::packet_mreq {
        mr_ifindex: index.cast_signed(),
        mr_type: libc::PACKET_MR_PROMISC as u16,
        mr_alen: 0,
        mr_address: [0; 8],
    };
    set_packet_option(socket, libc::PACKET_ADD_MEMBERSHIP, &membership)
}

/// Asks for a VLAN tag, and whether the checksum is there, beside each frame.
pub(crate) fn packet_auxdata(socket: BorrowedFd<'_>) -> io::Result<()> {
    set_packet_option(socket, libc::PACKET_AUXDATA, &1i32)
}

/// A step of a classic packet filter (`struct sock_filter`).
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct FilterStep {
    pub(crate) code: u16,
    pub(crate) yes: u8,
    pub(crate) no: u8,
    pub(crate) k: u32,
}

/// Has a socket take only what `program` says, and as much of it.
pub(crate) fn attach_filter(socket: BorrowedFd<'_>, program: &[FilterStep]) -> io::Result<()> {
    /// `struct sock_fprog`
    #[repr(C)]
    struct Program {
        len: u16,
        steps: *const FilterStep,
    }
    let program = Program {
        len: u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?,
        steps: program.as_ptr(),
    };
    // SAFETY: the pointers are to a value of the length given, and in it to as many steps as it says; the kernel
    // copies both.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_FILTER,
            ptr::from_ref(&program).cast(),
            size_of::<Program>() as libc::socklen_t,
        )
    })
}

/// The version of the headers in a packet socket's ring, counted from 0.
pub(crate) fn packet_version(socket: BorrowedFd<'_>, version: i32) -> io::Result<()> {
    set_packet_option(socket, libc::PACKET_VERSION, &version)
}

/// `struct tpacket_req3`
#[repr(C)]
pub(crate) struct RingRequest {
    pub(crate) block_size: u32,
    pub(crate) block_count: u32,
    pub(crate) frame_size: u32,
    pub(crate) frame_count: u32,
    pub(crate) retire_millis: u32,
    pub(crate) private_size: u32,
    pub(crate) features: u32,
}

/// Gives a packet socket a ring to receive into.
pub(crate) fn packet_ring(socket: BorrowedFd<'_>, request: &RingRequest) -> io::Result<()> {
    set_packet_option(socket, libc::PACKET_RX_RING, request)
}

/// `value` must be of the type that the option takes.
pub(crate) fn set_packet_option<T>(
    socket: BorrowedFd<'_>,
    option: i32,
    value: &T,
) -> io::Result<()> {
    // SAFETY: the pointer is to a value of the length given.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            option,
            ptr::from_ref(value).cast(),
            size_of::<T>() as libc::socklen_t,
        )
    })
}

/// Frames received (those dropped included) and dropped since the last reading.
pub(crate) fn packet_statistics(socket: BorrowedFd<'_>) -> io::Result<(u32, u32)> {
    // `struct tpacket_stats`
    let mut statistics = [0u32; 2];
    let mut length = size_of_val(&statistics) as libc::socklen_t;
    // SAFETY: the pointers are to a buffer of the length given and to that length.
    check(unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_STATISTICS,
            statistics.as_mut_ptr().cast(),
            ptr::from_mut(&mut length),
        )
    })?;
    Ok((statistics[0], statistics[1]))
}

/// Sets the TTL, or hop limit, of what a socket sends; `None` is the namespace's own.
pub(crate) fn set_ttl(socket: &OwnedFd, v6: bool, ttl: Option<u8>) -> io::Result<()> {
    let (level, option) = if v6 {
        (libc::IPPROTO_IPV6, libc::IPV6_UNICAST_HOPS)
    } else {
        (libc::IPPROTO_IP, libc::IP_TTL)
    };
    set_number(socket.as_fd(), level, option, ttl.map_or(-1, i32::from))
}

/// Whether what a socket sends may be cut in pieces, here or on the way. If not, it is sent however large the path's
/// MTU is known to be: it must be found out anew each time.
pub(crate) fn forbid_fragments(socket: &OwnedFd, v6: bool, forbid: bool) -> io::Result<()> {
    let (level, option, probe, want) = if v6 {
        (
            libc::IPPROTO_IPV6,
            libc::IPV6_MTU_DISCOVER,
            libc::IPV6_PMTUDISC_PROBE,
            libc::IPV6_PMTUDISC_WANT,
        )
    } else {
        (
            libc::IPPROTO_IP,
            libc::IP_MTU_DISCOVER,
            libc::IP_PMTUDISC_PROBE,
            libc::IP_PMTUDISC_WANT,
        )
    };
    let value = if forbid { probe } else { want };
    set_number(socket.as_fd(), level, option, value)
}

fn set_number(socket: BorrowedFd<'_>, level: i32, option: i32, value: i32) -> io::Result<()> {
    // SAFETY: the pointer is to an integer of the length given.
    check(unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            ptr::from_ref(&value).cast(),
            size_of::<i32>() as libc::socklen_t,
        )
    })
}

/// One request of `ethtool`'s, in words of 32 bits, the first its command; the kernel answers in place. It must have room
/// for the answer, which for every command is as long as the request says.
pub(crate) fn ethtool(
    socket: BorrowedFd<'_>,
    interface: &str,
    request: &mut [u32],
) -> io::Result<()> {
    // SAFETY: an `ifreq` is integers and pointers, for which zero is a value.
    let mut message: libc::ifreq = unsafe { zeroed() };
    // One is left for the zero at the end.
    if interface.len() >= message.ifr_name.len() {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    for (to, from) in message.ifr_name.iter_mut().zip(interface.bytes()) {
        *to = from as libc::c_char;
    }
    message.ifr_ifru.ifru_data = request.as_mut_ptr().cast();
    // SAFETY: the message and what it points to live until after this call.
    check(unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCETHTOOL as _,
            ptr::from_mut(&mut message),
        )
    })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}

/// The longest key for [`sign_tcp`], in octets.
pub(crate) const TCP_KEY_MAX: usize = 80;

/// `struct tcp_md5sig` of Linux.
#[repr(C)]
struct TcpMd5Sig {
    address: libc::sockaddr_storage,
    flags: u8,
    prefix_len: u8,
    key_len: u16,
    interface: libc::c_int,
    key: [u8; TCP_KEY_MAX],
}

/// `setsockopt(TCP_MD5SIG)` for connections with `peer`. An empty key ends it. The key must not be longer than
/// [`TCP_KEY_MAX`].
pub(crate) fn sign_tcp(socket: BorrowedFd<'_>, peer: IpAddr, key: &[u8]) -> io::Result<()> {
    // SAFETY: a `TcpMd5Sig` is integers and arrays of them, for which zero is a value.
    let mut wanted: TcpMd5Sig = unsafe { zeroed() };
    let room = wanted.key.get_mut(..key.len());
    room.ok_or(io::ErrorKind::InvalidInput)?
        .copy_from_slice(key);
    wanted.key_len = key.len() as u16;
    let storage = ptr::from_mut(&mut wanted.address);
    match peer {
        IpAddr::V4(address) => {
            let storage = storage.cast::<libc::sockaddr_in>();
            // SAFETY: a `sockaddr_storage` has room and alignment for every kind of socket address, this one too.
            let storage = unsafe { &mut *storage };
            storage.sin_family = libc::AF_INET as libc::sa_family_t;
            storage.sin_addr.s_addr = u32::from_ne_bytes(address.octets());
        }
        IpAddr::V6(address) => {
            let storage = storage.cast::<libc::sockaddr_in6>();
            // SAFETY: as above.
            let storage = unsafe { &mut *storage };
            storage.sin6_family = libc::AF_INET6 as libc::sa_family_t;
            storage.sin6_addr.s6_addr = address.octets();
        }
    }
    // SAFETY: the kernel reads as many octets as are there.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_MD5SIG,
            ptr::from_ref(&wanted).cast(),
            size_of::<TcpMd5Sig>() as libc::socklen_t,
        )
    };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
