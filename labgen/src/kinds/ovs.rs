//! Open vSwitch with its userspace datapath, which needs no kernel module: `ovsdb-server` and `ovs-vswitchd`.
//! Everything is at Debian's places under the node's own `/run`, so that `ovs-vsctl` and the others find it.

use scenario::Ready;

use super::{Outside, Program};

pub(super) const OUTSIDE: Outside = Outside {
    program: "ovs-vswitchd",
    package: "openvswitch-switch",
};

const START: &str = "/run/openvswitch/start-ovsdb.sh";
const DATABASE: &str = "/run/openvswitch/db.sock";

pub(super) fn programs() -> Vec<Program> {
    let script = format!(
        "set -e\ncd /run/openvswitch\n\
         [ -e conf.db ] || ovsdb-tool create conf.db /usr/share/openvswitch/vswitch.ovsschema\n\
         exec ovsdb-server conf.db --remote=punix:{DATABASE} --pidfile\n"
    );
    let database = Program {
        command: "/bin/sh".into(),
        args: vec![START.into()],
        files: vec![(START.into(), script)],
        ready: Ready::Socket(DATABASE.into()),
        passive: true,
        ..Program::new("ovsdb-server")
    };
    let init = Program {
        command: "ovs-vsctl".into(),
        args: vec!["--no-wait".into(), "init".into()],
        once: true,
        ..Program::new("ovs-vsctl init")
    };
    let switch = Program {
        args: vec![format!("unix:{DATABASE}"), "--pidfile".into()],
        // Said when it has taken the database's contents for the first time.
        ready: Ready::Log("|bridge|INFO|ovs-vswitchd (Open vSwitch)".into()),
        ..Program::new(OUTSIDE.program)
    };
    vec![database, init, switch]
}
