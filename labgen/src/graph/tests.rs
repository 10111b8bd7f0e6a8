//! Pictures of labs as they are drawn today.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use scenario::Scenario;

use super::{ascii, dot, mermaid, svg};

fn lab(text: &str) -> Scenario {
    let checked = scenario::check_with("lab.toml", text, &[], &mut |path| {
        Err(std::io::Error::other(path.to_owned()))
    });
    match checked.outcome {
        Ok(scenario) => scenario,
        Err(errors) => panic!("{}", scenario::render(&errors, &checked.sources, false)),
    }
}
