//! From a scenario to namespaces, links and programs that are ready.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::net::UnixDatagram as StdUnixDatagram;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use netns::addr::IpPrefix;
use netns::link::{Address, Bridge, LinkChange, LinkError, LinkSpec, Netlink, Veth};
use netns::ns::{Bind, NetNs, NodeNs, NodeSpec, NsError};
use netns::process::{Child, ProcessSpec, Spawner};
use scenario::{Node, NodeId, Scenario};
use tokio::net::UnixDatagram;

use super::front::Front;
use super::lab::Lab;
use crate::kinds::{self, KindError, Program};
use crate::protocol::{Event, Order};
use crate::state::LabDir;

/// In every node: the programs that labgen brings along.
pub(super) const BIN: &str = "/run/labgen/bin";
/// In every node: where its program says that it is ready.
const READY: &str = "/run/labgen/ready";
/// Connections whose ends died with the lab must not keep its namespaces alive for minutes, trying to say goodbye.
const FORGET_ORPHANS: [(&str, &str); 2] = [
    ("net.ipv4.tcp_orphan_retries", "1"),
    ("net.ipv4.tcp_fin_timeout", "1"),
];
/// The longest a program may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a lab could not be built.
#[derive(Debug, thiserror::Error)]
pub(super) enum BuildError {
    #[error("cannot make the namespaces of `{node}`")]
    Namespace { node: String, source: NsError },
    #[error("cannot build LAN `{lan}`")]
    Lan { lan: String, source: LinkError },
    #[error("cannot set up `{node}`")]
    Node { node: String, source: LinkError },
    #[error(transparent)]
    Kind(#[from] KindError),
    #[error("cannot write `{path}` in node `{node}`")]
    File {
        node: String,
        path: String,
        source: io::Error,
    },
    #[error("cannot start `{program}` of node `{node}`")]
    Start {
        node: String,
        program: String,
        source: NsError,
    },
    #[error("cannot listen for `{node}` to be ready on `{path}`")]
    Notify {
        node: String,
        path: PathBuf,
        source: io::Error,
    },
    #[error(
        "`{program}` of node `{node}` ended before it was ready ({how}); its last words:\n{log}"
    )]
    Ended {
        node: String,
        program: String,
        how: String,
        log: String,
    },
    #[error("`{program}` of node `{node}` was not ready after {} s; its last words:\n{log}", PATIENCE.as_secs())]
    NotReady {
        node: String,
        program: String,
        log: String,
    },
}

/// Builds everything and waits until every program is ready.
pub(super) async fn build(
    order: &Order,
    scenario: Scenario,
    front: &Front,
    began: Instant,
    spawner: Spawner,
) -> Result<Lab, BuildError> {
    let now = || super::lab::micros(began.elapsed());
    front.send(&Event::Building {
        what: "namespaces".into(),
        at: now(),
    });
    let switches = NetNs::create().map_err(|source| BuildError::Namespace {
        node: scenario.lab.name.clone(),
        source,
    })?;
    // Ports of the LANs' bridges stay silent: what is on a LAN comes from its nodes.
    netns::sysctl::write(&switches, "net.ipv6.conf.default.disable_ipv6", "1").ok();
    let aliases: Vec<&str> = crate::PROGRAMS
        .iter()
        .skip(1)
        .map(|(name, _)| *name)
        .collect();
    netns::lab::show_executable(&order.dir.programs(), crate::PROGRAMS[0].0, &aliases).map_err(
        |source| BuildError::Namespace {
            node: scenario.lab.name.clone(),
            source,
        },
    )?;
    let spec = node_spec(&order.dir);
    let mut homes = Vec::with_capacity(scenario.nodes.len());
    for (id, node) in scenario.nodes() {
        // A node on another one comes after it or before it: make namespaces for owners only.
        let home = scenario.home(id);
        let ns = match homes.get(home.0).filter(|_| home != id) {
            Some(ns) => NodeNs::clone(ns),
            None => {
                let made = NodeNs::create(&spec).and_then(|ns| {
                    netns::sysctl::write_all(&ns.net, &FORGET_ORPHANS)?;
                    Ok(ns)
                });
                made.map_err(|source| BuildError::Namespace {
                    node: node.name.clone(),
                    source,
                })?
            }
        };
        homes.push(ns);
    }
    for (id, _) in scenario.nodes() {
        let home = scenario.home(id);
        if home != id {
            homes[id.0] = homes[home.0].clone();
        }
    }

    front.send(&Event::Building {
        what: "links".into(),
        at: now(),
    });
    wire(&scenario, &switches, &homes).await?;

    let lab = Lab {
        scenario,
        dir: order.dir.clone(),
        file: order.file.clone(),
        base: order.base.clone(),
        switches,
        homes,
        programs: RefCell::default(),
        ports: RefCell::default(),
        taps: RefCell::default(),
        spawner,
        began,
    };
    start_programs(&lab, front).await?;
    Ok(lab)
}

fn node_spec(dir: &LabDir) -> NodeSpec {
    let show = |source: PathBuf, target: &str, read_only| Bind {
        source,
        target: target.into(),
        read_only,
    };
    NodeSpec {
        binds: vec![
            show(dir.programs(), BIN, true),
            show(dir.ready(), READY, false),
        ],
    }
}

/// Bridges in the lab's own namespace, a cable from each to every member.
async fn wire(scenario: &Scenario, switches: &NetNs, homes: &[NodeNs]) -> Result<(), BuildError> {
    let lan_error = |lan: &scenario::Lan| {
        let lan = lan.name.clone();
        move |source| BuildError::Lan { lan, source }
    };
    let first = scenario.lans.first();
    let switch = Netlink::in_ns(switches).map_err(|source| BuildError::Lan {
        lan: first.map_or_else(String::new, |lan| lan.name.clone()),
        source,
    })?;
    let mut cables = 0;
    for (index, lan) in scenario.lans.iter().enumerate() {
        let bridge = Bridge::new(LinkSpec::up(bridge_name(index)).mtu(lan.mtu));
        let bridge = switch
            .create(&bridge.create())
            .await
            .map_err(lan_error(lan))?;
        let mut requests = Vec::new();
        for member in &lan.members {
            let node = &scenario[*member];
            for link in node.links.iter().filter(|link| link.lan.0 == index) {
                let port = LinkSpec::up(format!("p{cables}"))
                    .mtu(lan.mtu)
                    .master(bridge);
                let inside = LinkSpec::up(&link.interface)
                    .mtu(lan.mtu)
                    .in_ns(&homes[scenario.home(*member).0].net);
                requests.push(Veth { a: port, b: inside }.create());
                cables += 1;
            }
        }
        for result in switch.batch(requests).await {
            result.map_err(lan_error(lan))?;
        }
    }
    for (id, node) in scenario.nodes().filter(|(_, node)| node.on.is_none()) {
        addresses(scenario, node, &homes[id.0].net)
            .await
            .map_err(|source| BuildError::Node {
                node: node.name.clone(),
                source,
            })?;
    }
    Ok(())
}

async fn addresses(scenario: &Scenario, node: &Node, net: &NetNs) -> Result<(), LinkError> {
    let netlink = Netlink::in_ns(net)?;
    let mut requests = vec![LinkChange::new("lo").up().request()];
    for link in &node.links {
        let index = netlink.index(&link.interface).await?;
        let length = scenario[link.lan].subnet.len();
        if let Some(prefix) = IpPrefix::new(link.address, length) {
            requests.push(Address::new(index, prefix).add());
        }
        requests.push(LinkChange::new(index).up().request());
    }
    netlink.batch(requests).await.into_iter().collect()
}

/// The bridge of the LAN with this index, in the lab's own namespace.
pub(super) fn bridge_name(lan: usize) -> String {
    format!("lan{lan}")
}

/// Those that listen first, so that those that connect find somebody at once.
async fn start_programs(lab: &Lab, front: &Front) -> Result<(), BuildError> {
    let mut programs = Vec::new();
    for (id, node) in lab.scenario.nodes() {
        if let Some(program) = kinds::program(node, &lab.base)? {
            programs.push((id, program));
        }
    }
    for passive in [true, false] {
        let mut waiting = Vec::new();
        for (id, program) in programs
            .iter()
            .filter(|(_, program)| program.passive == passive)
        {
            let node = lab.scenario[*id].name.clone();
            front.send(&Event::Started { node, at: lab.at() });
            waiting.push((*id, program, start(lab, *id, program).await?));
        }
        for (id, program, (child, ready)) in waiting {
            wait_ready(lab, id, program, child, &ready).await?;
            let node = lab.scenario[id].name.clone();
            front.send(&Event::Ready { node, at: lab.at() });
        }
    }
    Ok(())
}

async fn start(
    lab: &Lab,
    id: NodeId,
    program: &Program,
) -> Result<(Child, UnixDatagram), BuildError> {
    let node = lab.scenario[id].name.clone();
    let home = lab.home(id);
    for (path, content) in &program.files {
        let write = || {
            let path = Path::new(path);
            path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            std::fs::write(path, content)
        };
        let fail = |source| BuildError::File {
            node: node.clone(),
            path: path.clone(),
            source,
        };
        home.run(write)
            .map_err(|source| BuildError::Namespace {
                node: node.clone(),
                source,
            })?
            .map_err(fail)?;
    }
    let ready =
        listen_ready(&lab.dir.notify_socket(&node)).map_err(|source| BuildError::Notify {
            node: node.clone(),
            path: lab.dir.notify_socket(&node),
            source,
        })?;
    let log = open_log(&lab.dir.log(&node)).map_err(|source| BuildError::File {
        node: node.clone(),
        path: lab.dir.log(&node).display().to_string(),
        source,
    })?;
    let errors = log.try_clone().map_err(|source| BuildError::File {
        node: node.clone(),
        path: lab.dir.log(&node).display().to_string(),
        source,
    })?;
    let mut env = lab.environment();
    env.push(("NOTIFY_SOCKET".into(), format!("{READY}/{node}").into()));
    let spec = ProcessSpec {
        args: program.args.iter().map(Into::into).collect(),
        env,
        node: Some(home.clone()),
        stdout: Some(log.into()),
        stderr: Some(errors.into()),
        ..ProcessSpec::new(&program.command)
    };
    let child = lab
        .spawner
        .spawn(spec)
        .await
        .map_err(|source| BuildError::Start {
            node: node.clone(),
            program: program.command.clone(),
            source,
        })?;
    lab.programs.borrow_mut().insert(id, child.clone());
    Ok((child, ready))
}

fn listen_ready(path: &Path) -> io::Result<UnixDatagram> {
    let socket = StdUnixDatagram::bind(path)?;
    socket.set_nonblocking(true)?;
    UnixDatagram::from_std(socket)
}

fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

async fn wait_ready(
    lab: &Lab,
    id: NodeId,
    program: &Program,
    mut child: Child,
    ready: &UnixDatagram,
) -> Result<(), BuildError> {
    let node = lab.scenario[id].name.clone();
    let name = program.command.clone();
    let said = async {
        let mut message = [0; 4096];
        loop {
            let Ok(length) = ready.recv(&mut message).await else {
                continue;
            };
            let text = String::from_utf8_lossy(&message[..length]);
            if text.lines().any(|line| line == "READY=1") {
                break;
            }
        }
    };
    tokio::select! {
        () = said => Ok(()),
        exit = child.exited() => {
            Err(BuildError::Ended { program: name, how: exit.to_string(), log: last_words(lab, &node), node })
        }
        () = tokio::time::sleep(PATIENCE) => {
            Err(BuildError::NotReady { program: name, log: last_words(lab, &node), node })
        }
    }
}

/// The end of a node's log, indented.
pub(super) fn last_words(lab: &Lab, node: &str) -> String {
    let log = std::fs::read(lab.dir.log(node)).unwrap_or_default();
    let text = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(8);
    lines[from..]
        .iter()
        .map(|line| format!("    {line}\n"))
        .collect()
}
