//! Candidates for TAB.
//!
//! The functions in `completions/` call the program with `SSMPF_COMPLETE=SHELL ssmpf -- WORD…`, the
//! last word being the one to complete, up to the cursor. This is answered before anything else is
//! set up: no runtime, no AWS SDK, no network, no question, no keyring that would open a window, and
//! nothing on stderr. What cannot be known in this way is left out.

pub(super) mod aws_files;
mod catalogue;
pub(super) mod forwards;
mod found_lately;
mod line;
pub(super) mod regions;
pub(super) mod sources;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::CompletionCandidate;

use self::line::Line;
use super::args::Cli;
use crate::output::printable;

/// Names the shell that asks for candidates.
pub(super) const VARIABLE: &str = "SSMPF_COMPLETE";

/// Prints the candidates if a shell asks for some. `None` if this is an ordinary run.
pub(super) fn answer() -> Option<ExitCode> {
    let shell = std::env::var_os(VARIABLE).filter(|shell| !shell.is_empty())?;
    // Whatever goes wrong, the line that a person is typing stays as it is.
    std::panic::set_hook(Box::new(|_| {}));
    let words = std::env::args_os().skip_while(|word| word != "--").skip(1).collect();
    if let Some(shell) = Format::of(&shell) {
        if shell != Format::Values {
            Line::show_help();
        }
        let text = shell.render(&candidates(words));
        let mut stdout = std::io::stdout().lock();
        // A shell that is gone needs no candidates.
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
    Some(ExitCode::SUCCESS)
}

/// Returns the candidates for the last of these words.
fn candidates(words: Vec<OsString>) -> Vec<CompletionCandidate> {
    let Some(index) = words.len().checked_sub(1) else { return Vec::new() };
    Line::remember(&words);
    let empty = words[index].is_empty();
    let folder = std::env::current_dir().ok();
    let mut command = Cli::command();
    let found = clap_complete::engine::complete(&mut command, words, index, folder.as_deref());
    let mut found = found.unwrap_or_default();
    // Flags are offered when a `-` is typed, or when there is nothing else.
    let is_flag = |it: &CompletionCandidate| it.get_value().as_encoded_bytes().starts_with(b"-");
    if empty && found.iter().any(|it| !is_flag(it)) {
        found.retain(|it| !is_flag(it));
    }
    // A line break would make two candidates of one, and a control character none of any use.
    found.retain(|it| !it.get_value().to_string_lossy().contains(char::is_control));
    found
}

/// How a shell wants to read candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    /// One value per line.
    Values,
    /// A value, a tab, a line about it.
    WithHelp,
    /// What zsh's `_describe` reads: `value:help`, colons in the value escaped.
    Zsh,
}

impl Format {
    fn of(shell: &OsStr) -> Option<Self> {
        match shell.to_str()? {
            "bash" | "elvish" => Some(Format::Values),
            "fish" | "powershell" | "nushell" => Some(Format::WithHelp),
            "zsh" => Some(Format::Zsh),
            _ => None,
        }
    }

    fn render(self, candidates: &[CompletionCandidate]) -> String {
        let mut text = String::new();
        for candidate in candidates {
            let value = candidate.get_value().to_string_lossy();
            let help = candidate.get_help().filter(|_| self != Format::Values);
            let help = help.map(|help| help.to_string());
            let help = help.as_deref().and_then(|help| help.lines().next()).unwrap_or_default();
            let help = printable::one_line(help);
            match self {
                Format::Values => text.push_str(&value),
                Format::WithHelp => {
                    text.push_str(&value);
                    if !help.is_empty() {
                        text.push('\t');
                        text.push_str(&help.replace('\t', " "));
                    }
                }
                Format::Zsh => {
                    text.push_str(&value.replace('\\', "\\\\").replace(':', "\\:"));
                    if !help.is_empty() {
                        text.push(':');
                        text.push_str(&help.replace('\\', "\\\\"));
                    }
                }
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(value: &str, help: &str) -> CompletionCandidate {
        CompletionCandidate::new(value).help(Some(help.to_owned().into()))
    }

    #[test]
    fn each_shell_gets_its_own_form() {
        let some = [candidate("tag:a=b", "one: two\nthree"), candidate("x", "")];
        let shown = |shell: &str| Format::of(OsStr::new(shell)).expect("known").render(&some);
        assert_eq!(shown("bash"), "tag:a=b\nx\n");
        assert_eq!(shown("fish"), "tag:a=b\tone: two\nx\n");
        assert_eq!(shown("zsh"), "tag\\:a=b:one: two\nx\n");
        assert_eq!(Format::of(OsStr::new("tcsh")), None);
    }

    #[test]
    fn what_is_written_about_a_candidate_cannot_steer_the_terminal() {
        let shown = Format::WithHelp.render(&[candidate("x", "a\u{1b}[31mb\tc")]);
        assert!(!shown.contains('\u{1b}'), "{shown:?}");
        assert_eq!(shown.matches('\t').count(), 1, "{shown:?}");
    }
}
