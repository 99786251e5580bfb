//! Which forwards run, as files in the runtime folder.
//!
//! A forward holds the lock on its lock file for as long as its process lives; the system lets go of
//! it when the process ends, however it ends. So a free lock beside a record means that the forward
//! died without a word. Process ids say nothing: they are used again.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ssmpf_schema::{ForwardState, ForwardStatus, Problem};

use super::BackgroundError;
use super::runtime_dir::RuntimeDir;
use crate::model::ConnectionName;

/// Longest record that is read, in bytes.
const MAX_RECORD: u64 = 64 * 1024;
/// Most records that are looked at: far more than a machine has ports for people.
const MAX_RECORDS: usize = 4096;

/// Age from which on the files of a forward are touched. The impatient clear after three days.
const TOUCH_AFTER: Duration = Duration::from_secs(3600);

/// What is kept of a forward while it runs: enough to show it and to end what it leaves behind.
///
/// Never a token or a stream URL. Other versions of this program read it, so fields may be missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Record {
    /// Name of the connection.
    pub name: String,
    /// Version of the program that wrote it.
    pub version: String,
    /// When it was started, RFC 3339.
    pub started: String,
    /// The process, for people.
    pub pid: u32,
    /// Tags of the connection, without the `@`.
    pub tags: Vec<String>,
    /// The chosen profile, which ending its sessions needs.
    pub profile: Option<String>,
    /// The chosen region, for the same.
    pub region: Option<String>,
    /// How the node is found.
    pub target: String,
    /// What the agent dials.
    pub destination: String,
    /// The port on this machine.
    pub local_port: Option<u16>,
    /// The reason it was started with.
    pub reason: Option<String>,
    /// Sessions that were started and are not known to be over.
    pub session_ids: Vec<String>,
    /// Where its log lies.
    pub log: Option<PathBuf>,
    /// Why it gave up; nobody has been told yet.
    pub problem: Option<Problem>,
    /// It ended as it was asked to, and only could not end its sessions.
    pub went_down: bool,
}

impl Record {
    /// Returns what can be said of a forward without asking it.
    pub fn status(&self, state: ForwardState) -> ForwardStatus {
        let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
        ForwardStatus {
            name: self.name.clone(),
            state,
            destination: given(&self.destination),
            target: given(&self.target),
            profile: self.profile.clone(),
            region: self.region.clone(),
            tags: self.tags.clone(),
            session_ids: self.session_ids.clone(),
            started: given(&self.started),
            last_problem: self.problem.clone(),
            version: given(&self.version),
            pid: Some(self.pid).filter(|pid| *pid != 0),
            log: self.log.as_ref().map(|path| path.display().to_string()),
            ..ForwardStatus::default()
        }
    }
}

/// A forward that was found.
#[derive(Debug)]
pub enum Found {
    /// Its process lives.
    Running(Record),
    /// It died. Whoever holds the claim may clean up after it.
    Dead(Record, Claim),
}

impl Found {
    /// Returns what is kept of it.
    pub fn record(&self) -> &Record {
        match self {
            Found::Running(record) | Found::Dead(record, _) => record,
        }
    }
}

/// The right to be the forward of a name. Lets go when dropped; the record stays for the next command
/// unless the claim was finished.
#[derive(Debug)]
pub struct Claim {
    folder: RuntimeDir,
    name: ConnectionName,
    // Held for its lock.
    _lock: File,
    finished: bool,
}

impl Claim {
    /// Claims a name; `None` if somebody else has it.
    pub fn take(
        folder: &RuntimeDir,
        name: &ConnectionName,
    ) -> Result<Option<Self>, BackgroundError> {
        let path = folder.file(name, "lock");
        let failed = |error: io::Error| {
            BackgroundError::failure(
                format!("{} cannot be locked", path.display()),
                "check that the folder is on a local disk and that there is room",
            )
            .caused_by(&error)
        };
        // Whoever lets go removes the file: a lock on one that is gone already is worth nothing.
        for _ in 0..100 {
            let lock = open(&path).map_err(failed)?;
            match lock.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            if is_at(&lock, &path) {
                let (folder, name) = (folder.clone(), name.clone());
                return Ok(Some(Self { folder, name, _lock: lock, finished: false }));
            }
        }
        Ok(None)
    }

    /// Returns the name.
    pub fn name(&self) -> &ConnectionName {
        &self.name
    }

    /// Writes the record, in one step.
    pub fn write(&self, record: &Record) -> io::Result<()> {
        let path = self.folder.file(&self.name, "json");
        let beside = self.folder.file(&self.name, "new");
        // Text, numbers and lists always serialize.
        let json = serde_json::to_vec(record).unwrap_or_default();
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&beside)?.write_all(&json)?;
        fs::rename(beside, path)
    }

    /// Lets go and removes the record: nothing is left to be done.
    pub fn finish(mut self) {
        self.finished = true;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let remove = |ending| {
            let _ = fs::remove_file(self.folder.file(&self.name, ending));
        };
        remove("sock");
        remove("new");
        if self.finished {
            remove("json");
        }
        // Windows does not remove what is open; there the file stays.
        remove("lock");
    }
}

/// Returns every forward there is a record of, in the order of their names.
pub fn look(folder: &RuntimeDir) -> Result<Vec<Found>, BackgroundError> {
    let entries = fs::read_dir(folder.path()).map_err(|error| {
        let what = format!("the runtime folder {} cannot be read", folder.path().display());
        BackgroundError::failure(what, "check its owner and mode").caused_by(&error)
    })?;
    let mut found = Vec::new();
    let records = entries.flatten().map(|entry| entry.path());
    let records = records.filter(|path| path.extension().is_some_and(|it| it == "json"));
    for path in records.take(MAX_RECORDS) {
        match read(folder, &path) {
            Some((name, record)) => match Claim::take(folder, &name)? {
                None => found.push(Found::Running(record)),
                // It may have been removed between the look and the claim.
                Some(claim) if path.exists() => found.push(Found::Dead(record, claim)),
                Some(_) => {}
            },
            // Of a version that says things differently, perhaps: whoever removes it ends a tunnel.
            None if is_held(&path.with_extension("lock")) => {
                tracing::warn!(path = %path.display(), "the record of a forward is not understood");
            }
            None if path.exists() => {
                tracing::warn!(path = %path.display(), "not a record of a forward; removed");
                let _ = fs::remove_file(&path);
            }
            None => {}
        }
    }
    found.sort_by(|a, b| a.record().name.cmp(&b.record().name));
    Ok(found)
}

/// Returns the record of one forward, whether it lives or not.
pub fn record(folder: &RuntimeDir, name: &ConnectionName) -> Option<Record> {
    read(folder, &folder.file(name, "json")).map(|(_, record)| record)
}

/// Reads a record; `None` if it is none, or not the one that belongs there.
fn read(folder: &RuntimeDir, path: &Path) -> Option<(ConnectionName, Record)> {
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_RECORD).read_to_end(&mut bytes).ok()?;
    let record: Record = serde_json::from_slice(&bytes).ok()?;
    let name: ConnectionName = record.name.parse().ok()?;
    (folder.file(&name, "json") == path).then_some((name, record))
}

/// Whether somebody holds the lock at this path.
fn is_held(path: &Path) -> bool {
    let lock = File::open(path).map(|lock| lock.try_lock());
    matches!(lock, Ok(Err(TryLockError::WouldBlock)))
}

/// Returns whether a process has the lock file of this name open, where that can be known.
///
/// For the process that a record names: its id alone says nothing.
pub fn is_holder(folder: &RuntimeDir, name: &ConnectionName, process: u32) -> bool {
    let Ok(lock) = folder.file(name, "lock").canonicalize() else { return false };
    let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    open.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|path| path == lock)
}

/// Makes the files of a forward look as young as they are needed. Folders for temporary files are
/// cleared of what has not been touched for days.
pub fn touch(folder: &RuntimeDir, name: &ConnectionName) {
    let now = std::time::SystemTime::now();
    let is_old = |path: &Path| {
        let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
        modified.is_ok_and(|at| now.duration_since(at).is_ok_and(|age| age > TOUCH_AFTER))
    };
    for ending in ["json", "lock", "sock"] {
        let path = folder.file(name, ending);
        if is_old(&path)
            && let Err(error) = platform::touch(&path)
        {
            tracing::debug!(%error, path = %path.display(), "its time was not renewed");
        }
    }
}

#[cfg(unix)]
mod platform {
    use std::io;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};

    /// By its path, because a socket cannot be opened.
    pub fn touch(path: &Path) -> io::Result<()> {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        Ok(utimensat(CWD, path, &times, AtFlags::empty())?)
    }
}

#[cfg(not(unix))]
mod platform {
    /// The folder for temporary files is not cleared by itself.
    pub fn touch(_: &std::path::Path) -> std::io::Result<()> {
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Whether an open file is still the one at this path.
#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(open), Ok(there)) => id(open) == id(there),
        _ => false,
    }
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::background::RuntimeSettings;

    struct Place {
        _home: tempfile::TempDir,
        folder: RuntimeDir,
    }

    fn place() -> Place {
        let home = tempfile::tempdir().expect("a folder");
        let own = Some(home.path().join("run"));
        let folder = RuntimeDir::open(&RuntimeSettings { own, xdg: None }).expect("made");
        Place { _home: home, folder }
    }

    fn name(text: &str) -> ConnectionName {
        text.parse().expect("a name")
    }

    fn claim(folder: &RuntimeDir, text: &str) -> Option<Claim> {
        Claim::take(folder, &name(text)).expect("lockable")
    }

    fn record_of(text: &str) -> Record {
        Record { name: text.to_owned(), session_ids: vec!["s-1".to_owned()], ..Record::default() }
    }

    #[test]
    fn a_name_has_one_holder_at_a_time() {
        let place = place();
        let first = claim(&place.folder, "db").expect("free");
        assert!(claim(&place.folder, "db").is_none());
        assert!(claim(&place.folder, "other").is_some());
        drop(first);
        assert!(claim(&place.folder, "db").is_some());
    }

    #[test]
    fn a_forward_that_lives_is_running_and_one_that_let_go_is_dead() {
        let place = place();
        let holder = claim(&place.folder, "db").expect("free");
        holder.write(&record_of("db")).expect("written");
        assert!(matches!(&look(&place.folder).expect("readable")[..], [Found::Running(_)]));
        drop(holder);
        let found = look(&place.folder).expect("readable");
        assert!(matches!(&found[..], [Found::Dead(record, _)] if record.session_ids == ["s-1"]));
        let Some(Found::Dead(_, claim)) = found.into_iter().next() else { panic!("one is dead") };
        claim.finish();
        assert!(look(&place.folder).expect("readable").is_empty(), "it is shown once");
    }

    #[test]
    fn a_forward_that_ended_leaves_nothing() {
        let place = place();
        let holder = claim(&place.folder, "db").expect("free");
        holder.write(&record_of("db")).expect("written");
        holder.finish();
        assert_eq!(fs::read_dir(place.folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn garbage_is_no_forward_and_is_removed() {
        let place = place();
        let path = |file: &str| place.folder.path().join(file);
        fs::write(path("0123.json"), b"\xff\xfe{").expect("written");
        fs::write(path("4567.json"), br#"{"name":"../../etc/passwd"}"#).expect("written");
        let foreign = serde_json::to_vec(&record_of("db")).expect("it serializes");
        fs::write(path("89ab.json"), foreign).expect("written");
        assert!(look(&place.folder).expect("readable").is_empty());
        assert_eq!(fs::read_dir(place.folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn what_is_not_understood_stays_while_somebody_holds_its_lock() {
        let place = place();
        let path = place.folder.file(&name("db"), "json");
        let holder = claim(&place.folder, "db").expect("free");
        fs::write(&path, br#"{"name":["db"]}"#).expect("written");
        assert!(look(&place.folder).expect("readable").is_empty());
        assert!(path.exists());
        drop(holder);
        assert!(look(&place.folder).expect("readable").is_empty());
        assert!(!path.exists());
    }

    #[test]
    fn records_of_other_versions_are_read() {
        let old: Record = serde_json::from_str(r#"{"name":"db","new":{"a":1}}"#).expect("parses");
        assert_eq!(old.status(ForwardState::Dead).name, "db");
    }
}
