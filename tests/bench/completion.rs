//! What a person waits for in the shell: TAB as a whole process, beside a program that only says
//! hello; the picker's first picture and its answer to a key, on a terminal of its own.

use std::time::{Duration, Instant};

use ssmpf_tests::{Terminal, TestEnv, keys, program};

use crate::catalogue::{ROUNDS, measured, store};
use crate::table::{Figures, Table};

/// How many connections the stores hold.
const SIZES: [usize; 3] = [1, 1_000, 10_000];

/// How often the picker is opened.
const OPENED: usize = 15;

/// What is typed into the picker, a key at a time.
const TYPED: &str = "service-9999";

/// Adds the rows.
pub fn rows(table: &mut Table<'_>, share: u64) {
    let rounds = ROUNDS / usize::try_from(share).unwrap_or(1).min(4);
    for size in SIZES {
        let name = format!("completion: {size} connections");
        if table.wants(&name) {
            tab(table, &name, &store(size), rounds);
        }
    }
    let name = "completion: the picker with 10000 connections";
    if table.wants(name) {
        picker(table, name, &store(10_000));
    }
}

fn tab(table: &mut Table<'_>, name: &str, env: &TestEnv, rounds: usize) {
    let asked = |shell: &str, words: &[&str]| {
        let mut command = env.ssmpf(&[&["--", "ssmpf"], words].concat());
        command.env("SSMPF_COMPLETE", shell);
        (format!("TAB behind `{}` in {shell}", words.join(" ").trim()), command)
    };
    let commands = [
        ("hello".to_owned(), env.command(program("ssmpf-hello"))),
        asked("bash", &["show", ""]),
        asked("zsh", &["show", ""]),
        asked("fish", &["show", ""]),
        asked("fish", &["show", "team-7-service-4"]),
        asked("bash", &["up", "@"]),
        asked("bash", &["ls", "--ki"]),
    ];
    for (what, figures) in measured(commands, rounds, env) {
        table.row(&format!("{name}, {what}"), || figures);
    }
}

fn picker(table: &mut Table<'_>, name: &str, env: &TestEnv) {
    let (mut painted, mut answered, mut found) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..OPENED {
        let started = Instant::now();
        let mut terminal = Terminal::start(&env.ssmpf(&["pick"]));
        terminal.wait_until("the list", |screen| {
            screen.contains("10000/10000") && screen.contains("team-0-service-")
        });
        painted.push(started.elapsed());
        for end in 1..=TYPED.len() {
            let pressed = Instant::now();
            terminal.send(&TYPED[end - 1..end]).wait_for(&format!("> {}", &TYPED[..end]));
            answered.push(pressed.elapsed());
            if end == TYPED.len() {
                terminal.wait_for("team-39-service-9999");
                found.push(pressed.elapsed());
            }
        }
        terminal.send(keys::ESCAPE);
        terminal.wait_until_closed();
    }
    for (what, times) in [
        ("start to the first picture", painted),
        ("a key to the picture with it", answered),
        ("the last key to the row that was meant", found),
    ] {
        table.row(&format!("{name}, {what}"), || figures(times));
    }
}

fn figures(mut times: Vec<Duration>) -> Figures {
    times.sort();
    let at = |share: f64| {
        let place = (times.len() as f64 * share) as usize;
        times[place.min(times.len() - 1)].as_secs_f64() * 1e3
    };
    let value = format!("{:.1} ms median, {:.1} least, {:.1} at 90 %", at(0.5), at(0.0), at(0.9));
    Figures::plain(value)
}
