//! What can be connected to: targets and endpoints, over many profiles and regions at once.
//!
//! | part | is |
//! |---|---|
//! | [`sweep`] | goes through places, several at a time, and hands over what is found as it comes |
//! | [`targets`], [`endpoints`] | what there is in one place |
//! | [`cache`] | what was found lately, for TAB and pickers; reading it needs no network |
//!
//! Absent here: resolving a target for a session, which never reads the cache (see `aws::resolve`).

pub mod cache;
pub mod endpoints;
pub mod sweep;
pub mod targets;

use serde::Serialize;
use serde::de::DeserializeOwned;
use ssmpf_schema::{EndpointRecord, ErrorBody, SessionRecord, TargetRecord};

use crate::aws::AwsFailure;
use crate::model::Timestamp;

/// Something that a place is searched for.
pub trait Finding: Clone + Send + Serialize + DeserializeOwned + 'static {
    /// Under which word it is kept; `None` if it is never kept.
    const KEPT_AS: Option<&'static str>;

    /// What findings are ordered by: profile, region, sort, name, id.
    fn order(&self) -> [&str; 5];
}

impl Finding for TargetRecord {
    const KEPT_AS: Option<&'static str> = Some("targets");

    fn order(&self) -> [&str; 5] {
        [
            self.profile.as_deref().unwrap_or_default(),
            &self.region,
            self.kind.as_str(),
            self.name.as_deref().unwrap_or_default(),
            &self.target,
        ]
    }
}

impl Finding for EndpointRecord {
    const KEPT_AS: Option<&'static str> = Some("endpoints");

    fn order(&self) -> [&str; 5] {
        let profile = self.profile.as_deref().unwrap_or_default();
        [profile, &self.region, &self.resource, &self.name, &self.host]
    }
}

impl Finding for SessionRecord {
    const KEPT_AS: Option<&'static str> = None;

    fn order(&self) -> [&str; 5] {
        let profile = self.profile.as_deref().unwrap_or_default();
        [profile, &self.region, "", self.started.as_deref().unwrap_or_default(), &self.session_id]
    }
}

/// What one place has.
#[derive(Clone, Debug)]
pub struct Findings<T> {
    /// What was found.
    pub records: Vec<T>,
    /// What could not be read.
    pub failures: Vec<AwsFailure>,
    /// Whether nothing at all could be read.
    pub is_dark: bool,
}

/// Returns the words of a failure, for documents.
pub fn body(failure: &AwsFailure) -> ErrorBody {
    ErrorBody {
        kind: failure.kind,
        message: failure.message.clone(),
        hint: failure.hint.clone(),
        causes: failure.causes.clone(),
    }
}

/// Writes seconds since 1970 as RFC 3339.
pub fn time(seconds: i64) -> Option<String> {
    Timestamp::from_second(seconds).ok().map(|time| time.to_string())
}
