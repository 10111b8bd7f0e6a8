use bytes::Bytes;

use super::Update;
use crate::attribute::decode::{Reading, nlri_outcome, read, verdict};
use crate::attribute::{Attribute, AttributeValue, NextHop, PathAttributes, code};
use crate::family::Family;
use crate::message::DecodeContext;
use crate::nlri::{Nlri, NlriError};
use crate::notification::Notification;
use crate::raw::{Overrun, RawAttribute, RawUpdate};
use crate::verdict::{Defect, Outcome, Verdict};

pub(super) fn decode(raw: RawUpdate, context: &DecodeContext) -> Update {
    let mut reader = Reader::new(context);
    reader.attributes(&raw.attributes);
    let withdrawn = reader.classic(&raw.withdrawn);
    let announced = reader.classic(&raw.nlri);
    reader.check_missing(!raw.nlri.is_empty());
    reader.check_routes();

    let attributes = PathAttributes::from_list(reader.list);
    let attributes = if context.as4 {
        attributes
    } else {
        attributes.widened()
    };
    let mut update = Update {
        raw,
        attributes,
        reach: Vec::new(),
        unreach: Vec::new(),
        verdicts: reader.verdicts,
    };
    if update.outcome() == Outcome::SessionReset {
        return update;
    }
    update
        .unreach
        .extend(non_empty(Family::IPV4_UNICAST, withdrawn));
    update.unreach.extend(
        reader
            .unreach
            .and_then(|(family, nlri)| non_empty(family, nlri)),
    );
    if let Some((family, next_hop, nlri)) = reader.reach {
        update
            .reach
            .extend(non_empty(family, nlri).map(|(family, nlri)| (family, next_hop, nlri)));
    }
    if let Some((family, nlri)) = non_empty(Family::IPV4_UNICAST, announced) {
        // Without NEXT_HOP there is a verdict, and the routes move on below.
        let next_hop = update
            .attributes
            .next_hop()
            .map_or(NextHop::None, NextHop::V4);
        update.reach.insert(0, (family, next_hop, nlri));
    }
    if update.outcome() == Outcome::TreatAsWithdraw {
        let reach = std::mem::take(&mut update.reach);
        update
            .unreach
            .extend(reach.into_iter().map(|(family, _, nlri)| (family, nlri)));
    }
    update
}

fn non_empty(family: Family, nlri: Vec<Nlri>) -> Option<(Family, Vec<Nlri>)> {
    (!nlri.is_empty()).then_some((family, nlri))
}

struct Reader<'a> {
    context: &'a DecodeContext,
    /// Type codes that appeared, well-formed or not.
    seen: [bool; 256],
    list: Vec<Attribute>,
    reach: Option<(Family, NextHop, Vec<Nlri>)>,
    unreach: Option<(Family, Vec<Nlri>)>,
    /// NLRI were announced, readable or not.
    announces: bool,
    verdicts: Vec<Verdict>,
}

impl<'a> Reader<'a> {
    fn new(context: &'a DecodeContext) -> Self {
        Self {
            context,
            seen: [false; 256],
            list: Vec::with_capacity(8),
            reach: None,
            unreach: None,
            announces: false,
            verdicts: Vec::new(),
        }
    }

    fn attributes(&mut self, section: &Bytes) {
        for item in RawAttribute::walk(section) {
            match item {
                Ok(raw) => self.attribute(raw),
                Err(Overrun { offset, code, .. }) => {
                    self.seen[usize::from(code.unwrap_or(0))] = true;
                    self.verdicts.push(Verdict {
                        outcome: Outcome::TreatAsWithdraw,
                        attribute: code,
                        defect: Defect::Overrun { offset },
                        notification: Some(Notification::malformed_attribute_list()),
                    });
                }
            }
        }
    }

    fn attribute(&mut self, raw: RawAttribute) {
        if std::mem::replace(&mut self.seen[usize::from(raw.code)], true) {
            let outcome = match raw.code {
                code::MP_REACH | code::MP_UNREACH => Outcome::SessionReset,
                _ => Outcome::AttributeDiscard,
            };
            self.verdicts
                .push(verdict(&raw, outcome, Defect::Duplicate));
            return;
        }
        let Reading { value, verdicts } = read(&raw, self.context);
        match value {
            Some(AttributeValue::MpReach(reach)) => {
                self.announces |= !reach.nlri.is_empty() || !verdicts.is_empty();
                self.reach = Some((reach.family, reach.next_hop, reach.nlri));
            }
            Some(AttributeValue::MpUnreach(unreach)) => {
                self.unreach = Some((unreach.family, unreach.nlri));
            }
            Some(value) if verdicts.is_empty() => self.list.push(Attribute { raw, value }),
            _ => {}
        }
        self.verdicts.extend(verdicts);
    }

    /// A classic field of IPv4 unicast prefixes (RFC 7606 section 5.3).
    fn classic(&mut self, field: &Bytes) -> Vec<Nlri> {
        let family = Family::IPV4_UNICAST;
        let add_path = self.context.add_path.contains(&family);
        let checked = Nlri::split(family, field, add_path)
            .and_then(|list| list.iter().try_for_each(Nlri::check).map(|()| list));
        checked.unwrap_or_else(|error: NlriError| {
            self.verdicts.push(Verdict {
                outcome: nlri_outcome(family, error),
                attribute: None,
                defect: Defect::Nlri { family, error },
                notification: Some(Notification::invalid_network_field()),
            });
            Vec::new()
        })
    }

    /// RFC 7606 section 3 d. A missing LOCAL_PREF is none: everyone reads it as 100.
    fn check_missing(&mut self, classic: bool) {
        self.announces |= classic;
        if !self.announces {
            return;
        }
        let next_hop = classic.then_some(code::NEXT_HOP);
        for code in [code::ORIGIN, code::AS_PATH].into_iter().chain(next_hop) {
            if !self.seen[usize::from(code)] {
                self.verdicts.push(Verdict {
                    outcome: Outcome::TreatAsWithdraw,
                    attribute: Some(code),
                    defect: Defect::Missing,
                    notification: Some(Notification::missing_well_known(code)),
                });
            }
        }
    }

    /// RFC 7606 section 5.2.
    fn check_routes(&mut self) {
        let others = self
            .seen
            .iter()
            .enumerate()
            .any(|(code, seen)| *seen && code != usize::from(code::MP_UNREACH));
        let worst = self.verdicts.iter().max_by_key(|verdict| verdict.outcome);
        let Some(worst) = worst.filter(|verdict| verdict.outcome == Outcome::TreatAsWithdraw)
        else {
            return;
        };
        if others && !self.announces {
            self.verdicts.push(Verdict {
                outcome: Outcome::SessionReset,
                attribute: worst.attribute,
                defect: Defect::NoRoutes,
                notification: worst.notification.clone(),
            });
        }
    }
}
