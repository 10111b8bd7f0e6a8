//! `labgen check`, and how every command reads a scenario.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use scenario::Scenario;

use super::WRONG;
use crate::ui::{self, say};

/// A scenario and what it was read from.
pub(super) struct Loaded {
    pub(super) scenario: Scenario,
    pub(super) text: String,
}

/// Reads and resolves a scenario; what is wrong with it is printed.
pub(super) fn load(path: &Path) -> Result<Loaded, ExitCode> {
    let name = path.display().to_string();
    let text = fs::read_to_string(path).map_err(|e| {
        eprintln!("error: cannot read `{name}`: {e}");
        ExitCode::from(WRONG)
    })?;
    match scenario::check(&text, stem(path)) {
        Ok(scenario) => Ok(Loaded { scenario, text }),
        Err(errors) => {
            eprint!(
                "{}",
                scenario::render(&errors, &name, &text, ui::color_on_stderr())
            );
            Err(ExitCode::from(WRONG))
        }
    }
}

/// What a lab is called when the scenario does not say.
pub fn stem(path: &Path) -> &str {
    path.file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or("lab")
}

pub(super) fn check(files: &[PathBuf]) -> ExitCode {
    let mut status = ExitCode::SUCCESS;
    for file in files {
        match load(file) {
            Ok(loaded) => {
                let s = &loaded.scenario;
                say!(
                    "{}: fine: lab `{}`, {}, {}, {}, {}\n",
                    file.display(),
                    s.lab.name,
                    ui::count(s.nodes.len(), "node"),
                    ui::count(s.lans.len(), "LAN"),
                    ui::count(s.vpns.len(), "VPN"),
                    ui::count(s.steps.len(), "step"),
                );
            }
            Err(code) => status = code,
        }
    }
    status
}
