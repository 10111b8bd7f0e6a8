//! BGP VPN labs out of one file: build, break, prove with packets, explain.
//!
//! One executable, several programs: started under the name of one of [`PROGRAMS`] it is that program, so
//! that a lab needs nothing but `labgen` itself.

mod cli;
mod command;
mod graph;
mod kinds;
mod needs;
mod observe;
mod plan;
mod protocol;
mod report;
mod state;
mod supervisor;
mod tell;
mod ui;
mod vm;
mod wires;

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use bagpipe_bgp::commands;
use clap::{CommandFactory, Parser};

/// A program's `main`: its arguments, its own name first.
type Main = fn(Vec<OsString>) -> ExitCode;

/// The programs that nodes find in their PATH.
const PROGRAMS: [(&str, Main); 7] = [
    ("labgen", labgen),
    ("bagpipe-bgp", |args| {
        commands::daemon::main(args.into_iter())
    }),
    ("bagpipe-rest-attach", |args| {
        commands::rest_attach::main(args.into_iter())
    }),
    ("bagpipe-looking-glass", |args| {
        commands::looking_glass::main(args.into_iter())
    }),
    ("bagpipe-impex2dot", |args| {
        commands::impex2dot::main(args.into_iter())
    }),
    ("bagpipe-bgp-cleanup", |args| {
        commands::cleanup::main(args.into_iter())
    }),
    ("bagpipe-fakerr", |args| {
        bagpipe_fakerr::main(args.into_iter())
    }),
];

fn main() -> ExitCode {
    if netns::probe::is_child() {
        netns::probe::child();
    }
    let args: Vec<OsString> = std::env::args_os().collect();
    let called = args
        .first()
        .map(Path::new)
        .and_then(Path::file_name)
        .unwrap_or_default();
    if called == vm::MODPROBE {
        return vm::modprobe(args);
    }
    let program = PROGRAMS.iter().find(|(name, _)| called == *name);
    program.map_or(labgen as Main, |(_, main)| *main)(args)
}

fn labgen(args: Vec<OsString>) -> ExitCode {
    // Answers a shell that asks how a line could go on, and ends.
    clap_complete::CompleteEnv::with_factory(cli::Cli::command)
        .var(command::COMPLETE)
        .complete();
    let code = command::dispatch(cli::Cli::parse_from(args).command);
    match ui::printed() {
        Err(error) if code == ExitCode::SUCCESS => {
            eprintln!("error: cannot print: {error}");
            ExitCode::from(command::FAILED)
        }
        _ => code,
    }
}
