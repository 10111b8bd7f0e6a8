//! `bagpipe-fakerr`, our reflector.

use scenario::{FakeRr, FakeRrMode};

use super::Program;

/// Where it tells of its clients.
pub const STATUS: &str = "/run/bagpipe-fakerr/status.sock";

/// Where it takes orders.
pub const CONTROL: &str = "/run/bagpipe-fakerr/control.sock";

pub(super) fn program(config: &FakeRr) -> Program {
    let mut args = vec!["--port".to_owned(), config.port.to_string()];
    match config.mode {
        FakeRrMode::Splice => args.extend(["--mode".into(), "splice".into()]),
        FakeRrMode::Reflect => args.extend([
            "--status".into(),
            STATUS.into(),
            "--control".into(),
            CONTROL.into(),
            "--as".into(),
            config.asn.to_string(),
            "--router-id".into(),
            config.router_id.to_string(),
            "--restart-time".into(),
            config.graceful_restart.to_string(),
        ]),
    }
    Program {
        args,
        passive: true,
        ..Program::new("bagpipe-fakerr")
    }
}
