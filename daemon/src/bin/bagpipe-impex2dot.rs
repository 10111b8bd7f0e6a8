//! Imports and exports as a graph.

fn main() -> std::process::ExitCode {
    bagpipe_bgp::commands::impex2dot::main(std::env::args_os())
}
