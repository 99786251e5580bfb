//! Notices that somebody signed in, in any terminal and with any tool.
//!
//! Every way to sign in leaves its trace in a file under `~/.aws`: new keys, a cached token of IAM
//! Identity Center, cached credentials of a role.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

/// Time between two looks at the files.
pub const LOOK: Duration = Duration::from_secs(1);

/// Where sign-ins are kept, below `~/.aws`.
const PLACES: [&str; 5] = ["credentials", "config", "sso/cache", "cli/cache", "login/cache"];

/// The files as they were at the last look.
#[derive(Debug)]
pub struct SignInWatch {
    files: Vec<PathBuf>,
    latest: Option<SystemTime>,
}

impl SignInWatch {
    /// Begins to watch.
    pub fn new() -> Self {
        let below_home = std::env::home_dir().map(|home| home.join(".aws"));
        let named = ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"];
        let named = named.into_iter().filter_map(std::env::var_os).map(PathBuf::from);
        let files = below_home.iter().flat_map(|aws| PLACES.map(|place| aws.join(place)));
        Self::of(files.chain(named).collect())
    }

    fn of(files: Vec<PathBuf>) -> Self {
        let latest = latest(&files);
        Self { files, latest }
    }

    /// Whether something has changed since the last look.
    pub fn has_changed(&mut self) -> bool {
        let latest = latest(&self.files);
        std::mem::replace(&mut self.latest, latest) != latest
    }
}

impl Default for SignInWatch {
    fn default() -> Self {
        Self::new()
    }
}

/// When a file, or a file in one of these directories, was last written.
fn latest(files: &[PathBuf]) -> Option<SystemTime> {
    let inside = files.iter().filter_map(|file| file.read_dir().ok()).flatten().flatten();
    let inside = inside.filter_map(|entry| entry.metadata().ok());
    let themselves = files.iter().filter_map(|file| file.metadata().ok());
    inside.chain(themselves).filter_map(|metadata| metadata.modified().ok()).max()
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use super::*;

    #[test]
    fn a_new_or_rewritten_file_is_noticed_once() {
        let home = tempfile::tempdir().expect("a directory");
        let cache = home.path().join("sso/cache");
        let mut watch = SignInWatch::of(vec![cache.clone()]);
        assert!(!watch.has_changed());
        fs::create_dir_all(&cache).expect("created");
        let token = File::create(cache.join("token.json")).expect("created");
        assert!(watch.has_changed());
        assert!(!watch.has_changed());
        token.set_modified(SystemTime::now() + Duration::from_secs(10)).expect("set");
        assert!(watch.has_changed());
        assert!(!watch.has_changed());
    }
}
