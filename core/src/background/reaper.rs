//! Ends the sessions of forwards that were killed.
//!
//! A session without a client costs nothing but stays in the list of the account until the service
//! gives it up, twenty minutes later by default. The record says which they are and whose.

use std::time::Duration;

use tokio::time::timeout;

use super::registry::{Claim, Record};
use crate::aws::ssm::Ssm;
use crate::aws::{AwsContext, AwsFailure, AwsSettings, Verdict};

/// Longest wait for the sessions of one forward to be ended.
const PATIENCE: Duration = Duration::from_secs(8);

/// What became of the sessions of a dead forward.
#[derive(Debug)]
pub enum Reaped {
    /// Nothing is left of it.
    Clean,
    /// Its sessions could not be ended now; the next command tries again.
    Later(String),
}

/// Ends the sessions of a dead forward and removes its record.
///
/// With `at_any_rate` the record goes even if the sessions could not be ended.
pub async fn reap(
    record: Record,
    claim: Claim,
    settings: &AwsSettings,
    at_any_rate: bool,
) -> Reaped {
    match end_sessions(&record, settings).await {
        Ok(()) => {
            claim.finish();
            Reaped::Clean
        }
        Err(why) => {
            tracing::debug!(name = record.name, why, "sessions were not ended");
            if at_any_rate {
                claim.finish();
            }
            Reaped::Later(why)
        }
    }
}

/// Ends the sessions that a record knows of. Whoever watches by `settings` is told which have ended.
///
/// # Errors
///
/// A sentence when that is impossible now.
pub async fn end_sessions(record: &Record, settings: &AwsSettings) -> Result<(), String> {
    if record.session_ids.is_empty() {
        return Ok(());
    }
    let settings = AwsSettings {
        profile: record.profile.clone(),
        region: record.region.clone().or_else(|| settings.region.clone()),
        ..settings.clone()
    };
    let ending = async {
        let ssm = Ssm::new(&AwsContext::load(&settings).await?);
        for id in &record.session_ids {
            match ssm.terminate_session(id).await {
                // A policy that forbids it will not change its mind; the service ends it in time.
                Err(failure) if failure.verdict == Verdict::GiveUp => {
                    tracing::debug!(id, %failure, "left to the service");
                    ssm.note_ended(id);
                }
                result => result?,
            }
        }
        Ok::<_, AwsFailure>(())
    };
    match timeout(PATIENCE, ending).await {
        Ok(result) => result.map_err(|failure| failure.message),
        Err(_) => Err("AWS does not answer".to_owned()),
    }
}
