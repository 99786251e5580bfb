//! One renewal at a time: a refresh token is good once, and many processes and profiles share it.
//!
//! After a night's sleep every forward of this machine notices at the same moment that the token is
//! over. Without an order among them all but one would be told that they have to sign in.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// Longest wait for others; then it is tried all the same.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time between two looks whether it is one's turn.
const LOOK: Duration = Duration::from_millis(25);

/// The right to renew a token, until it is dropped or the process ends.
#[derive(Debug)]
pub(super) struct Turn(#[expect(dead_code, reason = "it is held, not used")] File);

/// Waits for the right to renew the token in this file. `None` if there is no place for a lock, or if
/// somebody holds it for too long.
pub(super) async fn turn(token: &Path) -> Option<Turn> {
    let name = token.file_stem()?.to_str()?;
    // Not beside the token: there are scripts that take whatever lies in that folder for a sign-in.
    let folder = token.parent()?.parent()?;
    let file = open(&folder.join(format!(".ssmpf-{name}.lock")));
    let file = file.inspect_err(|error| tracing::debug!(%error, "no lock for renewals")).ok()?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Some(Turn(file)),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => sleep(LOOK).await,
            Err(error) => {
                tracing::debug!(%error, "not one's turn to renew");
                return None;
            }
        }
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn turns_are_taken_one_after_another() {
        let folder = tempfile::tempdir().unwrap();
        let token = folder.path().join("cache/token.json");
        let first = turn(&token).await.expect("nobody else is there");
        let second = tokio::spawn({
            let token = token.clone();
            async move { turn(&token).await }
        });
        tokio::task::yield_now().await;
        assert!(!second.is_finished());
        drop(first);
        assert!(second.await.unwrap().is_some());
    }

    #[tokio::test]
    async fn without_a_place_for_a_lock_there_is_no_order() {
        let nowhere = Path::new("/nonexistent/cache/token.json");
        assert!(turn(nowhere).await.is_none());
    }
}
