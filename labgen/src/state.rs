//! Where a lab keeps what outlives its processes: one directory per lab, one lock that says whether it is up.

mod directory;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use scenario::Scenario;
use serde::{Deserialize, Serialize};

use directory::{is_of_a_lab, private};

/// The longest the kernel takes to end the processes of a lab that was killed.
const DYING: Duration = Duration::from_secs(5);

/// Names the directory that holds all labs of this user.
pub const BASE: &str = "LABGEN_STATE";
/// Set in a VM: where logs and captures are kept instead, out of the VM.
pub const RESULTS: &str = "LABGEN_RESULTS";

/// What goes wrong with state directories.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another supervisor holds the lab's lock.
    #[error(
        "lab `{0}` is already up (`labgen inspect --lab {0}` shows it, `labgen down {0}` ends it)"
    )]
    AlreadyUp(String),
    /// Nobody holds the lab's lock.
    #[error("lab `{0}` is not up")]
    NotUp(String),
    /// What no scenario can be called.
    #[error("`{0}` is not the name of a lab (lower-case letters, digits and `-`, at most 32)")]
    NoName(String),
    /// No lab at all.
    #[error("no lab is up (start one with `labgen up FILE`)")]
    NoneUp,
    /// The user has to choose.
    #[error("several labs are up ({}): say which with `--lab NAME`", .0.join(", "))]
    SeveralUp(Vec<String>),
    /// Somebody else made the directory first.
    #[error("`{0}` belongs to another user; set LABGEN_STATE to a directory of your own")]
    Foreign(PathBuf),
    /// Anybody could put something else in place of what is in it.
    #[error(
        "everybody may write to `{0}`; set LABGEN_STATE to a directory of your own, or `chmod o-w {0}`"
    )]
    Shared(PathBuf),
    /// Somebody keeps other things there, which would be lost.
    #[error(
        "`{path}` holds `{found}`, which is no lab's; remove it, or set LABGEN_STATE to a directory for labs alone"
    )]
    Occupied {
        /// What would be emptied.
        path: PathBuf,
        /// The first thing in it that labgen has not put there.
        found: String,
    },
    /// The path of a Unix socket may hold 107 bytes only.
    #[error("`{0}` is too long for a socket path; set LABGEN_STATE to a shorter directory")]
    TooLong(PathBuf),
    /// It cannot be read as what it is.
    #[error("`{path}` is of another version of labgen")]
    Strange {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// The file system refused.
    #[error("cannot {what} `{path}`: {source}")]
    Io {
        /// The verb.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl StateError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

/// The directory that holds all labs of this user: `LABGEN_STATE`, else below the user's runtime directory.
pub fn base_dir() -> PathBuf {
    if let Some(dir) = std::env::var_os(BASE).filter(|dir| !dir.is_empty()) {
        return PathBuf::from(dir);
    }
    let uid = nix::unistd::geteuid();
    if uid.is_root() {
        return PathBuf::from("/run/labgen");
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) if Path::new(&dir).is_dir() => Path::new(&dir).join("labgen"),
        _ => std::env::temp_dir().join(format!("labgen-{uid}")),
    }
}

/// [`base_dir`], made so that nobody else can put anything into it.
pub fn private_base() -> Result<PathBuf, StateError> {
    let base = base_dir();
    private(&base).map(|()| base)
}

/// Where `labgen test` keeps evidence when nobody says where else; no lab is called so.
pub const TESTED: &str = ".evidence";

/// What `labgen list` says of a lab, besides its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The scenario's file, whole.
    pub file: String,
    /// How many nodes it has.
    pub nodes: usize,
    /// When it was begun, in seconds since 1970 (UTC).
    pub since: u64,
}

/// The events of a lab, in its directory and wherever evidence is kept.
pub const EVENTS: &str = "events.jsonl";
/// What was built, likewise.
pub const SCENARIO: &str = "scenario.json";
/// The file it is in.
const ABOUT: &str = "about.json";
/// The one that takes its place.
const NEXT_ABOUT: &str = "about.next.json";

/// A lab's directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LabDir {
    name: String,
    path: PathBuf,
}

impl LabDir {
    /// The directory of the lab called `name`; nothing is created.
    pub fn of(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: base_dir().join(name),
        }
    }

    /// The directory of a lab whose name comes from outside: `../x` and `/home/x` are none.
    pub fn named(name: &str) -> Result<Self, StateError> {
        match scenario::is_lab_name(name) {
            true => Ok(Self::of(name)),
            false => Err(StateError::NoName(name.to_owned())),
        }
    }

    /// The lab's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The socket that `inspect`, `exec`, `down` talk to.
    pub fn control_socket(&self) -> PathBuf {
        self.path.join("ctl.sock")
    }

    /// The scenario as it is meant, includes, variables and all: what the supervisor builds.
    pub fn scenario(&self) -> PathBuf {
        self.path.join(SCENARIO)
    }

    /// The scenario as the lab was built, or changed last.
    pub fn resolved(&self) -> Result<Scenario, StateError> {
        let path = self.scenario();
        let text = fs::read(&path).map_err(StateError::io("read", &path))?;
        serde_json::from_slice(&text).map_err(|source| StateError::Strange { path, source })
    }

    /// What its scenario comes down to next, while this process asks for that.
    pub fn next_scenario(&self) -> PathBuf {
        let own = format!("scenario.next.{}.json", std::process::id());
        self.path.join(own)
    }

    /// Everything the supervisor has told, an [`Event`](crate::protocol::Event) a line.
    pub fn events(&self) -> PathBuf {
        self.path.join(EVENTS)
    }

    /// Where logs are written.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// Standard output and error of a node's program.
    pub fn log(&self, node: &str) -> PathBuf {
        self.logs().join(format!("{node}.log"))
    }

    /// The supervisor's own output.
    pub fn supervisor_log(&self) -> PathBuf {
        self.logs().join("supervisor.log")
    }

    /// The console of the VM that the lab runs in, if it runs in one.
    pub fn vm_console(&self) -> PathBuf {
        self.path.join("logs/vm-console.log")
    }

    /// The programs that labgen brings along, as nodes see them.
    pub fn programs(&self) -> PathBuf {
        self.path.join("bin")
    }

    /// The sockets on which programs say that they are ready.
    pub fn ready(&self) -> PathBuf {
        self.path.join("ready")
    }

    /// The one of a node's program.
    pub fn notify_socket(&self, node: &str) -> PathBuf {
        self.ready().join(node)
    }

    /// Where captures are written.
    pub fn captures(&self) -> PathBuf {
        self.path.join("captures")
    }

    /// Takes the lock and empties the directory of what an earlier life left there.
    pub fn claim(&self) -> Result<LabLock, StateError> {
        private_base()?;
        let longest = self.notify_socket(&"x".repeat(32));
        if longest.as_os_str().len() > 107 {
            return Err(StateError::TooLong(longest));
        }
        let lock = self.lock_file();
        let file = loop {
            let file = OpenOptions::new()
                .create(true)
                .append(true)
                .open(&lock)
                .map_err(StateError::io("open", &lock))?;
            self.lock(&file, &lock)?;
            // Whoever tidied up in between has removed what was just locked.
            if is_at(&file, &lock) {
                break file;
            }
        };
        self.remove()?;
        for dir in ["", "ready"] {
            private(&self.path.join(dir))?;
        }
        let elsewhere = std::env::var_os(RESULTS);
        for dir in ["logs", "captures"] {
            let path = self.path.join(dir);
            match &elsewhere {
                Some(kept) => symlink(Path::new(kept).join(dir), &path)
                    .map_err(StateError::io("create", &path))?,
                None => private(&path)?,
            }
        }
        if let Some(kept) = elsewhere {
            for file in [EVENTS, SCENARIO] {
                let path = self.path.join(file);
                symlink(Path::new(&kept).join(file), &path)
                    .map_err(StateError::io("create", &path))?;
            }
        }
        Ok(LabLock(file))
    }

    /// A lab that was just killed holds its lock until the kernel is through with it: that is waited for.
    fn lock(&self, file: &File, path: &Path) -> Result<(), StateError> {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(e)) => return Err(StateError::io("lock", path)(e)),
        }
        let up = || StateError::AlreadyUp(self.name.clone());
        if UnixStream::connect(self.control_socket()).is_ok() {
            return Err(up());
        }
        let waiter = file.try_clone().map_err(StateError::io("lock", path))?;
        let (say, locked) = mpsc::channel();
        std::thread::spawn(move || say.send(waiter.lock()));
        locked
            .recv_timeout(DYING)
            .map_err(|_| up())?
            .map_err(StateError::io("lock", path))
    }

    /// Whether a supervisor is there to be asked.
    pub fn answers(&self) -> bool {
        self.is_up() && UnixStream::connect(self.control_socket()).is_ok()
    }

    /// Waits until nobody holds the lock.
    pub fn wait_until_down(&self) -> Result<(), StateError> {
        let lock = self.lock_file();
        match File::open(&lock) {
            Ok(file) => file.lock_shared().map_err(StateError::io("lock", &lock)),
            // It was even tidied up after.
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(StateError::io("open", &lock)(e)),
        }
    }

    fn lock_file(&self) -> PathBuf {
        base_dir().join(format!("{}.lock", self.name))
    }

    /// Notes what `labgen list` says of the lab; whoever reads it meanwhile sees what was noted before.
    pub fn note(&self, about: &About) -> Result<(), StateError> {
        let path = self.path.join(ABOUT);
        let next = self.path.join(NEXT_ABOUT);
        let text = serde_json::to_string(about)
            .map_err(io::Error::from)
            .map_err(StateError::io("write", &path))?;
        fs::write(&next, text)
            .and_then(|()| fs::rename(&next, &path))
            .map_err(StateError::io("write", &path))
    }

    /// What was noted; nothing while the lab is only beginning.
    pub fn about(&self) -> Option<About> {
        serde_json::from_slice(&fs::read(self.path.join(ABOUT)).ok()?).ok()
    }

    /// Removes what is of no use once the lab is down: sockets, locks, logs in which nothing is. With `purge`,
    /// all of it. Where the rest is, if anything is left. A lab that is up again is left alone, also when somebody
    /// else has tidied up first.
    pub fn tidy(&self, purge: bool) -> Result<Option<PathBuf>, StateError> {
        let lock = self.lock_file();
        let held = OpenOptions::new().create(true).append(true).open(&lock);
        let held = held.map_err(StateError::io("open", &lock))?;
        if !alone(&held).map_err(StateError::io("lock", &lock))? || !is_at(&held, &lock) {
            return Ok(None);
        }
        if purge {
            self.remove()?;
        } else {
            match self.remove_useless() {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(StateError::io("tidy up", &self.path)(e));
                }
                _ => {}
            }
        }
        fs::remove_file(&lock).map_err(StateError::io("remove", &lock))?;
        Ok(Some(self.path.clone()).filter(|path| path.is_dir()))
    }

    /// Removes the directory, if there is nothing in it but a lab's.
    fn remove(&self) -> Result<(), StateError> {
        let there = |e: &io::Error| e.kind() != io::ErrorKind::NotFound;
        let entries = match fs::read_dir(&self.path) {
            Err(e) if there(&e) => return Err(StateError::io("read", &self.path)(e)),
            Err(_) => return Ok(()),
            Ok(entries) => entries.flatten(),
        };
        if let Some(foreign) = entries.into_iter().find(|entry| !is_of_a_lab(entry)) {
            return Err(StateError::Occupied {
                path: self.path.clone(),
                found: foreign.file_name().to_string_lossy().into_owned(),
            });
        }
        match fs::remove_dir_all(&self.path) {
            Err(e) if there(&e) => Err(StateError::io("remove", &self.path)(e)),
            _ => Ok(()),
        }
    }

    fn remove_useless(&self) -> io::Result<()> {
        for kept in [self.logs(), self.captures()] {
            for entry in fs::read_dir(&kept).into_iter().flatten().flatten() {
                if entry
                    .metadata()
                    .is_ok_and(|meta| meta.is_file() && meta.len() == 0)
                {
                    fs::remove_file(entry.path())?;
                }
            }
            // Fails unless it is empty, as it should.
            let _ = fs::remove_dir(&kept);
        }
        // A run can be reported on as long as it is not forgotten.
        let run = fs::read_to_string(self.events()).is_ok_and(|events| has_steps(&events));
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let evidence = path == self.events() || path == self.scenario();
            if path == self.logs() || path == self.captures() || run && evidence {
                continue;
            }
            if path.is_dir() {
                fs::remove_dir_all(&path)?;
            } else {
                fs::remove_file(&path)?;
            }
        }
        let _ = fs::remove_dir(&self.path);
        Ok(())
    }

    /// Whether a supervisor holds the lock.
    pub fn is_up(&self) -> bool {
        let Ok(file) = File::open(self.lock_file()) else {
            return false;
        };
        matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
    }

    /// All labs of this user that are up, by name.
    pub fn all_up() -> Vec<Self> {
        let mut labs: Vec<Self> = fs::read_dir(base_dir())
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().into_string().ok()?;
                Self::named(name.strip_suffix(".lock")?).ok()
            })
            .filter(Self::is_up)
            .collect();
        labs.sort_by(|a, b| a.name.cmp(&b.name));
        labs
    }

    /// Labs of this user that are not up, but of which something is kept, by name.
    pub fn all_kept() -> Vec<Self> {
        let mut labs: Vec<Self> = fs::read_dir(base_dir())
            .into_iter()
            .flatten()
            .filter_map(|entry| {
                let entry = entry.ok().filter(|entry| entry.path().is_dir())?;
                Self::named(&entry.file_name().into_string().ok()?).ok()
            })
            .filter(|lab| !lab.is_up())
            .collect();
        labs.sort_by(|a, b| a.name.cmp(&b.name));
        labs
    }

    /// The lab meant: the one named, else the only one that is up.
    pub fn choose(name: Option<&str>) -> Result<Self, StateError> {
        if let Some(name) = name {
            let lab = Self::named(name)?;
            return if lab.is_up() {
                Ok(lab)
            } else {
                Err(StateError::NotUp(name.to_owned()))
            };
        }
        let mut up = Self::all_up();
        match up.len() {
            0 => Err(StateError::NoneUp),
            1 => Ok(up.remove(0)),
            _ => Err(StateError::SeveralUp(
                up.into_iter().map(|lab| lab.name).collect(),
            )),
        }
    }
}

/// Whether a step of a run is among these events: then what became of it can be asked, also where it was interrupted.
fn has_steps(events: &str) -> bool {
    let mut lines = events.lines();
    lines.any(|line| line.starts_with(r#"{"event":"step-started""#))
}

/// Held as long as the lab lives: the kernel lets go of it with the last descriptor.
#[derive(Debug)]
pub struct LabLock(File);

impl AsFd for LabLock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Takes the lock unless a lab has it. Whoever only looks whether one has holds it for a moment, and is waited for.
fn alone(file: &File) -> io::Result<bool> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(e)) => return Err(e),
            Err(TryLockError::WouldBlock) => {}
        }
        match file.try_lock_shared() {
            Ok(()) => file.unlock()?,
            Err(TryLockError::Error(e)) => return Err(e),
            Err(TryLockError::WouldBlock) => return Ok(false),
        }
        std::thread::yield_now();
    }
}

/// Whether the file that is open is still the one of this name.
fn is_at(file: &File, path: &Path) -> bool {
    let identity = |meta: fs::Metadata| (meta.dev(), meta.ino());
    let open = file.metadata().map(identity);
    open.is_ok_and(|open| {
        fs::metadata(path)
            .map(identity)
            .is_ok_and(|there| there == open)
    })
}
