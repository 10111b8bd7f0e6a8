use proptest::prelude::*;

use super::*;

const MS: u64 = 1_000_000;

/// Ten probes, a millisecond apart; those of `lost` do not arrive.
fn ten(lost: &[u64]) -> Account {
    let mut account = Account::new(MS, 5 * MS);
    for at in 0..10 {
        let number = account.sent(at * MS);
        if !lost.contains(&at) {
            account.arrived(number, at * MS + 1000);
        }
    }
    account
}

#[test]
fn an_outage_lasts_until_the_next_probe_that_arrives_is_sent() {
    let mut account = ten(&[3, 4, 5]);
    account.advance(100 * MS);
    let figures = account.figures();
    let outage = Outage {
        start: 3 * MS,
        end: 6 * MS,
        lost: 3,
    };
    assert_eq!(figures.outages.kept, [outage]);
    assert!(!figures.outages.open);
    assert_eq!((figures.sent, figures.received, figures.lost), (10, 7, 3));
    assert_eq!(figures.latency.percentile(50.0), Some(1000));
    assert_eq!(account.take_outages(), (vec![outage], 0));
    assert_eq!(account.take_outages(), (vec![], 0));
}

#[test]
fn nothing_is_lost_before_its_time() {
    let mut account = ten(&[3, 9]);
    account.advance(8 * MS);
    assert_eq!((account.decided(), account.figures().lost), (3, 0));
    account.advance(8 * MS + 1);
    assert_eq!((account.decided(), account.figures().lost), (9, 1));
    assert_eq!(account.figures().undecided(), 1);
}

#[test]
fn an_outage_that_goes_on_counts() {
    let mut account = ten(&[8, 9]);
    account.advance(100 * MS);
    let outages = account.figures().outages;
    assert!(outages.open);
    assert_eq!((outages.count, outages.total), (1, 2 * MS));
    assert_eq!(account.take_outages().0, []);
}

#[test]
fn a_mark_in_an_outage_sees_its_rest() {
    let mut account = Account::new(MS, 5 * MS);
    for at in 0..10 {
        if at == 4 {
            account.mark(7);
        }
        let number = account.sent(at * MS);
        if !(2..6).contains(&at) {
            account.arrived(number, at * MS);
        }
    }
    account.advance(100 * MS);
    let since = account.figures_since(7);
    assert_eq!((since.from, since.sent, since.lost), (4, 6, 2));
    assert_eq!(since.outages.longest.unwrap().length(), 2 * MS);
    assert_eq!(account.figures().outages.longest.unwrap().length(), 4 * MS);
    assert_eq!(account.take_outages().0.len(), 1);
    account.mark(7);
    assert_eq!(account.figures_since(7).sent, 0);
    assert_eq!(account.figures_since(8).sent, 10);
}

#[test]
fn duplicates_and_late_ones_are_not_received_twice() {
    let mut account = Account::new(MS, 5 * MS);
    let number = account.sent(0);
    account.arrived(number, MS);
    account.arrived(number, 2 * MS);
    let second = account.sent(MS);
    account.arrived(second, 7 * MS);
    account.advance(8 * MS);
    account.arrived(number, 9 * MS);
    account.arrived(77, 9 * MS);
    let figures = account.figures();
    assert_eq!(
        (figures.received, figures.duplicated, figures.lost),
        (1, 1, 1)
    );
    assert_eq!((figures.late, account.damaged()), (2, 1));
}

#[test]
fn memory_does_not_grow_with_time() {
    let mut account = Account::new(MS, 50 * MS);
    for at in 0..100_000 {
        let number = account.sent(at * MS);
        if at % 100 != 0 {
            account.arrived(number, at * MS);
        }
        account.advance(at * MS);
        assert!(account.probes.len() <= 60);
    }
    assert_eq!(account.figures().lost, 1000);
}

/// What happens to a flow, in order of time.
#[derive(Debug, Clone)]
enum Happening {
    Send,
    Arrive(usize),
    Mark,
}

/// The books by looking at everything at the end.
fn naive(history: &[(u64, Happening)], from: u64, threshold: u64) -> (Figures, Vec<u64>) {
    let mut sent: Vec<u64> = Vec::new();
    let mut arrived: Vec<bool> = Vec::new();
    let mut figures = Figures {
        from,
        ..Figures::default()
    };
    let mut highest = None;
    for (at, happening) in history {
        match happening {
            Happening::Send => {
                sent.push(*at);
                arrived.push(false);
                figures.sent += u64::from(sent.len() as u64 > from);
            }
            Happening::Arrive(number) => {
                let Some(was) = sent.get(*number) else {
                    continue;
                };
                let counts = *number as u64 >= from;
                let late = at - was > threshold;
                if late {
                    figures.late += u64::from(counts);
                    continue;
                }
                if arrived[*number] {
                    figures.duplicated += u64::from(counts);
                } else {
                    arrived[*number] = true;
                    if counts {
                        figures.received += 1;
                        figures.reordered += u64::from(highest > Some(*number));
                        figures.latency.add(at - was);
                    }
                }
                highest = highest.max(Some(*number));
            }
            Happening::Mark => {}
        }
    }
    let from = from as usize;
    figures.lost = arrived
        .iter()
        .skip(from)
        .filter(|arrived| !**arrived)
        .count() as u64;
    let mut runs = Vec::new();
    let mut start = None;
    for (at, arrived) in sent.iter().zip(&arrived).skip(from) {
        match (start, arrived) {
            (None, false) => start = Some(*at),
            (Some(began), true) => {
                runs.push(at - began);
                start = None;
            }
            _ => {}
        }
    }
    if let (Some(began), Some(last)) = (start, sent.last()) {
        runs.push(last + MS - began);
    }
    (figures, runs)
}

fn history() -> impl Strategy<Value = Vec<(u64, Happening)>> {
    let happening = prop_oneof![
        4 => Just(Happening::Send),
        // Relative to the newest, so that most are there and some twice.
        4 => (0usize..12).prop_map(Happening::Arrive),
        1 => Just(Happening::Mark),
    ];
    prop::collection::vec((0u64..3 * MS, happening), 0..300).prop_map(|steps| {
        let (mut now, mut sent) = (0, 0usize);
        let mut history = Vec::new();
        for (pause, happening) in steps {
            now += pause;
            let happening = match happening {
                Happening::Arrive(back) => match sent.checked_sub(back + 1) {
                    Some(number) => Happening::Arrive(number),
                    None => continue,
                },
                other => other,
            };
            sent += usize::from(matches!(happening, Happening::Send));
            history.push((now, happening));
        }
        history
    })
}

proptest! {
    #[test]
    fn the_books_are_those_of_looking_at_everything(history in history(), looks in any::<u64>()) {
        let threshold = 8 * MS;
        let mut account = Account::new(MS, threshold);
        let mut marked = None;
        for (index, (at, happening)) in history.iter().enumerate() {
            match happening {
                Happening::Send => drop(account.sent(*at)),
                Happening::Arrive(number) => account.arrived(*number as u64, *at),
                Happening::Mark => {
                    account.mark(1);
                    marked = Some(account.next());
                }
            }
            // When it is looked at must not matter.
            if looks >> (index % 64) & 1 == 1 {
                account.advance(*at);
            }
        }
        account.advance(u64::MAX);
        for (seen, from) in [(account.figures(), 0), (account.figures_since(1), marked.unwrap_or(0))] {
            let (expected, runs) = naive(&history, from, threshold);
            let outages = seen.outages.clone();
            prop_assert_eq!(seen.undecided(), 0);
            prop_assert_eq!(Figures { outages: Outages::default(), ..seen }, expected);
            prop_assert_eq!(outages.kept.iter().map(Outage::length).collect::<Vec<_>>(), runs.clone());
            prop_assert_eq!(outages.count, runs.len() as u64);
            prop_assert_eq!(outages.total, runs.iter().sum::<u64>());
            prop_assert_eq!(outages.longest.map(|o| o.length()), runs.iter().copied().max());
        }
    }
}
