//! `bagpipe-bgp start` and `stop`, for init scripts: into the background, and out of it.
//!
//! The process in the background holds a lock on its pid file for as long as it lives. Whoever gets that lock knows that
//! it has ended, and nobody takes an old number in the file for a daemon.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    os::{
        linux::net::SocketAddrExt as _,
        unix::{
            fs::MetadataExt as _,
            net::{SocketAddr, UnixDatagram},
            process::CommandExt as _,
        },
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use thiserror::Error;

use crate::logging::LogOptions;

/// Where the pid file is when nobody says.
pub(super) const PID_FILE: &str = "/var/run/bagpipe-bgp/bagpipe-bgp.pid";

/// Where a daemon in the background logs when nothing else is said: five files of 5 MB at most, as its predecessors did.
const LOG_FILE: &str = "/var/log/bagpipe-bgp/bagpipe-bgp.log";
const LOG_ROTATION: [(&str, &str); 3] = [
    ("OS_DEFAULT__LOG_ROTATION_TYPE", "size"),
    ("OS_DEFAULT__MAX_LOGFILE_SIZE_MB", "5"),
    ("OS_DEFAULT__MAX_LOGFILE_COUNT", "5"),
];

/// A daemon that is to stop has this long: it needs five seconds at most.
const PATIENCE: Duration = Duration::from_secs(30);

/// The daemon cannot be started or stopped.
#[derive(Debug, Error)]
pub(super) enum ServiceError {
    #[error("cannot use the pid file `{}`, see --pid-file", path.display())]
    PidFile { path: PathBuf, source: io::Error },
    #[error("is running already, as process {pid} (pid file `{}`)", path.display())]
    Running { pid: String, path: PathBuf },
    #[error("is not running (pid file `{}`)", .0.display())]
    NotRunning(PathBuf),
    #[error("cannot be started in the background")]
    Start(#[source] io::Error),
    #[error("did not start:\n{}", .0.trim_end())]
    Ended(String),
    #[error("process {pid} cannot be told to stop: {why}")]
    Stop { pid: String, why: String },
    #[error("process {pid} does not stop: not in {} s", PATIENCE.as_secs())]
    Stays { pid: String },
}

/// The pid file of this process; gone and unlocked with it.
#[derive(Debug)]
pub(super) struct PidFile {
    path: PathBuf,
    /// Holds the lock.
    _file: File,
}

impl PidFile {
    /// Writes and locks it.
    pub(super) fn take(path: &Path) -> Result<Self, ServiceError> {
        let failed = |source| ServiceError::PidFile {
            path: path.to_owned(),
            source,
        };
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(failed)?;
        }
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let mut file = loop {
            let mut file = options.open(path).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    return Err(ServiceError::Running {
                        pid: read(&mut file),
                        path: path.to_owned(),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            // Its last holder may have removed it in the meantime: then another can be made and locked by anybody.
            let open = identity(&file.metadata().map_err(failed)?);
            if fs::metadata(path).is_ok_and(|there| identity(&there) == open) {
                break file;
            }
        };
        file.set_len(0).map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            _file: file,
        })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // It says nothing wrong if it stays.
        fs::remove_file(&self.path).ok();
    }
}

/// Starts this program with these arguments in the background, and waits until it is ready.
pub(super) fn start(
    args: &[OsString],
    pid_file: &Path,
    log: &LogOptions,
) -> Result<(), ServiceError> {
    // Found out now, while there is somebody to tell.
    drop(PidFile::take(pid_file)?);
    let name = format!("bagpipe-bgp-start-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).map_err(ServiceError::Start)?;
    let socket = UnixDatagram::bind_addr(&address).map_err(ServiceError::Start)?;
    let program = std::env::current_exe().map_err(ServiceError::Start)?;
    let (name_of_program, rest) = match args.split_first() {
        Some((first, rest)) => (first.clone(), rest),
        None => (super::daemon::PROGRAM.into(), args),
    };
    let mut command = Command::new(program);
    if log.goes_nowhere() {
        if let Some(directory) = Path::new(LOG_FILE).parent() {
            // The daemon says so if it cannot write there.
            fs::create_dir_all(directory).ok();
        }
        command.args(["--log-file", LOG_FILE]).envs(LOG_ROTATION);
    }
    let mut child = command
        .arg0(name_of_program)
        .args(rest.iter().filter(|arg| *arg != "start"))
        .arg("--pid-file")
        .arg(pid_file)
        .env("NOTIFY_SOCKET", format!("@{name}"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(ServiceError::Start)?;
    // Either it says that it is ready, or its standard error comes to an end.
    let (news, heard) = mpsc::channel();
    if let Some(mut words) = child.stderr.take() {
        let news = news.clone();
        thread::spawn(move || {
            let mut text = Vec::new();
            words.read_to_end(&mut text).ok();
            let text = String::from_utf8_lossy(&text).into_owned();
            news.send(Err(ServiceError::Ended(text))).ok();
        });
    }
    thread::spawn(move || {
        let ready = socket.recv(&mut [0; 64]);
        news.send(ready.map(drop).map_err(ServiceError::Start)).ok();
    });
    // Both threads send, so that one of them is heard.
    heard.recv().unwrap_or(Ok(()))
}

/// Has the daemon behind the pid file stop, and waits until it has.
pub(super) fn stop(pid_file: &Path) -> Result<(), ServiceError> {
    let not_running = || ServiceError::NotRunning(pid_file.to_owned());
    let mut file = match File::open(pid_file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(not_running()),
        Err(source) => {
            return Err(ServiceError::PidFile {
                path: pid_file.to_owned(),
                source,
            });
        }
    };
    if file.try_lock_shared().is_ok() {
        return Err(not_running());
    }
    let pid = read(&mut file);
    let told = match pid.parse() {
        // 0 and below are groups of processes, and everybody.
        Ok(number) if number > 1 => {
            kill(Pid::from_raw(number), Signal::SIGTERM).map_err(|error| error.to_string())
        }
        _ => Err("this is no process number".to_owned()),
    };
    told.map_err(|why| ServiceError::Stop {
        pid: pid.clone(),
        why,
    })?;
    let (unlocked, ended) = mpsc::channel();
    thread::spawn(move || unlocked.send(file.lock_shared()));
    match ended.recv_timeout(PATIENCE) {
        Ok(Ok(())) => Ok(()),
        _ => Err(ServiceError::Stays { pid }),
    }
}

/// Device and inode.
fn identity(metadata: &fs::Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

fn read(file: &mut File) -> String {
    let mut text = String::new();
    // What cannot be read is no number either.
    file.read_to_string(&mut text).ok();
    text.trim().to_owned()
}
