//! Flags of what belongs to the user's shell.

use clap::{Args, ValueEnum};

/// Print the completions for a shell
///
/// Packages install them from `completions/`; `ssmpf init` brings them too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    ssmpf completions bash > ~/.local/share/bash-completion/completions/ssmpf\n  \
    ssmpf completions zsh > ~/.zfunc/_ssmpf\n  \
    ssmpf completions fish > ~/.config/fish/completions/ssmpf.fish")]
pub(super) struct CompletionsArgs {
    /// Shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(super) shell: CompletionShell,
}

/// Shells that can complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum CompletionShell {
    Bash,
    Zsh,
    Fish,
    Powershell,
    Elvish,
    Nushell,
}

/// Print what makes ssmpf at home in a shell: completions, keys, functions
///
/// For the end of the shell's startup file.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    eval \"$(ssmpf init bash)\"      # ~/.bashrc\n  \
    eval \"$(ssmpf init zsh)\"       # ~/.zshrc\n  \
    ssmpf init fish | source       # ~/.config/fish/config.fish\n  \
    ^ssmpf init nu | save -f ($nu.user-autoload-dirs.0 | path join ssmpf.nu)   # once")]
pub(super) struct InitArgs {
    /// Shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(super) shell: InitShell,
}

/// Shells with keys and functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum InitShell {
    Bash,
    Zsh,
    Fish,
    #[value(alias = "nushell")]
    Nu,
}

/// Pick from a list on the terminal and print what was picked
///
/// Works while stdout is a pipe: `ssmpf connect $(ssmpf pick)`. Tab marks several with --multi. Leaving
/// without a choice exits with 130.
#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:\n  \
    ssmpf connect $(ssmpf pick)\n  \
    ssmpf pick forwards --multi --print0 | xargs -0 ssmpf down\n  \
    ssmpf add db --target \"$(ssmpf pick targets)\" --port 5432\n  \
    export AWS_PROFILE=$(ssmpf pick profiles)")]
pub(super) struct PickArgs {
    /// What to pick from
    #[arg(value_enum, value_name = "WHAT", default_value = "connections")]
    pub(super) what: PickWhat,
    /// Begin with this typed
    #[arg(long, value_name = "TEXT")]
    pub(super) query: Option<String>,
    /// Any number of them
    #[arg(long)]
    pub(super) multi: bool,
    /// End each name with a NUL instead of a line feed
    #[arg(long)]
    pub(super) print0: bool,
    /// Let keys choose what to do with connections, and print that command first
    #[arg(long)]
    pub(super) with_action: bool,
}

/// What can be picked from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum PickWhat {
    /// Saved connections, those used lately and often first
    #[default]
    Connections,
    /// Forwards in the background
    Forwards,
    /// What `ssmpf targets` found within the last twelve hours
    Targets,
    /// What `ssmpf endpoints` found within the last twelve hours, as HOST:PORT
    Endpoints,
    /// AWS profiles
    Profiles,
}
