//! Sessions of real speakers: every message is read, written again octet for octet, and its text compared with
//! `expected.snap` beside it. A directory is a test.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use std::fmt::Write as _;

use bgp_wire::nlri::{Nlri, NlriValue};
use bgp_wire::{Attribute, EncodeContext, Family, Message, Update};
use support::session::{Captured, directories, messages};

#[test]
fn every_message_is_understood() {
    for directory in directories() {
        let mut text = String::new();
        for captured in messages(&directory.join("session.pcap")) {
            describe(&captured, &mut text).unwrap();
        }
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&directory);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!("expected", text));
    }
}

#[test]
fn every_message_is_written_again() {
    for directory in directories() {
        for Captured { raw, context, .. } in messages(&directory.join("session.pcap")) {
            let message = Message::decode(&raw, &context).unwrap();
            assert_eq!(message.encode(), raw, "{}", directory.display());
        }
    }
}

/// Stronger than the last: from the values alone, without the octets that were kept.
#[test]
fn every_value_gives_its_octets() {
    for directory in directories() {
        for Captured { raw, context, .. } in messages(&directory.join("session.pcap")) {
            let Ok(Message::Update(update)) = Message::decode(&raw, &context) else {
                continue;
            };
            if !context.as4 {
                continue;
            }
            for attribute in update.attributes.iter() {
                let built = Attribute::new(attribute.value.clone(), &EncodeContext::default());
                assert_eq!(built, *attribute, "{}", directory.display());
            }
            for nlri in all_nlri(&update) {
                let built = Nlri::from(nlri.value().unwrap()).with_path_id(nlri.path_id);
                assert_eq!(built, *nlri, "{}", directory.display());
            }
        }
    }
}

/// An announcement built from what was read says the same as the message it came from.
#[test]
fn every_announcement_can_be_made_again() {
    for directory in directories() {
        for Captured { raw, context, .. } in messages(&directory.join("session.pcap")) {
            let Ok(Message::Update(update)) = Message::decode(&raw, &context) else {
                continue;
            };
            let encode = EncodeContext {
                as4: context.as4,
                ibgp: context.ibgp,
                add_path: context.add_path.clone(),
                extended_message: context.extended_message,
            };
            for (family, next_hop, nlri) in &update.reach {
                let built = Update::announce(&update.attributes, *family, next_hop, nlri, &encode);
                let [built] = &built[..] else {
                    panic!("not one message")
                };
                let Ok(Message::Update(again)) = Message::decode(built, &context) else {
                    panic!("not an UPDATE")
                };
                assert_eq!(again.verdicts, []);
                assert_eq!(again.reach, update.reach);
                assert_eq!(again.attributes, update.attributes);
            }
        }
    }
}

fn all_nlri(update: &Update) -> impl Iterator<Item = &Nlri> {
    let announced = update.reach.iter().flat_map(|(.., nlri)| nlri);
    announced.chain(update.unreach.iter().flat_map(|(_, nlri)| nlri))
}

fn describe(captured: &Captured, text: &mut String) -> std::fmt::Result {
    let Captured {
        from,
        to,
        raw,
        context,
    } = captured;
    write!(text, "{from} > {to} ")?;
    match Message::decode(raw, context) {
        Ok(Message::Open(open)) => {
            let bgp_wire::Open {
                version,
                my_as,
                hold_time,
                router_id,
                ..
            } = &open;
            writeln!(
                text,
                "OPEN version {version} AS {my_as} hold {hold_time} id {router_id}"
            )?;
            for capability in &open.capabilities {
                let name = capability.name().unwrap_or("unknown");
                writeln!(text, "  {name}: {}", json(capability))?;
            }
        }
        Ok(Message::Update(update)) => {
            assert_eq!(update.outcome(), bgp_wire::Outcome::Accept);
            writeln!(text, "UPDATE")?;
            describe_update(&update, text)?;
        }
        Ok(Message::Notification(notification)) => {
            writeln!(text, "NOTIFICATION {notification}")?;
        }
        Ok(Message::Keepalive) => writeln!(text, "KEEPALIVE")?,
        Ok(Message::RouteRefresh(refresh)) => {
            writeln!(text, "ROUTE-REFRESH {} {}", refresh.family, refresh.subtype)?;
        }
        Err(error) => writeln!(text, "error: {error}")?,
    }
    Ok(())
}

fn describe_update(update: &Update, text: &mut String) -> std::fmt::Result {
    for attribute in update.attributes.iter() {
        writeln!(text, "  {}", json(&attribute.value))?;
    }
    for (family, next_hop, nlri) in &update.reach {
        writeln!(text, "  announce {family} by {}", json(next_hop))?;
        describe_nlri(*family, nlri, text)?;
    }
    for (family, nlri) in &update.unreach {
        writeln!(text, "  withdraw {family}")?;
        describe_nlri(*family, nlri, text)?;
    }
    match update.end_of_rib() {
        Some(family) => writeln!(text, "  end of {family}"),
        None => Ok(()),
    }
}

fn describe_nlri(family: Family, list: &[Nlri], text: &mut String) -> std::fmt::Result {
    for nlri in list {
        assert_eq!(nlri.family, family);
        let path = nlri
            .path_id
            .map(|id| format!("path {id} "))
            .unwrap_or_default();
        match nlri.value() {
            Ok(NlriValue::FlowspecVpn { rd, rules }) => {
                writeln!(text, "    {path}flow {rules} rd {rd}")?;
            }
            value => writeln!(text, "    {path}{}", json(&value.unwrap()))?,
        }
    }
    Ok(())
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap()
}
