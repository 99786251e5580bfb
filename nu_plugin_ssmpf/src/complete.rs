//! Candidates for TAB: the core's own, by the same call as from the other shells.
//!
//! It reads what lies on this machine, asks nothing and says nothing; when something is missing there
//! are no candidates.

use std::time::Duration;

use nu_plugin::{DynamicCompletionCall, EngineInterface};
use nu_protocol::ast::{Argument, Expr, Expression};
use nu_protocol::engine::ArgType;
use nu_protocol::{DynamicSuggestion, Span};

use crate::call::Surroundings;
use crate::spec::{Count, Spec, Takes};

/// The variable that has the core print candidates, and what to write them for.
const VARIABLE: (&str, &str) = ("SSMPF_COMPLETE", "nushell");
/// Longest wait for candidates. A person is typing.
const PATIENCE: Duration = Duration::from_secs(2);

/// Returns the candidates; none where Nushell knows better, as for files.
pub fn suggestions(
    spec: &Spec,
    engine: &EngineInterface,
    call: &DynamicCompletionCall,
    argument: &ArgType<'_>,
) -> Option<Vec<DynamicSuggestion>> {
    let words = words(spec, call, argument)?;
    Some(ask(engine, words).unwrap_or_default())
}

fn ask(engine: &EngineInterface, words: Vec<String>) -> Option<Vec<DynamicSuggestion>> {
    let mut surroundings = Surroundings::of(engine, Span::unknown()).ok()?;
    surroundings.set(VARIABLE.0, VARIABLE.1);
    let process = surroundings.plain(words, None).start(false).ok()?;
    let stopper = process.stopper();
    let (done, wait) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        if wait.recv_timeout(PATIENCE).is_err() {
            stopper.kill();
        }
    });
    let (text, _) = process.document().ok()?;
    // The watcher is gone only if it has waited for too long.
    let _ = done.send(());
    let text = String::from_utf8(text).ok()?;
    // Flags are Nushell's to complete.
    let lines = text.lines().filter(|line| !line.starts_with('-'));
    Some(lines.map(suggestion).collect())
}

/// A candidate, and after a tab a line about it.
fn suggestion(line: &str) -> DynamicSuggestion {
    let (value, about) = line.split_once('\t').unwrap_or((line, ""));
    DynamicSuggestion {
        value: value.to_owned(),
        description: (!about.is_empty()).then(|| about.to_owned()),
        // Of `tag:` and the like the rest is still to be typed.
        append_whitespace: !value.ends_with(':'),
        ..DynamicSuggestion::default()
    }
}

/// Returns the command line as the core would see it, with an empty word where the cursor is: Nushell
/// chooses among the candidates by what is typed. None where the core has no candidates.
fn words(spec: &Spec, call: &DynamicCompletionCall, at: &ArgType<'_>) -> Option<Vec<String>> {
    let mut words = vec!["--".to_owned(), "ssmpf".to_owned()];
    words.extend(spec.words.iter().map(|it| (*it).to_owned()));
    let asked = match at {
        ArgType::Flag(name) => {
            let flag = spec.all_flags().find(|it| it.name == name)?;
            if !flag.is_core || matches!(flag.takes, Takes::Nothing | Takes::File) {
                return None;
            }
            Some(flag.name)
        }
        ArgType::Positional(at) => {
            let last = spec.arguments.last();
            let rest = last.filter(|it| matches!(it.count, Count::Any | Count::Some));
            spec.arguments.get(*at).or(rest).filter(|it| it.completes)?;
            None
        }
    };
    let mut position = 0;
    for argument in &call.call.arguments {
        match argument {
            Argument::Named((name, _, value)) if Some(name.item.as_str()) != asked => {
                // Switches do not matter for any candidate.
                if let Some(value) = value.as_ref().and_then(text) {
                    words.push(format!("--{}={value}", name.item));
                }
            }
            Argument::Positional(value) => {
                let is_here = matches!(at, ArgType::Positional(at) if *at == position);
                position += 1;
                words.extend(text(value).filter(|_| !is_here));
            }
            _ => {}
        }
    }
    words.extend(asked.map(|flag| format!("--{flag}")));
    words.push(String::new());
    Some(words)
}

/// Returns what was typed, where that is known before it is run.
fn text(value: &Expression) -> Option<String> {
    match &value.expr {
        Expr::String(text) | Expr::RawString(text) | Expr::Filepath(text, _) => Some(text.clone()),
        Expr::Int(number) => Some(number.to_string()),
        _ => None,
    }
}
