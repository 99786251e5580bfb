//! The emulator as a program.

fn main() -> std::process::ExitCode {
    ssmpf_emulator::main()
}
