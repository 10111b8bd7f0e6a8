//! What is expected of nodes, from outside, where it is not as usual.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::{HOSTS, Labgen};

#[test]
fn a_pipe_in_place_of_a_file_is_no_reason_to_wait_for_somebody_who_writes() {
    let labgen = Labgen::new("facts-pipe");
    let steps = r#"
[[step]]
exec = { on = "a", command = ["mkfifo", "/run/pipe"] }

[[step]]
expect = { file = { on = "a", path = "/run/pipe", contains = "x" }, within = "200ms" }
"#;
    let file = labgen.write("lab.toml", &format!("{HOSTS}{steps}"));
    let said = labgen.says(&["run", &file]);
    said.fails_with(1, "it is no regular file");
}

#[test]
fn a_file_that_is_a_link_to_elsewhere_is_seen_to_change() {
    let labgen = Labgen::new("facts-link");
    let steps = r#"
[[step]]
exec = { on = "a", command = ["sh", "-ec", "mkdir /run/here /run/there; : >/run/there/file; ln -s /run/there/file /run/here/file"] }

[[step]]
background = true
exec = { on = "a", command = ["sh", "-c", "sleep 0.5; echo new >/run/there/file"] }

[[step]]
expect = { file = { on = "a", path = "/run/here/file", contains = "new" }, within = "20s" }
"#;
    let file = labgen.write("lab.toml", &format!("{HOSTS}{steps}"));
    labgen.says(&["run", &file]).succeeds();
}

#[test]
fn a_forwarding_entry_of_a_tunnel_has_its_vni() {
    let labgen = Labgen::new("facts-vni");
    let steps = r#"
[[step]]
exec = { on = "a", command = ["sh", "-ec", """
ip link add vx type vxlan id 100 dstport 4789 local 10.0.0.1
ip link set vx up
bridge fdb append 02:00:00:00:00:07 dev vx dst 10.0.0.2
bridge fdb append 02:00:00:00:00:08 dev vx dst 10.0.0.2 vni 200
"""] }

[[step]]
expect = { fdb = { on = "a", mac = "02:00:00:00:00:07", dev = "vx", dst = "b", vni = 100 } }

[[step]]
expect = { fdb = { on = "a", mac = "02:00:00:00:00:08", dev = "vx", dst = "b", vni = 200 } }
"#;
    let file = labgen.write("lab.toml", &format!("{HOSTS}{steps}"));
    labgen.says(&["run", &file]).succeeds();
}
