//! The daemon.

fn main() -> std::process::ExitCode {
    bagpipe_bgp::commands::daemon::main(std::env::args_os())
}
