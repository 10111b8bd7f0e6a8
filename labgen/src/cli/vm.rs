//! Options of subcommands that can do their work under another kernel.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// The kernel, and the VM for it.
#[derive(Debug, Clone, Args)]
pub struct Vm {
    /// Do it in a small VM under this kernel: its image (Debian's vmlinuz), or a directory with one
    #[arg(long, value_name = "VMLINUZ", value_hint = ValueHint::AnyPath)]
    pub kernel: Option<PathBuf>,
    /// Memory of the VM, such as 512M or 4G
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = mebibytes)]
    pub memory: u32,
}

/// `1G`, `512M`, or a number of MiB.
fn mebibytes(text: &str) -> Result<u32, String> {
    let (number, unit) = match text.strip_suffix(['G', 'g']) {
        Some(number) => (number, 1024),
        None => (text.strip_suffix(['M', 'm']).unwrap_or(text), 1),
    };
    let amount = number.parse::<u32>().ok().and_then(|n| n.checked_mul(unit));
    match amount {
        Some(amount @ 128..) => Ok(amount),
        Some(_) => Err("a VM needs at least 128M".to_owned()),
        None => Err("expected a size such as 512M or 4G".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::mebibytes;

    #[test]
    fn sizes() {
        assert_eq!(mebibytes("1G"), Ok(1024));
        assert_eq!(mebibytes("512M"), Ok(512));
        assert_eq!(mebibytes("2048"), Ok(2048));
        for wrong in ["", "G", "1T", "-1", "64M", "9999999999G"] {
            assert!(mebibytes(wrong).is_err(), "{wrong}");
        }
    }
}
