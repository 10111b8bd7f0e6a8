//! The lab's socket: questions of the other commands, answered.

use std::ffi::OsString;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;

use netns::ns::{NetNs, NodeNs, named};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::lab::Lab;
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

/// Answers until somebody says that the lab shall end.
pub(super) async fn serve(listener: &UnixListener, lab: &Rc<Lab>) {
    let (end, mut ended) = mpsc::channel(1);
    loop {
        tokio::select! {
            connection = listener.accept() => {
                let Ok((stream, _)) = connection else { continue };
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
async fn converse(stream: UnixStream, lab: &Lab) -> io::Result<Next> {
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
        stream.get_mut().write_all(text.as_bytes()).await?;
        if matches!(reply, Reply::Bye) {
            return Ok(Next::End);
        }
    }
}

async fn answer(line: &str, lab: &Lab, held: &mut Vec<NodeNs>) -> Reply {
    match serde_json::from_str(line) {
        Ok(Request::Inspect) => Reply::Lab {
            lab: lab.view().await,
        },
        Ok(Request::Down) => Reply::Bye,
        Ok(Request::Enter { node, netns }) => match enter(lab, &node, netns.as_deref()) {
            Ok(place) => {
                let reply = Reply::Entered {
                    net: place.net.as_raw_fd(),
                    mnt: place.mnt.as_raw_fd(),
                    env: strings(lab.environment()),
                };
                held.push(place);
                reply
            }
            Err(error) => Reply::Refused { error },
        },
        Err(e) => Reply::Refused {
            error: format!("not a request: {e}"),
        },
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
fn enter(lab: &Lab, node: &str, netns: Option<&str>) -> Result<NodeNs, String> {
    let Some(id) = lab.scenario.node_named(node) else {
        let mut known: Vec<&str> = lab.scenario.nodes.iter().map(|n| n.name.as_str()).collect();
        known.sort_unstable();
        return Err(format!("no node `{node}`; nodes are: {}", known.join(", ")));
    };
    let home = lab.home(id).clone();
    match netns {
        None => Ok(home),
        Some(name) => Ok(NodeNs {
            net: named_in(&home, node, name)?,
            ..home
        }),
    }
}

fn named_in(home: &NodeNs, node: &str, name: &str) -> Result<NetNs, String> {
    let found = home.run(|| named::open(name)).map_err(|e| e.to_string())?;
    found.map_err(|e| {
        let known = home
            .run(named::list)
            .ok()
            .and_then(Result::ok)
            .unwrap_or_default();
        let known = match known.len() {
            0 => "it has none".to_owned(),
            _ => format!("it has: {}", known.join(", ")),
        };
        format!("node `{node}`: {e}; {known}")
    })
}
