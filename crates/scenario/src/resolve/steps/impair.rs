//! Links that get worse and better.

use impair::Impairment;

use crate::error::ErrorKind;
use crate::file::ImpairStepFile;
use crate::lab::{Direction, Impaired, NetId};
use crate::resolve::impair::Whose;
use crate::resolve::{Found, Resolver};
use crate::step::Impair;

impl Resolver<'_> {
    pub(super) fn impair(&mut self, typed: &ImpairStepFile) -> Found<Impair> {
        let verb = "impairs";
        let on = self.net(&typed.on, verb)?;
        let by = self.impairment(typed.effects());
        let members = self.members.get(&on).cloned().unwrap_or_default();
        let whose = Whose {
            net: on,
            name: &typed.on.value,
            node: typed.node.as_ref(),
            direction: typed.direction.as_ref(),
        };
        let mut places = self.places(&whose, &members, "impairs frames of");
        let by = by?;
        if let NetId::Link(link) = on {
            self.scenario.links[link.0].wired = true;
        }
        let clear = typed.clear.as_ref().filter(|clear| clear.value);
        match clear {
            Some(clear) if !by.is_nothing() => {
                let kind = ErrorKind::Misplaced {
                    key: "clear".into(),
                    reason:
                        "ends what is in force; it goes with none of what it would put into force"
                            .into(),
                };
                self.fail(&clear.span, kind);
                return None;
            }
            None if by.is_nothing() => {
                let kind = ErrorKind::Other {
                    message: "impairs nothing; `clear = true` ends what is in force".into(),
                };
                self.fail(&typed.on.span, kind);
                return None;
            }
            _ => {}
        }
        let nothing = Impairment::default();
        let mut treated: Vec<Impaired> = Vec::new();
        // What is said of a whole LAN replaces what was said of what its members get.
        if typed.node.is_none() && matches!(on, NetId::Lan(_)) {
            let gets = members.iter().map(|node| (*node, Direction::In));
            let gets = gets.map(|(node, direction)| Impaired {
                node,
                direction,
                by: nothing,
            });
            treated.extend(gets);
        }
        places.sort_unstable();
        let places = places.into_iter();
        treated.extend(places.map(|(node, direction)| Impaired {
            node,
            direction,
            by,
        }));
        let mut changed = false;
        for one in &treated {
            let place = (on, one.node, one.direction);
            changed |= match one.by.is_nothing() {
                true => self.course.impaired.remove(&place),
                false => self.course.impaired.insert(place),
            };
        }
        if let Some(clear) = clear.filter(|_| !changed) {
            self.out_of_place(
                &clear.span,
                "clear",
                format!("ends nothing: `{}` is not impaired here", typed.on.value),
            );
            return None;
        }
        Some(Impair { on, treated })
    }
}
