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
    ssmpf init fish | source       # ~/.config/fish/config.fish")]
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
}
