//! The archive a kernel unpacks into its first file system: cpio, the "newc" format, uncompressed.

use std::collections::BTreeSet;
use std::path::{Component, Path};

/// An archive in the making.
#[derive(Debug, Default)]
pub struct Archive {
    out: Vec<u8>,
    serial: u32,
    directories: BTreeSet<String>,
}

const MAGIC: &str = "070701";
const TRAILER: &str = "TRAILER!!!";
const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const CHARACTER_DEVICE: u32 = 0o020_600;

impl Archive {
    /// A directory, with those above it.
    pub fn directory(&mut self, path: &Path) {
        let mut name = String::new();
        for component in path.components() {
            let Component::Normal(part) = component else {
                continue;
            };
            if !name.is_empty() {
                name.push('/');
            }
            name += &part.to_string_lossy();
            if self.directories.insert(name.clone()) {
                self.entry(&name, DIRECTORY, (0, 0), &[]);
            }
        }
    }

    /// A file that may be run, with the directories above it.
    pub fn file(&mut self, path: &Path, content: &[u8]) {
        if let Some(parent) = path.parent() {
            self.directory(parent);
        }
        self.entry(&relative(path), PROGRAM, (0, 0), content);
    }

    /// A character device, with the directories above it.
    pub fn device(&mut self, path: &Path, major: u32, minor: u32) {
        if let Some(parent) = path.parent() {
            self.directory(parent);
        }
        self.entry(&relative(path), CHARACTER_DEVICE, (major, minor), &[]);
    }

    /// The whole archive.
    pub fn finish(mut self) -> Vec<u8> {
        self.serial = 0;
        self.entry(TRAILER, 0, (0, 0), &[]);
        self.out
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) {
        // Lengths are 32 bits wide in the format; what a first file system holds is far below that.
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        let name_length = u32::try_from(name.len() + 1).unwrap_or(u32::MAX);
        let (user, group, links, time, check) = (0, 0, 1, 0, 0);
        let fields = [
            self.serial,
            mode,
            user,
            group,
            links,
            time,
            length,
            0,
            0,
            device.0,
            device.1,
            name_length,
            check,
        ];
        self.serial += 1;
        self.out.extend_from_slice(MAGIC.as_bytes());
        for field in fields {
            self.out
                .extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.out.extend_from_slice(name.as_bytes());
        self.out.push(0);
        self.pad();
        self.out.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.out.resize(self.out.len().next_multiple_of(4), 0);
    }
}

/// Names in an archive do not begin with a slash.
fn relative(path: &Path) -> String {
    path.strip_prefix("/")
        .unwrap_or(path)
        .to_string_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_headers_names_and_contents_padded_to_words() {
        let mut archive = Archive::default();
        archive.file(Path::new("/a/init"), b"hello");
        let out = archive.finish();
        let text = String::from_utf8_lossy(&out);
        // Serial number, mode, owner, group, links, time, length, four of devices, length of the name, checksum.
        let fields = "00000000 000041ed 00000000 00000000 00000001 00000000 00000000 \
            00000000 00000000 00000000 00000000 00000002 00000000";
        let directory = format!("070701{}a\0", fields.replace(' ', ""));
        assert!(text.starts_with(&directory), "{text}");
        assert!(text.contains("a/init\0\0\0\0hello"), "{text}");
        assert!(out.len().is_multiple_of(4));
        assert!(text.trim_end_matches('\0').ends_with(TRAILER));
    }

    #[test]
    fn a_directory_is_there_once() {
        let mut archive = Archive::default();
        archive.file(Path::new("/lib/x/one"), b"");
        archive.file(Path::new("/lib/x/two"), b"");
        archive.device(Path::new("/dev/console"), 5, 1);
        let out = archive.finish();
        let text = String::from_utf8_lossy(&out);
        assert_eq!(text.matches("lib/x\0").count(), 1);
        assert_eq!(text.matches("000000050000000100").count(), 1);
    }

    /// The judge is the program that Debian's tools for first file systems read archives with.
    #[test]
    fn cpio_reads_it() {
        let Ok(mut reader) = std::process::Command::new("cpio")
            .args(["-it", "--quiet"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
        else {
            eprintln!("skipped: `cpio` is not installed");
            return;
        };
        let mut archive = Archive::default();
        archive.file(Path::new("/lib/x/one"), b"123");
        archive.device(Path::new("/dev/console"), 5, 1);
        let mut input = reader.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, &archive.finish()).unwrap();
        drop(input);
        let output = reader.wait_with_output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "lib\nlib/x\nlib/x/one\ndev\ndev/console\n"
        );
    }
}
