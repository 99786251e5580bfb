//! The folder in which running forwards are found: for this user alone.
//!
//! `SSMPF_RUNTIME_DIR`, else `ssmpf` in the login session's own folder (`XDG_RUNTIME_DIR`, or
//! `/run/user/UID` where a program was started without it), else one in the folder for temporary
//! files. Others may write there too, so a folder that is not ours is never used.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::BackgroundError;
use crate::hash::hash;
use crate::model::ConnectionName;

/// Longest path of a socket, in bytes: macOS has room for 103 and a zero, Linux for 107.
const MAX_SOCKET_PATH: usize = 103;
/// Longest name of a file in the folder: a hash and its ending.
const MAX_FILE_NAME: usize = 16 + ".sock".len();

/// What the environment says about the place.
#[derive(Clone, Debug, Default)]
pub struct RuntimeSettings {
    /// `SSMPF_RUNTIME_DIR`.
    pub own: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub xdg: Option<PathBuf>,
}

/// The folder, checked.
#[derive(Clone, Debug)]
pub struct RuntimeDir(PathBuf);

impl RuntimeDir {
    /// Makes the folder if need be and checks that it is this user's alone.
    ///
    /// # Errors
    ///
    /// A [`BackgroundError`] when it cannot be made, is a link, or belongs to somebody else. A mode that is
    /// too wide is narrowed.
    pub fn open(settings: &RuntimeSettings) -> Result<Self, BackgroundError> {
        Self::checked(choose(settings))
    }

    /// Makes and checks a folder that was chosen before.
    ///
    /// # Errors
    ///
    /// As [`RuntimeDir::open`].
    pub fn checked(path: PathBuf) -> Result<Self, BackgroundError> {
        make(&path).map_err(|error| {
            refusal(&path, &format!("cannot be made: {error}"), "set SSMPF_RUNTIME_DIR to another")
        })?;
        check(&path)?;
        let dir = Self(path);
        let longest = dir.0.as_os_str().len() + 1 + MAX_FILE_NAME;
        if cfg!(unix) && longest > MAX_SOCKET_PATH {
            return Err(refusal(
                &dir.0,
                "has too long a path for sockets",
                "set SSMPF_RUNTIME_DIR to a folder with a shorter one",
            ));
        }
        Ok(dir)
    }

    /// Returns the folder.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path for a connection's file with this ending.
    ///
    /// Names may be longer than a socket's path allows, so their hash stands for them.
    pub fn file(&self, name: &ConnectionName, ending: &str) -> PathBuf {
        self.0.join(format!("{}.{ending}", hash(name.as_str())))
    }
}

fn choose(settings: &RuntimeSettings) -> PathBuf {
    if let Some(own) = &settings.own {
        return own.clone();
    }
    // A relative path in this variable is to be ignored [XDG Base Directory Specification].
    let xdg = settings.xdg.clone().filter(|path| path.is_absolute() && path.is_dir());
    match xdg.or_else(platform::session_folder) {
        Some(folder) => folder.join("ssmpf"),
        None => std::env::temp_dir().join(platform::shared_name()),
    }
}

fn make(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            builder.recursive(true).create(path)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        result => result,
    }
}

fn refusal(path: &Path, what: &str, hint: &str) -> BackgroundError {
    BackgroundError::failure(format!("the runtime folder {} {what}", path.display()), hint)
}

#[cfg(unix)]
fn check(path: &Path) -> Result<(), BackgroundError> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let hint = "remove it, or set SSMPF_RUNTIME_DIR to a folder of your own";
    let metadata = fs::symlink_metadata(path)
        .map_err(|error| refusal(path, &format!("cannot be read: {error}"), hint))?;
    if metadata.is_symlink() {
        return Err(refusal(path, "is a link, which somebody else may point elsewhere", hint));
    }
    if !metadata.is_dir() {
        return Err(refusal(path, "is not a folder", hint));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(refusal(path, "belongs to another user", hint));
    }
    if metadata.mode() & 0o777 != 0o700 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(|error| {
            refusal(path, &format!("is open to others and stays so: {error}"), hint)
        })?;
    }
    Ok(())
}

/// On Windows the folder for temporary files is the user's own.
#[cfg(not(unix))]
fn check(_: &Path) -> Result<(), BackgroundError> {
    Ok(())
}

#[cfg(unix)]
mod platform {
    use std::os::unix::fs::MetadataExt;
    use std::path::PathBuf;

    use rustix::process::geteuid;

    /// The folder of the login session, for programs that were not told of it, such as those of cron.
    pub fn session_folder() -> Option<PathBuf> {
        let uid = geteuid().as_raw();
        let folder = PathBuf::from(format!("/run/user/{uid}"));
        folder.metadata().is_ok_and(|metadata| metadata.uid() == uid).then_some(folder)
    }

    pub fn shared_name() -> String {
        format!("ssmpf-{}", geteuid().as_raw())
    }
}

#[cfg(not(unix))]
mod platform {
    use std::path::PathBuf;

    pub fn session_folder() -> Option<PathBuf> {
        None
    }

    pub fn shared_name() -> String {
        "ssmpf-runtime".to_owned()
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn at(path: &Path) -> Result<RuntimeDir, BackgroundError> {
        RuntimeDir::open(&RuntimeSettings { own: Some(path.to_owned()), xdg: None })
    }

    #[test]
    fn it_is_made_for_this_user_alone() {
        let home = tempfile::tempdir().expect("a folder");
        let dir = at(&home.path().join("run")).expect("made");
        let mode = fs::metadata(dir.path()).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o700);
    }

    #[test]
    fn a_mode_that_lets_others_in_is_narrowed() {
        let home = tempfile::tempdir().expect("a folder");
        let path = home.path().join("run");
        fs::create_dir(&path).expect("made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).expect("ours");
        at(&path).expect("repaired");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_link_and_a_file_are_refused() {
        let home = tempfile::tempdir().expect("a folder");
        let link = home.path().join("link");
        symlink(home.path(), &link).expect("made");
        assert!(at(&link).expect_err("a link").to_string().contains("is a link"));
        let file = home.path().join("file");
        fs::write(&file, "").expect("written");
        assert!(at(&file).expect_err("a file").to_string().contains("is not a folder"));
    }

    #[test]
    fn a_path_too_long_for_sockets_is_named() {
        let home = tempfile::tempdir().expect("a folder");
        let error = at(&home.path().join("x".repeat(100))).expect_err("too long");
        assert!(error.to_string().contains("too long"), "{error}");
    }

    #[test]
    fn the_login_sessions_own_folder_is_preferred() {
        let home = tempfile::tempdir().expect("a folder");
        let settings = RuntimeSettings { own: None, xdg: Some(home.path().to_owned()) };
        let dir = RuntimeDir::open(&settings).expect("made");
        assert_eq!(dir.path(), home.path().join("ssmpf"));
    }
}
