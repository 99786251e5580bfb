//! Room for many clients: each needs a file descriptor, and many systems allow few for a start.

/// Raises this process's limit to what the administrator allows.
#[cfg(unix)]
pub fn allow_many() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    /// macOS says "unlimited" and refuses more than this.
    const MOST: u64 = 10_240;
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.unwrap_or(MOST);
    if limit.current.is_some_and(|current| current < wanted) {
        let wanted = Rlimit { current: Some(wanted), ..limit };
        if let Err(error) = setrlimit(Resource::Nofile, wanted) {
            tracing::debug!(%error, "the limit of descriptors stays as it is");
        }
    }
}

/// There is no such limit here.
#[cfg(not(unix))]
pub fn allow_many() {}
