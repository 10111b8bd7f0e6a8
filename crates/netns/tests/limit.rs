//! A process that may open more files starts programs that may not.

#![allow(clippy::unwrap_used)]

use std::fs::{self, File};
use std::io::Read;

use netns::limit::raise_open_files;
use netns::process::{ProcessSpec, Reap, Spawner};

/// The soft limit in `/proc/PID/limits`.
fn limit(limits: &str) -> u64 {
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.unwrap().split_whitespace().nth(3).unwrap();
    soft.parse().unwrap()
}

async fn limit_of_a_child(spawner: &Spawner) -> u64 {
    let (read, write) = nix::unistd::pipe().unwrap();
    let spec = ProcessSpec {
        args: vec!["/proc/self/limits".into()],
        stdout: Some(write),
        ..ProcessSpec::new("cat")
    };
    let mut child = spawner.spawn(spec).await.unwrap();
    assert!(child.exited().await.success());
    let mut text = String::new();
    File::from(read).read_to_string(&mut text).unwrap();
    limit(&text)
}

#[tokio::test]
async fn children_have_the_limit_of_before() {
    let spawner = Spawner::start(Reap::Own).unwrap();
    let own = || limit(&fs::read_to_string("/proc/self/limits").unwrap());
    let before = own();
    assert_eq!(limit_of_a_child(&spawner).await, before);
    assert_eq!(raise_open_files().unwrap(), own());
    assert!(own() >= before);
    assert_eq!(limit_of_a_child(&spawner).await, before);
}
