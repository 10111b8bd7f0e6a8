//! The subcommands: what runs in the user's own process. No threads, no executor.

mod ask;
mod check;
mod doctor;
mod exec;
mod start;
mod test;

use std::process::ExitCode;

use crate::cli::Command;
use crate::protocol::Mode;

/// An expectation failed, or the command could not be done.
pub const FAILED: u8 = 1;
/// The scenario or the command line is wrong.
pub const WRONG: u8 = 2;
/// The machine lacks something.
pub const LACKING: u8 = 3;

/// Runs a subcommand to its exit status.
pub fn dispatch(command: Command) -> ExitCode {
    match command {
        Command::Up { file, json } => start::start(&file, Mode::Up, None, json),
        Command::Run {
            file,
            keep,
            out,
            json,
        } => start::start(&file, Mode::Run { keep }, out.as_deref(), json),
        Command::Down { lab } => ask::down(lab.as_deref()),
        Command::Inspect { lab, json } => ask::inspect(lab.as_deref(), json),
        Command::Exec { lab, node, command } => exec::exec(lab.as_deref(), &node, &command),
        Command::Check { files } => check::check(&files),
        Command::Doctor { file, json } => doctor::doctor(file.as_deref(), json),
        Command::Test {
            paths,
            filter,
            allow_skipped,
            out,
            json,
        } => test::test(&test::Options {
            paths,
            filter,
            allow_skipped,
            out,
            json,
        }),
        Command::Supervise => crate::supervisor::main(),
    }
}

/// An error and what caused it, in a line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Some errors already end with the words of their cause.
        if !text.ends_with(&cause.to_string()) {
            text += &format!(": {cause}");
        }
        source = cause.source();
    }
    text
}

/// Prints an error and what caused it, and gives the exit status.
fn fail(error: &dyn std::error::Error, status: u8) -> ExitCode {
    eprintln!("error: {}", chain(error));
    ExitCode::from(status)
}
