//! What goes and comes back, again and again; and octets that no speaker would send.

use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use crate::error::ErrorKind;
use crate::file::{At, CableFile, FlapFile, FlapSessionFile, InjectFile};
use crate::kind::{FakeRrMode, NodeKind};
use crate::lab::NodeId;
use crate::resolve::{Found, Resolver, related};
use crate::step::{Cable, Flap, Flapping, Inject};
use crate::values;

/// More flaps than a run can have.
const MOST_FLAPS: i64 = 1_000_000;

/// What a flap can be of.
pub(crate) const FLAPPING: [&str; 4] = ["announced", "port", "session", "link"];

/// Kinds of node that can be told to reset a session.
const RESETTING: [&str; 6] = ["fakerr", "gobgp", "frr", "bird", "openbgpd", "exabgp"];

impl Resolver<'_> {
    pub(super) fn flap(
        &mut self,
        typed: &FlapFile,
        at: &Range<usize>,
        number: &str,
    ) -> Found<Flap> {
        let times = self.number("the number of flaps", &typed.times, 1, MOST_FLAPS);
        let period = self.keep(&typed.period.span, values::duration(&typed.period.value));
        let down = self.maybe(typed.down.as_ref(), values::duration);
        let jitter = self.maybe(typed.jitter.as_ref(), values::duration);
        if let (Some(_), Some(down)) = (&typed.session, &typed.down) {
            self.out_of_place(
                &down.span,
                "down",
                "says nothing of a session, which comes back when it can",
            );
        }
        let what = self.flapping(typed, at);
        let (period, what) = (period?, what?);
        let usual = match what {
            Flapping::Session { .. } => Duration::ZERO,
            _ => period / 2,
        };
        let (down, jitter) = (down.unwrap_or(usual), jitter.unwrap_or_default());
        if period.is_zero() || down + jitter > period {
            let place = typed.jitter.as_ref().or(typed.down.as_ref());
            let place = place.unwrap_or(&typed.period).span.clone();
            let kind = ErrorKind::Other {
                message: "has flaps that begin before the one before them has ended".into(),
            };
            let hint =
                "`down` (half the period when not given) and `jitter` must fit in the period";
            self.fail_with(&place, kind, related(&typed.period.span, hint));
            return None;
        }
        let seed = self.scenario.lab.seed.unwrap_or_default();
        Some(Flap {
            what,
            times: times?,
            period,
            down,
            jitter,
            seed: values::hash(&format!("{seed}/flap/{number}")),
        })
    }

    fn flapping(&mut self, typed: &FlapFile, at: &Range<usize>) -> Found<Flapping> {
        let places = [
            typed.announced.as_ref().map(|at| &at.span),
            typed.port.as_ref().map(|at| &at.span),
            typed.session.as_ref().map(|at| &at.span),
            typed.link.as_ref().map(|at| &at.span),
        ];
        let mut given = FLAPPING.iter().zip(places);
        let mut given = given
            .by_ref()
            .filter_map(|(word, place)| Some((word, place?)));
        let first = given.next();
        if let (Some((first, _)), Some((second, place))) = (first, given.next()) {
            let kind = ErrorKind::TwoWords {
                first: (*first).into(),
                second: (*second).into(),
            };
            self.fail(&place.clone(), kind);
            return None;
        }
        if let Some(name) = &typed.announced {
            self.flapping_routes(name)
        } else if let Some(port) = &typed.port {
            self.flapping_port(port)
        } else if let Some(session) = &typed.session {
            self.flapping_session(&session.value)
        } else if let Some(link) = &typed.link {
            self.flapping_link(&link.value).map(Flapping::Link)
        } else {
            let kind = ErrorKind::NoWord {
                what: "flap".into(),
                known: FLAPPING.map(String::from).to_vec(),
            };
            self.fail(at, kind);
            None
        }
    }

    fn flapping_routes(&mut self, name: &At<String>) -> Found<Flapping> {
        let (id, place) = self.announcement_named(name, "flaps")?;
        if !self.course.announced.contains_key(&id) {
            let kind = ErrorKind::Misplaced {
                key: name.value.clone(),
                reason: "is not announced: it was withdrawn, or its speaker was ended".into(),
            };
            self.fail_with(&name.span, kind, related(&place, "it was announced here"));
            return None;
        }
        Some(Flapping::Announced(id))
    }

    fn flapping_port(&mut self, name: &At<String>) -> Found<Flapping> {
        let port = self.port(name, "flaps")?;
        let (attach, place, attached) = self.attached[port.0].clone();
        if !attached {
            let kind = ErrorKind::Misplaced {
                key: name.value.clone(),
                reason: "is not attached".into(),
            };
            self.fail_with(&name.span, kind, related(&place, "it was attached here"));
            return None;
        }
        Some(Flapping::Port(attach))
    }

    fn flapping_session(&mut self, typed: &FlapSessionFile) -> Found<Flapping> {
        let verb = "resets a session on";
        let on = self.node(&typed.on, verb)?;
        let can = |kind: &str| RESETTING.contains(&kind);
        let needed = format!("kind that can: {}", RESETTING.join(", "));
        let on = self.of_kind(on, &typed.on, verb, &needed, can)?;
        self.only_reflects(on, &typed.on)?;
        self.is_running(on, &typed.on);
        let peer = self.session_peer(on, &typed.peer, "resets a session with")?;
        Some(Flapping::Session { on, peer })
    }

    fn flapping_link(&mut self, typed: &CableFile) -> Found<Cable> {
        let cable = self.cable(typed, "flaps")?;
        let cut = self.course.cut.iter();
        let mut cut = cut.filter(|(other, _)| {
            other.on == cable.on
                && (other.node.is_none() || cable.node.is_none() || other.node == cable.node)
        });
        if let Some((_, span)) = cut.next() {
            let place = related(span, "it was cut here");
            let kind = ErrorKind::Misplaced {
                key: typed.on.value.clone(),
                reason: "is cut".into(),
            };
            self.fail_with(&typed.on.span, kind, place);
            return None;
        }
        Some(cable)
    }

    pub(super) fn inject(&mut self, typed: &InjectFile) -> Found<Inject> {
        let verb = "injects octets on";
        let on = self.node(&typed.on, verb)?;
        let on = self.of_kind(on, &typed.on, verb, "fakerr", |kind| kind == "fakerr")?;
        self.only_reflects(on, &typed.on)?;
        self.is_running(on, &typed.on);
        let to: IpAddr = self.session_peer(on, &typed.to, "injects octets to")?;
        let digits: String = typed.raw.value.split_whitespace().collect();
        let digits = digits.as_bytes();
        let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16)?).ok();
        let (pairs, rest) = digits.as_chunks::<2>();
        let octets = pairs
            .iter()
            .map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?))
            .collect::<Option<Vec<u8>>>()
            .filter(|octets| rest.is_empty() && (1..=65_535).contains(&octets.len()));
        let octets = octets.ok_or_else(|| ErrorKind::BadValue {
            what: "octets in hexadecimal".into(),
            value: typed.raw.value.clone(),
            reason: "two digits an octet, 1 to 65535 octets".into(),
        });
        Some(Inject {
            on,
            to,
            octets: self.keep(&typed.raw.span, octets)?,
        })
    }

    /// A `fakerr` that splices has no sessions of its own.
    fn only_reflects(&mut self, node: NodeId, name: &At<String>) -> Found<()> {
        let kind = &self.scenario.nodes.get(node.0)?.kind;
        if !matches!(kind, NodeKind::FakeRr(rr) if rr.mode == FakeRrMode::Splice) {
            return Some(());
        }
        self.out_of_place(
            &name.span,
            &name.value,
            "only joins its clients, and has no sessions of its own",
        );
        None
    }
}
