//! Bodies of answers: text, or text that is made while it is sent.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body as HttpBody, Frame};

use crate::glass::RouteList;

/// The body of an answer.
pub(super) type Body = Either<Full<Bytes>, Pieces>;

/// So many routes are made text of at once; an answer with its length is simpler for everybody.
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
