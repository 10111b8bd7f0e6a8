//! A kernel on disk: its image, its version, its modules.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::modules::Modules;

/// A kernel that can be started.
#[derive(Debug)]
pub struct Kernel {
    /// The image.
    pub image: PathBuf,
    /// Its version, as `uname -r` says it in the VM: `6.1.0-56-amd64`.
    pub release: String,
    /// Where its modules are; `None` for one that has all built in.
    pub modules: Option<(PathBuf, Modules)>,
}

/// Why there is no such kernel.
#[derive(Debug, thiserror::Error)]
pub enum KernelError {
    /// The file system refused.
    #[error("cannot read `{path}`")]
    Io {
        /// What was read.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory without an image.
    #[error("no `vmlinuz` is in `{0}` or its `boot`")]
    NoImage(PathBuf),
    /// A directory with several.
    #[error("`{}` holds several kernels: say which of {}", .0.display(), .1.join(", "))]
    SeveralImages(PathBuf, Vec<String>),
    /// The file is something else.
    #[error("`{0}` is not a bootable kernel for x86 (a `bzImage`, Debian's `vmlinuz`)")]
    NotAKernel(PathBuf),
    /// Modules nobody made the tables for.
    #[error("the modules in `{0}` have no table of what needs what; `depmod -b {1} {2}` makes it")]
    NoTable(PathBuf, PathBuf, String),
}

impl Kernel {
    /// The kernel at `path`: an image, or a directory such as a Debian package was unpacked into.
    pub fn find(path: &Path) -> Result<Self, KernelError> {
        let image = image(path)?;
        let release = fs::read(&image)
            .map_err(io_error(&image))
            .map(|file| release(&file).map(str::to_owned))?
            .ok_or_else(|| KernelError::NotAKernel(image.clone()))?;
        let mut modules = None;
        for root in roots(&image) {
            let directory = root.join("lib/modules").join(&release);
            if !directory.is_dir() {
                continue;
            }
            let table = directory.join("modules.dep");
            if !table.is_file() {
                return Err(KernelError::NoTable(directory, root, release));
            }
            let read = Modules::read(&directory).map_err(io_error(&table))?;
            modules = Some((directory, read));
            break;
        }
        Ok(Self {
            image,
            release,
            modules,
        })
    }
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> KernelError {
    let path = path.to_owned();
    move |source| KernelError::Io { path, source }
}

fn image(path: &Path) -> Result<PathBuf, KernelError> {
    let path = path.canonicalize().map_err(io_error(path))?;
    if !path.is_dir() {
        return Ok(path);
    }
    let mut names = Vec::new();
    for directory in [path.join("boot"), path.clone()] {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        names.extend(
            entries
                .flatten()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with("vmlinuz"))
                .map(|entry| entry.path()),
        );
    }
    names.sort();
    match names.as_slice() {
        [] => Err(KernelError::NoImage(path)),
        [one] => one.canonicalize().map_err(io_error(one)),
        several => Err(KernelError::SeveralImages(
            path,
            several
                .iter()
                .map(|name| format!("`{}`", name.display()))
                .collect(),
        )),
    }
}

/// Where modules may be: beside the image, beside its directory, on this machine.
fn roots(image: &Path) -> Vec<PathBuf> {
    let above = image.ancestors().skip(1).take(2).map(Path::to_owned);
    above.chain([PathBuf::from("/")]).collect()
}

/// The version in the header of an image (`kernel_version` of the x86 boot protocol).
fn release(file: &[u8]) -> Option<&str> {
    if file.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let at = usize::from(u16::from_le_bytes([*file.get(0x20e)?, *file.get(0x20f)?])) + 0x200;
    let text = file
        .get(at..)?
        .split(|octet| *octet == 0 || *octet == b' ')
        .next()?;
    str::from_utf8(text).ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_image() -> Vec<u8> {
        let mut file = vec![0; 0x400];
        file[0x202..0x206].copy_from_slice(b"HdrS");
        file[0x20e..0x210].copy_from_slice(&0x100u16.to_le_bytes());
        file[0x300..0x314].copy_from_slice(b"6.1.0-56-amd64 (who)");
        file
    }

    #[test]
    fn the_version_is_in_the_header() {
        assert_eq!(release(&some_image()), Some("6.1.0-56-amd64"));
        assert_eq!(release(b"\x7fELF"), None);
        assert_eq!(release(&vec![0; 0x400]), None);
    }

    #[test]
    fn an_unpacked_package_is_found_with_its_modules() {
        let root = std::env::temp_dir().join(format!("labgen-kernel-{}", std::process::id()));
        let modules = root.join("lib/modules/6.1.0-56-amd64");
        fs::create_dir_all(root.join("boot")).unwrap();
        assert!(matches!(Kernel::find(&root), Err(KernelError::NoImage(_))));
        fs::write(root.join("boot/vmlinuz-6.1.0-56-amd64"), some_image()).unwrap();
        assert!(Kernel::find(&root).unwrap().modules.is_none());
        fs::create_dir_all(&modules).unwrap();
        let error = Kernel::find(&root).unwrap_err().to_string();
        assert!(error.ends_with("6.1.0-56-amd64` makes it"), "{error}");
        fs::write(modules.join("modules.dep"), "kernel/drivers/net/vrf.ko:\n").unwrap();
        let kernel = Kernel::find(&root).unwrap();
        assert_eq!(kernel.release, "6.1.0-56-amd64");
        let (found, table) = kernel.modules.unwrap();
        assert!(found.ends_with("lib/modules/6.1.0-56-amd64"));
        assert_eq!(
            table.files_of("vrf").unwrap(),
            ["kernel/drivers/net/vrf.ko"]
        );
        fs::write(root.join("boot/vmlinuz-old"), some_image()).unwrap();
        assert!(matches!(
            Kernel::find(&root),
            Err(KernelError::SeveralImages(..))
        ));
        fs::remove_dir_all(&root).unwrap();
    }
}
