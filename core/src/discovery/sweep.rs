//! Goes through places, several at a time, and hands over what is found as it comes.
//!
//! A place is a profile and a region. All regions of a profile share its credentials, so one sign-in
//! serves them. What fails in one place is told and does not touch the others.

use std::ops::ControlFlow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use ssmpf_schema::{ErrorKind, PlaceFailure, PlaceRecord};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use super::cache::{self, Cache};
use super::{Finding, Findings, body};
use crate::aws::ec2::Ec2;
use crate::aws::{AwsContext, AwsFailure, AwsSettings, Verdict};
use crate::model::Timestamp;

/// Places that are looked at together.
///
/// Enough for a dozen to take as long as the slowest of them; few enough for a laptop's network, and
/// for the memory of as many answers at once.
pub const AT_ONCE: usize = 16;

/// Which regions of each profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Regions {
    /// Its own.
    Own,
    /// These.
    Named(Vec<String>),
    /// All that are enabled for its account.
    All,
}

/// Where to look.
#[derive(Clone, Debug)]
pub struct Plan {
    /// What holds for every place; its profile and region are replaced.
    pub settings: AwsSettings,
    /// The profiles; none means the one in force.
    pub profiles: Vec<String>,
    /// The regions.
    pub regions: Regions,
    /// Where answers are kept, and whether kept ones will do.
    pub cache: Option<(Cache, Freshness)>,
}

/// Whether answers of an earlier run will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// If they are not older than [`cache::FRESH`].
    Recent,
    /// Never.
    Asked,
}

/// What the sweep says.
#[derive(Clone, Debug)]
pub enum Arrival<T> {
    /// So many more places are known.
    Places(usize),
    /// A place is done, and this was there.
    Found(PlaceRecord, Vec<T>),
    /// Something could not be read.
    Failed(PlaceFailure),
    /// A place is done, and nothing at all could be read there.
    Dark,
}

/// Looks at one place.
pub type Look<T> = Arc<dyn Fn(AwsContext) -> BoxFuture<'static, Findings<T>> + Send + Sync>;

/// Looks everywhere, and calls `arrive` for all that comes, in the order it comes.
///
/// Whoever breaks off is called no more, and what is still being asked is given up.
pub async fn sweep<T: Finding>(
    plan: Plan,
    look: Look<T>,
    mut arrive: impl FnMut(Arrival<T>) -> ControlFlow<()>,
) {
    // Bounded, so that a slow reader of results holds up the asking.
    let (sender, mut arrivals) = mpsc::channel(AT_ONCE);
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let mut profiles = JoinSet::new();
    let chosen: Vec<Option<String>> = match plan.profiles.is_empty() {
        true => vec![plan.settings.profile.clone()],
        false => plan.profiles.iter().cloned().map(Some).collect(),
    };
    let plan = Arc::new(plan);
    for profile in chosen {
        let worker = Worker {
            plan: Arc::clone(&plan),
            look: Arc::clone(&look),
            turns: Arc::clone(&turns),
            sender: sender.clone(),
        };
        let work = worker.clone().profile(profile.clone());
        profiles.spawn(worker.safely(profile, None, work));
    }
    drop(sender);
    while let Some(arrival) = arrivals.recv().await {
        if arrive(arrival).is_break() {
            return;
        }
    }
}

struct Worker<T> {
    plan: Arc<Plan>,
    look: Look<T>,
    turns: Arc<Semaphore>,
    sender: mpsc::Sender<Arrival<T>>,
}

impl<T> Clone for Worker<T> {
    fn clone(&self) -> Self {
        Self {
            plan: Arc::clone(&self.plan),
            look: Arc::clone(&self.look),
            turns: Arc::clone(&self.turns),
            sender: self.sender.clone(),
        }
    }
}

impl<T: Finding> Worker<T> {
    /// Does the work of a profile or of one of its places. What breaks off there is told as a failure,
    /// so that nothing is missing without a word.
    async fn safely(
        self,
        profile: Option<String>,
        region: Option<String>,
        work: impl Future<Output = ()>,
    ) {
        let Err(panic) = AssertUnwindSafe(work).catch_unwind().await else { return };
        let texts =
            [panic.downcast_ref::<&str>().copied(), panic.downcast_ref().map(String::as_str)];
        let failure = AwsFailure::new(
            ErrorKind::Failure,
            Verdict::GiveUp,
            "looking there broke off: this is a bug in ssmpf",
            "please report it with what `-vv` says",
        );
        let causes = texts.into_iter().flatten().map(str::to_owned).collect();
        let error = body(&AwsFailure { causes, ..failure });
        self.say(Arrival::Failed(PlaceFailure { profile, region, error })).await;
        self.say(Arrival::Dark).await;
    }

    /// Goes through the regions of a profile.
    async fn profile(self, profile: Option<String>) {
        let first = match &self.plan.regions {
            Regions::Named(regions) => regions.first().cloned(),
            Regions::Own | Regions::All => self.plan.settings.region.clone(),
        };
        let settings = AwsSettings {
            profile: profile.clone(),
            region: first.clone(),
            ..self.plan.settings.clone()
        };
        let context = match AwsContext::load(&settings).await {
            Ok(context) => context,
            Err(failure) => return self.give_up(profile, first, &failure).await,
        };
        let regions = match &self.plan.regions {
            Regions::Own => vec![context.region().to_owned()],
            Regions::Named(regions) => regions.clone(),
            Regions::All => {
                let regions = {
                    let _turn = self.turns.acquire().await;
                    Ec2::new(&context).regions().await
                };
                match regions {
                    Ok(regions) => regions,
                    Err(failure) => return self.give_up(profile, None, &failure).await,
                }
            }
        };
        self.say(Arrival::Places(regions.len())).await;
        let mut places = JoinSet::new();
        for region in regions {
            let worker = self.clone();
            let context = match region == context.region() {
                true => context.clone(),
                false => context.in_region(&region),
            };
            let work = worker.clone().place(context);
            places.spawn(worker.safely(profile.clone(), Some(region), work));
        }
        // Lets go of the set only when all are done: dropping it would abort them.
        while places.join_next().await.is_some() {}
    }

    async fn place(self, context: AwsContext) {
        let Ok(_turn) = self.turns.acquire().await else { return };
        let key = T::KEPT_AS.map(|kind| cache::Key::of(kind, context.profile(), context.region()));
        if let (Some((cache, Freshness::Recent)), Some(key)) = (&self.plan.cache, &key)
            && let Some(kept) = cache.fresh::<T>(key)
        {
            let place = record(&context, kept.records.len(), kept.asked, true);
            return self.say(Arrival::Found(place, kept.records)).await;
        }
        let asked = Timestamp::now();
        let Findings { records, failures, is_dark } = (self.look)(context.clone()).await;
        let complete = failures.is_empty();
        for failure in failures {
            let failure = PlaceFailure {
                profile: context.profile().map(str::to_owned),
                region: Some(context.region().to_owned()),
                error: body(&failure),
            };
            self.say(Arrival::Failed(failure)).await;
        }
        if is_dark {
            return self.say(Arrival::Dark).await;
        }
        // Half an answer would hide the other half for minutes.
        if let (Some((cache, _)), Some(key), true) = (&self.plan.cache, &key, complete) {
            cache.keep(key, asked, &records);
        }
        let place = record(&context, records.len(), asked, false);
        self.say(Arrival::Found(place, records)).await;
    }

    async fn give_up(&self, profile: Option<String>, region: Option<String>, why: &AwsFailure) {
        self.say(Arrival::Places(1)).await;
        let failure = PlaceFailure { profile, region, error: body(why) };
        self.say(Arrival::Failed(failure)).await;
        self.say(Arrival::Dark).await;
    }

    async fn say(&self, arrival: Arrival<T>) {
        // Nobody listens any more when the program is about to end.
        let _ = self.sender.send(arrival).await;
    }
}

fn record(context: &AwsContext, found: usize, asked: Timestamp, cached: bool) -> PlaceRecord {
    PlaceRecord {
        profile: context.profile().map(str::to_owned),
        region: context.region().to_owned(),
        found: found as u64,
        asked: asked.to_string(),
        cached,
    }
}

#[cfg(test)]
mod tests {
    use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
    use ssmpf_schema::TargetRecord;

    use super::*;

    #[tokio::test]
    async fn a_place_that_breaks_off_is_named_and_the_others_are_found() {
        let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, "").build();
        let plan = Plan {
            settings: AwsSettings { files: Some(files), ..AwsSettings::default() },
            profiles: Vec::new(),
            regions: Regions::Named(vec!["eu-west-1".to_owned(), "us-east-1".to_owned()]),
            cache: None,
        };
        let look: Look<TargetRecord> = Arc::new(|context| {
            Box::pin(async move {
                assert_ne!(context.region(), "us-east-1", "not there");
                Findings { records: Vec::new(), failures: Vec::new(), is_dark: false }
            })
        });
        let (mut found, mut failed, mut dark) = (Vec::new(), Vec::new(), 0);
        sweep(plan, look, |arrival| {
            match arrival {
                Arrival::Found(place, _) => found.push(place.region),
                Arrival::Failed(failure) => failed.push(failure),
                Arrival::Dark => dark += 1,
                Arrival::Places(_) => {}
            }
            ControlFlow::Continue(())
        })
        .await;
        assert_eq!((found.as_slice(), dark), (&["eu-west-1".to_owned()][..], 1));
        assert_eq!(failed[0].region.as_deref(), Some("us-east-1"));
        assert!(failed[0].error.causes[0].contains("not there"), "{failed:?}");
    }
}
