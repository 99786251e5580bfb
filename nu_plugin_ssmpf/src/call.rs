//! A command that was typed: what the core is asked, and what becomes of its answer.

use std::ffi::OsString;
use std::path::PathBuf;

use nu_plugin::{EngineInterface, EvaluatedCall};
use nu_protocol::{
    HandlerGuard, LabeledError, PipelineData, Record, ShellError, SignalAction, Span, Value,
};
use serde_json::{Map, Value as Json};
use ssmpf_schema::SCHEMA;

use crate::columns::{Column, Shape};
use crate::core_process::{Answer, Invocation, Stopper};
use crate::error::{self, Line, Word};
use crate::spec::{Count, Flag, Output, Spec};
use crate::{input, program, stream, table, value};

/// A command that was typed.
pub struct Call<'a> {
    /// Which command.
    pub spec: &'static Spec,
    /// Nushell.
    pub engine: &'a EngineInterface,
    /// What was typed.
    pub typed: &'a EvaluatedCall,
}

/// What the core is asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The words that the core knows the command by.
    pub command: Vec<String>,
    /// Flags and their values, then the arguments.
    pub words: Vec<Word>,
    /// Switches.
    pub switches: Vec<(&'static str, Span)>,
    /// What it reads.
    pub input: Option<Vec<u8>>,
}

/// Where the core runs.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The program.
    pub program: PathBuf,
    /// Its environment: that of the shell, which changes while the plugin runs.
    environment: Vec<(String, OsString)>,
    /// The current folder of the shell.
    folder: PathBuf,
}

impl Call<'_> {
    /// Returns where the command stands.
    pub fn head(&self) -> Span {
        self.typed.head
    }

    /// Returns whether a switch is given.
    pub fn has(&self, switch: &str) -> Result<bool, LabeledError> {
        Ok(self.typed.has_flag(switch)?)
    }

    /// Asks the core what was typed, with what came through the pipe.
    pub fn run(&self, piped: PipelineData) -> Result<PipelineData, LabeledError> {
        match self.spec.run {
            Some(run) => run(self, piped),
            None => self.ask_core(piped),
        }
    }

    /// The same without what a command does of its own.
    pub fn ask_core(&self, piped: PipelineData) -> Result<PipelineData, LabeledError> {
        let output = self.output()?;
        let Some(arguments) = self.arguments(piped)? else {
            return Ok(PipelineData::value(empty(output, self.head()), None));
        };
        let request = self.request(arguments)?;
        let surroundings = Surroundings::of(self.engine, self.head())?;
        match output {
            Output::Events | Output::Forwards => {
                stream::start(self, &request, &surroundings, output)
            }
            _ => {
                let text = self.ask(&request, &surroundings)?;
                let value = shown(&text, output, &surroundings, self.head())?;
                Ok(PipelineData::value(value, None))
            }
        }
    }

    /// Returns what the answer becomes, as the flags say.
    fn output(&self) -> Result<Output, LabeledError> {
        let mut output = self.spec.output;
        while let Output::If { flag, given, otherwise } = output {
            let is_given = self.typed.named.iter().any(|(name, value)| {
                name.item == flag && !matches!(value, Some(Value::Bool { val: false, .. }))
            });
            output = if is_given { *given } else { *otherwise };
        }
        Ok(output)
    }

    /// Returns the arguments, typed ones before those of the pipe; none if the pipe was empty and
    /// nothing else says what is meant.
    fn arguments(&self, piped: PipelineData) -> Result<Option<Vec<Word>>, LabeledError> {
        let mut words = Vec::new();
        for value in &self.typed.positional {
            words.extend(input::texts(value)?.into_iter().map(|(text, span)| Word {
                text,
                flag: None,
                span,
            }));
        }
        let Some((at, argument)) = self.spec.piped() else { return Ok(Some(words)) };
        let column = argument.column.unwrap_or_default();
        let names = input::names(piped, column)?;
        let nothing_came = names.as_ref().is_some_and(Vec::is_empty);
        words.extend(names.into_iter().flatten());
        match argument.count {
            Count::One => match words.get(at..).unwrap_or_default() {
                [_] => Ok(Some(words)),
                [] => Err(self.nothing_named(column)),
                [_, second, ..] => Err(error::input(
                    format!("`{}` takes one {column}", self.spec.name),
                    "one too many",
                    second.span,
                    "choose one, such as with `first` or `get 0`, or go through them with `each`",
                )),
            },
            Count::Maybe | Count::Any | Count::Some => {
                if words.len() <= at && nothing_came {
                    return Ok(None);
                }
                if words.len() <= at && argument.count == Count::Some && !self.has("all")? {
                    return Err(self.nothing_named(column));
                }
                Ok(Some(words))
            }
        }
    }

    fn nothing_named(&self, column: &str) -> LabeledError {
        let all =
            if self.spec.all_flags().any(|it| it.name == "all") { ", or say --all" } else { "" };
        error::input(
            format!("`{}` needs a {column}", self.spec.name),
            "which one?",
            self.head(),
            &format!("type it, or pipe it in: text, or rows with a column `{column}`{all}"),
        )
    }

    /// Puts together what the core is asked.
    pub fn request(&self, arguments: Vec<Word>) -> Result<Request, LabeledError> {
        let command = self.spec.words.iter().map(|it| (*it).to_owned()).collect();
        let mut request = Request { command, words: Vec::new(), switches: Vec::new(), input: None };
        for (name, given) in &self.typed.named {
            if let Some(flag) = self.spec.all_flags().find(|it| it.name == name.item) {
                request.give(flag, given.as_ref(), name.span)?;
            }
        }
        request.words.extend(arguments);
        Ok(request)
    }

    /// Asks the core and returns the text of its document.
    pub fn ask(
        &self,
        request: &Request,
        surroundings: &Surroundings,
    ) -> Result<Vec<u8>, LabeledError> {
        let invocation = surroundings.invocation(request, "json");
        let process = invocation.start(true);
        let process =
            process.map_err(|it| error::program_failed(&surroundings.program, &it, self.head()))?;
        let stopper = process.stopper();
        let guard = stop_on_interrupt(self.engine, stopper.clone())?;
        let done = process.document();
        drop(guard);
        let (text, answer) =
            done.map_err(|it| error::program_failed(&surroundings.program, &it, self.head()))?;
        if stopper.was_asked() {
            return Err(ShellError::Interrupted { span: self.head() }.into());
        }
        let line = request.line(self.head());
        check(&answer, &surroundings.program, &line)?;
        Ok(text)
    }
}

/// Has Ctrl-C end the program.
pub fn stop_on_interrupt(
    engine: &EngineInterface,
    stopper: Stopper,
) -> Result<HandlerGuard, LabeledError> {
    Ok(engine.register_signal_handler(Box::new(move |action| {
        if matches!(action, SignalAction::Interrupt) {
            stopper.stop();
        }
    }))?)
}

impl Request {
    /// Adds a flag as it was typed, or as a row has it.
    pub fn give(
        &mut self,
        flag: &'static Flag,
        value: Option<&Value>,
        span: Span,
    ) -> Result<(), LabeledError> {
        if !flag.is_core {
            return Ok(());
        }
        match value {
            None | Some(Value::Bool { val: true, .. }) => self.switches.push((flag.name, span)),
            Some(Value::Bool { val: false, .. } | Value::Nothing { .. }) => {}
            Some(value) => {
                self.words.extend(input::texts(value)?.into_iter().map(|(text, span)| Word {
                    text,
                    flag: Some(flag.name),
                    span,
                }))
            }
        }
        Ok(())
    }

    /// Returns where everything stands, for errors.
    pub fn line(&self, head: Span) -> Line {
        let switches = self.switches.iter().map(|&(name, span)| Word {
            text: format!("--{name}"),
            flag: Some(name),
            span,
        });
        Line { head, words: self.words.iter().cloned().chain(switches).collect() }
    }

    /// Returns what the core is given: values cannot be taken for flags.
    fn arguments(&self, format: &str) -> Vec<String> {
        let mut arguments = self.command.clone();
        arguments.extend(self.switches.iter().map(|(name, _)| format!("--{name}")));
        for word in &self.words {
            arguments.extend(word.flag.map(|flag| format!("--{flag}={}", word.text)));
        }
        arguments.extend([format!("--format={format}"), "--no-input".to_owned()]);
        if self.input.is_none() {
            arguments.push("--end-with-stdin".to_owned());
        }
        let mut rest = self.words.iter().filter(|it| it.flag.is_none()).peekable();
        if rest.peek().is_some() {
            arguments.push("--".to_owned());
        }
        arguments.extend(rest.map(|it| it.text.clone()));
        arguments
    }
}

impl Surroundings {
    /// Asks Nushell.
    pub fn of(engine: &EngineInterface, head: Span) -> Result<Self, LabeledError> {
        let variables = engine.get_env_vars()?;
        let environment: Vec<(String, OsString)> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name, input::variable(&value)?)))
            .collect();
        let folder = PathBuf::from(engine.get_current_dir()?);
        let configuration = engine.get_plugin_config()?;
        let configured = match &configuration {
            Some(Value::Record { val, .. }) => val.get("path"),
            _ => None,
        };
        let is_path = |name: &str| {
            if cfg!(windows) { name.eq_ignore_ascii_case("PATH") } else { name == "PATH" }
        };
        let path = environment.iter().find(|(name, _)| is_path(name)).map(|(_, path)| path);
        let plugin = std::env::current_exe().ok();
        let program = program::find(
            configured,
            plugin.as_deref(),
            path.map(OsString::as_os_str),
            &folder,
            head,
        )?;
        Ok(Self { program, environment, folder })
    }

    /// Returns how a request is run.
    pub fn invocation(&self, request: &Request, format: &str) -> Invocation {
        self.plain(request.arguments(format), request.input.clone())
    }

    /// Returns how the program is run with these arguments and nothing else.
    pub fn plain(&self, arguments: Vec<String>, input: Option<Vec<u8>>) -> Invocation {
        Invocation {
            program: self.program.clone(),
            arguments,
            environment: self.environment.clone(),
            folder: self.folder.clone(),
            input,
        }
    }

    /// Adds a variable, or replaces it.
    pub fn set(&mut self, name: &str, value: &str) {
        self.environment.retain(|(there, _)| there != name);
        self.environment.push((name.to_owned(), value.into()));
    }
}

/// Makes an error of an answer that is a failure.
pub fn check(answer: &Answer, program: &std::path::Path, line: &Line) -> Result<(), LabeledError> {
    if answer.code == Some(0) {
        return Ok(());
    }
    // Flags and commands are the plugin's own: a core that does not know them is older.
    let unknown = ["unrecognized subcommand", "unexpected argument '--"];
    match &answer.failure {
        Some(failure) if unknown.iter().any(|it| failure.message.starts_with(it)) => {
            Err(error::core_too_old(program, &failure.message, line.head))
        }
        Some(failure) => Err(failure.labeled(line)),
        None => {
            let said = answer.complaint.lines().next().unwrap_or("it said nothing");
            let what = match answer.code {
                Some(code) => format!("it ended with {code}: {said}"),
                None => format!("it was killed: {said}"),
            };
            Err(error::core_too_old(program, &what, line.head))
        }
    }
}

/// Reads a document and checks its schema.
pub fn document(
    text: &[u8],
    surroundings: &Surroundings,
    head: Span,
) -> Result<Map<String, Json>, LabeledError> {
    let document = serde_json::from_slice(text).map_err(|_| no_document(surroundings, head))?;
    check_schema(&document, &surroundings.program, head)?;
    Ok(document)
}

fn no_document(surroundings: &Surroundings, head: Span) -> LabeledError {
    error::core_too_old(&surroundings.program, "its answer is no JSON document", head)
}

/// Checks that a document is of a schema that this plugin reads.
pub fn check_schema(
    document: &Map<String, Json>,
    program: &std::path::Path,
    head: Span,
) -> Result<(), LabeledError> {
    let generation = |schema: &str| schema.strip_prefix("ssmpf/")?.parse::<u32>().ok();
    let schema = document.get("schema").and_then(Json::as_str).unwrap_or_default();
    if schema == SCHEMA {
        return Ok(());
    }
    Err(match (generation(schema), generation(SCHEMA)) {
        (Some(theirs), Some(ours)) if theirs > ours => error::core_too_new(program, schema, head),
        (Some(_), _) => error::core_too_old(program, &format!("it speaks {schema}"), head),
        (None, _) => error::core_too_old(program, "its answer has no schema", head),
    })
}

/// Returns the value that a document becomes.
pub fn shown(
    text: &[u8],
    output: Output,
    surroundings: &Surroundings,
    span: Span,
) -> Result<Value, LabeledError> {
    let missing = |field: &str| {
        let what = format!("`{field}` is not in its answer");
        error::core_too_old(&surroundings.program, &what, span)
    };
    if let Output::Table { field, columns } = output {
        let Ok((rows, rest)) = table::read(text, field, columns, span) else {
            // Another schema is the better reason, if that is it.
            document(text, surroundings, span)?;
            return Err(no_document(surroundings, span));
        };
        check_schema(&rest, &surroundings.program, span)?;
        return rows.ok_or_else(|| missing(field));
    }
    let mut document = document(text, surroundings, span)?;
    let mut take = |field: &str| document.remove(field).ok_or_else(|| missing(field));
    Ok(match output {
        Output::Record { field: Some(field), columns } => match take(field)? {
            Json::Object(fields) => value::record(&fields, columns, true, span),
            other => value::plain(&other, span),
        },
        Output::Record { field: None, columns } => value::record(&document, columns, true, span),
        Output::Words { field } | Output::Text { field } => value::plain(&take(field)?, span),
        // Tables are read above, `Call::output` has chosen, and streams are no documents.
        Output::Table { .. } | Output::If { .. } | Output::Events | Output::Forwards => {
            value::plain(&Json::Object(document), span)
        }
    })
}

/// Returns what there is when nothing was meant: `ssmpf ls | where false | ssmpf up`.
fn empty(output: Output, span: Span) -> Value {
    let nothing = |column: &Column| match column.shape {
        Shape::Texts | Shape::Table(_) => Value::list(Vec::new(), span),
        Shape::Bool => Value::bool(false, span),
        _ => Value::nothing(span),
    };
    match output {
        Output::Record { columns, .. } => {
            let fields = columns.iter().map(|it| (it.name().to_owned(), nothing(it)));
            Value::record(fields.collect::<Record>(), span)
        }
        _ => Value::list(Vec::new(), span),
    }
}
