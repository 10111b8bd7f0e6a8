//! `labgen graph`: a lab as a picture.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use super::{FAILED, WRONG, check, fail};
use crate::cli::{Graph, GraphFormat};
use crate::graph;
use crate::state::LabDir;
use crate::ui::say;

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
enum GraphError {
    #[error("cannot write `{path}`")]
    Write { path: String, source: io::Error },
    #[error(
        "no picture is called `{0}`; call it .txt, .svg, .mmd or .dot, or choose one with --format"
    )]
    Extension(String),
}

pub(super) fn graph(args: &Graph) -> ExitCode {
    let scenario = match &args.file {
        Some(file) => check::load(file, &args.variables.set),
        None => LabDir::choose(args.choice.name())
            .and_then(|lab| lab.resolved())
            .map_err(|e| fail(&e, FAILED)),
    };
    let scenario = match scenario {
        Ok(scenario) => scenario,
        Err(code) => return code,
    };
    let fold = args.fold;
    let format = match format(args) {
        Ok(format) => format,
        Err(e) => return fail(&e, WRONG),
    };
    let picture = match format {
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
fn format(args: &Graph) -> Result<GraphFormat, GraphError> {
    if let Some(format) = args.format {
        return Ok(format);
    }
    let extension = args.out.as_deref().and_then(Path::extension);
    let extension = extension.map(|extension| extension.to_string_lossy());
    match extension.as_deref() {
        None | Some("txt") => Ok(GraphFormat::Ascii),
        Some("svg") => Ok(GraphFormat::Svg),
        Some("mmd" | "mermaid") => Ok(GraphFormat::Mermaid),
        Some("dot" | "gv") => Ok(GraphFormat::Dot),
        Some(other) => Err(GraphError::Extension(format!(".{other}"))),
    }
}
