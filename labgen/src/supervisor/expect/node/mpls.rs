//! MPLS routes of a node's kernel.

use std::rc::Rc;

use netns::link::{FibRoute, FibTo, Groups};
use scenario::{Amount, MplsExpectation};

use super::kernel::Kernel;
use super::route::{Names, best_hop, described, stack};
use super::{Item, judged};
use crate::supervisor::expect::{Look, Watch};
use crate::supervisor::lab::{Lab, ReachError};

pub(in crate::supervisor::expect) struct Labels {
    kernel: Kernel,
    expected: MplsExpectation,
    title: String,
}

impl Labels {
    pub(in crate::supervisor::expect) fn new(
        lab: &Rc<Lab>,
        expected: &MplsExpectation,
        title: &str,
    ) -> Self {
        let groups = Groups {
            labels: true,
            ..Groups::default()
        };
        Self {
            kernel: Kernel::new(lab, expected.on, groups),
            expected: expected.clone(),
            title: title.to_owned(),
        }
    }

    fn item(&self, route: &FibRoute, names: &Names) -> Item {
        let e = &self.expected;
        let label = route.to == FibTo::Label(e.label);
        // Without labels in its place the one that came is taken off.
        let swap = |wanted: &Vec<u32>| route.hops.iter().any(|hop| hop.swap == *wanted);
        let swapped = route.hops.first().map(|hop| stack(&hop.swap));
        let swapped = swapped.filter(|labels| !labels.is_empty());
        let mut fields = vec![
            ("label", label, route.to.to_string()),
            (
                "swap",
                e.swap.as_ref().is_none_or(swap),
                swapped.unwrap_or_else(|| "empty".into()),
            ),
        ];
        let (hop, wrong) = best_hop(&e.hop, route, names);
        fields.extend(hop);
        let mut item = Item::compared(described(route, names), &fields);
        item.difference = item.difference.or(wrong);
        item
    }
}

impl Watch for Labels {
    async fn look(&mut self) -> Result<Look, ReachError> {
        let netlink = self.kernel.look()?;
        let names = self.kernel.names(&netlink).await?;
        let routes = netlink.mpls_routes().await;
        let routes = routes.map_err(|e| self.kernel.failed(e))?;
        let items = routes.iter().map(|route| self.item(route, &names));
        let amount = match self.expected.absent {
            true => Amount::NONE,
            false => Amount::SOME,
        };
        Ok(judged(&self.title, amount, "MPLS route", items.collect()))
    }

    async fn changed(&mut self) -> Result<(), ReachError> {
        self.kernel.changed().await
    }
}
