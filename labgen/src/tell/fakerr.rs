//! `bagpipe-fakerr`, told over its control socket: a JSON document a line, each answered by one.

use std::net::IpAddr;

use bgp_wire::{EncodeContext, RawMessage, Update};
use scenario::Announcement;
use serde::Deserialize;
use serde_json::json;

use super::{Change, hex};

/// The orders that make it announce or withdraw routes of its own: UPDATEs as large as there can be, so that a hundred
/// thousand routes are a few dozen. Routes that do not fit into a message with their attributes are left out.
pub fn originate(announcement: &Announcement, change: Change) -> Vec<String> {
    let context = EncodeContext {
        extended_message: true,
        ..EncodeContext::default()
    };
    let family = announcement.family();
    let messages: Vec<RawMessage> = match change {
        Change::Announce => {
            let batches = announcement.batches().into_iter();
            let messages = batches.flat_map(|batch| {
                let next_hop = &announcement.next_hop;
                Update::announce(&batch.attributes, family, next_hop, &batch.nlri, &context)
            });
            messages.collect()
        }
        Change::Withdraw => {
            let gone: Vec<_> = announcement.destinations().collect();
            Update::withdraw(family, &gone, &context)
        }
    };
    let order = |message: &RawMessage| json!({ "originate": hex(&message.body) }).to_string();
    messages.iter().map(order).collect()
}

/// The order to reset the sessions with a client.
pub fn reset(client: IpAddr) -> String {
    json!({ "reset": client }).to_string()
}

/// The order to send octets to a client as they are.
pub fn send(client: IpAddr, octets: &[u8]) -> String {
    json!({ "send": { "to": client, "octets": hex(octets) } }).to_string()
}

/// An answer: of how much it was done.
///
/// # Errors
///
/// It was not, and why.
pub fn answer(line: &str) -> Result<u64, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Said {
        Done(u64),
        Error(String),
    }
    match serde_json::from_str(line) {
        Ok(Said::Done(done)) => Ok(done),
        Ok(Said::Error(error)) => Err(error),
        Err(_) => Err(format!("its answer is not understood: `{}`", line.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::announcement;
    use super::*;

    #[test]
    fn many_routes_are_few_orders() {
        let many = announcement(
            "fakerr",
            "family = \"vpnv4\", prefix = \"20.0.0.0/24\", rd = \"1:1\", label = 16, rt = \"1:1\", routes = 10000",
        );
        let orders = originate(&many, Change::Announce);
        // 15 octets each, in messages of 65,535.
        assert_eq!(orders.len(), 3);
        assert!(orders.iter().all(|order| order.len() < 2 * 65_536 + 256));
        assert_eq!(originate(&many, Change::Withdraw).len(), 3);
    }

    #[test]
    fn a_tunnel_for_each_is_an_order_for_each() {
        let many = announcement(
            "fakerr",
            "family = \"evpn\", type = 3, rd = \"1:1\", vni = 100, routes = 3, counting = [\"rd\", \"vni\"]",
        );
        let orders = originate(&many, Change::Announce);
        assert_eq!(orders.len(), 3);
        // PMSI tunnel: no flags, ingress replication, the VNI, the endpoint.
        for (order, vni) in orders.iter().zip(["000064", "000065", "000066"]) {
            assert!(order.contains(&format!("0006{vni}0a000001")), "{order}");
        }
    }

    #[test]
    fn answers_are_read() {
        assert_eq!(answer("{\"done\":3}\n"), Ok(3));
        assert_eq!(answer("{\"error\":\"no\"}"), Err("no".into()));
        assert!(answer("hm").is_err());
    }
}
