//! Captures.

use crate::error::ErrorKind;
use crate::file::CaptureFile;
use crate::lab::{Capture, CaptureId};
use crate::resolve::{Found, Resolver, related};

impl Resolver<'_> {
    pub(super) fn capture(&mut self, typed: &CaptureFile) -> Found<CaptureId> {
        let on = self.net(&typed.on, "captures on");
        let name = &typed.name;
        self.name(name);
        if self.course.repeated > 0 {
            let kind = ErrorKind::Misplaced {
                key: name.value.clone(),
                reason: "would begin once more in the second round; begin it before".into(),
            };
            self.fail(&name.span, kind);
        }
        let id = CaptureId(self.scenario.captures.len());
        let first = self
            .captures
            .get(&name.value)
            .map(|(_, place)| place.clone());
        if let Some(first) = first {
            let verb = "has a capture called".into();
            let kind = ErrorKind::Repeated {
                verb,
                name: name.value.clone(),
            };
            self.fail_with(&name.span, kind, related(&first, "the first is here"));
            return None;
        }
        let Some(on) = on else {
            self.broken.insert(name.value.clone());
            return None;
        };
        self.captures
            .insert(name.value.clone(), (id, name.span.clone()));
        self.scenario.captures.push(Capture {
            name: name.value.clone(),
            on,
        });
        Some(id)
    }
}
