//! Many numbered names in few words: `compute-1..500`.

/// `compute` and 12 of `compute-12`.
pub fn numbered(name: &str) -> Option<(&str, u64)> {
    let (base, number) = name.rsplit_once('-')?;
    // `a-01` and `a-1` are two names.
    let plain = !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
    Some((base, number.parse().ok().filter(|_| plain)?))
}

/// Sorts `compute-10` after `compute-9`.
pub fn natural(name: &str) -> (&str, u64) {
    numbered(name).unwrap_or((name, 0))
}

/// Names in their order, three and more that count up as one.
pub fn ranges<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut runs: Vec<Vec<&str>> = Vec::new();
    for name in names {
        let follows = |run: &Vec<&str>| {
            let last = run.last().and_then(|last| numbered(last));
            let next = last.and_then(|(base, n)| Some((base, n.checked_add(1)?)));
            next.is_some() && numbered(name) == next
        };
        match runs.last_mut().filter(|run| follows(run)) {
            Some(run) => run.push(name),
            None => runs.push(vec![name]),
        }
    }
    let text = |run: &Vec<&str>| match run[..] {
        [first, .., last] if run.len() > 2 => {
            format!("{first}..{}", numbered(last).map_or(0, |(_, n)| n))
        }
        _ => run.join(", "),
    };
    let texts: Vec<String> = runs.iter().map(text).collect();
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn only_what_counts_up_is_shortened() {
        assert_eq!(ranges(["rr", "c-1", "c-2", "c-3", "gw"]), "rr, c-1..3, gw");
        assert_eq!(ranges(["c-1", "c-2"]), "c-1, c-2");
        assert_eq!(ranges(["c-1", "c-3", "c-2", "d-3"]), "c-1, c-3, c-2, d-3");
        let most = format!("c-{}", u64::MAX);
        assert_eq!(ranges([most.as_str(), "c-1"]), format!("{most}, c-1"));
        assert_eq!(ranges(["c-08", "c-09", "c-10"]), "c-08, c-09, c-10");
    }
}
