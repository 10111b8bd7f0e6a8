//! Attaches and detaches interfaces.

fn main() -> std::process::ExitCode {
    bagpipe_bgp::commands::rest_attach::main(std::env::args_os())
}
