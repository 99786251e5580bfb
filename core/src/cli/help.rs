//! `ssmpf help`: commands as clap explains them, and topics that belong to no command.

use clap::CommandFactory;
use serde::Serialize;
use ssmpf_schema::{ErrorKind, ExitCode, SCHEMA};

use super::args::Cli;
use super::env::VARIABLES;
use super::error::Failure;
use crate::near;

/// Topics besides the commands.
pub(super) const TOPICS: [&str; 2] = ["exit-codes", "environment"];

#[derive(Serialize)]
struct ExitCodes {
    schema: &'static str,
    exit_codes: Vec<Code>,
}

#[derive(Serialize)]
struct Code {
    code: u8,
    meaning: &'static str,
}

/// Returns the text about `topic`, or about everything.
pub(super) fn text(topic: Option<&str>, json: bool) -> Result<String, Failure> {
    match topic {
        None => Ok(command_help(Cli::command())),
        Some("exit-codes") if json => Ok(exit_codes_json()),
        Some("exit-codes") => Ok(exit_codes()),
        Some("environment") => Ok(environment()),
        Some(name) => {
            let mut command = Cli::command();
            command.build();
            match command.find_subcommand(name) {
                Some(found) => Ok(command_help(found.clone())),
                None => Err(unknown(name, &command)),
            }
        }
    }
}

fn command_help(mut command: clap::Command) -> String {
    command.render_long_help().to_string()
}

fn exit_codes() -> String {
    ExitCode::ALL.iter().map(|code| format!("{:>3}  {}\n", code.number(), code.meaning())).collect()
}

fn exit_codes_json() -> String {
    let codes =
        ExitCode::ALL.iter().map(|code| Code { code: code.number(), meaning: code.meaning() });
    let document = ExitCodes { schema: SCHEMA, exit_codes: codes.collect() };
    // Numbers and strings always serialize.
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

fn environment() -> String {
    let variables = VARIABLES.iter();
    variables.map(|v| format!("{}\n    {}\n", v.name, v.meaning)).collect()
}

fn unknown(name: &str, command: &clap::Command) -> Failure {
    let commands = command.get_subcommands().map(clap::Command::get_name);
    let hint = match near::closest(name, commands.chain(TOPICS)) {
        Some(near) => format!("did you mean `ssmpf help {near}`?"),
        None => format!("besides the commands there are: {}", TOPICS.join(", ")),
    };
    Failure::new(ErrorKind::Usage, format!("there is no help about `{name}`"), Some(hint))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_code_is_explained() {
        let text = text(Some("exit-codes"), false).expect("a topic");
        assert_eq!(text.lines().count(), ExitCode::ALL.len());
        assert!(text.contains("\n  8  local port busy"), "{text}");
        assert!(text.contains("\n130  cut short"), "{text}");
    }

    #[test]
    fn commands_are_explained_by_name() {
        let text = text(Some("forward"), false).expect("a command");
        assert!(text.contains("--local-port"), "{text}");
        assert!(!text.contains("--max-payload"), "{text}");
    }

    #[test]
    fn a_mistyped_topic_brings_the_near_one() {
        let failure = text_error("exit-code");
        assert!(failure.contains("did you mean `ssmpf help exit-codes`?"), "{failure}");
    }

    fn text_error(topic: &str) -> String {
        let failure = text(Some(topic), false).expect_err("no such topic");
        failure.for_people(crate::output::Style::default())
    }
}
