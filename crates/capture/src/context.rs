//! What two OPENs agree on.

use bgp_wire::capability::code;
use bgp_wire::message::DecodeContext;
use bgp_wire::{Capability, Open};

/// How the messages read that the sender of `sender` sends to the sender of `receiver`.
pub(crate) fn context(sender: &Open, receiver: &Open) -> DecodeContext {
    let both = |capability| sender.has(capability) && receiver.has(capability);
    let add_path = add_path_families(sender).filter(|&family| {
        sender.add_path(family).is_some_and(|mode| mode.sends())
            && receiver
                .add_path(family)
                .is_some_and(|mode| mode.receives())
    });
    DecodeContext {
        as4: both(code::FOUR_OCTET_AS),
        ibgp: sender.asn() == receiver.asn(),
        add_path: add_path.collect(),
        extended_message: both(code::EXTENDED_MESSAGE),
    }
}

fn add_path_families(open: &Open) -> impl Iterator<Item = bgp_wire::Family> + '_ {
    open.capabilities
        .iter()
        .flat_map(|capability| match capability {
            Capability::AddPath(families) => families.iter().map(|(family, _)| *family).collect(),
            _ => Vec::new(),
        })
}
