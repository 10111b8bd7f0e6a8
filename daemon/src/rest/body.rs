//! Bodies of answers: text, or text that is made while it is sent.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body as HttpBody, Frame};
use serde::Serialize;

use crate::glass::RouteList;

/// The body of an answer.
pub(super) type Body = Either<Full<Bytes>, Pieces>;

/// So many routes or attachments are made text of at once; an answer with its length is simpler for everybody.
const AT_ONCE: usize = 500;

/// The JSON of routes.
pub(super) fn routes(list: RouteList) -> Body {
    if list.len() <= AT_ONCE {
        Either::Left(Full::from(list.json()))
    } else {
        Either::Right(Pieces {
            pieces: Box::new(list.chunks()),
            is_turn_of_others: false,
        })
    }
}

/// The JSON list of what programs read.
pub(super) fn list<T: Serialize + 'static>(
    items: impl Iterator<Item = T> + Send + 'static,
) -> Body {
    let is_short = items.size_hint().1.is_some_and(|most| most <= AT_ONCE);
    let pieces = List {
        items,
        place: Place::Start,
    };
    if is_short {
        Either::Left(Full::from(pieces.collect::<String>()))
    } else {
        Either::Right(Pieces {
            pieces: Box::new(pieces),
            is_turn_of_others: false,
        })
    }
}

struct List<I> {
    items: I,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Within,
    Done,
}

impl<T: Serialize, I: Iterator<Item = T>> Iterator for List<I> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if self.place == Place::Done {
            return None;
        }
        let mut out = String::new();
        if self.place == Place::Start {
            out.push('[');
        }
        for _ in 0..AT_ONCE {
            let Some(item) = self.items.next() else {
                out.push(']');
                self.place = Place::Done;
                break;
            };
            if self.place == Place::Within {
                out.push(',');
            }
            self.place = Place::Within;
            // Values of these types have nothing that JSON has not.
            out.push_str(&serde_json::to_string(&item).unwrap_or_else(|_| "null".to_owned()));
        }
        Some(out)
    }
}

/// Text in pieces. One is made when there is room for it on the way to the client, so that memory does not depend on how many
/// there are; and between two of them others have their turn.
pub(super) struct Pieces {
    pieces: Box<dyn Iterator<Item = String> + Send>,
    is_turn_of_others: bool,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if std::mem::take(&mut self.is_turn_of_others) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.is_turn_of_others = true;
        let piece = self.pieces.next();
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece.into()))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]

    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_long_list_is_made_in_pieces_with_turns_of_others_between() {
        for count in [0, 1, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE] {
            let body = list(0..count);
            assert_eq!(matches!(body, Either::Right(_)), count > AT_ONCE);
            let text = body.collect().await.unwrap().to_bytes();
            let numbers: Vec<usize> = serde_json::from_slice(&text).unwrap();
            assert_eq!(numbers, Vec::from_iter(0..count));
        }
        let Either::Right(mut pieces) = list(0..3 * AT_ONCE) else {
            panic!("a long list");
        };
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut poll = || Pin::new(&mut pieces).poll_frame(&mut cx);
        assert!(matches!(poll(), Poll::Ready(Some(_))));
        assert!(poll().is_pending());
        assert!(matches!(poll(), Poll::Ready(Some(_))));
    }
}
