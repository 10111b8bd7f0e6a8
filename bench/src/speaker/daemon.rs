//! A daemon that is measured: ours, or the Python one.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::SpeakerError;

/// The longest anything may take.
const PATIENCE: Duration = Duration::from_secs(300);

/// Which program.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Which<'a> {
    /// `labgen`, under the name of the daemon.
    Ours(&'a Path),
    /// The one in this virtual environment.
    Python(&'a Path),
}

/// A running daemon; ended when dropped.
pub struct Daemon {
    child: Child,
    api: u16,
    /// How often it is asked while something is waited for.
    pause: Duration,
    scratch: PathBuf,
}

impl Daemon {
    /// Starts it with these drivers for E-VPN and IP VPN, waits until its API answers. Without `bgp_port` it has no peer.
    pub fn start(
        which: Which<'_>,
        evpn: &str,
        bgp_port: Option<u16>,
    ) -> Result<Self, SpeakerError> {
        let api = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let scratch =
            std::env::temp_dir().join(format!("bench-{}-{}", std::process::id(), api.port()));
        fs::create_dir_all(&scratch)?;
        let config = scratch.join("bgp.conf");
        let peers = bgp_port.map_or(String::new(), |port| {
            format!("peers = 127.0.0.1\nbgp_port = {port}\n")
        });
        fs::write(
            &config,
            format!(
                "[BGP]\nlocal_address = 127.0.0.1\nmy_as = 64512\n{peers}\
                 [API]\nhost = 127.0.0.1\nport = {}\n\
                 [DATAPLANE_DRIVER_EVPN]\ndataplane_driver = {evpn}\n\
                 [DATAPLANE_DRIVER_IPVPN]\ndataplane_driver = dummy\n",
                api.port()
            ),
        )?;
        let mut command = match which {
            Which::Ours(labgen) => {
                let program = scratch.join("bagpipe-bgp");
                symlink(fs::canonicalize(labgen)?, &program)?;
                Command::new(program)
            }
            Which::Python(environment) => python(environment, &scratch)?,
        };
        let child = command
            .arg("--config-file")
            .arg(&config)
            .stdout(File::create(scratch.join("out"))?)
            .stderr(File::create(scratch.join("log"))?)
            .spawn()?;
        let mut daemon = Self {
            child,
            api: api.port(),
            pause: match which {
                Which::Ours(_) => Duration::from_millis(1),
                Which::Python(_) => Duration::from_millis(50),
            },
            scratch,
        };
        daemon.until("the API to answer", |daemon| daemon.get("ping").is_ok())?;
        Ok(daemon)
    }

    /// Attaches an endpoint.
    pub fn attach(&self, body: &Value) -> Result<(), SpeakerError> {
        self.http("POST", "attach_localport", &body.to_string())
            .map(drop)
    }

    /// A page of the looking glass, or another answer, as it came.
    pub fn get(&self, path: &str) -> Result<Vec<u8>, SpeakerError> {
        self.http("GET", path, "")
    }

    /// Waits until the table holds so many routes of peers, and the instance has taken them in.
    pub fn until_received(&mut self, instance: &str, count: u32) -> Result<(), SpeakerError> {
        let queue = format!("looking-glass/vpns/instances/{instance}/internals");
        self.until("the routes", |daemon| {
            let received = daemon
                .json("looking-glass/bgp/route_counts")
                .and_then(|counts| counts["received_routes_count"].as_u64());
            received == Some(count.into())
                && daemon
                    .json(&queue)
                    .is_some_and(|internals| internals["event queue length"] == json!(0))
        })
    }

    /// Resident memory, in octets.
    pub fn resident(&self) -> Result<f64, SpeakerError> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
        kib.map(|kib| kib * 1024.0)
            .ok_or(SpeakerError::Ended { log: self.log() })
    }

    fn json(&self, path: &str) -> Option<Value> {
        serde_json::from_slice(&self.get(path).ok()?).ok()
    }

    /// Waits for a fact.
    pub fn until(
        &mut self,
        what: &'static str,
        mut fact: impl FnMut(&Self) -> bool,
    ) -> Result<(), SpeakerError> {
        let deadline = Instant::now() + PATIENCE;
        while !fact(self) {
            if self.child.try_wait()?.is_some() {
                return Err(SpeakerError::Ended { log: self.log() });
            }
            if Instant::now() > deadline {
                return Err(SpeakerError::Late {
                    what,
                    log: self.log(),
                });
            }
            std::thread::sleep(self.pause);
        }
        Ok(())
    }

    /// The end of what it logged.
    fn log(&self) -> String {
        let log = fs::read(self.scratch.join("log")).unwrap_or_default();
        let end = log.len().saturating_sub(2000);
        String::from_utf8_lossy(&log[end..]).into_owned()
    }

    /// One request on a connection of its own, as the Neutron agent does it.
    fn http(&self, method: &str, path: &str, body: &str) -> Result<Vec<u8>, SpeakerError> {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, self.api))?;
        stream.set_nodelay(true)?;
        let request = format!(
            "{method} /{path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nAccept: application/json\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.api,
            body.len()
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
        let head = head.ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        let status = String::from_utf8_lossy(&answer[..head.min(12)]).into_owned();
        let body = answer.split_off(head + 4);
        if status.ends_with(" 200") {
            return Ok(body);
        }
        Err(SpeakerError::Refused {
            path: path.into(),
            answer: String::from_utf8_lossy(&body).into_owned(),
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Its helper for privileged work ends with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// The Python daemon, with a `sudo` and a `modprobe` that do for a namespace of our own.
fn python(environment: &Path, scratch: &Path) -> Result<Command, SpeakerError> {
    let bin = environment.join("bin");
    for (name, text) in [
        ("sudo", "#!/bin/sh\nexec \"$@\"\n"),
        ("modprobe", "#!/bin/sh\n"),
    ] {
        let file = scratch.join(name);
        fs::write(&file, text)?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    }
    let path = format!(
        "{}:{}:/usr/sbin:/sbin:{}",
        scratch.display(),
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    let mut command = Command::new(bin.join("bagpipe-bgp"));
    command.env("PATH", path);
    Ok(command)
}
