//! Inside the VM: process number 1, and the program that the kernel asks for modules.

mod init;
mod modprobe;

pub use init::main as init;
pub use modprobe::main as modprobe;

use std::fs::File;
use std::io;
use std::path::Path;

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};

/// Has the kernel unpack the module itself (`MODULE_INIT_COMPRESSED_FILE`).
const COMPRESSED: u32 = 4;

/// Loads a module; one that is loaded already is no fault.
fn load(file: &Path) -> io::Result<()> {
    let opened = File::open(file)?;
    let compressed = file.extension().is_none_or(|extension| extension != "ko");
    let flags = match compressed {
        true => ModuleInitFlags::from_bits_retain(COMPRESSED),
        false => ModuleInitFlags::empty(),
    };
    match finit_module(opened, c"", flags) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(Errno::EOPNOTSUPP | Errno::EINVAL) if compressed => Err(io::Error::other(
            "it is compressed, and the kernel cannot unpack it (CONFIG_MODULE_DECOMPRESS)",
        )),
        Err(error) => Err(error.into()),
    }
}
