//! `ssmpf connect`: saved connections, opened in the foreground.
//!
//! What can be decided without the network is decided first ([`prepare`]), before the asynchronous
//! runtime and the AWS SDK are started.

use std::time::{Duration, Instant};

use ssmpf_schema::Detail;
use ssmpf_store::Store;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::context::{Context, declined, terminal};
use super::forward::{self, Engine, UpkeepChoice};
use super::{CommandError, Refusal};
use crate::aws::AwsSettings;
use crate::events::EventSink;
use crate::forward::ForwardOutcome;
use crate::model::{Connection, ConnectionName, InvalidInput, LocalPort, Timestamp};
use crate::shutdown::Shutdown;

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
}

/// A connection that is ready to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    name: ConnectionName,
    request: forward::Request,
    aws: AwsSettings,
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

fn opening(
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
                lazy: connection.lazy,
                idle_timeout: connection.idle_timeout.map(|time| time.duration()),
                ..UpkeepChoice::default()
            }),
            stdio: false,
            max_payload: None,
            ping_interval: request.ping_interval,
        },
        aws: AwsSettings {
            profile: kept(&aws.profile, connection.profile.as_ref().map(|it| it.as_str())),
            region: kept(&aws.region, connection.region.as_ref().map(|it| it.as_str())),
            ..aws.clone()
        },
        max_age: connection.max_age.map(|age| age.duration()),
    })
}

/// Makes sure that somebody means to open a guarded connection, and returns the reason.
fn guarded(
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
/// # Errors
///
/// The failure of the first that failed, once all have ended.
pub async fn run(
    openings: Vec<Opening>,
    surroundings: Surroundings,
    store: &mut Store,
) -> Result<(), CommandError> {
    let total = openings.len();
    let (is_ready, mut ready) = mpsc::unbounded_channel();
    let mut running = JoinSet::new();
    for opening in openings {
        running.spawn(open(opening, surroundings.clone(), is_ready.clone()));
    }
    drop(is_ready);
    let mut failures: Vec<(ConnectionName, CommandError)> = Vec::new();
    loop {
        tokio::select! {
            Some(name) = ready.recv() => note_use(store, &name),
            ended = running.join_next() => match ended {
                None => break,
                Some(Ok((_, Ok(_)))) => {}
                Some(Ok((name, Err(error)))) => {
                    if total > 1 {
                        let body = error.body();
                        let events = surroundings.events.for_connection(name.as_str());
                        events.warn(body.kind, body.message, body.hint);
                    }
                    failures.push((name, error));
                }
                Some(Err(error)) => {
                    let failure = Refusal::failure(format!("a connection broke off: {error}"));
                    return Err(failure.into());
                }
            },
        }
    }
    summary(failures, total)
}

fn summary(
    failures: Vec<(ConnectionName, CommandError)>,
    total: usize,
) -> Result<(), CommandError> {
    let count = failures.len();
    let names: Vec<_> = failures.iter().map(|(name, _)| name.to_string()).collect();
    match failures.into_iter().next() {
        None => Ok(()),
        Some((_, error)) if total == 1 => Err(error),
        Some((_, error)) => Err(Refusal {
            kind: error.body().kind,
            message: format!("{count} of {total} connections failed: {}", names.join(", ")),
            hint: None,
        }
        .into()),
    }
}

async fn open(
    opening: Opening,
    surroundings: Surroundings,
    ready: mpsc::UnboundedSender<ConnectionName>,
) -> (ConnectionName, Result<ForwardOutcome, CommandError>) {
    let Opening { name, request, aws, max_age } = opening;
    let events = {
        let (inner, name) = (surroundings.events.for_connection(name.as_str()), name.clone());
        surroundings.events.for_connection(name.as_str()).with_take(move |event| {
            if matches!(event.detail, Detail::Ready { .. }) {
                // Nobody listens any more when everything is about to end.
                let _ = ready.send(name.clone());
            }
            inner.pass(event);
        })
    };
    let shutdown = match max_age {
        Some(age) => surroundings.shutdown.limited_to(age),
        None => surroundings.shutdown,
    };
    let context = forward::Context { aws, events, shutdown, since: surroundings.since };
    let result = forward::run(request, context).await;
    (name, result)
}

/// Keeps the time of use. A store that cannot be written to is no reason to end a tunnel.
fn note_use(store: &mut Store, name: &ConnectionName) {
    let noted = store.update(|contents| {
        contents.get_mut(name.as_str())?.last_used = Some(Timestamp::now());
        Ok::<_, CommandError>(())
    });
    if let Err(error) = noted {
        tracing::debug!(%name, %error, "the time of use was not kept");
    }
}
