//! What the end-to-end tests and the benchmark share: a clean environment, the emulated AWS side,
//! a running `ssmpf`, and small real servers to forward to.
//!
//! Tests are plain blocking code: they watch a program from outside, as its users do.

pub mod environment;
pub mod process;
pub mod screenshot;
pub mod servers;
#[cfg(unix)]
pub mod shell;
pub mod terminal;
pub mod tunnel;

pub use environment::{BASTION, IDENTITY, TestEnv};
pub use process::Finished;
#[cfg(unix)]
pub use shell::Shell;
pub use terminal::{Terminal, keys};
pub use tunnel::Tunnel;

/// Longest wait for anything to happen in a test. Conditions are waited for, not times; this only
/// turns a hang into a failure.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_secs(30);

/// Returns a program that was built together with this one.
///
/// # Panics
///
/// When it is not there: build the whole workspace first.
pub fn program(name: &str) -> std::path::PathBuf {
    let this = std::env::current_exe().expect("the running program has a path");
    let folders = this.ancestors().skip(1).take(2);
    let candidates =
        folders.flat_map(|folder| [folder.join(format!("{name}-under-test")), folder.join(name)]);
    let found = candidates.into_iter().find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("{name} is not built; run `cargo build --workspace --bins`"))
}
