//! The scenario files of the repository.
#![allow(dead_code, reason = "each test uses its part")]
#![allow(
    clippy::unwrap_used,
    reason = "a file that is not there fails the test"
)]

use std::path::PathBuf;

/// The text of a file, named from the top of the repository.
pub fn read(name: &str) -> String {
    std::fs::read_to_string(top().join(name)).unwrap()
}

/// What a scenario means; its first line may say what is set: `#: --set spines=2`.
pub fn checked(name: &str) -> scenario::Checked {
    let text = read(name);
    let set: Vec<(String, String)> = text
        .lines()
        .map_while(|line| line.strip_prefix("#: --set "))
        .filter_map(|set| set.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect();
    scenario::check_with(name, &text, &set, &mut |path| {
        std::fs::read_to_string(top().join(path))
    })
}

/// Names of the TOML files in a directory, sorted.
pub fn toml_files(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(top().join(directory)).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .map(|name| format!("{directory}/{name}"))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "no TOML file in {directory}");
    names
}

fn top() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Names of the directories in a directory, sorted.
pub fn directories(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(top().join(directory)).unwrap();
    let mut names: Vec<String> = entries
        .map(Result::unwrap)
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| format!("{directory}/{}", entry.file_name().into_string().unwrap()))
        .collect();
    names.sort();
    names
}
