//! Runs the command that argv asks for and turns its result into an exit code.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use clap::Parser;
use clap::error::ErrorKind as ClapErrorKind;
use ssmpf_schema::{ErrorKind, ExitCode};

use super::args::{Cli, Command, Global};
use super::env::Environment;
use super::error::Failure;
use super::pick::Wish;
use super::{
    background, catalogue, complete, finding, guide, help, keep, old_script, pick, settings,
    shells, sign_in, tunnel,
};
use crate::model::InvalidInput;
use crate::output::Style;
use crate::output::printable::printable;
use crate::output::text::Text;

/// Runs the program with the arguments of this process.
pub fn main() -> std::process::ExitCode {
    if let Some(code) = complete::answer() {
        return code;
    }
    let since = Instant::now();
    if keep::is_asked_for() {
        let code = keep::run(since).unwrap_or_else(|error| show(&error, Style::default(), false));
        return u8::from(code).into();
    }
    let arguments = old_script::translated(std::env::args_os().collect());
    u8::from(run(&arguments, since)).into()
}

fn run(arguments: &[OsString], since: Instant) -> ExitCode {
    let environment = Environment::of_process();
    let terminal = io::stderr().is_terminal();
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return refuse(&error, arguments),
    };
    let early_style = settings::style(cli.global.color.map(Into::into), &environment, terminal);
    let mut settings = match settings::resolve(&cli.global, &environment, terminal) {
        Ok(settings) => settings,
        Err(error) => return show(&error.into(), early_style, cli.global.json),
    };
    let (style, json) = (settings.style, settings.is_json());
    if !settings.quiet {
        for warning in &settings.warnings {
            // If that is impossible, there is nobody to warn.
            let _ = writeln!(io::stderr(), "{}: {}", style.warning("warning"), printable(warning));
        }
    }
    settings.aws.guide = guide::of_process(&cli.global, &environment, style);
    let several = matches!(
        cli.command,
        Some(Command::Targets(_) | Command::Endpoints(_) | Command::Sessions(_))
    );
    if !several && let Err(error) = one_place(&cli.global) {
        return show(&error.into(), style, json);
    }
    let result = match cli.command {
        None => match pick::without_command(&cli.global, &settings) {
            Ok(Wish::Help) => help::text(None, false).and_then(print),
            Ok(Wish::Nothing(code)) => Ok(code),
            // The chosen command stands behind the flags that were given, as if it had been typed.
            Ok(Wish::Command(words)) => return run(&[arguments, &words].concat(), since),
            Err(failure) => Err(failure),
        },
        Some(Command::Help(args)) => help::text(args.topic.as_deref(), json).and_then(print),
        Some(Command::Pick(args)) => {
            pick::run(&args, &cli.global, &settings).and_then(|picked| match picked {
                Some(text) => print(text),
                None => Ok(ExitCode::Interrupted),
            })
        }
        Some(Command::Prompt) => print(pick::prompt()),
        Some(Command::Completions(args)) => print(shells::completions(args.shell)),
        Some(Command::Init(args)) => print(shells::init(args.shell, &environment)),
        Some(Command::Forward(args)) => tunnel::forward(&args, &settings, since),
        Some(Command::Connect(args)) => tunnel::connect(&args, &cli.global, &settings, since),
        Some(Command::Profiles) => sign_in::list(&settings).and_then(print),
        Some(Command::Login(args)) => sign_in::login(&args, &cli.global, &settings).and_then(print),
        Some(Command::Logout(args)) => {
            sign_in::logout(&args, &cli.global, &settings).and_then(print)
        }
        Some(Command::Service(args)) => background::service(&args, &settings),
        Some(
            command @ (Command::Up(_)
            | Command::Down(_)
            | Command::Restart(_)
            | Command::Status(_)
            | Command::Logs(_)
            | Command::Wait(_)),
        ) => background::Runner::new(&cli.global, &settings).and_then(|runner| match &command {
            Command::Up(args) => runner.up(args),
            Command::Down(args) => runner.down(args),
            Command::Restart(args) => runner.restart(args),
            Command::Status(args) => runner.status(args),
            Command::Logs(args) => runner.logs(args),
            Command::Wait(args) => runner.wait(args),
            _ => Ok(ExitCode::Success),
        }),
        Some(Command::Targets(args)) => finding::targets(&args, &cli.global, &settings),
        Some(Command::Endpoints(args)) => finding::endpoints(&args, &cli.global, &settings),
        Some(Command::Sessions(args)) => finding::sessions(&args, &cli.global, &settings),
        Some(command) => catalogue::run(command, &cli.global, &settings).and_then(print),
    };
    match result {
        Ok(code) => code,
        Err(failure) => show(&failure, style, json),
    }
}

/// Refuses several profiles or regions where only one makes sense.
pub(super) fn one_place(global: &Global) -> Result<(), InvalidInput> {
    let given = [("--profile", &global.profile), ("--region", &global.region)];
    match given.into_iter().find(|(_, values)| values.len() > 1) {
        None => Ok(()),
        Some((flag, _)) => Err(InvalidInput::new(
            format!("`{flag}` is given more than once"),
            "only `targets`, `endpoints` and `sessions` look at several places",
        )),
    }
}

/// Writes a result to stdout. A reader that is gone has read enough.
fn print(text: impl Into<Text>) -> Result<ExitCode, Failure> {
    let text = text.into();
    let written = text.write_to(io::stdout().lock());
    // The process is about to end, which gives back all of its memory at once; megabytes in pieces
    // take longer.
    std::mem::forget(text);
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::Success),
    }
}

/// Writes a failure to stderr; if that is impossible, the exit code has to do.
fn show(failure: &Failure, style: Style, json: bool) -> ExitCode {
    let text = if json { failure.as_json() } else { failure.for_people(style) };
    let mut stderr = io::stderr().lock();
    let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
    failure.exit_code()
}

/// Shows what clap has to say: help and version on stdout, anything else as a failure.
fn refuse(error: &clap::Error, arguments: &[OsString]) -> ExitCode {
    match error.kind() {
        ClapErrorKind::DisplayHelp | ClapErrorKind::DisplayVersion => {
            // A closed pipe is a success here too.
            let _ = error.print();
            ExitCode::Success
        }
        _ if asks_for_json(arguments) => {
            let text = error.render().to_string();
            let sentence = text.lines().next().unwrap_or_default();
            let sentence = sentence.strip_prefix("error: ").unwrap_or(sentence);
            let hint = "`ssmpf help` shows how it is meant";
            let failure = Failure::new(ErrorKind::Usage, sentence, Some(hint.to_owned()));
            show(&failure, Style::default(), true)
        }
        _ => {
            let _ = error.print();
            ExitCode::Usage
        }
    }
}

/// Whether JSON was asked for on a command line that could not be parsed.
fn asks_for_json(arguments: &[OsString]) -> bool {
    let words: Vec<&str> = arguments.iter().filter_map(|word| word.to_str()).collect();
    words.iter().any(|word| ["--json", "--format=json", "--format=jsonl"].contains(word))
        || words.windows(2).any(|pair| pair[0] == "--format" && pair[1].starts_with("json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_noticed_even_on_a_broken_command_line() {
        let asks = |line: &str| {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            asks_for_json(&words)
        };
        assert!(asks("ssmpf forwrad --json"));
        assert!(asks("ssmpf --format jsonl forwrad"));
        assert!(!asks("ssmpf forwrad"));
        assert!(!asks("ssmpf --format table json"));
    }
}
