//! From a route on the wire to an entry in the kernel's forwarding table.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use serde_json::json;

use super::daemon::{Daemon, Which};
use super::feed::{Feed, Listener, Routes, mac};
use super::{INSTANCE, SpeakerError};

/// What the kernel says of its forwarding tables; ended when dropped.
struct Monitor {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Monitor {
    fn start() -> Result<Self, SpeakerError> {
        let mut child = Command::new("bridge")
            .args(["monitor", "fdb"])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or(SpeakerError::Session)?;
        Ok(Self {
            child,
            lines: BufReader::new(stdout),
        })
    }

    /// Reads until a tunnel entry for this MAC is said to be there.
    fn until(&mut self, mac: &str) -> Result<(), SpeakerError> {
        let mut line = String::new();
        loop {
            line.clear();
            if self.lines.read_line(&mut line)? == 0 {
                return Err(SpeakerError::Session);
            }
            if line.contains(mac) && line.contains("dst ") && !line.starts_with("Deleted") {
                return Ok(());
            }
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Microseconds from each of `samples` routes, sent one at a time, to its entry; `before` routes are there already.
pub fn measure(which: Which<'_>, before: u32, samples: u32) -> Result<Vec<f64>, SpeakerError> {
    let listener = Listener::new()?;
    ip(&[
        "link",
        "add",
        "tap0",
        "type",
        "veth",
        "peer",
        "name",
        "tap0-guest",
    ])?;
    let measured = with_port(&listener, which, before, samples);
    ip(&["link", "delete", "tap0"])?;
    // The Python daemon leaves these behind.
    for kind in ["vxlan", "bridge"] {
        ip(&["link", "delete", "group", "default", "type", kind]).ok();
    }
    measured
}

fn with_port(
    listener: &Listener,
    which: Which<'_>,
    before: u32,
    samples: u32,
) -> Result<Vec<f64>, SpeakerError> {
    let mut daemon = Daemon::start(which, "linux", Some(listener.port()?))?;
    let mut feed: Feed = listener.accept()?;
    daemon.attach(&json!({
        "vpn_type": "evpn", "vpn_instance_id": INSTANCE, "vni": 5001,
        "mac_address": "02:00:00:00:00:01", "ip_address": "10.255.0.1/8", "local_port": {"linuxif": "tap0"},
        "import_rt": ["64512:1"], "export_rt": ["64512:1"],
    }))?;
    let text = |number| mac(number).map(|octet| format!("{octet:02x}")).join(":");
    if let Some(last) = before.checked_sub(1) {
        feed.announce(Routes::Evpn, 0, before)?;
        // A monitor that has to hear of all of them misses some.
        let last = text(last);
        daemon.until("the entries", |_| is_there(&last))?;
    }
    let mut monitor = Monitor::start()?;
    // The monitor listens when the last of these is there.
    for number in before..before + 20 {
        feed.announce(Routes::Evpn, number, 1)?;
        daemon.until_received(INSTANCE, number + 1)?;
    }
    feed.announce(Routes::Evpn, before + 20, 1)?;
    monitor.until(&text(before + 20))?;
    let mut took = Vec::new();
    for number in before + 21..before + 21 + samples {
        let began = Instant::now();
        feed.announce(Routes::Evpn, number, 1)?;
        monitor.until(&text(number))?;
        took.push(began.elapsed().as_secs_f64() * 1e6);
    }
    Ok(took)
}

/// Whether the kernel has a tunnel entry for this MAC.
fn is_there(mac: &str) -> bool {
    let entries = Command::new("bridge").args(["fdb", "show"]).output();
    let entries = entries.map(|output| output.stdout).unwrap_or_default();
    let entries = String::from_utf8_lossy(&entries);
    let mut lines = entries.lines();
    lines.any(|line| line.starts_with(mac) && line.contains("dst "))
}

/// Runs `ip`.
pub fn ip(args: &[&str]) -> Result<(), SpeakerError> {
    let output = Command::new("ip").args(args).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(SpeakerError::Refused {
        path: format!("ip {}", args.join(" ")),
        answer: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
