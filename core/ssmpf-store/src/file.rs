//! The file: replaced in one step, under a lock, with the version before it kept beside it.
//!
//! A reader sees the old file or the new one, whatever happens: the new one is written beside it,
//! reaches the disk, and then takes its name. Writers take turns through a lock on a file of its own,
//! since a lock on the store itself would vanish with it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long a writer waits for others. A write takes milliseconds; this is a machine in trouble.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait before trying the lock again.
const RETRY: Duration = Duration::from_millis(3);

/// Something that was not as it should be and has been put right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// One sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// A failure of the file system.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}", path.display())]
pub struct FileError {
    /// What was tried.
    pub doing: &'static str,
    /// On what.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// A file that is replaced as a whole.
#[derive(Clone, Debug)]
pub struct SafeFile {
    path: PathBuf,
    own_folder: bool,
}

/// The right to write. Held by one process at a time; given back when dropped, also by a crash.
#[derive(Debug)]
pub struct WriteLock {
    _file: File,
}

impl SafeFile {
    /// A file in a folder of our own, which nobody else is to look into.
    pub fn in_own_folder(path: PathBuf) -> Self {
        Self { path: real(path), own_folder: true }
    }

    /// A file that the user placed somewhere; the folder is none of our business.
    pub fn anywhere(path: PathBuf) -> Self {
        Self { path: real(path), own_folder: false }
    }

    /// Returns where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns where the version before is kept.
    pub fn previous(&self) -> PathBuf {
        self.beside("", ".bak")
    }

    /// Returns all of it, or `None` if there is no such file.
    pub fn read(&self) -> Result<Option<Vec<u8>>, FileError> {
        self.read_with(|mut file| {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).map(|_| bytes)
        })
    }

    /// Returns what `read` makes of it, or `None` if there is no such file.
    pub fn read_with<T>(
        &self,
        read: impl FnOnce(File) -> io::Result<T>,
    ) -> Result<Option<T>, FileError> {
        match File::open(&self.path).and_then(read) {
            Ok(result) => Ok(Some(result)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(self.failed("read", source)),
        }
    }

    /// Waits for the right to write.
    pub fn lock(&self) -> Result<WriteLock, FileError> {
        self.make_folder()?;
        let path = self.beside(".", ".lock");
        let failed = |source| FileError { doing: "lock", path: path.clone(), source };
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(false);
        only_for_me(&mut options);
        let file = options.open(&path).map_err(failed)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(WriteLock { _file: file }),
                Err(fs::TryLockError::Error(error)) => return Err(failed(error)),
                Err(fs::TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    return Err(failed(io::Error::new(
                        io::ErrorKind::TimedOut,
                        "another process holds it",
                    )));
                }
                Err(fs::TryLockError::WouldBlock) => std::thread::sleep(RETRY),
            }
        }
    }

    /// Puts `bytes` in the place of what is there, which is kept as [`SafeFile::previous`].
    pub fn replace(&self, _lock: &WriteLock, bytes: &[u8]) -> Result<(), FileError> {
        let new = self.beside(".", ".new");
        write_new(&new, bytes).map_err(|source| self.failed("write", source))?;
        self.keep_previous()
            .map_err(|source| self.failed("keep the previous version of", source))?;
        fs::rename(&new, &self.path).map_err(|source| self.failed("replace", source))?;
        sync_folder(&self.path).map_err(|source| self.failed("write", source))
    }

    /// Removes the previous version, if there is one.
    pub fn remove_previous(&self, _lock: &WriteLock) -> Result<(), FileError> {
        let previous = self.previous();
        let failed = |source| FileError { doing: "remove", path: previous.clone(), source };
        remove_if_there(&previous).map_err(failed)?;
        sync_folder(&self.path).map_err(failed)
    }

    /// Writes a file that is not there yet.
    pub fn write_once(&self, bytes: &[u8]) -> Result<(), FileError> {
        let mut options = OpenOptions::new();
        options.create_new(true).write(true);
        only_for_me(&mut options);
        let write = || -> io::Result<()> {
            let mut file = options.open(&self.path)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            sync_folder(&self.path)
        };
        write().map_err(|source| self.failed("write", source))
    }

    /// Narrows permissions that let others in, and says so.
    pub fn repair_permissions(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if let Some(folder) = self.folder().filter(|_| self.own_folder) {
            warnings.extend(narrow(folder, 0o700));
        }
        warnings.extend(narrow(&self.path, 0o600));
        warnings
    }

    /// Keeps what is there under the name of the previous version, in one step too.
    fn keep_previous(&self) -> io::Result<()> {
        if !self.path.exists() {
            return Ok(());
        }
        let old = self.beside(".", ".old");
        remove_if_there(&old)?;
        // A second name costs nothing; where the file system has none, a copy does.
        if fs::hard_link(&self.path, &old).is_err() {
            write_new(&old, &fs::read(&self.path)?)?;
        }
        fs::rename(&old, self.previous())?;
        // Two names of one file, as a crash right here leaves them, are not renamed but both kept.
        remove_if_there(&old)
    }

    fn make_folder(&self) -> Result<(), FileError> {
        let Some(folder) = self.folder() else { return Ok(()) };
        if folder.is_dir() {
            return Ok(());
        }
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).map_err(|source| FileError {
            doing: "make the folder",
            path: folder.to_owned(),
            source,
        })
    }

    fn folder(&self) -> Option<&Path> {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty())
    }

    /// Returns the path beside the file whose name has something in front and behind.
    fn beside(&self, before: &str, behind: &str) -> PathBuf {
        let mut name = std::ffi::OsString::from(before);
        name.push(self.path.file_name().unwrap_or_default());
        name.push(behind);
        self.path.with_file_name(name)
    }

    fn failed(&self, doing: &'static str, source: io::Error) -> FileError {
        FileError { doing, path: self.path.clone(), source }
    }
}

/// Follows a link: its target is what is locked and replaced. Some keep such files in another folder.
fn real(path: PathBuf) -> PathBuf {
    fs::canonicalize(&path).unwrap_or(path)
}

/// Writes a file that was not there and waits until the disk has it.
fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // What lies there was left by a process that was killed: nobody else writes under the lock.
    remove_if_there(path)?;
    let mut options = OpenOptions::new();
    options.create_new(true).write(true);
    only_for_me(&mut options);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn only_for_me(options: &mut OpenOptions) {
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(not(unix))]
fn only_for_me(_: &mut OpenOptions) {}

/// Waits until the disk knows the new name. Windows does that by itself.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
fn narrow(path: &Path, wanted: u32) -> Option<Warning> {
    use std::os::unix::fs::PermissionsExt;
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return None;
    }
    let repaired = fs::set_permissions(path, fs::Permissions::from_mode(wanted));
    let shown = path.display();
    Some(match repaired {
        Ok(()) => Warning {
            message: format!(
                "{shown} was open to other users ({mode:04o}); it is {wanted:04o} now"
            ),
            hint: None,
        },
        Err(error) => Warning {
            message: format!("{shown} is open to other users ({mode:04o}): {error}"),
            hint: Some(format!("run `chmod {wanted:o} {shown}` as its owner")),
        },
    })
}

#[cfg(not(unix))]
fn narrow(_: &Path, _: u32) -> Option<Warning> {
    None
}

#[cfg(test)]
#[path = "file_tests.rs"]
mod tests;
