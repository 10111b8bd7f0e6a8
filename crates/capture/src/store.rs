//! Where the octets of a recording are kept.

use std::io;

/// Octets that grow at their end and can be read anywhere: memory, or a file of whoever records.
pub trait Store {
    /// How many there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds to the end.
    fn append(&mut self, octets: &[u8]) -> io::Result<()>;

    /// Reads from `at` on as many as there are room for and left; how many.
    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Gives up everything from `len` on.
    fn truncate(&mut self, len: u64) -> io::Result<()>;

    /// Lets others see everything added so far, where others can look.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Octets in memory.
#[derive(Debug, Default)]
pub struct Memory {
    pieces: Vec<Vec<u8>>,
    len: u64,
}

/// Pieces are added rather than one grown: nothing is ever copied to make room.
const PIECE: usize = 1 << 20;

impl Store for Memory {
    fn len(&self) -> u64 {
        self.len
    }

    fn append(&mut self, mut octets: &[u8]) -> io::Result<()> {
        self.len += octets.len() as u64;
        while !octets.is_empty() {
            if self.pieces.last().is_none_or(|last| last.len() == PIECE) {
                self.pieces.push(Vec::new());
            }
            let Some(last) = self.pieces.last_mut() else {
                break;
            };
            let fits = (PIECE - last.len()).min(octets.len());
            let (now, later) = octets.split_at(fits);
            last.extend_from_slice(now);
            octets = later;
        }
        Ok(())
    }

    fn read(&self, at: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut at = usize::try_from(at).unwrap_or(usize::MAX);
        let mut read = 0;
        while read < into.len() {
            let piece = self.pieces.get(at / PIECE);
            let Some(rest) = piece.and_then(|piece| piece.get(at % PIECE..)) else {
                break;
            };
            let count = rest.len().min(into.len() - read);
            if count == 0 {
                break;
            }
            into[read..read + count].copy_from_slice(&rest[..count]);
            read += count;
            at += count;
        }
        Ok(read)
    }

    fn truncate(&mut self, len: u64) -> io::Result<()> {
        let keep = usize::try_from(len).unwrap_or(usize::MAX);
        self.pieces.truncate(keep.div_ceil(PIECE));
        if let Some(last) = self.pieces.last_mut()
            && keep % PIECE > 0
        {
            last.truncate(keep % PIECE);
        }
        self.len = self.len.min(len);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn pieces_are_one_text() {
        let mut memory = Memory::default();
        let whole: Vec<u8> = (0..3 * PIECE + 5).map(|at| (at / 7) as u8).collect();
        for part in whole.chunks(PIECE / 3 + 1) {
            memory.append(part).unwrap();
        }
        for (at, len) in [(0, 9), (PIECE - 3, 9), (PIECE, PIECE), (3 * PIECE, 99)] {
            let mut read = vec![0; len];
            let count = memory.read(at as u64, &mut read).unwrap();
            assert_eq!(read[..count], whole[at..(at + len).min(whole.len())]);
        }
        memory.truncate(PIECE as u64 + 1).unwrap();
        memory.append(b"end").unwrap();
        let mut read = [0; 9];
        let count = memory.read(PIECE as u64, &mut read).unwrap();
        assert_eq!(read[..count], [&whole[PIECE..=PIECE], &b"end"[..]].concat());
        assert_eq!(memory.len(), PIECE as u64 + 4);
        assert_eq!(memory.read(1 << 40, &mut read).unwrap(), 0);
    }
}
