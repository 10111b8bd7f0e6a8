//! What stands between `${` and `}`: integers, variables, `+ - * / %` and parentheses.
//!
//! ```text
//! sum     = product { ("+" | "-") product }
//! product = sign { ("*" | "/" | "%") sign }
//! sign    = [ "-" ] atom
//! atom    = integer | variable | "(" sum ")"
//! ```

use std::ops::Range;

use crate::error::ErrorKind;
use crate::tree::Scalar;

/// The value of a variable; `Err(None)` when what is wrong with it has been said.
pub(super) type Lookup<'a> = &'a mut dyn FnMut(&str) -> Result<Scalar, Option<ErrorKind>>;

/// What is wrong with an expression.
#[derive(Debug)]
pub(super) struct Mistake {
    /// Where, as offsets into the string.
    pub at: Range<usize>,
    /// What; `None` when it has been said.
    pub kind: Option<ErrorKind>,
}

/// Deeper parentheses than anybody needs.
const DEEPEST: usize = 32;

/// The value of the expression that begins at `start` of `text`, and the offset after its `}`.
pub(super) fn evaluate(
    text: &str,
    start: usize,
    lookup: Lookup<'_>,
) -> Result<(Scalar, usize), Mistake> {
    let mut reader = Reader {
        text,
        start,
        at: start,
        depth: 0,
        lookup,
    };
    let value = reader.sum()?;
    match reader.peek() {
        Some('}') => Ok((value.scalar, reader.at + 1)),
        None => Err(Mistake {
            at: start.saturating_sub(2)..text.len(),
            kind: Some(malformed(&text[start..], "a `}` is missing")),
        }),
        Some(_) => Err(reader.unexpected("an operator or `}` belongs here")),
    }
}

struct Reader<'a> {
    text: &'a str,
    start: usize,
    at: usize,
    depth: usize,
    lookup: Lookup<'a>,
}

/// A value and where it was computed from.
struct Term {
    scalar: Scalar,
    at: Range<usize>,
}

impl Reader<'_> {
    fn sum(&mut self) -> Result<Term, Mistake> {
        let mut left = self.product()?;
        while let Some(operator @ ('+' | '-')) = self.peek() {
            self.at += 1;
            let right = self.product()?;
            left = self.apply(operator, left, right)?;
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Term, Mistake> {
        let mut left = self.sign()?;
        while let Some(operator @ ('*' | '/' | '%')) = self.peek() {
            self.at += 1;
            let right = self.sign()?;
            left = self.apply(operator, left, right)?;
        }
        Ok(left)
    }

    fn sign(&mut self) -> Result<Term, Mistake> {
        if self.peek() != Some('-') {
            return self.atom();
        }
        let zero = Term {
            scalar: Scalar::Integer(0),
            at: self.at..self.at,
        };
        self.at += 1;
        let operand = self.atom()?;
        self.apply('-', zero, operand)
    }

    fn atom(&mut self) -> Result<Term, Mistake> {
        match self.peek() {
            Some('(') if self.depth < DEEPEST => {
                let from = self.at;
                self.at += 1;
                self.depth += 1;
                let inner = self.sum()?;
                self.depth -= 1;
                if self.peek() != Some(')') {
                    return Err(self.unexpected("an operator or `)` belongs here"));
                }
                self.at += 1;
                Ok(Term {
                    scalar: inner.scalar,
                    at: from..self.at,
                })
            }
            Some(c) if c.is_ascii_digit() => {
                let at = self.word();
                let digits = &self.text[at.clone()];
                match digits.parse() {
                    Ok(number) => Ok(Term {
                        scalar: Scalar::Integer(number),
                        at,
                    }),
                    Err(_) => Err(Mistake {
                        kind: Some(malformed(digits, "this is not an integer")),
                        at,
                    }),
                }
            }
            Some(c) if c.is_ascii_alphabetic() || c == '_' => {
                let at = self.word();
                match (self.lookup)(&self.text[at.clone()]) {
                    Ok(scalar) => Ok(Term { scalar, at }),
                    Err(kind) => Err(Mistake { at, kind }),
                }
            }
            _ => Err(self.unexpected("a number, a variable or `(` belongs here")),
        }
    }

    fn apply(&self, operator: char, left: Term, right: Term) -> Result<Term, Mistake> {
        let numbers = (self.number(&left)?, self.number(&right)?);
        let result = match (operator, numbers) {
            ('+', (a, b)) => a.checked_add(b),
            ('-', (a, b)) => a.checked_sub(b),
            ('*', (a, b)) => a.checked_mul(b),
            (_, (_, 0)) => return Err(self.uncomputable(right.at, "this is zero")),
            ('/', (a, b)) => a.checked_div(b),
            (_, (a, b)) => a.checked_rem(b),
        };
        let at = left.at.start..right.at.end;
        match result {
            Some(result) => Ok(Term {
                scalar: Scalar::Integer(result),
                at,
            }),
            None => Err(self.uncomputable(at, "this takes more than 64 bits")),
        }
    }

    fn number(&self, term: &Term) -> Result<i64, Mistake> {
        match &term.scalar {
            Scalar::Integer(number) => Ok(*number),
            other => {
                let reason = format!("this is `{other}`, not a number");
                Err(self.uncomputable(term.at.clone(), &reason))
            }
        }
    }

    fn uncomputable(&self, at: Range<usize>, reason: &str) -> Mistake {
        Mistake {
            at,
            kind: Some(ErrorKind::Uncomputable {
                expression: self.whole().into(),
                reason: reason.into(),
            }),
        }
    }

    fn unexpected(&self, reason: &str) -> Mistake {
        let next = self.text[self.at..].chars().next();
        Mistake {
            at: self.at..self.at + next.map_or(0, char::len_utf8),
            kind: Some(malformed(self.whole(), reason)),
        }
    }

    /// The expression, as far as its `}`.
    fn whole(&self) -> &str {
        let rest = &self.text[self.start..];
        rest.split_once('}').map_or(rest, |(whole, _)| whole)
    }

    /// The next character that is no blank; it is not taken.
    fn peek(&mut self) -> Option<char> {
        let rest = &self.text[self.at..];
        self.at += rest.len() - rest.trim_start_matches(' ').len();
        self.text[self.at..].chars().next()
    }

    /// Takes letters, digits and `_`.
    fn word(&mut self) -> Range<usize> {
        let from = self.at;
        let rest = &self.text[from..];
        let inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.at += rest.find(|c| !inside(c)).unwrap_or(rest.len());
        from..self.at
    }
}

fn malformed(expression: &str, reason: &str) -> ErrorKind {
    ErrorKind::BadValue {
        what: "an expression".into(),
        value: expression.into(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::evaluate;
    use crate::tree::Scalar;

    fn value(text: &str) -> Result<String, String> {
        let mut lookup = |name: &str| match name {
            "i" => Ok(Scalar::Integer(7)),
            "name" => Ok(Scalar::Text("rr".into())),
            _ => Err(None),
        };
        match evaluate(text, 0, &mut lookup) {
            Ok((value, end)) => Ok(format!("{value}@{end}")),
            Err(mistake) => Err(format!(
                "{:?} {}",
                mistake.at,
                mistake
                    .kind
                    .and_then(|kind| kind.label())
                    .unwrap_or_default()
            )),
        }
    }

    #[test]
    fn arithmetic_is_that_of_integers() {
        for (text, expected) in [
            ("65000 + i}", "65007@10"),
            (" 1+2*3 } tail", "7@8"),
            ("(1+2)*3}", "9@8"),
            ("-i / 2}", "-3@7"),
            ("i % 4 - -1}", "4@11"),
            ("10 - 3 - 2}", "5@11"),
            ("name}", "rr@5"),
        ] {
            assert_eq!(value(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_mistake_has_its_place() {
        for (text, expected) in [
            ("}", "0..1 a number, a variable or `(` belongs here"),
            ("1 +}", "3..4 a number, a variable or `(` belongs here"),
            ("1 2}", "2..3 an operator or `}` belongs here"),
            ("(1}", "2..3 an operator or `)` belongs here"),
            ("1", "0..1 a `}` is missing"),
            ("1 / (i - 7)}", "4..11 this is zero"),
            ("name + 1}", "0..4 this is `rr`, not a number"),
            (
                "9223372036854775807 + 1}",
                "0..23 this takes more than 64 bits",
            ),
            ("99999999999999999999}", "0..20 this is not an integer"),
            ("other}", "0..5 "),
        ] {
            assert_eq!(value(text), Err(expected.into()), "{text}");
        }
        assert!(value(&format!("{}1}}", "(".repeat(1000))).is_err());
    }
}
