//! `ssmpf` alone: what there is, and which commands.

use nu_protocol::{LabeledError, PipelineData, Record, Value, record};
use serde_json::Value as Json;

use crate::call::{self, Call, Surroundings};
use crate::spec::{Argument, COMMON, Count, Output, Sample, Spec};
use crate::{NUSHELL, error, value};

/// The summary.
pub static SPEC: Spec = Spec {
    name: "ssmpf",
    about: "Port forwarding through AWS Systems Manager: what there is, and which commands",
    more: "What asks on the terminal, such as `pick`, `unlock` and `passwd`, is the program's: \
           `^ssmpf pick`.",
    search: &["port forwarding", "bastion"],
    arguments: &[Argument {
        name: "command",
        about: "A command of the program that the plugin does not have is called with ^",
        count: Count::Any,
        column: None,
        completes: false,
    }],
    flags: &[COMMON],
    output: Output::Record { field: None, columns: &[] },
    examples: &[
        Sample {
            code: "ssmpf | select connections up",
            about: "How many connections there are, and how many of them are up",
            result: Some(|| {
                Value::test_record(record! {
                    "connections" => Value::test_int(4),
                    "up" => Value::test_int(0),
                })
            }),
        },
        Sample { code: "ssmpf | get commands", about: "What there is to call", result: None },
    ],
    run: Some(run),
    ..Spec::NEW
};

fn run(call: &Call<'_>, _piped: PipelineData) -> Result<PipelineData, LabeledError> {
    if let Some(word) = call.typed.positional.first() {
        let word_is = word.as_str().unwrap_or_default();
        return Err(error::input(
            format!("the plugin has no command `ssmpf {word_is}`"),
            "not a command of the plugin",
            word.span(),
            &format!(
                "`^ssmpf {word_is}` calls the program; `ssmpf | get commands` lists the plugin's"
            ),
        ));
    }
    let span = call.head();
    let surroundings = Surroundings::of(call.engine, span)?;
    let ask = |words: &[&str]| {
        let mut request = call.request(Vec::new())?;
        request.command = words.iter().map(|it| (*it).to_owned()).collect();
        call::document(&call.ask(&request, &surroundings)?, &surroundings, span)
    };
    let store = ask(&["store", "path"])?;
    let count = |words: &[&str], field: &str| {
        let document = ask(words)?;
        let rows = document.get(field).and_then(Json::as_array).map_or(0, Vec::len);
        Ok::<_, LabeledError>(Value::int(i64::try_from(rows).unwrap_or(i64::MAX), span))
    };
    // A locked store is not opened for a summary.
    let connections = match count(&["ls"], "connections") {
        Ok(connections) => connections,
        Err(locked) if locked.code.as_deref() == Some("ssmpf::store-locked") => {
            Value::nothing(span)
        }
        Err(error) => return Err(error),
    };
    let text =
        |field: &str| store.get(field).map_or(Value::nothing(span), |it| value::plain(it, span));
    let summary = record! {
        "connections" => connections,
        "up" => count(&["status"], "forwards")?,
        "store" => text("path"),
        "program" => Value::string(surroundings.program.display().to_string(), span),
        "version" => version(call, &surroundings)?,
        "plugin" => Value::string(env!("CARGO_PKG_VERSION"), span),
        "nushell" => Value::string(NUSHELL, span),
        "commands" => commands(call),
    };
    Ok(PipelineData::value(Value::record(summary, span), None))
}

/// The version of the program, as it says it.
fn version(call: &Call<'_>, surroundings: &Surroundings) -> Result<Value, LabeledError> {
    let invocation = surroundings.plain(vec!["--version".to_owned()], Some(Vec::new()));
    let failed = |it| error::program_failed(&surroundings.program, &it, call.head());
    let (text, _) = invocation.start(false).and_then(|it| it.document()).map_err(failed)?;
    let text = String::from_utf8_lossy(&text);
    let version = text.split_whitespace().nth(1).unwrap_or_default();
    Ok(Value::string(version, call.head()))
}

fn commands(call: &Call<'_>) -> Value {
    let text = |text: &str| Value::string(text, call.head());
    let row = |spec: &&Spec| {
        let row: Record = record! {"name" => text(spec.name), "description" => text(spec.about)};
        Value::record(row, call.head())
    };
    Value::list(super::ALL.iter().map(row).collect(), call.head())
}
