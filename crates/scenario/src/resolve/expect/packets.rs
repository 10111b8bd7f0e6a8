//! Packets in a capture.

use super::MOST;
use crate::amount::Amount;
use crate::error::ErrorKind;
use crate::expect::{PacketExpectation, Since};
use crate::file::PacketsFile;
use crate::packet::LayerKind;
use crate::resolve::{Found, Resolver};
use crate::values;

impl Resolver<'_> {
    pub(super) fn packets(&mut self, typed: &PacketsFile) -> Found<PacketExpectation> {
        let name = &typed.capture;
        let capture = match self.captures.get(&name.value) {
            Some((capture, _)) => Some(*capture),
            None => {
                let known = self.captures.keys().cloned().collect();
                self.unknown(name, "expects packets in", "capture", known)
            }
        };
        if typed.layers.value.is_empty() {
            self.fail(
                &typed.layers.span,
                ErrorKind::Empty {
                    key: "layers".into(),
                },
            );
        }
        let layers = typed
            .layers
            .value
            .iter()
            .map(|layer| self.layer(layer))
            .collect();
        let outside = self.maybe(typed.outside.as_ref(), |word| {
            values::one_of(
                "a layer",
                word,
                &LayerKind::ALL.map(|layer| (layer.name(), layer)),
            )
        });
        let amount = self.amount(typed);
        let since = match &typed.since {
            Some(label) => self.since(label),
            None => Some(Since::Start),
        };
        Some(PacketExpectation {
            capture: capture?,
            layers,
            outside,
            amount: amount?,
            since: since?,
        })
    }

    fn amount(&mut self, typed: &PacketsFile) -> Found<Amount> {
        let bound = [&typed.at_least, &typed.at_most]
            .into_iter()
            .flatten()
            .next();
        if let (Some(count), Some(_)) = (&typed.count, bound) {
            let reason = "leaves nothing to `at_least` and `at_most`".into();
            self.fail(
                &count.span,
                ErrorKind::Misplaced {
                    key: "count".into(),
                    reason,
                },
            );
            return None;
        }
        if let Some(count) = &typed.count {
            return self
                .number("the count", count, 0, MOST)
                .map(Amount::exactly);
        }
        let at_most = match &typed.at_most {
            Some(most) => Some(self.number("the most", most, 0, MOST)?),
            None => None,
        };
        let at_least = match &typed.at_least {
            Some(least) => self.number(
                "the least",
                least,
                0,
                at_most.map_or(MOST, |most: u64| i64::try_from(most).unwrap_or(MOST)),
            )?,
            None => u64::from(at_most.is_none()),
        };
        Some(Amount { at_least, at_most })
    }
}
