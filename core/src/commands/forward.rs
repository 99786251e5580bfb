//! `ssmpf forward`: a tunnel in the foreground that saves nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ssmpf_schema::{Detail, ErrorKind, ExitCode};

use super::CommandError;
use crate::aws::error::CLOCK_HINT;
use crate::aws::{AwsContext, AwsSettings, DocumentName, SessionDocument, identity};
use crate::engine_plugin;
use crate::events::EventSink;
use crate::forward::{self, ForwardOutcome, ForwardPlan, Traffic, Upkeep};
use crate::model::{BindAddress, Destination, InvalidInput, LocalPort, TargetSpec};
use crate::shutdown::Shutdown;

/// What carries the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Engine {
    /// This program.
    #[default]
    Native,
    /// Amazon's session-manager-plugin.
    Plugin,
}

/// What to forward, and how.
#[derive(Clone, Debug)]
pub struct Request {
    /// How the node is found.
    pub target: TargetSpec,
    /// What the agent dials.
    pub destination: Destination,
    /// The port to listen on.
    pub local_port: LocalPort,
    /// Where to listen; empty means loopback.
    pub bind: Vec<BindAddress>,
    /// For the session history and CloudTrail.
    pub reason: Option<String>,
    /// The document; none means the one that follows from the destination.
    pub document: Option<DocumentName>,
    /// What carries the session.
    pub engine: Engine,
    /// How its sessions are looked after.
    pub upkeep: Upkeep,
    /// stdin and stdout are the one client.
    pub stdio: bool,
    /// Largest payload of one message, in bytes.
    pub max_payload: Option<usize>,
    /// Time between pings to the gateway.
    pub ping_interval: Option<Duration>,
}

/// What the command is given besides the request.
#[derive(Clone, Debug)]
pub struct Context {
    /// Profile, region and the like.
    pub aws: AwsSettings,
    /// Where to say what happens.
    pub events: EventSink,
    /// When to end.
    pub shutdown: Shutdown,
    /// When the program was started.
    pub since: Instant,
    /// Counts the clients' bytes while they pass.
    pub traffic: Arc<Traffic>,
}

/// How long a failure waits for the account to be named before it.
const LAST_WORD: Duration = Duration::from_secs(1);

/// Forwards until it is asked to end. The last event is always `stopped`.
pub async fn run(request: Request, context: Context) -> Result<ForwardOutcome, CommandError> {
    let result = run_to_the_end(request, &context).await;
    let stopped = match &result {
        Ok(outcome) => stopped(outcome.reason.clone(), ExitCode::Success, outcome),
        Err(error) => {
            let body = error.body();
            let moved = match error {
                CommandError::Forward(error) => error.outcome.clone(),
                _ => ForwardOutcome::default(),
            };
            stopped(body.message, body.kind.exit_code(), &moved)
        }
    };
    context.events.emit(stopped);
    result
}

async fn run_to_the_end(
    request: Request,
    context: &Context,
) -> Result<ForwardOutcome, CommandError> {
    let plan = ForwardPlan { traffic: context.traffic.clone(), ..plan(&request, context.since)? };
    let aws = AwsContext::load(&context.aws).await?;
    aws.warm_up();
    let mut identity = tokio::spawn(tell_identity(aws.clone(), context.events.clone()));
    let (events, shutdown) = (&with_clock_warning(&context.events, &aws), &context.shutdown);
    let result = match request.engine {
        Engine::Native => forward::run(plan, &aws, events, shutdown).await,
        Engine::Plugin => engine_plugin::run(plan, &aws, events, shutdown).await,
    };
    // Who is told that something is missing or denied wants to know where it was looked for.
    if result.is_err() && aws.is_settled() {
        let _ = tokio::time::timeout(LAST_WORD, &mut identity).await;
    }
    identity.abort();
    Ok(result?)
}

/// Says who one is in AWS, while the session starts. Only a failure waits for it, for a moment.
async fn tell_identity(aws: AwsContext, events: EventSink) {
    aws.settled().await;
    match identity::caller(&aws).await {
        Ok(caller) => events.emit(Detail::SignedInAs {
            role: caller.role().to_owned(),
            account: caller.account,
            arn: caller.arn,
            profile: aws.profile().map(str::to_owned),
            region: aws.region().to_owned(),
        }),
        Err(failure) => tracing::info!(causes = ?failure.causes, "no identity: {failure}"),
    }
}

/// Adds a warning to the first `ready` when this machine's clock is wrong, though all went well.
///
/// Our signatures are corrected; those of other programs on this machine are not.
fn with_clock_warning(events: &EventSink, aws: &AwsContext) -> EventSink {
    let (inner, clock) = (events.clone(), Arc::clone(aws.clock()));
    events.with_take(move |event| {
        let ready = matches!(event.detail, Detail::Ready { .. });
        inner.pass(event);
        if ready && let Some(complaint) = clock.complaint() {
            inner.warn(
                ErrorKind::ClockSkew,
                format!("the clock of this machine is {complaint}"),
                Some(CLOCK_HINT.to_owned()),
            );
        }
    })
}

fn plan(request: &Request, since: Instant) -> Result<ForwardPlan, InvalidInput> {
    let document =
        SessionDocument::for_destination(&request.destination, request.document.as_ref())?;
    let bind =
        if request.bind.is_empty() { vec![BindAddress::default()] } else { request.bind.clone() };
    if request.engine == Engine::Plugin {
        let unable = |what: &str| {
            Err(InvalidInput::new(
                format!("session-manager-plugin {what}"),
                "leave it out, or use `--engine native`",
            ))
        };
        if request.stdio {
            return unable("cannot be connected to stdin and stdout here");
        }
        if bind != [BindAddress::Loopback] {
            return unable("listens on localhost only, so `--bind` has no effect");
        }
        if request.max_payload.is_some() {
            return unable("chooses the size of its messages itself");
        }
    }
    Ok(ForwardPlan {
        target: request.target.clone(),
        destination: request.destination.clone(),
        document,
        reason: request.reason.clone(),
        bind,
        local_port: request.local_port,
        upkeep: request.upkeep,
        stdio: request.stdio,
        max_payload: request.max_payload,
        ping_interval: request.ping_interval,
        since,
        traffic: Arc::default(),
    })
}

fn stopped(reason: String, code: ExitCode, outcome: &ForwardOutcome) -> Detail {
    Detail::Stopped {
        reason,
        exit_code: code.number(),
        bytes_sent: outcome.bytes_sent,
        bytes_received: outcome.bytes_received,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Port;

    fn request() -> Request {
        Request {
            target: "i-0123456789abcdef0".parse().expect("valid"),
            destination: Destination { host: None, port: Port::new(5432).expect("not 0") },
            local_port: LocalPort::Auto,
            bind: vec![],
            reason: None,
            document: None,
            engine: Engine::Native,
            upkeep: Upkeep::default(),
            stdio: false,
            max_payload: None,
            ping_interval: None,
        }
    }

    #[test]
    fn loopback_is_the_default() {
        let plan = plan(&request(), Instant::now()).expect("valid");
        assert_eq!(plan.bind, [BindAddress::Loopback]);
    }

    #[test]
    fn what_the_plugin_cannot_do_is_refused_before_anything_happens() {
        let mut wide = request();
        wide.engine = Engine::Plugin;
        wide.bind = vec![BindAddress::All];
        assert!(plan(&wide, Instant::now()).is_err());
        wide.engine = Engine::Native;
        assert!(plan(&wide, Instant::now()).is_ok());
    }

    #[tokio::test]
    async fn the_last_event_says_how_it_ended() {
        let (send, events) = std::sync::mpsc::channel();
        let (_trigger, shutdown) = Shutdown::manual();
        let context = Context {
            aws: AwsSettings { region: Some("Not A Region".to_owned()), ..AwsSettings::default() },
            events: EventSink::new(move |event| send.send(event).expect("the test listens")),
            shutdown,
            since: Instant::now(),
            traffic: Arc::default(),
        };
        run(request(), context).await.expect_err("no such region");
        let last = events.iter().last().expect("an event");
        assert!(matches!(last.detail, Detail::Stopped { exit_code: 2, .. }), "{last:?}");
    }
}
