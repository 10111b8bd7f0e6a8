//! The lab as a whole.

use std::ops::Range;

use crate::defaults;
use crate::error::ErrorKind;
use crate::expect::{ConvergedExpectation, InvariantsExpectation};
use crate::file::{At, ConvergedFile, InvariantsFile};
use crate::kind::{FakeRrMode, NodeKind};
use crate::lab::NodeId;
use crate::resolve::{Found, Resolver, families};
use crate::values;

impl Resolver<'_> {
    pub(super) fn converged(&mut self, typed: &ConvergedFile) -> Found<ConvergedExpectation> {
        let verb = "expects convergence of";
        let speaks = |word: &str| families::families(word).is_some();
        let mut nodes = Vec::new();
        for name in &typed.nodes.0 {
            for node in self.nodes_named(name, verb) {
                nodes.extend(self.of_kind(node, name, verb, "BGP speaker", speaks));
            }
        }
        let quiet = self.maybe(typed.quiet.as_ref(), values::duration);
        Some(ConvergedExpectation {
            nodes,
            quiet: quiet.unwrap_or(defaults::QUIET),
        })
    }

    pub(super) fn invariants(
        &mut self,
        typed: &At<InvariantsFile>,
    ) -> Found<InvariantsExpectation> {
        let verb = "judges what passes through";
        let mut reflectors = Vec::new();
        for name in &typed.value.reflectors.0 {
            for node in self.nodes_named(name, verb) {
                if self.reflects(node) {
                    reflectors.push(node);
                    continue;
                }
                let known = self.all_reflectors();
                self.unknown::<()>(name, verb, "reflector", known);
            }
        }
        self.some_reflector(&typed.span)?;
        Some(InvariantsExpectation { reflectors })
    }

    /// Notes a mistake where the rules of reflection can be broken by nobody.
    pub(in crate::resolve) fn some_reflector(&mut self, span: &Range<usize>) -> Found<()> {
        let mut nodes = self.scenario.nodes.iter();
        let message = if self.all_reflectors().is_empty() {
            "judges reflectors, but no node is one".into()
        } else if let Some(node) = nodes.find(|node| node.kind.is_python()) {
            format!(
                "has to know the routes of every client, and the Python daemon of `{}` does not tell them",
                node.name
            )
        } else {
            return Some(());
        };
        self.fail(span, ErrorKind::Other { message });
        None
    }

    fn all_reflectors(&self) -> Vec<String> {
        let nodes = (0..self.scenario.nodes.len()).map(NodeId);
        let reflectors = nodes.filter(|node| self.reflects(*node));
        reflectors
            .map(|node| self.node_name(node).to_owned())
            .collect()
    }

    fn reflects(&self, node: NodeId) -> bool {
        let node = self.scenario.nodes.get(node.0);
        node.is_some_and(|node| node.kind.reflects())
    }
}

impl NodeKind {
    /// Whether it passes routes on between clients (RFC 4456).
    pub fn reflects(&self) -> bool {
        match self {
            Self::FakeRr(rr) => rr.mode == FakeRrMode::Reflect,
            kind => kind
                .speaker()
                .is_some_and(|speaker| speaker.sessions.iter().any(|session| session.client)),
        }
    }
}
