//! The two files of the AWS CLI that profiles are in.

use std::path::{Path, PathBuf};

use aws_runtime::fs_util::{Os, home_dir};
use aws_types::os_shim_internal::Env;

/// Where the profiles are.
#[derive(Clone, Debug)]
pub struct ProfileFiles {
    pub(super) config: PathBuf,
    pub(super) credentials: PathBuf,
}

impl ProfileFiles {
    /// Returns the files of the user.
    pub fn of_process() -> Self {
        let home = home_dir(&Env::real(), Os::real()).unwrap_or_default();
        let file = |variable: &str, name: &str| {
            let chosen = std::env::var(variable).ok().filter(|path| !path.is_empty());
            match chosen.as_deref().map(|path| (path, path.strip_prefix("~/"))) {
                Some((_, Some(below))) => Path::new(&home).join(below),
                Some((path, None)) => PathBuf::from(path),
                None => Path::new(&home).join(".aws").join(name),
            }
        };
        Self {
            config: file("AWS_CONFIG_FILE", "config"),
            credentials: file("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        }
    }

    /// Returns both.
    pub fn both(self) -> Vec<PathBuf> {
        vec![self.config, self.credentials]
    }
}
