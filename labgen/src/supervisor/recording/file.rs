//! A file that grows while others read it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use capture::Store;

/// Octets in a file, but for the last ones, which wait for more.
pub(super) struct FileStore {
    file: File,
    /// How many are in the file.
    written: u64,
    /// Those after them.
    tail: Vec<u8>,
}

/// Octets written at once.
const BATCH: usize = 256 << 10;

impl FileStore {
    /// An empty one; what the file held is gone.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)?;
        Ok(Self {
            file,
            written: 0,
            tail: Vec::new(),
        })
    }
}

impl Store for FileStore {
    fn len(&self) -> u64 {
        self.written + self.tail.len() as u64
    }

    fn append(&mut self, octets: &[u8]) -> io::Result<()> {
        self.tail.extend_from_slice(octets);
        if self.tail.len() < BATCH {
            return Ok(());
        }
        self.flush()
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut read = 0;
        while read < into.len() {
            let from = at + read as u64;
            let room = &mut into[read..];
            let count = match from.checked_sub(self.written) {
                None => {
                    let left = usize::try_from(self.written - from).unwrap_or(usize::MAX);
                    let most = left.min(room.len());
                    self.file.read_at(&mut room[..most], from)?
                }
                Some(within) => {
                    let within = usize::try_from(within).unwrap_or(usize::MAX);
                    let rest = self.tail.get(within..).unwrap_or_default();
                    let count = rest.len().min(room.len());
                    room[..count].copy_from_slice(&rest[..count]);
                    count
                }
            };
            if count == 0 {
                break;
            }
            read += count;
        }
        Ok(read)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        match len.checked_sub(self.written) {
            Some(kept) => self
                .tail
                .truncate(usize::try_from(kept).unwrap_or(usize::MAX)),
            None => {
                self.tail.clear();
                self.file.set_len(len)?;
                self.written = len;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.tail, self.written)?;
        self.written += self.tail.len() as u64;
        self.tail.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn file_and_tail_are_one_text() {
        let name = format!("labgen-store-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let mut store = FileStore::create(&path).unwrap();
        let whole: Vec<u8> = (0..BATCH + 99).map(|at| (at / 3) as u8).collect();
        store.append(&whole[..BATCH]).unwrap();
        store.append(&whole[BATCH..]).unwrap();
        assert_eq!(store.len(), whole.len() as u64);
        for (at, len) in [(0, 9), (BATCH - 3, 9), (BATCH + 90, 99), (BATCH + 99, 1)] {
            let mut read = vec![0; len];
            let count = store.read(at as u64, &mut read).unwrap();
            assert_eq!(read[..count], whole[at..(at + len).min(whole.len())]);
        }
        store.truncate(BATCH as u64 - 1).unwrap();
        store.append(b"end").unwrap();
        store.flush().unwrap();
        let expected = [&whole[..BATCH - 1], &b"end"[..]].concat();
        assert_eq!(std::fs::read(&path).unwrap(), expected);
        std::fs::remove_file(&path).unwrap();
    }
}
