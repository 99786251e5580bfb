//! Whether a forward really stays up: `ssmpf-soak`.
//!
//! ```text
//! cargo build --release --workspace --bins
//! target/release/ssmpf-soak                  # two minutes
//! target/release/ssmpf-soak --minutes 480    # a night
//! target/release/ssmpf-soak --seed 7         # the same faults again
//! ```
//!
//! Clients of several kinds use one forward without a pause while faults come one after another, in
//! an order that the seed decides. A client may be reset where a session was ended; a byte that is
//! wrong, missing or too early an end may never be. At the end the program must hold no more
//! descriptors and hardly more memory than before, and no session may be left at the service.

mod clients;
mod faults;
mod process;

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use clap::Parser;
use rand::SeedableRng;
use rand::rngs::StdRng;
use ssmpf_emulator::REAL_PACE;
use ssmpf_tests::{BASTION, TestEnv, Tunnel, servers};

use clients::{Kind, Score};
use process::Footprint;

/// Longest wait for what has to settle: descriptors after the last client, sessions after the end.
const SETTLE: Duration = Duration::from_secs(90);
/// Growth of memory that is no leak, in MiB: buffers that have grown with the traffic and the
/// allocator's own holes.
const MEMORY_SLACK: f64 = 48.0;

/// Uses a forward under random faults and counts what must not happen.
#[derive(Parser)]
struct Arguments {
    /// How long, in minutes; fractions are possible.
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Decides the order of the faults; drawn and printed if not given.
    #[arg(long)]
    seed: Option<u64>,
    /// Clients of each kind at a time.
    #[arg(long, default_value_t = 3)]
    clients: usize,
    /// Sessions behind the forward.
    #[arg(long, default_value = "2")]
    sessions: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let seed = arguments.seed.unwrap_or_else(rand::random);
    println!("seed {seed}, {} minutes", arguments.minutes);
    let mut env = TestEnv::with(|builder| {
        // As the real ones: of what an agent without a pace has sent, a cut can take thousands of
        // messages, and it repeats ten a second.
        builder
            .agents(|agents| agents.pace = Some(REAL_PACE))
            .host("echo.internal", 1, servers::echo())
            .host("source.internal", 1, servers::source())
            .host("checker.internal", 1, servers::checker())
    });
    env.set("SSMPF_PING_INTERVAL", "2").set("SSMPF_ROTATE_AFTER", "20s");
    env.set("SSMPF_SILENT_AFTER", "3s");
    let tunnels = Kind::ALL.map(|kind| start(&env, kind, &arguments.sessions));
    let before = Footprint::of(&tunnels);
    let score = Score::default();
    let until = Instant::now() + Duration::from_secs_f64(arguments.minutes * 60.0);
    let told = thread::scope(|scope| {
        for (kind, tunnel) in Kind::ALL.into_iter().zip(&tunnels) {
            let address = tunnel.address();
            for number in 0..arguments.clients as u64 {
                let rng = StdRng::seed_from_u64(seed ^ (number << 8) ^ kind as u64);
                let score = &score;
                scope.spawn(move || clients::work(kind, address, rng, until, score));
            }
        }
        faults::inflict(&env.emulator, StdRng::seed_from_u64(seed), until)
    });
    let settled =
        process::settles(SETTLE, || Footprint::of(&tunnels).descriptors <= before.descriptors);
    let after = Footprint::of(&tunnels);
    report(&tunnels, &told, &score, &before, &after);
    if !score.wrong().is_empty() {
        for tunnel in &tunnels {
            eprintln!("what the forward at {} said:", tunnel.address());
            for event in tunnel.events() {
                eprintln!("{event}");
            }
        }
    }
    let left = end(tunnels, &env);
    let grown = after.memory - before.memory;
    let mut wrong = score.wrong();
    if !settled {
        let more = after.descriptors.saturating_sub(before.descriptors);
        wrong.push(format!("{more} descriptors were not given back"));
    }
    if grown > MEMORY_SLACK {
        wrong.push(format!("memory grew by {grown:.1} MiB"));
    }
    if left > 0 {
        wrong.push(format!("{left} sessions were left at the service"));
    }
    if score.completed() == 0 {
        wrong.push("no client was served".to_owned());
    }
    for sentence in &wrong {
        println!("WRONG: {sentence}");
    }
    match wrong.is_empty() {
        true => {
            println!("nothing was lost, nothing leaked");
            ExitCode::SUCCESS
        }
        false => ExitCode::FAILURE,
    }
}

fn start(env: &TestEnv, kind: Kind, sessions: &str) -> Tunnel {
    let tunnel = env.forward(&[
        "--target",
        BASTION,
        "--host",
        kind.host(),
        "--port",
        "1",
        "--sessions",
        sessions,
    ]);
    let further = sessions.parse::<usize>().map_or(0, |count| count - 1);
    tunnel.wait_for_count("session_opened", further);
    tunnel
}

fn report(
    tunnels: &[Tunnel],
    told: &faults::Told,
    score: &Score,
    before: &Footprint,
    after: &Footprint,
) {
    let count = |name: &str| -> usize {
        tunnels.iter().map(|tunnel| tunnel.events_named(name).len()).sum()
    };
    println!("faults: {told}");
    println!(
        "forwards: {} resumed, {} replaced, {} sessions ended after their last client",
        count("resumed"),
        count("replaced"),
        count("session_closed")
    );
    println!("clients: {score}");
    println!(
        "program: {} → {} descriptors, {:.1} → {:.1} MiB, {:.1} s of CPU",
        before.descriptors,
        after.descriptors,
        before.memory,
        after.memory,
        after.cpu - before.cpu
    );
}

/// Ends the forwards; returns the sessions that are left at the service.
fn end(tunnels: [Tunnel; 3], env: &TestEnv) -> usize {
    for tunnel in tunnels {
        let finished = tunnel.stop();
        assert_eq!(finished.code, Some(0), "{}", finished.stderr);
    }
    env.emulator.wait_until(SETTLE, |emulator| emulator.open_sessions() == 0);
    env.emulator.open_sessions()
}
