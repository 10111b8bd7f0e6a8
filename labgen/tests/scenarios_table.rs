//! `scenarios/README.md` says what is there. After a change: `BLESS=1 cargo test -p labgen --test scenarios_table`.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::Path;

use assert_cmd::Command;

const MARK: &str =
    "<!-- From here on generated: `BLESS=1 cargo test -p labgen --test scenarios_table` -->\n";

#[test]
fn the_table_of_scenarios_is_that_of_the_files() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let readme = dir.join("README.md");
    let text = fs::read_to_string(&readme).unwrap();
    let (before, table) = text.split_once(MARK).expect("the mark is there");
    let mut command = Command::cargo_bin("labgen").unwrap();
    let output = command.arg("__scenarios").arg(&dir).output().unwrap();
    assert!(output.status.success());
    let made = String::from_utf8(output.stdout).unwrap();
    if std::env::var_os("BLESS").is_some() {
        fs::write(&readme, format!("{before}{MARK}{made}")).unwrap();
    } else {
        assert!(
            table == made,
            "scenarios/README.md is not up to date; `BLESS=1 cargo test -p labgen --test scenarios_table` writes:\n{made}"
        );
    }
}
