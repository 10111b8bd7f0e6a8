//! What a VM's kernel runs when it misses a module: `modprobe -q -- NAME`, where the host may have no `modprobe`.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use super::load;
use crate::vm::modules::{Modules, aliased};

/// Loads the module of the last argument with all it needs. The kernel looks for what it wanted afterwards, and
/// nobody reads what is printed here; so no word is lost on errors.
pub fn main(args: Vec<OsString>) -> ExitCode {
    let wanted = args.last().map(|name| name.to_string_lossy());
    let loaded = wanted.is_some_and(|name| load_by_name(&name));
    if loaded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Loads a module by its name or by another name for it. Whether there was one.
pub(super) fn load_by_name(wanted: &str) -> bool {
    let Ok(release) = fs::read_to_string("/proc/sys/kernel/osrelease") else {
        return false;
    };
    let directory = Path::new("/lib/modules").join(release.trim());
    let Ok(modules) = Modules::read(&directory) else {
        return false;
    };
    let aliases = fs::read_to_string(directory.join("modules.alias")).unwrap_or_default();
    let names = match modules.files_of(wanted) {
        Ok(_) => vec![wanted],
        Err(_) => aliased(&aliases, wanted),
    };
    let mut any = false;
    for name in names {
        let files = modules.files_of(name).unwrap_or_default();
        any |= files.iter().all(|file| load(&directory.join(file)).is_ok());
    }
    any
}
