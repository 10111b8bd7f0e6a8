//! Captures.

use crate::error::ErrorKind;
use crate::file::{At, CaptureFile};
use crate::lab::{Capture, CaptureId, CapturePoint, Traffic};
use crate::resolve::{Found, Resolver, related};
use crate::step::Action;
use crate::{defaults, values};

/// The smallest ring: two blocks that have room for a frame each.
const LEAST_RING: u64 = 256 << 10;
/// The largest: what is more is a mistake.
const MOST_RING: u64 = 4 << 30;
/// Less has no header in it.
const LEAST_SNAPLEN: i64 = 14;
const MOST_SNAPLEN: i64 = 65_535;

impl Resolver<'_> {
    pub(super) fn capture(&mut self, typed: &CaptureFile) -> Found<CaptureId> {
        let on = self.capture_point(&typed.on);
        let only = self.traffic(&typed.only.0);
        let ring = self.maybe(typed.ring.as_ref(), ring);
        let snap_len = typed
            .snaplen
            .as_ref()
            .and_then(|octets| self.number("the octets kept", octets, LEAST_SNAPLEN, MOST_SNAPLEN));
        let name = &typed.name;
        self.name(name);
        self.once(
            name,
            "would begin once more in the second round; begin it before",
        );
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
            only,
            ring: ring.unwrap_or(defaults::RING),
            snap_len,
        });
        Some(id)
    }

    pub(super) fn stop_capture(&mut self, name: &At<String>) -> Found<Action> {
        self.once(
            name,
            "would be stopped once more in the second round; stop it after",
        );
        let Some((capture, _)) = self.captures.get(&name.value).cloned() else {
            let known = self.captures.keys().cloned().collect();
            return self.unknown(name, "stops", "capture", known);
        };
        if let Some(first) = self.course.stopped.get(&capture).cloned() {
            let kind = ErrorKind::Misplaced {
                key: name.value.clone(),
                reason: "is stopped already".into(),
            };
            self.fail_with(&name.span, kind, related(&first, "it was stopped here"));
            return None;
        }
        self.course.stopped.insert(capture, name.span.clone());
        Some(Action::StopCapture(capture))
    }

    /// Refuses what can be done to a capture only once where steps are repeated.
    fn once(&mut self, name: &At<String>, reason: &str) {
        if self.course.repeated > 0 {
            self.out_of_place(&name.span, &name.value, reason);
        }
    }

    /// A LAN, a link, `NODE/INTERFACE`, or a port.
    fn capture_point(&mut self, name: &At<String>) -> Found<CapturePoint> {
        let verb = "captures on";
        if let Some(port) = self.ports.get(&name.value) {
            return Some(CapturePoint::Port(*port));
        }
        let Some((node, interface)) = name.value.split_once('/') else {
            return self.net(name, verb).map(CapturePoint::Net);
        };
        let node = At {
            value: node.to_owned(),
            span: name.span.clone(),
        };
        let node = self.node(&node, verb)?;
        let interfaces = &self.scenario.nodes[node.0].interfaces;
        if let Some(found) = interfaces.iter().find(|own| own.name == interface) {
            return Some(CapturePoint::Interface(node, found.net));
        }
        let known = interfaces.iter().map(|own| own.name.clone()).collect();
        let what = format!("network interface of `{}`", self.node_name(node));
        let interface = At {
            value: interface.to_owned(),
            span: name.span.clone(),
        };
        self.unknown(&interface, verb, &what, known)
    }

    fn traffic(&mut self, typed: &[At<String>]) -> Vec<Traffic> {
        let kinds = typed.iter().filter_map(|word| {
            let kind = values::one_of("a kind of frame", &word.value, &Traffic::ALL);
            self.keep(&word.span, kind)
        });
        kinds.collect()
    }
}

fn ring(text: &str) -> Result<u64, ErrorKind> {
    let size = values::size("the size of a ring", text)?;
    if (LEAST_RING..=MOST_RING).contains(&size) {
        return Ok(size);
    }
    Err(ErrorKind::BadValue {
        what: "the size of a ring".into(),
        value: text.into(),
        reason: "from \"256KiB\" to \"4GiB\"".into(),
    })
}
