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

/// What is typed into the picker, a key at a time. Each of them makes the list shorter.
const TYPED: &str = "9876";

/// Longer than any search takes.
const SETTLED: Duration = Duration::from_secs(1);

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
    let counts = counts(env);
    let (mut painted, mut echoed, mut listed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..OPENED {
        let (mut terminal, took) = open(env);
        painted.push(took);
        for (end, count) in (1..).zip(&counts) {
            let pressed = Instant::now();
            terminal.send(&TYPED[end - 1..end]).wait_for(&format!("> {}", &TYPED[..end]));
            echoed.push(pressed.elapsed());
            terminal.wait_for(count);
            listed.push(pressed.elapsed());
        }
        terminal.send(keys::ESCAPE);
        terminal.wait_until_closed();
    }
    for (what, times) in [
        ("start to the first picture", painted),
        ("a key to its letter on the screen", echoed),
        ("a key to the list that fits", listed),
    ] {
        table.row(&format!("{name}, {what}"), || figures(times));
    }
}

/// Opens the picker, and says how long that took to the first picture with all of the list.
fn open(env: &TestEnv) -> (Terminal, Duration) {
    let started = Instant::now();
    let mut terminal = Terminal::start(&env.ssmpf(&["pick"]));
    terminal.wait_until("the list", |screen| {
        screen.contains("10000/10000") && screen.contains("> team-")
    });
    (terminal, started.elapsed())
}

/// How many rows fit after each key, as the picker says it.
fn counts(env: &TestEnv) -> Vec<String> {
    let (mut terminal, _) = open(env);
    let mut counts = Vec::new();
    for end in 1..=TYPED.len() {
        terminal.send(&TYPED[end - 1..end]);
        // Nothing says that the search is over but that nothing changes any more.
        std::thread::sleep(SETTLED);
        let screen = terminal.screen();
        let count = screen.split_whitespace().find(|word| word.ends_with("/10000"));
        let count = format!("  {} ", count.expect("the picker counts"));
        assert!(!counts.contains(&count), "no key may leave the list as it was: {counts:?}");
        counts.push(count);
    }
    terminal.send(keys::ESCAPE);
    terminal.wait_until_closed();
    counts
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
