//! `bagpipe-rest-attach`: attach and detach from the shell, with test namespaces made on the way.

mod args;
mod guest;
mod plan;
mod switch;
#[cfg(test)]
mod tests;

use std::{
    ffi::OsString,
    io::{self, Write as _},
    process::ExitCode,
};

use bagpipe_api::{AttachBody, ClientError, Refusal};
use serde_json::{Value, json};
use thiserror::Error;

use self::{
    args::Args,
    guest::{GuestError, Made},
    plan::Plan,
};
use super::reach::ReachError;
use crate::{cli, config::ConfigError};

const PROGRAM: &str = "bagpipe-rest-attach";

#[derive(Debug, Error)]
enum Failure {
    #[error("cannot start the event loop")]
    Runtime(#[from] io::Error),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Guest(#[from] GuestError),
    #[error(transparent)]
    Switch(#[from] switch::SwitchError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Reach(ReachError),
}

/// Runs the command; `args` starts with the name of the program.
pub fn main(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args: Args = match cli::parse(args) {
        Ok(args) => args,
        Err(status) => return status,
    };
    let plan = match Plan::new(&args) {
        Ok(plan) => plan,
        Err(error) => {
            let mut report = Report::new(args.json);
            report.note("error", error.to_string());
            report.end();
            cli::complain(PROGRAM, &error);
            return ExitCode::from(2);
        }
    };
    let mut report = Report::new(args.json);
    let done = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run_or_undo(&args, plan, &mut report)));
    match done {
        Ok(()) => {
            report.end();
            ExitCode::SUCCESS
        }
        Err(Failure::Client(ClientError::Refused(refusal))) => {
            report.refused(&refusal);
            ExitCode::FAILURE
        }
        Err(failure) => {
            report.note("error", cli::explain(&failure));
            report.end();
            cli::complain(PROGRAM, &failure);
            ExitCode::FAILURE
        }
    }
}

/// Does it; what was made on the way of an attach that was not done is taken away again.
async fn run_or_undo(args: &Args, plan: Plan, report: &mut Report) -> Result<(), Failure> {
    let mut made = Made::default();
    let done = run(args, plan, report, &mut made).await;
    if done.as_ref().is_err_and(is_undone) {
        made.undo().await;
    }
    done
}

/// Whether it is certain that the daemon has nothing attached: it was not asked, or has said so.
fn is_undone(failure: &Failure) -> bool {
    match failure {
        Failure::Client(ClientError::Refused(refusal)) => refusal.status < 500,
        Failure::Client(error) => matches!(error, ClientError::Connect { .. }),
        _ => true,
    }
}

async fn run(
    args: &Args,
    mut plan: Plan,
    report: &mut Report,
    made: &mut Made,
) -> Result<(), Failure> {
    if let Some(gateway) = plan.computed_gateway {
        report.say(&format!("using {gateway} as gateway address"));
    }
    report.note("operation", if args.attach { "attach" } else { "detach" });
    report.note("vpn_instance_id", plan.body.vpn_instance_id.clone());
    if let Some(port) = &plan.netns {
        if args.attach {
            report.say(&format!(
                "Will plug local namespace {} into network",
                port.netns
            ));
        }
        let given = Some(plan.body.mac_address.as_str()).filter(|mac| !mac.is_empty());
        let mac = if args.attach {
            guest::make(port, given, made).await?
        } else {
            match given {
                Some(mac) => mac.to_owned(),
                None => guest::mac(port).await?,
            }
        };
        plan.body.mac_address = mac;
        report.note("netns", port.netns.clone());
    }
    let interface = plan
        .body
        .local_port
        .linuxif
        .clone()
        .unwrap_or_else(|| args.port.clone());
    if plan.body.learn && guest::is_bridge(&interface).await? {
        plan.body.linuxbr = Some(interface.clone());
    }
    report.say(&format!(
        "Local port: {interface} ({})",
        match plan.body.mac_address.as_str() {
            "" => "MAC addresses are learnt",
            mac => mac,
        }
    ));
    report.note("local_port", interface);
    report.note("mac_address", plan.body.mac_address.clone());

    if let Some((bridge, port)) = plan.bridge.as_ref().filter(|_| args.attach) {
        switch::plug(bridge, port)?;
        report.note("bridge", bridge.clone());
    }

    let address = cli::configured_api(None, args.api_port)?;
    let reached = args.reach.connect(address, args.api_port.is_none()).await;
    let mut client = reached.map_err(|error| match error {
        ReachError::Client(error) => Failure::Client(error),
        other => Failure::Reach(other),
    })?;
    let path = if args.attach {
        "/attach_localport"
    } else {
        "/detach_localport"
    };
    report.request(&plan.body);
    let answer = client.post(path, &plan.body).await?;
    report.say(&format!(
        "response: 200 b'{}'",
        String::from_utf8_lossy(&answer)
    ));
    report.note("status", 200);
    if let Some(port) = plan.netns.as_ref().filter(|_| args.clean) {
        guest::remove(port).await?;
    }
    Ok(())
}

/// What is printed: lines as things happen, or one JSON object at the end.
struct Report {
    json: bool,
    object: Value,
}

impl Report {
    fn new(json: bool) -> Self {
        let object = json!({});
        Self { json, object }
    }

    fn say(&self, line: &str) {
        if !self.json {
            // Whoever closed the pipe does not want to know.
            writeln!(io::stdout(), "{line}").ok();
        }
    }

    fn note(&mut self, key: &str, value: impl Into<Value>) {
        self.object[key] = value.into();
    }

    fn request(&mut self, body: &AttachBody) {
        let body = serde_json::to_value(body).unwrap_or_default();
        self.say(&format!("request: b'{body}'"));
        self.note("request", body);
    }

    fn refused(&mut self, refusal: &Refusal) {
        let Refusal {
            status,
            description,
            field,
            rule,
        } = refusal;
        for line in description.lines() {
            self.say(&format!("   {line}"));
        }
        if let (Some(field), Some(rule)) = (field, rule) {
            self.say(&format!("   {field} {rule}"));
        }
        self.note("status", *status);
        self.note("error", format!("{status} {}", reason(*status)));
        self.note("description", description.clone());
        self.note("field", field.clone());
        self.note("rule", rule.clone());
        self.end();
        eprintln!("error {status}, reason: {}", reason(*status));
    }

    fn end(&self) {
        if self.json {
            writeln!(io::stdout(), "{}", self.object).ok();
        }
    }
}

fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("unknown")
}
