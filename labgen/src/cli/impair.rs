//! `labgen impair`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use impair::{Impairment, Rate, Share};

use super::candidates;
use super::lab::LabChoice;

/// `labgen impair`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen impair underlay --delay 1ms --loss 1%       every frame once, as it leaves its sender
  labgen impair underlay --node leaf-1 --loss 5%     what leaf-1 sends, and what it gets
  labgen impair leaf-1/underlay --direction in --rate 10mbit
  labgen impair underlay --clear                     as it was without

What is asked for replaces what was in force for the same frames. A link must have been laid
so that it can be impaired: with `impair` in its scenario, `impair = {}` at least, or named by
a step that impairs it. `labgen inspect` shows what is in force, and counts.")]
pub struct Impair {
    #[command(flatten)]
    pub choice: LabChoice,
    /// A LAN, a link, or NODE/INTERFACE
    #[arg(add = candidates::links())]
    pub link: String,
    /// Only the frames of this node
    #[arg(long, value_name = "NODE", add = candidates::nodes())]
    pub node: Option<String>,
    /// Only what the node sends, or only what it gets
    #[arg(long, value_enum)]
    pub direction: Option<Direction>,
    /// How long every frame takes: 500us, 1.5ms, 2s
    #[arg(long, value_name = "TIME", value_parser = impair::time)]
    pub delay: Option<Duration>,
    /// By how much that varies
    #[arg(long, value_name = "TIME", value_parser = impair::time)]
    pub jitter: Option<Duration>,
    /// Which share of frames is lost: 1%
    #[arg(long, value_name = "PERCENTAGE")]
    pub loss: Option<Share>,
    /// How much losses come in bursts
    #[arg(long, value_name = "PERCENTAGE")]
    pub loss_correlation: Option<Share>,
    /// Which share of frames arrives twice
    #[arg(long, value_name = "PERCENTAGE")]
    pub duplicate: Option<Share>,
    /// Which share of frames overtakes those that are delayed
    #[arg(long, value_name = "PERCENTAGE")]
    pub reorder: Option<Share>,
    /// Only every so many-th frame may
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub gap: Option<u32>,
    /// Which share of frames has a bit turned over
    #[arg(long, value_name = "PERCENTAGE")]
    pub corrupt: Option<Share>,
    /// How much goes through in a second: 10mbit
    #[arg(long, value_name = "RATE")]
    pub rate: Option<Rate>,
    /// How many frames wait for the rate at most
    #[arg(long, value_name = "FRAMES", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub queue: Option<u32>,
    /// Do nothing to frames any more
    #[arg(long)]
    pub clear: bool,
}

/// Frames, seen from a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    /// What it sends
    Out,
    /// What it gets
    In,
}

impl Impair {
    /// What is asked of frames.
    pub fn asked(&self) -> Impairment {
        let usual = Impairment::default();
        Impairment {
            delay: self.delay.unwrap_or_default(),
            jitter: self.jitter.unwrap_or_default(),
            loss: self.loss.unwrap_or_default(),
            loss_correlation: self.loss_correlation.unwrap_or_default(),
            duplicate: self.duplicate.unwrap_or_default(),
            reorder: self.reorder.unwrap_or_default(),
            gap: self.gap.unwrap_or(usual.gap),
            corrupt: self.corrupt.unwrap_or_default(),
            rate: self.rate,
            queue: self.queue.unwrap_or(usual.queue),
        }
    }
}
