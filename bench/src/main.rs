//! Figures of a lab, measured from outside: runs `labgen`, and what does the same, several times and prints medians.

mod capture;
mod figure;
mod first_ping;
mod host;
mod lab;
mod notice;
mod others;
mod report;
mod scale;
mod speaker;
mod wire;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use figure::Figure;
use lab::Labgen;

/// Prints the figures of a lab on this machine, and the aims they are held against.
#[derive(Parser)]
#[command(name = "ci/bench", max_term_width = 100)]
struct Args {
    /// What is measured; everything when not given
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// How many runs each median is of, instead of 11 of what is short and 3 of what is long
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    runs: Option<u16>,
    /// Prints one JSON document
    #[arg(long)]
    json: bool,
    /// The `labgen` to measure
    #[arg(long, value_name = "PATH", default_value = "labgen")]
    labgen: PathBuf,
    /// Where the scenarios are
    #[arg(long, value_name = "DIRECTORY", default_value = "bench/scenarios")]
    scenarios: PathBuf,
    /// A virtual environment with the Python daemon, measured beside ours; target/python/daemon when not given
    #[arg(long, value_name = "DIRECTORY")]
    python: Option<PathBuf>,
    /// Instead: measures the speaker in the namespace that it is in
    #[arg(long, hide = true)]
    inside: bool,
    /// Instead: sends frames out of this interface
    #[arg(long, value_name = "INTERFACE", hide = true)]
    blast: Option<String>,
    /// How many of them a second
    #[arg(long, hide = true, default_value_t = 100_000)]
    rate: u32,
    /// How many of them
    #[arg(long, hide = true, default_value_t = 1)]
    count: u32,
}

/// Figures that belong together.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Three nodes: attach to first ping, start, memory
    FirstPing,
    /// How soon an expectation notices a route
    Notice,
    /// 100,000 frames a second, none of them lost
    Capture,
    /// Packets of a capture, compared with what is expected
    Judge,
    /// Hundreds and thousands of nodes
    Scale,
    /// Making and opening the report of 10,000 packets
    Report,
    /// What a link with delay and loss carries
    Wire,
    /// Many attachments and routes, beside the Python daemon where there is one
    Speaker,
    /// The same networks made by Mininet and munet, where installed
    Others,
}

fn main() -> ExitCode {
    if let Some(code) = wire::part() {
        return code;
    }
    let args = Args::parse();
    let python = speaker::environment(args.python.as_deref());
    if args.inside {
        return speaker::inside(&args.labgen, python.as_deref());
    }
    if let Some(interface) = &args.blast {
        return match capture::blast(interface, args.rate, args.count) {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("error: {e}");
                ExitCode::FAILURE
            }
        };
    }
    match measure(&args) {
        Ok(figures) if args.json => {
            println!("{:#}", figure::document(&figures, &host::line()));
            ExitCode::SUCCESS
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args) -> Result<Vec<Figure>, Box<dyn Error>> {
    let labgen = Labgen::new(&args.labgen, &args.scenarios);
    if !args.json {
        println!("{}\n\n{}", host::line(), figure::HEADING);
    }
    let mut figures = Vec::new();
    let mut show = |figure: Figure| {
        if !args.json {
            println!("{figure}");
        }
        figures.push(figure);
    };
    let wanted = |part| args.parts.is_empty() || args.parts.contains(&part);
    let runs = |usual| args.runs.map_or(usual, usize::from);
    if wanted(Part::FirstPing) {
        first_ping::measure(&labgen, runs(11), &mut show)?;
    }
    if wanted(Part::Notice) {
        notice::measure(&labgen, runs(3), &mut show)?;
    }
    if wanted(Part::Capture) {
        capture::lossless(&labgen, runs(5), &mut show)?;
    }
    if wanted(Part::Judge) {
        capture::judge(&labgen, runs(5), &mut show)?;
    }
    if wanted(Part::Scale) {
        scale::measure(&labgen, &runs, &mut show)?;
    }
    if wanted(Part::Report) {
        report::measure(&labgen, runs(5), &mut show)?;
    }
    if wanted(Part::Wire) {
        wire::measure(&labgen, runs(5), &mut show)?;
    }
    if wanted(Part::Speaker) {
        let python = speaker::environment(args.python.as_deref());
        speaker::measure(&args.labgen, python.as_deref(), &mut show)?;
    }
    if wanted(Part::Others) {
        others::measure(&labgen, runs(3), &mut show)?;
    }
    Ok(figures)
}
