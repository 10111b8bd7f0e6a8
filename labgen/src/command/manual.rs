//! `labgen completions` and `labgen man`: made from the same definitions as the parser.

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::env::{Bash, Elvish, EnvCompleter, Fish, Powershell, Zsh};
use clap_mangen::Man;

use super::{FAILED, fail};
use crate::cli::{Cli, ShellKind as Shell};

/// A page could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write `{path}`")]
struct WriteError {
    path: String,
    source: io::Error,
}

/// The environment variable by which a shell asks for completions.
pub const COMPLETE: &str = "COMPLETE";

pub(super) fn completions(shell: Shell) -> ExitCode {
    let shell: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Zsh => &Zsh,
        Shell::Fish => &Fish,
        Shell::Elvish => &Elvish,
        Shell::Powershell => &Powershell,
    };
    let mut script = Vec::new();
    let written = shell
        .write_registration(COMPLETE, "labgen", "labgen", "labgen", &mut script)
        .and_then(|()| io::stdout().write_all(&script));
    ended("standard output", written)
}

pub(super) fn man(dir: Option<&Path>) -> ExitCode {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        let written = Man::new(command())
            .render(&mut page)
            .and_then(|()| io::stdout().write_all(&page));
        return ended("standard output", written);
    };
    let written = fs::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(command(), dir));
    ended(&dir.display().to_string(), written)
}

/// Without what only labgen itself calls.
fn command() -> clap::Command {
    let whole = Cli::command();
    let shown: Vec<clap::Command> = whole
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .cloned()
        .collect();
    let mut bare = clap::Command::new("labgen")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommands(shown);
    if let Some(about) = whole.get_about() {
        bare = bare.about(about.clone());
    }
    if let Some(about) = whole.get_long_about() {
        bare = bare.long_about(about.clone());
    }
    if let Some(help) = whole.get_after_help() {
        bare = bare.after_help(help.clone());
    }
    bare
}

fn ended(path: &str, written: io::Result<()>) -> ExitCode {
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(source) => {
            let path = path.to_owned();
            fail(&WriteError { path, source }, FAILED)
        }
    }
}
