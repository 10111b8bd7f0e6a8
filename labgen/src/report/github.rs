//! Annotations for GitHub: lines that its runner reads off the output of a job.

use super::junit::account;
use super::model::{Run, StepState};

/// One annotation for each step that failed, or for what could not be built; empty when all is well.
pub fn annotations(run: &Run) -> String {
    let mut out = String::new();
    for step in run.steps.iter().filter(|s| s.state == StepState::Failed) {
        let title = format!("step {}: {}", step.called(), step.title);
        out += &format!(
            "::error file={},line={},title={}::{}\n",
            property(&step.file),
            step.line.max(1),
            property(&title),
            data(account(step).trim_end())
        );
    }
    if let Some(error) = &run.error {
        let title = format!("lab {} could not be built", run.lab);
        let (file, title) = (property(&run.file), property(&title));
        out += &format!("::error file={file},title={title}::{}\n", data(error));
    }
    out
}

/// As the runner undoes it.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
