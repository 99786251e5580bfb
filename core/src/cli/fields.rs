//! From the flags of `add` and `edit` to the fields of a connection.

use std::str::FromStr;

use super::args::Global;
use super::args_catalogue::FieldArgs;
use super::args_upkeep::switch;
use super::settings::reason;
use crate::commands::fields::{Change, Fields};
use crate::model::{ForwardSpec, InvalidInput, Tag, TargetSpec};

/// Longest description or database name taken, in characters.
const MAX_LINE: usize = 256;

/// Parses the flags. `--profile` and `--region` count only as flags, not from the environment: what
/// happens to be set now is not what is meant next month.
pub(super) fn fields(
    args: &FieldArgs,
    untag: &[String],
    global: &Global,
) -> Result<Fields, InvalidInput> {
    let mut fields = Fields {
        description: change(&args.description, line)?,
        tags: tags(&args.tags)?,
        untag: tags(untag)?,
        profile: change(&global.profile.first().cloned(), str::parse)?,
        region: change(&global.region.first().cloned(), str::parse)?,
        target: match &args.route.target[..] {
            [] => None,
            texts => Some(TargetSpec::all_of(texts)?),
        },
        host: change(&args.route.host, str::parse)?,
        port: given(&args.route.port)?,
        kind: given(&args.kind)?,
        local_port: given(&args.local_port)?,
        bind: given(&args.bind)?,
        document: change(&args.route.document, str::parse)?,
        reason: change(&args.route.reason.reason, reason)?,
        lazy: args.session.lazy(),
        idle_timeout: change(&args.session.idle_timeout, str::parse)?,
        max_age: change(&args.max_age, str::parse)?,
        guard: switch(args.guard, args.no_guard),
        keep_alive: args.session.keep_alive(),
        sessions: given(&args.session.sessions)?,
        db_user: change(&args.db_user, line)?,
        db_name: change(&args.db_name, line)?,
        auth: given(&args.auth)?,
    };
    if let Some(text) = &args.route.local_forward {
        let spec: ForwardSpec = text.parse()?;
        fields.bind = spec.bind;
        fields.local_port = Some(spec.local_port);
        fields.host = spec.destination.host.map_or(Change::Clear, Change::Set);
        fields.port = Some(spec.destination.port);
    }
    Ok(fields)
}

/// Reads a field that may be absent: an empty value takes it away.
fn change<T>(
    text: &Option<String>,
    parse: impl FnOnce(&str) -> Result<T, InvalidInput>,
) -> Result<Change<T>, InvalidInput> {
    match text.as_deref() {
        None => Ok(Change::Keep),
        Some("") => Ok(Change::Clear),
        Some(text) => parse(text).map(Change::Set),
    }
}

fn given<T: FromStr<Err = InvalidInput>>(text: &Option<String>) -> Result<Option<T>, InvalidInput> {
    text.as_deref().map(str::parse).transpose()
}

fn tags(texts: &[String]) -> Result<Vec<Tag>, InvalidInput> {
    texts.iter().map(|text| text.parse()).collect()
}

fn line(text: &str) -> Result<String, InvalidInput> {
    if text.chars().count() <= MAX_LINE && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(InvalidInput::new(
        format!("`{}` is not a line of text", text.escape_debug()),
        format!("give at most {MAX_LINE} characters, without line breaks"),
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::super::args::{Cli, Command};
    use super::*;

    fn parsed(line: &[&str]) -> Result<Fields, InvalidInput> {
        let cli = Cli::try_parse_from(line).expect("a command line");
        match cli.command {
            Some(Command::Edit(args)) => fields(&args.fields, &args.untag, &cli.global),
            other => panic!("{other:?} is no edit"),
        }
    }

    #[test]
    fn an_empty_value_takes_a_field_away() {
        let fields = parsed(&["ssmpf", "edit", "db", "--host", "", "--region", "eu-west-1"]);
        let fields = fields.expect("valid");
        assert_eq!(fields.host, Change::Clear);
        assert!(matches!(fields.region, Change::Set(_)));
        assert_eq!(fields.profile, Change::Keep);
    }

    #[test]
    fn the_last_of_two_switches_holds() {
        let switches = |rest: &[&str]| {
            let line = [&["ssmpf", "edit", "db"], rest].concat();
            let fields = parsed(&line).expect("valid");
            (fields.lazy, fields.keep_alive)
        };
        assert_eq!(switches(&[]), (None, None));
        assert_eq!(switches(&["--lazy", "--keep-alive"]), (Some(true), Some(true)));
        assert_eq!(switches(&["--no-lazy", "--no-keep-alive"]), (Some(false), Some(false)));
        assert_eq!(switches(&["--no-lazy", "--lazy"]), (Some(true), None));
        assert_eq!(switches(&["--keep-alive", "--no-keep-alive"]), (None, Some(false)));
    }

    #[test]
    fn the_spelling_of_ssh_sets_both_ends() {
        let fields = parsed(&["ssmpf", "edit", "db", "-L", "15432:db.internal:5432"]);
        let fields = fields.expect("valid");
        assert_eq!(fields.local_port.expect("given").number(), 15432);
        assert_eq!(fields.port.expect("given").number(), 5432);
    }

    #[test]
    fn a_description_is_one_line() {
        assert!(parsed(&["ssmpf", "edit", "db", "--description", "a\nb"]).is_err());
    }
}
