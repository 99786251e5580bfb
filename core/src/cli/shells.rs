//! What `completions` and `init` print.
//!
//! The functions for bash, zsh and fish are files of their own, which those shells' linters read. They
//! know no flag: for each TAB they ask the program. The other shells' come from `clap_complete`.

use clap::CommandFactory;
use clap_complete::env::Shells;
use clap_complete_nushell::Nushell;

use super::args::Cli;
use super::args_shell::{CompletionShell, InitShell};
use super::complete;
use super::env::Environment;

const BASH_COMPLETIONS: &str = include_str!("../../../completions/ssmpf.bash");
const ZSH_COMPLETIONS: &str = include_str!("../../../completions/_ssmpf");
const FISH_COMPLETIONS: &str = include_str!("../../../completions/ssmpf.fish");
const BASH: &str = include_str!("../../../shell/ssmpf.bash");
const ZSH: &str = include_str!("../../../shell/ssmpf.zsh");
const FISH: &str = include_str!("../../../shell/ssmpf.fish");
const NU: &str = include_str!("../../../shell/ssmpf.nu");

/// Settings of the widgets: what is set when `init` runs is printed in front of the file.
pub(super) const SETTINGS: [&str; 3] = ["SSMPF_KEY_INSERT", "SSMPF_KEY_CONNECT", "SSMPF_FUNCTION"];

/// Returns the completions for a shell.
pub(super) fn completions(shell: CompletionShell) -> String {
    match shell {
        CompletionShell::Bash => BASH_COMPLETIONS.to_owned(),
        CompletionShell::Zsh => ZSH_COMPLETIONS.to_owned(),
        CompletionShell::Fish => FISH_COMPLETIONS.to_owned(),
        CompletionShell::Powershell => registration("powershell"),
        CompletionShell::Elvish => registration("elvish"),
        CompletionShell::Nushell => {
            let mut text = Vec::new();
            clap_complete::generate(Nushell, &mut Cli::command(), "ssmpf", &mut text);
            tidy(&text)
        }
    }
}

/// A few lines that call the program for candidates, as `clap_complete` writes them.
fn registration(shell: &str) -> String {
    let mut text = Vec::new();
    if let Some(shell) = Shells::builtins().completer(shell) {
        // A vector takes everything.
        let _ = shell.write_registration(complete::VARIABLE, "ssmpf", "ssmpf", "ssmpf", &mut text);
    }
    tidy(&text)
}

/// No blanks at the ends of lines and of the file.
fn tidy(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
    lines.join("\n") + "\n"
}

/// Returns what a shell evaluates at its start: the user's settings, then the files.
pub(super) fn init(shell: InitShell, environment: &Environment) -> String {
    let files = match shell {
        InitShell::Bash => [BASH_COMPLETIONS, BASH],
        InitShell::Zsh => [ZSH_COMPLETIONS, ZSH],
        InitShell::Fish => [FISH_COMPLETIONS, FISH],
        InitShell::Nu => return nu(environment),
    };
    let mut text = String::new();
    for name in SETTINGS {
        // An empty one means something: no key.
        if let Some(value) = environment.get_even_if_empty(name) {
            // Every character of it is taken as it is.
            text.push_str(&match shell {
                InitShell::Fish => {
                    let value = value.replace('\\', "\\\\").replace('\'', "\\'");
                    format!("set -g {name} '{value}'\n")
                }
                _ => format!("{name}='{}'\n", value.replace('\'', "'\\''")),
            });
        }
    }
    text.push_str(&files.concat());
    text
}

/// Nushell's file is saved once and reads the keys whenever it is loaded. Only the name of the function
/// has to be known before, because Nushell knows all names before it runs anything.
fn nu(environment: &Environment) -> String {
    let name = environment.get_even_if_empty("SSMPF_FUNCTION").unwrap_or("sf");
    let mut letters = name.chars();
    let is_name = letters.next().is_some_and(|it| it.is_ascii_alphabetic() || it == '_')
        && letters.all(|it| it.is_ascii_alphanumeric() || it == '_' || it == '-');
    match is_name {
        true => format!("{NU}\nalias {name} = __ssmpf go\n"),
        false => NU.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use clap::ValueEnum;

    use super::*;

    /// `SSMPF_TESTS_REWRITE=1` on this test writes the generated files again.
    #[test]
    fn the_committed_completions_are_those_that_the_program_prints() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../completions");
        for shell in CompletionShell::value_variants() {
            let name = match shell {
                CompletionShell::Bash => "ssmpf.bash",
                CompletionShell::Zsh => "_ssmpf",
                CompletionShell::Fish => "ssmpf.fish",
                CompletionShell::Powershell => "ssmpf.ps1",
                CompletionShell::Elvish => "ssmpf.elv",
                CompletionShell::Nushell => "ssmpf.nu",
            };
            let (file, printed) = (folder.join(name), completions(*shell));
            if std::env::var_os("SSMPF_TESTS_REWRITE").is_some() {
                std::fs::write(&file, &printed).expect("written");
            }
            let committed = std::fs::read_to_string(&file).unwrap_or_default();
            assert!(
                committed == printed,
                "{name} is old: run this test with SSMPF_TESTS_REWRITE=1 and commit the file"
            );
        }
    }

    #[test]
    fn settings_stand_in_front_and_cannot_be_more_than_values() {
        let environment = Environment::from([("SSMPF_KEY_INSERT", "^G'; reboot '\\")]);
        let bash = init(InitShell::Bash, &environment);
        assert!(bash.starts_with("SSMPF_KEY_INSERT='^G'\\''; reboot '\\''\\'\n"), "{bash}");
        let fish = init(InitShell::Fish, &environment);
        assert!(fish.starts_with("set -g SSMPF_KEY_INSERT '^G\\'; reboot \\'\\\\'\n"), "{fish}");
        let named =
            |name: &str| init(InitShell::Nu, &Environment::from([("SSMPF_FUNCTION", name)]));
        assert!(named("pf").ends_with("\nalias pf = __ssmpf go\n"));
        assert_eq!(named("pf = reboot"), NU);
        assert_eq!(named(""), NU);
        let off = Environment::from([("SSMPF_KEY_CONNECT", "")]);
        assert!(init(InitShell::Zsh, &off).starts_with("SSMPF_KEY_CONNECT=''\n"));
    }
}
