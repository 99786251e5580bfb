//! What forwards in the background cost while nobody uses them.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use ssmpf_tests::{BASTION, TestEnv, servers};

use crate::table::Figures;

/// Helper threads of the start live this long at most.
const SETTLE: Duration = Duration::from_secs(12);

/// Forwards in the background, ended when dropped.
pub struct Fleet {
    env: TestEnv,
    processes: Vec<u32>,
    came_up: Duration,
}

impl Fleet {
    /// Brings so many up.
    pub fn of(count: usize) -> Self {
        // As outside: both the calls and the session through TLS, with the system's certificates.
        let env = TestEnv::with(ssmpf_emulator::Builder::tls).with_store_key();
        let echo = servers::echo().port().to_string();
        for number in 0..count {
            let (name, local) = (format!("c{number}"), servers::closed_port().to_string());
            let target = ["--target", BASTION, "--port", &echo, "--local-port", &local];
            succeed(&env, &[&["add", &name][..], &target].concat());
        }
        let started = Instant::now();
        succeed(&env, &["up", "--all"]);
        let came_up = started.elapsed();
        let status = succeed(&env, &["status", "--json"]);
        let status: serde_json::Value = serde_json::from_str(&status).expect("a document");
        let forwards = status["forwards"].as_array().expect("a list").clone();
        let pid = |it: &serde_json::Value| it["pid"].as_u64().and_then(|pid| pid.try_into().ok());
        let processes: Vec<u32> = forwards.iter().filter_map(pid).collect();
        assert_eq!(processes.len(), count);
        Self { env, processes, came_up }
    }

    /// Time until all were ready.
    pub fn came_up(&self) -> Figures {
        Figures::plain(format!("{:.2} s", self.came_up.as_secs_f64()))
    }

    /// Time of `ssmpf status`: median of several.
    pub fn status(&self) -> Figures {
        let mut times: Vec<_> = (0..21)
            .map(|_| {
                let started = Instant::now();
                succeed(&self.env, &["status"]);
                started.elapsed()
            })
            .collect();
        times.sort();
        Figures::plain(format!("{:.1} ms", times[times.len() / 2].as_secs_f64() * 1e3))
    }

    /// Memory of each, the largest: resident, what is not simply the program's file, and all of it
    /// when what is shared is divided among those who share it.
    pub fn memory(&self) -> Figures {
        let resident = self.largest(|process| field(process, "status", "VmRSS:"));
        let own = self.largest(|process| field(process, "status", "RssAnon:"));
        let share = self.largest(|process| field(process, "smaps_rollup", "Pss:"));
        Figures {
            value: format!(
                "{resident:.1} MiB resident, {own:.1} MiB of it its own; {share:.1} MiB if divided"
            ),
            cpu: None,
            memory: Some(resident),
        }
    }

    /// Share of a core that one takes over this time, on average and at most.
    pub fn idle_cpu(&self, time: Duration) -> Figures {
        // What a thread has spent is gone with it.
        thread::sleep(SETTLE);
        let before: Vec<f64> = self.processes.iter().map(|it| cpu_seconds(*it)).collect();
        let started = Instant::now();
        thread::sleep(time);
        let took = started.elapsed().as_secs_f64();
        let spent = self.processes.iter().zip(before).map(|(it, old)| cpu_seconds(*it) - old);
        let shares: Vec<f64> = spent.map(|seconds| 100.0 * seconds / took).collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let most = shares.iter().copied().fold(0.0, f64::max);
        Figures::plain(format!("{mean:.4} % of a core each, {most:.4} % at most"))
    }

    fn largest(&self, of: impl Fn(u32) -> f64) -> f64 {
        self.processes.iter().map(|process| of(*process)).fold(0.0, f64::max)
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.env.run(&["down", "--all"]);
    }
}

fn succeed(env: &TestEnv, arguments: &[&str]) -> String {
    let finished = env.run(arguments);
    assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:#?}");
    finished.stdout
}

/// A field of one of the kernel's files about a process, in MiB.
fn field(process: u32, file: &str, name: &str) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/{file}")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("0 kB");
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or(0.0) / 1024.0
}

/// Time of all threads on a core, to the nanosecond.
fn cpu_seconds(process: u32) -> f64 {
    let tasks = fs::read_dir(format!("/proc/{process}/task"));
    let tasks = tasks.into_iter().flatten().flatten().map(|task| task.path().join("schedstat"));
    let nanoseconds = tasks.map(|path| {
        let text = fs::read_to_string(path).unwrap_or_default();
        text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0)
    });
    nanoseconds.sum::<f64>() / 1e9
}
