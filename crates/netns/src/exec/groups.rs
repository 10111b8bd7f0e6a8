//! Answering `setgroups` in the kernel's place.

use std::ptr;

use nix::errno::Errno;
use nix::libc;

/// Has the kernel answer every later `setgroups` of this process and its children with success and
/// do nothing. Needs what the first process of a user namespace has.
///
/// Called between clone and exec: neither allocates nor takes locks.
pub(super) fn pretend() -> Result<(), Errno> {
    // The numbers of system calls are those of one architecture; others pass.
    let mut filter = [
        load(ARCHITECTURE_OFFSET),
        skip_unless_equal(ARCHITECTURE.ok_or(Errno::ENOSYS)?, 3),
        load(NUMBER_OFFSET),
        skip_unless_equal(SETGROUPS, 1),
        answer(libc::SECCOMP_RET_ERRNO),
        answer(libc::SECCOMP_RET_ALLOW),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    let mode = libc::c_ulong::from(libc::SECCOMP_MODE_FILTER);
    // SAFETY: the kernel copies the filter, whose length is given, before this returns.
    let done = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, ptr::from_ref(&program), 0, 0) };
    if done < 0 { Err(Errno::last()) } else { Ok(()) }
}

/// `struct seccomp_data`: the system call's number, then the architecture.
const NUMBER_OFFSET: u32 = 0;
const ARCHITECTURE_OFFSET: u32 = 4;
const SETGROUPS: u32 = libc::SYS_setgroups as u32;

/// The ELF machine number with `__AUDIT_ARCH_64BIT` and `__AUDIT_ARCH_LE` (`linux/audit.h`).
const ARCHITECTURE: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(libc::EM_X86_64 as u32 | 0xc000_0000)
} else if cfg!(target_arch = "aarch64") {
    Some(libc::EM_AARCH64 as u32 | 0xc000_0000)
} else {
    None
};

const fn load(offset: u32) -> libc::sock_filter {
    instruction(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, offset)
}

const fn skip_unless_equal(value: u32, skipped: u8) -> libc::sock_filter {
    instruction(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, skipped, value)
}

const fn answer(verdict: u32) -> libc::sock_filter {
    instruction(libc::BPF_RET | libc::BPF_K, 0, verdict)
}

const fn instruction(code: u32, otherwise: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: otherwise,
        k,
    }
}
