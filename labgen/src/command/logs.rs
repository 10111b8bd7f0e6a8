//! `labgen logs`: what the programs of nodes said, and what they go on to say.

mod tail;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::inotify::{AddWatchFlags, InitFlags, Inotify};

use super::{FAILED, fail};
use crate::cli::Logs;
use crate::state::{LabDir, StateError};
use crate::ui::ranges::natural;
use tail::Tails;

/// Why logs cannot be shown.
#[derive(Debug, thiserror::Error)]
enum LogsError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("lab `{lab}` has no logs{hint}")]
    None { lab: String, hint: &'static str },
    #[error("no log of node `{node}` in lab `{lab}`; there are those of: {}", .known.join(", "))]
    NoSuchNode {
        lab: String,
        node: String,
        known: Vec<String>,
    },
    #[error("cannot read the logs in `{path}`")]
    Read { path: String, source: io::Error },
}

/// What the supervisor's own log is called among those of the nodes.
const SUPERVISOR: &str = "supervisor";

pub(super) fn logs(args: &Logs) -> ExitCode {
    match show(args) {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read this has seen enough: `labgen logs | head`.
        Err(LogsError::Read { source, .. }) if source.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(e) => fail(&e, FAILED),
    }
}

fn show(args: &Logs) -> Result<(), LogsError> {
    let lab = match LabDir::choose(args.choice.name()) {
        // What is kept of a lab that has ended can still be read.
        Err(StateError::NotUp(name)) if LabDir::of(&name).logs().is_dir() => LabDir::of(&name),
        other => other?,
    };
    let directory = lab.logs();
    let read = |source| LogsError::Read {
        path: directory.display().to_string(),
        source,
    };
    // First, so that nothing is missed in between.
    let watch = args
        .follow
        .then(|| watch(&directory))
        .transpose()
        .map_err(read)?;
    let files = files(&directory).map_err(read)?;
    let wanted = |file: &str| wanted(&args.nodes, file);
    // A node that has said nothing yet can be followed.
    let silent = if args.follow {
        node_names(&lab)
    } else {
        Vec::new()
    };
    for node in &args.nodes {
        if !files.iter().any(|file| node_of(file) == node) && !silent.contains(node) {
            return Err(LogsError::NoSuchNode {
                lab: lab.name().into(),
                node: node.clone(),
                known: nodes(&files),
            });
        }
    }
    if files.is_empty() && !args.follow {
        return Err(LogsError::None {
            lab: lab.name().into(),
            hint: ": its nodes run no programs",
        });
    }
    let mut tails = Tails::new(directory.clone(), args.tail);
    tails.expect(files.iter().map(String::as_str).filter(|file| wanted(file)));
    for file in files.iter().filter(|file| wanted(file)) {
        tails.read(file).map_err(read)?;
    }
    if let Some(watch) = watch {
        // From now on all is new.
        tails.all_from_now_on();
        follow(&lab, &watch, &mut tails, wanted).map_err(read)?;
    }
    tails.finish().map_err(read)
}

/// The log files there are, the supervisor's last.
fn files(directory: &Path) -> io::Result<Vec<String>> {
    let mut files: Vec<String> = fs::read_dir(directory)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|file| file.ends_with(".log"))
        .collect();
    files.sort_by_cached_key(|file| {
        let (base, number) = natural(node_of(file));
        let supervisor = node_of(file) == SUPERVISOR;
        (supervisor, base.to_owned(), number, file.clone())
    });
    Ok(files)
}

/// Nodes of the lab as it was built or changed last.
fn node_names(lab: &LabDir) -> Vec<String> {
    // One that cannot be read has no nodes that could be followed.
    let scenario = lab.resolved().ok();
    let nodes = scenario.into_iter().flat_map(|scenario| scenario.nodes);
    nodes.map(|node| node.name).collect()
}

/// `NODE.log` and `NODE.PROGRAM.log` are a node's.
fn node_of(file: &str) -> &str {
    file.split('.').next().unwrap_or(file)
}

fn nodes(files: &[String]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let nodes = files.iter().map(|file| node_of(file).to_owned());
    nodes.filter(|node| seen.insert(node.clone())).collect()
}

fn wanted(nodes: &[String], file: &str) -> bool {
    match nodes {
        [] => node_of(file) != SUPERVISOR,
        _ => nodes.iter().any(|node| node == node_of(file)),
    }
}

fn watch(directory: &Path) -> io::Result<Inotify> {
    let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
    let changes = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_CREATE | AddWatchFlags::IN_MOVED_TO;
    inotify.add_watch(directory, changes)?;
    Ok(inotify)
}

/// Shows what is written until the lab ends.
fn follow(
    lab: &LabDir,
    watch: &Inotify,
    tails: &mut Tails,
    wanted: impl Fn(&str) -> bool,
) -> io::Result<()> {
    // Not asked anything: that it closes says that the lab has ended.
    let Ok(supervisor) = UnixStream::connect(lab.control_socket()) else {
        return Ok(());
    };
    loop {
        let mut fds = [
            PollFd::new(watch.as_fd(), PollFlags::POLLIN),
            PollFd::new(supervisor.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => {}
            Err(Errno::EINTR) => continue,
            Err(e) => return Err(e.into()),
        }
        let ended = fds[1].any().unwrap_or(false);
        let mut changed = BTreeSet::new();
        loop {
            match watch.read_events() {
                Ok(events) => changed.extend(events.into_iter().filter_map(|event| event.name)),
                Err(Errno::EAGAIN) => break,
                Err(e) => return Err(e.into()),
            }
        }
        for file in changed.iter().filter_map(|name| name.to_str()) {
            if file.ends_with(".log") && wanted(file) {
                tails.read(file)?;
            }
        }
        if ended {
            return Ok(());
        }
    }
}
