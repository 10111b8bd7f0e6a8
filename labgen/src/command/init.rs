//! `labgen init`: a scenario to begin with.

use std::fs::File;
use std::io::{self, Write};
use std::process::ExitCode;

use super::{FAILED, fail};
use crate::cli::Init;
use crate::ui::say;

/// What is written.
const STARTER: &str = include_str!("init/starter.toml");

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
enum InitError {
    #[error("`{0}` is there already, and is left as it is")]
    There(String),
    #[error("cannot write `{path}`")]
    Write { path: String, source: io::Error },
}

pub(super) fn init(args: &Init) -> ExitCode {
    if args.file.as_os_str() == "-" {
        say!("{STARTER}");
        return ExitCode::SUCCESS;
    }
    let path = args.file.display().to_string();
    let written =
        File::create_new(&args.file).and_then(|mut file| file.write_all(STARTER.as_bytes()));
    match written {
        Ok(()) => {
            say!("wrote {path}: `labgen run {path}` runs it\n");
            ExitCode::SUCCESS
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => fail(&InitError::There(path), FAILED),
        Err(source) => fail(&InitError::Write { path, source }, FAILED),
    }
}
