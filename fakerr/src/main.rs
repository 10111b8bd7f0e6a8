//! The fake BGP route reflector.

fn main() -> std::process::ExitCode {
    bagpipe_fakerr::main(std::env::args_os())
}
