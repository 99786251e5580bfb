//! Runs the commands about saved connections and has their results rendered.
//!
//! None of them starts the asynchronous runtime or the AWS SDK, but for the lists that `add` offers to
//! a person.

use std::borrow::Cow;
use std::io::{self, Write};

use ssmpf_schema::{ConnectionDocument, ConnectionRecord};
use ssmpf_store::{KeySettings, Opened, Passphrase, hygiene};

use super::args::{Command, FormatArg, Global};
use super::args_catalogue::{ImportArgs, PasswdArgs, RecipientsCommand, ShowArgs, StoreCommand};
use super::env::Environment;
use super::error::Failure;
use super::fields::fields;
use super::finder::LiveFinder;
use super::settings::Settings;
use super::terminal::{self, Terminal};
use super::{background, editor, import, places};
use crate::commands::context::{Context, ContextSettings};
use crate::commands::{add, edit, keys, ls, mv, rm, show, store, transfer};
use crate::model::{ConnectionName, Seconds};
use crate::output::catalogue as render;
use crate::output::json::{self, ListWriter};
use crate::output::printable::printable;
use crate::output::table::Table;
use crate::output::text::Text;

/// Puts together what the commands of the catalogue are given.
pub(super) fn context(global: &Global, settings: &Settings) -> Result<Context, Failure> {
    hygiene::forbid_core_files();
    let keys = KeySettings::from_env(|name| std::env::var_os(name));
    let keys = keys.map_err(ssmpf_store::StoreError::from)?;
    let asks = || Terminal::of_process(global.no_input);
    Ok(Context::new(ContextSettings {
        data_folder: places::data_folder(&Environment::of_process())?,
        store: settings.store.clone(),
        keys,
        prompt: asks().map(|terminal| Box::new(terminal) as _),
        person: asks().map(|terminal| Box::new(terminal) as _),
        finder: asks().map(|_| Box::new(LiveFinder::new(settings)) as _),
    }))
}

/// Says on stderr what a person should know.
pub(super) fn show_warnings(context: &mut Context, settings: &Settings) {
    for warning in context.take_warnings() {
        let (style, hint) = (settings.style, warning.hint);
        // If that is impossible, there is nobody to warn.
        let message = printable(&warning.message);
        let _ = writeln!(io::stderr(), "{}: {message}", style.warning("warning"));
        if let Some(hint) = hint {
            let _ = writeln!(io::stderr(), "{}: {}", style.hint("hint"), printable(&hint));
        }
    }
}

fn write_line(line: &str) -> io::Result<()> {
    writeln!(io::stderr(), "{}", printable(line))
}

/// Runs one command and returns what belongs on stdout.
pub(super) fn run(command: Command, global: &Global, settings: &Settings) -> Result<Text, Failure> {
    let mut context = context(global, settings)?;
    let result = Runner { global, settings, context: &mut context }.run(command);
    show_warnings(&mut context, settings);
    result
}

struct Runner<'a> {
    global: &'a Global,
    settings: &'a Settings,
    context: &'a mut Context,
}

impl Runner<'_> {
    fn run(&mut self, command: Command) -> Result<Text, Failure> {
        match command {
            Command::Ls(args) => self.ls(&args.filters, args.kind.as_deref()),
            command => self.run_short(command).map(Text::from),
        }
    }

    /// Runs whatever has a result that is not long.
    fn run_short(&mut self, command: Command) -> Result<String, Failure> {
        match command {
            Command::Add(args) => {
                let name = args.name.as_deref().map(str::parse).transpose()?;
                let fields = fields(&args.fields, &[], self.global)?;
                let added = add::run(add::Request { name, fields, from: args.from }, self.context)?;
                self.changed("added", added)
            }
            Command::Show(ShowArgs { name, form: Some(form) }) => {
                let rendering = show::rendering(&name, form.parse()?, self.context)?;
                Ok(self.rendered(&rendering, |rendering| rendering.text.clone()))
            }
            Command::Show(args) => {
                let mut connection = show::run(&args.name, self.context)?;
                connection.up =
                    background::running().map(|names| names.contains(&*connection.name));
                Ok(self.rendered(&ConnectionDocument::new(connection), |document| {
                    render::details(&document.connection)
                }))
            }
            Command::Edit(args) => {
                let fields = fields(&args.fields, &args.untag, self.global)?;
                if fields.is_empty() && self.context.person.is_some() {
                    return match editor::edit(&args.name, self.context)? {
                        Some(connection) => self.changed("changed", connection),
                        None => {
                            self.say("nothing was changed");
                            Ok(String::new())
                        }
                    };
                }
                let request = edit::Request { name: args.name, fields };
                let connection = edit::run(&request, self.context)?;
                self.changed("changed", connection)
            }
            Command::Mv(args) => {
                let to: ConnectionName = args.to.parse()?;
                let connection = mv::rename(&args.from, to, self.context)?;
                self.changed("renamed", connection)
            }
            Command::Cp(args) => {
                let to: ConnectionName = args.to.parse()?;
                let connection = mv::copy(&args.from, to, self.context)?;
                self.changed("copied", connection)
            }
            Command::Rm(args) => {
                let request = rm::Request { names: args.names, yes: args.yes };
                let removed = rm::run(&request, self.context)?;
                self.say(&format!("removed {}", removed.removed.join(", ")));
                Ok(self.rendered(&removed, |_| String::new()))
            }
            Command::Import(args) => self.import(&args),
            Command::Export(args) => Ok(transfer::export(&args.names, self.context)?),
            Command::Passwd(args) => self.passwd(&args),
            Command::Unlock(args) => {
                let limit: Seconds = args.limit.parse()?;
                let done = keys::unlock(limit.duration(), self.context)?;
                Ok(self.done(&done))
            }
            Command::Lock => {
                let done = keys::lock(self.context);
                Ok(self.done(&done))
            }
            Command::Store(args) => self.store(args.command),
            // These run above, or `dispatch` keeps them to itself.
            Command::Ls(_)
            | Command::Connect(_)
            | Command::Forward(_)
            | Command::Pick(_)
            | Command::Prompt
            | Command::Completions(_)
            | Command::Init(_)
            | Command::Profiles
            | Command::Login(_)
            | Command::Logout(_)
            | Command::Up(_)
            | Command::Down(_)
            | Command::Restart(_)
            | Command::Status(_)
            | Command::Logs(_)
            | Command::Wait(_)
            | Command::Service(_)
            | Command::Targets(_)
            | Command::Endpoints(_)
            | Command::Sessions(_)
            | Command::Help(_) => Ok(String::new()),
        }
    }

    fn ls(&mut self, filters: &[String], kind: Option<&str>) -> Result<Text, Failure> {
        let request = ls::Request {
            filters: filters.to_vec(),
            profile: self.global.profile.first().cloned(),
            region: self.global.region.first().cloned(),
            kind: kind.map(str::parse).transpose()?,
            up: background::running(),
        };
        let context = &mut *self.context;
        // A part of the store is longer as a document of ours, which spells out what is left out there.
        let long = || Text::with_capacity(2 * Opened::PART);
        Ok(match self.settings.format {
            FormatArg::Json => {
                let start = || ListWriter::with_capacity("connections", 2 * Opened::PART);
                let take =
                    |list: &mut ListWriter, it: ConnectionRecord<Cow<'_, str>>| list.push(&it);
                ls::run(&request, context, start, take, ListWriter::append)?.finish()
            }
            FormatArg::Jsonl => {
                let take = |text: &mut Text, it: ConnectionRecord<Cow<'_, str>>| {
                    text.push_str(&json::line(&it));
                };
                ls::run(&request, context, long, take, Text::append)?
            }
            FormatArg::Plain => {
                let take = |text: &mut Text, it: ConnectionRecord<Cow<'_, str>>| {
                    text.push_str(&it.name);
                    text.push_str("\n");
                };
                ls::run(&request, context, Text::default, take, Text::append)?
            }
            FormatArg::Table => {
                let take = |table: &mut Table, it: ConnectionRecord<Cow<'_, str>>| {
                    table.row(render::row(&it));
                };
                let table = ls::run(&request, context, render::table, take, Table::append)?;
                if table.is_empty() {
                    self.say(match request.is_everything() {
                        true => "no connections yet; `ssmpf add` makes one",
                        false => "no connection fits",
                    });
                    return Ok(Text::default());
                }
                table.render(terminal::width()).into()
            }
        })
    }

    fn import(&mut self, args: &ImportArgs) -> Result<String, Failure> {
        let source = import::source(args, self.context)?;
        let (conflict, dry_run) = (args.on_conflict.into(), args.dry_run);
        let request = transfer::Request { source, conflict, dry_run };
        let summary = transfer::import(request, self.context)?;
        Ok(self.rendered(&summary, render::summary))
    }

    fn passwd(&mut self, args: &PasswdArgs) -> Result<String, Failure> {
        let new = match (&args.new_from, std::env::var("SSMPF_NEW_PASSPHRASE")) {
            (Some(file), _) => Some(import::first_line(file)?),
            (None, Ok(value)) => Some(Passphrase::new(value)),
            (None, Err(_)) => None,
        };
        let done = keys::passwd(new, self.context)?;
        Ok(self.done(&done))
    }

    fn store(&mut self, command: StoreCommand) -> Result<String, Failure> {
        Ok(match command {
            StoreCommand::Path => {
                self.rendered(&store::path(self.context), |it| format!("{}\n", it.path))
            }
            StoreCommand::Verify => {
                let document = store::verify(self.context)?;
                self.rendered(&document, render::store)
            }
            StoreCommand::Backup { file } => {
                let done = store::backup(&file, self.context)?;
                self.done(&done)
            }
            StoreCommand::Recipients(args) => {
                let parsed = |keys: Vec<String>| {
                    keys.iter().map(|key| key.parse()).collect::<Result<Vec<_>, _>>()
                };
                let document = match args.command {
                    None => store::recipients(self.context)?,
                    Some(RecipientsCommand::Add { keys }) => {
                        store::add_recipients(&parsed(keys)?, self.context)?
                    }
                    Some(RecipientsCommand::Remove { keys }) => {
                        store::remove_recipients(&parsed(keys)?, self.context)?
                    }
                };
                self.rendered(&document, render::recipients)
            }
            StoreCommand::ExportIdentity => store::export_identity(self.context)?.expose().clone(),
        })
    }

    /// Shows a connection that was changed: to people one line on stderr, to programs all of it.
    fn changed(&self, what: &str, connection: ConnectionRecord) -> Result<String, Failure> {
        self.say(&format!("{what} {}", render::one_line(&connection)));
        Ok(self.rendered(&ConnectionDocument::new(connection), |_| String::new()))
    }

    fn done(&self, done: &ssmpf_schema::DoneDocument) -> String {
        self.say(&done.message);
        self.rendered(done, |_| String::new())
    }

    fn rendered<T: serde::Serialize>(&self, document: &T, text: impl Fn(&T) -> String) -> String {
        match self.settings.format {
            FormatArg::Json => json::document(document),
            FormatArg::Jsonl => json::line(document),
            FormatArg::Table | FormatArg::Plain => text(document),
        }
    }

    /// Tells a person what happened, unless quiet is wanted or programs read.
    fn say(&self, sentence: &str) {
        if !self.settings.quiet && !self.settings.is_json() {
            // If that is impossible, the exit code has to do.
            let _ = write_line(sentence);
        }
    }
}
