//! `labgen inspect`: a lab as it is now.

use std::process::ExitCode;

use super::ask::{Asker, peer_pid, unexpected};
use super::{FAILED, fail};
use crate::cli::Inspect;
use crate::protocol::{Reply, Request};
use crate::ui::{self, say};

pub(super) fn inspect(args: &Inspect) -> ExitCode {
    let reply = Asker::connect(args.choice.name()).and_then(|mut asker| {
        let pid = peer_pid(&asker.stream);
        Ok((asker.ask(&Request::Inspect)?, pid))
    });
    match reply {
        Ok((Reply::Lab { mut lab }, pid)) => {
            lab.pid = pid;
            if args.json {
                say!("{}\n", serde_json::json!(lab));
            } else {
                say!("{}", ui::lab_table(&lab));
            }
            ExitCode::SUCCESS
        }
        Ok(_) => unexpected(),
        Err(e) => fail(&e, FAILED),
    }
}
