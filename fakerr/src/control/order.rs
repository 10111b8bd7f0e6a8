use std::net::IpAddr;

use bgp_wire::{
    Message, MessageError, Outcome, RawMessage, Update, message::DecodeContext, raw::kind,
};
use bytes::Bytes;
use serde::Deserialize;

/// What can be ordered.
#[derive(Debug)]
pub(crate) enum Task {
    /// Announce and withdraw as this UPDATE does.
    Originate(Box<Update>),
    /// End the sessions with this client.
    Reset(IpAddr),
    /// Say this to the client.
    Send { to: IpAddr, octets: Bytes },
}

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("not an order: {0}")]
    NotAnOrder(#[from] serde_json::Error),
    #[error("an order is a line of at most {} octets", super::LONGEST)]
    TooLong,
    #[error("an even number of hexadecimal digits is needed")]
    Digits,
    #[error("not an UPDATE: {0}")]
    NotAnUpdate(#[from] MessageErrorText),
    #[error("a defect in the UPDATE: {0}")]
    Defect(String),
    #[error("no client with a session calls from {0}")]
    NoClient(IpAddr),
    #[error("given up")]
    Interrupted,
}

/// What is wrong with the message.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct MessageErrorText(String);

impl From<MessageError> for MessageErrorText {
    fn from(error: MessageError) -> Self {
        Self(error.to_string())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
enum Typed {
    Originate(String),
    Reset(IpAddr),
    Send { to: IpAddr, octets: String },
}

impl Task {
    /// Reads a line.
    pub(super) fn read(line: &[u8]) -> Result<Self, Refusal> {
        Ok(match serde_json::from_slice(line)? {
            Typed::Originate(body) => Self::Originate(Box::new(update(octets(&body)?)?)),
            Typed::Reset(client) => Self::Reset(client.to_canonical()),
            Typed::Send { to, octets: said } => Self::Send {
                to: to.to_canonical(),
                octets: octets(&said)?,
            },
        })
    }
}

/// What is announced on purpose has to be right: what is wrong goes by [`Task::Send`].
fn update(body: Bytes) -> Result<Update, Refusal> {
    let context = DecodeContext {
        extended_message: true,
        ..DecodeContext::default()
    };
    let raw = RawMessage::new(kind::UPDATE, body);
    let message = Message::decode(&raw, &context).map_err(MessageErrorText::from)?;
    let Message::Update(update) = message else {
        return Err(MessageErrorText("another message".to_owned()).into());
    };
    match update.verdicts.first() {
        Some(verdict) if update.outcome() > Outcome::default() => {
            Err(Refusal::Defect(verdict.defect.to_string()))
        }
        _ => Ok(update),
    }
}

fn octets(hex: &str) -> Result<Bytes, Refusal> {
    fn digit(digit: u8) -> Option<u8> {
        u8::try_from(char::from(digit).to_digit(16)?).ok()
    }
    let (pairs, rest) = hex.as_bytes().as_chunks();
    let octet = |[high, low]: &[u8; 2]| Some(digit(*high)? << 4 | digit(*low)?);
    let octets: Option<Bytes> = pairs.iter().map(octet).collect();
    octets.filter(|_| rest.is_empty()).ok_or(Refusal::Digits)
}
