//! Starting the programs of nodes, and waiting until they are ready.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::num::NonZero;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use netns::process::{Child, ProcessSpec};
use scenario::{NodeId, Ready};
use tokio::time::{Instant, timeout_at};

use super::refusal::{self, Configuration};
use super::{BuildError, READY};
use crate::kinds::Program;
use crate::protocol::Event;
use crate::supervisor::home::Running;
use crate::supervisor::lab::Lab;
use crate::supervisor::ready::{Unready, Watch};
use crate::supervisor::slowness;

/// How many programs may be on their way to being ready at a time, for each processor. More would only take each
/// other's time, and each has a deadline of its own.
const STARTS_PER_PROCESSOR: usize = 8;
/// How long after the start of a program, for which nothing is waited, its end means that it cannot do its work.
const AT_ONCE: Duration = Duration::from_millis(100);

/// Where progress is told.
pub(in crate::supervisor) type Tell<'a> = &'a dyn Fn(&Event);

/// Starts the programs of nodes: those that listen first, so that those that connect find somebody at once.
pub(in crate::supervisor) async fn start_all(
    lab: &Lab,
    tell: Tell<'_>,
    nodes: &BTreeSet<NodeId>,
) -> Result<(), BuildError> {
    let listens = |id: &NodeId| lab.programs(*id).iter().any(|program| program.passive);
    let (passive, active): (Vec<NodeId>, Vec<NodeId>) = nodes.iter().copied().partition(listens);
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    for nodes in [passive, active] {
        let starts = nodes.into_iter().map(|id| start_programs(lab, tell, id));
        let mut starts =
            futures_util::stream::iter(starts).buffer_unordered(processors * STARTS_PER_PROCESSOR);
        while let Some(started) = starts.next().await {
            started?;
        }
    }
    stay(lab, nodes).await;
    nodes.iter().try_for_each(|id| still_runs(lab, *id))
}

/// Gives programs for which nothing was waited the time to end, if they cannot do what they were started for.
async fn stay(lab: &Lab, nodes: &BTreeSet<NodeId>) {
    let brief: Vec<Child> = {
        let state = lab.state.nodes.borrow();
        let children = nodes
            .iter()
            .filter_map(|id| state.get(&lab.scenario[*id].name))
            .flat_map(|node| &node.children);
        let brief = children.filter(|running| running.brief);
        brief.map(|running| running.child.clone()).collect()
    };
    let deadline = Instant::now() + slowness::patience(AT_ONCE, lab.scenario.lab.slow);
    for mut child in brief {
        // That it goes on is as good.
        let _ = timeout_at(deadline, child.exited()).await;
    }
}

/// A program that was ready may have ended while the rest was started.
fn still_runs(lab: &Lab, id: NodeId) -> Result<(), BuildError> {
    let node = &lab.scenario[id].name;
    let nodes = lab.state.nodes.borrow();
    let mut children = nodes
        .get(node)
        .into_iter()
        .flat_map(|state| &state.children);
    match children.find_map(|running| Some((running, running.failed()?))) {
        None => Ok(()),
        Some((running, exit)) => {
            let node = node.clone();
            let program = running.name.to_owned();
            let how = exit.to_string();
            let log = super::end_of_log(lab, &node);
            Err(match running.brief {
                true => BuildError::Ended {
                    node,
                    program,
                    how,
                    log,
                },
                false => BuildError::Died {
                    node,
                    program,
                    how,
                    log,
                },
            })
        }
    }
}

/// Starts the programs of one node, one after the other.
pub(in crate::supervisor) async fn start_node(
    lab: &Lab,
    tell: Tell<'_>,
    id: NodeId,
) -> Result<(), BuildError> {
    start_programs(lab, tell, id).await?;
    stay(lab, &BTreeSet::from([id])).await;
    still_runs(lab, id)
}

async fn start_programs(lab: &Lab, tell: Tell<'_>, id: NodeId) -> Result<(), BuildError> {
    let programs = lab.programs(id);
    if programs.is_empty() {
        return Ok(());
    }
    let node = || lab.scenario[id].name.clone();
    tell(&Event::Started {
        node: node(),
        at: lab.at(),
    });
    for program in programs.iter() {
        start(lab, id, program).await?;
    }
    tell(&Event::Ready {
        node: node(),
        at: lab.at(),
    });
    Ok(())
}

async fn start(lab: &Lab, id: NodeId, program: &Program) -> Result<(), BuildError> {
    let node = lab.scenario[id].name.clone();
    let home = lab.home(id)?;
    let namespace = |source| BuildError::Namespace {
        node: node.clone(),
        source,
    };
    if !program.files.is_empty() {
        let written = home.run(|| write_files(&program.files));
        written
            .map_err(namespace)?
            .map_err(|(path, source)| BuildError::File {
                node: node.clone(),
                path,
                source,
            })?;
    }
    let mut watch = Watch::begin(lab, &node, program).map_err(|source| BuildError::Notify {
        node: node.clone(),
        path: lab.dir.notify_socket(&node),
        source,
    })?;
    let log_failed = |source| BuildError::File {
        node: node.clone(),
        path: lab.dir.log(&node).display().to_string(),
        source,
    };
    let log = open_log(&lab.dir.log(&node)).map_err(log_failed)?;
    let errors = log.try_clone().map_err(log_failed)?;
    let mut env = lab.environment();
    env.extend(program.env.iter().map(|(k, v)| (k.into(), v.into())));
    env.push(("NOTIFY_SOCKET".into(), format!("{READY}/{node}").into()));
    let spec = ProcessSpec {
        args: program.args.iter().map(Into::into).collect(),
        env,
        node: Some(home.whole().map_err(namespace)?.clone()),
        stdout: Some(log.into()),
        stderr: Some(errors.into()),
        pretend_groups: program.pretend_groups,
        ..ProcessSpec::new(&program.command)
    };
    let child: Child = lab
        .spawner
        .spawn(spec)
        .await
        .map_err(|source| BuildError::Start {
            node: node.clone(),
            program: program.name.to_owned(),
            source,
        })?;
    if let Some(state) = lab.state.nodes.borrow_mut().get_mut(&node) {
        state.children.push(Running {
            name: program.name,
            once: program.once,
            brief: program.ready == Ready::Started,
            child: child.clone(),
        });
    }
    match watch.ready(lab, id, child).await {
        Ok(()) => Ok(()),
        Err(why) => Err(failed(lab, id, program, &watch, why)),
    }
}

/// A program that did not become ready: with the lines of its configuration that it names, or its last words.
fn failed(lab: &Lab, id: NodeId, program: &Program, watch: &Watch, why: Unready) -> BuildError {
    let node = lab.scenario[id].name.clone();
    let name = program.name.to_owned();
    let log = super::end_of_log(lab, &node);
    let exit = match why {
        Unready::Silent => {
            return BuildError::NotReady {
                program: name,
                after: watch.patience(),
                log,
                node,
            };
        }
        Unready::Ended(exit) => exit,
    };
    let words = watch.log(lab, id);
    let config = program.config.as_ref();
    let file = config.and_then(|path| program.files.iter().find(|(file, _)| file == path));
    let quoted = file.map_or_else(String::new, |(path, text)| {
        let own = lab.scenario[id].kind.speaker();
        let own = own.and_then(|speaker| speaker.config.clone());
        let shown = own.unwrap_or_else(|| format!("{path} in node `{node}`"));
        refusal::quote(&words, &Configuration { path, shown, text })
    });
    if quoted.is_empty() {
        return BuildError::Ended {
            program: name,
            how: exit.to_string(),
            log,
            node,
        };
    }
    BuildError::Refused {
        program: name,
        words: super::last_lines(&words),
        quoted,
        node,
    }
}

/// Writes a program's files, in the mount namespace of the calling thread; the first that cannot be, and why.
fn write_files(files: &[(String, String)]) -> Result<(), (String, io::Error)> {
    for (path, content) in files {
        let target = Path::new(path);
        target
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(target, content))
            .map_err(|error| (path.clone(), error))?;
    }
    Ok(())
}

fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
