//! What a line does over many frames, held against what was asked of it.

#![allow(clippy::unwrap_used)]

use std::time::Duration;

use impair::{Delivery, Fate, Impairment, Line, Rate, Share, flip};
use proptest::prelude::*;

const FRAMES: u64 = 20_000;

fn share(text: &str) -> Share {
    text.parse().unwrap()
}

/// Fates of frames of 1000 octets, one every `apart`.
fn fates(impairment: Impairment, seed: u64, frames: u64, apart: Duration) -> Vec<Fate> {
    let mut line = Line::new(impairment, seed);
    let now = |number: u64| apart * u32::try_from(number).unwrap();
    (0..frames)
        .map(|number| line.decide(1000, now(number)))
        .collect()
}

fn every_ms(impairment: Impairment, seed: u64) -> Vec<Fate> {
    fates(impairment, seed, FRAMES, Duration::from_millis(1))
}

fn deliveries(fates: &[Fate]) -> impl Iterator<Item = Delivery> {
    fates
        .iter()
        .flat_map(|fate| match fate {
            Fate::Delivered { first, again } => [Some(*first), *again],
            _ => [None, None],
        })
        .flatten()
}

fn lost(fates: &[Fate]) -> Vec<bool> {
    fates.iter().map(|fate| *fate == Fate::Lost).collect()
}

prop_compose! {
    fn shares()(millionths in 0u32..=1_000_000) -> Share {
        Share::new(millionths).unwrap()
    }
}

prop_compose! {
    fn impairments()(
        delay in 0u64..50_000,
        jitter in 0u64..50_000,
        loss in shares(),
        loss_correlation in shares(),
        duplicate in shares(),
        reorder in shares(),
        gap in 1u32..10,
        corrupt in shares(),
        rate in proptest::option::of(1_000_000u64..1_000_000_000),
        queue in 0u32..100,
    ) -> Impairment {
        Impairment {
            delay: Duration::from_micros(delay),
            jitter: Duration::from_micros(jitter.min(delay)),
            loss, loss_correlation, duplicate, reorder, gap, corrupt,
            rate: rate.and_then(Rate::new),
            queue,
        }
    }
}

proptest! {
    #[test]
    fn the_same_seed_decides_the_same(impairment in impairments(), seed: u64) {
        let step = Duration::from_micros(100);
        prop_assert_eq!(fates(impairment, seed, 500, step), fates(impairment, seed, 500, step));
    }

    /// What is lost, duplicated and corrupted is a matter of the frame's number, not of when it comes.
    #[test]
    fn decisions_do_not_depend_on_time(impairment in impairments(), seed: u64, a in 0u32..1000, b in 0u32..1000) {
        // A queue that overflows does depend on time.
        let impairment = Impairment { rate: None, ..impairment };
        let flips = |fate: &Fate| -> Vec<Option<u64>> {
            deliveries(&[*fate]).map(|delivery| delivery.flip).collect()
        };
        let bits = |apart: u32| -> Vec<Vec<Option<u64>>> {
            let apart = Duration::from_micros(apart.into());
            fates(impairment, seed, 500, apart).iter().map(flips).collect()
        };
        prop_assert_eq!(bits(a), bits(b));
    }

    #[test]
    fn without_loss_and_rate_every_frame_arrives(impairment in impairments(), seed: u64) {
        let impairment = Impairment { loss: Share::NONE, rate: None, ..impairment };
        let fates = fates(impairment, seed, 500, Duration::from_micros(100));
        let arrive = fates.iter().filter(|fate| matches!(fate, Fate::Delivered { .. }));
        prop_assert_eq!(arrive.count(), fates.len());
    }

    #[test]
    fn without_reorder_the_order_is_kept(impairment in impairments(), seed: u64) {
        let impairment = Impairment { reorder: Share::NONE, ..impairment };
        let fates = fates(impairment, seed, 500, Duration::from_micros(100));
        prop_assert!(deliveries(&fates).map(|delivery| delivery.at).is_sorted());
    }

    #[test]
    fn nothing_arrives_too_early_or_late(impairment in impairments(), seed: u64) {
        let impairment = Impairment { reorder: Share::NONE, rate: None, ..impairment };
        let apart = Duration::from_micros(100);
        for (number, fate) in (0u32..).zip(fates(impairment, seed, 500, apart)) {
            let Fate::Delivered { first, again } = fate else { continue };
            let sent = apart * number;
            for at in [Some(first.at), again.map(|again| again.at)].into_iter().flatten() {
                prop_assert!(at + impairment.jitter >= sent + impairment.delay);
                prop_assert!(at <= sent + impairment.delay + impairment.jitter);
            }
        }
    }

    #[test]
    fn every_frame_is_counted_once(impairment in impairments(), seed: u64) {
        let mut line = Line::new(impairment, seed);
        let mut seen = [0u64; 3];
        for number in 0..500u32 {
            match line.decide(100, Duration::from_micros(50) * number) {
                Fate::Lost => seen[0] += 1,
                Fate::Dropped => seen[1] += 1,
                Fate::Delivered { again, .. } => seen[2] += u64::from(again.is_some()),
            }
        }
        let counted = line.counters();
        prop_assert_eq!((counted.frames, counted.octets), (500, 50_000));
        prop_assert_eq!([counted.lost, counted.dropped, counted.duplicated], seen);
    }

    #[test]
    fn a_flip_turns_one_bit(mut frame: Vec<u8>, bit: u64) {
        let before = frame.clone();
        flip(&mut frame, bit);
        let turned: u32 = frame.iter().zip(&before).map(|(a, b)| (a ^ b).count_ones()).sum();
        prop_assert_eq!(turned, u32::from(!before.is_empty()));
    }
}

#[test]
fn other_seeds_decide_otherwise() {
    let lossy = Impairment {
        loss: share("50%"),
        ..Impairment::default()
    };
    assert_ne!(every_ms(lossy, 1), every_ms(lossy, 2));
}

#[test]
fn shares_are_near_what_was_asked() {
    for (asked, seed) in [("1%", 3), ("30%", 4), ("99%", 5)] {
        let impairment = Impairment {
            loss: share(asked),
            ..Impairment::default()
        };
        let losses = lost(&every_ms(impairment, seed))
            .into_iter()
            .filter(|lost| *lost)
            .count();
        // Four standard deviations: one seed of 16,000 would be further off.
        let p = share(asked).fraction();
        let (mean, deviation) = (p * FRAMES as f64, (p * (1.0 - p) * FRAMES as f64).sqrt());
        assert!(
            (losses as f64 - mean).abs() < 4.0 * deviation,
            "{asked}: {losses}"
        );
    }
    let all = Impairment {
        loss: share("100%"),
        ..Impairment::default()
    };
    assert!(lost(&every_ms(all, 6)).into_iter().all(|lost| lost));
}

/// The coefficient of correlation between the loss of a frame and of the next.
fn correlation(lost: &[bool]) -> f64 {
    let n = lost.len() as f64;
    let mean = lost.iter().filter(|lost| **lost).count() as f64 / n;
    let off = |lost: bool| f64::from(u8::from(lost)) - mean;
    let together: f64 = lost
        .windows(2)
        .map(|pair| off(pair[0]) * off(pair[1]))
        .sum();
    together / (n * mean * (1.0 - mean))
}

#[test]
fn correlated_losses_come_in_bursts() {
    let alone = Impairment {
        loss: share("10%"),
        ..Impairment::default()
    };
    let bursts = Impairment {
        loss_correlation: share("70%"),
        ..alone
    };
    let (alone, bursts) = (lost(&every_ms(alone, 7)), lost(&every_ms(bursts, 7)));
    assert!(correlation(&alone).abs() < 0.05, "{}", correlation(&alone));
    assert!(
        (correlation(&bursts) - 0.7).abs() < 0.05,
        "{}",
        correlation(&bursts)
    );
    // They are not more for that.
    let rate = bursts.iter().filter(|lost| **lost).count() as f64 / FRAMES as f64;
    assert!((rate - 0.1).abs() < 0.02, "{rate}");
}

#[test]
fn a_rate_holds_and_its_queue_overflows() {
    let slow = Impairment {
        rate: Some("1mbit".parse().unwrap()),
        queue: 10,
        ..Impairment::default()
    };
    // 1000 octets take 8 ms; one comes every millisecond.
    let fates = fates(slow, 8, 1000, Duration::from_millis(1));
    let arrivals: Vec<Duration> = deliveries(&fates).map(|delivery| delivery.at).collect();
    assert!(
        arrivals
            .windows(2)
            .all(|pair| pair[1] - pair[0] == Duration::from_millis(8))
    );
    // Those that 999 ms have time for, and those still being sent or waiting.
    assert_eq!(arrivals.len(), 124 + 11);
    assert!(
        fates[..11]
            .iter()
            .all(|fate| matches!(fate, Fate::Delivered { .. }))
    );
}

#[test]
fn what_overtakes_arrives_at_once() {
    let unruly = Impairment {
        delay: Duration::from_millis(10),
        reorder: share("100%"),
        gap: 5,
        ..Impairment::default()
    };
    let fates = fates(unruly, 9, 20, Duration::from_millis(1));
    let overtaking: Vec<usize> = (0..20)
        .zip(deliveries(&fates))
        .filter(|(number, delivery)| delivery.at == Duration::from_millis(*number as u64))
        .map(|(number, _)| number)
        .collect();
    assert_eq!(overtaking, [4, 9, 14, 19]);
}

#[test]
fn copies_and_damage_are_as_many_as_asked() {
    let bad = Impairment {
        duplicate: share("20%"),
        corrupt: share("10%"),
        ..Impairment::default()
    };
    let mut line = Line::new(bad, 10);
    for number in 0..FRAMES {
        line.decide(1000, Duration::from_millis(number));
    }
    let counters = line.counters();
    let near = |count: u64, of: f64| (count as f64 / of - 1.0).abs() < 0.1;
    assert!(
        near(counters.duplicated, 0.2 * FRAMES as f64),
        "{counters:?}"
    );
    assert!(
        near(counters.corrupted, 0.12 * FRAMES as f64),
        "{counters:?}"
    );
}

#[test]
fn a_change_starts_anew_and_overtakes_nothing() {
    let slow = Impairment {
        delay: Duration::from_millis(100),
        ..Impairment::default()
    };
    let lossy = Impairment {
        loss: share("50%"),
        ..Impairment::default()
    };
    let mut line = Line::new(slow, 1);
    let now = Duration::from_secs(1);
    line.decide(100, now);
    line.change(lossy, 2);
    let after: Vec<Fate> = (0..100).map(|_| line.decide(100, now)).collect();
    assert!(deliveries(&after).all(|delivery| delivery.at >= Duration::from_millis(1100)));
    let mut fresh = Line::new(lossy, 2);
    let alone: Vec<Fate> = (0..100).map(|_| fresh.decide(100, now)).collect();
    assert_eq!(lost(&after), lost(&alone));
    assert_eq!(line.counters().frames, 101);
}
