//! The commands that hold tunnels open: they alone start the asynchronous runtime.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ssmpf_schema::{Detail, ErrorKind, ExitCode};

use super::args::{ForwardArgs, Global};
use super::args_catalogue::ConnectArgs;
use super::error::Failure;
use super::settings::{self, Settings};
use super::{background, catalogue, terminal};
use crate::commands::connect::{self, Surroundings};
use crate::commands::{CommandError, forward};
use crate::logging;
use crate::output::Lines;
use crate::output::events::ForwardOutput;
use crate::shutdown::Cause;

/// `ssmpf forward`.
pub(super) fn forward(
    args: &ForwardArgs,
    settings: &Settings,
    since: Instant,
) -> Result<ExitCode, Failure> {
    let request = settings::forward(args, settings)?;
    hold(settings, args.print_address, since, async |surroundings| {
        let Surroundings { events, shutdown, since } = surroundings;
        let aws = background::with_pacing(&settings.aws_without_connection());
        let traffic = Arc::default();
        let context = forward::Context { aws, events, shutdown, since, traffic };
        forward::run(request, context).await.map(|_outcome| ())
    })
}

/// `ssmpf connect`.
pub(super) fn connect(
    args: &ConnectArgs,
    global: &Global,
    settings: &Settings,
    since: Instant,
) -> Result<ExitCode, Failure> {
    let request = connect::Request {
        names: args.names.clone(),
        local_port: args.local_port.as_deref().map(str::parse).transpose()?,
        reason: args.reason.reason.as_deref().map(settings::reason).transpose()?,
        yes: args.yes,
        upkeep: args.upkeep.choice()?,
        engine: args.engine.into(),
        ping_interval: match args.ping_interval {
            Some(seconds) => Some(Duration::from_secs(seconds)),
            None => settings.ping_interval.as_deref().map(settings::ping_interval).transpose()?,
        },
        defaults: settings.defaults.clone(),
    };
    let mut context = catalogue::context(global, settings)?;
    let aws = background::with_pacing(&settings.aws);
    if request.local_port.is_none() {
        background::refuse_if_up(&args.names, &mut context)?;
    }
    let openings = connect::prepare(&request, &aws, &mut context);
    catalogue::show_warnings(&mut context, settings);
    let openings = openings?;
    hold(settings, args.print_address, since, async |surroundings| {
        connect::run(openings, surroundings, context.store).await
    })
}

/// Runs `work` until it ends or a second signal cuts it short.
fn hold(
    settings: &Settings,
    print_address: bool,
    since: Instant,
    work: impl AsyncFnOnce(Surroundings) -> Result<(), CommandError>,
) -> Result<ExitCode, Failure> {
    let stderr = Lines::stderr();
    logging::init(
        settings.verbosity,
        settings.log.as_deref(),
        settings.style.is_colored(),
        stderr.clone(),
    )?;
    // One thread: handing every kilobyte from one to another costs more than it gains.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let result = runtime.block_on(async {
        let shutdown = settings.shutdown()?;
        let trigger = shutdown.trigger().clone();
        let stdout = Lines::stdout(move || trigger.request(Cause::OutputClosed));
        let output = ForwardOutput {
            json_lines: settings.is_json(),
            print_address,
            quiet: settings.quiet,
            verbose: settings.verbosity > 0,
            style: settings.style,
        };
        let surroundings = Surroundings {
            events: output.sink(stdout.clone(), stderr.clone()),
            shutdown: shutdown.clone(),
            since,
        };
        let events = surroundings.events.clone();
        let result = tokio::select! {
            result = work(surroundings) => result.map_err(Failure::from),
            () = shutdown.forced() => {
                let reason = "cut short; the session may stay open until it is idle for long enough";
                events.emit(Detail::Stopped {
                    reason: reason.to_owned(),
                    exit_code: ExitCode::Interrupted.number(),
                    bytes_sent: 0,
                    bytes_received: 0,
                });
                Err(Failure::new(ErrorKind::Interrupted, reason, None))
            }
        };
        stdout.finish();
        stderr.finish();
        result
    });
    // Does not wait for threads that are stuck in a read from the terminal.
    runtime.shutdown_background();
    terminal::restore();
    result.map(|()| ExitCode::Success)
}
