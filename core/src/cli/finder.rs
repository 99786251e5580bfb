//! Lists for the questions of `add`: asked of AWS or kept from lately, within a short time.

use std::ops::ControlFlow;
use std::time::Duration;

use ssmpf_schema::{EndpointRecord, PlaceFailure, TargetRecord};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::finding::{cache, grouped, say};
use super::settings::Settings;
use super::status_line;
use crate::aws::{AwsContext, AwsSettings};
use crate::commands::context::Finder;
use crate::commands::find::Step;
use crate::commands::{CommandError, Refusal, endpoints, profiles, targets};
use crate::discovery::Finding;
use crate::discovery::cache::Key;
use crate::discovery::sweep::{Freshness, Plan, Regions};
use crate::output::printable::printable;

/// Longest wait for a list, before the plain question is asked instead.
const LIMIT: Duration = Duration::from_secs(20);

/// Asks AWS, and says so on stderr meanwhile.
pub(super) struct LiveFinder {
    aws: AwsSettings,
    quiet: bool,
    /// Started with the first list.
    runtime: Option<Runtime>,
}

impl LiveFinder {
    pub(super) fn new(settings: &Settings) -> Self {
        Self { aws: settings.aws.clone(), quiet: settings.quiet, runtime: None }
    }

    fn plan(&self, profile: Option<&str>, region: Option<&str>) -> Plan {
        let or = |chosen: Option<&str>, own: &Option<String>| {
            chosen.map(str::to_owned).or_else(|| own.clone())
        };
        // With a profile of its own, the region of another does not count.
        let region = match profile {
            Some(_) => region.map(str::to_owned),
            None => or(region, &self.aws.region),
        };
        let profile = or(profile, &self.aws.profile);
        let settings = AwsSettings { profile, region, ..self.aws.clone() };
        let cache = cache(&settings).map(|cache| (cache, Freshness::Recent));
        Plan { settings, profiles: Vec::new(), regions: Regions::Own, cache }
    }

    fn wait<F: Finding, T>(
        &mut self,
        what: &str,
        plan: &Plan,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, String> {
        if self.runtime.is_none() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            self.runtime = Some(runtime.map_err(|error| format!("{what} not listed: {error}"))?);
        }
        let Some(runtime) = &self.runtime else { return Err(format!("{what} not listed")) };
        if !self.quiet {
            status_line::show(format!("looking for {what} …"));
        }
        let answer = runtime.block_on(async {
            let context = AwsContext::load(&plan.settings).await?;
            if !is_kept::<F>(plan, &context) {
                // A person who signs in may take any time.
                context.credentials().await?;
            }
            timeout(LIMIT, work).await.map_err(|_| Refusal::failure("AWS takes too long"))?
        });
        status_line::end();
        answer.map_err(|error| {
            let body = error.body();
            let hint = body.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            format!("{what} cannot be listed: {}{hint}", body.message)
        })
    }
}

impl LiveFinder {
    /// Says what is missing from a list.
    fn incomplete(&self, what: &str, failures: &[PlaceFailure]) {
        if self.quiet {
            return;
        }
        for (message, hint, _) in grouped(failures) {
            let hint = hint.map(|hint| format!("; {hint}")).unwrap_or_default();
            say(&printable(&format!("not all {what} are listed: {message}{hint}")));
        }
    }
}

/// Whether the list needs no call.
fn is_kept<F: Finding>(plan: &Plan, context: &AwsContext) -> bool {
    let kept = || {
        let (cache, _) = plan.cache.as_ref()?;
        cache.fresh::<F>(&Key::of(F::KEPT_AS?, context.profile(), context.region()))
    };
    kept().is_some()
}

fn ignore<T>(_: Step<'_, T>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

impl Finder for LiveFinder {
    fn profiles(&mut self) -> Vec<String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let listing = runtime.ok().and_then(|it| it.block_on(profiles::run()).ok());
        // The plain question does without a list, and the first call says what is wrong.
        let profiles = listing.map(|listing| listing.profiles).unwrap_or_default();
        profiles.into_iter().filter(|it| it.problem.is_none()).map(|it| it.name).collect()
    }

    fn targets(
        &mut self,
        profile: Option<&str>,
        region: Option<&str>,
    ) -> Result<Vec<TargetRecord>, String> {
        let plan = self.plan(profile, region);
        let request = targets::Request { plan: plan.clone(), unmanaged: false };
        self.wait::<TargetRecord, _>("targets", &plan, targets::run(request, ignore)).map(
            |document| {
                self.incomplete("targets", &document.failures);
                document.targets
            },
        )
    }

    fn endpoints(
        &mut self,
        profile: Option<&str>,
        region: Option<&str>,
    ) -> Result<Vec<EndpointRecord>, String> {
        let plan = self.plan(profile, region);
        self.wait::<EndpointRecord, _>("endpoints", &plan, endpoints::run(plan.clone(), ignore))
            .map(|document| {
                self.incomplete("endpoints", &document.failures);
                document.endpoints
            })
    }
}
