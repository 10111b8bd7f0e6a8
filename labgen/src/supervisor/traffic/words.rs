//! What came of traffic, in words.

use std::time::{Duration, Instant};

use netns::flow::{Figures, Outage};
use scenario::Figure;

use super::Running;
use crate::supervisor::lab::Lab;
use crate::ui;

/// Outages that are shown of those there were.
const SHOWN: usize = 4;

/// A figure, in its unit; a latency when nothing arrived is none.
pub(in crate::supervisor) fn value(figures: &Figures, figure: Figure) -> Option<u64> {
    let percentile = |percent| figures.latency.percentile(percent);
    Some(match figure {
        Figure::Received => figures.received,
        Figure::Lost => figures.lost,
        // Any loss is more than none.
        Figure::Loss => (figures.loss() * 1e6).ceil() as u64,
        Figure::Duplicated => figures.duplicated,
        Figure::Reordered => figures.reordered,
        Figure::Outage => figures.outages.longest.map_or(0, |outage| outage.length()),
        Figure::Outages => figures.outages.count,
        Figure::Min => return figures.latency.min(),
        Figure::P50 => return percentile(50.0),
        Figure::P90 => return percentile(90.0),
        Figure::P99 => return percentile(99.0),
        Figure::Max => return figures.latency.max(),
    })
}

/// All of it in a line.
pub(in crate::supervisor) fn summary(figures: &Figures) -> String {
    let mut parts = vec![format!("{} of {} arrived", figures.received, figures.sent)];
    let show = |figure: Figure| value(figures, figure).map(|value| figure.show(value));
    if figures.undecided() > 0 {
        parts.push(format!("{} under way", figures.undecided()));
    }
    if figures.lost > 0 {
        let loss = show(Figure::Loss).unwrap_or_default();
        let outages = ui::count(figures.outages.count as usize, "outage");
        let longest = show(Figure::Outage).unwrap_or_default();
        parts.push(format!("{} lost ({loss})", figures.lost));
        parts.push(format!("{outages}, the longest {longest}"));
    }
    for (count, what) in [
        (figures.duplicated, "duplicated"),
        (figures.reordered, "reordered"),
        (figures.late, "too late"),
    ] {
        if count > 0 {
            parts.push(format!("{count} {what}"));
        }
    }
    if let (Some(median), Some(p99), Some(max)) =
        (show(Figure::P50), show(Figure::P99), show(Figure::Max))
    {
        parts.push(format!("latency p50 {median}, p99 {p99}, max {max}"));
    }
    parts.join("; ")
}

/// The lines under a failure: all figures, when the outages were, and what else was seen.
pub(in crate::supervisor) fn explained(
    lab: &Lab,
    running: &Running,
    figures: &Figures,
) -> Vec<String> {
    let mut lines = vec![summary(figures)];
    let mut longest: Vec<&Outage> = figures.outages.kept.iter().collect();
    longest.sort_by_key(|outage| std::cmp::Reverse(outage.length()));
    longest.truncate(SHOWN);
    longest.sort_by_key(|outage| outage.start);
    let last = figures.outages.kept.last();
    for outage in &longest {
        let goes_on = figures.outages.open && last == Some(*outage);
        lines.push(when(lab, running, outage, goes_on));
    }
    let more = figures.outages.count.saturating_sub(longest.len() as u64);
    if more > 0 {
        lines.push(format!(
            "and {} that were shorter",
            ui::count(more as usize, "outage")
        ));
    }
    let remarks = running.flow.remarks();
    lines.extend(
        remarks
            .reasons
            .iter()
            .map(|(why, times)| format!("{times} x {why}")),
    );
    if remarks.damaged > 0 {
        lines.push(format!(
            "{} packets that arrived were damaged or a stranger's",
            remarks.damaged
        ));
    }
    if remarks.overruns > 0 {
        let why = "arrived at a socket that was full: this machine is too slow for the rate";
        lines.push(format!("{} probes {why}", remarks.overruns));
    }
    if remarks.backlog > 0 {
        let why = "had no room in net.core.netdev_max_backlog: this machine has too much to do";
        lines.push(format!(
            "meanwhile {} packets of all labs {why}",
            remarks.backlog
        ));
    }
    if remarks.pause >= Duration::from_millis(20) {
        let pause = Figure::Max.show(remarks.pause.as_nanos() as u64);
        lines.push(format!(
            "the prober was up to {pause} late: outages are no finer than that"
        ));
    }
    lines
}

/// An outage, and the step before it.
fn when(lab: &Lab, running: &Running, outage: &Outage, goes_on: bool) -> String {
    let moment = running.flow.epoch() + Duration::from_nanos(outage.start);
    let at = |moment: Instant| {
        let lab_time = moment.saturating_duration_since(lab.began);
        format!("{:.3} s", lab_time.as_secs_f64())
    };
    let begun = lab.state.begun.borrow();
    let before = begun.iter().rev().find(|begun| begun.at <= moment);
    let before = before.map(|begun| {
        let after = moment.saturating_duration_since(begun.at).as_nanos() as u64;
        format!(
            ", {} after the beginning of {}",
            Figure::Max.show(after),
            begun.what
        )
    });
    let length = Figure::Outage.show(outage.length());
    let lost = ui::count(outage.lost as usize, "probe");
    let verb = if goes_on { "goes on since" } else { "began at" };
    format!(
        "an outage of {length} ({lost}) {verb} {}{}",
        at(moment),
        before.unwrap_or_default()
    )
}
