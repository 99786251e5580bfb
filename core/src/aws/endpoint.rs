//! Where a service is called: in a region, or at an endpoint that the user put in its place.

use aws_config::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// Whether this could be a region. It becomes part of host names.
pub(super) fn is_region(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty() && text.bytes().all(valid)
}

/// Returns the endpoint of a service that the environment or the profile sets.
pub(super) fn endpoint_of(sdk: &SdkConfig, service_id: &'static str) -> Option<String> {
    let key = ServiceConfigKey::builder()
        .service_id(service_id)
        .env("AWS_ENDPOINT_URL")
        .profile("endpoint_url")
        .build();
    let own = key.ok().and_then(|key| sdk.service_config()?.load_config(key));
    own.or_else(|| sdk.endpoint_url().map(str::to_owned))
}
