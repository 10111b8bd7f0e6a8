//! The lab's socket: questions of the other commands, answered.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::time::Duration;

use netns::ns::named::{self, NamedError};
use netns::ns::{NetNs, NodeNs, NsError};
use scenario::NodeId;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::impair::Whose;
use super::lab::{Absent, Lab, UnknownNode};
use super::life::LifeError;
use super::standing::Standing;
use super::view;
use crate::protocol::{Reply, Request};
use crate::state::LabDir;

/// The socket cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on `{path}`")]
pub(super) struct ListenError {
    path: String,
    source: io::Error,
}

/// Opens the lab's socket, for its owner alone.
pub(super) fn listen(dir: &LabDir) -> Result<UnixListener, ListenError> {
    let path = dir.control_socket();
    let fail = |source| ListenError {
        path: path.display().to_string(),
        source,
    };
    let listener = UnixListener::bind(&path).map_err(fail)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(fail)?;
    Ok(listener)
}

/// How long a client waits that there was no descriptor for.
const AGAIN: Duration = Duration::from_millis(50);

/// Answers until somebody says that the lab shall end.
pub(super) async fn serve(listener: &UnixListener, lab: &Rc<Standing>) {
    let (end, mut ended) = mpsc::channel(1);
    loop {
        tokio::select! {
            connection = listener.accept() => {
                let stream = match connection {
                    Ok((stream, _)) => stream,
                    Err(error) => {
                        // It is still in the queue, and there is nothing else to wait on.
                        eprintln!("cannot answer on the lab's socket: {error}");
                        tokio::time::sleep(AGAIN).await;
                        continue;
                    }
                };
                let (lab, end) = (Rc::clone(lab), end.clone());
                tokio::task::spawn_local(async move {
                    if let Ok(Next::End) = converse(stream, &lab).await {
                        let _ = end.send(()).await;
                    }
                });
            }
            Some(()) = ended.recv() => return,
        }
    }
}

/// What a client leaves behind.
enum Next {
    GoOn,
    End,
}

/// One client, request by request. Descriptors that an
/// answer names stay open as long as the client is there.
async fn converse(stream: UnixStream, lab: &Standing) -> io::Result<Next> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    let mut held = Vec::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(Next::GoOn);
        }
        let reply = answer(&line, lab, &mut held).await;
        let text = format!("{}\n", serde_json::to_string(&reply)?);
        let written = stream.get_mut().write_all(text.as_bytes()).await;
        // Whoever wanted that need not have waited for the answer.
        if matches!(reply, Reply::Bye) {
            return Ok(Next::End);
        }
        written?;
    }
}

fn refused(error: &dyn std::error::Error) -> Reply {
    Reply::Refused {
        error: crate::command::chain(error),
    }
}

/// Namespaces whose descriptors a client was told of.
enum Held {
    Node(#[expect(dead_code, reason = "kept open, no more")] NodeNs),
    Net(#[expect(dead_code, reason = "kept open, no more")] NetNs),
}

async fn answer(line: &str, standing: &Standing, held: &mut Vec<Held>) -> Reply {
    let request = match serde_json::from_str(line) {
        Ok(request) => request,
        Err(e) => {
            return Reply::Refused {
                error: format!("not a request: {e}"),
            };
        }
    };
    // Waits for a change that is being made; a change waits for what is being done here.
    let (_guard, lab) = match request {
        Request::Change { .. } | Request::Plan { .. } | Request::Down => (None, standing.now()),
        _ => {
            let (guard, lab) = standing.steady().await;
            (Some(guard), lab)
        }
    };
    let lab = &*lab;
    match request {
        Request::Plan { file, resolved } => match standing.plan(&file, &resolved).await {
            Ok(changes) => Reply::Plan { changes },
            Err(error) => refused(&error),
        },
        Request::Change { file, resolved } => match standing.change(&file, &resolved).await {
            Ok(changes) => Reply::Plan { changes },
            Err(error) => refused(&error),
        },
        Request::Inspect => Reply::Lab {
            lab: view::asked(lab).await,
        },
        Request::Down => Reply::Bye,
        Request::Enter { node, netns } => match enter(lab, &node, netns.as_deref()) {
            Ok(place) => {
                let reply = Reply::Entered {
                    net: place.net.as_raw_fd(),
                    mnt: place.mnt.as_raw_fd(),
                    env: strings(lab.environment()),
                };
                held.push(Held::Node(place));
                reply
            }
            Err(error) => refused(&error),
        },
        Request::Listen { link } => match lab.listen_to(&link) {
            Ok((net, interface)) => {
                let descriptor = net.as_raw_fd();
                held.push(Held::Net(net));
                Reply::Listening {
                    net: descriptor,
                    interface,
                }
            }
            Err(error) => refused(&error),
        },
        Request::Halt { node } => done(on_node(lab, &node, Lab::halt).await),
        Request::Start { node } => done(on_node(lab, &node, Lab::start).await),
        Request::Restart { node } => done(on_node(lab, &node, Lab::restart).await),
        Request::Cut { link } => done(lab.cut(&link).await),
        Request::Heal { link } => done(lab.heal(&link).await),
        Request::Impair {
            link,
            node,
            direction,
            by,
        } => {
            let whose = Whose { node, direction };
            done(lab.impair(&link, whose, by).await)
        }
    }
}

async fn on_node<'a>(
    lab: &'a Lab,
    node: &str,
    act: impl AsyncFnOnce(&'a Lab, NodeId) -> Result<String, LifeError>,
) -> Result<String, LifeError> {
    act(lab, lab.node_named(node)?).await
}

fn done(outcome: Result<String, LifeError>) -> Reply {
    match outcome {
        Ok(seen) => Reply::Done { seen },
        Err(error) => refused(&error),
    }
}

/// Why a place in the lab cannot be entered.
#[derive(Debug, thiserror::Error)]
enum EnterError {
    #[error(transparent)]
    Node(#[from] UnknownNode),
    #[error(transparent)]
    Absent(#[from] Absent),
    #[error("cannot enter node `{node}`")]
    Namespaces { node: String, source: NsError },
    #[error("node `{node}`: {why}; {}", known(.names))]
    Named {
        node: String,
        why: NamedError,
        names: Vec<String>,
    },
}

fn known(names: &[String]) -> String {
    match names {
        [] => "it has none".into(),
        names => format!("it has: {}", names.join(", ")),
    }
}

fn strings(environment: Vec<(OsString, OsString)>) -> Vec<(String, String)> {
    let string = |text: OsString| text.to_string_lossy().into_owned();
    let pairs = environment.into_iter();
    pairs
        .map(|(name, value)| (string(name), string(value)))
        .collect()
}

/// The namespaces of a node, or of a namespace named in it.
fn enter(lab: &Lab, node: &str, netns: Option<&str>) -> Result<NodeNs, EnterError> {
    let home = lab.home(lab.node_named(node)?)?;
    let failed = |source| EnterError::Namespaces {
        node: node.to_owned(),
        source,
    };
    let whole = home.whole().map_err(failed)?.clone();
    let Some(name) = netns else {
        return Ok(whole);
    };
    let opened = whole.run(|| named::open(name)).map_err(failed)?;
    let net = opened.map_err(|why| EnterError::Named {
        node: node.to_owned(),
        why,
        names: home.named(),
    })?;
    Ok(NodeNs { net, ..whole })
}
