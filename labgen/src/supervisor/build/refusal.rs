//! What a program says about its configuration, with the lines it means.

/// At most this many places are shown: later complaints often follow from the first.
const SHOWN: usize = 3;

/// A configuration that a program was given.
pub(super) struct Configuration<'a> {
    /// Where the program finds it.
    pub(super) path: &'a str,
    /// What to call it: the user's own file, or where the generated one is.
    pub(super) shown: String,
    /// What is in it.
    pub(super) text: &'a str,
}

/// The lines of the configuration that a program's words are about, quoted; empty when they name none.
pub(super) fn quote(words: &str, config: &Configuration<'_>) -> String {
    let mut numbers: Vec<usize> = Vec::new();
    for number in words.lines().filter_map(|line| place(line, config.path)) {
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    let quoted = numbers.iter().filter_map(|number| {
        let text = config.text.lines().nth(number.checked_sub(1)?)?;
        Some((number, text))
    });
    let mut shown = String::new();
    for (number, text) in quoted.take(SHOWN) {
        let margin = " ".repeat(number.to_string().len());
        shown += &format!(
            "{margin}--> {}:{number}\n{margin} |\n{number} | {text}\n{margin} |\n",
            config.shown
        );
    }
    shown
}

/// The line number in `PATH:7: ...` (OpenBGPD, BIRD) or `line 7: ...` (FRR).
fn place(line: &str, path: &str) -> Option<usize> {
    let after = match line.split_once(path) {
        Some((_, rest)) => rest.strip_prefix(':')?,
        None => {
            let (before, rest) = line.split_once("line ")?;
            let alone = before.is_empty() || before.ends_with(' ');
            alone.then_some(rest)?
        }
    };
    let digits = after.find(|c: char| !c.is_ascii_digit());
    after[..digits.unwrap_or(after.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: Configuration<'_> = Configuration {
        path: "/run/openbgpd/bgpd.conf",
        shown: String::new(),
        text: "AS 65000\nrouter-id 1.1.1.1\nfib-updat no\nneighbor 10.0.0.1 { remot-as 7 }\n",
    };

    fn quoted(words: &str) -> String {
        let shown = "bgpd.conf".into();
        quote(words, &Configuration { shown, ..CONFIG })
    }

    #[test]
    fn a_line_named_by_its_file_is_quoted() {
        let words = "/run/openbgpd/bgpd.conf:3: syntax error\nconfig file /run/openbgpd/bgpd.conf has errors\n";
        assert_eq!(
            quoted(words),
            " --> bgpd.conf:3\n  |\n3 | fib-updat no\n  |\n"
        );
    }

    #[test]
    fn a_line_named_by_its_number_is_quoted_once() {
        let words = "line 4: % Unknown command[25]: neighbor\nline 4: Failure to communicate[13] to bgpd, line: x\n";
        assert_eq!(
            quoted(words),
            " --> bgpd.conf:4\n  |\n4 | neighbor 10.0.0.1 { remot-as 7 }\n  |\n"
        );
    }

    #[test]
    fn other_words_quote_nothing() {
        for words in [
            "Address already in use",
            "line 99: beyond the end",
            "baseline 3: no",
            "line x",
            "/run/openbgpd/bgpd.conf:",
        ] {
            assert_eq!(quoted(words), "", "{words}");
        }
    }
}
