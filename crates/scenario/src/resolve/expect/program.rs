//! Programs of a node.

use super::amount::how_many;
use crate::error::ErrorKind;
use crate::expect::{
    CpuExpectation, FileExpectation, LogExpectation, MemoryExpectation, ProgramExpectation,
    ProgramState, Since,
};
use crate::file::{At, ContentFile, CpuFile, ExpectFile, LogFile, MemoryFile, RunningFile};
use crate::lab::NodeId;
use crate::resolve::{Found, Resolver};
use crate::step::TextExpectation;
use crate::values;

impl Resolver<'_> {
    /// The node of this name, which runs something.
    fn running(&mut self, name: &At<String>, verb: &str) -> Found<NodeId> {
        let id = self.node(name, verb)?;
        let runs = |word: &str| !matches!(word, "host" | "router");
        self.of_kind(id, name, verb, "node that runs a program", runs)
    }

    pub(super) fn log(&mut self, typed: &LogFile) -> Found<LogExpectation> {
        let on = self.running(&typed.on, "expects words of");
        if typed.contains.0.is_empty() && typed.matches.is_none() {
            let known = vec!["contains".into(), "matches".into()];
            let what = "look for".into();
            self.fail(&typed.on.span, ErrorKind::NoWord { what, known });
        }
        let matches = self.maybe(typed.matches.as_ref(), |text| {
            values::regular_expression(text).map(|()| text.to_owned())
        });
        let since = match &typed.since {
            Some(since) => self.since(since),
            None => Some(Since::Start),
        };
        let amount = self.how_many(how_many!(typed));
        Some(LogExpectation {
            on: on?,
            contains: texts(&typed.contains.0),
            matches,
            since: since?,
            amount: amount?,
        })
    }

    pub(super) fn content(&mut self, typed: &ContentFile) -> Found<FileExpectation> {
        let on = self.node(&typed.on, "expects a file on");
        let path = self.keep(&typed.path.span, values::path(&typed.path.value));
        let absent = typed.absent.as_ref().is_some_and(|absent| absent.value);
        let demands = typed.contains.0.iter().chain(&typed.lacks.0);
        let demand = demands.chain(typed.equals.as_ref()).next();
        if let (true, Some(_), Some(key)) = (absent, demand, &typed.absent) {
            return self.cannot_be(&key.span, "absent", "leaves nothing to say of it");
        }
        Some(FileExpectation {
            on: on?,
            path: path?,
            text: TextExpectation {
                contains: texts(&typed.contains.0),
                lacks: texts(&typed.lacks.0),
                equals: typed.equals.as_ref().map(|text| text.value.clone()),
            },
            absent,
        })
    }

    pub(super) fn programs_of(&mut self, typed: &RunningFile) -> Found<ProgramExpectation> {
        let on = self.running(&typed.on, "expects programs of");
        let exited = self.maybe_number("the exit status", typed.exited.as_ref(), 0, 255);
        let is = match (&typed.runs, exited) {
            (Some(runs), Some(_)) => {
                return self.cannot_be(&runs.span, "runs", "says nothing beside `exited`");
            }
            (_, Some(status)) => ProgramState::Exited(status),
            (Some(At { value: false, .. }), None) => ProgramState::Ended,
            (_, None) => ProgramState::Runs,
        };
        Some(ProgramExpectation {
            on: on?,
            program: text(typed.program.as_ref()),
            is,
        })
    }

    pub(super) fn memory(&mut self, typed: &MemoryFile) -> Found<MemoryExpectation> {
        let on = self.running(&typed.on, "expects memory of");
        let at_most = self.keep(&typed.at_most.span, values::memory(&typed.at_most.value));
        Some(MemoryExpectation {
            on: on?,
            program: text(typed.program.as_ref()),
            at_most: at_most?,
        })
    }

    /// A share of time needs a time.
    pub(super) fn cpu(&mut self, typed: &At<CpuFile>, all: &ExpectFile) -> Found<CpuExpectation> {
        if all.during.is_none() {
            let key = "for".into();
            self.fail(&typed.span, ErrorKind::MissingKey { key });
        }
        if let Some(within) = &all.within {
            let reason = "says nothing about `cpu`, which is measured over the time of `for`";
            self.out_of_place(&within.span, "within", reason);
        }
        let typed = &typed.value;
        let on = self.running(&typed.on, "expects time of processors of");
        let at_most = self.keep(&typed.at_most.span, values::cpu_share(&typed.at_most.value));
        Some(CpuExpectation {
            on: on?,
            program: text(typed.program.as_ref()),
            at_most: at_most?,
        })
    }
}

fn texts(typed: &[At<String>]) -> Vec<String> {
    typed.iter().map(|text| text.value.clone()).collect()
}

fn text(typed: Option<&At<String>>) -> Option<String> {
    typed.map(|text| text.value.clone())
}
