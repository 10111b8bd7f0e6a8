//! A VM's first file system: this program, its libraries, the modules to see the host's files, the plan.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cpio::Archive;
use super::elf::{self, ElfError, Program};
use super::kernel::Kernel;
use super::modules::NoModule;
use super::plan::{self, Plan};

/// Without these a VM cannot see the host's files, or not talk.
const NEEDED: [&str; 5] = [
    "virtio_pci",
    "virtio_console",
    "9pnet_virtio",
    "9p",
    "overlay",
];

/// Why there is no first file system.
#[derive(Debug, thiserror::Error)]
pub enum InitramfsError {
    /// The file system refused.
    #[error("cannot read `{path}`")]
    Io {
        /// What was read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// This program is of a kind that cannot be carried.
    #[error("cannot take `{path}` into the VM")]
    Elf {
        /// The program.
        path: PathBuf,
        /// Why.
        source: ElfError,
    },
    /// Its libraries could not be found out.
    #[error("`{loader} --list {program}` failed: {said}")]
    Libraries {
        /// The dynamic loader.
        loader: String,
        /// The program.
        program: PathBuf,
        /// Its complaint.
        said: String,
    },
    /// The kernel is not made for this.
    #[error("kernel {release} cannot share the host's files")]
    Module {
        /// The kernel's version.
        release: String,
        /// What it lacks.
        source: NoModule,
    },
    /// The plan could not be written down.
    #[error("cannot write the VM's plan")]
    Plan(#[from] serde_json::Error),
}

/// Makes the archive; the plan's list of modules is filled in.
pub fn build(kernel: &Kernel, mut plan: Plan) -> Result<Vec<u8>, InitramfsError> {
    let mut archive = Archive::default();
    for directory in ["/proc", "/sys", "/dev", "/host", "/rw", "/root"] {
        archive.directory(Path::new(directory));
    }
    // What process number 1 has as standard output before it has mounted anything.
    archive.device(Path::new("/dev/console"), 5, 1);
    let program = plan.command.program.clone();
    let file = read(&program)?;
    let elf = |source| InitramfsError::Elf {
        path: program.clone(),
        source,
    };
    let parsed = Program::parse(&file).map_err(elf)?;
    archive.file(Path::new(plan::INIT), &parsed.stripped(&file));
    if let Some(loader) = parsed.loader {
        for library in libraries(loader, &program)? {
            archive.file(&library, &read(&library)?);
        }
    }
    if let Some((directory, modules)) = &kernel.modules {
        let files = modules.files_of_all(&NEEDED);
        for file in files.map_err(|source| InitramfsError::Module {
            release: kernel.release.clone(),
            source,
        })? {
            let name = file.rsplit('/').next().unwrap_or(file);
            let path = Path::new(plan::MODULES).join(name);
            archive.file(&path, &read(&directory.join(file))?);
            plan.modules.push(name.to_owned());
        }
    }
    archive.file(Path::new(plan::PLAN), &serde_json::to_vec(&plan)?);
    Ok(archive.finish())
}

/// The libraries that a program is started with, the loader included.
fn libraries(loader: &str, program: &Path) -> Result<Vec<PathBuf>, InitramfsError> {
    let output = Command::new(loader)
        .arg("--list")
        .arg(program)
        .output()
        .map_err(io_error(Path::new(loader)))?;
    if !output.status.success() {
        return Err(InitramfsError::Libraries {
            loader: loader.to_owned(),
            program: program.to_owned(),
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut libraries: Vec<PathBuf> = elf::listed_libraries(&text)
        .into_iter()
        .map(PathBuf::from)
        .collect();
    let loader = PathBuf::from(loader);
    if !libraries.contains(&loader) {
        libraries.push(loader);
    }
    Ok(libraries)
}

fn read(path: &Path) -> Result<Vec<u8>, InitramfsError> {
    fs::read(path).map_err(io_error(path))
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> InitramfsError {
    let path = path.to_owned();
    move |source| InitramfsError::Io { path, source }
}
