//! BGP messages in packets.

use std::ops::Range;

use super::{Found, Resolver};
use crate::error::ErrorKind;
use crate::file::{
    At, BgpFile, BgpMessageFile, NotificationFile, NumberOrWord, OpenFile, RefreshFile,
};
use crate::numbers::Numbers;
use crate::packet::{
    BgpKind, BgpMatcher, CapabilityKind, NotificationMatcher, OpenMatcher, RefreshMatcher,
};
use crate::route::RoutePattern;
use crate::values;

/// The kinds of message.
pub(crate) const MESSAGES: [&str; 7] = [
    "open",
    "keepalive",
    "notification",
    "route-refresh",
    "end-of-rib",
    "update",
    "withdraw",
];

/// Error codes of a NOTIFICATION that have words (RFC 4271 section 4.5, RFC 7313).
pub(crate) const CODES: [(&str, u8); 7] = [
    ("message-header", 1),
    ("open", 2),
    ("update", 3),
    ("hold-timer-expired", 4),
    ("fsm", 5),
    ("cease", 6),
    ("route-refresh", 7),
];

impl Resolver<'_> {
    pub(super) fn bgp_message(&mut self, typed: &At<BgpFile>) -> BgpMatcher {
        match &typed.value {
            BgpFile::Word(word) => {
                let words = MESSAGES.map(|word| (word, word));
                let word = values::one_of("a BGP message", word, &words);
                let kind = self.keep(&typed.span, word).and_then(any_of_kind);
                kind.map(BgpMatcher::from).unwrap_or_default()
            }
            BgpFile::Table(table) => self.bgp_table(table),
        }
    }

    fn bgp_table(&mut self, typed: &BgpMessageFile) -> BgpMatcher {
        self.one_message(typed);
        let from = typed.from.as_ref();
        let to = typed.to.as_ref();
        BgpMatcher {
            from: from.and_then(|from| self.next_hop(from, "expects a message from")),
            to: to.and_then(|to| self.next_hop(to, "expects a message to")),
            kind: self.bgp_kind(typed),
        }
    }

    fn one_message(&mut self, typed: &BgpMessageFile) {
        let spans: [Option<&Range<usize>>; 7] = [
            typed.open.as_ref().map(|at| &at.span),
            typed.keepalive.as_ref().map(|at| &at.span),
            typed.notification.as_ref().map(|at| &at.span),
            typed.route_refresh.as_ref().map(|at| &at.span),
            typed.end_of_rib.as_ref().map(|at| &at.span),
            typed.update.as_ref().map(|at| &at.span),
            typed.withdraw.as_ref().map(|at| &at.span),
        ];
        let mut given = MESSAGES
            .iter()
            .zip(spans)
            .filter_map(|(word, span)| span.map(|span| (*word, span)));
        if let (Some((first, _)), Some((second, span))) = (given.next(), given.next()) {
            let kind = ErrorKind::TwoWords {
                first: first.into(),
                second: second.into(),
            };
            self.fail(span, kind);
        }
    }

    fn bgp_kind(&mut self, typed: &BgpMessageFile) -> Option<BgpKind> {
        let verb = "expects a route for";
        if let Some(open) = &typed.open {
            return Some(BgpKind::Open(self.open(&open.value)));
        }
        if typed.keepalive.is_some() {
            return Some(BgpKind::Keepalive);
        }
        if let Some(notification) = &typed.notification {
            let notification = self.notification(&notification.value);
            return Some(BgpKind::Notification(notification));
        }
        if let Some(refresh) = &typed.route_refresh {
            return Some(BgpKind::RouteRefresh(self.refresh(&refresh.value)));
        }
        if let Some(end) = &typed.end_of_rib {
            let family = end.value.family.as_ref();
            return Some(BgpKind::EndOfRib(self.family_of(family)));
        }
        if let Some(pattern) = &typed.update {
            return Some(BgpKind::Update(self.pattern(&pattern.value, verb)));
        }
        let pattern = typed.withdraw.as_ref()?;
        Some(BgpKind::Withdraw(self.withdrawn(&pattern.value, verb)))
    }

    fn open(&mut self, typed: &OpenFile) -> OpenMatcher {
        let families = typed.families.0.iter();
        OpenMatcher {
            asn: self.field("the AS number", &typed.asn, i64::from(u32::MAX)),
            hold_time: self.numbers("the hold time", &typed.hold_time, 65535),
            router_id: self.maybe(typed.router_id.as_ref(), |id| {
                values::identifier("a BGP identifier", id)
            }),
            families: families
                .filter_map(|family| self.family_of(Some(family)))
                .collect(),
            capabilities: self.capabilities(&typed.capabilities.0),
            lacks_capabilities: self.capabilities(&typed.lacks_capabilities.0),
        }
    }

    fn capabilities(&mut self, typed: &[At<String>]) -> Vec<CapabilityKind> {
        let words = CapabilityKind::ALL.map(|one| (one.name(), one));
        let capabilities = typed.iter().filter_map(|word| {
            let one = values::one_of("a capability", &word.value, &words);
            self.keep(&word.span, one)
        });
        capabilities.collect()
    }

    fn notification(&mut self, typed: &NotificationFile) -> NotificationMatcher {
        let code = typed.code.as_ref().and_then(|code| self.code(code));
        NotificationMatcher {
            code: code.map(Numbers::from),
            subcode: self.numbers("the subcode", &typed.subcode, 255),
        }
    }

    fn code(&mut self, typed: &At<NumberOrWord>) -> Found<u8> {
        let code = match &typed.value {
            NumberOrWord::Number(number) => values::number("the error code", *number, 0, 255),
            NumberOrWord::Word(word) => values::one_of("an error code", word, &CODES),
        };
        self.keep(&typed.span, code)
    }

    fn refresh(&mut self, typed: &RefreshFile) -> RefreshMatcher {
        RefreshMatcher {
            family: self.family_of(typed.family.as_ref()),
            subtype: self.numbers("the subtype", &typed.subtype, 255),
        }
    }

    fn family_of(&mut self, typed: Option<&At<String>>) -> Option<bgp_wire::Family> {
        self.maybe(typed, |word| {
            values::one_of("a family", word, &values::FAMILIES)
        })
    }
}

/// The kind that a word alone stands for: whatever it says.
fn any_of_kind(word: &str) -> Option<BgpKind> {
    Some(match word {
        "open" => BgpKind::Open(OpenMatcher::default()),
        "keepalive" => BgpKind::Keepalive,
        "notification" => BgpKind::Notification(NotificationMatcher::default()),
        "route-refresh" => BgpKind::RouteRefresh(RefreshMatcher::default()),
        "end-of-rib" => BgpKind::EndOfRib(None),
        "update" => BgpKind::Update(RoutePattern::default()),
        "withdraw" => BgpKind::Withdraw(RoutePattern::default()),
        _ => return None,
    })
}
