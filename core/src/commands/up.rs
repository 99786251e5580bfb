//! `ssmpf up` and `ssmpf restart`: connections opened in the background.

use std::path::PathBuf;
use std::time::Duration;

use ssmpf_schema::{Detail, ErrorBody, ErrorKind, ForwardState, ForwardStatus};
use ssmpf_store::Store;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::connect::AwsDefaults;
use super::context::Context;
use super::status::{self, Dead};
use super::{CommandError, Refusal, connect};
use crate::aws::{AwsContext, AwsFailure, AwsSettings};
use crate::background::job::{Job, Report};
use crate::background::{BackgroundError, Found, RuntimeDir, client, detach, log_file, registry};
use crate::events::EventSink;
use crate::forward::UpkeepChoice;
use crate::model::{Connection, ConnectionName, Timestamp};
use crate::shutdown::Shutdown;

/// Longest wait for one forward by default: a slow handshake, and its retries.
const PATIENCE: Duration = Duration::from_secs(60);
/// What every further forward adds to that: three sessions may be started a second.
const PATIENCE_EACH: Duration = Duration::from_millis(500);

/// Which connections to bring up, and how.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Names and `@tags`.
    pub names: Vec<String>,
    /// All connections, instead.
    pub all: bool,
    /// Another reason than the connection's own.
    pub reason: Option<String>,
    /// Guarded connections need no asking.
    pub yes: bool,
    /// Return as soon as the local ports are bound.
    pub no_wait: bool,
    /// Longest wait until they are ready.
    pub timeout: Option<Duration>,
    /// Time between pings to the gateway.
    pub ping_interval: Option<Duration>,
    /// What was chosen about the sessions this time.
    pub upkeep: UpkeepChoice,
    /// Profile and region for connections without.
    pub defaults: AwsDefaults,
    /// Those that run are to be started anew, so they are prepared too.
    pub again: bool,
}

/// Where forwards are found and what they write.
#[derive(Clone, Debug)]
pub struct Place {
    /// The runtime folder.
    pub folder: RuntimeDir,
    /// The folder of their logs.
    pub logs: PathBuf,
    /// How much goes there, as with `-v`.
    pub verbosity: u8,
    /// `SSMPF_LOG`.
    pub log_filter: Option<String>,
}

/// What is to be done, decided without the network.
#[derive(Debug)]
pub struct Plan {
    jobs: Vec<Job>,
    already: Vec<ConnectionName>,
    /// What is left alone, because it could not come up.
    refused: Vec<(ConnectionName, CommandError)>,
}

impl Plan {
    /// Returns the names of what is to be started.
    pub fn names(&self) -> Vec<String> {
        self.jobs.iter().map(|job| job.name.clone()).collect()
    }
}

/// What the forwards are started with.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Where to say what happens.
    pub events: EventSink,
    /// When to give up.
    pub shutdown: Shutdown,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Brought {
    /// The forwards that are up now.
    pub forwards: Vec<ForwardStatus>,
    /// Which of them were up already.
    pub already: Vec<String>,
    /// What a person should know about forwards that had died.
    pub notes: Vec<String>,
}

/// Finds the connections, opens the store once for all of them, and asks what has to be asked.
pub fn prepare(
    request: &Request,
    aws: &AwsSettings,
    context: &mut Context,
    place: &Place,
) -> Result<Plan, CommandError> {
    let contents = context.store.read()?;
    let chosen = match request.all {
        true => contents.connections.iter().collect(),
        false => contents.select(&request.names)?,
    };
    let running = status::running_names(&place.folder)?;
    let mut plan = Plan { jobs: Vec::new(), already: Vec::new(), refused: Vec::new() };
    for (name, connection) in chosen {
        if !request.again && running.contains(name) {
            plan.already.push(name.clone());
            continue;
        }
        plan.jobs.push(job(name, connection, request, aws, context, place)?);
    }
    Ok(plan)
}

fn job(
    name: &ConnectionName,
    connection: &Connection,
    request: &Request,
    aws: &AwsSettings,
    context: &mut Context,
    place: &Place,
) -> Result<Job, CommandError> {
    // The reason that it was started with is good for starting it again.
    let so_far = || registry::record(&place.folder, name)?.reason;
    let reason = request.reason.clone();
    let mut wanted = connect::Request {
        reason: if request.again { reason.or_else(so_far) } else { reason },
        yes: request.yes,
        upkeep: request.upkeep,
        defaults: request.defaults.clone(),
        ping_interval: request.ping_interval,
        ..connect::Request::default()
    };
    // What makes no sense is said here, before a process is started for it.
    let aws = connect::opening(name, connection, &wanted, aws)?.aws;
    if connection.guard {
        wanted.reason = Some(connect::guarded(name, connection, &wanted, context)?);
    }
    Ok(Job {
        name: name.to_string(),
        connection: connection.clone(),
        profile: aws.profile,
        region: aws.region,
        ca_bundle: aws.ca_bundle,
        upkeep: request.upkeep,
        reason: wanted.reason,
        no_wait: request.no_wait,
        ping_interval_seconds: request.ping_interval.map(|interval| interval.as_secs()),
        runtime_dir: place.folder.path().to_owned(),
        log: log_file::path(&place.logs, name),
        verbosity: place.verbosity,
        log_filter: place.log_filter.clone(),
    })
}

/// Has a person sign in where that is wanted, and leaves out what has no credentials all the same.
///
/// For what is ended before it is started: a sign-in that nobody makes is not to cost a forward that
/// runs. Each profile and region is looked at once.
pub async fn with_credentials(
    mut plan: Plan,
    surroundings: &Surroundings,
    aws: &AwsSettings,
) -> Result<Plan, CommandError> {
    let mut known: Vec<(AwsSettings, Option<AwsFailure>)> = Vec::new();
    let mut jobs = Vec::new();
    for job in plan.jobs {
        let own = settings_of(&job, aws);
        let same = |it: &AwsSettings| {
            (&it.profile, &it.region, &it.ca_bundle) == (&own.profile, &own.region, &own.ca_bundle)
        };
        let failure = match known.iter().find(|(settings, _)| same(settings)) {
            Some((_, failure)) => failure.clone(),
            None => {
                let failure = tokio::select! {
                    signed_in = sign_in(&own) => signed_in.err(),
                    _ = surroundings.shutdown.requested() => return Err(cut_short()),
                };
                known.push((own, failure.clone()));
                failure
            }
        };
        match failure {
            None => jobs.push(job),
            Some(failure) => {
                let message = format!("{}; `{}` was left as it is", failure.message, job.name);
                let failure = AwsFailure { message, ..failure };
                plan.refused.push((job.name.parse()?, failure.into()));
            }
        }
    }
    plan.jobs = jobs;
    Ok(plan)
}

/// Loads credentials, for which a person may have to sign in.
async fn sign_in(aws: &AwsSettings) -> Result<(), AwsFailure> {
    AwsContext::load(aws).await?.credentials().await.map(|_| ())
}

/// Returns what the process of this forward will use, with the person who sits here.
fn settings_of(job: &Job, aws: &AwsSettings) -> AwsSettings {
    AwsSettings {
        profile: job.profile.clone(),
        region: job.region.clone(),
        ca_bundle: job.ca_bundle.clone(),
        ..aws.clone()
    }
}

fn cut_short() -> CommandError {
    let message = "cut short; nothing was changed".to_owned();
    Refusal { kind: ErrorKind::Interrupted, message, hint: None }.into()
}

/// Brings them up. One that fails does not keep the others from it.
///
/// # Errors
///
/// The failure of the first that failed, once all are up or have failed.
pub async fn run(
    plan: Plan,
    request: &Request,
    surroundings: Surroundings,
    aws: &AwsSettings,
    store: &mut Store,
    place: &Place,
) -> Result<Brought, CommandError> {
    let folder = &place.folder;
    let swept = status::sweep(folder, aws, Dead::Reap).await?;
    let mut brought = Brought { notes: swept.notes, ..Brought::default() };
    let total = plan.jobs.len() + plan.already.len() + plan.refused.len();
    let patience = request.timeout.unwrap_or(PATIENCE + PATIENCE_EACH * plan.jobs.len() as u32);
    for name in plan.already {
        let status = client::status(folder, &name).await.unwrap_or_else(|_| ForwardStatus {
            name: name.to_string(),
            ..ForwardStatus::default()
        });
        brought.already.push(name.to_string());
        brought.forwards.push(status);
    }
    let mut rising = JoinSet::new();
    for job in plan.jobs {
        let (surroundings, folder) = (surroundings.clone(), folder.clone());
        let (no_wait, aws) = (request.no_wait, settings_of(&job, aws));
        rising.spawn(async move {
            let name = job.name.clone();
            let risen =
                raise_signed_in(&job, no_wait, patience, &surroundings, &folder, &aws).await;
            (name, risen)
        });
    }
    let mut failures = Vec::new();
    let mut failed = |name: ConnectionName, error: CommandError| {
        if total > 1 {
            let body = error.body();
            let events = surroundings.events.for_connection(name.as_str());
            events.warn(body.kind, body.message, body.hint);
        }
        failures.push((name, error));
    };
    for (name, error) in plan.refused {
        failed(name, error);
    }
    while let Some(joined) = rising.join_next().await {
        let (name, risen) =
            joined.map_err(|error| Refusal::failure(format!("a start broke off: {error}")))?;
        let name: ConnectionName = name.parse()?;
        match risen {
            Ok((status, was_up)) => {
                if was_up {
                    brought.already.push(name.to_string());
                } else {
                    connect::note(store, &[(name.clone(), Timestamp::now())]);
                }
                brought.forwards.push(status);
            }
            Err(error) => failed(name, error),
        }
    }
    brought.forwards.sort_by(|a, b| a.name.cmp(&b.name));
    connect::summary(failures, total).map(|()| brought)
}

/// Starts one forward; if only a person can help, that person signs in, and it is started again.
///
/// The process of the forward has no terminal, so this one asks. How long that takes does not count.
async fn raise_signed_in(
    job: &Job,
    no_wait: bool,
    patience: Duration,
    surroundings: &Surroundings,
    folder: &RuntimeDir,
    aws: &AwsSettings,
) -> Result<(ForwardStatus, bool), CommandError> {
    let risen = raise(job, no_wait, patience, surroundings, folder).await;
    match risen {
        Err(error) if aws.guide.is_some() && error.body().kind == ErrorKind::SignInRequired => {
            tokio::select! {
                signed_in = sign_in(aws) => signed_in?,
                _ = surroundings.shutdown.requested() => return Err(cut_short()),
            }
            raise(job, no_wait, patience, surroundings, folder).await
        }
        risen => risen,
    }
}

/// Starts one forward; returns its state, and whether it was up already.
async fn raise(
    job: &Job,
    no_wait: bool,
    patience: Duration,
    surroundings: &Surroundings,
    folder: &RuntimeDir,
) -> Result<(ForwardStatus, bool), CommandError> {
    let name: ConnectionName = job.name.parse()?;
    let mut starting = detach::start(job).await?;
    let up = async {
        loop {
            match starting.next().await? {
                Report::Event { event } => {
                    let enough = match event.detail {
                        Detail::Ready { .. } => true,
                        Detail::Starting { .. } => no_wait,
                        _ => false,
                    };
                    surroundings.events.pass(event);
                    if enough {
                        return Ok::<_, CommandError>(None);
                    }
                }
                Report::AlreadyUp { status } => return Ok(Some(*status)),
                Report::Failed { error } => {
                    return Err(BackgroundError(with_holder(error, job, folder)).into());
                }
            }
        }
    };
    let risen = tokio::select! {
        risen = timeout(patience, up) => risen,
        _ = surroundings.shutdown.requested() => {
            starting.stop().await;
            let what = format!("`{name}` was not ready yet; it was stopped");
            return Err(Refusal { kind: ErrorKind::Interrupted, message: what, hint: None }.into());
        }
    };
    let Ok(risen) = risen else {
        starting.stop().await;
        return Err(Refusal::new(
            ErrorKind::NotReady,
            format!("`{name}` was not ready within {} s; it was stopped", patience.as_secs()),
            format!("`ssmpf logs {name}` has what happened; `--timeout` gives it longer"),
        )
        .into());
    };
    match risen? {
        Some(status) => Ok((status, true)),
        None => {
            let status = client::status(folder, &name).await;
            Ok((status.unwrap_or_else(|_| unasked(job)), false))
        }
    }
}

/// Names the forward that has the local port, if it is one of ours.
fn with_holder(error: ErrorBody, job: &Job, folder: &RuntimeDir) -> ErrorBody {
    if error.kind != ErrorKind::PortBusy {
        return error;
    }
    let port = Some(job.connection.local_port.number());
    let found = registry::look(folder).unwrap_or_default();
    let holder = found.iter().find(
        |found| matches!(found, Found::Running(it) if it.local_port == port && it.name != job.name),
    );
    match holder.map(|found| &found.record().name) {
        None => error,
        Some(holder) => ErrorBody {
            hint: Some(format!(
                "it belongs to `{holder}`, which is up; `ssmpf down {holder}` frees it, \
                 `ssmpf edit {} --local-port auto` chooses another for good",
                job.name
            )),
            ..error
        },
    }
}

/// What can be said of a forward that is up and was not asked in time.
fn unasked(job: &Job) -> ForwardStatus {
    ForwardStatus {
        name: job.name.clone(),
        state: ForwardState::Unknown,
        ..ForwardStatus::default()
    }
}
