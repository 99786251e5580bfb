//! StartSession calls of all programs of this user, at most three a second per account and region.
//!
//! That is what the service allows, and many forwards are brought up at once. Each call takes the next
//! free slot, which is noted in a small file; whoever dies before its slot has wasted a third of a
//! second and blocks nobody.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Calls per [`PERIOD`] [Systems Manager quotas: StartSession].
const CALLS: usize = 3;
/// Seconds in milliseconds, and a little more, since the service measures with another clock.
const PERIOD: u64 = 1050;
/// A slot further away than this was noted by a clock that was wrong, in milliseconds.
const MAX_WAIT: u64 = 10 * 60 * 1000;
/// Attempts to lock the file; the lock is held for microseconds.
const ATTEMPTS: u32 = 50;
/// Pause between them.
const PAUSE: Duration = Duration::from_millis(5);
/// Longest file that makes sense, in bytes.
const MAX_FILE: u64 = 256;

/// Waits for the next slot of the account and region that `key` stands for.
///
/// The file lies in `folder`. When it cannot be used there is no waiting: the service then says no,
/// and the call is tried again.
pub async fn wait(folder: &Path, key: &str) {
    let path = folder.join(format!("start-{key}.slots"));
    for _ in 0..ATTEMPTS {
        match take_slot(&path, now()) {
            Ok(Some(wait)) => {
                if !wait.is_zero() {
                    tracing::debug!(?wait, "waiting for a slot to start a session");
                }
                return tokio::time::sleep(wait).await;
            }
            Ok(None) => tokio::time::sleep(PAUSE).await,
            Err(error) => {
                tracing::debug!(%error, path = %path.display(), "no slots");
                return;
            }
        }
    }
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(0)
}

/// Takes the next slot and returns the time until then; `None` while somebody else has the file.
fn take_slot(path: &Path, now: u64) -> io::Result<Option<Duration>> {
    let mut file = open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Slots that were noted later than now are those of a clock that has been set back since.
    let noted = file.metadata()?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let is_set_back = noted.as_millis() > u128::from(now.saturating_add(PERIOD));
    let mut text = String::new();
    // What is not text was not written by us.
    let _ = (&mut file).take(MAX_FILE).read_to_string(&mut text);
    let taken = text.split_whitespace().filter_map(|word| word.parse().ok());
    let mut taken: Vec<u64> =
        taken.filter(|slot| !is_set_back && *slot < now.saturating_add(MAX_WAIT)).collect();
    let slot = next_slot(&taken, now);
    taken.push(slot);
    let kept = &taken[taken.len().saturating_sub(CALLS)..];
    let text: Vec<String> = kept.iter().map(u64::to_string).collect();
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.join(" ").as_bytes())?;
    Ok(Some(Duration::from_millis(slot - now)))
}

/// The earliest time at which one more call is allowed. `taken` is in ascending order.
fn next_slot(taken: &[u64], now: u64) -> u64 {
    let last = taken.last().copied().unwrap_or(0);
    let full = taken.len().checked_sub(CALLS).map_or(0, |index| taken[index] + PERIOD);
    now.max(last).max(full)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const START: u64 = 1_800_000_000_000;

    fn path(folder: &tempfile::TempDir) -> PathBuf {
        folder.path().join("slots")
    }

    #[test]
    fn no_second_has_more_than_three_calls() {
        let folder = tempfile::tempdir().expect("a folder");
        let slots: Vec<u64> = (0..50)
            .map(|index| {
                let now = START + index;
                let wait = take_slot(&path(&folder), now).expect("writable").expect("not locked");
                now + wait.as_millis() as u64
            })
            .collect();
        assert!(slots.is_sorted(), "who came first goes first");
        assert!(slots.windows(CALLS + 1).all(|four| four[CALLS] - four[0] >= 1000), "{slots:?}");
        assert!(slots[49] - slots[0] < 50 * PERIOD / CALLS as u64 + 50, "and not much slower");
        assert_eq!(slots[2], START + 2, "the first ones need not wait");
    }

    #[test]
    fn slots_of_a_clock_that_was_wrong_do_not_count() {
        let folder = tempfile::tempdir().expect("a folder");
        let future = START + 10 * MAX_WAIT;
        std::fs::write(path(&folder), format!("{future} {future} {future}")).expect("written");
        let wait = take_slot(&path(&folder), START).expect("writable");
        assert_eq!(wait, Some(Duration::ZERO));
    }

    #[test]
    fn nobody_waits_for_slots_that_were_noted_before_the_clock_was_set_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let (minute, later) = (60_000, START + 60_000);
        (0..30).for_each(|_| _ = take_slot(&path(&folder), later).expect("writable"));
        let noted = UNIX_EPOCH + Duration::from_millis(later);
        open(&path(&folder)).expect("there").set_modified(noted).expect("ours");
        let wait = take_slot(&path(&folder), later - minute).expect("writable");
        assert_eq!(wait, Some(Duration::ZERO));
    }

    #[test]
    fn garbage_is_overwritten_and_a_lock_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(path(&folder), b"\xff\xfe x 1").expect("written");
        assert_eq!(take_slot(&path(&folder), START).expect("writable"), Some(Duration::ZERO));
        let holder = open(&path(&folder)).expect("there");
        holder.lock().expect("free");
        assert_eq!(take_slot(&path(&folder), START).expect("writable"), None);
    }
}
