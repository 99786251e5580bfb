//! The commands about AWS profiles: `profiles`, `login`, `logout`.

use std::io::{self, Write};

use serde::Serialize;

use super::args::{FormatArg, Global};
use super::args_sign_in::{LoginArgs, LogoutArgs};
use super::env::Environment;
use super::error::Failure;
use super::settings::Settings;
use super::{guide, terminal};
use crate::aws::AwsSettings;
use crate::aws::Flow;
use crate::commands::{CommandError, login, logout, profiles};
use crate::logging;
use crate::output::{Lines, json, profiles as render};

/// `ssmpf profiles`.
pub(super) fn list(settings: &Settings) -> Result<String, Failure> {
    let listing = waited_for(settings, profiles::run())?;
    for problem in listing.problems.iter().filter(|_| !settings.is_json()) {
        say(&format!("{}: {}", settings.style.warning("warning"), render::problem(problem)));
    }
    if listing.profiles.is_empty() && settings.format == FormatArg::Table && !settings.quiet {
        say("no profiles yet; `aws configure sso` or `aws configure` makes one");
    }
    Ok(match settings.format {
        FormatArg::Json => json::document(&listing),
        FormatArg::Jsonl => listing.profiles.iter().map(json::line).collect(),
        FormatArg::Plain => listing.profiles.iter().map(|it| format!("{}\n", it.name)).collect(),
        FormatArg::Table if listing.profiles.is_empty() => String::new(),
        FormatArg::Table => render::table(&listing.profiles, terminal::width()),
    })
}

/// `ssmpf login`.
pub(super) fn login(
    args: &LoginArgs,
    global: &Global,
    settings: &Settings,
) -> Result<String, Failure> {
    let environment = Environment::of_process();
    let flow = match (args.device_code, args.no_browser) {
        (true, no_browser) => Flow::DeviceCode { open_browser: !no_browser },
        (false, true) => Flow::PrintUrl,
        (false, false) => guide::flow(&environment),
    };
    // A code is for another machine unless this one has a browser.
    let flow = match flow {
        Flow::DeviceCode { .. } if guide::flow(&environment) != Flow::Browser => {
            Flow::DeviceCode { open_browser: false }
        }
        flow => flow,
    };
    let request = login::Request { sso_session: args.sso_session.clone(), flow };
    let aws = AwsSettings {
        guide: Some(guide::for_login(global, &environment, settings.style)),
        ..settings.aws.clone()
    };
    let document = waited_for(settings, login::run(&request, &aws))?;
    Ok(rendered(settings, &document))
}

/// `ssmpf logout`.
pub(super) fn logout(
    args: &LogoutArgs,
    global: &Global,
    settings: &Settings,
) -> Result<String, Failure> {
    let request = match (&args.sso_session, global.profile.first()) {
        (Some(name), _) => logout::Request::Session(name.clone()),
        // A profile of the environment is for using, and not meant to be signed out of.
        (None, Some(name)) => logout::Request::Profile(name.clone()),
        (None, None) => logout::Request::Everything,
    };
    let done = waited_for(settings, logout::run(&request, &settings.aws))?;
    if !settings.quiet && !settings.is_json() {
        say(&done.message);
    }
    Ok(rendered(settings, &done))
}

fn rendered(settings: &Settings, document: &impl Serialize) -> String {
    match settings.format {
        FormatArg::Json => json::document(document),
        FormatArg::Jsonl => json::line(document),
        FormatArg::Table | FormatArg::Plain => String::new(),
    }
}

fn say(sentence: &str) {
    // If that is impossible, the exit code has to do.
    let _ = writeln!(io::stderr(), "{sentence}");
}

/// Runs a command that ends by itself. A signal ends it at once: there is nothing to tidy up.
pub(super) fn waited_for<T>(
    settings: &Settings,
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, Failure> {
    let stderr = Lines::stderr();
    let colored = settings.style.is_colored();
    logging::init(settings.verbosity, settings.log.as_deref(), colored, stderr.clone())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let shutdown = settings.shutdown()?;
        tokio::select! {
            result = work => result.map_err(Failure::from),
            _ = shutdown.requested() => {
                let kind = ssmpf_schema::ErrorKind::Interrupted;
                Err(Failure::new(kind, "cut short", None))
            }
        }
    });
    stderr.finish();
    // Does not wait for threads that are stuck in a read from the terminal.
    runtime.shutdown_background();
    terminal::restore();
    result
}
