//! Lists over many places, with the latency that AWS has.

use std::fmt::Write;
use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use ssmpf_emulator::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY};
use ssmpf_tests::TestEnv;

use crate::measure::peak_memory;
use crate::table::Figures;

/// How long each call takes.
const LATENCY: Duration = Duration::from_millis(50);

const REGIONS: [&str; 4] = ["eu-west-1", "eu-central-1", "us-east-1", "ap-south-1"];

const PROFILES: [&str; 3] = ["a", "b", "c"];

/// An account with nodes in four regions, and three profiles that see them all.
pub struct Account {
    env: TestEnv,
}

/// What one list took.
struct Taken {
    time: Duration,
    memory: f64,
    rows: usize,
}

impl Account {
    /// So many nodes in each region.
    pub fn with(nodes: u32) -> Self {
        let env = TestEnv::with(|builder| {
            REGIONS
                .iter()
                .fold(builder, |builder, region| builder.many("node", nodes, Some(region)))
        });
        let mut config = String::new();
        for profile in PROFILES {
            let _ = write!(
                config,
                "[profile {profile}]\nregion = eu-west-1\n\
                 aws_access_key_id = {DEFAULT_ACCESS_KEY}\n\
                 aws_secret_access_key = {DEFAULT_SECRET_KEY}\n"
            );
        }
        fs::create_dir_all(env.home().join(".aws")).expect("a folder");
        fs::write(env.home().join(".aws/config"), config).expect("a file");
        env.emulator.faults().api_latency(LATENCY);
        Self { env }
    }

    /// Lists the nodes of the first so many profiles and regions.
    fn list(&self, profiles: usize, regions: usize) -> Taken {
        let mut arguments = vec!["targets", "--refresh", "--format", "plain"];
        for profile in &PROFILES[..profiles] {
            arguments.extend(["--profile", profile]);
        }
        for region in &REGIONS[..regions] {
            arguments.extend(["--region", region]);
        }
        let begin = Instant::now();
        let mut command = self.env.ssmpf(&arguments);
        let output = self.env.home().join("list");
        let file = fs::File::create(&output).expect("a file");
        command.stdin(Stdio::null()).stdout(file).stderr(Stdio::null());
        let mut child = command.spawn().expect("it starts");
        let mut memory: f64 = 0.0;
        let status = loop {
            // The highest mark stays until the process is gone.
            memory = memory.max(peak_memory(child.id()));
            match child.try_wait().expect("it was started") {
                Some(status) => break status,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        let time = begin.elapsed();
        assert!(status.success(), "{status}");
        let rows = fs::read_to_string(&output).expect("it was written").lines().count();
        Taken { time, memory, rows }
    }

    /// One place.
    pub fn one_place(&self) -> Figures {
        let taken = self.list(1, 1);
        figures(&taken, String::new())
    }

    /// All twelve, compared with the slowest of them alone.
    pub fn all_places(&self) -> Figures {
        let alone = (0..3).map(|_| self.list(1, 1).time).max().unwrap_or_default();
        let taken = self.list(PROFILES.len(), REGIONS.len());
        let times = taken.time.as_secs_f64() / alone.as_secs_f64();
        figures(&taken, format!(", {times:.2} × one place"))
    }
}

fn figures(taken: &Taken, more: String) -> Figures {
    let value = format!("{} rows in {:.2} s{more}", taken.rows, taken.time.as_secs_f64());
    Figures { value, cpu: None, memory: Some(taken.memory) }
}
