//! Starts one session of a forward: finds the node, asks AWS, waits until the agent is ready.

use std::time::Duration;

use ssmpf_schema::{Detail, ErrorKind};
use tokio::sync::{mpsc, oneshot, watch};

use super::{ForwardPlan, Upkeep};
use crate::aws::ssm::{Ssm, StartRequest, StartedSession};
use crate::aws::{AwsContext, AwsFailure, SessionDocument, Verdict, resolve};
use crate::events::EventSink;
use crate::model::{Target, TargetSpec};
use crate::session::{Notice, Session, StartError, Tuning, establish};

/// What every session of a forward is started with. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Starter {
    context: AwsContext,
    target: TargetSpec,
    document: SessionDocument,
    reason: Option<String>,
    tuning: Tuning,
    upkeep: Upkeep,
    events: EventSink,
}

/// A session on its way: whether it was started, and under which id, comes with AWS's answer.
#[derive(Debug)]
pub struct Starting {
    answer: watch::Receiver<Option<Option<String>>>,
    give_up: oneshot::Sender<()>,
}

impl Starting {
    /// Gives up what AWS was not asked for yet; otherwise waits for the answer. `None` if no
    /// session was started.
    pub async fn cut_short(mut self) -> Option<String> {
        let _ = self.give_up.send(());
        self.answer.wait_for(Option::is_some).await.ok()?.clone().flatten()
    }
}

/// A session that is ready, and what belongs to it.
#[derive(Debug)]
pub struct Started {
    /// The session.
    pub session: Session,
    /// The node it goes to.
    pub target: Target,
    /// The age at which it is replaced, if it is used.
    pub rotation: Duration,
    /// What it has to say from now on.
    pub notices: mpsc::UnboundedReceiver<Notice>,
}

impl Starter {
    /// Prepares to start sessions; nothing is called yet.
    pub fn new(plan: &ForwardPlan, context: &AwsContext, events: &EventSink) -> Self {
        let mut tuning = Tuning::default();
        if let Some(size) = plan.max_payload {
            tuning.protocol.max_payload = size;
        }
        if let Some(interval) = plan.ping_interval {
            tuning.ping_interval = interval;
        }
        tuning.protocol.keep_alive = plan.upkeep.keep_alive;
        tuning.protocol.silent_agent = plan.upkeep.silent_after;
        Self {
            context: context.clone(),
            target: plan.target.clone(),
            document: plan.document.clone(),
            reason: plan.reason.clone(),
            tuning,
            upkeep: plan.upkeep,
            events: events.clone(),
        }
    }

    /// Begins to start a session. The second value knows under which id, for whoever cuts the
    /// first short: AWS may have started it all the same.
    pub fn begin(
        &self,
    ) -> (impl Future<Output = Result<Started, StartError>> + Send + 'static, Starting) {
        let (answer, answered) = watch::channel(None);
        let (give_up, given_up) = oneshot::channel();
        let this = self.clone();
        let start = async move {
            // In a task of its own: a call that is cut short may start a session all the same.
            let call = tokio::spawn({
                let this = this.clone();
                async move {
                    let started = this.call(given_up).await;
                    let id = started.as_ref().ok().map(|(_, started)| started.session_id.clone());
                    let _ = answer.send(Some(id));
                    started
                }
            });
            let (target, started) = call.await.unwrap_or_else(|error| {
                let what = "the call that starts a session broke off";
                let failure = AwsFailure::new(ErrorKind::Failure, Verdict::TryAgain, what, "");
                Err(failure.caused_by(&error))
            })?;
            let (notices, received) = mpsc::unbounded_channel();
            let session = establish(&this.context, started, &this.tuning, notices).await?;
            let rotation = this.upkeep.draw_rotation();
            Ok(Started { session, target, rotation, notices: received })
        };
        (start, Starting { answer: answered, give_up })
    }

    /// Has AWS start a session to the first node that will have it. What leads up to that is cut
    /// short by `given_up`; the calls themselves are not, because they may start one all the same.
    async fn call(
        &self,
        given_up: oneshot::Receiver<()>,
    ) -> Result<(Target, StartedSession), AwsFailure> {
        let given_up = async {
            // A sender that was dropped has given up nothing.
            if given_up.await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::pin!(given_up);
        let interrupted = || {
            let what = "the start of a session was given up";
            Err(AwsFailure::new(ErrorKind::Interrupted, Verdict::GiveUp, what, ""))
        };
        if self.target.exact().is_none() {
            self.events.emit(Detail::Resolving { target: self.target.to_string() });
        }
        let candidates = tokio::select! {
            candidates = resolve::candidates(&self.context, &self.target) => candidates?,
            () = &mut given_up => return interrupted(),
        };
        let ssm = Ssm::new(&self.context);
        let mut first = None;
        for target in candidates {
            let request = StartRequest {
                target: target.clone(),
                document: self.document.clone(),
                reason: self.reason.clone(),
            };
            tokio::select! {
                turn = ssm.wait_for_turn() => turn?,
                () = &mut given_up => return interrupted(),
            }
            match ssm.start_session(&request).await {
                Ok(started) => return Ok((target, started)),
                // This node is away; another may be there.
                Err(failure) if failure.kind == ErrorKind::TargetNotConnected => {
                    tracing::debug!(%target, %failure, "not this node");
                    first.get_or_insert(failure);
                }
                Err(failure) => return Err(failure),
            }
        }
        Err(first.unwrap_or_else(|| {
            let sentence = format!("nothing answers to the target `{}`", self.target);
            AwsFailure::new(ErrorKind::NotFound, Verdict::TrySlower, sentence, "")
        }))
    }
}
