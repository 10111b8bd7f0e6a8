use std::fmt;
use std::str::FromStr;

use crate::text::{ParseError, debug_as_text, serde_as_text};

/// A large community (RFC 8092): global administrator and two numbers. Text form `64512:1:2`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LargeCommunity(pub u32, pub u32, pub u32);

serde_as_text!(LargeCommunity);
debug_as_text!(LargeCommunity);

impl fmt::Display for LargeCommunity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.0, self.1, self.2)
    }
}

impl FromStr for LargeCommunity {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let parsed = || {
            let mut parts = text.split(':').map(|part| part.parse().ok());
            let community = Self(parts.next()??, parts.next()??, parts.next()??);
            parts.next().is_none().then_some(community)
        };
        parsed().ok_or_else(|| ParseError::new("a large community such as `64512:1:2`", text))
    }
}
