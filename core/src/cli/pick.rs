//! `ssmpf pick`, `ssmpf` alone, and `ssmpf prompt`.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use base64::Engine;
use ssmpf_schema::{ErrorKind, ExitCode};

use super::args::{FormatArg, Global};
use super::args_shell::{PickArgs, PickWhat};
use super::catalogue;
use super::complete::forwards;
use super::error::Failure;
use super::pick_rows::{self, List};
use super::settings::Settings;
use crate::commands::{CommandError, Refusal};
use crate::output::json;
use crate::picker::{self, Picked, PickerError, Question, Row};

/// What is done with connections that are picked with Enter.
const CONNECT: &str = "connect";
/// What puts an address into the clipboard rather than calling a command.
const COPY: &str = "copy";

/// What makes a new connection, whatever was picked.
const ADD: &str = "add";

/// Keys besides Enter and the commands they stand for. `rm` asks before it removes.
const KEYS: [(&str, &str); 5] =
    [("alt-u", "up"), ("alt-e", "edit"), ("alt-c", COPY), ("alt-d", "rm"), ("alt-n", ADD)];
// Fits beside the preview.
const HEADER: &str =
    "Enter connect · Alt-U up · Alt-E edit · Alt-C copy\nAlt-D remove · Alt-N new · Tab mark";

/// What `ssmpf` alone is meant to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// Nobody is there to pick, or nothing to pick from: help is of more use.
    Help,
    /// Nothing more.
    Nothing(ExitCode),
    /// The command in these words.
    Command(Vec<OsString>),
}

/// Has a person pick, and returns what belongs on stdout; `None` if they left without a choice.
pub(super) fn run(
    args: &PickArgs,
    global: &Global,
    settings: &Settings,
) -> Result<Option<String>, Failure> {
    if args.with_action && args.what != PickWhat::Connections {
        let hint = "leave out `--with-action`, or pick connections";
        let why = "only connections can be picked together with what to do";
        return Err(Failure::new(ErrorKind::Usage, why, Some(hint.to_owned())));
    }
    // Nobody is asked for a passphrase in vain.
    picker::check().map_err(no_picker)?;
    let mut list = List::of(args.what, global, settings)?;
    let rows = list.take_rows();
    if rows.is_empty() {
        let why = "there is nothing to pick from";
        return Err(CommandError::from(Refusal::new(ErrorKind::NotFound, why, list.hint)).into());
    }
    let Some(picked) = choose(rows, args, settings)? else { return Ok(None) };
    let Picked { key, mut values, mut places } = picked;
    let action = args.with_action.then(|| key.unwrap_or_else(|| CONNECT.to_owned()));
    if action.as_deref() == Some(COPY) {
        copy(&values[0], global, settings)?;
        return Ok(Some(String::new()));
    }
    fit(&mut values, action.as_deref());
    fit(&mut places, action.as_deref());
    let has_action = action.is_some();
    let document = || list.document(action.clone(), values.clone(), &places, settings);
    Ok(Some(match settings.format {
        FormatArg::Json => json::document(&document()?),
        // What to do is said once, so there is one line.
        FormatArg::Jsonl if has_action => json::line(&document()?),
        FormatArg::Jsonl => pick_rows::lines(&document()?),
        FormatArg::Table | FormatArg::Plain => {
            let end = if args.print0 { '\0' } else { '\n' };
            action.into_iter().chain(values).flat_map(|it| [it, end.to_string()]).collect()
        }
    }))
}

/// `ssmpf` alone: on a terminal, has a person pick connections and what to do with them.
pub(super) fn without_command(global: &Global, settings: &Settings) -> Result<Wish, Failure> {
    let talks = io::stdin().is_terminal() && io::stdout().is_terminal();
    if !talks || global.no_input || settings.is_json() || picker::check().is_err() {
        return Ok(Wish::Help);
    }
    let args = PickArgs { multi: true, with_action: true, ..PickArgs::default() };
    let rows = List::of(PickWhat::Connections, global, settings)?.take_rows();
    if rows.is_empty() {
        return Ok(Wish::Help);
    }
    let Some(Picked { key, mut values, .. }) = choose(rows, &args, settings)? else {
        return Ok(Wish::Nothing(ExitCode::Interrupted));
    };
    let action = key.unwrap_or_else(|| CONNECT.to_owned());
    if action == COPY {
        copy(&values[0], global, settings)?;
        return Ok(Wish::Nothing(ExitCode::Success));
    }
    fit(&mut values, Some(&action));
    Ok(Wish::Command(std::iter::once(action).chain(values).map(OsString::from).collect()))
}

/// Leaves as many of what was picked as the command takes.
fn fit<T>(picked: &mut Vec<T>, action: Option<&str>) {
    match action {
        Some("edit") => picked.truncate(1),
        Some(ADD) => picked.clear(),
        _ => {}
    }
}

/// What a prompt shows: nothing, or a sign and how many forwards are up.
pub(super) fn prompt() -> String {
    let running = forwards::running();
    match running.as_slice() {
        [] => String::new(),
        [one] => format!("⇄ {}\n", one.name),
        more => format!("⇄ {}\n", more.len()),
    }
}

fn choose(rows: Vec<Row>, args: &PickArgs, settings: &Settings) -> Result<Option<Picked>, Failure> {
    let question = Question {
        query: args.query.as_deref().unwrap_or_default(),
        multi: args.multi,
        keys: if args.with_action { &KEYS } else { &[] },
        alone: ADD,
        header: if args.with_action { HEADER } else { "" },
        colored: settings.style.is_colored(),
    };
    picker::pick(rows, question).map_err(no_picker)
}

/// Puts a connection's local address into the clipboard, with the sequence that terminals have for
/// it: OSC 52. One that does not know it shows nothing of it.
fn copy(name: &str, global: &Global, settings: &Settings) -> Result<(), Failure> {
    let mut context = catalogue::context(global, settings)?;
    let (_, connection) = context.find(name)?;
    let address = format!("localhost:{}", connection.local_port.number());
    let coded = base64::engine::general_purpose::STANDARD.encode(&address);
    let mut stderr = io::stderr().lock();
    write!(stderr, "\u{1b}]52;c;{coded}\u{7}")?;
    writeln!(stderr, "copied {address}")?;
    Ok(())
}

fn no_picker(error: PickerError) -> Failure {
    let hint = match error {
        PickerError::Failed(_) => None,
        _ => Some("`ssmpf ls --format plain` lists the names without one".to_owned()),
    };
    let kind = match error {
        PickerError::Failed(_) => ErrorKind::Failure,
        _ => ErrorKind::Usage,
    };
    Failure::new(kind, error.to_string(), hint)
}
