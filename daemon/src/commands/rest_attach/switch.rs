//! A port of Open vSwitch, plugged before it is attached.

use std::{io, process::Command};

use thiserror::Error;

const PROGRAM: &str = "ovs-vsctl";

/// A port was not plugged.
#[derive(Debug, Error)]
pub(super) enum SwitchError {
    #[error("cannot run `{PROGRAM}`, which --ovs-preplug needs")]
    Run(#[source] io::Error),
    #[error("`{PROGRAM} {command}` failed: {}", .words.trim_end())]
    Failed { command: String, words: String },
}

/// Plugs a port into a bridge, anew if it is there already.
pub(super) fn plug(bridge: &str, port: &str) -> Result<(), SwitchError> {
    // It may not be there; what else is wrong shows at once.
    run(&["del-port", bridge, port]).ok();
    run(&["add-port", bridge, port])
}

fn run(args: &[&str]) -> Result<(), SwitchError> {
    let output = Command::new(PROGRAM)
        .args(args)
        .output()
        .map_err(SwitchError::Run)?;
    match output.status.success() {
        true => Ok(()),
        false => Err(SwitchError::Failed {
            command: args.join(" "),
            words: String::from_utf8_lossy(&output.stderr).into_owned(),
        }),
    }
}
