//! What this kernel lets this user do, found out by doing it in throw-away namespaces.
//!
//! The probes run where a lab would: in a supervisor's namespaces, as a process of their own. So
//! a program that calls [`all`] must begin its `main` with
//!
//! ```no_run
//! if netns::probe::is_child() {
//!     netns::probe::child();
//! }
//! ```

mod features;
mod kernel;
mod raw;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid, pipe2};
use serde::Serialize;

use crate::lab::{Supervisor, SupervisorOptions, spawn_supervisor};
use crate::ns::{Context, NsError};
use features::Feature;

/// The outcome of one probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Probe {
    /// What was tried.
    pub name: &'static str,
    /// Whether it worked.
    pub ok: bool,
    /// What was found, or what the kernel answered.
    pub detail: String,
    /// What a lab needs it for.
    pub needed_for: &'static str,
    /// What happens without it; `None`: no lab.
    pub fallback: Option<&'static str>,
}

/// Everything that is tried, in the order of dependence.
fn features() -> impl Iterator<Item = &'static Feature> {
    features::FEATURES.iter().chain(kernel::FEATURES)
}

/// Set in the environment of the process that probes.
const CHILD: &str = "NETNS_PROBE";

/// Whether this process was started by [`all`].
pub fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// Runs the probes, reports to the process that started this one, and ends.
pub fn child() -> ! {
    let mut report = io::stdout().lock();
    for feature in features() {
        let (ok, detail) = match (feature.probe)() {
            Ok(detail) => (1, detail),
            Err(why) => (0, why),
        };
        let detail = detail.replace(['\t', '\n'], " ");
        // Nobody is there to be told of a closed pipe.
        let _ = writeln!(report, "{}\t{ok}\t{detail}", feature.name);
    }
    let _ = report.flush();
    std::process::exit(0)
}

/// Runs all probes; the order is that of dependence.
pub fn all() -> Vec<Probe> {
    let forced = SupervisorOptions {
        user_namespace: true,
        ..SupervisorOptions::default()
    };
    let mut probes = vec![Probe {
        name: "user namespace",
        ok: false,
        detail: String::new(),
        needed_for: "labs without root",
        fallback: Some("run as root"),
    }];
    match run(&forced) {
        Ok(_) => {
            probes[0].ok = true;
            probes[0].detail = "can be made".to_owned();
        }
        Err(error) => probes[0].detail = describe(&error),
    }
    let (started, report) = match run(&SupervisorOptions::default()) {
        Ok((supervisor, report)) => (Ok(supervisor), report),
        Err(error) => (Err(describe(&error)), String::new()),
    };
    probes.push(Probe {
        name: "namespaces of a lab",
        ok: started.is_ok(),
        detail: match &started {
            Ok(Supervisor {
                user_namespace: true,
                ..
            }) => "as root of a user namespace",
            Ok(_) => "as root",
            Err(why) => why,
        }
        .to_owned(),
        needed_for: "every lab",
        fallback: None,
    });
    probes.push(Probe {
        name: "own /proc",
        ok: started.as_ref().is_ok_and(|supervisor| supervisor.own_proc),
        detail: match &started {
            Ok(Supervisor { own_proc: true, .. }) => "mounted",
            Ok(_) => "the kernel refuses: part of `/proc` is hidden here",
            Err(_) => "not tried",
        }
        .to_owned(),
        needed_for: "`ps` inside a lab showing the lab only",
        fallback: Some("the host's `/proc` stays visible"),
    });
    let answers: Vec<_> = report.lines().filter_map(parse).collect();
    for feature in features() {
        let answer = answers.iter().find(|(name, ..)| *name == feature.name);
        let (ok, detail) = answer.map_or((false, "not tried"), |(_, ok, detail)| (*ok, *detail));
        probes.push(Probe {
            name: feature.name,
            ok,
            detail: detail.to_owned(),
            needed_for: feature.needed_for,
            fallback: feature.fallback,
        });
    }
    probes
}

fn describe(error: &NsError) -> String {
    format!("{error}: {}", error.source)
}

fn parse(line: &str) -> Option<(&str, bool, &str)> {
    let mut fields = line.splitn(3, '\t');
    Some((fields.next()?, fields.next()? == "1", fields.next()?))
}

/// Starts this program again in new namespaces and returns what it reports.
fn run(options: &SupervisorOptions) -> Result<(Supervisor, String), NsError> {
    let action = "run the probes";
    let (report, to_report) = pipe2(OFlag::O_CLOEXEC).context(action)?;
    let null = File::open("/dev/null").context(action)?;
    let inherited: [(OwnedFd, i32); 2] = [(null.into(), 0), (to_report, 1)];
    let options = SupervisorOptions {
        die_with_parent: true,
        env: vec![(CHILD.into(), "1".into())],
        ..options.clone()
    };
    let exe = Path::new("/proc/self/exe");
    let supervisor = spawn_supervisor(exe, &[], &inherited, &options)?;
    drop(inherited);
    let mut text = String::new();
    let read = File::from(report).read_to_string(&mut text);
    while waitpid(Pid::from_raw(supervisor.pid), None) == Err(Errno::EINTR) {}
    read.context(action)?;
    Ok((supervisor, text))
}

/// Runs those of the probes that `wanted` names in this process and its namespaces, in the order of
/// dependence. They run executors of their own, so this must not be called inside one.
pub fn here(wanted: impl Fn(&str) -> bool) -> Vec<Probe> {
    let features = features().filter(|feature| wanted(feature.name));
    features
        .map(|feature| {
            let outcome = (feature.probe)();
            Probe {
                name: feature.name,
                ok: outcome.is_ok(),
                detail: outcome.unwrap_or_else(|why| why),
                needed_for: feature.needed_for,
                fallback: feature.fallback,
            }
        })
        .collect()
}
