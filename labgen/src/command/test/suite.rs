//! Which scenarios are to be judged, and what each weighs.

use std::collections::BTreeSet;
use std::num::{NonZero, ParseIntError};
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use regex::Regex;

use crate::cli::Test;
use crate::command::below::{Unreadable, below};
use crate::command::check::{PeekKind, peek};

/// Nodes that a machine bears as well as one more scenario.
const NODES_A_SLOT: usize = 12;

/// Why there is nothing to judge.
#[derive(Debug, thiserror::Error)]
pub(super) enum SuiteError {
    #[error(transparent)]
    Read(#[from] Unreadable),
    #[error("no scenario with steps in {0}")]
    Nothing(String),
    #[error("no scenario of {found} matches `{filter}`; `--list` without `--filter` shows them")]
    Filtered { found: usize, filter: Regex },
}

/// A scenario to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Case {
    /// As it was given, or found.
    pub(super) file: PathBuf,
    /// What its evidence is called; no other case of the suite has it.
    pub(super) name: String,
    /// What its lab is called; nothing where the scenario is wrong.
    pub(super) lab: Option<String>,
    pub(super) nodes: usize,
    /// The longest it may take on a usual machine, where it says so itself.
    pub(super) timeout: Option<Duration>,
}

impl Case {
    /// The slots it takes, at most all there are.
    pub(super) fn slots(&self, of: NonZero<u32>) -> u32 {
        let slots = u32::try_from(1 + self.nodes / NODES_A_SLOT).unwrap_or(u32::MAX);
        slots.min(of.get())
    }
}

/// `I/N`: one part of several, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    of: usize,
}

/// What is no [`Shard`].
#[derive(Debug, thiserror::Error)]
pub enum ShardError {
    /// Not two numbers.
    #[error("write I/N, such as `--shard 1/4`")]
    Form,
    /// Not a number.
    #[error("write I/N, such as `--shard 1/4`: {0}")]
    Number(#[from] ParseIntError),
    /// Not one of them.
    #[error("there is no part {index} of {of}: parts are counted from 1")]
    Outside {
        /// The one asked for.
        index: usize,
        /// How many there are.
        of: usize,
    },
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Self, ShardError> {
        let (index, of) = text.split_once('/').ok_or(ShardError::Form)?;
        let (index, of) = (index.parse()?, of.parse()?);
        match (1..=of).contains(&index) {
            true => Ok(Self { index, of }),
            false => Err(ShardError::Outside { index, of }),
        }
    }
}

/// The scenarios to judge, by path. A file is taken as it is. Of a directory, those below it that have steps: others are
/// there for `labgen up`.
pub(super) fn suite(options: &Test) -> Result<Vec<Case>, SuiteError> {
    let mut cases = Vec::new();
    for path in &options.paths {
        if path.is_dir() {
            cases.extend(cases_of(below(path)?));
        } else {
            cases.push(case(path.to_owned(), peek(path).kind));
        }
    }
    cases.sort_by(|a, b| a.file.cmp(&b.file));
    cases.dedup_by(|a, b| a.file == b.file);
    if cases.is_empty() {
        let paths: Vec<_> = options
            .paths
            .iter()
            .map(|path| format!("`{}`", path.display()))
            .collect();
        return Err(SuiteError::Nothing(paths.join(", ")));
    }
    // Before any are left out: what one is called does not depend on what else is run.
    name(&mut cases);
    if let Some(filter) = &options.filter {
        let found = cases.len();
        cases.retain(|case| {
            let lab = case.lab.as_deref().unwrap_or_default();
            filter.is_match(&case.file.to_string_lossy()) || filter.is_match(lab)
        });
        if cases.is_empty() {
            let filter = filter.clone();
            return Err(SuiteError::Filtered { found, filter });
        }
    }
    Ok(match options.shard {
        Some(shard) => part(cases, shard),
        None => cases,
    })
}

/// Those of the files that have steps, or are wrong: that is for their run to tell. Parts of others mean nothing alone.
fn cases_of(files: Vec<PathBuf>) -> Vec<Case> {
    let peeks: Vec<_> = files.iter().map(|file| peek(file)).collect();
    let included = peeks.iter().flat_map(|peek| &peek.included);
    let parts: BTreeSet<PathBuf> = included
        .filter_map(|path| path.canonicalize().ok())
        .collect();
    let is_part = |file: &Path| file.canonicalize().is_ok_and(|file| parts.contains(&file));
    let found = files.into_iter().zip(peeks);
    let wanted = found.filter(|(file, peek)| match &peek.kind {
        PeekKind::Scenario(scenario) => !scenario.steps.is_empty(),
        PeekKind::Wrong => !is_part(file),
        PeekKind::Other => false,
    });
    wanted.map(|(file, peek)| case(file, peek.kind)).collect()
}

fn case(file: PathBuf, kind: PeekKind) -> Case {
    let (lab, nodes, timeout) = match kind {
        PeekKind::Scenario(scenario) => {
            let lab = scenario.lab;
            (Some(lab.name), scenario.nodes.len(), lab.timeout)
        }
        PeekKind::Wrong | PeekKind::Other => (None, 0, None),
    };
    Case {
        name: evidence_name(&file),
        file,
        lab,
        nodes,
        timeout,
    }
}

/// `interop/frr.toml` leaves its evidence in `interop-frr`.
fn evidence_name(file: &Path) -> String {
    let parts = file.with_extension("");
    let parts: Vec<_> = parts
        .components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
            _ => None,
        })
        .collect();
    parts.join("-")
}

/// Keeps evidence apart where paths come down to one name.
fn name(cases: &mut [Case]) {
    let mut taken = BTreeSet::new();
    for case in cases {
        let plain = case.name.clone();
        let mut number = 1;
        while !taken.insert(case.name.clone()) {
            number += 1;
            case.name = format!("{plain}-{number}");
        }
    }
}

/// The same part for everybody who has the same scenarios: the largest first, each to the part that has least so far.
fn part(mut cases: Vec<Case>, shard: Shard) -> Vec<Case> {
    cases.sort_by_key(|case| std::cmp::Reverse(case.nodes));
    let mut load = vec![0; shard.of];
    cases.retain(|case| {
        let least = (0..shard.of).min_by_key(|part| load[*part]).unwrap_or(0);
        load[least] += 1 + case.nodes;
        least + 1 == shard.index
    });
    cases.sort_by(|a, b| a.file.cmp(&b.file));
    cases
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(nodes: &[usize]) -> Vec<Case> {
        let cases = nodes.iter().enumerate();
        let cases = cases.map(|(number, nodes)| Case {
            file: format!("{number:02}.toml").into(),
            name: format!("{number:02}"),
            lab: None,
            nodes: *nodes,
            timeout: None,
        });
        cases.collect()
    }

    #[test]
    fn parts_are_the_whole_once_and_about_equal() {
        let nodes = [50, 3, 3, 20, 8, 3, 2, 100, 5, 5, 5, 40];
        for of in 1..=14 {
            let parts = (1..=of).map(|index| part(cases(&nodes), Shard { index, of }));
            let parts: Vec<Vec<Case>> = parts.collect();
            let mut all = parts.concat();
            all.sort_by(|a, b| a.file.cmp(&b.file));
            assert_eq!(all, cases(&nodes), "of {of}");
            let load = |part: &Vec<Case>| part.iter().map(|case| 1 + case.nodes).sum::<usize>();
            let heaviest = parts.iter().map(load).max();
            let fair = (nodes.iter().sum::<usize>() + nodes.len()) / of;
            assert!(heaviest <= Some(fair.max(101) + 41), "{heaviest:?} of {of}");
        }
    }

    #[test]
    fn a_part_is_one_of_those_there_are() {
        let said = |text: &str| text.parse::<Shard>().map_err(|error| error.to_string());
        assert_eq!(said("2/3"), Ok(Shard { index: 2, of: 3 }));
        for (text, why) in [
            ("0/3", "there is no part 0 of 3"),
            ("4/3", "there is no part 4 of 3"),
            ("1/0", "there is no part 1 of 0"),
            ("1", "write I/N"),
            ("a/b", "write I/N"),
        ] {
            let error = said(text).unwrap_err();
            assert!(error.starts_with(why), "{error}");
        }
    }

    #[test]
    fn evidence_is_named_after_the_path() {
        let path = Path::new("./scenarios/interop/frr.toml");
        assert_eq!(evidence_name(path), "scenarios-interop-frr");
        let mut three = cases(&[1, 1, 1]);
        for case in &mut three {
            case.name = "same".into();
        }
        name(&mut three);
        let names: Vec<_> = three.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["same", "same-2", "same-3"]);
    }

    #[test]
    fn what_is_heavy_takes_several_slots_and_never_more_than_there_are() {
        let four = NonZero::new(4).unwrap();
        let slots: Vec<u32> = cases(&[0, 11, 12, 24, 500])
            .iter()
            .map(|case| case.slots(four))
            .collect();
        assert_eq!(slots, [1, 1, 2, 3, 4]);
    }
}
