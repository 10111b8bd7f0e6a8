//! The verdicts as JUnit XML: a suite for each scenario, a case for each step.

use super::verdict::{Judged, Verdict};

/// All of them.
pub(super) fn junit(rounds: &[Vec<Judged>]) -> String {
    let several = rounds.len() > 1;
    let suites = rounds.iter().flatten().map(|judged| suite(judged, several));
    let suites: String = suites.collect();
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n{suites}</testsuites>\n")
}

fn suite(judged: &Judged, several: bool) -> String {
    let mut name = judged.case.file.display().to_string();
    if several {
        name += &format!(" round {}", judged.round);
    }
    let steps = &judged.journal.steps;
    let mut cases = Vec::new();
    let (mut failures, mut errors, mut skipped) = (0, 0, 0);
    for step in steps {
        let body = match &step.failure {
            Some(failure) if judged.verdict == Verdict::Failed => {
                failures += 1;
                let text = format!(
                    "{}:{}\nexpected: {}\nseen: {}\n{}",
                    judged.case.file.display(),
                    failure.line,
                    failure.expected,
                    failure.seen,
                    failure.details.join("\n")
                );
                element("failure", &failure.seen, &text)
            }
            _ => String::new(),
        };
        let title = format!("{} {}", step.number, step.title);
        cases.push(case(
            &name,
            &title,
            step.took.unwrap_or(0) as f64 / 1e6,
            &body,
        ));
    }
    // What is not a step's: that there was no lab, that there was none to be had, that it took too long.
    let whole = match judged.verdict {
        Verdict::Passed | Verdict::Flaky => None,
        Verdict::Skipped => {
            skipped += 1;
            let reason = escaped(&judged.reason);
            Some(format!("      <skipped message=\"{reason}\"/>\n"))
        }
        _ if failures > 0 => None,
        _ => {
            errors += 1;
            Some(element("error", &judged.reason, &judged.output))
        }
    };
    if whole.is_some() || cases.is_empty() {
        let body = whole.unwrap_or_default();
        cases.push(case(&name, "the scenario", judged.seconds(), &body));
    }
    format!(
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{failures}\" errors=\"{errors}\" \
         skipped=\"{skipped}\" time=\"{}\">\n{}    <system-out>{}</system-out>\n  </testsuite>\n",
        escaped(&name),
        cases.len(),
        judged.seconds(),
        cases.concat(),
        escaped(&judged.output),
    )
}

fn case(suite: &str, name: &str, seconds: f64, body: &str) -> String {
    format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"{seconds}\">\n{body}    </testcase>\n",
        escaped(suite),
        escaped(name),
    )
}

fn element(what: &str, message: &str, text: &str) -> String {
    let (message, text) = (escaped(message), escaped(text));
    format!("      <{what} message=\"{message}\" type=\"{what}\">{text}</{what}>\n")
}

/// Text for elements and attributes. Programs of labs say anything: what XML 1.0 cannot hold becomes U+FFFD.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            '\0'..'\x20' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_labs_say_is_no_markup() {
        assert_eq!(
            super::escaped("<a b=\"1\">&\x1b[0m\n]]>"),
            "&lt;a b=&quot;1&quot;&gt;&amp;\u{fffd}[0m\n]]&gt;"
        );
    }
}
