//! A connection in other tools' words: exactly what would be called, and the way out.
//!
//! Everything here is text made from a connection: nothing is looked up. Where a target has to be
//! found first, the text contains the call that finds it.

mod aws_cli;
mod client;
mod environment;
mod kubeconfig;
mod ssh_config;

use std::fmt;
use std::str::FromStr;

use ssmpf_model::{Connection, ConnectionName, InvalidInput, near};

pub use client::{jdbc, uri};
pub use environment::environment;

/// Whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// The AWS CLI's: a command line.
    AwsCli,
    /// OpenSSH's: an entry of `~/.ssh/config`.
    SshConfig,
    /// A shell's: variables that clients read.
    Env,
    /// A client's: a URI.
    Uri,
    /// A Java client's: a JDBC URL.
    Jdbc,
    /// kubectl's: a kubeconfig file.
    Kubeconfig,
}

impl As {
    /// Every form and its word.
    pub const ALL: [(As, &'static str); 6] = [
        (As::AwsCli, "aws-cli"),
        (As::SshConfig, "ssh-config"),
        (As::Env, "env"),
        (As::Uri, "uri"),
        (As::Jdbc, "jdbc"),
        (As::Kubeconfig, "kubeconfig"),
    ];

    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(form, _)| *form == self).map_or("", |(_, word)| word)
    }
}

impl FromStr for As {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().find(|(_, word)| *word == text);
        found.map(|(form, _)| *form).ok_or_else(|| {
            let words = || Self::ALL.iter().map(|(_, word)| *word);
            let all = words().collect::<Vec<_>>().join(", ");
            let hint = match near::closest(text, words()) {
                Some(near) => format!("did you mean `{near}`? Known are: {all}"),
                None => format!("known are: {all}"),
            };
            InvalidInput::new(format!("a connection cannot be shown as `{text}`"), hint)
        })
    }
}

impl fmt::Display for As {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Returns a connection in the words of `form`, with a line end.
pub fn render(
    name: &ConnectionName,
    connection: &Connection,
    form: As,
) -> Result<String, InvalidInput> {
    let mut text = match form {
        As::AwsCli => aws_cli::render(connection)?,
        As::SshConfig => ssh_config::render(name, connection)?,
        As::Env => environment(name, connection)
            .iter()
            .map(|(name, value)| format!("export {name}={}", quoted(value)))
            .collect::<Vec<_>>()
            .join("\n"),
        As::Uri => uri(connection),
        As::Jdbc => jdbc(connection)?,
        As::Kubeconfig => kubeconfig::render(name, connection)?,
    };
    text.push('\n');
    Ok(text)
}

/// Returns a word as a POSIX shell reads it: bare if nothing in it is special, else in quotes.
pub fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:=,@+%".contains(&byte);
    // zsh gives a `=` in front a meaning of its own.
    if !word.is_empty() && !word.starts_with('=') && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
#[path = "../show_tests.rs"]
mod tests;
