//! `--kernel` where it leads nowhere. Where it leads somewhere takes a VM: `ci/vm`.

mod common;

use common::{Labgen, scenario};

#[test]
fn what_is_no_kernel_is_said() {
    let labgen = Labgen::new("no-kernel");
    let file = scenario("kernel/mpls");
    for (kernel, complaint) in [
        (file.as_str(), "is not a bootable kernel"),
        (env!("CARGO_MANIFEST_DIR"), "no `vmlinuz` is in"),
        ("/no/such/file", "cannot read `/no/such/file`"),
    ] {
        let said = labgen.says(&["run", "--kernel", kernel, &file]);
        if said.stderr.contains("which is not installed") {
            eprintln!("skipped: {}", said.stderr);
            return;
        }
        said.fails_with(2, complaint);
    }
}

#[test]
fn a_lab_in_a_vm_does_not_stay() {
    let file = scenario("kernel/mpls");
    Labgen::new("kernel-keep")
        .says(&["run", "--keep", "--kernel", "/boot/vmlinuz", &file])
        .fails_with(2, "--keep");
}

#[test]
fn without_an_emulator_its_package_is_named() {
    let labgen = Labgen::new("no-emulator");
    let output = labgen
        .command(&["doctor", "--kernel", "/boot/vmlinuz"])
        .env("PATH", "/nowhere")
        .output();
    let output = output.unwrap_or_else(|error| panic!("{error}"));
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{words}");
    assert!(words.contains("apt-get install qemu-system-x86"), "{words}");
}
