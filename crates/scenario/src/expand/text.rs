//! Strings with expressions in them.

use std::ops::Range;

use super::expression::{Lookup, Mistake, evaluate};
use crate::source::Sources;
use crate::tree::{Scalar, What};

/// What `text` is once its expressions are computed; a string that is one expression becomes what that gives.
/// `$${` stands for `${`.
pub(super) fn expand(text: &str, lookup: Lookup<'_>) -> Result<What, Mistake> {
    let mut out = String::new();
    let mut at = 0;
    while let Some(next) = text[at..].find("${").map(|next| at + next) {
        if text[at..next].ends_with('$') {
            out.push_str(&text[at..next - 1]);
            out.push_str("${");
            at = next + 2;
            continue;
        }
        out.push_str(&text[at..next]);
        let (value, end) = evaluate(text, next + 2, &mut *lookup)?;
        if next == 0 && end == text.len() {
            return Ok(What::Computed(value));
        }
        out.push_str(&value.to_string());
        at = end;
    }
    out.push_str(&text[at..]);
    Ok(What::Text(out))
}

/// Where `inner`, offsets into the string `text` typed at `span`, is. Escapes make that unknowable; then it is the
/// whole string.
pub(super) fn place(
    sources: &Sources,
    span: &Range<usize>,
    text: &str,
    inner: Range<usize>,
) -> Range<usize> {
    let typed = sources.slice(span);
    for quote in ["\"\"\"", "'''", "\"", "'"] {
        let unquoted = typed
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(unquoted) = unquoted
            && unquoted.strip_prefix('\n').unwrap_or(unquoted) == text
        {
            let start = span.end - quote.len() - text.len();
            return start + inner.start..start + inner.end.max(inner.start + 1);
        }
    }
    if typed == text {
        return span.start + inner.start..span.start + inner.end;
    }
    span.clone()
}

/// What is set on the command line, as the value a file would have.
pub(super) fn set(value: &str) -> Scalar {
    match value.parse::<i64>() {
        // `007` may well be meant as text.
        Ok(number) if number.to_string() == value => Scalar::Integer(number),
        _ if value == "true" => Scalar::Boolean(true),
        _ if value == "false" => Scalar::Boolean(false),
        _ => Scalar::Text(value.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::expand;
    use crate::tree::{Scalar, What};

    #[test]
    fn text_becomes_what_its_expressions_give() {
        let mut lookup = |_: &str| Ok(Scalar::Integer(7));
        let mut expand = |text: &str| expand(text, &mut lookup).unwrap();
        assert_eq!(expand("${i}"), What::Computed(Scalar::Integer(7)));
        assert_eq!(expand("10.0.${i}.1"), What::Text("10.0.7.1".into()));
        assert_eq!(expand("${i}${i + 1}"), What::Text("78".into()));
        assert_eq!(expand("$${i} $x ${i}"), What::Text("${i} $x 7".into()));
        assert_eq!(expand("plain"), What::Text("plain".into()));
    }
}
