//! The real Nushell with the plugin, in a place of the test's own.

use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use ssmpf_tests::{Finished, TestEnv, process, program};
use tempfile::TempDir;

/// Nushell, the plugin and the program, and an emulated AWS side.
pub struct Nu {
    /// HOME, the emulator, the store.
    pub env: TestEnv,
    folder: TempDir,
}

impl Nu {
    /// With a store that has the key and no connection yet; the plugin is registered.
    pub fn new() -> Self {
        Self::in_env(TestEnv::new().with_store_key())
    }

    /// The same around an environment.
    pub fn in_env(env: TestEnv) -> Self {
        let mut nu = Self { env, folder: programs() };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [nu.folder.path().to_owned()].into_iter().chain(std::env::split_paths(&path));
        let path = std::env::join_paths(folders).expect("no colon in there");
        nu.env.set("PATH", path.to_str().expect("text"));
        nu.env.set("XDG_CONFIG_HOME", &nu.env.home().join(".config").display().to_string());
        nu.ok(&format!("plugin add '{}'", nu.plugin().display()));
        nu
    }

    /// The plugin, with the program beside it.
    pub fn plugin(&self) -> PathBuf {
        self.folder.path().join("nu_plugin_ssmpf")
    }

    /// The program beside the plugin.
    pub fn program(&self) -> PathBuf {
        self.folder.path().join("ssmpf")
    }

    /// Nushell with these arguments.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.env.command(nu());
        command.current_dir(self.env.home());
        command.arg("--plugin-config").arg(self.env.home().join("plugins.msgpackz"));
        command.args(arguments);
        command
    }

    /// Runs a line to its end.
    pub fn run(&self, line: &str) -> Finished {
        process::run(self.command(&["-c", line]))
    }

    /// Runs a line that works, and returns what it printed.
    #[track_caller]
    pub fn ok(&self, line: &str) -> String {
        let done = self.run(line);
        assert!(done.code == Some(0), "{line}\n{}\n{}", done.stdout, done.stderr);
        done.stdout.trim_end().to_owned()
    }

    /// Runs a line that works, and returns its value in Nushell's own notation.
    #[track_caller]
    pub fn value(&self, line: &str) -> String {
        self.ok(&format!("{line} | to nuon"))
    }

    /// Runs a line that fails, and returns the error with its parts.
    #[track_caller]
    pub fn error(&self, line: &str) -> Failure {
        let catching = format!(
            "try {{ {line} | to nuon | ignore }} catch {{|it| $it.details | to json | print; exit 3 }}"
        );
        let done = self.run(&catching);
        assert_eq!(done.code, Some(3), "{line} does not fail so: {done:#?}");
        let error: serde_json::Value = serde_json::from_str(&done.stdout).expect("JSON");
        let text = |field: &serde_json::Value| field.as_str().unwrap_or_default().to_owned();
        let label = &error["labels"][0];
        let at =
            |end: &str| label["location"][end].as_u64().and_then(|at| usize::try_from(at).ok());
        let place = at("start").zip(at("end")).and_then(|(start, end)| catching.get(start..end));
        Failure {
            message: text(&error["msg"]),
            code: text(&error["code"]),
            help: text(&error["help"]),
            label: text(&label["text"]),
            place: place.unwrap_or_default().to_owned(),
        }
    }

    /// Puts a script in the program's place.
    pub fn replace_program(&self, script: &str) {
        use std::os::unix::fs::PermissionsExt;
        fs::remove_file(self.program()).expect("it is there");
        fs::write(self.program(), format!("#!/bin/sh\n{script}\n")).expect("written");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(self.program(), mode).expect("set");
    }

    /// Saves the connections that most tests use: `prod-api`, `prod-db`, `stage-db` and `web`.
    pub fn with_connections(self) -> Self {
        let address = own_address().to_string();
        for line in [
            "add prod-db --target i-0123456789abcdef0 --host orders.internal --kind postgres \
             --local-port 15432 --tag prod --tag db --profile prod --db-user app",
            "add prod-api --target i-0123456789abcdef0 --port 8080 --tag prod --profile prod",
            "add stage-db --target tag:Name=bastion --host orders.stage --kind postgres \
             --tag db --profile staging --region eu-central-1",
            "add web --target i-0123456789abcdef0 --port 80",
        ] {
            let mut words: Vec<&str> = line.split_whitespace().collect();
            words.extend(["--bind", &address]);
            let done = self.env.run(&words);
            assert_eq!(done.code, Some(0), "{done:#?}");
        }
        self
    }
}

/// An error as Nushell has it.
#[derive(Debug)]
pub struct Failure {
    /// The sentence.
    pub message: String,
    /// Its code.
    pub code: String,
    /// What to do.
    pub help: String,
    /// What stands at the place.
    pub label: String,
    /// The text that the label stands below.
    pub place: String,
}

/// A loopback address that no other test has: the ports of connections are always the same.
fn own_address() -> Ipv4Addr {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = std::process::id().wrapping_add(COUNT.fetch_add(1, Ordering::Relaxed));
    let [_, a, b, c] = number.to_be_bytes();
    // Far from the address that everybody uses.
    Ipv4Addr::new(127, a | 64, b, c)
}

/// A folder with the program and the plugin under their own names, beside each other.
fn programs() -> TempDir {
    let built = program("ssmpf");
    let target = built.parent().expect("a folder");
    // Links, which want the same file system: a link by name would be seen through.
    let folder = tempfile::tempdir_in(target).expect("a folder beside the programs");
    for name in ["ssmpf", "nu_plugin_ssmpf"] {
        fs::hard_link(program(name), folder.path().join(name)).expect("a link");
    }
    folder
}

/// The real Nushell, which `tests/run` installs.
pub fn nu() -> PathBuf {
    if let Some(chosen) = std::env::var_os("SSMPF_TESTS_NUSHELL").map(PathBuf::from) {
        return chosen;
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    let packages = cache.unwrap_or_else(home).join("ssmpf/tests-nushell/node_modules/@nushell");
    let builds = fs::read_dir(&packages).into_iter().flatten().flatten();
    let mut programs = builds.map(|it| it.path().join("bin/nu")).filter(|it| it.is_file());
    programs
        .next()
        .unwrap_or_else(|| panic!("no nu in {}; `tests/run` installs it", packages.display()))
}
