//! The measurements: each starts what it needs, moves bytes, and stops it again.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ssmpf_tests::{BASTION, TestEnv, Tunnel, servers};

use crate::MIB;
use crate::table::Figures;

/// Round trips measured for a median.
const ROUND_TRIPS: usize = 2000;
/// Kernel clock ticks per second in /proc (USER_HZ, fixed on Linux).
const TICKS: f64 = 100.0;

/// What carries the tunnel.
pub enum Engine {
    /// This project.
    Native,
    /// Amazon's client, at this path.
    Plugin(PathBuf),
}

impl Engine {
    /// For the table.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Native => "ssmpf",
            Self::Plugin(_) => "plugin",
        }
    }

    /// As many bytes as this engine moves in a reasonable time.
    pub fn share(&self, bytes: u64) -> u64 {
        match self {
            Self::Native => bytes,
            // It paces itself to less than a megabyte a second.
            Self::Plugin(_) => 8 * MIB,
        }
    }
}

/// Finds Amazon's client.
pub fn plugin_on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join("session-manager-plugin"))
        .find(|path| path.is_file())
}

/// An emulator and how to start a tunnel to it.
pub struct Setup<'a> {
    engine: &'a Engine,
    env: TestEnv,
    max_payload: Option<usize>,
    sessions: usize,
}

impl<'a> Setup<'a> {
    /// An unpaced agent, no latency.
    pub fn new(engine: &'a Engine) -> Self {
        let mut env = TestEnv::new();
        if let Engine::Plugin(path) = engine {
            let folder = path.parent().unwrap_or(std::path::Path::new("/"));
            let old = std::env::var("PATH").unwrap_or_default();
            env.set("PATH", &format!("{}:{old}", folder.display()));
        }
        Self { engine, env, max_payload: None, sessions: 1 }
    }

    /// The agent waits a millisecond after each message, as the real one does.
    pub fn paced(self) -> Self {
        self.env.emulator.change_agents(|agents| agents.pace = Some(ssmpf_emulator::REAL_PACE));
        self
    }

    /// Messages need this long, each way.
    pub fn latency(self, one_way: Duration) -> Self {
        self.env.emulator.faults().latency(one_way);
        self
    }

    /// Bounds the size of messages.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = Some(bytes);
        self
    }

    /// So many sessions carry the clients.
    pub fn sessions(mut self, sessions: usize) -> Self {
        self.sessions = sessions;
        self
    }

    fn tunnel(&self, server: SocketAddr) -> Tunnel {
        let port = server.port().to_string();
        let size = self.max_payload.unwrap_or_default().to_string();
        let sessions = self.sessions.to_string();
        let mut arguments = vec!["--target", BASTION, "--port", &port];
        if matches!(self.engine, Engine::Native) {
            arguments.extend(["--sessions", &sessions]);
        }
        match self.engine {
            Engine::Native if self.max_payload.is_some() => {
                arguments.extend(["--max-payload", &size]);
            }
            Engine::Native => {}
            Engine::Plugin(_) => arguments.extend(["--engine", "plugin"]),
        }
        let tunnel = self.env.forward(&arguments);
        tunnel.wait_for_count("session_opened", self.sessions - 1);
        tunnel
    }
}

fn rate(bytes: u64, took: Duration) -> String {
    let rate = bytes as f64 / 1e6 / took.as_secs_f64();
    if rate < 10.0 { format!("{rate:.3} MB/s") } else { format!("{rate:.0} MB/s") }
}

/// What an agent can send at most at its own pace: a kilobyte per pause.
pub fn agent_pace() -> Figures {
    Figures::plain(rate(1024, ssmpf_emulator::REAL_PACE))
}

/// Runs `clients` transfers at once and reports rate and cost.
fn transfer(
    setup: &Setup<'_>,
    server: SocketAddr,
    clients: u64,
    bytes: u64,
    one: impl Fn(TcpStream, u64) + Send + Sync,
) -> Figures {
    let tunnel = setup.tunnel(server);
    let before = cpu_seconds(tunnel.id());
    let each = bytes / clients;
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| one(tunnel.connect(), each));
        }
    });
    let took = started.elapsed();
    let cpu = cpu_seconds(tunnel.id()) - before;
    let moved = each * clients;
    Figures {
        value: rate(moved, took),
        cpu: Some(cpu / (moved as f64 / (1024.0 * MIB as f64))),
        memory: Some(peak_memory(tunnel.id())),
    }
}

/// Downloads, without looking at the bytes: checking them costs more than moving them.
pub fn download(setup: &Setup<'_>, clients: u64, bytes: u64) -> Figures {
    transfer(setup, blob_server(), clients, bytes, take)
}

/// Uploads.
pub fn upload(setup: &Setup<'_>, clients: u64, bytes: u64) -> Figures {
    transfer(setup, counting_server(), clients, bytes, give)
}

/// The same server without a tunnel.
pub fn direct_download(bytes: u64) -> Figures {
    let started = Instant::now();
    take(TcpStream::connect(blob_server()).expect("it listens"), bytes);
    Figures::plain(rate(bytes, started.elapsed()))
}

/// The same server without a tunnel.
pub fn direct_upload(bytes: u64) -> Figures {
    let started = Instant::now();
    give(TcpStream::connect(counting_server()).expect("it listens"), bytes);
    Figures::plain(rate(bytes, started.elapsed()))
}

fn take(mut stream: TcpStream, bytes: u64) {
    writeln!(stream, "{bytes}").expect("the tunnel takes it");
    let mut buffer = vec![0; 256 * 1024];
    let mut left = bytes;
    while left > 0 {
        match stream.read(&mut buffer).expect("the tunnel holds") {
            0 => panic!("the tunnel ended {left} bytes too early"),
            count => left -= count as u64,
        }
    }
}

fn give(mut stream: TcpStream, bytes: u64) {
    writeln!(stream, "{bytes}").expect("the tunnel takes it");
    let buffer = vec![0x5A; 256 * 1024];
    let mut left = bytes;
    while left > 0 {
        let part = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        stream.write_all(&buffer[..part]).expect("the tunnel holds");
        left -= part as u64;
    }
    assert_eq!(servers::read_line(&mut stream), "done\n");
}

fn blob_server() -> SocketAddr {
    servers::start(|mut stream| {
        let mut left: u64 = servers::read_line(&mut stream).trim().parse().unwrap_or(0);
        let buffer = vec![0xA5; 256 * 1024];
        while left > 0 {
            let part = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if stream.write_all(&buffer[..part]).is_err() {
                return;
            }
            left -= part as u64;
        }
        let _ = stream.read(&mut [0]);
    })
}

fn counting_server() -> SocketAddr {
    servers::start(|mut stream| {
        let mut left: u64 = servers::read_line(&mut stream).trim().parse().unwrap_or(0);
        let mut buffer = vec![0; 256 * 1024];
        while left > 0 {
            match stream.read(&mut buffer) {
                Ok(count @ 1..) => left = left.saturating_sub(count as u64),
                _ => return,
            }
        }
        let _ = stream.write_all(b"done\n");
    })
}

/// Time from the start of the program until clients can connect: median of several.
pub fn ready(setup: &Setup<'_>) -> Figures {
    let server = servers::echo();
    let mut times: Vec<_> = (0..11)
        .map(|_| {
            let started = Instant::now();
            let tunnel = setup.tunnel(server);
            let took = started.elapsed();
            tunnel.stop();
            took
        })
        .collect();
    times.sort();
    Figures::plain(milliseconds(times[times.len() / 2]))
}

/// Median of small requests and answers.
pub fn latency(setup: &Setup<'_>) -> Figures {
    let tunnel = setup.tunnel(servers::echo());
    round_trips(tunnel.connect())
}

/// The same server without a tunnel.
pub fn direct_latency() -> Figures {
    let stream = TcpStream::connect(servers::echo()).expect("it listens");
    stream.set_nodelay(true).expect("a TCP socket");
    round_trips(stream)
}

fn round_trips(mut stream: TcpStream) -> Figures {
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    let mut buffer = [0x42; 64];
    for _ in 0..ROUND_TRIPS {
        let started = Instant::now();
        stream.write_all(&buffer).expect("the tunnel holds");
        stream.read_exact(&mut buffer).expect("the tunnel holds");
        times.push(started.elapsed());
    }
    times.sort();
    let at = |share: f64| milliseconds(times[(times.len() as f64 * share) as usize]);
    Figures::plain(format!("{} median, {} p99", at(0.5), at(0.99)))
}

fn milliseconds(time: Duration) -> String {
    format!("{:.3} ms", time.as_secs_f64() * 1e3)
}

/// Connections opened, used for one byte each way, and closed, per second.
pub fn connections(setup: &Setup<'_>, clients: usize, time: Duration) -> Figures {
    let tunnel = setup.tunnel(servers::echo());
    let address = tunnel.address();
    let before = cpu_seconds(tunnel.id());
    let (count, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let started = Instant::now();
    thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let mut stream = TcpStream::connect(address).expect("it listens");
                    stream.set_nodelay(true).expect("a TCP socket");
                    stream.write_all(b"x").expect("the tunnel holds");
                    stream.read_exact(&mut [0]).expect("the tunnel holds");
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
    });
    let took = started.elapsed().as_secs_f64();
    let cpu = cpu_seconds(tunnel.id()) - before;
    let count = count.into_inner() as f64;
    Figures {
        value: format!("{:.0}/s ({:.2} ms CPU each)", count / took, cpu * 1e3 / count),
        cpu: None,
        memory: Some(peak_memory(tunnel.id())),
    }
}

/// Peak memory with clients that each have exchanged something.
pub fn memory(setup: &Setup<'_>, clients: usize) -> Figures {
    let tunnel = setup.tunnel(servers::echo());
    let mut streams: Vec<_> = (0..clients).map(|_| tunnel.connect()).collect();
    for stream in &mut streams {
        stream.write_all(&[7; 16 * 1024]).expect("the tunnel holds");
    }
    for stream in &mut streams {
        stream.read_exact(&mut [0; 16 * 1024]).expect("the tunnel holds");
    }
    let peak = peak_memory(tunnel.id());
    Figures { value: format!("{peak:.1} MiB"), cpu: None, memory: Some(peak) }
}

/// A process and those it started.
fn family(process: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    let mut all = vec![process];
    for child in children.unwrap_or_default().split_whitespace().filter_map(|id| id.parse().ok()) {
        all.extend(family(child));
    }
    all
}

fn cpu_seconds(process: u32) -> f64 {
    let one = |id: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // Fields are counted from behind the name, which may hold anything.
        let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        let fields: Vec<f64> =
            fields.split_whitespace().skip(11).take(2).filter_map(|n| n.parse().ok()).collect();
        fields.iter().sum::<f64>() / TICKS
    };
    family(process).into_iter().map(one).sum()
}

pub fn peak_memory(process: u32) -> f64 {
    let one = |id: u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
    };
    family(process).into_iter().map(one).sum()
}
