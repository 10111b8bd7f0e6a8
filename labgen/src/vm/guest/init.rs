//! Process number 1 of a VM: makes the host's files its own, runs one command, and powers off.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use nix::sys::reboot::{RebootMode, reboot};
use nix::sys::resource::{Resource, setrlimit};

use super::{load, modprobe};
use crate::state;
use crate::vm::plan::{MODULES, PLAN, PORT, Plan, RESULTS_TAG, ROOT_TAG, Said};
use crate::vm::{COMPLAINT, HEARTBEAT, MODPROBE};

/// What went wrong on the way.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
struct InitError {
    what: String,
    source: io::Error,
}

trait What<T> {
    fn what(self, what: impl Into<String>) -> Result<T, InitError>;
}

impl<T, E: Into<io::Error>> What<T> for Result<T, E> {
    fn what(self, what: impl Into<String>) -> Result<T, InitError> {
        self.map_err(|error| InitError {
            what: what.into(),
            source: error.into(),
        })
    }
}

/// The line out of the VM.
#[derive(Clone)]
struct Port(Arc<Mutex<File>>);

impl Port {
    fn say(&self, said: &Said) {
        let Ok(line) = serde_json::to_string(said) else {
            return;
        };
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Without anybody on the other side there is nobody to tell of that either.
        let _ = file.write_all(format!("{line}\n").as_bytes());
    }
}

/// Lives from boot to power-off; comes back only when it is not process number 1.
pub fn main() -> ExitCode {
    if std::process::id() != 1 {
        eprintln!(
            "error: this is what a VM of `labgen run --kernel` starts with, and for nothing else"
        );
        return ExitCode::FAILURE;
    }
    if let Err(error) = live() {
        // Where the host looks when the port stayed silent.
        eprintln!("{COMPLAINT}{}", crate::command::chain(&error));
    }
    nix::unistd::sync();
    let _ = reboot(RebootMode::RB_AUTOBOOT);
    ExitCode::FAILURE
}

fn live() -> Result<(), InitError> {
    mount_kernel_files(Path::new("/"))?;
    let plan = fs::read(PLAN).what("read the plan")?;
    let plan: Plan = serde_json::from_slice(&plan)
        .map_err(io::Error::from)
        .what("understand the plan")?;
    for module in &plan.modules {
        load(&Path::new(MODULES).join(module)).what(format!("load module `{module}`"))?;
    }
    let port = Port(Arc::new(Mutex::new(open_port()?)));
    let outcome = enter_host_files(&plan).and_then(|()| run(&plan, &port));
    match &outcome {
        Ok(status) => port.say(&Said::Exit(shell_code(*status))),
        Err(error) => port.say(&Said::Broken(crate::command::chain(error))),
    }
    outcome.map(drop)
}

/// `/proc`, `/sys`, `/dev` below `root`.
fn mount_kernel_files(root: &Path) -> Result<(), InitError> {
    for (kind, directory) in [("proc", "proc"), ("sysfs", "sys"), ("devtmpfs", "dev")] {
        put(kind, kind, &root.join(directory), MsFlags::empty(), "")?;
    }
    Ok(())
}

fn put(
    source: &str,
    kind: &str,
    target: &Path,
    flags: MsFlags,
    options: &str,
) -> Result<(), InitError> {
    mount(Some(source), target, Some(kind), flags, Some(options))
        .what(format!("mount {kind} on `{}`", target.display()))
}

/// Where the kernel shows the ports of virtual consoles.
const PORTS: &str = "/sys/class/virtio-ports";
const FIND_PORT: &str = "find the port to the host";
/// How long the ports of a device that was found may take to appear.
const PORT_PATIENCE: Duration = Duration::from_secs(60);

/// Ports are announced by messages behind the loading of their driver, with nothing to wait on.
fn open_port() -> Result<File, InitError> {
    let deadline = Instant::now() + PORT_PATIENCE;
    if !Path::new(PORTS).is_dir() {
        return Err(io::Error::other("the kernel has no `virtio_console`")).what(FIND_PORT);
    }
    loop {
        for entry in fs::read_dir(PORTS).into_iter().flatten().flatten() {
            let name = fs::read_to_string(entry.path().join("name")).unwrap_or_default();
            if name.trim() == PORT {
                let device = Path::new("/dev").join(entry.file_name());
                let action = format!("open `{}`", device.display());
                return File::options().write(true).open(device).what(action);
            }
        }
        if Instant::now() > deadline {
            let missing = io::Error::from(io::ErrorKind::NotFound);
            return Err(missing).what(FIND_PORT);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Makes the host's files this VM's root: readable as they are, with all that is written kept in memory.
fn enter_host_files(plan: &Plan) -> Result<(), InitError> {
    let (host, private, root) = (Path::new("/host"), Path::new("/rw"), Path::new("/root"));
    // The host's files change little in a lab's life: the VM may keep what it has read.
    let options = "trans=virtio,version=9p2000.L,msize=524288,cache=loose";
    put(ROOT_TAG, "9p", host, MsFlags::MS_RDONLY, options)?;
    put("tmpfs", "tmpfs", private, MsFlags::empty(), "mode=755")?;
    for directory in ["upper", "work"] {
        let path = private.join(directory);
        fs::create_dir(&path).what(format!("make `{}`", path.display()))?;
    }
    let layers = "lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work";
    put("overlay", "overlay", root, MsFlags::empty(), layers)?;
    mount_kernel_files(root)?;
    let action = "make the host's files the root";
    std::env::set_current_dir(root).what(action)?;
    mount(Some("."), "/", None::<&str>, MsFlags::MS_MOVE, None::<&str>).what(action)?;
    nix::unistd::chroot(".").what(action)?;
    std::env::set_current_dir("/").what(action)?;

    for (number, name) in [
        ("", "fd"),
        ("/0", "stdin"),
        ("/1", "stdout"),
        ("/2", "stderr"),
    ] {
        // There already where the kernel makes them.
        let _ = symlink(format!("/proc/self/fd{number}"), format!("/dev/{name}"));
    }
    for (kind, target, options) in [
        ("devpts", "/dev/pts", "mode=620,ptmxmode=666"),
        ("tmpfs", "/dev/shm", "mode=1777"),
        // Nothing that runs on the host is in reach: its sockets and process numbers would mislead.
        ("tmpfs", "/run", "mode=755"),
    ] {
        fs::create_dir_all(target).what(format!("make `{target}`"))?;
        put(kind, kind, Path::new(target), MsFlags::empty(), options)?;
    }
    fs::create_dir_all(&plan.state).what(format!("make `{}`", plan.state.display()))?;
    put("tmpfs", "tmpfs", &plan.state, MsFlags::empty(), "mode=700")?;
    let results = Path::new(RESULTS);
    fs::create_dir_all(results).what(format!("make `{RESULTS}`"))?;
    let options = "trans=virtio,version=9p2000.L,msize=524288,cache=none";
    put(RESULTS_TAG, "9p", results, MsFlags::empty(), options)?;
    offer_modules(plan)
}

/// Where the lab's directory on the host is.
const RESULTS: &str = "/run/labgen-results";

/// Lets the kernel find its modules, and loads those it never asks for.
fn offer_modules(plan: &Plan) -> Result<(), InitError> {
    let Some(directory) = &plan.module_directory else {
        return Ok(());
    };
    let release = directory.file_name().unwrap_or_default();
    let place = Path::new("/lib/modules").join(release);
    if !place.exists() {
        let action = format!("make `{}`", place.display());
        fs::create_dir_all("/lib/modules").what(&action)?;
        symlink(directory, &place).what(&action)?;
    }
    let helper = Path::new("/run").join(MODPROBE);
    symlink(&plan.command.program, &helper).what(format!("make `{}`", helper.display()))?;
    let setting = "/proc/sys/kernel/modprobe";
    fs::write(setting, helper.as_os_str().as_encoded_bytes()).what(format!("write `{setting}`"))?;
    for module in &plan.wished {
        modprobe::load_by_name(module);
    }
    Ok(())
}

/// Runs the command and passes on what it says, to its end.
fn run(plan: &Plan, port: &Port) -> Result<ExitStatus, InitError> {
    // More than a boot leaves, as the sessions of users have it.
    let _ = setrlimit(Resource::RLIMIT_NOFILE, 1 << 20, 1 << 20);
    let command = &plan.command;
    let directory = match command.directory.is_dir() {
        true => command.directory.clone(),
        false => PathBuf::from("/"),
    };
    port.say(&Said::Ready);
    let mut child = Command::new(&command.program)
        .args(&command.args)
        .env_clear()
        .envs(command.env.iter().map(|(key, value)| (key, value)))
        .env(state::BASE, &plan.state)
        .env(state::RESULTS, RESULTS)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .what(format!("start `{}`", command.program.display()))?;
    let (over, waiting) = mpsc::channel::<()>();
    let heart = {
        let port = port.clone();
        thread::spawn(move || {
            while waiting.recv_timeout(HEARTBEAT) == Err(mpsc::RecvTimeoutError::Timeout) {
                port.say(&Said::Alive);
            }
        })
    };
    let status = pass_on(&mut child, port);
    drop(over);
    let _ = heart.join();
    status.what("wait for the command")
}

fn pass_on(child: &mut Child, port: &Port) -> io::Result<ExitStatus> {
    let out = child.stdout.take().map(|from| speak(from, port, Said::Out));
    let err = child.stderr.take().map(|from| speak(from, port, Said::Err));
    for reader in [out, err].into_iter().flatten() {
        let _ = reader.join();
    }
    child.wait()
}

fn speak(
    from: impl Read + Send + 'static,
    port: &Port,
    said: fn(String) -> Said,
) -> thread::JoinHandle<()> {
    let port = port.clone();
    thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
            port.say(&said(String::from_utf8_lossy(&line).into_owned()));
        }
    })
}

/// As a shell has it: 128 and the signal's number for a command that was killed.
fn shell_code(status: ExitStatus) -> u8 {
    let code = status
        .code()
        .or_else(|| status.signal().map(|number| 128 + number));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}
