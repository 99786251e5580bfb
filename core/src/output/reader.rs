//! Whether somebody still reads stdout: what writes only when something changes would not notice.

/// Completes when whoever read stdout is gone: a pipe is closed, a terminal hung up. Never where that
/// cannot be known, as of files.
#[cfg(unix)]
pub async fn gone() {
    /// Time between two looks.
    const LOOK: std::time::Duration = std::time::Duration::from_secs(1);
    while !is_gone() {
        tokio::time::sleep(LOOK).await;
    }
}

/// On other systems the next write tells.
#[cfg(not(unix))]
pub async fn gone() {
    std::future::pending().await
}

#[cfg(unix)]
fn is_gone() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = std::io::stdout();
    let mut stdout = [PollFd::new(&stdout, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut stdout, Some(&at_once)).is_ok()
        && stdout[0].revents().intersects(PollFlags::ERR | PollFlags::HUP)
}
