//! What goes wrong in networks, and is put right again.

use crate::error::ErrorKind;
use crate::file::{At, CableFile, MoveFile, ProgramsFile, SignalFile, StepFile};
use crate::kind::NodeKind;
use crate::lab::{AnnouncementId, NetId, NodeId};
use crate::resolve::{Found, Resolver, related};
use crate::step::{Action, Attach, Cable, Signal, SignalTo};
use crate::values;

impl Resolver<'_> {
    pub(super) fn failure(&mut self, typed: &StepFile) -> Found<Action> {
        if let Some(cut) = &typed.cut {
            self.cut(&cut.value).map(Action::Cut)
        } else if let Some(heal) = &typed.heal {
            self.heal(&heal.value).map(Action::Heal)
        } else if let Some(impair) = &typed.impair {
            self.impair(&impair.value).map(Action::Impair)
        } else if let Some(halt) = &typed.halt {
            self.halt(&halt.value).map(Action::Halt)
        } else if let Some(start) = &typed.start {
            self.start(&start.value).map(Action::Start)
        } else if let Some(restart) = &typed.restart {
            self.restart(&restart.value).map(Action::Restart)
        } else {
            let signal = typed.signal.as_ref()?;
            self.signal(&signal.value).map(Action::Signal)
        }
    }

    pub(super) fn cable(&mut self, typed: &CableFile, verb: &str) -> Found<Cable> {
        let on = self.net(&typed.on, verb)?;
        let Some(name) = &typed.node else {
            return Some(Cable { on, node: None });
        };
        let node = self.node(name, verb)?;
        let NetId::Lan(_) = on else {
            self.out_of_place(&name.span, "node", "is for LANs: a link is one cable");
            return None;
        };
        let members = self.members.get(&on).cloned().unwrap_or_default();
        if !members.contains(&node) {
            let known = members.iter().map(|node| self.node_name(*node).into());
            let what = format!("member of `{}`", typed.on.value);
            let known = known.collect();
            return self.unknown(name, verb, &what, known);
        }
        Some(Cable {
            on,
            node: Some(node),
        })
    }

    /// The cables that can be cut one by one: of a LAN one of each member, of a link the one.
    fn each_cable(&self, cable: Cable) -> Vec<Cable> {
        if let (NetId::Lan(_), None) = (cable.on, cable.node) {
            let members = self.members.get(&cable.on).into_iter().flatten();
            let of = |node: &NodeId| Cable {
                node: Some(*node),
                ..cable
            };
            return members.map(of).collect();
        }
        vec![cable]
    }

    /// Of a LAN those that are not cut yet.
    fn cut(&mut self, typed: &CableFile) -> Found<Cable> {
        let cable = self.cable(typed, "cuts")?;
        let cables = self.each_cable(cable);
        let cut = &self.course.cut;
        if let Some(span) = cables.first().and_then(|first| cut.get(first)).cloned()
            && cables.iter().all(|one| cut.contains_key(one))
        {
            let kind = ErrorKind::Misplaced {
                key: typed.on.value.clone(),
                reason: "is cut already".into(),
            };
            self.fail_with(&typed.on.span, kind, related(&span, "it was cut here"));
            return None;
        }
        for one in cables {
            let place = || typed.on.span.clone();
            self.course.cut.entry(one).or_insert_with(place);
        }
        Some(cable)
    }

    /// Of a LAN those that are cut.
    fn heal(&mut self, typed: &CableFile) -> Found<Cable> {
        let cable = self.cable(typed, "heals")?;
        let mut healed = false;
        for one in self.each_cable(cable) {
            healed |= self.course.cut.remove(&one).is_some();
        }
        if !healed {
            self.out_of_place(&typed.on.span, &typed.on.value, "is not cut");
            return None;
        }
        Some(cable)
    }

    /// The nodes, all of which run something.
    fn programs(&mut self, typed: &ProgramsFile, verb: &str) -> Vec<(NodeId, At<String>)> {
        if typed.node.value.0.is_empty() {
            let key = "node".into();
            self.fail(&typed.node.span, ErrorKind::Empty { key });
        }
        let mut all = Vec::new();
        for name in &typed.node.value.0 {
            for node in self.nodes_named(name, verb) {
                if self.runs(node, name, verb).is_some() {
                    all.push((node, name.clone()));
                }
            }
        }
        all
    }

    fn runs(&mut self, node: NodeId, name: &At<String>, verb: &str) -> Found<NodeId> {
        let runs = |word: &str| !matches!(word, "host" | "router");
        self.of_kind(node, name, verb, "node that runs a program", runs)
    }

    fn halt(&mut self, typed: &ProgramsFile) -> Found<Vec<NodeId>> {
        let nodes = self.programs(typed, "halts");
        for (node, name) in &nodes {
            if let Some(span) = self.course.halted.get(node).cloned() {
                self.misplaced(name, "is halted already", &span);
                continue;
            }
            self.course.shaken.remove(node);
            self.course.halted.insert(*node, name.span.clone());
            self.forget_told(*node);
        }
        Some(nodes.into_iter().map(|(node, _)| node).collect())
    }

    fn start(&mut self, typed: &ProgramsFile) -> Found<Vec<NodeId>> {
        let nodes = self.programs(typed, "starts");
        for (node, name) in &nodes {
            let halted = self.course.halted.remove(node).is_some();
            if !halted && !self.course.shaken.remove(node) {
                self.out_of_place(
                    &name.span,
                    &name.value,
                    "runs already; `halt` it first, or `restart` it",
                );
            }
        }
        Some(nodes.into_iter().map(|(node, _)| node).collect())
    }

    fn restart(&mut self, typed: &ProgramsFile) -> Found<Vec<NodeId>> {
        let nodes = self.programs(typed, "restarts");
        for (node, _) in &nodes {
            self.course.halted.remove(node);
            self.course.shaken.remove(node);
            self.forget_told(*node);
        }
        Some(nodes.into_iter().map(|(node, _)| node).collect())
    }

    fn signal(&mut self, typed: &SignalFile) -> Found<SignalTo> {
        let verb = "sends a signal to";
        let node = self.node(&typed.node, verb)?;
        let node = self.runs(node, &typed.node, verb)?;
        if let Some(span) = self.course.halted.get(&node).cloned() {
            self.misplaced(
                &typed.node,
                "is halted: nothing is there to get a signal",
                &span,
            );
        }
        let words = Signal::ALL.map(|signal| (signal.name(), signal));
        let signal = values::one_of("a signal", &typed.signal.value, &words);
        let signal = self.keep(&typed.signal.span, signal)?;
        // Our speaker takes it for a stop before a restart.
        let is_ours = matches!(&self.scenario.nodes.get(node.0)?.kind, NodeKind::Bagpipe(own) if own.python.is_none());
        if !signal.is_survived() || is_ours && signal == Signal::Usr1 {
            self.course.shaken.insert(node);
            self.forget_told(node);
        }
        let program = typed.program.as_ref().map(|program| program.value.clone());
        Some(SignalTo {
            node,
            program,
            signal,
        })
    }

    fn misplaced(&mut self, name: &At<String>, reason: &str, earlier: &std::ops::Range<usize>) {
        let kind = ErrorKind::Misplaced {
            key: name.value.clone(),
            reason: reason.into(),
        };
        self.fail_with(&name.span, kind, related(earlier, "that was here"));
    }

    /// A speaker that is started anew knows nothing of what it was told to announce, nor of the ports that it had, unless
    /// it keeps those.
    fn forget_told(&mut self, node: NodeId) {
        let scenario = &self.scenario;
        let kept = |id: &AnnouncementId| scenario[*id].on != node;
        self.course.announced.retain(|id, _| kept(id));
        if matches!(&scenario[node].kind, NodeKind::Bagpipe(own) if own.persist) {
            return;
        }
        for (attach, _, attached) in &mut self.attached {
            if attach.on == node {
                *attached = false;
            }
        }
    }

    /// Where the port was, and where it will be.
    pub(super) fn migrate(&mut self, typed: &MoveFile) -> Found<(Attach, Attach)> {
        let port = self.port(&typed.port, "moves")?;
        let verb = format!("moves `{}` to", typed.port.value);
        let on = self.bagpipe_named(&typed.to, &verb)?;
        let (known, span, attached) = &mut self.attached[port.0];
        if !*attached {
            let port = typed.port.value.clone();
            self.fail(&typed.port.span, ErrorKind::NotAttached { port });
            return None;
        }
        let from = known.clone();
        if from.on == on {
            let kind = ErrorKind::Misplaced {
                key: typed.to.value.clone(),
                reason: "is where the port is".into(),
            };
            let place = related(&span.clone(), "it was attached here");
            self.fail_with(&typed.to.span, kind, place);
            return None;
        }
        known.on = on;
        *span = typed.port.span.clone();
        let to = known.clone();
        self.stays(&typed.port.value, &typed.port.span, port);
        Some((from, to))
    }
}
