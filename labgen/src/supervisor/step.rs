//! Doing the steps of a scenario, one after the other.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use bagpipe_api::{AttachBody, Client, ClientError, DetachBody};
use netns::icmp::{self, Echo, PingError};
use netns::ns::{NetNs, NodeNs};
use netns::process::{Child, ProcessSpec};
use nix::sys::signal::Signal;
use scenario::{Action, Attach, Endpoint, Exec, NodeId, Ping, PingOutcome, Step};
use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::expect;
use super::front::Front;
use super::lab::{Lab, ReachError};
use super::ports::{self, PortError};
use super::recording::{self, RecordingError};
use crate::protocol::{Event, Failure};
use crate::ui;

/// A step that did not end well.
#[derive(Debug)]
pub(super) struct Unmet {
    pub(super) expected: String,
    pub(super) seen: String,
    pub(super) details: Vec<String>,
}

impl Unmet {
    /// Something that was to be done could not be.
    pub(super) fn undone(expected: &str, error: &dyn std::error::Error) -> Self {
        Self {
            expected: expected.into(),
            seen: crate::command::chain(error),
            details: Vec::new(),
        }
    }
}

/// The longest a speaker may take to attach or detach a port on a usual machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long one echo is waited for before the next is sent.
const ECHO_PATIENCE: Duration = Duration::from_millis(200);

/// All steps, or those up to the first that fails. Whether all passed.
pub(super) async fn run_all(lab: &Rc<Lab>, front: &Front) -> bool {
    let of = lab.scenario.steps.len();
    for step in &lab.scenario.steps {
        let number = step.id.0 + 1;
        let title = step.title.clone();
        recording::mark(lab, step.id, &title);
        front.send(&Event::StepStarted {
            step: number,
            of,
            title,
            at: lab.at(),
        });
        match run(lab, step).await {
            Ok(seen) => front.send(&Event::StepPassed {
                step: number,
                seen,
                at: lab.at(),
            }),
            Err(unmet) => {
                front.send(&Event::StepFailed(Failure {
                    step: number,
                    title: step.title.clone(),
                    line: step.place.line,
                    expected: unmet.expected,
                    seen: unmet.seen,
                    details: unmet.details,
                    at: lab.at(),
                }));
                return false;
            }
        }
    }
    true
}

/// One step; what was seen, in a line.
async fn run(lab: &Rc<Lab>, step: &Step) -> Result<String, Unmet> {
    match &step.action {
        Action::Attach(attach) => attach_port(lab, attach)
            .await
            .map_err(|e| Unmet::undone("the port is attached", &e)),
        Action::Detach { from, .. } => detach_port(lab, from)
            .await
            .map_err(|e| Unmet::undone("the port is detached", &e)),
        Action::Capture(capture) => recording::begin(lab, *capture)
            .map(|()| String::new())
            .map_err(|e: RecordingError| Unmet::undone("the capture begins", &e)),
        Action::Ping(ping) => self::ping(lab, ping).await,
        Action::Exec(exec) => self::exec(lab, exec).await,
        Action::Expect(expectation) => expect::wait(lab, expectation, &step.title).await,
    }
}

/// Why a port could not be attached or detached.
#[derive(Debug, thiserror::Error)]
enum AttachError {
    #[error(transparent)]
    Port(#[from] PortError),
    #[error(transparent)]
    Reach(#[from] ReachError),
    #[error("`{node}` refused")]
    Refused { node: String, source: ClientError },
    #[error("`{node}` did not answer within {} s", .after.as_secs())]
    Silent { node: String, after: Duration },
}

async fn attach_port(lab: &Lab, attach: &Attach) -> Result<String, AttachError> {
    ports::plug(lab, attach).await?;
    let body = attach_body(lab, attach);
    ask(lab, attach.on, async |client| client.attach(&body).await).await
}

async fn detach_port(lab: &Lab, from: &Attach) -> Result<String, AttachError> {
    let body = DetachBody::from(&attach_body(lab, from));
    ask(lab, from.on, async |client| client.detach(&body).await).await
}

/// Asks a speaker for something; one that was stopped does not answer.
async fn ask<T>(
    lab: &Lab,
    on: NodeId,
    request: impl AsyncFnOnce(&mut Client) -> Result<T, ClientError>,
) -> Result<String, AttachError> {
    let node = || lab.scenario[on].name.clone();
    let after = PATIENCE * lab.scenario.lab.slow;
    let asked = async {
        let refused = |source| AttachError::Refused {
            node: node(),
            source,
        };
        let done = request(&mut lab.client(on).await?).await;
        done.map(drop).map_err(refused)
    };
    let answered = timeout(after, asked).await;
    answered.map_err(|_| AttachError::Silent {
        node: node(),
        after,
    })??;
    Ok(String::new())
}

fn attach_body(lab: &Lab, attach: &Attach) -> AttachBody {
    let vpn = &lab.scenario[attach.vpn];
    let port = &lab.scenario[attach.port];
    let mut body = AttachBody::evpn(&vpn.name, &port.interface, attach.mac.to_string())
        .ip(format!("{}/{}", attach.ip, attach.prefix_len));
    body.vpn_type = match vpn.kind {
        scenario::VpnType::Evpn => bagpipe_api::VpnType::Evpn,
        scenario::VpnType::Ipvpn => bagpipe_api::VpnType::Ipvpn,
    };
    body.import_rt = vpn.import_rts.iter().map(ToString::to_string).collect();
    body.export_rt = vpn.export_rts.iter().map(ToString::to_string).collect();
    body.vni = vpn.vni.map_or(0, |vni| vni.get());
    body.gateway_ip = vpn.gateway_ip.map(|ip| ip.to_string());
    body
}

/// The network namespace at an endpoint; `None` for a port that was never attached.
fn net_of(lab: &Lab, endpoint: Endpoint) -> Option<NetNs> {
    match endpoint {
        Endpoint::Node(node) => Some(lab.home(node).ok()?.net.clone()),
        Endpoint::Port(port) => lab
            .state
            .ports
            .borrow()
            .get(&lab.scenario[port].name)
            .map(|state| state.ns.clone()),
    }
}

fn nowhere(lab: &Lab, endpoint: Endpoint) -> Unmet {
    let name = match endpoint {
        Endpoint::Node(node) => &lab.scenario[node].name,
        Endpoint::Port(port) => &lab.scenario[port].name,
    };
    Unmet {
        expected: format!("`{name}` is there"),
        seen: "it was never attached".into(),
        details: Vec::new(),
    }
}

async fn ping(lab: &Lab, ping: &Ping) -> Result<String, Unmet> {
    let net = net_of(lab, ping.from).ok_or_else(|| nowhere(lab, ping.from))?;
    match ping.outcome {
        PingOutcome::Replies(within) => answered(&net, ping, Instant::now() + within).await,
        PingOutcome::Silence(during) => unanswered(&net, ping, Instant::now() + during).await,
    }
}

/// Every request of the count must be answered; one that is not is sent again until the deadline.
async fn answered(net: &NetNs, ping: &Ping, deadline: Instant) -> Result<String, Unmet> {
    let mut times = Vec::new();
    let mut lost: Vec<(String, u32)> = Vec::new();
    let mut seq = 0u16;
    loop {
        seq = seq.wrapping_add(1);
        if times.len() >= usize::from(ping.count) {
            break;
        }
        let wait = deadline
            .saturating_duration_since(Instant::now())
            .min(ECHO_PATIENCE);
        if wait.is_zero() {
            return Err(Unmet {
                expected: format!("{} from {}", replies(ping.count.into()), ping.to),
                seen: replies(times.len()),
                details: lost.iter().map(|(why, n)| format!("{n} x {why}")).collect(),
            });
        }
        match icmp::ping(net, None, echo(ping, seq, wait)).await {
            Ok(reply) => times.push(reply.rtt),
            Err(error) => {
                note(&mut lost, &error.to_string());
                // What cannot even be sent fails at once: do not spin.
                let pause = (Instant::now() + Duration::from_millis(10)).min(deadline);
                tokio::time::sleep_until(pause).await;
            }
        }
    }
    let shown: Vec<String> = times
        .iter()
        .map(|rtt| format!("{:.3}", rtt.as_secs_f64() * 1000.0))
        .collect();
    let again = match lost.iter().map(|(_, times)| times).sum::<u32>() {
        0 => String::new(),
        lost => format!(", {lost} more not answered"),
    };
    Ok(format!(
        "{} in {} ms{again}",
        replies(times.len()),
        shown.join(" ")
    ))
}

fn replies(n: usize) -> String {
    match n {
        1 => "1 reply".into(),
        n => format!("{n} replies"),
    }
}

/// Adds a reason, counting one that repeats itself.
fn note(lost: &mut Vec<(String, u32)>, why: &str) {
    match lost.last_mut() {
        Some((last, times)) if last == why => *times += 1,
        _ => lost.push((why.to_owned(), 1)),
    }
}

/// No request may be answered until the deadline. One that cannot be sent is as good; a ping that cannot even be
/// tried is not.
async fn unanswered(net: &NetNs, ping: &Ping, deadline: Instant) -> Result<String, Unmet> {
    let expected = || format!("no reply from {}", ping.to);
    let (mut sent, mut unsent) = (0u32, None);
    let mut tries = 0u16;
    while Instant::now() < deadline {
        tries = tries.wrapping_add(1);
        let wait = deadline
            .saturating_duration_since(Instant::now())
            .min(ECHO_PATIENCE);
        match icmp::ping(net, None, echo(ping, tries, wait)).await {
            Ok(reply) => {
                return Err(Unmet {
                    expected: expected(),
                    seen: format!("echo {tries} was answered after {:?}", reply.rtt),
                    details: Vec::new(),
                });
            }
            Err(PingError::Timeout(_) | PingError::Unreachable { .. }) => sent += 1,
            Err(error @ PingError::Send(_)) => unsent = Some(error.to_string()),
            Err(error @ PingError::Socket(_)) => return Err(Unmet::undone(&expected(), &error)),
        }
        tokio::time::sleep_until((Instant::now() + ECHO_PATIENCE / 4).min(deadline)).await;
    }
    Ok(match (sent, unsent) {
        (0, Some(why)) => format!("no request could be sent: {why}"),
        (sent, _) => format!("{}, no reply", ui::count(sent as usize, "request")),
    })
}

fn echo(ping: &Ping, seq: u16, timeout: Duration) -> Echo {
    Echo {
        seq,
        timeout,
        ..Echo::to(ping.to)
    }
}

async fn exec(lab: &Lab, exec: &Exec) -> Result<String, Unmet> {
    let net = net_of(lab, exec.on).ok_or_else(|| nowhere(lab, exec.on))?;
    let home = match exec.on {
        Endpoint::Node(node) => lab
            .home(node)
            .map_err(|e| Unmet::undone("the node is there", &e))?,
        Endpoint::Port(port) => match lab.state.ports.borrow().get(&lab.scenario[port].name) {
            Some(state) => Rc::clone(&state.home),
            None => return Err(nowhere(lab, exec.on)),
        },
    };
    let expected = format!(
        "`{}` ends with status {}",
        exec.command.join(" "),
        exec.exit
    );
    let whole = home.whole().map_err(|e| Unmet::undone(&expected, &e))?;
    let place = NodeNs {
        net,
        ..whole.clone()
    };
    let Some((program, args)) = exec.command.split_first() else {
        return Ok(String::new());
    };
    let running = spawn(lab, program, args, place).await;
    let (child, output) = running.map_err(|e| Unmet::undone(&expected, &e))?;
    let Ok(ended) = timeout(exec.within, child.clone().exited()).await else {
        let _ = child.kill_group(Signal::SIGKILL);
        return Err(Unmet {
            expected,
            seen: format!("it still runs after {:?}", exec.within),
            details: Vec::new(),
        });
    };
    let (stdout, stderr) = output.collect().await;
    let said = |name: &str, text: &str| {
        text.lines()
            .map(|line| format!("{name}: {line}"))
            .collect::<Vec<_>>()
    };
    let details = || [said("stdout", &stdout), said("stderr", &stderr)].concat();
    if i32::from(ended.shell_code()) != exec.exit {
        return Err(Unmet {
            expected,
            seen: ended.to_string(),
            details: details(),
        });
    }
    for (name, wanted, text) in [
        ("output", &exec.stdout, &stdout),
        ("error output", &exec.stderr, &stderr),
    ] {
        if let Some(unmet) = wanted.first_unmet(text) {
            return Err(Unmet {
                expected: format!("what `{}` prints is as said", exec.command.join(" ")),
                seen: format!("its {name} {unmet}"),
                details: details(),
            });
        }
    }
    Ok(String::new())
}

/// What a command says, as it says it.
struct Output {
    stdout: Words,
    stderr: Words,
}

/// One of its outputs, read by a task of its own.
struct Words {
    said: Rc<RefCell<Vec<u8>>>,
    reader: JoinHandle<()>,
}

/// The longest that is waited for words of a command that has ended: a child of its may hold its output open.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// What is kept of an output, in octets.
const WORDS_KEPT: usize = 1 << 20;

impl Words {
    fn of(mut pipe: pipe::Receiver) -> Self {
        let said = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&said);
        let reader = tokio::task::spawn_local(async move {
            let mut chunk = [0; 4096];
            // What cannot be read any more is as good as not said.
            while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
                let mut kept = kept.borrow_mut();
                let room = WORDS_KEPT.saturating_sub(kept.len()).min(length);
                kept.extend_from_slice(&chunk[..room]);
            }
        });
        Self { said, reader }
    }

    async fn collect(mut self) -> String {
        let _ = timeout(LAST_WORDS, &mut self.reader).await;
        self.reader.abort();
        String::from_utf8_lossy(&self.said.borrow()).into_owned()
    }
}

impl Output {
    async fn collect(self) -> (String, String) {
        (self.stdout.collect().await, self.stderr.collect().await)
    }
}

async fn spawn(
    lab: &Lab,
    program: &str,
    args: &[String],
    place: NodeNs,
) -> Result<(Child, Output), SpawnError> {
    let (stdout_in, stdout) = pipe::pipe()?;
    let (stderr_in, stderr) = pipe::pipe()?;
    let spec = ProcessSpec {
        args: args.iter().map(Into::into).collect(),
        env: lab.environment(),
        node: Some(place),
        stdout: Some(stdout_in.into_blocking_fd()?),
        stderr: Some(stderr_in.into_blocking_fd()?),
        ..ProcessSpec::new(program)
    };
    let child = lab.spawner.spawn(spec).await?;
    Ok((
        child,
        Output {
            stdout: Words::of(stdout),
            stderr: Words::of(stderr),
        },
    ))
}

/// Why a command could not be started.
#[derive(Debug, thiserror::Error)]
enum SpawnError {
    #[error("cannot make a pipe")]
    Pipe(#[from] std::io::Error),
    #[error(transparent)]
    Start(#[from] netns::ns::NsError),
}
