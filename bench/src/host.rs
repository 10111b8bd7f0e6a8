//! The machine that figures are of.

use std::fs::read_to_string;

/// Processor, memory, kernel and load, in one line.
pub fn line() -> String {
    let read = |path: &str| read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1));
    let cores = cpuinfo
        .lines()
        .filter(|line| line.starts_with("processor"))
        .count();
    format!(
        "host: {cores} x {}, {:.0} GiB, Linux {}; load {}",
        model.unwrap_or("unknown processor"),
        memory("MemTotal").unwrap_or(0.0) / 1024.0,
        read("/proc/sys/kernel/osrelease").trim(),
        read("/proc/loadavg").split(' ').next().unwrap_or("?"),
    )
}

/// A line of `/proc/meminfo`, in MB (2^20 octets).
pub fn memory(line: &str) -> Option<f64> {
    let meminfo = read_to_string("/proc/meminfo").ok()?;
    let line = meminfo
        .lines()
        .find_map(|each| each.strip_prefix(line)?.strip_prefix(':'))?;
    let kib: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib / 1024.0)
}
