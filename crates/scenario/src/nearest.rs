//! The word that was probably meant.

/// The nearest of `known` to `word`, when it is near enough for a slip of the hand: a third of its
/// characters, and one at least unless there is only one.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    let most = (length / 3).max(usize::from(length > 1));
    known
        .into_iter()
        .map(|candidate| {
            (
                distance(&word.to_lowercase(), &candidate.to_lowercase()),
                candidate,
            )
        })
        .filter(|(distance, candidate)| {
            *distance <= most || (!word.is_empty() && candidate.starts_with(word))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours that lead from `a` to `b`.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = replaced.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(a.len())
}

#[cfg(test)]
mod tests {
    use super::{distance, nearest};

    #[test]
    fn counts_slips_of_the_hand() {
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("atach", "attach"), 1);
        assert_eq!(distance("pign", "ping"), 1);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn offers_only_what_is_near() {
        assert_eq!(nearest("pe9", ["rr", "pe1", "pe2"]), Some("pe1"));
        assert_eq!(
            nearest("established", ["Idle", "Established"]),
            Some("Established")
        );
        assert_eq!(nearest("zebra", ["rr", "pe1"]), None);
        assert_eq!(nearest("comp", ["rr", "compute-a"]), Some("compute-a"));
        assert_eq!(nearest("", ["rr"]), None);
        assert_eq!(nearest("b", ["a", "c"]), None);
        assert_eq!(nearest("b", ["a", "B"]), Some("B"));
    }
}
