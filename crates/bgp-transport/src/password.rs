use std::{fmt, str::FromStr};

/// What two ends of a TCP connection sign with (RFC 2385). Shown nowhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(Vec<u8>);

/// A text that cannot be a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 1 to {} octets", netns::tcp::KEY_MAX)]
pub struct BadPassword;

impl Password {
    pub(crate) fn key(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Password {
    type Err = BadPassword;

    fn from_str(text: &str) -> Result<Self, BadPassword> {
        match text.len() {
            1..=netns::tcp::KEY_MAX => Ok(Self(text.into())),
            _ => Err(BadPassword),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}
