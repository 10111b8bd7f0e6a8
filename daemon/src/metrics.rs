//! Figures in the text format of Prometheus (version 0.0.4).

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// The content type of the format.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a family of samples counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, from 0 at the start of the daemon.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts in buckets.
    Histogram,
}

/// A page of figures being written.
#[derive(Debug, Default)]
pub struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    /// Begins a family; its samples follow.
    pub fn family(&mut self, name: &'static str, kind: Kind, help: &str) -> &mut Self {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        self.name = name;
        self
    }

    /// A sample of the family.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Into<Figure>) -> &mut Self {
        self.sample_of("", labels, value)
    }

    /// A sample whose name has something behind that of the family.
    pub fn sample_of(
        &mut self,
        suffix: &str,
        labels: &[(&str, &str)],
        value: impl Into<Figure>,
    ) -> &mut Self {
        let _ = write!(self.text, "{}{suffix}", self.name);
        for (index, (label, text)) in labels.iter().enumerate() {
            let separator = if index == 0 { '{' } else { ',' };
            let text = text
                .replace('\\', "\\\\")
                .replace('"', "\\\"")
                .replace('\n', "\\n");
            let _ = write!(self.text, "{separator}{label}=\"{text}\"");
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = match value.into() {
            Figure::Whole(value) => writeln!(self.text, " {value}"),
            Figure::Real(value) => writeln!(self.text, " {value}"),
        };
        self
    }

    /// A family with a single sample.
    pub fn single(&mut self, name: &'static str, kind: Kind, help: &str, value: impl Into<Figure>) {
        self.family(name, kind, help).sample(&[], value);
    }

    /// The text so far.
    pub fn into_text(self) -> String {
        self.text
    }
}

/// A number of a sample.
#[derive(Debug, Clone, Copy)]
pub enum Figure {
    /// A count.
    Whole(u64),
    /// A measure.
    Real(f64),
}

impl From<u64> for Figure {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<usize> for Figure {
    fn from(value: usize) -> Self {
        Self::Whole(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

impl From<f64> for Figure {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

impl From<bool> for Figure {
    fn from(value: bool) -> Self {
        Self::Whole(value.into())
    }
}

/// What the REST server counts.
#[derive(Debug, Default)]
pub struct RestCounts {
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    /// Connections that are open.
    pub connections: AtomicU64,
    /// Connections that were turned away.
    pub refused: AtomicU64,
}

impl RestCounts {
    /// A request has been answered; `path` is one of few.
    pub fn answered(&self, path: &'static str, status: u16) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((path, status)).or_default() += 1;
    }

    /// Writes the figures.
    pub fn write(&self, page: &mut Page) {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        page.family(
            "bagpipe_rest_requests_total",
            Kind::Counter,
            "Requests answered, by path and status.",
        );
        for ((path, status), count) in requests.iter() {
            let status = status.to_string();
            page.sample(&[("path", *path), ("status", status.as_str())], *count);
        }
        page.single(
            "bagpipe_rest_connections",
            Kind::Gauge,
            "Connections of REST clients that are open.",
            self.connections.load(Ordering::Relaxed),
        );
        page.single(
            "bagpipe_rest_connections_refused_total",
            Kind::Counter,
            "Connections that were turned away because there were too many.",
            self.refused.load(Ordering::Relaxed),
        );
    }
}

/// Writes what the system knows of this process. What it does not tell is left out.
pub fn process(page: &mut Page) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes = |key: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim_start_matches(':')
            .split_whitespace()
            .next()?
            .parse()
            .ok()
    };
    if let Some(resident) = kilobytes("VmRSS") {
        let help = "Resident memory size in bytes.";
        page.single(
            "process_resident_memory_bytes",
            Kind::Gauge,
            help,
            resident * 1024,
        );
    }
    if let Some(size) = kilobytes("VmSize") {
        let help = "Virtual memory size in bytes.";
        page.single(
            "process_virtual_memory_bytes",
            Kind::Gauge,
            help,
            size * 1024,
        );
    }
    if let Some(threads) = kilobytes("Threads") {
        page.single("process_threads", Kind::Gauge, "Threads.", threads);
    }
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name, second, is in parentheses and may hold anything.
    let fields: Vec<&str> = match stat.rsplit_once(')') {
        Some((_, rest)) => rest.split_whitespace().collect(),
        None => Vec::new(),
    };
    let ticks = |index: usize| fields.get(index)?.parse::<f64>().ok();
    if let (Some(user), Some(system)) = (ticks(11), ticks(12)) {
        let help = "User and system time in seconds.";
        let seconds = (user + system) / TICKS;
        page.single("process_cpu_seconds_total", Kind::Counter, help, seconds);
    }
    let boot = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let boot = boot.lines().find_map(|line| line.strip_prefix("btime "));
    if let (Some(start), Some(boot)) = (ticks(19), boot.and_then(|boot| boot.parse::<f64>().ok())) {
        let help = "Start in seconds since the epoch.";
        page.single(
            "process_start_time_seconds",
            Kind::Gauge,
            help,
            boot + start / TICKS,
        );
    }
    if let Ok(descriptors) = std::fs::read_dir("/proc/self/fd") {
        let help = "Open file descriptors.";
        page.single("process_open_fds", Kind::Gauge, help, descriptors.count());
    }
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let most = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|most| most.parse::<u64>().ok());
    if let Some(most) = most {
        let help = "File descriptors that there may be.";
        page.single("process_max_fds", Kind::Gauge, help, most);
    }
}

/// Clock ticks a second in /proc: part of the kernel's interface (USER_HZ), the same on every architecture we know.
const TICKS: f64 = 100.0;
