//! The process of one forward in the background: what `ssmpf up` starts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ssmpf_schema::{Detail, ErrorKind, ExitCode, Problem};

use super::connect::{self, Surroundings};
use super::{CommandError, Refusal};
use crate::aws::AwsSettings;
use crate::background::job::{Job, Report};
use crate::background::registry::{self, Claim, Record};
use crate::background::{BackgroundError, Recorder, RuntimeDir, client, control, reaper};
use crate::events::{EventSink, rfc3339};
use crate::model::ConnectionName;
use crate::output::{Lines, json};
use crate::shutdown::{Cause, Shutdown, Trigger};

/// Longest wait for a name that somebody holds without being its forward, as whoever cleans up does.
const CLAIM_PATIENCE: Duration = Duration::from_secs(10);
/// Pause between attempts to claim it.
const CLAIM_PAUSE: Duration = Duration::from_millis(20);
/// How often the forward looks whether it can still be found.
const LOOK: Duration = Duration::from_secs(10);

/// What the process of a forward is given besides its job.
#[derive(Clone)]
pub struct Context {
    /// Where events go that are to be kept.
    pub log: Lines,
    /// Tells whoever started it. Called until it is ready.
    pub report: Arc<dyn Fn(Report) + Send + Sync>,
    /// Called once it is ready.
    pub detach: Arc<dyn Fn() + Send + Sync>,
    /// When to end.
    pub shutdown: Shutdown,
    /// When the process was started.
    pub since: Instant,
}

/// Is the forward of a connection until it is asked to end. Reports its failure itself.
pub async fn run(job: Job, context: Context) -> ExitCode {
    let report = Arc::clone(&context.report);
    match keep(job, context).await {
        Ok(code) => code,
        Err(error) => {
            let error = error.body();
            let code = error.kind.exit_code();
            report(Report::Failed { error });
            code
        }
    }
}

async fn keep(job: Job, context: Context) -> Result<ExitCode, CommandError> {
    let name: ConnectionName = job.name.parse()?;
    let folder = RuntimeDir::checked(job.runtime_dir.clone())?;
    let Some(claim) = claim(&folder, &name, &context).await? else { return Ok(ExitCode::Success) };
    let request = connect::Request {
        reason: job.reason.clone(),
        upkeep: job.upkeep,
        ping_interval: job.ping_interval_seconds.map(Duration::from_secs),
        ..connect::Request::default()
    };
    let aws = AwsSettings {
        profile: job.profile.clone(),
        region: job.region.clone(),
        ca_bundle: job.ca_bundle.clone(),
        pacing: Some(folder.path().to_owned()),
        ..AwsSettings::default()
    };
    let mut opening = connect::opening(&name, &job.connection, &request, &aws)?;
    let now = Timestamp::now();
    let left = registry::record(&folder, &name);
    let closes_at = job.connection.max_age.and_then(|age| now.checked_add(age.duration()).ok());
    let record = Record {
        // Of one that died under this name, and whose sessions could not be ended yet.
        session_ids: left.iter().flat_map(|left| left.session_ids.clone()).collect(),
        ..record(&job, &opening.aws, now)
    };
    let not_kept = |error: io::Error| {
        BackgroundError::failure("the forward cannot be made known", "is the disk full?")
            .caused_by(&error)
    };
    let recorder = Recorder::new(claim, record, closes_at).map_err(not_kept)?;
    opening.aws.watch = Some(Arc::new(recorder.clone()));
    if let Some(left) = left {
        tokio::spawn(end_left(left, opening.aws.clone()));
    }
    let listener = control::listen(&folder, &name).map_err(not_kept)?;
    let stop = context.shutdown.trigger().clone();
    tokio::spawn(control::serve(listener, recorder.clone(), stop.clone()));
    tokio::spawn(stay_findable(folder, name.clone(), stop));

    // Whoever started this listens no more, so failures are kept for the next command.
    let is_alone = Arc::new(AtomicBool::new(false));
    let surroundings = Surroundings {
        events: events(&recorder, &context, &is_alone, job.no_wait),
        shutdown: context.shutdown.clone(),
        since: context.since,
    };
    let traffic = recorder.traffic().clone();
    // Whoever started this notes the use; the store is not opened here.
    let (_, result) = connect::open(opening, surroundings, traffic, |_| {}).await;
    match result {
        Ok(_) => {
            recorder.close(None);
            if is_alone.load(Ordering::Relaxed) {
                return Ok(ExitCode::Success);
            }
            let why = Refusal::new(ErrorKind::NotReady, "it was stopped before it was ready", "");
            Err(Refusal { hint: None, ..why }.into())
        }
        Err(error) if is_alone.load(Ordering::Relaxed) => {
            let body = error.body();
            let (kind, message) = (Some(body.kind), body.message);
            recorder.close(Some(Problem { time: rfc3339(Timestamp::now()), kind, message }));
            Ok(body.kind.exit_code())
        }
        Err(error) => {
            recorder.close(None);
            Err(error)
        }
    }
}

/// Ends what a dead forward of the same name has left open.
async fn end_left(left: Record, aws: AwsSettings) {
    if let Err(why) = reaper::end_sessions(&left, &aws).await {
        tracing::info!(why, sessions = ?left.session_ids, "left to the next command");
    }
}

/// Claims the name; `None` if its forward runs already, which was reported then.
async fn claim(
    folder: &RuntimeDir,
    name: &ConnectionName,
    context: &Context,
) -> Result<Option<Claim>, CommandError> {
    let deadline = Instant::now() + CLAIM_PATIENCE;
    loop {
        if let Some(claim) = Claim::take(folder, name)? {
            return Ok(Some(claim));
        }
        if let Ok(status) = client::status(folder, name).await {
            (context.report)(Report::AlreadyUp { status: Box::new(status) });
            return Ok(None);
        }
        if Instant::now() > deadline {
            return Err(Refusal::new(
                ErrorKind::NotReady,
                format!("another process is `{name}` and does not answer"),
                format!("`ssmpf down {name}` ends it"),
            )
            .into());
        }
        tokio::time::sleep(CLAIM_PAUSE).await;
    }
}

fn record(job: &Job, aws: &AwsSettings, now: Timestamp) -> Record {
    let connection = &job.connection;
    Record {
        name: job.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        started: rfc3339(now),
        pid: std::process::id(),
        tags: connection.tags.iter().map(ToString::to_string).collect(),
        profile: aws.profile.clone(),
        region: aws.region.clone(),
        target: connection.target.to_string(),
        destination: connection.destination.to_string(),
        local_port: Some(connection.local_port.number()),
        reason: job.reason.clone(),
        log: Some(job.log.clone()),
        ..Record::default()
    }
}

/// Where the events of the forward go: the status, the log, and to whoever started it for as long as
/// that listens.
fn events(
    recorder: &Recorder,
    context: &Context,
    is_alone: &Arc<AtomicBool>,
    no_wait: bool,
) -> EventSink {
    let (recorder, context, is_alone) = (recorder.clone(), context.clone(), Arc::clone(is_alone));
    EventSink::new(move |event| {
        recorder.note(&event);
        context.log.write(json::line(&event).into_bytes());
        if is_alone.load(Ordering::Relaxed) {
            return;
        }
        let enough = match event.detail {
            Detail::Ready { .. } => true,
            Detail::Starting { .. } => no_wait,
            _ => false,
        };
        // The failure itself follows, with all that belongs to it.
        if !matches!(event.detail, Detail::Stopped { .. }) {
            (context.report)(Report::Event { event });
        }
        if enough {
            is_alone.store(true, Ordering::Relaxed);
            (context.detach)();
        }
    })
}

/// Keeps the forward's files young, and ends it when its record is gone all the same: nobody could
/// find and stop it any more.
///
/// A login session's runtime folder goes with the session, unless the user may linger.
async fn stay_findable(folder: RuntimeDir, name: ConnectionName, stop: Trigger) {
    let record = folder.file(&name, "json");
    loop {
        tokio::time::sleep(LOOK).await;
        registry::touch(&folder, &name);
        if !record.exists() {
            tracing::warn!("the runtime folder is gone, and with it the way to stop this forward");
            return stop.request(Cause::Unfindable);
        }
    }
}
