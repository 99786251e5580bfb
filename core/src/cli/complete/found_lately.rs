//! Targets and endpoints that `ssmpf targets` and `ssmpf endpoints` found lately, with the profile and
//! the region that the line means.

use ssmpf_schema::{EndpointRecord, TargetRecord};

use super::super::finding;
use super::line::Line;
use crate::aws::AwsSettings;
use crate::discovery::cache::Cache;

pub(super) fn targets() -> Vec<TargetRecord> {
    let found = kept().map(|(cache, aws)| cache.targets(aws.profile.as_deref(), region(&aws)));
    found.unwrap_or_default()
}

pub(super) fn endpoints() -> Vec<EndpointRecord> {
    let found = kept().map(|(cache, aws)| cache.endpoints(aws.profile.as_deref(), region(&aws)));
    found.unwrap_or_default()
}

/// A target as a candidate.
pub(super) fn target(it: &TargetRecord) -> (String, String) {
    let name = it.name.as_deref().unwrap_or("without a name");
    (it.target.clone(), format!("{name}, {} in {}", it.status, it.region))
}

/// An endpoint as a candidate.
pub(super) fn endpoint(it: &EndpointRecord) -> (String, String) {
    (it.host.clone(), format!("{}, {} at port {} in {}", it.name, it.kind, it.port, it.region))
}

fn kept() -> Option<(Cache, AwsSettings)> {
    let aws = Line::settings()?.aws_without_connection();
    Some((finding::cache(&aws)?, aws))
}

fn region(aws: &AwsSettings) -> Option<&str> {
    aws.region.as_deref()
}
