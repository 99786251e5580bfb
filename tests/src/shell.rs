//! The shells that people use, on a terminal of the test's own.

use std::path::PathBuf;
use std::process::Command;

use crate::{Terminal, TestEnv, program};

/// What the prompt of every shell ends with.
pub const PROMPT: &str = "ready> ";

/// A shell with keys and completions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// GNU bash.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

impl Shell {
    /// All of them. Tests fail where one is missing: `tests/run` installs them.
    pub const ALL: [Shell; 3] = [Shell::Bash, Shell::Zsh, Shell::Fish];

    /// The name of its program, and what `init` and `completions` call it.
    pub fn name(self) -> &'static str {
        match self {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
        }
    }

    /// The line of a startup file that loads everything.
    pub fn init_line(self) -> &'static str {
        match self {
            Shell::Bash => "eval \"$(ssmpf init bash)\"",
            Shell::Zsh => "eval \"$(ssmpf init zsh)\"",
            Shell::Fish => "ssmpf init fish | source",
        }
    }

    /// Starts it with everything loaded, as in a startup file of one line.
    pub fn start(self, env: &TestEnv) -> Terminal {
        self.start_with(env, "", self.init_line())
    }

    /// Starts it with a startup file of these lines before and after what makes it fit for tests,
    /// and waits for its prompt.
    pub fn start_with(self, env: &TestEnv, before: &str, after: &str) -> Terminal {
        let mut terminal = Terminal::start(&self.command(env, before, after));
        terminal.wait_for(PROMPT);
        terminal
    }

    /// The command that starts it so.
    pub fn command(self, env: &TestEnv, before: &str, after: &str) -> Command {
        let home = env.home();
        let mut command = env.command(self.name());
        command.env("PATH", path(env)).current_dir(home);
        let (file, prompt) = match self {
            Shell::Bash => {
                command.args(["--rcfile", home.join("rc").to_str().expect("text"), "-i"]);
                (home.join("rc"), format!("PS1='{PROMPT}'; unset HISTFILE"))
            }
            Shell::Zsh => {
                command.env("ZDOTDIR", home).arg("-i");
                let setup = "autoload -Uz compinit; compinit -u -D; unsetopt prompt_sp";
                (home.join(".zshrc"), format!("PROMPT='{PROMPT}'; {setup}"))
            }
            Shell::Fish => {
                let folder = home.join(".config/fish");
                std::fs::create_dir_all(&folder).expect("a folder");
                let setup = format!("function fish_prompt; printf '{PROMPT}'; end");
                // What was typed before would stand behind the cursor as a suggestion.
                let quiet = "set -g fish_greeting\nset -g fish_autosuggestion_enabled 0";
                (folder.join("config.fish"), format!("{quiet}\n{setup}"))
            }
        };
        std::fs::write(file, format!("{before}\n{prompt}\n{after}\n")).expect("written");
        command
    }

    /// Runs a script in it, without a terminal.
    pub fn run(self, env: &TestEnv, script: &str) -> crate::Finished {
        let mut command = env.command(self.name());
        command.env("PATH", path(env)).current_dir(env.home()).args(["-c", script]);
        crate::process::run(command)
    }
}

/// PATH with the program under its own name in front.
fn path(env: &TestEnv) -> std::ffi::OsString {
    let folder = env.home().join("bin");
    let link = folder.join("ssmpf");
    if !link.exists() {
        std::fs::create_dir_all(&folder).expect("a folder");
        std::os::unix::fs::symlink(program("ssmpf"), link).expect("a link");
    }
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder).chain(std::env::split_paths(&rest));
    std::env::join_paths(folders.collect::<Vec<PathBuf>>()).expect("no colon in there")
}
