//! Clients that know what they must get.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use ssmpf_tests::servers;

/// A stream that stands still for longer is lost. A repair by the agent is waited for that takes up to
/// a minute, further faults may come into it, and a busy machine makes all of that longer.
const STUCK: Duration = Duration::from_secs(150);
/// Most bytes of one transfer.
const MOST: u64 = 4 * 1024 * 1024;

/// What a client does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sends and gets the same back, many times on one connection.
    Echo,
    /// Downloads.
    Download,
    /// Uploads.
    Upload,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Echo, Self::Download, Self::Upload];

    /// The server for it.
    pub fn host(self) -> &'static str {
        match self {
            Self::Echo => "echo.internal",
            Self::Download => "source.internal",
            Self::Upload => "checker.internal",
        }
    }
}

/// What became of all connections.
#[derive(Default)]
pub struct Score {
    completed: AtomicU64,
    reset: AtomicU64,
    bytes: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Score {
    /// Connections that got everything.
    pub fn completed(&self) -> u64 {
        self.completed.load(Ordering::Relaxed)
    }

    /// What must not have happened.
    pub fn wrong(&self) -> Vec<String> {
        self.wrong.lock().expect("no panic while held").clone()
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} complete, {} reset, {:.1} MiB checked, {} wrong",
            self.completed(),
            self.reset.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed) as f64 / (1024.0 * 1024.0),
            self.wrong().len()
        )
    }
}

/// Connects again and again until the time has come.
pub fn work(kind: Kind, address: SocketAddr, mut rng: StdRng, until: Instant, score: &Score) {
    while Instant::now() < until {
        match one(kind, address, &mut rng, until) {
            Ok(bytes) => {
                score.completed.fetch_add(1, Ordering::Relaxed);
                score.bytes.fetch_add(bytes, Ordering::Relaxed);
            }
            // The session was ended; the client is told so at once and without doubt.
            Err(error) if is_reset(&error) => {
                score.reset.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                let mut wrong = score.wrong.lock().expect("no panic while held");
                wrong.push(format!("{}: {error}", kind.host()));
            }
        }
    }
}

fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

fn one(kind: Kind, address: SocketAddr, rng: &mut StdRng, until: Instant) -> io::Result<u64> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(STUCK))?;
    stream.set_write_timeout(Some(STUCK))?;
    let bytes = rng.random_range(1..=MOST);
    match kind {
        Kind::Echo => {
            let mut total = 0;
            for _ in 0..rng.random_range(1..200) {
                let message = vec![rng.random::<u8>(); rng.random_range(1..=32 * 1024)];
                let mut back = vec![0; message.len()];
                stream.write_all(&message)?;
                exactly(&mut stream, &mut back)?;
                if back != message {
                    return Err(io::Error::other("the echo differs"));
                }
                total += message.len() as u64;
                if Instant::now() > until {
                    break;
                }
            }
            Ok(total)
        }
        Kind::Download => {
            writeln!(stream, "{bytes}")?;
            let mut buffer = vec![0; 64 * 1024];
            let mut at = 0;
            while at < bytes {
                let room = buffer.len().min((bytes - at) as usize);
                exactly(&mut stream, &mut buffer[..room])?;
                let differs =
                    (at..).zip(&buffer[..room]).find(|(at, byte)| **byte != servers::pattern(*at));
                if let Some((at, _)) = differs {
                    return Err(io::Error::other(format!("the download differs at {at}")));
                }
                at += room as u64;
            }
            Ok(bytes)
        }
        Kind::Upload => {
            writeln!(stream, "{bytes}")?;
            servers::send_pattern(&mut stream, bytes)?;
            if rng.random() {
                stream.shutdown(Shutdown::Write)?;
            }
            let mut answer = [0; 3];
            exactly(&mut stream, &mut answer)?;
            match &answer == b"ok\n" {
                true => Ok(bytes),
                false => Err(io::Error::other("the upload arrived changed")),
            }
        }
    }
}

/// Reads as much as there has to be. An end before that must never look orderly.
fn exactly(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    stream.read_exact(buffer).map_err(|error| match error.kind() {
        ErrorKind::UnexpectedEof => io::Error::other("an orderly end before everything was there"),
        ErrorKind::WouldBlock | ErrorKind::TimedOut => io::Error::other("the stream stands still"),
        _ => error,
    })
}
