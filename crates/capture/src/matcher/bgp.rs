//! A BGP message against its matcher.

use bgp_wire::{Message, Notification, Open, Update};
use scenario::RoutePattern;
use scenario::packet::{BgpKind, BgpMatcher, CapabilityKind, NotificationMatcher, OpenMatcher};

use super::fields::{Difference, Fields, or_none};
use super::route::{compare_attributes, compare_nlri};
use crate::bgp::{BgpEvent, BgpMessage};
use crate::facts::RouteFacts;
use crate::text;

/// Compares a message with `matcher`. Of several routes the one that comes closest counts.
pub(super) fn compare(matcher: &BgpMatcher, event: &BgpEvent) -> Fields {
    let mut fields = match &matcher.kind {
        Some(kind) => compare_kind(kind, event),
        None => Fields::default(),
    };
    for (field, wanted, seen) in [
        ("from", &matcher.from, event.from.ip()),
        ("to", &matcher.to, event.to.ip()),
    ] {
        if let Some(wanted) = wanted {
            fields.note(field, wanted.has(seen), || {
                (wanted.to_string(), seen.to_string())
            });
        }
    }
    fields
}

fn compare_kind(kind: &BgpKind, event: &BgpEvent) -> Fields {
    let other = || of_kind(name(kind), event, false);
    let BgpMessage::Whole(message) = &event.message else {
        return of_kind("a message that can be read", event, false);
    };
    let mut fields = of_kind(name(kind), event, true);
    match (kind, message) {
        (BgpKind::Open(wanted), Message::Open(seen)) => open(&mut fields, wanted, seen),
        (BgpKind::Keepalive, Message::Keepalive) => {}
        (BgpKind::Notification(wanted), Message::Notification(seen)) => {
            notification(&mut fields, wanted, seen);
        }
        (BgpKind::RouteRefresh(wanted), Message::RouteRefresh(seen)) => {
            fields.check("family", wanted.family, seen.family);
            fields.check_number("subtype", wanted.subtype.as_ref(), seen.subtype);
        }
        (BgpKind::EndOfRib(wanted), Message::Update(update)) => match update.end_of_rib() {
            Some(family) => fields.check("family", *wanted, family),
            None => return other(),
        },
        (BgpKind::Update(pattern), Message::Update(update)) => {
            return announced(pattern, update, &fields).unwrap_or_else(other);
        }
        (BgpKind::Withdraw(pattern), Message::Update(update)) => {
            return withdrawn(pattern, update, &fields).unwrap_or_else(other);
        }
        _ => return other(),
    }
    fields
}

/// What a message must be, in words.
fn name(kind: &BgpKind) -> &'static str {
    match kind {
        BgpKind::Open(_) => "OPEN",
        BgpKind::Keepalive => "KEEPALIVE",
        BgpKind::Notification(_) => "NOTIFICATION",
        BgpKind::RouteRefresh(_) => "ROUTE-REFRESH",
        BgpKind::EndOfRib(_) => "an UPDATE that is an End-of-RIB",
        BgpKind::Update(_) => "an UPDATE that announces",
        BgpKind::Withdraw(_) => "an UPDATE that withdraws",
    }
}

fn of_kind(wanted: &str, event: &BgpEvent, is: bool) -> Fields {
    let difference = (!is).then(|| Difference {
        field: "message".to_owned(),
        expected: wanted.to_owned(),
        seen: text::bgp_message(&event.message),
    });
    Fields {
        agreed: usize::from(is),
        difference,
        others: None,
    }
}

fn open(fields: &mut Fields, wanted: &OpenMatcher, seen: &Open) {
    fields.check("as", wanted.asn, seen.asn());
    fields.check_number("hold_time", wanted.hold_time.as_ref(), seen.hold_time);
    fields.check("router_id", wanted.router_id, seen.router_id);
    for family in &wanted.families {
        let families = seen.families();
        fields.note("families", families.contains(family), || {
            (family.to_string(), list(families.iter()))
        });
    }
    for (wanted, there) in [
        (&wanted.capabilities, true),
        (&wanted.lacks_capabilities, false),
    ] {
        for capability in wanted {
            let agrees = seen.has(capability.code()) == there;
            fields.note("capabilities", agrees, || {
                let no = if there { "" } else { "no " };
                (format!("{no}{}", capability.name()), capabilities(seen))
            });
        }
    }
}

/// By the words of scenarios, those that have none by number; each once.
fn capabilities(open: &Open) -> String {
    let mut words: Vec<String> = Vec::new();
    for capability in &open.capabilities {
        let code = capability.code();
        let known = CapabilityKind::ALL.iter().find(|kind| kind.code() == code);
        let word = known.map_or_else(|| code.to_string(), |kind| kind.name().to_owned());
        if !words.contains(&word) {
            words.push(word);
        }
    }
    list(words.iter())
}

fn notification(fields: &mut Fields, wanted: &NotificationMatcher, seen: &Notification) {
    for (field, wanted, number) in [
        ("code", &wanted.code, seen.code),
        ("subcode", &wanted.subcode, seen.subcode),
    ] {
        if let Some(wanted) = wanted {
            fields.note(field, wanted.has(number), || {
                (wanted.to_string(), format!("{number} ({seen})"))
            });
        }
    }
}

fn announced(pattern: &RoutePattern, update: &Update, so_far: &Fields) -> Option<Fields> {
    let announced = update
        .reach
        .iter()
        .flat_map(|(_, next_hop, nlri)| nlri.iter().map(move |nlri| (nlri, next_hop.address())));
    let compared = announced.map(|(nlri, next_hop)| {
        let mut fields = so_far.clone();
        let route = RouteFacts::of(nlri, next_hop, &update.attributes);
        compare_nlri(&mut fields, pattern, &route);
        compare_attributes(&mut fields, pattern, &route);
        fields
    });
    closest(compared)
}

fn withdrawn(pattern: &RoutePattern, update: &Update, so_far: &Fields) -> Option<Fields> {
    let withdrawn = update.unreach.iter().flat_map(|(_, nlri)| nlri);
    let compared = withdrawn.map(|nlri| {
        let mut fields = so_far.clone();
        compare_nlri(&mut fields, pattern, &RouteFacts::of_nlri(nlri));
        fields
    });
    closest(compared)
}

/// A full match if there is one, else the one with the most fields agreeing.
fn closest(compared: impl Iterator<Item = Fields>) -> Option<Fields> {
    compared.max_by_key(|fields| (fields.all_agree(), fields.agreed))
}

fn list<T: ToString>(items: impl Iterator<Item = T>) -> String {
    let words: Vec<String> = items.map(|item| item.to_string()).collect();
    or_none(
        Some(words.join(" "))
            .filter(|text| !text.is_empty())
            .as_ref(),
    )
}
