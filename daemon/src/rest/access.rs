//! Who may use the API: those who know the token, when there is one.

use std::{fmt, fs, io, path::Path};

use thiserror::Error;

/// Why there is no token.
#[derive(Debug, Error)]
pub enum TokenError {
    /// The file cannot be read.
    #[error("cannot read it")]
    Unreadable(#[from] io::Error),
    /// The file says nothing that could be a token.
    #[error("it has to hold one word of {MIN_TOKEN} to {MAX_TOKEN} visible ASCII characters")]
    NoToken,
}

const MIN_TOKEN: usize = 16;
const MAX_TOKEN: usize = 512;

/// A secret that requests have to bring along.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

impl Token {
    /// Reads a file that holds a token and white space around it.
    ///
    /// # Errors
    /// It cannot be read, or what it holds is too short to be a secret or is no word.
    pub fn read(file: &Path) -> Result<Self, TokenError> {
        let text = fs::read_to_string(file)?;
        let token = text.trim();
        let is_word = token.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_word || !(MIN_TOKEN..=MAX_TOKEN).contains(&token.len()) {
            return Err(TokenError::NoToken);
        }
        Ok(Self(token.to_owned()))
    }

    /// The token as text.
    pub fn text(&self) -> &str {
        &self.0
    }

    /// Whether an Authorization header brings it: `Bearer TOKEN` (RFC 6750), or as the password of anybody with `Basic`
    /// (RFC 7617), which is what browsers can do.
    pub fn is_in(&self, authorization: Option<&str>) -> bool {
        let Some((scheme, credentials)) = authorization.and_then(|header| header.split_once(' '))
        else {
            return false;
        };
        let credentials = credentials.trim();
        if scheme.eq_ignore_ascii_case("bearer") {
            return self.is(credentials.as_bytes());
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return false;
        }
        let decoded = base64(credentials).unwrap_or_default();
        let colon = decoded.iter().position(|byte| *byte == b':');
        colon.is_some_and(|colon| self.is(&decoded[colon + 1..]))
    }

    /// Takes as long whatever the difference is; only the length can be told from the time.
    fn is(&self, given: &[u8]) -> bool {
        let own = self.0.as_bytes();
        let difference = own
            .iter()
            .zip(given)
            .fold(0, |sum, (a, b)| std::hint::black_box(sum | (a ^ b)));
        own.len() == given.len() && difference == 0
    }
}

/// Undoes base64 (RFC 4648 section 4).
fn base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0x00ff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_knows_the_token_is_let_in() {
        let token = Token("sesame-sesame-42".into());
        for yes in [
            "Bearer sesame-sesame-42",
            "bearer sesame-sesame-42",
            // anybody:sesame-sesame-42
            "Basic YW55Ym9keTpzZXNhbWUtc2VzYW1lLTQy",
        ] {
            assert!(token.is_in(Some(yes)), "{yes}");
        }
        for no in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer sesame-sesame-4",
            "Bearer sesame-sesame-421",
            "Bearer sesame-sesame-43",
            "Digest sesame-sesame-42",
            "Basic sesame-sesame-42",
            "Basic YW55Ym9keTo=",
            "Basic !!!!",
        ] {
            assert!(!token.is_in(Some(no)), "{no}");
        }
        assert!(!token.is_in(None));
    }

    #[test]
    fn what_is_no_token() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        assert!(matches!(Token::read(&file), Err(TokenError::Unreadable(_))));
        for text in [
            "",
            "\n",
            "short",
            "two words of some length",
            "ümläutümläutümläut",
        ] {
            fs::write(&file, text).unwrap();
            assert!(
                matches!(Token::read(&file), Err(TokenError::NoToken)),
                "{text}"
            );
        }
        fs::write(&file, "  sesame-sesame-42\n").unwrap();
        assert_eq!(Token::read(&file).unwrap().text(), "sesame-sesame-42");
    }
}
