//! Delay, loss and the like by the kernel itself: the queueing discipline `netem`, where it has it.

use std::time::Duration;

use impair::{Impairment, Rate, Share};
use netlink_packet_core::DefaultNla;
use netlink_packet_route::RouteNetlinkMessage as Message;
use netlink_packet_route::tc::{TcAttribute, TcHandle, TcMessage};

use super::request::{Mode, Request};

/// What an interface does to the frames that it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Netem {
    /// The interface's index.
    pub link: u32,
    /// What is done.
    pub impairment: Impairment,
}

/// TCA_OPTIONS.
const OPTIONS: u16 = 2;
/// TCA_NETEM_REORDER and so on.
const REORDER: u16 = 3;
const CORRUPT: u16 = 4;
const LOSS: u16 = 5;
const RATE: u16 = 6;
const RATE64: u16 = 8;
const LATENCY64: u16 = 10;
const JITTER64: u16 = 11;
/// In TCA_NETEM_LOSS: the chain of two states.
const LOSS_GE: u16 = 2;
const NESTED: u16 = 1 << 15;

/// Frames that may be on their way where no rate holds them up: more than any lab has.
const NO_LIMIT: u32 = 1_000_000;
/// Octets of a frame, where a number of frames on their way is estimated.
const FRAME: u64 = 1514;
/// In bits per second; a rate that nobody notices.
const NO_RATE: u64 = 1_000_000_000_000;

impl Netem {
    /// Puts it into force, in place of what the interface did to its frames before.
    pub fn replace(&self) -> Request {
        let mut message = root(self.link);
        message.header.handle = TcHandle::from(1 << 16);
        let options = DefaultNla::new(OPTIONS, options(&self.impairment));
        message.attributes.push(TcAttribute::Kind("netem".into()));
        message.attributes.push(TcAttribute::Other(options));
        Request::new(Message::NewQueueDiscipline(message), Mode::Replace)
    }

    /// Takes it out of force. It must have been put into force.
    pub fn delete(link: u32) -> Request {
        Request::new(Message::DelQueueDiscipline(root(link)), Mode::Existing)
    }
}

fn root(link: u32) -> TcMessage {
    let mut message = TcMessage::with_index(link.cast_signed());
    message.header.parent = TcHandle::ROOT;
    message
}

/// `struct tc_netem_qopt` (latency, limit, loss, gap, duplicate, jitter) and attributes.
fn options(asked: &Impairment) -> Vec<u8> {
    // Its chain begins with a frame that arrives; where none does there is nothing to correlate.
    let correlated = asked.loss_correlation != Share::NONE && asked.loss != Share::ALL;
    let plain_loss = if correlated { Share::NONE } else { asked.loss };
    let gap = if asked.reorder == Share::NONE {
        0
    } else {
        asked.gap
    };
    let fixed = [
        0,
        limit(asked),
        scaled(plain_loss.fraction()),
        gap,
        scaled(asked.duplicate.fraction()),
        0,
    ];
    let mut bytes: Vec<u8> = fixed.into_iter().flat_map(u32::to_ne_bytes).collect();
    attribute(&mut bytes, LATENCY64, &nanos(asked.delay).to_ne_bytes());
    attribute(&mut bytes, JITTER64, &nanos(asked.jitter).to_ne_bytes());
    for (kind, share) in [(REORDER, asked.reorder), (CORRUPT, asked.corrupt)] {
        if share != Share::NONE {
            // Probability and correlation.
            attribute(&mut bytes, kind, &words(&[scaled(share.fraction()), 0]));
        }
    }
    if correlated {
        let (loss, alone) = (
            asked.loss.fraction(),
            1.0 - asked.loss_correlation.fraction(),
        );
        // From not lost to lost and back; then the shares that get through when lost, and are lost when not.
        let chain = [scaled(loss * alone), scaled((1.0 - loss) * alone), 0, 0];
        let mut nested = Vec::new();
        attribute(&mut nested, LOSS_GE, &words(&chain));
        attribute(&mut bytes, LOSS | NESTED, &nested);
    }
    // Without a rate, netem lets frames overtake each other that are delayed differently.
    let unnoticed = (!asked.jitter.is_zero()).then_some(NO_RATE);
    if let Some(bits) = asked.rate.map(Rate::bits_per_second).or(unnoticed) {
        let octets = (bits / 8).max(1);
        // `struct tc_netem_rate`: rate, and three fields for links that are not Ethernet.
        let low = u32::try_from(octets).unwrap_or(u32::MAX);
        attribute(&mut bytes, RATE, &words(&[low, 0, 0, 0]));
        attribute(&mut bytes, RATE64, &octets.to_ne_bytes());
    }
    bytes
}

/// netem counts the frames that are on their way to those that wait for the rate.
fn limit(asked: &Impairment) -> u32 {
    let Some(rate) = asked.rate else {
        return NO_LIMIT;
    };
    let micros = u64::try_from((asked.delay + asked.jitter).as_micros()).unwrap_or(u64::MAX);
    let on_their_way = micros.saturating_mul(rate.bits_per_second()) / 8 / FRAME / 1_000_000;
    let on_their_way = u32::try_from(on_their_way).unwrap_or(NO_LIMIT);
    asked.queue.saturating_add(on_their_way).saturating_add(1)
}

/// Of 2^32 - 1, which stands for always.
fn scaled(share: f64) -> u32 {
    (share * f64::from(u32::MAX)).round() as u32
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().copied().flat_map(u32::to_ne_bytes).collect()
}

/// Appends an attribute: length, kind, value, and what fills it up to whole words.
fn attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let length = u16::try_from(4 + value.len()).unwrap_or(u16::MAX);
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// An attribute's value.
    fn value(options: &[u8], wanted: u16) -> Option<Vec<u8>> {
        let mut rest = options.get(24..)?;
        loop {
            let short = |at: usize| Some(u16::from_ne_bytes(*rest.get(at..)?.first_chunk()?));
            let (length, kind) = (usize::from(short(0)?), short(2)?);
            if kind == wanted {
                return rest.get(4..length).map(<[u8]>::to_vec);
            }
            rest = rest.get(length.next_multiple_of(4)..)?;
        }
    }

    fn fixed(options: &[u8], at: usize) -> u32 {
        u32::from_ne_bytes(*options[4 * at..].first_chunk().unwrap())
    }

    #[test]
    fn losses_alone_are_a_share_and_bursts_a_chain() {
        let alone = Impairment {
            loss: "25%".parse().unwrap(),
            ..Impairment::default()
        };
        let plain = options(&alone);
        assert_eq!(fixed(&plain, 2), 1 << 30);
        assert_eq!(value(&plain, LOSS | NESTED), None);
        let bursts = Impairment {
            loss_correlation: "50%".parse().unwrap(),
            ..alone
        };
        let chain = options(&bursts);
        assert_eq!(fixed(&chain, 2), 0);
        let nested = value(&chain, LOSS | NESTED).unwrap();
        // An eighth of those after one that arrived is lost, and three eighths of those after a loss arrive.
        assert_eq!(nested[4..], words(&[1 << 29, 3 << 29, 0, 0]));
    }

    #[test]
    fn jitter_keeps_the_order_and_no_rate_has_no_limit() {
        let plain = Impairment {
            delay: Duration::from_millis(1),
            ..Impairment::default()
        };
        assert_eq!(value(&options(&plain), RATE64), None);
        assert_eq!(
            value(&options(&plain), LATENCY64),
            Some(1_000_000i64.to_ne_bytes().to_vec())
        );
        assert_eq!(fixed(&options(&plain), 1), NO_LIMIT);
        let unsteady = Impairment {
            jitter: plain.delay,
            ..plain
        };
        assert!(value(&options(&unsteady), RATE64).is_some());
        // 10 ms at 100 Mbit/s are 82 frames of 1514 octets.
        let slow = Impairment {
            delay: Duration::from_millis(10),
            rate: Some("100mbit".parse().unwrap()),
            queue: 10,
            ..Impairment::default()
        };
        assert_eq!(fixed(&options(&slow), 1), 10 + 82 + 1);
        assert_eq!(
            value(&options(&slow), RATE64),
            Some(12_500_000u64.to_ne_bytes().to_vec())
        );
    }
}
