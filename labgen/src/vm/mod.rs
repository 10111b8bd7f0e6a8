//! Another kernel: a command of labgen in a small VM that sees the host's files.
//!
//! ```text
//!   labgen run --kernel ... FILE          host
//!     '- qemu ------------------------------------------------
//!          kernel                         VM
//!            '- labgen __vm-init          first file system: labgen, its libraries, modules, plan.json
//!                 | mounts `/` of the host (9p, read-only) with memory laid over it
//!                 '- labgen run FILE      a lab as on any host; logs and captures go to the
//!                                         lab's directory on the host (9p, writable)
//! ```
//!
//! What the inner command prints comes out line by line over a virtio port ([`plan::Said`]).

mod cpio;
mod elf;
mod guest;
mod initramfs;
mod kernel;
mod modules;
mod plan;
mod qemu;

pub use guest::{init, modprobe};
pub use qemu::{Accelerator, PACKAGE, QEMU};

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use netns::ns::NsError;
use netns::process::{Child, ProcessSpec, Reap, Spawner};
use nix::sys::signal::Signal;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::unix::pipe;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::timeout;

use crate::needs;
use crate::state::{self, LabDir};
use crate::ui::last_words;
use kernel::{Kernel, KernelError};
use plan::{Command, Plan, Said};
use qemu::Machine;

/// The name under which this program is what the VM's kernel runs to get a module.
pub const MODPROBE: &str = "labgen-modprobe";
/// How process number 1 begins its last words on the console.
const COMPLAINT: &str = "labgen: ";
/// How often a VM says that it lives.
const HEARTBEAT: Duration = Duration::from_secs(5);
/// How much slower than the processor an emulator is taken to be where a scenario waits.
pub const EMULATION_FACTOR: u32 = 10;
/// What no kernel loads by itself when a scenario wants it: label switching, and devices that programs open.
const WISHED: [&str; 3] = ["mpls_router", "mpls_iptunnel", "tun"];
/// The last lines of the console that an error shows.
const LAST_WORDS: usize = 12;

/// A command that is to run under another kernel.
pub struct Job<'a> {
    /// The kernel: an image, or a directory with one.
    pub kernel: &'a Path,
    /// Memory in MiB.
    pub memory: u32,
    /// The lab's directory; claimed by the caller.
    pub dir: &'a LabDir,
    /// labgen's arguments, for what executes it.
    pub args: &'a dyn Fn(&Accelerator) -> Vec<OsString>,
}

/// What comes from a VM on the way.
#[derive(Debug)]
pub enum Heard<'a> {
    /// It is about to start.
    Booting {
        /// The kernel's version.
        release: &'a str,
        /// What executes it.
        accelerator: &'a Accelerator,
    },
    /// The command starts, so long after the kernel did.
    Ready(Duration),
    /// A line of the command's output.
    Out(String),
    /// A line of its error output.
    Err(String),
}

/// Why a command could not be run under another kernel.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// Only one architecture is known.
    #[error("VMs are made for x86-64 only, and this is {0}")]
    Architecture(&'static str),
    /// The emulator is missing.
    #[error("`--kernel` needs `{}`, which is not installed", qemu::QEMU)]
    NoEmulator,
    /// No such kernel.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// The first file system could not be made.
    #[error(transparent)]
    Initramfs(#[from] initramfs::InitramfsError),
    /// The host refused something.
    #[error("cannot {what}")]
    Io {
        /// The deed.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// The emulator could not be started.
    #[error(transparent)]
    Start(#[from] NsError),
    /// Process number 1 gave up.
    #[error("the VM {0}")]
    Broken(String),
    /// The emulator ended early.
    #[error("the VM ended early ({how}); {}", last_words(.words))]
    Ended {
        /// The emulator's end.
        how: String,
        /// The end of the console and of what the emulator printed.
        words: String,
    },
    /// A kernel without modules could not do it alone.
    #[error(
        "kernel {release} cannot run a lab ({words}), and no modules of it were found beside it or in \
         `/lib/modules/{release}`"
    )]
    NoModules {
        /// The kernel's version.
        release: String,
        /// The VM's last words.
        words: String,
    },
    /// The user has seen enough.
    #[error("ended the VM ({})", .0.as_str())]
    Interrupted(Signal),
    /// Nothing was heard any more.
    #[error("the VM {what} for {} s; {}", .after.as_secs(), last_words(.words))]
    Silent {
        /// What it did not do.
        what: &'static str,
        /// How long it was waited for.
        after: Duration,
        /// The end of the console.
        words: String,
    },
}

impl VmError {
    /// What to do about it, where that is known.
    pub fn help(&self) -> Option<String> {
        match self {
            VmError::NoEmulator => Some(format!("on Debian, `apt-get install {}`", qemu::PACKAGE)),
            VmError::Kernel(KernelError::NotAKernel(_) | KernelError::NoImage(_)) => {
                Some("`ci/kernel` fetches Debian's and prints where it is".to_owned())
            }
            VmError::Ended { words, .. }
                if words.contains("Out of memory") || words.contains("on memory") =>
            {
                Some("give it more with `--memory`".to_owned())
            }
            _ => None,
        }
    }

    /// Whether something is missing on this machine or in this kernel.
    pub fn lacking(&self) -> bool {
        matches!(
            self,
            VmError::Architecture(_)
                | VmError::NoEmulator
                | VmError::NoModules { .. }
                | VmError::Initramfs(initramfs::InitramfsError::Module { .. })
        )
    }

    /// Whether the user named something that is no kernel.
    pub fn wrong(&self) -> bool {
        matches!(self, VmError::Kernel(_))
    }
}

fn io_error(what: impl Into<String>) -> impl FnOnce(io::Error) -> VmError {
    let what = what.into();
    move |source| VmError::Io { what, source }
}

/// Runs a command under another kernel, to its exit status. The VM ends with this process.
pub fn run(job: &Job<'_>, hear: &mut dyn FnMut(Heard<'_>)) -> Result<u8, VmError> {
    if std::env::consts::ARCH != "x86_64" {
        return Err(VmError::Architecture(std::env::consts::ARCH));
    }
    if needs::in_path(qemu::QEMU).is_none() {
        return Err(VmError::NoEmulator);
    }
    let kernel = Kernel::find(job.kernel)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(io_error("start an executor"))?;
    runtime.block_on(boot(job, &kernel, hear))
}

async fn boot(
    job: &Job<'_>,
    kernel: &Kernel,
    hear: &mut dyn FnMut(Heard<'_>),
) -> Result<u8, VmError> {
    let own = job.dir.path().join("vm");
    fs::create_dir_all(&own).map_err(io_error(format!("make `{}`", own.display())))?;
    let spawner = Spawner::start(Reap::Own)?;
    let accelerator = qemu::accelerator(&spawner, own.join("trial")).await;
    hear(Heard::Booting {
        release: &kernel.release,
        accelerator: &accelerator,
    });
    let archive = initramfs::build(kernel, plan(job, kernel, &accelerator)?)?;
    let first = own.join("initramfs");
    fs::write(&first, archive).map_err(io_error(format!("write `{}`", first.display())))?;
    let machine = Machine {
        accelerator: &accelerator,
        processors: std::thread::available_parallelism().map_or(1, usize::from),
        memory: job.memory,
        kernel: &kernel.image,
        initramfs: &first,
        console: &job.dir.vm_console(),
        results: job.dir.path(),
    };
    let mut guest = Guest::start(&spawner, &machine, &own).await?;
    let outcome = tokio::select! {
        outcome = guest.listen(hear) => outcome,
        signal = interrupted() => Err(VmError::Interrupted(signal?)),
    };
    let _ = guest.child.kill(Signal::SIGKILL);
    guest.child.exited().await;
    let _ = fs::remove_dir_all(&own);
    match outcome {
        Err(VmError::Ended { words, .. }) if kernel.modules.is_none() => Err(VmError::NoModules {
            release: kernel.release.clone(),
            words,
        }),
        other => other,
    }
}

/// Comes back with the first signal to end.
async fn interrupted() -> Result<Signal, VmError> {
    let listen = |kind| signal(kind).map_err(io_error("listen for signals"));
    let mut int = listen(SignalKind::interrupt())?;
    let mut term = listen(SignalKind::terminate())?;
    let mut hup = listen(SignalKind::hangup())?;
    Ok(tokio::select! {
        _ = int.recv() => Signal::SIGINT,
        _ = term.recv() => Signal::SIGTERM,
        _ = hup.recv() => Signal::SIGHUP,
    })
}

fn plan(job: &Job<'_>, kernel: &Kernel, accelerator: &Accelerator) -> Result<Plan, VmError> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(io_error(format!("find `{}`", path.display())))
    };
    Ok(Plan {
        modules: Vec::new(),
        module_directory: kernel
            .modules
            .as_ref()
            .map(|(directory, _)| directory.clone()),
        wished: WISHED.map(str::to_owned).to_vec(),
        command: Command {
            program: std::env::current_exe().map_err(io_error("find my own executable"))?,
            args: (job.args)(accelerator),
            env: std::env::vars_os().collect(),
            directory: std::env::current_dir().map_err(io_error("find the working directory"))?,
        },
        state: absolute(&state::base_dir())?,
    })
}

/// A VM that runs.
struct Guest<'a> {
    machine: &'a Machine<'a>,
    child: Child,
    lines: Lines<BufReader<pipe::Receiver>>,
    /// The emulator takes its end for the end of the conversation.
    _input: io::PipeWriter,
    complaints: std::path::PathBuf,
    began: Instant,
}

impl<'a> Guest<'a> {
    async fn start(
        spawner: &Spawner,
        machine: &'a Machine<'a>,
        own: &Path,
    ) -> Result<Self, VmError> {
        let (input, _input) = io::pipe().map_err(io_error("make a pipe"))?;
        let (output, stdout) = io::pipe().map_err(io_error("make a pipe"))?;
        let complaints = own.join("qemu.log");
        let stderr = File::create(&complaints)
            .map_err(io_error(format!("write `{}`", complaints.display())))?;
        let child = spawner
            .spawn(ProcessSpec {
                args: machine.arguments(),
                stdin: Some(input.into()),
                stdout: Some(stdout.into()),
                stderr: Some(stderr.into()),
                die_with_parent: true,
                ..ProcessSpec::new(qemu::QEMU)
            })
            .await?;
        let output = pipe::Receiver::from_owned_fd(output.into());
        Ok(Self {
            machine,
            child,
            lines: BufReader::new(output.map_err(io_error("read a pipe"))?).lines(),
            _input,
            complaints,
            began: Instant::now(),
        })
    }

    /// Hears the VM out.
    async fn listen(&mut self, hear: &mut dyn FnMut(Heard<'_>)) -> Result<u8, VmError> {
        let (to_boot, to_speak) = match self.machine.accelerator {
            Accelerator::Kvm => (Duration::from_secs(60), Duration::from_secs(30)),
            Accelerator::Emulation(_) => (Duration::from_secs(600), Duration::from_secs(180)),
        };
        let (mut patience, mut fault) = (to_boot, "did not come up");
        loop {
            let Ok(line) = timeout(patience, self.lines.next_line()).await else {
                return Err(VmError::Silent {
                    what: fault,
                    after: patience,
                    words: self.last_words(),
                });
            };
            let Ok(Some(line)) = line else {
                let how = self.child.exited().await.to_string();
                let words = self.last_words();
                return Err(VmError::Ended { how, words });
            };
            match serde_json::from_str(&line) {
                Ok(Said::Ready) => {
                    (patience, fault) = (to_speak, "has not been heard of");
                    // In memory by now; nothing of it must stay behind.
                    let _ = fs::remove_file(self.machine.initramfs);
                    hear(Heard::Ready(self.began.elapsed()));
                }
                Ok(Said::Out(line)) => hear(Heard::Out(line)),
                Ok(Said::Err(line)) => hear(Heard::Err(line)),
                Ok(Said::Exit(status)) => return Ok(status),
                Ok(Said::Broken(why)) => return Err(VmError::Broken(why)),
                Ok(Said::Alive) | Err(_) => {}
            }
        }
    }

    /// What the emulator complained of, and the end of the console; what process number 1 said there is all that counts.
    fn last_words(&self) -> String {
        let read = |path: &Path| {
            let octets = fs::read(path).unwrap_or_default();
            String::from_utf8_lossy(&octets).replace('\r', "")
        };
        let console = read(self.machine.console);
        let complaint = console
            .lines()
            .find_map(|line| line.strip_prefix(COMPLAINT));
        if let Some(complaint) = complaint {
            return complaint.to_owned();
        }
        let complaints = read(&self.complaints);
        let both: Vec<&str> = complaints
            .lines()
            .chain(console.lines())
            .filter(|line| !line.trim().is_empty())
            .collect();
        let last = both[both.len().saturating_sub(LAST_WORDS)..].join("\n");
        match console.lines().find(|line| line.contains("Kernel panic")) {
            Some(panic) if !last.contains(panic) => format!("{panic}\n{last}"),
            _ => last,
        }
    }
}
