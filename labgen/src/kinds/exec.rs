//! Any program.

use scenario::{ExecNode, Ready};

use super::Program;

pub(super) fn programs(config: &ExecNode) -> Vec<Program> {
    let Some((command, args)) = config.command.split_first() else {
        return Vec::new();
    };
    let pairs = |pairs: &std::collections::BTreeMap<String, String>| -> Vec<(String, String)> {
        let pairs = pairs.iter();
        pairs
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    vec![Program {
        command: command.clone(),
        args: args.to_vec(),
        env: pairs(&config.env),
        files: pairs(&config.files),
        ready: config.ready.clone(),
        // Whoever says when it is ready is probably waited for.
        passive: config.ready != Ready::Started,
        ..Program::new("exec")
    }]
}
