//! The looking glass as text.

fn main() -> std::process::ExitCode {
    bagpipe_bgp::commands::looking_glass::main(std::env::args_os())
}
