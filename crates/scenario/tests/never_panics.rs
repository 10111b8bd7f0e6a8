//! Whatever is typed, there is an answer and it can be drawn.

mod files;

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// What replaces a piece of a good scenario.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just(String::new()),
        select(vec![
            "\"",
            "{",
            "}",
            "[",
            "]",
            "=",
            ",",
            "\n",
            "0",
            "-1",
            "true",
            "é",
            "\t",
            "vm-a",
            "vm-b",
            "rr",
            "compute-a",
            "\"10.0.0.0/0\"",
            "\"::/0\"",
            "\"::1\"",
            "\"0.0.0.0/32\"",
            "{}",
            "[]",
            "\"\"",
            "99999999999999999999",
            "[[step]]",
            "[nodes]",
            "\"lo\"",
            "attach",
            "within",
            "0xff",
            "1e3",
        ])
        .prop_map(String::from),
        ".{0,6}",
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_change_is_answered(changes in prop::collection::vec((any::<Index>(), any::<Index>(), piece()), 1..4)) {
        let mut text = files::read("scenarios/first-ping-splice.toml");
        for (from, length, piece) in &changes {
            let starts: Vec<usize> = word_starts(&text);
            let first = from.index(starts.len() - 1);
            let last = (first + length.index(4)).min(starts.len() - 1);
            text.replace_range(starts[first]..starts[last], piece);
            text.push(' ');
        }
        if let Err(errors) = scenario::check(&text, "changed.toml") {
            prop_assert!(!errors.is_empty());
            let drawn = scenario::render(&errors, &scenario::Sources::of("changed.toml", &text), false);
            prop_assert_eq!(drawn.matches("error: ").count() >= errors.len(), true);
        }
    }
}

/// Where words, blanks and signs begin, and the end.
fn word_starts(text: &str) -> Vec<usize> {
    let mut before = ' ';
    let mut starts: Vec<usize> = text
        .char_indices()
        .filter(|(_, c)| {
            let joins = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
            let begins = !(joins(before) && joins(*c));
            before = *c;
            begins
        })
        .map(|(at, _)| at)
        .collect();
    starts.push(text.len());
    starts
}
