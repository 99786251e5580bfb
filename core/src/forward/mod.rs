//! A running forward on this machine: the listener and its clients on one side, sessions that come
//! and go on the other.
//!
//! The order is the user's interest: the local port first, since it is the cheapest thing that
//! can fail; then the session; *ready* only once its handshake is complete.

mod descriptors;
mod failure;
mod hub;
pub(crate) mod listener;
mod member;
mod peer;
mod plan;
mod port_owner;
mod pump;
mod starter;
mod stdio;
mod supervisor;
mod traffic;
mod upkeep;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ssmpf_proto::config;
use ssmpf_schema::{Detail, ErrorKind};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::aws::AwsContext;
use crate::aws::ssm::Ssm;
use crate::events::EventSink;
use crate::shutdown::Shutdown;
pub use failure::ForwardError;
use hub::{Hub, NoStream};
pub use plan::{ForwardOutcome, ForwardPlan};
use pump::Ending;
use starter::Started;
use supervisor::Supervisor;
use traffic::Meter;
pub use traffic::{Moved, Traffic};
pub use upkeep::{Upkeep, UpkeepChoice};

/// Longest wait for the end of the remote session: the agent's word, then the service's.
const END_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest wait for clients to notice the end, so that their bytes are counted.
const CLIENTS_END: Duration = Duration::from_millis(300);

/// Runs a forward until it is asked to end or cannot go on.
///
/// # Errors
///
/// A [`ForwardError`] when the port cannot be had, no session becomes ready, or only a person can
/// bring the tunnel back.
pub async fn run(
    plan: ForwardPlan,
    ctx: &AwsContext,
    events: &EventSink,
    shutdown: &Shutdown,
) -> Result<ForwardOutcome, ForwardError> {
    let hub = Arc::new(Hub::new(Arc::clone(&plan.traffic)));
    let listeners =
        if plan.stdio { Vec::new() } else { listener::bind(&plan.bind, plan.local_port)? };
    events.emit(Detail::Starting {
        target: plan.target.to_string(),
        destination: plan.destination.to_string(),
        document: plan.document.name().to_owned(),
    });
    descriptors::allow_many();
    peer::prepare();
    let mut supervisor = Supervisor::new(&plan, ctx, &hub, events);
    let mut clients = JoinSet::new();
    let work = async {
        // A lazy forward is ready without a session.
        let started = match plan.upkeep.lazy && !plan.stdio {
            true => None,
            false => Some(supervisor.first().await?),
        };
        events.emit(ready(&plan, &listener::addresses(&listeners), started.as_ref()));
        if let Some(started) = started {
            supervisor.adopt(started);
        }
        if plan.stdio {
            return stdio::serve(&hub, &plan, supervisor.until_end()).await;
        }
        for listener in listeners {
            clients.spawn(accept(listener, Arc::clone(&hub), events.clone(), plan.clone()));
        }
        supervisor.keep().await.map(|()| "the tunnel ended".to_owned())
    };
    let result = tokio::select! {
        result = work => result,
        cause = shutdown.requested() => Ok(cause.to_string()),
    };
    // Nobody new is let in while the session is being ended, and nobody is asked to sign in.
    hub.begin_end();
    ctx.withdraw();
    clients.abort_all();
    end_session(&hub, ctx).await;
    let total = hub.traffic().moved();
    let outcome =
        |reason| ForwardOutcome { reason, bytes_sent: total.sent, bytes_received: total.received };
    match result {
        Ok(reason) => Ok(outcome(reason)),
        Err(error) => Err(ForwardError { outcome: outcome(error.message.clone()), ..error }),
    }
}

fn ready(plan: &ForwardPlan, addresses: &[SocketAddr], started: Option<&Started>) -> Detail {
    let addresses: Vec<_> =
        addresses.iter().map(|address| listener::reachable(*address).to_string()).collect();
    let session = started.map(|started| &started.session);
    let agent_version = session.and_then(|session| session.ready.agent_version);
    Detail::Ready {
        address: addresses.first().cloned().unwrap_or_else(|| "stdin and stdout".to_owned()),
        addresses,
        destination: plan.destination.to_string(),
        target: started
            .map_or_else(|| plan.target.to_string(), |started| started.target.to_string()),
        session_id: session.map(|session| session.id.clone()),
        agent_version: agent_version.map(|version| version.to_string()),
        mode: session.map(supervisor::mode),
        lazy: started.is_none(),
        rotates_in_seconds: started.map(|started| started.rotation.as_secs_f64()),
        took_seconds: plan.since.elapsed().as_secs_f64(),
    }
}

/// Ends whatever session there is, also one that is still on its way.
async fn end_session(hub: &Hub, ctx: &AwsContext) {
    let members = hub.members();
    members.iter().for_each(|member| member.handle.terminate());
    let ended = async {
        for member in &members {
            member.handle.closed().await;
        }
    };
    let starting = hub.take_starting();
    let given_up = async {
        // AWS may have started it already; only the answer says what to end.
        if let Some(starting) = starting
            && let Some(id) = starting.cut_short().await
        {
            let _ = Ssm::new(ctx).terminate_session(&id).await;
        }
    };
    let all = async { tokio::join!(ended, given_up) };
    if timeout(END_TIMEOUT, all).await.is_err() {
        tracing::debug!("not every session ended in time");
    }
    let quiet = async {
        while hub.clients() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _ = timeout(CLIENTS_END, quiet).await;
}

async fn accept(listener: TcpListener, hub: Arc<Hub>, events: EventSink, plan: ForwardPlan) {
    let plan = Arc::new(plan);
    loop {
        let (client, peer) = listener::accept(&listener).await;
        let (hub, events, plan) = (Arc::clone(&hub), events.clone(), Arc::clone(&plan));
        tokio::spawn(async move { serve(client, peer, &hub, &events, &plan).await });
    }
}

async fn serve(
    mut client: TcpStream,
    peer: SocketAddr,
    hub: &Hub,
    events: &EventSink,
    plan: &ForwardPlan,
) {
    let (number, _guard) = hub.enter();
    events.emit(Detail::ClientOpened { client: number, peer: peer.to_string() });
    let (ending, moved) = match hub.open_stream().await {
        Ok((stream, session)) => {
            let local = client.local_addr();
            let left = async {
                match local {
                    Ok(local) => peer::left(local, peer).await,
                    Err(_) => std::future::pending().await,
                }
            };
            let (mut reader, mut writer) = client.split();
            let meter = Meter::new(&session.traffic, hub.traffic());
            let warn = || warn_of_silence(events, plan);
            let ending = pump::run(&mut reader, &mut writer, stream, &meter, warn, left).await;
            if ending == Ending::Refused || meter.moved().received > 0 {
                session.connected(ending != Ending::Refused);
            }
            let moved = meter.moved();
            // The session need not wait for a client that lingers.
            drop(session);
            if ending == Ending::Complete {
                pump::linger(&mut reader, &mut writer).await;
            }
            (Ok(ending), moved)
        }
        Err(why) => (Err(why), Moved::default()),
    };
    if ending.is_err() || ending.is_ok_and(Ending::is_abrupt) {
        // With a lingering time of zero the close is a reset.
        let _ = client.set_zero_linger();
    }
    drop(client);
    events.emit(Detail::ClientClosed {
        client: number,
        bytes_sent: moved.sent,
        bytes_received: moved.received,
        reason: reason(ending, plan).filter(|_| !hub.is_ending()),
    });
}

fn reason(ending: Result<Ending, NoStream>, plan: &ForwardPlan) -> Option<String> {
    Some(match ending {
        Ok(Ending::Complete | Ending::ClientLeft) => return None,
        Ok(Ending::Refused) => {
            format!("the agent could not connect to {}", plan.destination)
        }
        Ok(Ending::Abandoned) => format!(
            "reset: it had half-closed, and {} was silent for {} s",
            plan.destination,
            config::HALF_CLOSE_IDLE.as_secs()
        ),
        Ok(Ending::TooSlow) => "reset: it did not read, and others needed the memory".to_owned(),
        Ok(Ending::SessionLost) => "reset: its session was lost".to_owned(),
        Err(NoStream::NoSession) => {
            format!("reset: there was no session for {} s", hub::HOLD.as_secs())
        }
        Err(NoStream::TooMany) => "reset: too many connections are open".to_owned(),
    })
}

fn warn_of_silence(events: &EventSink, plan: &ForwardPlan) {
    events.warn(
        ErrorKind::DestinationUnreachable,
        format!("{} has not answered for {} s", plan.destination, pump::SILENCE.as_secs()),
        Some(
            "a security group or firewall between the node and the destination may drop the \
             connection"
                .to_owned(),
        ),
    );
}
