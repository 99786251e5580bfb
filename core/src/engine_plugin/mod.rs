//! The session carried by Amazon's session-manager-plugin instead of us.
//!
//! A fallback for the day our own engine meets something it cannot speak. The answer of StartSession is
//! handed over in an environment variable, as the AWS CLI does it, never in an argument that every
//! user of the machine could read.

use std::ffi::{OsStr, OsString};
use std::process::Stdio;
use std::time::Duration;

use serde::Serialize;
use ssmpf_schema::{Detail, ErrorKind};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::aws::{AwsContext, Ssm, StartRequest, StartedSession, resolve};
use crate::events::EventSink;
use crate::forward::{ForwardError, ForwardOutcome, ForwardPlan, listener};
use crate::model::{BindAddress, LocalPort};
use crate::shutdown::Shutdown;

/// The program.
const PLUGIN: &str = "session-manager-plugin";

/// The plugin takes its answer from any variable whose name begins like this, and removes it.
const RESPONSE_VARIABLE: &str = "AWS_SSM_START_SESSION_RESPONSE";

/// The newest plugin that knew no such variable and would read the name as the answer itself.
const WITHOUT_VARIABLE: [u32; 4] = [1, 2, 497, 0];

/// How long the plugin, and after it the service, may take to end the session.
const END_LIMIT: Duration = Duration::from_secs(2);

/// The line that says the plugin listens: `Port 15432 opened for sessionId …`.
const LISTENING: &str = " opened for sessionId ";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Response<'a> {
    session_id: &'a str,
    token_value: &'a str,
    stream_url: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Parameters<'a> {
    target: &'a str,
}

/// Runs a forward through the plugin found on `PATH`, until either ends.
pub async fn run(
    plan: ForwardPlan,
    ctx: &AwsContext,
    events: &EventSink,
    shutdown: &Shutdown,
) -> Result<ForwardOutcome, ForwardError> {
    run_with(OsStr::new(PLUGIN), plan, ctx, events, shutdown).await
}

async fn run_with(
    program: &OsStr,
    plan: ForwardPlan,
    ctx: &AwsContext,
    events: &EventSink,
    shutdown: &Shutdown,
) -> Result<ForwardOutcome, ForwardError> {
    check_version(program).await?;
    let port = free_port(plan.local_port)?;
    let node = resolve::candidates(ctx, &plan.target).await?.swap_remove(0);
    let target = node.to_string();
    let request = StartRequest {
        target: node,
        document: plan.document.clone().with_local_port(port),
        reason: plan.reason.clone(),
    };
    events.emit(Detail::Starting {
        target: target.clone(),
        destination: plan.destination.to_string(),
        document: plan.document.name().to_owned(),
    });
    let ssm = Ssm::new(ctx);
    tokio::select! {
        turn = ssm.wait_for_turn() => turn?,
        cause = shutdown.requested() => return Ok(outcome(cause.to_string())),
    }
    let start = ssm.start_session(&request);
    tokio::pin!(start);
    let session = tokio::select! {
        session = &mut start => session?,
        cause = shutdown.requested() => {
            // AWS may start it all the same.
            if let Ok(Ok(session)) = timeout(END_LIMIT, start).await {
                let _ = timeout(END_LIMIT, ssm.terminate_session(&session.session_id)).await;
            }
            return Ok(outcome(cause.to_string()));
        }
    };
    let result = match spawn(program, ctx, &target, &session) {
        Ok(child) => carry(child, &plan, &session.session_id, events, shutdown).await,
        Err(error) => Err(not_started(program, &error)),
    };
    // The plugin tells the agent at best; it never tells the service.
    match timeout(END_LIMIT, ssm.terminate_session(&session.session_id)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the session may stay open"),
        Err(_) => tracing::warn!("ending the session took too long; it may stay open"),
    }
    result
}

/// Waits for the plugin, and reports when it listens.
async fn carry(
    mut child: Child,
    plan: &ForwardPlan,
    session_id: &str,
    events: &EventSink,
    shutdown: &Shutdown,
) -> Result<ForwardOutcome, ForwardError> {
    let mut ready = false;
    let mut last_words = Vec::new();
    let mut stdout = child.stdout.take().map(BufReader::new);
    let mut line = Vec::new();
    let status = loop {
        let next_line = async {
            match &mut stdout {
                Some(stdout) => stdout.read_until(b'\n', &mut line).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Ctrl-C reaches the plugin as well; its end is ours then, not a lost tunnel.
            biased;
            cause = shutdown.requested() => {
                end(&mut child).await;
                return Ok(outcome(cause.to_string()));
            }
            read = next_line => match read {
                Ok(1..) => {
                    let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                    line.clear();
                    tracing::debug!(plugin = text);
                    if !ready && let Some(port) = listening_port(&text) {
                        ready = true;
                        events.emit(readiness(plan, session_id, port));
                    }
                    if !text.is_empty() {
                        last_words = vec![text];
                    }
                }
                Ok(0) | Err(_) => stdout = None,
            },
            status = child.wait() => break status,
        }
    };
    if let Some(cause) = shutdown.cause() {
        return Ok(outcome(cause.to_string()));
    }
    // The plugin exits with 0 whatever happened, so the code says little.
    let how = status.map_or_else(|error| error.to_string(), |status| status.to_string());
    let mut error = if ready {
        ForwardError::new(
            ErrorKind::TunnelLost,
            format!("{PLUGIN} ended the tunnel ({how})"),
            "the session may have reached its idle or maximum time",
        )
    } else {
        ForwardError::new(
            ErrorKind::SessionFailed,
            format!("{PLUGIN} ended before the tunnel was ready ({how})"),
            "try `--engine native`",
        )
    };
    error.causes = last_words;
    Err(error)
}

fn spawn(
    program: &OsStr,
    ctx: &AwsContext,
    target: &str,
    session: &StartedSession,
) -> std::io::Result<Child> {
    let response = serde_json::to_string(&Response {
        session_id: &session.session_id,
        token_value: session.token.expose(),
        stream_url: session.stream_url.expose(),
    })?;
    let parameters = serde_json::to_string(&Parameters { target })?;
    let endpoint = ctx.ssm_endpoint().map(ToString::to_string).unwrap_or_default();
    let endpoint = endpoint.trim_end_matches('/');
    let arguments: [OsString; 6] = [
        RESPONSE_VARIABLE.into(),
        ctx.region().into(),
        "StartSession".into(),
        ctx.profile().unwrap_or_default().into(),
        parameters.into(),
        endpoint.into(),
    ];
    Command::new(program)
        .args(arguments)
        .env(RESPONSE_VARIABLE, response)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// Asks the plugin to end, and makes it end.
async fn end(child: &mut Child) {
    #[cfg(unix)]
    if let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok())
        && let Some(pid) = rustix::process::Pid::from_raw(pid)
    {
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        if timeout(END_LIMIT, child.wait()).await.is_ok() {
            return;
        }
    }
    let _ = child.kill().await;
}

async fn check_version(program: &OsStr) -> Result<(), ForwardError> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().await;
    let output = output.map_err(|error| not_started(program, &error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    // An unreadable version is most likely a new one, or a build from source.
    if version(&text).is_some_and(|version| version <= WITHOUT_VARIABLE) {
        return Err(ForwardError::new(
            ErrorKind::Failure,
            format!("{PLUGIN} {} is too old to be handed a session safely", text.trim()),
            "install a current one, or use `--engine native`",
        ));
    }
    Ok(())
}

fn version(text: &str) -> Option<[u32; 4]> {
    let mut numbers = text.trim().split('.').map(|part| part.parse().ok());
    let version = [numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??];
    numbers.next().is_none().then_some(version)
}

fn not_started(program: &OsStr, error: &std::io::Error) -> ForwardError {
    let program = program.to_string_lossy();
    let mut failure = match error.kind() {
        std::io::ErrorKind::NotFound => ForwardError::new(
            ErrorKind::Failure,
            format!("{program} was not found"),
            "install Amazon's Session Manager plugin, or use `--engine native`",
        ),
        _ => ForwardError::new(
            ErrorKind::Failure,
            format!("{program} could not be started"),
            "check that it can be executed, or use `--engine native`",
        ),
    };
    failure.causes = vec![error.to_string()];
    failure
}

/// Finds the port the plugin will listen on, before anything is started.
///
/// It is free again when this returns: the plugin binds it itself, and only after the session runs.
fn free_port(wanted: LocalPort) -> Result<u16, ForwardError> {
    let listeners = listener::bind(&[BindAddress::Loopback], wanted)?;
    let port = listener::addresses(&listeners).first().map(std::net::SocketAddr::port);
    port.ok_or_else(|| ForwardError::new(ErrorKind::BindRefused, "no local port can be had", ""))
}

fn listening_port(line: &str) -> Option<u16> {
    let (before, _) = line.split_once(LISTENING)?;
    before.rsplit(' ').next()?.parse().ok()
}

fn readiness(plan: &ForwardPlan, session_id: &str, port: u16) -> Detail {
    let address = format!("127.0.0.1:{port}");
    Detail::Ready {
        addresses: vec![address.clone()],
        address,
        destination: plan.destination.to_string(),
        target: plan.target.to_string(),
        session_id: Some(session_id.to_owned()),
        agent_version: None,
        mode: None,
        lazy: false,
        rotates_in_seconds: None,
        took_seconds: plan.since.elapsed().as_secs_f64(),
    }
}

fn outcome(reason: String) -> ForwardOutcome {
    ForwardOutcome { reason, ..ForwardOutcome::default() }
}

#[cfg(all(test, unix))]
mod tests;
