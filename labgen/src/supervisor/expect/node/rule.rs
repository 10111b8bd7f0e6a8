//! Rules by which a node's kernel chooses a table of routes.

use std::rc::Rc;

use bgp_wire::types::IpPrefix;
use netns::link::{Groups, Rule};
use scenario::RuleExpectation;

use super::kernel::Kernel;
use super::{Item, judged, same, shown};
use crate::supervisor::expect::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};

pub(in crate::supervisor::expect) struct Rules {
    kernel: Kernel,
    expected: RuleExpectation,
    title: String,
}

impl Rules {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &RuleExpectation,
        title: &str,
    ) -> Self {
        let groups = Groups {
            rules: true,
            ..Groups::default()
        };
        Self {
            kernel: Kernel::new(lab, expected.on, groups),
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }

    fn item(&self, rule: &Rule) -> Item {
        let e = &self.expected;
        let prefix = |prefix: Option<netns::addr::IpPrefix>| {
            prefix.and_then(|prefix| IpPrefix::new(prefix.addr(), prefix.prefix_len()).ok())
        };
        let (from, to) = (prefix(rule.from), prefix(rule.to));
        let fields = [
            (
                "priority",
                same(e.priority.as_ref(), Some(&rule.priority)),
                rule.priority.to_string(),
            ),
            ("from", same(e.from.as_ref(), from.as_ref()), shown(from)),
            ("to", same(e.to.as_ref(), to.as_ref()), shown(to)),
            (
                "iif",
                same(e.iif.as_ref(), rule.iif.as_ref()),
                shown(rule.iif.as_ref()),
            ),
            (
                "oif",
                same(e.oif.as_ref(), rule.oif.as_ref()),
                shown(rule.oif.as_ref()),
            ),
            (
                "tun_id",
                same(e.tun_id.as_ref(), rule.tunnel_id.as_ref()),
                shown(rule.tunnel_id),
            ),
            (
                "mark",
                same(e.mark.as_ref(), rule.mark.as_ref()),
                shown(rule.mark),
            ),
            (
                "table",
                same(e.table.as_ref(), rule.table.as_ref()),
                shown(rule.table),
            ),
        ];
        Item::compared(described(rule), &fields)
    }
}

/// As iproute2 writes it.
fn described(rule: &Rule) -> String {
    let mut text = format!("{}:", rule.priority);
    text += &match rule.from {
        Some(from) => format!(" from {from}"),
        None => " from all".into(),
    };
    let words = [
        ("to", rule.to.map(|to| to.to_string())),
        ("iif", rule.iif.clone()),
        ("oif", rule.oif.clone()),
        ("tun_id", rule.tunnel_id.map(|id| id.to_string())),
        ("fwmark", rule.mark.map(|mark| format!("{mark:#x}"))),
    ];
    for (word, value) in words {
        if let Some(value) = value {
            text += &format!(" {word} {value}");
        }
    }
    text += &match rule.table {
        Some(table) => format!(" lookup {table}"),
        None => " unreachable".into(),
    };
    if rule.ipv6 {
        text += " (IPv6)";
    }
    text
}

impl Watch for Rules {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let netlink = self.kernel.look()?;
        let rules = netlink.rules().await.map_err(|e| self.kernel.failed(e))?;
        let items = rules.iter().map(|rule| self.item(rule)).collect();
        Ok(judged(&self.title, self.expected.amount, "rule", items))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.kernel.changed().await
    }
}
