//! The catalogue's commands as whole processes, beside a program that only says hello.
//!
//! All of them take turns in the same run, because machines drift: what counts is the ratio.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use ssmpf_tests::{TestEnv, process, program};

use crate::table::{Figures, Table};

/// How often each command is run for its median.
pub const ROUNDS: usize = 40;

/// How many connections the stores hold.
const SIZES: [usize; 3] = [1, 100, 10_000];

/// The first argument of this program when it is to measure the peak memory of the rest.
pub const PEAK_OF: &str = "--peak-of";

/// Adds the rows of the catalogue.
pub fn rows(table: &mut Table<'_>, share: u64) {
    let rounds = ROUNDS / usize::try_from(share).unwrap_or(1).min(4);
    for size in SIZES {
        let name = format!("catalogue: {size} connections");
        if !table.wants(&name) {
            continue;
        }
        let env = store(size);
        let last = format!("team-{}-service-{}", (size - 1) % 40, size - 1);
        let commands = [
            ("hello".to_owned(), env.command(program("ssmpf-hello"))),
            ("ls --json".to_owned(), env.ssmpf(&["ls", "--json"])),
            ("ls".to_owned(), env.ssmpf(&["ls"])),
            ("show NAME --json".to_owned(), env.ssmpf(&["show", &last, "--json"])),
            ("show NAME --as env".to_owned(), env.ssmpf(&["show", &last, "--as", "env"])),
        ];
        let figures = measured(commands, rounds, &env);
        for (what, figures) in figures {
            table.row(&format!("{name}, {what}"), || figures);
        }
    }
}

/// Runs the commands in turns, the first of them being the one that the others are compared with.
pub fn measured<const N: usize>(
    mut commands: [(String, Command); N],
    rounds: usize,
    env: &TestEnv,
) -> Vec<(String, Figures)> {
    let mut times = vec![Vec::with_capacity(rounds); N];
    for _ in 0..rounds {
        for ((_, command), times) in commands.iter_mut().zip(&mut times) {
            times.push(run(command));
        }
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e3
    };
    let (first, name) = (median(&mut times[0]), commands[0].0.clone());
    let figures = commands.iter().zip(&mut times).map(|((what, command), times)| {
        let (it, least) = (median(times), times[0].as_secs_f64() * 1e3);
        let ratio = it / first;
        let value = format!("{it:.2} ms median, {least:.2} least, {ratio:.2} × {name}");
        (what.clone(), Figures { value, cpu: None, memory: Some(peak(command, env)) })
    });
    figures.collect()
}

fn run(command: &mut Command) -> Duration {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.status().expect("the program starts");
    assert!(status.success(), "{command:?}: {status}");
    started.elapsed()
}

/// Peak memory in MiB: a small process of its own runs the command, so that no other counts.
fn peak(command: &Command, env: &TestEnv) -> f64 {
    let this = std::env::current_exe().expect("the running program has a path");
    let mut small = env.command(this);
    small.arg(PEAK_OF).arg(command.get_program()).args(command.get_args());
    small.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    process::run(small).stdout.trim().parse().expect("a number")
}

/// Runs a command and prints the peak memory of its process in MiB.
pub fn print_peak(arguments: &[std::ffi::OsString]) {
    let (program, arguments) = arguments.split_first().expect("a program");
    run(Command::new(program).args(arguments));
    let usage = nix::sys::resource::getrusage(nix::sys::resource::UsageWho::RUSAGE_CHILDREN);
    println!("{}", usage.expect("the kernel counts").max_rss() as f64 / 1024.0);
}

/// An environment whose store holds so many connections, as people have them.
pub fn store(size: usize) -> TestEnv {
    let mut env = TestEnv::new();
    let key = env.home().join("identity");
    // A key that exists for such stores only.
    let identity = "AGE-SECRET-KEY-10E9D6CV72C77KEQ7X00XPHSD8E7K2L56VLK7W3Q7KANDSXFQTNNSVFTJAA";
    std::fs::write(&key, identity).expect("written");
    env.set("SSMPF_IDENTITY_FILE", key.to_str().expect("text")).set("SSMPF_KEYRING", "off");
    let connections: serde_json::Map<_, _> = (0..size).map(connection).collect();
    let export = env.home().join("export.json");
    let text = json!({"version": 1, "connections": connections}).to_string();
    std::fs::write(&export, text).expect("written");
    let imported = env.run(&["import", "json", export.to_str().expect("text")]);
    assert_eq!(imported.code, Some(0), "{imported:#?}");
    env
}

fn connection(number: usize) -> (String, serde_json::Value) {
    let team = format!("team-{}", number % 40);
    // Each at a time of its own, so that none is like the one before.
    let time = |day: usize| {
        let (hour, minute, second) = (number % 24, number % 60, number * 7 % 60);
        format!("2026-11-{day:02}T{hour:02}:{minute:02}:{second:02}.{:09}Z", number * 12_347)
    };
    let connection = json!({
        "description": format!("database of service {number}"),
        "tags": [team],
        "profile": "prod-admin",
        "region": "eu-west-1",
        "target": "tag:Role=bastion",
        "host": format!("db{number}.abcdefghijkl.eu-west-1.rds.amazonaws.com"),
        "port": 5432,
        "kind": "postgres",
        "local_port": 20_000 + number % 10_000,
        "max_age": 28_800,
        "created": time(1),
        "updated": time(2),
        "last_used": time(3),
    });
    (format!("{team}-service-{number}"), connection)
}
