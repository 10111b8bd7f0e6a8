//! A byte stream as a peer could send it: nothing panics, and what was read is written and read as the same.
//!
//! The first octet chooses what the session has agreed on.

#![no_main]

use bgp_wire::raw::{Framer, MAX_EXTENDED_LEN, MAX_LEN};
use bgp_wire::{DecodeContext, EncodeContext, Family, Message, Nlri, Update};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((&choice, stream)) = input.split_first() else {
        return;
    };
    let bit = |n: u8| choice & (1 << n) != 0;
    let add_path = if bit(2) {
        Family::named().collect()
    } else {
        Default::default()
    };
    let (as4, ibgp, extended_message) = (!bit(0), !bit(1), bit(3));
    let context = DecodeContext {
        as4,
        ibgp,
        add_path,
        extended_message,
    };
    let mut framer = Framer::new();
    framer.set_max_len(if extended_message {
        MAX_EXTENDED_LEN
    } else {
        MAX_LEN
    });
    framer.push(stream);
    while let Some(raw) = framer.next() {
        let raw = match raw {
            Ok(raw) => raw,
            Err(error) => {
                let _ = (error.to_string(), error.notification());
                break;
            }
        };
        match Message::decode(&raw, &context) {
            Ok(message) => check(&raw, message, &context),
            Err(error) => drop((error.to_string(), error.notification())),
        }
    }
});

fn check(raw: &bgp_wire::RawMessage, message: Message, context: &DecodeContext) {
    assert_eq!(message.encode(), *raw, "kept octets differ");
    match message {
        Message::Update(update) => check_update(&update, context),
        Message::Notification(notification) => drop(notification.to_string()),
        Message::Open(open) => drop((open.asn(), open.families())),
        Message::Keepalive | Message::RouteRefresh(_) => {}
    }
}

fn check_update(update: &Update, context: &DecodeContext) {
    let announced = update.reach.iter().flat_map(|(.., nlri)| nlri);
    let withdrawn = update.unreach.iter().flat_map(|(_, nlri)| nlri);
    for nlri in announced.chain(withdrawn) {
        let Ok(value) = nlri.value() else {
            panic!("unreadable NLRI {nlri:?} is passed on")
        };
        let canonical = Nlri::from(value.clone()).with_path_id(nlri.path_id);
        assert_eq!(
            canonical.value(),
            Ok(value),
            "canonical NLRI says something else"
        );
        assert_eq!(
            canonical.key(),
            nlri.key(),
            "canonical NLRI is another route"
        );
    }
    for verdict in &update.verdicts {
        let _ = verdict.defect.to_string();
    }
    let _ = update.end_of_rib();
    again(update, context);
}

/// Routes announced again are read as the same routes with the same attributes.
fn again(update: &Update, context: &DecodeContext) {
    let encode = EncodeContext {
        as4: true,
        ibgp: context.ibgp,
        add_path: context.add_path.clone(),
        extended_message: true,
    };
    let decode = DecodeContext {
        as4: true,
        ..context.clone()
    };
    for (family, next_hop, nlri) in &update.reach {
        let messages = Update::announce(&update.attributes, *family, next_hop, nlri, &encode);
        let mut routes = Vec::new();
        for message in messages {
            let Ok(Message::Update(again)) = Message::decode(&message, &decode) else {
                panic!("our own message is unreadable")
            };
            assert_eq!(again.verdicts, [], "our own message has defects");
            for (again_family, again_next_hop, nlri) in again.reach {
                assert_eq!((again_family, &again_next_hop), (*family, next_hop));
                routes.extend(nlri);
            }
        }
        assert_eq!(routes, *nlri);
    }
}
