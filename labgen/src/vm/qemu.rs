//! The emulator: its command line, and whether the processor can do its work.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use netns::ns::NsError;
use netns::process::{Exit, ProcessSpec, Spawner};
use nix::sys::signal::Signal;
use tokio::time::timeout;

use super::plan;

/// The emulator for the one architecture that is built for.
pub const QEMU: &str = "qemu-system-x86_64";
/// Debian's package of it.
pub const PACKAGE: &str = "qemu-system-x86";

/// Who executes the VM's instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accelerator {
    /// The processor.
    Kvm,
    /// The emulator, because the processor cannot: why.
    Emulation(String),
}

/// What a VM consists of.
#[derive(Debug)]
pub struct Machine<'a> {
    /// Who executes.
    pub accelerator: &'a Accelerator,
    /// Number of processors.
    pub processors: usize,
    /// Memory in MiB.
    pub memory: u32,
    /// The kernel's image.
    pub kernel: &'a Path,
    /// The first file system.
    pub initramfs: &'a Path,
    /// Where the kernel's console goes.
    pub console: &'a Path,
    /// The directory shared for writing.
    pub results: &'a Path,
}

/// What the kernel is told. Tests of its own parts and guards against hostile programs only cost time here.
const KERNEL_WORDS: &str = "console=ttyS0 loglevel=4 panic=-1 mitigations=off nokaslr audit=0 \
    apparmor=0 selinux=0 cryptomgr.notests init_on_alloc=0 random.trust_cpu=on nowatchdog \
    rcupdate.rcu_cpu_stall_suppress=1";

impl Machine<'_> {
    /// The emulator's arguments. What the VM says comes out of its standard output; its standard input must stay
    /// open, for its end is the end of the conversation.
    pub fn arguments(&self) -> Vec<OsString> {
        let (accelerator, processor) = match self.accelerator {
            Accelerator::Kvm => ("kvm", "host"),
            Accelerator::Emulation(_) => ("tcg,thread=multi", "max"),
        };
        let mut arguments: Vec<OsString> = Vec::new();
        let mut add = |words: &[&str]| arguments.extend(words.iter().map(OsString::from));
        add(&["-nodefaults", "-no-user-config", "-no-reboot"]);
        add(&["-display", "none", "-nic", "none", "-machine", "q35"]);
        add(&["-accel", accelerator, "-cpu", processor]);
        add(&["-smp", &self.processors.to_string()]);
        add(&["-m", &format!("{}M", self.memory)]);
        add(&["-device", "virtio-rng-pci"]);
        add(&["-device", "virtio-serial-pci,max_ports=2"]);
        add(&["-chardev", "stdio,id=port,signal=off"]);
        let port = format!("virtserialport,chardev=port,name={}", plan::PORT);
        add(&["-device", &port]);
        let words = format!(
            "{KERNEL_WORDS} rdinit={} -- {}",
            plan::INIT,
            plan::INIT_COMMAND
        );
        add(&["-append", &words]);
        for (tag, path, access) in [
            // One tree of several file systems: numbers of files must not clash.
            (
                plan::ROOT_TAG,
                Path::new("/"),
                "readonly=on,multidevs=remap",
            ),
            (plan::RESULTS_TAG, self.results, "multidevs=remap"),
        ] {
            let share = [format!("local,id={tag},security_model=none,{access},path=").into()];
            arguments.extend(["-fsdev".into(), joined(&share, path)]);
            let device = format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}");
            arguments.extend(["-device".into(), device.into()]);
        }
        let console = ["file,id=console,path=".into()];
        arguments.extend(["-chardev".into(), joined(&console, self.console)]);
        arguments.extend(["-serial", "chardev:console"].map(OsString::from));
        arguments.extend(["-kernel".into(), self.kernel.into()]);
        arguments.extend(["-initrd".into(), self.initramfs.into()]);
        arguments
    }
}

/// An option that ends in a path; a comma in it is doubled, as the emulator wants it.
fn joined(option: &[OsString; 1], path: &Path) -> OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut octets = option[0].as_bytes().to_vec();
    for octet in path.as_os_str().as_bytes() {
        octets.push(*octet);
        if *octet == b',' {
            octets.push(b',');
        }
    }
    OsString::from_vec(octets)
}

/// How long a processor that really virtualises may take for [`trial`], which it does in 20 ms.
const TRIAL: Duration = Duration::from_secs(4);
/// What the trial ends with, as its status says it.
const TRIAL_STATUS: u8 = 42;

/// Finds out whether KVM executes a guest at the processor's speed. That `/dev/kvm` opens says little: inside some
/// VMs it is there and interprets each instruction, at a thousandth of the emulator's speed.
pub async fn accelerator(spawner: &Spawner, trial_file: PathBuf) -> Accelerator {
    let opened = File::options().read(true).write(true).open("/dev/kvm");
    if let Err(error) = opened {
        return Accelerator::Emulation(format!("`/dev/kvm`: {error}"));
    }
    match try_kvm(spawner, trial_file).await {
        Ok(true) => Accelerator::Kvm,
        Ok(false) => Accelerator::Emulation("`/dev/kvm` executes no guest here".to_owned()),
        Err(error) => Accelerator::Emulation(crate::command::chain(&error)),
    }
}

async fn try_kvm(spawner: &Spawner, file: PathBuf) -> Result<bool, NsError> {
    if std::fs::write(&file, trial()).is_err() {
        return Ok(false);
    }
    let mut spec = ProcessSpec::new(QEMU);
    let words = "-nodefaults -no-user-config -no-reboot -display none -nic none -machine pc \
        -accel kvm -m 16 -device isa-debug-exit,iobase=0xf4,iosize=1 -bios";
    spec.args = words.split_whitespace().map(OsString::from).collect();
    spec.args.push(file.clone().into());
    spec.die_with_parent = true;
    let mut child = spawner.spawn(spec).await?;
    let ended = timeout(TRIAL, child.exited()).await;
    if ended.is_err() {
        child.kill(Signal::SIGKILL)?;
        child.exited().await;
    }
    let _ = std::fs::remove_file(&file);
    // The device ends the emulator with the octet written, doubled, plus one.
    Ok(ended == Ok(Exit::Code(i32::from(TRIAL_STATUS) * 2 + 1)))
}

/// Firmware that counts down from twenty million and ends the machine: 15 octets where a processor begins.
fn trial() -> Vec<u8> {
    const SIZE: usize = 65536;
    const START: usize = SIZE - 16;
    let mut firmware = vec![0; SIZE];
    let mut code = vec![0x66, 0xb9]; // mov ecx, ...
    code.extend_from_slice(&20_000_000u32.to_le_bytes());
    code.extend_from_slice(&[0x66, 0x49]); // dec ecx
    code.extend_from_slice(&[0x75, 0xfc]); // jnz to the decrement
    code.extend_from_slice(&[0xb0, TRIAL_STATUS]); // mov al, ...
    code.extend_from_slice(&[0xe6, 0xf4]); // out 0xf4, al
    code.push(0xf4); // hlt
    firmware[START..START + code.len()].copy_from_slice(&code);
    firmware
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command_line(accelerator: &Accelerator) -> String {
        let machine = Machine {
            accelerator,
            processors: 2,
            memory: 1024,
            kernel: Path::new("/boot/vmlinuz"),
            initramfs: Path::new("/run/labgen/a,b/vm/initramfs"),
            console: Path::new("/run/labgen/a,b/logs/vm-console.log"),
            results: Path::new("/run/labgen/a,b"),
        };
        let arguments = machine.arguments();
        let words: Vec<_> = arguments.iter().map(|a| a.to_string_lossy()).collect();
        words.join(" ")
    }

    #[test]
    fn the_host_is_read_only_and_there_is_no_network() {
        let line = command_line(&Accelerator::Kvm);
        assert!(line.contains("-nic none"), "{line}");
        assert!(
            line.contains("id=host,security_model=none,readonly=on,multidevs=remap,path=/ "),
            "{line}"
        );
        assert!(line.contains("-accel kvm -cpu host"), "{line}");
    }

    #[test]
    fn commas_in_paths_are_doubled_in_options_only() {
        let line = command_line(&Accelerator::Emulation(String::new()));
        assert!(
            line.contains("multidevs=remap,path=/run/labgen/a,,b "),
            "{line}"
        );
        assert!(
            line.contains("-initrd /run/labgen/a,b/vm/initramfs"),
            "{line}"
        );
        assert!(
            line.contains("path=/run/labgen/a,,b/logs/vm-console.log"),
            "{line}"
        );
        assert!(line.contains("-accel tcg,thread=multi -cpu max"), "{line}");
    }

    #[test]
    fn the_trial_begins_where_processors_begin() {
        let firmware = trial();
        assert_eq!(firmware.len(), 65536);
        assert_eq!(firmware[65520], 0x66);
        assert_eq!(firmware[65534], 0xf4);
    }
}
