use bytes::Bytes;

use super::{Nlri, NlriError};
use crate::family::Family;

pub(super) fn split(_: Family, _: &Bytes, _: bool) -> Result<Vec<Nlri>, NlriError> {
    unimplemented!()
}
