//! What the tests of the command line share.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, unreachable_pub)]

use std::fs;
use std::path::PathBuf;

use assert_cmd::Command;

pub const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios");

/// labgen with a state directory of its own; labs left in it are ended.
pub struct Labgen {
    pub dir: PathBuf,
}

/// What came back.
pub struct Said {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Labgen {
    pub fn new(test: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("labgen-{test}-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        Self { dir }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::cargo_bin("labgen").unwrap();
        command
            .env("LABGEN_STATE", self.dir.join("state"))
            .args(args);
        command
    }

    pub fn says(&self, args: &[&str]) -> Said {
        let output = self.command(args).output().unwrap();
        Said {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.dir.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Labgen {
    fn drop(&mut self) {
        self.says(&["down", "--all"]);
        let _ = fs::remove_dir_all(&self.dir);
    }
}

impl Said {
    #[track_caller]
    pub fn fails_with(&self, status: i32, words: &str) {
        let (out, err) = (&self.stdout, &self.stderr);
        assert_eq!(self.status, status, "stdout:\n{out}\nstderr:\n{err}");
        assert!(
            err.contains(words) || out.contains(words),
            "no {words:?} in\n{out}\n{err}"
        );
    }

    #[track_caller]
    pub fn succeeds(&self) -> &str {
        assert_eq!(
            self.status, 0,
            "stdout:\n{}\nstderr:\n{}",
            self.stdout, self.stderr
        );
        &self.stdout
    }
}

/// A scenario of the repository, by its name.
pub fn scenario(name: &str) -> String {
    format!("{SCENARIOS}/{name}.toml")
}

/// Two hosts on a LAN.
pub const HOSTS: &str = r#"
[nodes]
a = { kind = "host" }
b = { kind = "host" }

[lans]
lan = { join = ["a", "b"], subnet = "10.0.0.0/24" }
"#;

/// Whether a test that needs `ping` cannot be run; it says so.
pub fn ping_is_missing() -> bool {
    let missing = std::process::Command::new("ping")
        .arg("-V")
        .output()
        .is_err();
    if missing {
        eprintln!("SKIPPED: no `ping` (apt-get install iputils-ping)");
    }
    missing
}
