//! `ssmpf`, built where the tests find it.

fn main() -> std::process::ExitCode {
    ssmpf::main()
}
