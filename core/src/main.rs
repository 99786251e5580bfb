//! The program `ssmpf`; everything is in the library of the same name.

fn main() -> std::process::ExitCode {
    ssmpf::main()
}
