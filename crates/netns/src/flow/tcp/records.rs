//! Records of fixed length out of a stream.

use crate::flow::payload::LEAST;

/// Where in a record the stream is, and the record's head as far as it has come.
#[derive(Debug)]
pub(super) struct Records {
    size: usize,
    at: usize,
    head: [u8; LEAST],
}

impl Records {
    /// `size` is at least [`LEAST`].
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            at: 0,
            head: [0; LEAST],
        }
    }

    /// Takes the next octets and hands over the head of each record that is complete with them.
    pub(super) fn feed(&mut self, mut octets: &[u8], mut complete: impl FnMut(&[u8])) {
        while !octets.is_empty() {
            let taken = octets.len().min(self.size - self.at);
            let (these, rest) = octets.split_at(taken);
            if let Some(room) = self.head.get_mut(self.at..) {
                let head = room.len().min(these.len());
                room[..head].copy_from_slice(&these[..head]);
            }
            self.at += taken;
            octets = rest;
            if self.at == self.size {
                complete(&self.head);
                self.at = 0;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_come_out_however_the_stream_is_cut(
            size in LEAST..80,
            count in 0u8..20,
            mut cuts in prop::collection::vec(0usize..1600, 0..10),
        ) {
            let stream: Vec<u8> = (0..count).flat_map(|number| vec![number; size]).collect();
            cuts.push(stream.len());
            cuts.iter_mut().for_each(|cut| *cut = (*cut).min(stream.len()));
            cuts.sort_unstable();
            let (mut records, mut heads, mut from) = (Records::new(size), Vec::new(), 0);
            for cut in cuts {
                records.feed(&stream[from..cut], |head| heads.push(head.to_vec()));
                from = cut;
            }
            let expected: Vec<Vec<u8>> = (0..count).map(|number| vec![number; LEAST]).collect();
            prop_assert_eq!(heads, expected);
        }
    }
}
