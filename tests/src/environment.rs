//! A clean place for one test: its own HOME, nothing of the developer's AWS settings, an emulator.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use ssmpf_emulator::{Builder, Emulator, Node};
use tempfile::TempDir;

use crate::process::{self, Finished};
use crate::tunnel::Tunnel;

/// The node that every test may use.
pub const BASTION: &str = "i-0123456789abcdef0";

/// An identity that exists for tests only.
pub const IDENTITY: &str =
    "AGE-SECRET-KEY-10E9D6CV72C77KEQ7X00XPHSD8E7K2L56VLK7W3Q7KANDSXFQTNNSVFTJAA";

/// A clean environment with an emulator behind it.
pub struct TestEnv {
    /// The AWS side.
    pub emulator: Emulator,
    home: TempDir,
    extra: Vec<(String, String)>,
}

impl TestEnv {
    /// An emulator with one Online node and agents that do not pace themselves.
    pub fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// The same, with changes to the emulator.
    pub fn with(change: impl FnOnce(Builder) -> Builder) -> Self {
        Self::with_node(Node::new(BASTION).online(), change)
    }

    /// The same with another node in the bastion's place.
    pub fn with_node(node: Node, change: impl FnOnce(Builder) -> Builder) -> Self {
        let builder = Emulator::builder().unpaced().node(node);
        let emulator = change(builder).start_blocking().expect("the emulator starts");
        let home = tempfile::tempdir().expect("a temporary folder");
        Self { emulator, home, extra: Vec::new() }
    }

    /// Sets an environment variable for every program of this test.
    pub fn set(&mut self, name: &str, value: &str) -> &mut Self {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a store of connections, which a key file opens.
    pub fn with_store_key(mut self) -> Self {
        let file = self.home().join("identity");
        std::fs::write(&file, format!("{IDENTITY}\n")).expect("the home is writable");
        self.set("SSMPF_IDENTITY_FILE", &file.display().to_string());
        self.set("SSMPF_KEYRING", "off");
        self
    }

    /// The HOME of this test.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// A command that sees this environment and nothing of the developer's.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("SSMPF_RUNTIME_DIR", self.home.path().join("run"))
            .env("LC_ALL", "C.UTF-8")
            .env("NO_COLOR", "1")
            .env("RUST_BACKTRACE", "1")
            .envs(self.emulator.environment())
            .envs(self.extra.iter().map(|(name, value)| (name, value)));
        command
    }

    /// `ssmpf` with these arguments.
    pub fn ssmpf<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Command {
        let mut command = self.command(crate::program("ssmpf"));
        command.args(arguments);
        command
    }

    /// Runs `ssmpf` to its end.
    pub fn run<S: AsRef<std::ffi::OsStr>>(&self, arguments: &[S]) -> Finished {
        process::run(self.ssmpf(arguments))
    }

    /// Starts a forward from a free local port to this port of the bastion itself and waits until
    /// it is ready.
    pub fn forward_to(&self, server: SocketAddr) -> Tunnel {
        self.forward(&["--target", BASTION, "--port", &server.port().to_string()])
    }

    /// Starts a forward with these arguments and waits until it is ready.
    pub fn forward(&self, arguments: &[&str]) -> Tunnel {
        let tunnel = self.start_forward(arguments);
        tunnel.wait_for("ready");
        tunnel
    }

    /// Starts a forward with these arguments.
    pub fn start_forward(&self, arguments: &[&str]) -> Tunnel {
        let mut all = vec!["forward", "--format", "jsonl"];
        all.extend_from_slice(arguments);
        Tunnel::start(self.ssmpf(&all))
    }
}

impl Default for TestEnv {
    fn default() -> Self {
        Self::new()
    }
}
