//! `ssmpf connect`: saved connections, opened in the foreground.
//!
//! What can be decided without the network is decided first ([`prepare`]), before the asynchronous
//! runtime and the AWS SDK are started.

use std::iter;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use ssmpf_schema::{Detail, ErrorBody};
use ssmpf_store::Store;
use tokio::task::JoinSet;

use super::context::{Context, declined, terminal};
use super::forward::{self, Engine};
use super::{CommandError, Refusal};
use crate::aws::AwsSettings;
use crate::events::EventSink;
use crate::forward::{ForwardOutcome, Traffic, UpkeepChoice};
use crate::model::{Connection, ConnectionName, InvalidInput, LocalPort, Timestamp};
use crate::shutdown::Shutdown;

/// How long the end waits for the last times of use to be written.
const LAST_WRITE: Duration = Duration::from_secs(1);

/// Which connections to open, and what is different this time.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Names and `@tags`.
    pub names: Vec<String>,
    /// Another local port than the connection's own; for one connection only.
    pub local_port: Option<LocalPort>,
    /// Another reason than the connection's own.
    pub reason: Option<String>,
    /// Guarded connections need no asking.
    pub yes: bool,
    /// What was chosen about the sessions this time.
    pub upkeep: UpkeepChoice,
    /// What carries the sessions.
    pub engine: Engine,
    /// Time between pings to the gateway.
    pub ping_interval: Option<Duration>,
    /// What holds for connections without profile or region.
    pub defaults: AwsDefaults,
}

/// Profile and region that hold when neither flag, environment nor connection says another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AwsDefaults {
    /// The AWS profile.
    pub profile: Option<String>,
    /// The region.
    pub region: Option<String>,
}

impl AwsDefaults {
    /// Fills in what the settings do not say.
    pub fn behind(&self, settings: AwsSettings) -> AwsSettings {
        AwsSettings {
            profile: settings.profile.or_else(|| self.profile.clone()),
            region: settings.region.or_else(|| self.region.clone()),
            ..settings
        }
    }
}

/// A connection that is ready to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    name: ConnectionName,
    request: forward::Request,
    pub(super) aws: AwsSettings,
    max_age: Option<Duration>,
}

/// What the forwards are given.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// Where to say what happens.
    pub events: EventSink,
    /// When to end.
    pub shutdown: Shutdown,
    /// When the program was started.
    pub since: Instant,
}

/// Finds the connections and decides all that needs no network.
pub fn prepare(
    request: &Request,
    aws: &AwsSettings,
    context: &mut Context,
) -> Result<Vec<Opening>, CommandError> {
    let contents = context.store.read()?;
    let chosen = contents.select(&request.names)?;
    if chosen.len() > 1 && request.local_port.is_some() {
        return Err(InvalidInput::new(
            format!("`--local-port` is for one connection, and these are {}", chosen.len()),
            "leave it out: each connection has a local port of its own",
        )
        .into());
    }
    let mut openings: Vec<Opening> = Vec::new();
    for (name, connection) in chosen {
        let mut opening = opening(name, connection, request, aws)?;
        if connection.guard {
            opening.request.reason = Some(guarded(name, connection, request, context)?);
        }
        openings.push(opening);
    }
    Ok(openings)
}

/// Decides how a connection is opened.
pub(super) fn opening(
    name: &ConnectionName,
    connection: &Connection,
    request: &Request,
    aws: &AwsSettings,
) -> Result<Opening, CommandError> {
    let kept = |chosen: &Option<String>, own: Option<&str>| {
        chosen.clone().or_else(|| own.map(str::to_owned))
    };
    Ok(Opening {
        name: name.clone(),
        request: forward::Request {
            target: connection.target.clone(),
            destination: connection.destination.clone(),
            local_port: request.local_port.unwrap_or(LocalPort::Fixed(connection.local_port)),
            bind: vec![connection.bind],
            reason: request.reason.clone().or_else(|| connection.reason.clone()),
            document: connection.document.clone(),
            engine: request.engine,
            upkeep: request.upkeep.with(UpkeepChoice {
                sessions: Some(connection.sessions),
                lazy: Some(connection.lazy),
                keep_alive: Some(connection.keep_alive),
                idle_timeout: connection.idle_timeout.map(|time| time.duration()),
                ..UpkeepChoice::default()
            }),
            stdio: false,
            max_payload: None,
            ping_interval: request.ping_interval,
        },
        aws: request.defaults.behind(AwsSettings {
            profile: kept(&aws.profile, connection.profile.as_ref().map(|it| it.as_str())),
            region: kept(&aws.region, connection.region.as_ref().map(|it| it.as_str())),
            ..aws.clone()
        }),
        max_age: connection.max_age.map(|age| age.duration()),
    })
}

/// Makes sure that somebody means to open a guarded connection, and returns the reason.
pub(super) fn guarded(
    name: &ConnectionName,
    connection: &Connection,
    request: &Request,
    context: &mut Context,
) -> Result<String, CommandError> {
    if !request.yes {
        match context.confirm(&format!("`{name}` is guarded. Open it?"))? {
            Some(true) => {}
            Some(false) => return Err(declined()),
            None => {
                return Err(InvalidInput::new(
                    format!("`{name}` is guarded, and there is nobody to ask"),
                    "add `-y` and `--reason TEXT` to open it without asking",
                )
                .into());
            }
        }
    }
    if let Some(reason) = request.reason.as_ref().or(connection.reason.as_ref()) {
        return Ok(reason.clone());
    }
    let typed = match &mut context.person {
        Some(person) => person.ask("Reason", None).map_err(terminal)?,
        None => None,
    };
    typed.filter(|reason| !reason.is_empty()).ok_or_else(|| {
        InvalidInput::new(
            format!("`{name}` is guarded and wants a reason"),
            "give it with `--reason TEXT`; it goes to CloudTrail",
        )
        .into()
    })
}

/// Keeps the connections open until asked to end. One that fails does not end the others.
///
/// The times of use are written on a thread of their own: a large store takes longer to write than a
/// client likes to wait for its bytes.
///
/// # Errors
///
/// The failure of the first that failed, once all have ended.
pub async fn run(
    openings: Vec<Opening>,
    surroundings: Surroundings,
    store: Store,
) -> Result<(), CommandError> {
    let total = openings.len();
    let (used, uses) = mpsc::channel();
    let writer = tokio::task::spawn_blocking(move || note_uses(store, &uses));
    let mut running = JoinSet::new();
    for opening in openings {
        let (surroundings, used) = (surroundings.clone(), used.clone());
        let on_ready = move |name: &ConnectionName| {
            // Nobody listens any more when everything is about to end.
            let _ = used.send(Use::Of(name.clone(), Timestamp::now()));
        };
        running.spawn(open(opening, surroundings, Arc::default(), on_ready));
    }
    let mut failures: Vec<(ConnectionName, CommandError)> = Vec::new();
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok((_, Ok(_))) => {}
            Ok((name, Err(error))) => {
                if total > 1 {
                    let body = error.body();
                    let events = surroundings.events.for_connection(name.as_str());
                    events.warn(body.kind, body.message, body.hint);
                }
                failures.push((name, error));
            }
            Err(error) => {
                return Err(Refusal::failure(format!("a connection broke off: {error}")).into());
            }
        }
    }
    let _ = used.send(Use::NoMore);
    // Whoever holds the store's lock for longer does not keep this program from ending.
    let _ = tokio::time::timeout(LAST_WRITE, writer).await;
    summary(failures, total)
}

/// The failure that several connections make together.
pub(super) fn summary(
    failures: Vec<(ConnectionName, CommandError)>,
    total: usize,
) -> Result<(), CommandError> {
    let bodies = failures.iter().map(|(name, error)| (name, error.body()));
    let bodies: Vec<(_, ErrorBody)> = bodies.collect();
    let names: Vec<_> = bodies.iter().map(|(name, _)| name.to_string()).collect();
    let (kind, hint) = match bodies.first() {
        None => return Ok(()),
        Some((_, first)) => (first.kind, first.hint.clone()),
    };
    let causes = bodies.iter().map(|(name, body)| format!("`{name}`: {}", body.message)).collect();
    // What helps one of them need not help another.
    let hint = hint.filter(|it| bodies.iter().all(|(_, body)| body.hint.as_ref() == Some(it)));
    let message = format!("{} of {total} connections failed: {}", names.len(), names.join(", "));
    let several = CommandError::Several(ErrorBody { kind, message, hint, causes });
    Err(match failures.into_iter().next() {
        Some((_, error)) if total == 1 => error,
        _ => several,
    })
}

/// Keeps one connection open, and says when it is ready.
pub(super) async fn open(
    opening: Opening,
    surroundings: Surroundings,
    traffic: Arc<Traffic>,
    on_ready: impl Fn(&ConnectionName) + Send + Sync + 'static,
) -> (ConnectionName, Result<ForwardOutcome, CommandError>) {
    let Opening { name, request, aws, max_age } = opening;
    let events = {
        let (inner, name) = (surroundings.events.for_connection(name.as_str()), name.clone());
        surroundings.events.for_connection(name.as_str()).with_take(move |event| {
            if matches!(event.detail, Detail::Ready { .. }) {
                on_ready(&name);
            }
            inner.pass(event);
        })
    };
    let shutdown = match max_age {
        Some(age) => surroundings.shutdown.limited_to(age),
        None => surroundings.shutdown,
    };
    let context = forward::Context { aws, events, shutdown, since: surroundings.since, traffic };
    let result = forward::run(request, context).await;
    (name, result)
}

/// What the thread that writes times of use is told.
enum Use {
    /// This connection was opened then.
    Of(ConnectionName, Timestamp),
    /// Everything has ended.
    NoMore,
}

/// Keeps times of use until there are no more; those that come during a write share the next one.
fn note_uses(mut store: Store, uses: &mpsc::Receiver<Use>) {
    let mut goes_on = true;
    while goes_on && let Ok(first) = uses.recv() {
        let mut opened: Vec<(ConnectionName, Timestamp)> = Vec::new();
        for each in iter::once(first).chain(uses.try_iter()) {
            match each {
                Use::Of(name, time) => opened.push((name, time)),
                Use::NoMore => goes_on = false,
            }
        }
        if !opened.is_empty() {
            note(&mut store, &opened);
        }
    }
}

/// A store that cannot be written to is no reason to end a tunnel.
pub(super) fn note(store: &mut Store, opened: &[(ConnectionName, Timestamp)]) {
    let noted = store.update(|contents| {
        for (name, time) in opened {
            // One that was removed meanwhile leaves the times of the others alone.
            if let Ok(connection) = contents.get_mut(name.as_str()) {
                connection.last_used = Some(*time);
                connection.uses = connection.uses.saturating_add(1);
            }
        }
        Ok::<_, CommandError>(())
    });
    if let Err(error) = noted {
        tracing::debug!(%error, "the times of use were not kept");
    }
}
