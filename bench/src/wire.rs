//! What a wire in user space carries, beside a plain cable.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::Instant;

use crate::figure::{Figure, Other, median};
use crate::lab::{LAB, Labgen};

/// Octets sent by one connection: two gigabits.
const OCTETS: u64 = 250_000_000;
/// A gigabit a second.
const AIM: f64 = 1.0;
const CHUNK: usize = 1 << 20;

/// Measures, and shows each figure.
pub fn measure(
    labgen: &Labgen,
    runs: usize,
    show: &mut dyn FnMut(Figure),
) -> Result<(), Box<dyn Error>> {
    labgen.call(&["up", &labgen.scenario("wire.toml")])?;
    let measured = all(labgen, runs);
    labgen.down()?;
    let [plain, wired, late] = measured?;
    let beside = || {
        Some(Other::Told(format!(
            "a plain cable: {:.2} s",
            median(&plain)
        )))
    };
    for (name, values) in [("a wire", wired), ("a wire with 1 ms delay", late)] {
        show(Figure {
            name: format!("a gigabit by TCP through {name}"),
            unit: "s",
            values,
            aim: Some(AIM),
            other: beside(),
        });
    }
    Ok(())
}

/// Seconds for a gigabit in each run, by link in the order of the scenario.
fn all(labgen: &Labgen, runs: usize) -> Result<[Vec<f64>; 3], Box<dyn Error>> {
    let own = std::env::current_exe()?.display().to_string();
    let mut figures: [Vec<f64>; 3] = Default::default();
    for (link, figures) in figures.iter_mut().enumerate() {
        let to = format!("10.9.{link}.2:5001");
        for _ in 0..runs {
            figures.push(once(labgen, &own, &to)?);
        }
    }
    Ok(figures)
}

fn once(labgen: &Labgen, own: &str, to: &str) -> Result<f64, Box<dyn Error>> {
    let exec = ["exec", "--lab", LAB];
    let mut sink = labgen.start_talking(&[&exec[..], &["right", "--", own, SINK, to]].concat())?;
    let mut listening = String::new();
    let said = sink.stdout.take().ok_or("no output")?;
    // It says so when it listens.
    BufReader::new(said).read_line(&mut listening)?;
    let blast = [&exec[..], &["left", "--", own, BLAST, to]].concat();
    let blasted = labgen.call(&blast);
    if blasted.is_err() {
        // Nobody has called it, and nobody will.
        let _ = sink.kill();
    }
    sink.wait()?;
    let seconds: f64 = blasted?.1.trim().parse()?;
    Ok(seconds * 1e9 / (8 * OCTETS) as f64)
}

/// First words of the command lines of the parts that run in nodes.
const SINK: &str = "__sink";
const BLAST: &str = "__blast";

/// Does the part that runs in a node, if this process was started for one.
pub fn part() -> Option<ExitCode> {
    let mut args = std::env::args().skip(1);
    let (part, to) = (args.next()?, args.next()?);
    let done = match part.as_str() {
        SINK => sink(&to),
        BLAST => blast(&to),
        _ => return None,
    };
    Some(match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("error: {e}");
            ExitCode::FAILURE
        }
    })
}

/// Takes what one connection sends.
fn sink(at: &str) -> io::Result<()> {
    let listener = TcpListener::bind(at)?;
    println!("listening");
    let (mut stream, _) = listener.accept()?;
    let mut chunk = vec![0; CHUNK];
    while stream.read(&mut chunk)? > 0 {}
    Ok(())
}

/// Sends, and prints the seconds until all has arrived.
fn blast(to: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(to)?;
    let began = Instant::now();
    let chunk = vec![0; CHUNK];
    let mut left = OCTETS as usize;
    while left > 0 {
        left -= stream.write(&chunk[..left.min(CHUNK)])?;
    }
    stream.shutdown(Shutdown::Write)?;
    // The other side closes when it has read everything.
    stream.read_to_end(&mut Vec::new())?;
    println!("{}", began.elapsed().as_secs_f64());
    Ok(())
}
