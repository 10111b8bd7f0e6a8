//! The memory and the time of processors that a node's programs take.

use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use scenario::{CpuExpectation, MemoryExpectation, NodeId};
use tokio::time::Instant;

use super::program::{started, unknown};
use crate::supervisor::expect::pace::Pace;
use crate::supervisor::expect::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError, micros};
use crate::supervisor::step::Unmet;
use crate::ui;

/// The longest pause between two looks: what is taken and given back in between is not seen.
const SAMPLED: Duration = Duration::from_millis(50);

/// Programs that run, with all that they have started: name and process ids.
fn running(lab: &Lab, node: NodeId, name: Option<&str>) -> Vec<(&'static str, BTreeSet<i32>)> {
    let started = started(lab, node, name).into_iter();
    let running = started.filter(|(_, child)| child.try_exit().is_none());
    running
        .map(|(name, child)| {
            let mut family = BTreeSet::new();
            descendants(child.pid(), &mut family);
            (name, family)
        })
        .collect()
}

/// A process and all that come from it.
fn descendants(pid: i32, found: &mut BTreeSet<i32>) {
    if !found.insert(pid) {
        return;
    }
    let threads = std::fs::read_dir(format!("/proc/{pid}/task"));
    for thread in threads.into_iter().flatten().flatten() {
        // Kernels without this list leave the program alone to be counted.
        let children = std::fs::read_to_string(thread.path().join("children"));
        for child in children.unwrap_or_default().split_whitespace() {
            if let Ok(child) = child.parse() {
                descendants(child, found);
            }
        }
    }
}

/// What is resident of a process, in octets; none of one that is gone.
fn resident(pid: i32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
    let status = status.unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.unwrap_or_default() << 10
}

/// The time of processors that a process and those of its children that are gone have taken.
fn spent(pid: i32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    ticks(&stat.unwrap_or_default())
}

/// Out of `/proc/PID/stat` (proc_pid_stat(5)): the fields 14 to 17, in ticks of a hundredth of a second.
fn ticks(stat: &str) -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    // The second field is a name in parentheses that may have any character in it.
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let times = fields.split_whitespace().skip(11).take(4);
    let ticks: u32 = times.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// `12.3 MiB`
fn mib(octets: u64) -> String {
    let tenths = (octets * 10) >> 20;
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

pub(in crate::supervisor::expect) struct Memory {
    lab: Rc<Lab>,
    expected: MemoryExpectation,
    title: String,
    pace: Pace,
    peak: u64,
}

impl Memory {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &MemoryExpectation,
        title: &str,
    ) -> Self {
        Self {
            lab: Rc::clone(lab),
            expected: expected.clone(),
            title: title.to_owned(),
            pace: Pace::up_to(SAMPLED),
            peak: 0,
        }
    }
}

impl Watch for Memory {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let e = &self.expected;
        let name = e.program.as_deref();
        if let Some(unmet) = unknown(&self.lab, e.on, name, &self.title) {
            return Ok(Look::Never(unmet));
        }
        let unmet = |seen: String, details| {
            let expected = self.title.clone();
            Ok(Look::Unmet(Unmet {
                expected,
                seen,
                details,
            }))
        };
        let running = running(&self.lab, e.on, name);
        if running.is_empty() {
            return unmet("it does not run".into(), Vec::new());
        }
        let taken: Vec<(&str, u64)> = running
            .iter()
            .map(|(name, pids)| (*name, pids.iter().map(|pid| resident(*pid)).sum()))
            .collect();
        let all = taken.iter().map(|(_, octets)| octets).sum();
        self.peak = self.peak.max(all);
        if all <= e.at_most {
            return Ok(Look::Met(format!("at most {}", mib(self.peak))));
        }
        let details = taken.iter();
        let details = details.map(|(name, octets)| format!("{name}: {}", mib(*octets)));
        unmet(format!("it is {}", mib(all)), details.collect())
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.pace.pause().await;
        Ok(())
    }
}

pub(in crate::supervisor::expect) struct Cpu {
    lab: Rc<Lab>,
    expected: CpuExpectation,
    title: String,
    /// How long it is measured.
    hold: Duration,
    pace: Pace,
    /// When it began to be, and what had been taken by then.
    began: Option<(Instant, Duration)>,
}

impl Cpu {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &CpuExpectation,
        title: &str,
        hold: Duration,
    ) -> Self {
        Self {
            lab: Rc::clone(lab),
            expected: expected.clone(),
            title: title.to_owned(),
            hold,
            pace: Pace::up_to(SAMPLED),
            began: None,
        }
    }
}

impl Watch for Cpu {
    /// Unmet as soon as more is taken than the whole time allows: less cannot be taken of it any more.
    async fn look(&mut self) -> Result<Look, ReachError> {
        let e = &self.expected;
        let name = e.program.as_deref();
        if let Some(unmet) = unknown(&self.lab, e.on, name, &self.title) {
            return Ok(Look::Never(unmet));
        }
        let running = running(&self.lab, e.on, name);
        let pids = running.iter().flat_map(|(_, pids)| pids);
        let now: Duration = pids.map(|pid| spent(*pid)).sum();
        let (began, before) = *self.began.get_or_insert((Instant::now(), now));
        // Programs that were started anew have taken less than those before them.
        let taken = now.checked_sub(before).unwrap_or(now);
        let elapsed = began.elapsed();
        if taken * 100 <= self.hold * e.at_most {
            let share = taken.as_millis() * 100 / elapsed.as_millis().max(1);
            return Ok(Look::Met(format!("{share}%")));
        }
        let (taken, elapsed) = (ui::ms(micros(taken)), ui::ms(micros(elapsed)));
        Ok(Look::Unmet(Unmet {
            expected: self.title.clone(),
            seen: format!("{taken} of a processor were taken in {elapsed}"),
            details: Vec::new(),
        }))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.pace.pause().await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{mib, ticks};

    #[test]
    fn time_is_counted_with_that_of_children() {
        let stat = "17 (a ) b) S 1 17 17 0 -1 4194560 900 0 0 0 5 7 11 13 20 0 1 0 100 0 0";
        assert_eq!(ticks(stat), Duration::from_millis(360));
        assert_eq!(ticks(""), Duration::ZERO);
    }

    #[test]
    fn memory_reads_aloud() {
        assert_eq!(mib(20 << 20), "20.0 MiB");
        assert_eq!(mib((20 << 20) - 1), "19.9 MiB");
    }
}
