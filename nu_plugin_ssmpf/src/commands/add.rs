//! `ssmpf add`: a connection from flags, or many from rows.

use nu_protocol::{LabeledError, PipelineData, Record, Span, Value};
use serde_json::Value as Json;

use crate::call::{self, Call, Request, Surroundings};
use crate::columns::CONNECTION;
use crate::error::{self, Word};
use crate::input;
use crate::spec::{
    Argument, COMMON, Count, FIELDS, Flag, Output, PLACE, Sample, Spec, Takes, UPKEEP, flag,
};

/// Adds connections.
pub static SPEC: Spec = Spec {
    name: "ssmpf add",
    about: "Save a connection, or those that come through the pipe",
    more: "Rows have the columns of `ssmpf ls`, of which `name`, `target` and `port` or `kind` are \
           needed; a flag holds for all of them and beats their column. A row that is refused ends it; \
           those before it are there then. What `ssmpf export` writes is taken as a whole. \
           Returns what was added: a record, or a table.",
    search: &["new", "save", "import"],
    words: &["add"],
    arguments: &[Argument {
        name: "name",
        about: "Name: 1 to 64 letters, digits and `. _ -`",
        count: Count::Maybe,
        column: None,
        completes: false,
    }],
    flags: &[
        FIELDS,
        &[flag("from", Takes::Text, "Take the rest from a pasted `aws ssm start-session …` line")],
        UPKEEP,
        PLACE,
        COMMON,
    ],
    output: Output::Record { field: Some("connection"), columns: CONNECTION },
    rows: Some(Output::Table { field: "connections", columns: CONNECTION }),
    examples: &[
        Sample {
            code: "ssmpf add reports --target bastion --host reports.internal --kind postgres --tag [prod bi] | get port",
            about: "One, whose port follows from its kind",
            result: Some(|| Value::test_int(5432)),
        },
        Sample {
            code: "[[name target port]; [cache bastion 6379] [queue bastion 5672]] | ssmpf add --profile prod | get name",
            about: "Several; a flag holds for all of them",
            result: Some(|| Value::test_list(["cache", "queue"].map(Value::test_string).to_vec())),
        },
        Sample {
            code: "ssmpf ls @prod | reject local_port | update name {|it| $'copy-($it.name)' } | ssmpf add --profile staging | length",
            about: "The same again for another account",
            result: Some(|| Value::test_int(2)),
        },
    ],
    run: Some(run),
};

/// Columns that say what happened to a connection, rather than what it is.
const HISTORY: &[&str] = &["up", "created", "updated", "last_used", "uses", "schema"];

fn run(call: &Call<'_>, piped: PipelineData) -> Result<PipelineData, LabeledError> {
    let span = piped.span().unwrap_or(call.head());
    let rows = match piped {
        PipelineData::Empty | PipelineData::Value(Value::Nothing { .. }, _) => {
            return call.ask_core(PipelineData::empty());
        }
        piped => piped.into_value(span)?,
    };
    if let Some(name) = call.typed.positional.first() {
        return Err(error::input(
            "a name is typed, and connections come through the pipe",
            "leave the name out",
            name.span(),
            "each row has a column `name` of its own",
        ));
    }
    let surroundings = Surroundings::of(call.engine, call.head())?;
    let rows = match rows {
        Value::Error { error, .. } => return Err((*error).into()),
        Value::Record { val, .. } if val.contains("connections") => {
            match val.get("connections") {
                // The whole document of `ssmpf ls --json`.
                Some(Value::List { vals, .. }) => vals.to_vec(),
                _ => return import(call, &val, span, &surroundings),
            }
        }
        row @ Value::Record { .. } => {
            let added = add(call, &row, &surroundings)?;
            return Ok(PipelineData::value(added, None));
        }
        Value::List { vals, .. } => vals.into_owned(),
        other => {
            return Err(error::input(
                format!("a {} is no connection", other.get_type()),
                "neither a row nor a table",
                other.span(),
                "`open more.json | ssmpf add` pipes in rows; without `open --raw`",
            ));
        }
    };
    let mut added = Vec::with_capacity(rows.len());
    for row in &rows {
        let one = add(call, row, &surroundings).map_err(|error| match added.len() {
            0 => error,
            before => {
                let help = error.help.clone().map_or(String::new(), |help| format!("{help}\n"));
                error.with_help(format!("{help}{before} of {} are added", rows.len()))
            }
        })?;
        added.push(one);
    }
    Ok(PipelineData::value(Value::list(added, call.head()), None))
}

/// Adds the connection that a row is.
fn add(call: &Call<'_>, row: &Value, surroundings: &Surroundings) -> Result<Value, LabeledError> {
    let Value::Record { val, internal_span, .. } = row else {
        return Err(error::input(
            format!("a {} is no connection", row.get_type()),
            "not a row",
            row.span(),
            "a row has the columns of `ssmpf ls`; `name`, `target` and `port` are enough",
        ));
    };
    // Flags that are typed come first, and their columns are left alone.
    let mut request = call.request(Vec::new())?;
    for (column, value) in val.iter().filter(|(column, _)| !HISTORY.contains(&column.as_str())) {
        field(&mut request, call, column, value)?;
    }
    if request.words.iter().all(|it| it.flag.is_some()) {
        return Err(error::input(
            "a row has no column `name`",
            "this has none",
            *internal_span,
            "connections have names, such as {name: db, target: bastion, port: 5432}",
        ));
    }
    let text = call.ask(&request, surroundings).map_err(|mut error| {
        // What is wrong with a row as a whole is not wrong with the command.
        for label in error.labels.iter_mut().filter(|it| it.span == call.head()) {
            label.span = *internal_span;
        }
        error
    })?;
    call::shown(&text, SPEC.output, surroundings, call.head())
}

/// Puts a column of a row into the request.
fn field(
    request: &mut Request,
    call: &Call<'_>,
    column: &str,
    value: &Value,
) -> Result<(), LabeledError> {
    if matches!(value, Value::Nothing { .. }) {
        return Ok(());
    }
    match (column, value) {
        ("name", value) => {
            let texts = input::texts(value)?;
            let word = |(text, span)| Word { text, flag: None, span };
            request.words.extend(texts.into_iter().map(word));
        }
        ("database", Value::Record { val, .. }) => database(request, call, val)?,
        ("tags", value) => give(request, call, "tag", value)?,
        // As JSON has them.
        ("idle_timeout_seconds" | "max_age_seconds", Value::Int { val, internal_span, .. }) => {
            let name = column.trim_end_matches("_seconds").replace('_', "-");
            let time = Value::duration(val.saturating_mul(1_000_000_000), *internal_span);
            give(request, call, &name, &time)?;
        }
        (column, value) => give(request, call, &column.replace('_', "-"), value)?,
    }
    Ok(())
}

fn database(request: &mut Request, call: &Call<'_>, fields: &Record) -> Result<(), LabeledError> {
    for (column, flag) in [("user", "db-user"), ("name", "db-name"), ("auth", "auth")] {
        match fields.get(column) {
            None | Some(Value::Nothing { .. }) => {}
            Some(value) => give(request, call, flag, value)?,
        }
    }
    Ok(())
}

/// Gives a flag the value of a column, unless the flag is typed.
fn give(
    request: &mut Request,
    call: &Call<'_>,
    name: &str,
    value: &Value,
) -> Result<(), LabeledError> {
    let fields = [FIELDS, UPKEEP, PLACE];
    let flag: Option<&'static Flag> =
        fields.iter().flat_map(|it| it.iter()).find(|it| it.name == name);
    let Some(flag) = flag else {
        return Err(error::input(
            format!("a connection has no field `{}`", name.replace('-', "_")),
            "no field of a connection",
            value.span(),
            "`ssmpf ls | columns` lists the fields; `reject` leaves a column out",
        ));
    };
    if call.typed.named.iter().any(|(typed, _)| typed.item == name) {
        return Ok(());
    }
    request.give(flag, Some(value), value.span())
}

/// Takes over what `ssmpf export` writes.
fn import(
    call: &Call<'_>,
    export: &Record,
    span: Span,
    surroundings: &Surroundings,
) -> Result<PipelineData, LabeledError> {
    let export = json(&Value::record(export.clone(), span))?;
    let mut request = call.request(Vec::new())?;
    let is_common = |name: &str| COMMON.iter().any(|it| it.name == name);
    let mut given = request.line(call.head()).words.into_iter();
    if let Some(word) = given.find(|it| !it.flag.is_some_and(is_common)) {
        return Err(error::input(
            "an export is taken as it is",
            "leave this out",
            word.span,
            "`ssmpf edit` changes connections that are there",
        ));
    }
    request.command = ["import", "json"].map(str::to_owned).to_vec();
    request.input = Some(export.to_string().into_bytes());
    let text = call.ask(&request, surroundings)?;
    let output = Output::Table { field: "taken", columns: crate::columns::IMPORTED };
    let value = call::shown(&text, output, surroundings, call.head())?;
    Ok(PipelineData::value(value, None))
}

/// Returns an export as JSON again. Times in it are text, as JSON has them.
fn json(value: &Value) -> Result<Json, LabeledError> {
    Ok(match value {
        Value::Nothing { .. } => Json::Null,
        Value::Bool { val, .. } => (*val).into(),
        Value::Int { val, .. } => (*val).into(),
        Value::Float { val, .. } => (*val).into(),
        Value::String { val, .. } => val.as_str().into(),
        Value::Date { val, .. } => val.to_rfc3339().into(),
        Value::List { vals, .. } => Json::Array(vals.iter().map(json).collect::<Result<_, _>>()?),
        Value::Record { val, .. } => {
            let fields = val.iter().map(|(name, it)| Ok((name.clone(), json(it)?)));
            Json::Object(fields.collect::<Result<_, LabeledError>>()?)
        }
        other => {
            return Err(error::input(
                format!("a {} is nothing that an export has", other.get_type()),
                "not JSON",
                other.span(),
                "pipe in what `ssmpf export` wrote, as `open` reads it",
            ));
        }
    })
}
