//! What a program says about its configuration, with the lines it means.

/// Before the place of a syntax error in GoBGP's.
const PARSING: &str = "While parsing config: (";
/// Before keys that GoBGP does not know, by name and not by line.
const KEYS: &str = "has invalid keys: ";

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
    let named = words.lines().filter_map(|line| place(line, config.path));
    // What is missing at the end of a file is missing behind its last line.
    let last = config.text.lines().count();
    let named = named.map(|number| if number == last + 1 { last } else { number });
    let keys = words.lines().flat_map(unknown_keys);
    let keys = keys.filter_map(|key| config.text.lines().position(|line| sets(line, key)));
    for number in named.chain(keys.map(|at| at + 1)) {
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

/// The line number in `PATH:7: ...` (OpenBGPD, BIRD), `line 7: ...` (FRR, ExaBGP) or `parsing config: (7, 1)` (GoBGP).
fn place(line: &str, path: &str) -> Option<usize> {
    let after = match line.split_once(path) {
        Some((_, rest)) if rest.starts_with(':') => &rest[1..],
        _ if line.contains(PARSING) => line.split_once(PARSING)?.1,
        _ => {
            let (before, rest) = line.split_once("line ")?;
            let alone = before.is_empty() || before.ends_with(' ');
            alone.then_some(rest)?
        }
    };
    let digits = after.find(|c: char| !c.is_ascii_digit());
    after[..digits.unwrap_or(after.len())].parse().ok()
}

/// The keys in `'global.config' has invalid keys: router-idx, colour`, which goes on with the rest of a JSON line.
fn unknown_keys(line: &str) -> impl Iterator<Item = &str> {
    let after = line.split_once(KEYS).map_or("", |(_, after)| after);
    let end = after.find(['"', '\\', '\n']).unwrap_or(after.len());
    after[..end].split(", ").filter(|key| !key.is_empty())
}

/// Whether a line of a TOML file sets this key.
fn sets(line: &str, key: &str) -> bool {
    let set = line.split_once('=').map(|(set, _)| set.trim());
    set.is_some_and(|set| set.eq_ignore_ascii_case(key))
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
    fn a_place_in_parentheses_is_quoted() {
        let words = r#"{"Error":"While parsing config: (3, 1): unexpected token","level":"fatal"}"#;
        assert_eq!(
            quoted(words),
            " --> bgpd.conf:3\n  |\n3 | fib-updat no\n  |\n"
        );
        let beyond = words.replace("(3,", "(5,");
        assert!(quoted(&beyond).starts_with(" --> bgpd.conf:4\n"));
    }

    #[test]
    fn a_key_that_is_not_known_is_found() {
        let words = r#"{"Error":"1 error(s) decoding:\n\n* 'global.config' has invalid keys: router-idx, hue","level":"fatal"}"#;
        let text = "[global.config]\n  as = 1\n  router-idx = \"10.0.0.1\"\n";
        let shown = "gobgpd.toml".into();
        let quoted = quote(
            words,
            &Configuration {
                shown,
                text,
                ..CONFIG
            },
        );
        assert_eq!(
            quoted,
            " --> gobgpd.toml:3\n  |\n3 |   router-idx = \"10.0.0.1\"\n  |\n"
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
