//! What was found lately, for TAB, pickers and lists; never for connecting.
//!
//! One file for each kind, profile and region: JSON, 0600, in a folder 0700, replaced in one step.
//! Reading it uses no network and asks nobody. A file that is damaged, too old, too long or of
//! another version counts as absent, and the next answer replaces it.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use ssmpf_schema::{EndpointRecord, TargetRecord};

use super::Finding;
use crate::model::Timestamp;

/// Age up to which an answer does instead of asking again.
pub const FRESH: Duration = Duration::from_secs(5 * 60);

/// Age up to which an answer is good enough to complete a word from.
pub const USABLE: Duration = Duration::from_secs(12 * 60 * 60);

/// Version of the form of these files.
const VERSION: u32 = 1;

/// Longest file that is read or written, in bytes: some 20,000 nodes.
const MAX_FILE: u64 = 16 * 1024 * 1024;

/// Files that are kept; beyond that the oldest go.
const MAX_FILES: usize = 512;

/// Length of the part of a file's name that a profile or region may take.
const MAX_PART: usize = 48;

/// A folder with answers.
#[derive(Clone, Debug)]
pub struct Cache {
    folder: PathBuf,
    identity: String,
}

/// Which answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    kind: String,
    profile: Option<String>,
    region: String,
}

impl Key {
    /// The answer of one kind for a profile and a region.
    pub fn of(kind: &str, profile: Option<&str>, region: &str) -> Self {
        Self {
            kind: kind.to_owned(),
            profile: profile.map(str::to_owned),
            region: region.to_owned(),
        }
    }
}

/// An answer and when it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept<T> {
    /// When AWS was asked.
    pub asked: Timestamp,
    /// What there was.
    pub records: Vec<T>,
}

#[derive(Serialize)]
struct FileOut<'a, T> {
    version: u32,
    identity: &'a str,
    profile: Option<&'a str>,
    region: &'a str,
    asked: Timestamp,
    records: &'a [T],
}

#[derive(Deserialize)]
struct FileIn<T> {
    version: u32,
    identity: String,
    profile: Option<String>,
    region: String,
    asked: Timestamp,
    records: Vec<T>,
}

impl Cache {
    /// The answers in `folder` that belong to whoever `identity` stands for: anything that decides,
    /// besides profile and region, which account answers. It is kept as a digest only.
    pub fn new(folder: impl Into<PathBuf>, identity: &[&str]) -> Self {
        let mut digest = Sha256::new();
        for part in identity {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part.as_bytes());
        }
        Self { folder: folder.into(), identity: short(digest) }
    }

    /// Returns an answer that is young enough not to ask again.
    pub fn fresh<T: Finding>(&self, key: &Key) -> Option<Kept<T>> {
        self.read(&self.path(key), FRESH).filter(|(file, _)| file == key).map(|(_, kept)| kept)
    }

    /// Keeps an answer. That it cannot be kept is no reason for a command to fail.
    pub fn keep<T: Finding>(&self, key: &Key, asked: Timestamp, records: &[T]) {
        if let Err(error) = self.try_keep(key, asked, records) {
            tracing::debug!(%error, folder = %self.folder.display(), "an answer was not kept");
        }
    }

    /// Returns every target that was found lately with `profile`, in `region` if one is given.
    /// Local files only.
    pub fn targets(&self, profile: Option<&str>, region: Option<&str>) -> Vec<TargetRecord> {
        self.all(profile, region)
    }

    /// Returns every endpoint that was found lately with `profile`, in `region` if one is given.
    /// Local files only.
    pub fn endpoints(&self, profile: Option<&str>, region: Option<&str>) -> Vec<EndpointRecord> {
        self.all(profile, region)
    }

    fn all<T: Finding>(&self, profile: Option<&str>, region: Option<&str>) -> Vec<T> {
        let Some(kind) = T::KEPT_AS else { return Vec::new() };
        // The name narrows it down, the contents decide: most files are not opened.
        let begin = format!("{kind}~{}~", part(profile.unwrap_or_default()));
        let begin = match region {
            Some(region) => format!("{begin}{}~", part(region)),
            None => begin,
        };
        let mut found = Vec::new();
        for (path, _) in self.files() {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !name.starts_with(&begin) {
                continue;
            }
            let Some((key, kept)) = self.read::<T>(&path, USABLE) else { continue };
            let same = region.is_none_or(|region| key.region == region);
            if same && key.profile.as_deref() == profile {
                found.extend(kept.records);
            }
        }
        found
    }

    fn path(&self, key: &Key) -> PathBuf {
        let profile = key.profile.as_deref().unwrap_or_default();
        let mut digest = Sha256::new();
        digest.update(self.identity.as_bytes());
        // Two names may be alike in the letters that file names take.
        digest.update(if key.profile.is_some() { b"p" } else { b"-" });
        digest.update(profile.as_bytes());
        digest.update([0]);
        digest.update(key.region.as_bytes());
        let digest = short(digest);
        let (profile, region) = (part(profile), part(&key.region));
        self.folder.join(format!("{}~{profile}~{region}~{digest}.json", key.kind))
    }

    fn read<T: Finding>(&self, path: &Path, limit: Duration) -> Option<(Key, Kept<T>)> {
        let file = fs::File::open(path).ok()?;
        // A pipe or a device would be waited for.
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).ok()?;
        if bytes.len() as u64 > MAX_FILE {
            return None;
        }
        let file: FileIn<T> = serde_json::from_slice(&bytes).ok()?;
        let age = SystemTime::now().duration_since(SystemTime::from(file.asked)).ok()?;
        if file.version != VERSION || file.identity != self.identity || age > limit {
            return None;
        }
        let key = Key::of(T::KEPT_AS?, file.profile.as_deref(), &file.region);
        Some((key, Kept { asked: file.asked, records: file.records }))
    }

    fn try_keep<T: Finding>(&self, key: &Key, asked: Timestamp, records: &[T]) -> io::Result<()> {
        make_private_folder(&self.folder)?;
        let file = FileOut {
            version: VERSION,
            identity: &self.identity,
            profile: key.profile.as_deref(),
            region: &key.region,
            asked,
            records,
        };
        // The file is created 0600, whatever the umask.
        let mut temporary = tempfile::Builder::new().prefix(".new-").tempfile_in(&self.folder)?;
        let mut writer = io::BufWriter::new(temporary.as_file_mut());
        serde_json::to_writer(&mut writer, &file)?;
        writer.flush()?;
        drop(writer);
        if temporary.as_file().metadata()?.len() > MAX_FILE {
            return Err(io::Error::other("the answer is too long to be kept"));
        }
        temporary.persist(self.path(key)).map_err(|error| error.error)?;
        self.prune();
        Ok(())
    }

    /// Returns the files and when they were written.
    fn files(&self) -> Vec<(PathBuf, SystemTime)> {
        let Ok(entries) = fs::read_dir(&self.folder) else { return Vec::new() };
        let files = entries.flatten().filter_map(|entry| {
            let path = entry.path();
            let is_ours = path.extension().is_some_and(|extension| extension == "json");
            Some((path, entry.metadata().ok()?.modified().ok()?)).filter(|_| is_ours)
        });
        files.collect()
    }

    /// Removes what is beyond the bounds.
    fn prune(&self) {
        let mut files = self.files();
        if files.len() <= MAX_FILES {
            return;
        }
        files.sort_by_key(|(_, written)| *written);
        for (path, _) in files.iter().take(files.len() - MAX_FILES) {
            let _ = fs::remove_file(path);
        }
    }
}

/// Returns the first 64 bits of a digest in hexadecimal.
fn short(digest: Sha256) -> String {
    let bytes = digest.finalize();
    bytes.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a word in the letters that file names take everywhere.
fn part(text: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    text.chars().map(allowed).take(MAX_PART).collect()
}

fn make_private_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

#[cfg(test)]
mod tests {
    use ssmpf_schema::TargetKind;

    use super::*;

    fn target(id: &str) -> TargetRecord {
        TargetRecord {
            target: id.to_owned(),
            kind: TargetKind::Ec2,
            name: None,
            reachable: true,
            status: "online".to_owned(),
            reason: None,
            state: None,
            address: None,
            availability_zone: None,
            vpc: None,
            platform: None,
            agent_version: None,
            last_ping: None,
            ecs: None,
            profile: None,
            region: "eu-west-1".to_owned(),
        }
    }

    fn key(profile: Option<&str>, region: &str) -> Key {
        Key::of("targets", profile, region)
    }

    #[test]
    fn what_was_kept_is_found_by_profile_and_region() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path().join("ssmpf"), &["x"]);
        let now = Timestamp::now();
        cache.keep(&key(Some("a/b"), "eu-west-1"), now, &[target("i-1")]);
        cache.keep(&key(Some("a:b"), "eu-west-1"), now, &[target("i-2")]);
        cache.keep(&key(None, "us-east-1"), now, &[target("i-3")]);

        let ids = |profile, region| -> Vec<String> {
            cache.targets(profile, region).into_iter().map(|it| it.target).collect()
        };
        assert_eq!(ids(Some("a/b"), None), ["i-1"]);
        assert_eq!(ids(Some("a:b"), Some("eu-west-1")), ["i-2"]);
        assert_eq!(ids(None, None), ["i-3"]);
        assert!(ids(None, Some("eu-west-1")).is_empty());
        assert!(cache.endpoints(None, None).is_empty());
        assert!(cache.fresh::<TargetRecord>(&key(None, "us-east-1")).is_some());
    }

    #[test]
    fn another_identity_sees_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let one = Cache::new(folder.path(), &["AKIA1"]);
        one.keep(&key(None, "eu-west-1"), Timestamp::now(), &[target("i-1")]);
        let other = Cache::new(folder.path(), &["AKIA2"]);
        assert!(other.targets(None, None).is_empty());
        assert_eq!(one.targets(None, None).len(), 1);
    }

    #[test]
    fn old_damaged_and_future_answers_count_as_absent() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path(), &[]);
        let at = |seconds: i64| {
            Timestamp::from_second(Timestamp::now().as_second() + seconds).expect("in range")
        };
        let key = key(None, "eu-west-1");
        cache.keep(&key, at(-600), &[target("i-1")]);
        assert!(cache.fresh::<TargetRecord>(&key).is_none());
        assert_eq!(cache.targets(None, None).len(), 1);
        cache.keep(&key, at(3600), &[target("i-1")]);
        assert!(cache.targets(None, None).is_empty());
        fs::write(cache.path(&key), b"{\"version\":1").expect("written");
        assert!(cache.targets(None, None).is_empty());
    }

    #[test]
    #[cfg(unix)]
    fn only_the_user_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let parent = tempfile::tempdir().expect("a folder");
        let folder = parent.path().join("ssmpf");
        let cache = Cache::new(&folder, &[]);
        let key = key(Some("prod"), "eu-west-1");
        cache.keep(&key, Timestamp::now(), &[target("i-1")]);
        let mode = |path: &Path| fs::metadata(path).expect("it is there").permissions().mode();
        assert_eq!(mode(&folder) & 0o777, 0o700);
        assert_eq!(mode(&cache.path(&key)) & 0o777, 0o600);
    }

    #[test]
    fn the_number_of_files_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = Cache::new(folder.path(), &[]);
        for number in 0..MAX_FILES + 3 {
            cache.keep::<TargetRecord>(&key(None, &format!("r-{number}")), Timestamp::now(), &[]);
        }
        assert_eq!(cache.files().len(), MAX_FILES);
    }
}
