//! The commands that show what can be reached: they ask AWS in many places and show what comes.

use std::io::{self, IsTerminal, Write};
use std::ops::ControlFlow;

use serde::Serialize;
use serde_json::Value;
use ssmpf_schema::{ExitCode, FailureDocument, PlaceFailure, PlaceRecord};

use super::args::{FormatArg, Global};
use super::args_finding::{EndpointsArgs, PlaceArgs, SessionsArgs, SessionsCommand, TargetsArgs};
use super::env::Environment;
use super::error::Failure;
use super::settings::Settings;
use super::{places, sign_in, status_line, terminal};
use crate::aws::AwsSettings;
use crate::commands::find::{self, Progress, Step};
use crate::commands::{endpoints, sessions, targets};
use crate::discovery::cache::Cache;
use crate::discovery::sweep::{Freshness, Plan, Regions};
use crate::model::{InvalidInput, Region, Timestamp};
use crate::output::{finding as render, json};

/// `ssmpf targets`.
pub(super) fn targets(
    args: &TargetsArgs,
    global: &Global,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let plan = plan(Some(&args.places), args.places.all_regions, global, settings)?;
    let request = targets::Request { plan, unmanaged: args.all };
    let mut screen = Screen::new(settings, &args.filters, "targets");
    let search = targets::run(request, |step| screen.step(step, render::target_line));
    let document = sign_in::waited_for(settings, search);
    screen.end();
    let mut document = document?;
    document.targets.retain(|record| screen.takes(record));
    screen.places(&document.places, &document.failures);
    let width = terminal::width();
    screen.print(&document, |it| render::targets(&it.targets, width), document.targets.is_empty())
}

/// `ssmpf endpoints`.
pub(super) fn endpoints(
    args: &EndpointsArgs,
    global: &Global,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    let plan = plan(Some(&args.places), args.places.all_regions, global, settings)?;
    let mut screen = Screen::new(settings, &args.filters, "endpoints");
    let search = endpoints::run(plan, |step| {
        screen.step(step, |record| format!("{}:{}", record.host, record.port))
    });
    let document = sign_in::waited_for(settings, search);
    screen.end();
    let mut document = document?;
    document.endpoints.retain(|record| screen.takes(record));
    screen.places(&document.places, &document.failures);
    let width = terminal::width();
    let empty = document.endpoints.is_empty();
    screen.print(&document, |it| render::endpoints(&it.endpoints, width), empty)
}

/// `ssmpf sessions`.
pub(super) fn sessions(
    args: &SessionsArgs,
    global: &Global,
    settings: &Settings,
) -> Result<ExitCode, Failure> {
    if let Some(SessionsCommand::End { ids }) = &args.command {
        super::dispatch::one_place(global)?;
        let done = sign_in::waited_for(settings, sessions::end(ids, &settings.aws))?;
        let screen = Screen::new(settings, &[], "sessions");
        if !settings.quiet && !settings.is_json() {
            say(&done.message);
        }
        return screen.print(&done, |_| String::new(), false);
    }
    let plan = plan(None, args.all_regions, global, settings)?;
    let mut screen = Screen::new(settings, &[], "live sessions");
    let search =
        sessions::run(plan, args.all, |step| screen.step(step, |it| it.session_id.clone()));
    let document = sign_in::waited_for(settings, search);
    screen.end();
    let document = document?;
    screen.places(&document.places, &document.failures);
    let width = terminal::width();
    let empty = document.sessions.is_empty();
    screen.print(&document, |it| render::sessions(&it.sessions, width), empty)
}

/// Decides where to look.
fn plan(
    args: Option<&PlaceArgs>,
    all_regions: bool,
    global: &Global,
    settings: &Settings,
) -> Result<Plan, InvalidInput> {
    let regions = match (all_regions, &global.region[..]) {
        (true, []) => Regions::All,
        (true, _) => {
            return Err(InvalidInput::new(
                "`--all-regions` and `--region` contradict each other",
                "leave one of them out",
            ));
        }
        (false, []) if global.profile.len() > 1 => match &settings.aws.region {
            // What the environment says holds for every profile.
            Some(region) => Regions::Named(vec![region.clone()]),
            None => Regions::Own,
        },
        (false, []) => Regions::Own,
        (false, regions) => {
            // They become part of host names.
            for region in regions {
                region.parse::<Region>()?;
            }
            Regions::Named(unique(regions))
        }
    };
    let freshness = match args.is_some_and(|args| args.refresh) {
        true => Freshness::Asked,
        false => Freshness::Recent,
    };
    Ok(Plan {
        settings: settings.aws.clone(),
        profiles: unique(&global.profile),
        regions,
        cache: cache(&settings.aws).map(|cache| (cache, freshness)),
    })
}

fn unique(words: &[String]) -> Vec<String> {
    let mut seen = std::collections::HashSet::new();
    words.iter().filter(|word| seen.insert(*word)).cloned().collect()
}

/// Returns where answers are kept for whoever these settings stand for.
pub(super) fn cache(aws: &AwsSettings) -> Option<Cache> {
    let environment = Environment::of_process();
    let folder = places::cache_folder(&environment)?;
    let of = |name| environment.get(name).unwrap_or_default();
    // Keys in the environment answer for no chosen profile.
    let key = if aws.profile.is_none() { of("AWS_ACCESS_KEY_ID") } else { "" };
    let files = [of("AWS_CONFIG_FILE"), of("AWS_SHARED_CREDENTIALS_FILE")];
    Some(Cache::new(folder, &[key, files[0], files[1], of("AWS_ENDPOINT_URL")]))
}

/// Shows results as they come or at the end, and meanwhile how far it is.
struct Screen<'a> {
    settings: &'a Settings,
    filters: Vec<String>,
    what: &'static str,
    progress: bool,
    closed: bool,
    /// Whether a place could be read.
    answered: bool,
    /// Failures from before that: if no place can be read, the error at the end has them.
    held: Vec<PlaceFailure>,
}

impl<'a> Screen<'a> {
    fn new(settings: &'a Settings, filters: &[String], what: &'static str) -> Self {
        Self {
            settings,
            filters: filters.iter().map(|filter| filter.to_lowercase()).collect(),
            what,
            progress: io::stderr().is_terminal() && !settings.quiet && settings.verbosity == 0,
            closed: false,
            answered: false,
            held: Vec::new(),
        }
    }

    /// Shows one step of a search. A reader that is gone ends it.
    fn step<T: Serialize>(
        &mut self,
        step: Step<'_, T>,
        plain: impl Fn(&T) -> String,
    ) -> ControlFlow<()> {
        match step {
            Step::Records(records) => {
                self.answered = true;
                self.release();
                let write: &dyn Fn(&T) -> String = match self.settings.format {
                    FormatArg::Jsonl => &|record| json::line(record),
                    FormatArg::Plain => &|record| plain(record) + "\n",
                    FormatArg::Json | FormatArg::Table => return ControlFlow::Continue(()),
                };
                let _pause = status_line::pause();
                let records = records.iter().filter(|record| self.takes(*record));
                let text: String = records.map(write).collect();
                if write_out(&text).is_err_and(|error| error.kind() == io::ErrorKind::BrokenPipe) {
                    self.closed = true;
                    return ControlFlow::Break(());
                }
            }
            Step::Failure(failure) if self.settings.format == FormatArg::Jsonl => {
                self.held.push(failure.clone());
                if self.answered {
                    self.release();
                }
            }
            Step::Failure(_) => {}
            Step::Progress(progress) => self.progress(progress),
        }
        ControlFlow::Continue(())
    }

    /// Writes the failures that were held back.
    fn release(&mut self) {
        for failure in std::mem::take(&mut self.held) {
            let _pause = status_line::pause();
            say(json::line(&FailureDocument::new(failure)).trim_end());
        }
    }

    fn progress(&self, progress: Progress) {
        if !self.progress {
            return;
        }
        let Progress { done, places, found } = progress;
        status_line::show(format!("{done} of {places} places, {found} {}", self.what));
    }

    fn end(&self) {
        status_line::end();
    }

    /// Whether every filter is somewhere in a record.
    fn takes(&self, record: &impl Serialize) -> bool {
        if self.filters.is_empty() {
            return true;
        }
        let Ok(Value::Object(fields)) = serde_json::to_value(record) else { return true };
        let texts: Vec<String> =
            fields.values().filter_map(Value::as_str).map(str::to_lowercase).collect();
        self.filters.iter().all(|filter| texts.iter().any(|text| text.contains(filter)))
    }

    /// Tells people what is old and what could not be read, each sentence once.
    fn places(&self, places: &[PlaceRecord], failures: &[PlaceFailure]) {
        if self.settings.is_json() {
            return;
        }
        let style = self.settings.style;
        for (message, hint, where_) in grouped(failures) {
            say(&format!("{}: {message} ({where_})", style.warning("warning")));
            if let Some(hint) = hint {
                say(&format!("{}: {hint}", style.hint("hint")));
            }
        }
        let kept = places.iter().filter(|place| place.cached);
        let oldest = kept.filter_map(|place| place.asked.parse::<Timestamp>().ok()).min();
        if let Some(oldest) = oldest.filter(|_| !self.settings.quiet) {
            let age = Timestamp::now().as_second().saturating_sub(oldest.as_second()).max(0);
            say(&format!("as of {}; `--refresh` asks again", ago(age)));
        }
    }

    /// Writes what was not written while it came.
    fn print<T: Serialize>(
        &self,
        document: &T,
        table: impl FnOnce(&T) -> String,
        empty: bool,
    ) -> Result<ExitCode, Failure> {
        let text = match self.settings.format {
            FormatArg::Json => json::document(document),
            FormatArg::Table if empty => {
                if !self.settings.quiet {
                    say(&format!("no {} found", self.what));
                }
                String::new()
            }
            FormatArg::Table => table(document),
            FormatArg::Jsonl | FormatArg::Plain => String::new(),
        };
        match write_out(&text) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe && !self.closed => {
                Err(error.into())
            }
            _ => Ok(ExitCode::Success),
        }
    }
}

/// Says in words how long ago something was, in seconds.
fn ago(seconds: i64) -> String {
    match seconds {
        ..2 => "just now".to_owned(),
        2..120 => format!("{seconds} s ago"),
        _ => format!("{} min ago", seconds / 60),
    }
}

/// Joins failures with the same words, and names their places.
pub(super) fn grouped(failures: &[PlaceFailure]) -> Vec<(String, Option<String>, String)> {
    /// Places that a sentence names at most.
    const SHOWN: usize = 5;
    let mut groups: Vec<(String, Option<String>, Vec<String>)> = Vec::new();
    for failure in failures {
        let (message, place) = (&failure.error.message, find::place(failure));
        match groups.iter_mut().find(|(known, ..)| known == message) {
            Some((.., places)) if places.contains(&place) => {}
            Some((.., places)) => places.push(place),
            None => groups.push((message.clone(), failure.error.hint.clone(), vec![place])),
        }
    }
    let joined = |places: &[String]| match places.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", places[..SHOWN].join(", ")),
        _ => places.join(", "),
    };
    groups.into_iter().map(|(message, hint, places)| (message, hint, joined(&places))).collect()
}

fn write_out(text: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}

pub(super) fn say(line: &str) {
    // If that is impossible, there is nobody to tell.
    let _ = writeln!(io::stderr(), "{line}");
}

#[cfg(test)]
mod tests {
    use ssmpf_schema::{ErrorBody, ErrorKind};

    use super::*;

    #[test]
    fn the_age_of_an_answer_reads_like_a_sentence() {
        let said = [0, 1, 2, 119, 120, 299].map(ago);
        let expected = ["just now", "just now", "2 s ago", "119 s ago", "2 min ago", "4 min ago"];
        assert_eq!(said, expected);
    }

    #[test]
    fn the_same_failure_in_many_places_is_one_warning() {
        let failure = |profile: &str, message: &str| PlaceFailure {
            profile: Some(profile.to_owned()),
            region: Some("eu-west-1".to_owned()),
            error: ErrorBody {
                kind: ErrorKind::Denied,
                message: message.to_owned(),
                hint: None,
                causes: Vec::new(),
            },
        };
        let groups = grouped(&[failure("a", "no"), failure("b", "never"), failure("c", "no")]);
        assert_eq!(groups.len(), 2);
        assert_eq!(groups[0].2, "a/eu-west-1, c/eu-west-1");
    }
}
