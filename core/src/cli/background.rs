//! Runs the commands about forwards in the background, and has their results rendered.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use ssmpf_schema::{DownDocument, ErrorKind, ExitCode, ForwardStatus, StatusDocument};

use super::args::{FormatArg, Global};
use super::args_background::{
    DownArgs, HowArgs, LogsArgs, RestartArgs, ServiceArgs, ServiceCommand, StatusArgs, UpArgs,
    WaitArgs,
};
use super::env::Environment;
use super::error::Failure;
use super::settings::{self, Settings};
use super::{catalogue, places, terminal};
use crate::aws::AwsSettings;
use crate::background::RuntimeDir;
use crate::commands::status::Dead;
use crate::commands::up::{Place, Surroundings};
use crate::commands::{CommandError, context, down, logs, service, status, up, wait};
use crate::events::EventSink;
use crate::logging;
use crate::model::{ConnectionName, InvalidInput, Seconds};
use crate::output::events::ForwardOutput;
use crate::output::{Lines, background as render, json, reader};

/// How often `status --watch` looks.
const WATCH: Duration = Duration::from_secs(1);
/// How often `status --watch` cleans up after the dead, for which it may need AWS.
const REAP: Duration = Duration::from_secs(15);
/// How often `logs --follow` looks.
const FOLLOW: Duration = Duration::from_millis(200);

/// What the commands of this file have in common.
pub(super) struct Runner<'a> {
    global: &'a Global,
    settings: &'a Settings,
    place: Place,
}

impl<'a> Runner<'a> {
    /// Finds the folders; the runtime folder is made and checked.
    pub(super) fn new(global: &'a Global, settings: &'a Settings) -> Result<Self, Failure> {
        let place = Place {
            folder: folder()?,
            logs: places::log_folder(&Environment::of_process())?,
            verbosity: settings.verbosity,
            log_filter: settings.log.clone(),
        };
        Ok(Self { global, settings, place })
    }

    /// `ssmpf up`.
    pub(super) fn up(&self, args: &UpArgs) -> Result<ExitCode, Failure> {
        let request = self.request(&args.names, args.all, &args.how)?;
        self.bring_up(request)
    }

    /// `ssmpf restart`.
    pub(super) fn restart(&self, args: &RestartArgs) -> Result<ExitCode, Failure> {
        let names = match args.all {
            true => {
                let running = status::running_names(&self.place.folder);
                let running = running.map_err(CommandError::from)?;
                running.iter().map(ToString::to_string).collect()
            }
            false => args.names.clone(),
        };
        let request = self.request(&names, false, &args.how)?;
        self.bring_up(up::Request { again: true, ..request })
    }

    fn request(
        &self,
        names: &[String],
        all: bool,
        how: &HowArgs,
    ) -> Result<up::Request, InvalidInput> {
        Ok(up::Request {
            names: names.to_vec(),
            all,
            reason: how.reason.as_deref().map(settings::reason).transpose()?,
            yes: how.yes,
            no_wait: how.no_wait,
            timeout: how.timeout.as_deref().map(time).transpose()?,
            ping_interval: match how.ping_interval {
                Some(seconds) => Some(Duration::from_secs(seconds)),
                None => {
                    let configured = self.settings.ping_interval.as_deref();
                    configured.map(settings::ping_interval).transpose()?
                }
            },
            upkeep: how.upkeep.choice()?,
            defaults: self.settings.defaults.clone(),
            again: false,
        })
    }

    fn bring_up(&self, request: up::Request) -> Result<ExitCode, Failure> {
        let mut context = catalogue::context(self.global, self.settings)?;
        let plan = up::prepare(&request, &self.settings.aws, &mut context, &self.place);
        catalogue::show_warnings(&mut context, self.settings);
        let plan = plan?;
        let format = self.settings.format;
        let brought = self.run(async |stdout, stderr| {
            let output = ForwardOutput {
                json_lines: format == FormatArg::Jsonl,
                print_address: false,
                quiet: self.settings.quiet,
                verbose: self.settings.verbosity > 0,
                style: self.settings.style,
            };
            let events = match format {
                FormatArg::Json => EventSink::silent(),
                _ => output.sink(stdout, stderr),
            };
            let shutdown = self.settings.shutdown()?;
            let aws = &self.settings.aws;
            let around = Surroundings { events, shutdown };
            let mut plan = plan;
            // What is not waited for cannot ask later.
            if request.again || (request.no_wait && aws.guide.is_some()) {
                plan = up::with_credentials(plan, &around, aws).await?;
            }
            let names = down::Request { names: plan.names(), all: false };
            if request.again && !names.names.is_empty() {
                let (_, notes) = down::run(&names, &self.place.folder, aws).await?;
                self.tell_all(&notes);
            }
            up::run(plan, &request, around, aws, &mut context.store, &self.place)
                .await
                .map_err(Failure::from)
        })?;
        self.tell_all(&brought.notes);
        let already = |it: &&ForwardStatus| brought.already.contains(&it.name);
        for forward in brought.forwards.iter().filter(already) {
            self.tell(&render::already_up(forward));
        }
        match format {
            FormatArg::Json => print(&json::document(&StatusDocument::new(brought.forwards))),
            FormatArg::Plain => print(&render::names(&brought.forwards)),
            FormatArg::Table | FormatArg::Jsonl => Ok(ExitCode::Success),
        }
    }

    /// `ssmpf down`.
    pub(super) fn down(&self, args: &DownArgs) -> Result<ExitCode, Failure> {
        let request = down::Request { names: args.names.clone(), all: args.all };
        let (document, notes) = self.run(async |_, _| {
            let down = down::run(&request, &self.place.folder, &self.settings.aws).await;
            down.map_err(Failure::from)
        })?;
        self.tell_all(&notes);
        for name in &document.not_up {
            self.must_exist(name)?;
            self.tell(&format!("`{name}` is not up"));
        }
        match document.stopped.len() {
            0 if document.not_up.is_empty() => self.tell("nothing is up"),
            0 => {}
            _ => self.tell(&format!("ended {}", document.stopped.join(", "))),
        }
        print(&self.rendered(&document, |it: &DownDocument| match self.settings.format {
            FormatArg::Plain => it.stopped.iter().map(|name| format!("{name}\n")).collect(),
            _ => String::new(),
        }))
    }

    /// Refuses a name that no connection has either, if the store can be read without asking.
    fn must_exist(&self, word: &str) -> Result<(), Failure> {
        let quiet = Global { no_input: true, ..self.global.clone() };
        let mut context = catalogue::context(&quiet, self.settings)?;
        if !context.store.exists() {
            return Ok(());
        }
        match context.store.read() {
            Ok(contents) => {
                contents.select(&[word]).map(|_| ()).map_err(|it| CommandError::from(it).into())
            }
            Err(_) => Ok(()),
        }
    }

    /// `ssmpf status`.
    pub(super) fn status(&self, args: &StatusArgs) -> Result<ExitCode, Failure> {
        if args.watch {
            return self.run(async |_, _| self.watch(&args.names).await);
        }
        let (document, notes) = self.run(async |_, _| {
            let (folder, aws) = (&self.place.folder, &self.settings.aws);
            let status = status::run(&args.names, folder, aws, Dead::Reap).await;
            status.map_err(Failure::from)
        })?;
        self.tell_all(&notes);
        if document.forwards.is_empty() {
            self.tell("nothing is up; `ssmpf up NAME` opens a connection in the background");
        }
        print(&self.rendered(&document, |it| self.shown(it)))
    }

    async fn watch(&self, names: &[String]) -> Result<ExitCode, Failure> {
        let shutdown = self.settings.shutdown()?;
        tokio::select! {
            _ = shutdown.requested() => Ok(ExitCode::Success),
            () = reader::gone() => Ok(ExitCode::Success),
            result = self.show_changes(names) => result,
        }
    }

    /// Shows the forwards whenever they have changed, until nobody reads that any more.
    async fn show_changes(&self, names: &[String]) -> Result<ExitCode, Failure> {
        let redraws = !self.settings.is_json() && io::stdout().is_terminal();
        let (mut shown, mut reaped) = (None, None);
        loop {
            let is_due = reaped.is_none_or(|last: Instant| last.elapsed() >= REAP);
            let dead = if is_due { Dead::Reap } else { Dead::Leave };
            reaped = if is_due { Some(Instant::now()) } else { reaped };
            let (folder, aws) = (&self.place.folder, &self.settings.aws);
            let status = status::run(names, folder, aws, dead).await;
            let (document, notes) = match status {
                // It may come up yet.
                Err(error) if error.body().kind == ErrorKind::NotFound => {
                    (StatusDocument::new(Vec::new()), Vec::new())
                }
                status => status?,
            };
            if redraws || shown.as_ref() != Some(&document) {
                let text = match self.settings.is_json() {
                    true => json::line(&document),
                    false => self.shown(&document),
                };
                let text = if redraws { render::redrawn(&text, &notes) } else { text };
                let mut stdout = io::stdout().lock();
                match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                        return Ok(ExitCode::Success);
                    }
                    result => result?,
                }
            }
            shown = Some(document);
            tokio::time::sleep(WATCH).await;
        }
    }

    fn shown(&self, document: &StatusDocument) -> String {
        match self.settings.format {
            FormatArg::Plain => render::names(&document.forwards),
            _ if document.forwards.is_empty() => String::new(),
            _ => render::table(&document.forwards, terminal::width()),
        }
    }

    /// `ssmpf wait`.
    pub(super) fn wait(&self, args: &WaitArgs) -> Result<ExitCode, Failure> {
        let patience = time(&args.timeout)?;
        let not_up = self.run(async |_, _| {
            let (folder, aws) = (&self.place.folder, &self.settings.aws);
            wait::not_up(&args.names, folder, aws).await.map_err(Failure::from)
        })?;
        // A mistyped name would never come up.
        not_up.iter().try_for_each(|name| self.must_exist(name))?;
        let document = self.run(async |_, _| {
            let (folder, aws) = (&self.place.folder, &self.settings.aws);
            wait::run(&args.names, patience, folder, aws).await.map_err(Failure::from)
        })?;
        print(&self.rendered(&document, |_| String::new()))
    }

    /// `ssmpf logs`.
    pub(super) fn logs(&self, args: &LogsArgs) -> Result<ExitCode, Failure> {
        let logs = &self.place.logs;
        let (lines, mut reader) = logs::run(&args.name, args.lines, logs)?;
        let show = |lines: &[String]| {
            let text: String = match self.settings.is_json() {
                true => lines.iter().map(|line| format!("{line}\n")).collect(),
                false => lines.iter().map(|line| render::log_line(line)).collect(),
            };
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush())
        };
        let mut written = show(&lines);
        if args.follow {
            self.run(async |_, _| {
                let shutdown = self.settings.shutdown()?;
                let reader_gone = reader::gone();
                tokio::pin!(reader_gone);
                while written.is_ok() {
                    tokio::select! {
                        _ = shutdown.requested() => return Ok(()),
                        () = &mut reader_gone => return Ok(()),
                        () = tokio::time::sleep(FOLLOW) => {}
                    }
                    let lines = logs::added(&mut reader, logs)?;
                    if !lines.is_empty() {
                        written = show(&lines);
                    }
                }
                Ok(())
            })?;
        }
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(ExitCode::Success),
        }
    }

    /// Runs `work` on a runtime of its own.
    fn run<T>(
        &self,
        work: impl AsyncFnOnce(Lines, Lines) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let (stdout, stderr) = (Lines::stdout(|| {}), Lines::stderr());
        let settings = self.settings;
        let (filter, colored) = (settings.log.as_deref(), settings.style.is_colored());
        logging::init(settings.verbosity, filter, colored, stderr.clone())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let result = runtime.block_on(work(stdout.clone(), stderr.clone()));
        stdout.finish();
        stderr.finish();
        // Does not wait for threads that are stuck in a read from the terminal.
        runtime.shutdown_background();
        terminal::restore();
        result
    }

    fn rendered<T: serde::Serialize>(&self, document: &T, text: impl Fn(&T) -> String) -> String {
        match self.settings.format {
            FormatArg::Json => json::document(document),
            FormatArg::Jsonl => json::line(document),
            FormatArg::Table | FormatArg::Plain => text(document),
        }
    }

    fn tell_all(&self, notes: &[String]) {
        for note in notes {
            let warning = self.settings.style.warning("warning");
            let _ = writeln!(io::stderr(), "{warning}: {note}");
        }
    }

    fn tell(&self, sentence: &str) {
        if !self.settings.quiet && !self.settings.is_json() {
            // If that is impossible, the exit code has to do.
            let _ = writeln!(io::stderr(), "{sentence}");
        }
    }
}

/// Finds and checks the runtime folder.
pub(super) fn folder() -> Result<RuntimeDir, Failure> {
    let settings = places::runtime(&Environment::of_process());
    Ok(RuntimeDir::open(&settings).map_err(CommandError::from)?)
}

/// Has this program agree with others when to start sessions, if there is a place for that.
pub(super) fn with_pacing(aws: &AwsSettings) -> AwsSettings {
    let folder = folder().ok().map(|folder| folder.path().to_owned());
    AwsSettings { pacing: folder, ..aws.clone() }
}

/// Returns the names that are open in the background, if that is known. Looks at files only, and
/// asks nobody.
pub(super) fn running() -> Option<BTreeSet<ConnectionName>> {
    folder().ok().and_then(|folder| status::running_names(&folder).ok())
}

/// Refuses to open what is up in the background already.
pub(super) fn refuse_if_up(
    names: &[String],
    context: &mut context::Context,
) -> Result<(), Failure> {
    let Ok(running) =
        folder().and_then(|folder| Ok(status::running_names(&folder).map_err(CommandError::from)?))
    else {
        return Ok(());
    };
    if running.is_empty() {
        return Ok(());
    }
    let contents = context.store.read()?;
    let chosen = contents.select(names).map_err(CommandError::from)?;
    match chosen.iter().find(|(name, _)| running.contains(*name)) {
        None => Ok(()),
        Some((name, connection)) => Err(Failure::new(
            ErrorKind::PortBusy,
            format!(
                "`{name}` is up in the background already, on local port {}",
                connection.local_port
            ),
            Some(format!(
                "use it as it is; `ssmpf down {name}` ends it, `--local-port auto` opens another"
            )),
        )),
    }
}

/// `ssmpf service`.
pub(super) fn service(args: &ServiceArgs, settings: &Settings) -> Result<ExitCode, Failure> {
    let environment = Environment::of_process();
    let home = environment.get("HOME").map(PathBuf::from);
    let config = environment.get("XDG_CONFIG_HOME").map(PathBuf::from);
    let config = config.filter(|path| path.is_absolute());
    let Some(home) = home else {
        let hint = "it belongs into a folder there".to_owned();
        return Err(Failure::new(ErrorKind::Usage, "HOME is not set", Some(hint)));
    };
    let places = service::Places {
        config: config.unwrap_or_else(|| home.join(".config")),
        home,
        logs: places::log_folder(&environment)?,
        program: std::env::current_exe()?,
    };
    let done = match args.command {
        ServiceCommand::Install => service::install(&places)?,
        ServiceCommand::Uninstall => service::uninstall(&places)?,
        ServiceCommand::Show => return print(&service::show(&places)?),
    };
    if settings.is_json() {
        return print(&json::document(&done));
    }
    if !settings.quiet {
        let _ = writeln!(io::stderr(), "{}", done.message);
    }
    Ok(ExitCode::Success)
}

fn time(text: &str) -> Result<Duration, InvalidInput> {
    text.parse::<Seconds>().map(Seconds::duration)
}

/// Writes a result to stdout. A reader that is gone has read enough.
fn print(text: &str) -> Result<ExitCode, Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::Success),
    }
}
