//! Cleans the dataplane.

fn main() -> std::process::ExitCode {
    bagpipe_bgp::commands::cleanup::main(std::env::args_os())
}
