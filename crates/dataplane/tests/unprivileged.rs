//! The driver as an ordinary user has it: as root of a user namespace.

#![allow(clippy::unwrap_used)]

mod common;

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use common::*;
use dataplane::Driver;

const CHILD: &str = "DATAPLANE_TEST_UNPRIVILEGED";
const NOBODY: u32 = 65534;

/// What the other test runs inside: nothing on its own.
#[tokio::test]
async fn inside() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let (a, b) = need!(hosts().await);
    let (vm1, vm2) = (a.machine(1).await, b.machine(2).await);
    let (mut at_a, mut at_b) = (a.intent("test2", 77), b.intent("test2", 77));
    at_a.ports.extend([vm1.attached()]);
    at_b.ports.extend([vm2.attached()]);
    learn(&mut at_a, &vm2, b.vtep, 77);
    learn(&mut at_b, &vm1, a.vtep, 77);
    let before = a.dump().await;
    let (mut driver_a, mut driver_b) = (a.driver().await, b.driver().await);
    driver_a.apply(arc(&at_a)).await.unwrap();
    driver_b.apply(arc(&at_b)).await.unwrap();
    vm1.ready().await;
    vm2.ready().await;
    vm1.ping(&vm2).await.unwrap();
    driver_a.remove(at_a.instance).await.unwrap();
    assert_eq!(a.dump().await, before);
    println!("PINGED");
}

#[test]
fn an_ordinary_user_in_a_user_namespace_has_it_all() {
    let exe = std::env::current_exe().unwrap();
    let mut unshare = Command::new("unshare");
    unshare.args(["--user", "--map-root-user", "--net"]);
    if is_root() {
        if !readable_by_all(&exe) {
            eprintln!("SKIPPED: other users cannot run `{}`", exe.display());
            return;
        }
        unshare.uid(NOBODY).gid(NOBODY);
    }
    unshare.arg(&exe).args(["inside", "--exact", "--nocapture"]);
    let output = unshare.env(CHILD, "1").current_dir("/").output();
    let output = match output {
        Ok(output) => output,
        Err(error) => {
            eprintln!("SKIPPED: cannot start `unshare`: {error}");
            return;
        }
    };
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if err.starts_with("unshare: ") {
        eprintln!("SKIPPED: {err}");
        return;
    }
    assert!(
        output.status.success() && out.contains("PINGED"),
        "{out}{err}"
    );
}

fn is_root() -> bool {
    std::fs::read_to_string("/proc/self/status")
        .unwrap()
        .lines()
        .any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}

/// Whether the file and the directories above it are open to everybody.
fn readable_by_all(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.ancestors().all(|path| {
        let mode = path
            .metadata()
            .map(|metadata| metadata.permissions().mode());
        mode.is_ok_and(|mode| mode & 0o1 != 0)
    })
}
