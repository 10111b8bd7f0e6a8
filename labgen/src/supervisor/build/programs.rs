//! Starting the programs of nodes, and waiting until they are ready.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use futures_util::future::try_join_all;
use netns::process::{Child, ProcessSpec};
use scenario::NodeId;

use super::refusal::{self, Configuration};
use super::{BuildError, READY};
use crate::kinds::{self, Program};
use crate::protocol::Event;
use crate::supervisor::front::Front;
use crate::supervisor::lab::Lab;
use crate::supervisor::ready::{Unready, Watch};

/// Starts the programs of all nodes: those that listen first, so that those that connect find somebody at once.
pub(super) async fn start_all(lab: &Lab, front: &Front) -> Result<(), BuildError> {
    let mut passive = Vec::new();
    let mut active = Vec::new();
    for (id, node) in lab.scenario.nodes() {
        let programs = kinds::programs(node, &lab.base)?;
        if programs.iter().any(|program| program.passive) {
            passive.push((id, programs));
        } else if !programs.is_empty() {
            active.push((id, programs));
        }
    }
    for nodes in [passive, active] {
        let starts = nodes
            .iter()
            .map(|(id, programs)| start_node(lab, front, *id, programs));
        try_join_all(starts).await?;
    }
    Ok(())
}

/// Starts the programs of one node, one after the other.
async fn start_node(
    lab: &Lab,
    front: &Front,
    id: NodeId,
    programs: &[Program],
) -> Result<(), BuildError> {
    let node = || lab.scenario[id].name.clone();
    front.send(&Event::Started {
        node: node(),
        at: lab.at(),
    });
    for program in programs {
        start(lab, id, program).await?;
    }
    front.send(&Event::Ready {
        node: node(),
        at: lab.at(),
    });
    Ok(())
}

async fn start(lab: &Lab, id: NodeId, program: &Program) -> Result<(), BuildError> {
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
        node: Some(home.clone()),
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
    lab.programs
        .borrow_mut()
        .entry(id)
        .or_default()
        .push(child.clone());
    match watch.ready(lab, id, child).await {
        Ok(()) => Ok(()),
        Err(why) => Err(failed(lab, id, program, &watch, why)),
    }
}

/// A program that did not become ready: with the lines of its configuration that it names, or its last words.
fn failed(lab: &Lab, id: NodeId, program: &Program, watch: &Watch, why: Unready) -> BuildError {
    let node = lab.scenario[id].name.clone();
    let name = program.name.to_owned();
    let log = super::last_words(lab, &node);
    let exit = match why {
        Unready::Silent => {
            return BuildError::NotReady {
                program: name,
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

fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}
