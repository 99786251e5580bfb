//! Failures as Nushell shows them: the core's sentence, the word it is about, the hint as help.
//!
//! The code of an error is `ssmpf::` and the core's kind, such as `ssmpf::not-found`. The plugin's own:
//! `ssmpf::program-missing`, `ssmpf::core-too-old`, `ssmpf::core-too-new`, `ssmpf::input`.

use std::path::Path;

use nu_protocol::{LabeledError, ShellError, Span};
use serde::Deserialize;
use ssmpf_schema::SCHEMA;

/// Something that was typed, or came through the pipe, and was given to the core.
#[derive(Clone, Debug)]
pub struct Word {
    /// Its text.
    pub text: String,
    /// The flag that it belongs to; none for an argument.
    pub flag: Option<&'static str>,
    /// Where it stands.
    pub span: Span,
}

/// Where things stand on the line that is run.
#[derive(Clone, Debug)]
pub struct Line {
    /// The command.
    pub head: Span,
    /// What it was given.
    pub words: Vec<Word>,
}

impl Line {
    /// Returns the place that a sentence of the core is about.
    ///
    /// The core puts names, values and flags between backticks. A value can also stand free in the
    /// sentence. If nothing of that is there, a single argument is meant, or else the command.
    fn place_of(&self, sentence: &str) -> Span {
        let quoted: Vec<&str> = sentence.split('`').skip(1).step_by(2).collect();
        let by_text = self.words.iter().find(|it| quoted.contains(&it.text.as_str()));
        let by_flag = || {
            self.words.iter().find(|it| {
                it.flag.is_some_and(|flag| {
                    let flag = format!("--{flag}");
                    let is_it = |word: &str| {
                        word.strip_prefix(&flag).is_some_and(|rest| {
                            !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-')
                        })
                    };
                    quoted.iter().any(|word| is_it(word))
                        || sentence
                            .split_whitespace()
                            .any(|word| is_it(word.trim_start_matches('\'')))
                })
            })
        };
        let free = || self.words.iter().find(|it| stands_in(sentence, &it.text));
        let mut arguments = self.words.iter().filter(|it| it.flag.is_none());
        let only = || arguments.next().filter(|_| arguments.next().is_none());
        by_text.or_else(by_flag).or_else(free).or_else(only).map_or(self.head, |it| it.span)
    }
}

/// Whether a text stands in a sentence as a word of its own.
fn stands_in(sentence: &str, text: &str) -> bool {
    let inner = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    !text.is_empty()
        && sentence.match_indices(text).any(|(at, _)| {
            !sentence[..at].ends_with(inner) && !sentence[at + text.len()..].starts_with(inner)
        })
}

/// What the core says when it fails. The kind is text, because a newer core may know more of them.
#[derive(Clone, Debug, Deserialize)]
pub struct CoreFailure {
    /// The stable word for it.
    pub kind: String,
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// What lies beneath.
    #[serde(default)]
    pub causes: Vec<String>,
}

impl CoreFailure {
    /// Returns it as Nushell shows it.
    pub fn labeled(&self, line: &Line) -> LabeledError {
        let label = self.kind.replace('-', " ");
        let mut error = LabeledError::new(&self.message)
            .with_code(format!("ssmpf::{}", self.kind))
            .with_label(label, line.place_of(&self.message));
        if let Some(help) = self.help() {
            error = error.with_help(help);
        }
        for cause in self.causes.iter().filter(|it| !self.message.contains(it.as_str())) {
            error = error.with_inner(ShellError::from(LabeledError::new(cause)));
        }
        error
    }

    /// The core's hint, and what is different here: nothing is asked.
    fn help(&self) -> Option<String> {
        let more = match self.kind.as_str() {
            "store-locked" => {
                Some("the plugin asks nothing: `^ssmpf unlock` keeps the key for this session")
            }
            _ => None,
        };
        let texts: Vec<&str> = self.hint.as_deref().into_iter().chain(more).collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }
}

/// The program is not there.
pub fn program_missing(looked: &[String], head: Span) -> LabeledError {
    LabeledError::new("the program `ssmpf` was not found")
        .with_code("ssmpf::program-missing")
        .with_label("needs the program", head)
        .with_help(format!(
            "looked for {}; put it beside the plugin or into PATH, or name it: \
             $env.config.plugins.ssmpf.path = \"/path/of/ssmpf\"",
            looked.join(", ")
        ))
}

/// The program is there and cannot be started.
pub fn program_failed(program: &Path, error: &std::io::Error, head: Span) -> LabeledError {
    LabeledError::new(format!("{} cannot be started: {error}", program.display()))
        .with_code("ssmpf::program-missing")
        .with_label("needs the program", head)
        .with_help("check that it is a program for this machine, and that it may be executed")
}

/// The core speaks an older language, or none that is known.
pub fn core_too_old(program: &Path, what: &str, head: Span) -> LabeledError {
    LabeledError::new(format!("{} is too old for this plugin: {what}", program.display()))
        .with_code("ssmpf::core-too-old")
        .with_label("not understood by the program", head)
        .with_help(format!(
            "install ssmpf {} or later, which speaks {SCHEMA}; plugin and program are released together",
            env!("CARGO_PKG_VERSION")
        ))
}

/// The core speaks a newer language.
pub fn core_too_new(program: &Path, schema: &str, head: Span) -> LabeledError {
    LabeledError::new(format!(
        "{} is too new for this plugin: it speaks {schema}, the plugin {SCHEMA}",
        program.display()
    ))
    .with_code("ssmpf::core-too-new")
    .with_label("answered in a newer schema", head)
    .with_help(format!(
        "install the nu_plugin_ssmpf of the same release as the program (this one is {}), then run \
         `plugin add` again",
        env!("CARGO_PKG_VERSION")
    ))
}

/// What came through the pipe or was typed makes no sense.
pub fn input(message: impl Into<String>, label: &str, span: Span, help: &str) -> LabeledError {
    LabeledError::new(message).with_code("ssmpf::input").with_label(label, span).with_help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, flag: Option<&'static str>, at: usize) -> Word {
        Word { text: text.to_owned(), flag, span: Span::new(at, at + 1) }
    }

    fn place(sentence: &str, words: &[Word]) -> usize {
        Line { head: Span::new(0, 1), words: words.to_vec() }.place_of(sentence).start
    }

    #[test]
    fn the_word_is_the_one_that_the_sentence_is_about() {
        let words = [word("prod-db", None, 10), word("web", None, 20), word("0", Some("port"), 30)];
        assert_eq!(place("there is no connection named `web`", &words), 20);
        assert_eq!(place("`--port` must be 1 to 65535", &words), 30);
        assert_eq!(place("port 0 is not possible", &words), 30);
        assert_eq!(place("invalid value '0' for '--port <PORT>'", &words), 30);
        assert_eq!(place("something else", &words), 0);
        assert_eq!(place("something else", &words[..1]), 10);
        assert_eq!(place("prod-db-2 is up", &words), 0, "a part of a word is another word");
    }

    #[test]
    fn kind_sentence_hint_and_causes_are_all_there() {
        let failure = CoreFailure {
            kind: "store-locked".to_owned(),
            message: "the store is locked".to_owned(),
            hint: Some("unlock it".to_owned()),
            causes: vec!["no key".to_owned(), "locked".to_owned()],
        };
        let error = failure.labeled(&Line { head: Span::new(3, 5), words: Vec::new() });
        assert_eq!(error.msg, "the store is locked");
        assert_eq!(error.code.as_deref(), Some("ssmpf::store-locked"));
        assert_eq!(
            (error.labels[0].text.as_str(), error.labels[0].span),
            ("store locked", Span::new(3, 5))
        );
        let help = error.help.expect("help");
        assert!(help.starts_with("unlock it\n") && help.contains("^ssmpf unlock"), "{help}");
        assert_eq!(error.inner.len(), 1, "a cause that only repeats is left out");
    }
}
