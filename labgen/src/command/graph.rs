//! `labgen graph`: a lab as a picture.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use scenario::Scenario;

use super::{FAILED, check, fail};
use crate::cli::{Graph, GraphFormat};
use crate::graph;
use crate::state::{LabDir, StateError};
use crate::ui::say;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
enum GraphError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("cannot read `{path}`")]
    Read { path: String, source: io::Error },
    #[error("`{path}` is of another version of labgen")]
    Strange {
        path: String,
        source: serde_json::Error,
    },
    #[error("cannot write `{path}`")]
    Write { path: String, source: io::Error },
}

pub(super) fn graph(args: &Graph) -> ExitCode {
    let scenario = match &args.file {
        Some(file) => check::load(file, &args.variables.set),
        None => running(args.choice.name()).map_err(|e| fail(&e, FAILED)),
    };
    let scenario = match scenario {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let fold = args.fold;
    let picture = match format(args) {
        GraphFormat::Ascii => graph::ascii(&scenario, fold),
        GraphFormat::Svg => graph::svg(&scenario, fold),
        GraphFormat::Mermaid => graph::mermaid(&scenario, fold),
        GraphFormat::Dot => graph::dot(&scenario, fold),
    };
    match &args.out {
        None => say!("{picture}"),
        Some(path) => {
            let written = fs::write(path, picture).map_err(|source| GraphError::Write {
                path: path.display().to_string(),
                source,
            });
            if let Err(e) = written {
                return fail(&e, FAILED);
            }
            if io::stderr().is_terminal() {
                eprintln!("wrote {}", path.display());
            }
        }
    }
    ExitCode::SUCCESS
}

/// The one asked for, else the one that the file is called after.
fn format(args: &Graph) -> GraphFormat {
    let extension = args.out.as_deref().and_then(Path::extension);
    let called = match extension.and_then(|extension| extension.to_str()) {
        Some("svg") => GraphFormat::Svg,
        Some("mmd" | "mermaid") => GraphFormat::Mermaid,
        Some("dot" | "gv") => GraphFormat::Dot,
        _ => GraphFormat::Ascii,
    };
    args.format.unwrap_or(called)
}

/// The scenario of a lab that is up, as it was built.
fn running(lab: Option<&str>) -> Result<Scenario, GraphError> {
    let path = LabDir::choose(lab)?.scenario();
    let name = || path.display().to_string();
    let text = fs::read(&path).map_err(|source| GraphError::Read {
        path: name(),
        source,
    })?;
    serde_json::from_slice(&text).map_err(|source| GraphError::Strange {
        path: name(),
        source,
    })
}
