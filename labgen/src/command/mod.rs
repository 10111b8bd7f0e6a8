//! The subcommands: what runs in the user's own process. No threads, no executor.

mod ask;
mod below;
mod boot;
mod capture;
mod check;
mod doctor;
mod down;
mod enter;
mod follow;
mod graph;
mod init;
mod inspect;
mod life;
mod list;
mod logs;
mod manual;
mod plan;
mod report;
mod scenarios;
mod start;
mod test;

pub use manual::COMPLETE;
pub use test::Shard;

use std::process::ExitCode;

use crate::cli::{self, Command};
use crate::protocol::{Mode, Request};
use report::Wanted;

/// An expectation failed, or the command could not be done.
pub const FAILED: u8 = 1;
/// The scenario or the command line is wrong.
pub const WRONG: u8 = 2;
/// The machine lacks something.
pub const LACKING: u8 = 3;

/// Runs a subcommand to its exit status.
pub fn dispatch(command: Command) -> ExitCode {
    match command {
        Command::Up(args) => {
            let wanted = Wanted {
                json: args.json,
                ..Wanted::default()
            };
            start::start(&args.scenario, Mode::Up, 1, &wanted)
        }
        Command::Run(args) => match &args.vm.kernel {
            Some(kernel) => boot::run(kernel, &args),
            None => {
                let mode = Mode::Run { keep: args.keep };
                let slow = args.slow.unwrap_or(1);
                start::start(&args.scenario, mode, slow, &wanted(&args))
            }
        },
        Command::Down(args) => down::down(&args),
        Command::List(args) => list::list(args.json),
        Command::Inspect(args) => inspect::inspect(&args),
        Command::Exec(args) => enter::exec(&args),
        Command::Shell(args) => enter::shell(&args),
        Command::Logs(args) => logs::logs(&args),
        Command::Halt(args) => life::nodes(&args, "halted", |node| Request::Halt { node }),
        Command::Start(args) => life::nodes(&args, "started", |node| Request::Start { node }),
        Command::Restart(args) => life::nodes(&args, "restarted", |node| Request::Restart { node }),
        Command::Cut(args) => life::cable(&args, "cut", |link| Request::Cut { link }),
        Command::Heal(args) => life::cable(&args, "healed", |link| Request::Heal { link }),
        Command::Impair(args) => life::impair(&args),
        Command::Plan(args) => plan::plan(&args),
        Command::Check(args) => check::check(&args),
        Command::Graph(args) => graph::graph(&args),
        Command::Doctor(args) => match &args.vm.kernel {
            Some(kernel) => boot::doctor(kernel, &args),
            None => doctor::doctor(&args),
        },
        Command::Report(args) => report::report(&args),
        Command::Open(args) => report::open(&args),
        Command::Test(args) => test::test(&args),
        Command::Capture(args) => capture::capture(&args),
        Command::CaptureHere(args) => capture::here(&args),
        Command::Schema(cli::Schema {}) => check::schema(),
        Command::Init(args) => init::init(&args),
        Command::Completions(args) => manual::completions(args.shell),
        Command::Man(args) => manual::man(args.dir.as_deref()),
        Command::Scenarios { dir } => scenarios::scenarios(&dir),
        Command::Supervise => crate::supervisor::main(),
        Command::VmInit => crate::vm::init(),
    }
}

/// What `run` is to make of its run.
fn wanted(args: &cli::Run) -> Wanted<'_> {
    Wanted {
        out: args.out.as_deref(),
        forms: Some(&args.forms),
        json: args.json,
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
