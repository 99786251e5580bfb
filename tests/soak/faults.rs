//! Faults, one after another.

use std::collections::BTreeMap;
use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use ssmpf_emulator::{Direction, Emulator};
use ssmpf_tests::BASTION;

/// How often each fault came.
#[derive(Default)]
pub struct Told(BTreeMap<&'static str, u64>);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list: Vec<_> = self.0.iter().map(|(name, count)| format!("{count} {name}")).collect();
        f.write_str(&list.join(", "))
    }
}

/// Inflicts faults until a while before the end, so that what they did can heal.
pub fn inflict(emulator: &Emulator, mut rng: StdRng, until: Instant) -> Told {
    let faults = emulator.faults();
    faults.seed(rng.random());
    let mut told = Told::default();
    let total = until.saturating_duration_since(Instant::now());
    let stop = until - total / 8;
    while Instant::now() < stop {
        let name = match rng.random_range(0..100) {
            0..40 => {
                faults.cut_all_clients();
                "cuts"
            }
            40..50 => {
                faults.close_all_clients(1000, "Bye");
                "orderly closes"
            }
            50..55 => {
                faults.cut_agents(pause(&mut rng, 300));
                "outages at the agent"
            }
            55..60 => {
                faults.end_sessions("");
                "ended sessions"
            }
            60..68 => {
                let share = rng.random_range(0.0..0.05);
                for way in [Direction::ToAgent, Direction::ToClient] {
                    faults
                        .drop_rate(way, share)
                        .duplicate_rate(way, share)
                        .reorder_rate(way, share);
                }
                wait(&mut rng, 1500);
                for way in [Direction::ToAgent, Direction::ToClient] {
                    faults.drop_rate(way, 0.0).duplicate_rate(way, 0.0).reorder_rate(way, 0.0);
                }
                "lossy times"
            }
            68..74 => {
                faults.latency(pause(&mut rng, 60)).jitter(pause(&mut rng, 10));
                wait(&mut rng, 1500);
                faults.latency(Duration::ZERO).jitter(Duration::ZERO);
                "slow times"
            }
            74..79 => {
                faults.black_hole(true);
                wait(&mut rng, 8000);
                faults.black_hole(false);
                "black holes"
            }
            79..83 => {
                faults.garbage(vec![0xA5; rng.random_range(0..4000)]);
                "pieces of garbage"
            }
            83..87 => {
                faults
                    .resume_fails("ThrottlingException", rng.random_range(1..4))
                    .cut_all_clients();
                "throttled resumes"
            }
            87..90 => {
                faults.resume_fails("DoesNotExistException", 1).cut_all_clients();
                "refused resumes"
            }
            90..93 => {
                faults.start_fails("ThrottlingException", rng.random_range(1..4)).end_sessions("");
                "throttled starts"
            }
            93..96 => {
                faults.refuse_upgrade(502, 2).cut_all_clients();
                "refused upgrades"
            }
            96..98 => {
                faults.pause();
                wait(&mut rng, 1000);
                faults.resume();
                "pauses"
            }
            _ => {
                faults.agent_gone(BASTION);
                wait(&mut rng, 3000);
                faults.agent_back(BASTION);
                "dead nodes"
            }
        };
        *told.0.entry(name).or_default() += 1;
        wait(&mut rng, 1200);
    }
    told
}

fn pause(rng: &mut StdRng, most_ms: u64) -> Duration {
    Duration::from_millis(rng.random_range(1..=most_ms))
}

fn wait(rng: &mut StdRng, most_ms: u64) {
    thread::sleep(pause(rng, most_ms));
}
