//! Commands.

use crate::error::ErrorKind;
use crate::file::{ExecFile, TextFile};
use crate::resolve::{Found, Resolver};
use crate::step::{Exec, TextExpectation};
use crate::{defaults, values};

impl Resolver<'_> {
    pub(super) fn exec(&mut self, typed: &ExecFile) -> Found<Exec> {
        let on = self.endpoint(&typed.on, "runs a command on");
        if typed.command.value.is_empty() {
            self.fail(
                &typed.command.span,
                ErrorKind::Empty {
                    key: "command".into(),
                },
            );
        }
        let exit = match &typed.exit {
            Some(exit) => self.number("the exit status", exit, 0, 255),
            None => Some(0),
        };
        let within = self.maybe(typed.within.as_ref(), values::duration);
        Some(Exec {
            on: on?,
            command: typed.command.value.clone(),
            exit: exit?,
            stdout: text(&typed.stdout),
            stderr: text(&typed.stderr),
            within: within.unwrap_or(defaults::WITHIN),
        })
    }
}

fn text(typed: &TextFile) -> TextExpectation {
    TextExpectation {
        contains: typed.contains.0.clone(),
        lacks: typed.lacks.0.clone(),
        equals: typed.equals.clone(),
    }
}
