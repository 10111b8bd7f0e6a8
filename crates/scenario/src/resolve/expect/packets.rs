//! Packets in a capture.

use crate::amount::Amount;
use crate::error::ErrorKind;
use crate::expect::{DisplayFilter, Follow, PacketExpectation, Since, Spacing};
use crate::file::{At, PacketsFile, SpacingFile, ThenFile};
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
        let layers = typed.layers.as_ref().map(|typed| self.layers(typed));
        let filter = typed.tshark.as_ref();
        let filter = filter.and_then(|filter| self.display_filter(filter));
        match (&typed.layers, &typed.tshark) {
            (Some(_), Some(tshark)) => {
                self.out_of_place(&tshark.span, "tshark", "stands instead of `layers`");
            }
            (None, None) => {
                let key = "layers".into();
                self.fail(&typed.capture.span, ErrorKind::MissingKey { key });
            }
            _ => {}
        }
        let layers = layers.unwrap_or_default();
        let outside = self.maybe(typed.outside.as_ref(), |word| {
            values::one_of(
                "a layer",
                word,
                &LayerKind::ALL.map(|layer| (layer.name(), layer)),
            )
        });
        if let (Some(kind), Some(place)) = (outside, &typed.outside)
            && layers.iter().any(|layer| layer.kind() == kind)
        {
            let reason = format!("names `{kind}`, which `layers` asks for");
            self.out_of_place(&place.span, "outside", reason);
        }
        let amount = self.bounds(&typed.count, &typed.at_least, &typed.at_most);
        if let Some(amount) = amount {
            self.needs_packets(typed, amount);
        }
        let then = typed.then.as_ref().map(|then| self.then(then));
        let deadline = self.maybe(typed.deadline.as_ref(), values::duration);
        let spacing = typed.spacing.as_ref().and_then(|typed| self.spacing(typed));
        let since = match &typed.since {
            Some(label) => self.since(label),
            None => Some(Since::Start),
        };
        Some(PacketExpectation {
            capture: capture?,
            layers,
            filter,
            then: then.unwrap_or_default(),
            outside,
            amount: amount?,
            since: since?,
            deadline,
            spacing,
        })
    }

    /// Refuses what can only be said of packets that come where none may, and what a filter cannot be asked.
    fn needs_packets(&mut self, typed: &PacketsFile, amount: Amount) {
        let then = typed.then.as_ref().map(|at| &at.span);
        let deadline = typed.deadline.as_ref().map(|at| &at.span);
        let spacing = typed.spacing.as_ref().map(|at| &at.span);
        let outside = typed.outside.as_ref().map(|at| &at.span);
        let none = amount.at_most == Some(0);
        let one = amount.at_most.is_some_and(|most| most <= 1);
        let by_filter = typed.tshark.is_some();
        for (key, place, wrong, reason) in [
            (
                "then",
                then,
                none,
                "follows packets, of which there are to be none",
            ),
            (
                "then",
                then,
                by_filter,
                "goes with `layers`; a filter finds single packets",
            ),
            (
                "outside",
                outside,
                by_filter,
                "goes with `layers`; a filter says `not`",
            ),
            (
                "deadline",
                deadline,
                none,
                "is when packets must have come, and there are to be none",
            ),
            (
                "deadline",
                deadline,
                typed.since.is_none(),
                "counts from a step's beginning; say which with `since`",
            ),
            (
                "spacing",
                spacing,
                one,
                "is between two packets, and there is to be one at most",
            ),
        ] {
            if let Some(place) = place.filter(|_| wrong) {
                self.out_of_place(place, key, reason);
                return;
            }
        }
    }

    fn then(&mut self, typed: &At<Vec<ThenFile>>) -> Vec<Follow> {
        if typed.value.is_empty() {
            let key = "then".into();
            self.fail(&typed.span, ErrorKind::Empty { key });
        }
        let follow = |typed: &ThenFile| Follow {
            layers: self.layers(&typed.layers),
            within: self.maybe(typed.within.as_ref(), values::duration),
        };
        typed.value.iter().map(follow).collect()
    }

    fn spacing(&mut self, typed: &At<SpacingFile>) -> Found<Spacing> {
        let SpacingFile { at_least, at_most } = &typed.value;
        let spacing = Spacing {
            at_least: self.maybe(at_least.as_ref(), values::duration),
            at_most: self.maybe(at_most.as_ref(), values::duration),
        };
        match (at_least, spacing.at_least, spacing.at_most) {
            (Some(place), Some(least), Some(most)) if least > most => {
                self.out_of_place(&place.span, "at_least", "is longer than `at_most`");
                None
            }
            (None, ..) if at_most.is_none() => {
                let key = "at_least` or `at_most".into();
                self.fail(&typed.span, ErrorKind::MissingKey { key });
                None
            }
            _ => Some(spacing),
        }
    }

    fn display_filter(&mut self, typed: &At<String>) -> Found<DisplayFilter> {
        if typed.value.trim().is_empty() {
            let key = "tshark".into();
            self.fail(&typed.span, ErrorKind::Empty { key });
            return None;
        }
        Some(DisplayFilter {
            text: typed.value.clone(),
            place: self.place(&typed.span),
        })
    }
}
