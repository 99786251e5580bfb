//! Lists for the questions of `add`: asked of AWS or kept from lately, within a short time.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use ssmpf_schema::{EndpointRecord, TargetRecord};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::finding::cache;
use super::settings::Settings;
use crate::aws::{AwsSettings, profile_names};
use crate::commands::context::Finder;
use crate::commands::find::Step;
use crate::commands::{CommandError, endpoints, targets};
use crate::discovery::sweep::{Freshness, Plan, Regions};

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

    fn wait<T>(
        &mut self,
        what: &str,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, String> {
        if self.runtime.is_none() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            self.runtime = Some(runtime.map_err(|error| format!("{what} not listed: {error}"))?);
        }
        let Some(runtime) = &self.runtime else { return Err(format!("{what} not listed")) };
        self.say(&format!("looking for {what} …"));
        let answer = runtime.block_on(async { timeout(LIMIT, work).await });
        self.say("\r\x1b[K");
        match answer {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                let body = error.body();
                let hint = body.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
                Err(format!("{what} cannot be listed: {}{hint}", body.message))
            }
            Err(_) => Err(format!("{what} cannot be listed: AWS takes too long")),
        }
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            let mut stderr = io::stderr().lock();
            // If that is impossible, there is nobody to wait.
            let _ = stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush());
        }
    }
}

fn ignore<T>(_: Step<'_, T>) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

impl Finder for LiveFinder {
    fn profiles(&mut self) -> Vec<String> {
        let files = self.aws.files.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        // The plain question does without a list, and the first call says what is wrong.
        runtime.map(|runtime| runtime.block_on(profile_names(files))).unwrap_or_default()
    }

    fn targets(
        &mut self,
        profile: Option<&str>,
        region: Option<&str>,
    ) -> Result<Vec<TargetRecord>, String> {
        let request = targets::Request { plan: self.plan(profile, region), unmanaged: false };
        self.wait("targets", targets::run(request, ignore)).map(|document| document.targets)
    }

    fn endpoints(
        &mut self,
        profile: Option<&str>,
        region: Option<&str>,
    ) -> Result<Vec<EndpointRecord>, String> {
        let plan = self.plan(profile, region);
        self.wait("endpoints", endpoints::run(plan, ignore)).map(|document| document.endpoints)
    }
}
