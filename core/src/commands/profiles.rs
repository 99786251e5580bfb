//! `ssmpf profiles`: all AWS profiles with their sign-in state, without a network call.

use ssmpf_schema::ProfileListing;

use super::CommandError;
use crate::aws::caches::Caches;
use crate::aws::{ProfileFiles, profile_list};
use crate::model::Timestamp;

/// Lists the profiles of both files.
pub async fn run() -> Result<ProfileListing, CommandError> {
    let caches = Caches::of_process();
    let files = ProfileFiles::of_process();
    Ok(profile_list::list(&files, caches.as_ref(), Timestamp::now()).await?)
}
