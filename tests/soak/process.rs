//! What running programs hold, read from the kernel.

use std::thread;
use std::time::{Duration, Instant};

use ssmpf_tests::Tunnel;

/// Kernel clock ticks per second in /proc (USER_HZ, fixed on Linux).
const TICKS: f64 = 100.0;

/// What some processes hold together.
pub struct Footprint {
    /// Open file descriptors.
    pub descriptors: usize,
    /// Resident memory, in MiB.
    pub memory: f64,
    /// CPU time used so far, in seconds.
    pub cpu: f64,
}

impl Footprint {
    /// Of these forwards.
    pub fn of(tunnels: &[Tunnel]) -> Self {
        let ids: Vec<u32> = tunnels.iter().map(Tunnel::id).collect();
        Self {
            descriptors: ids.iter().map(|id| descriptors(*id)).sum(),
            memory: ids.iter().map(|id| memory(*id)).sum(),
            cpu: ids.iter().map(|id| cpu(*id)).sum(),
        }
    }
}

/// Waits until the condition holds; returns whether it came to that in time.
pub fn settles(limit: Duration, condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(100));
    }
    true
}

fn read(process: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{process}/{file}")).expect("the forward runs, on Linux")
}

fn descriptors(process: u32) -> usize {
    std::fs::read_dir(format!("/proc/{process}/fd")).expect("the forward runs, on Linux").count()
}

fn memory(process: u32) -> f64 {
    let status = read(process, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}

fn cpu(process: u32) -> f64 {
    let stat = read(process, "stat");
    // Fields are counted from behind the name, which may hold anything.
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let times = fields.split_whitespace().skip(11).take(2);
    times.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / TICKS
}
