//! The picker on a terminal of its own, and what `ssmpf` alone does.

use std::process::{Command, Stdio};

use ssmpf_tests::{Shell, Terminal, TestEnv, keys, process};

use crate::background::{Cleanup, save};
use crate::catalogue::{add, env, ok};
use crate::completion::some_connections;

/// Marks a row and goes to the next.
const MARK: &str = keys::TAB;

/// `ssmpf pick` with its stdout in a pipe, as in `$(…)`; what it printed is shown between brackets.
fn picking(env: &TestEnv, arguments: &str) -> Terminal {
    let script = format!("picked=$(ssmpf {arguments}); echo \"code $? [$picked]\"");
    let mut command = env.command("sh");
    let path = Shell::Bash.command(env, "", "");
    let path = path.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
    command.env("PATH", path).args(["-c", &script]);
    Terminal::start(&command)
}

/// Waits until the list is on the screen.
#[track_caller]
fn wait_for_list(terminal: &mut Terminal, row: &str) {
    terminal.wait_for(row).wait_until("a prompt", |screen| screen.contains("> "));
}

#[test]
fn what_is_picked_goes_to_stdout_and_the_screen_is_given_back() {
    let env = some_connections();
    let mut terminal = picking(&env, "pick");
    wait_for_list(&mut terminal, "orders-db");
    terminal.wait_for("destination");
    terminal.send("orders").wait_until("one row", |screen| !screen.contains("staging"));
    terminal.send(keys::ENTER).wait_for("code 0 [orders-db]");
    assert!(!terminal.screen().contains("staging"), "{}", terminal.screen());
}

#[test]
fn several_are_marked_and_come_in_the_order_of_the_list() {
    let env = some_connections();
    let mut terminal = picking(&env, "pick --multi --query web");
    wait_for_list(&mut terminal, "web-2");
    terminal.send(MARK).send(MARK).send(keys::ENTER);
    terminal.wait_for("code 0 [web\nweb-2]");
    let mut terminal = picking(&env, "pick --multi --print0 --query web | tr '\\0' ,");
    wait_for_list(&mut terminal, "web-2");
    terminal.send(MARK).send(MARK).send(keys::ENTER).wait_for("code 0 [web,web-2,]");
    let mut terminal = picking(&env, "pick --json --query orders");
    wait_for_list(&mut terminal, "orders-db");
    terminal.send(keys::ENTER).wait_for("\"orders-db\"").wait_for("\"action\": null");
}

#[test]
fn without_multi_only_one_is_picked() {
    let env = some_connections();
    let mut terminal = picking(&env, "pick --query web-");
    wait_for_list(&mut terminal, "web-2");
    terminal.send(MARK).send(MARK).send(keys::ENTER).wait_for("code 0 [web-2]");
}

#[test]
fn leaving_exits_with_130_and_prints_nothing() {
    let env = some_connections();
    for key in [keys::ESCAPE, keys::CTRL_C] {
        let mut terminal = picking(&env, "pick");
        wait_for_list(&mut terminal, "orders-db");
        terminal.send(key).wait_for("code 130 []");
        assert_eq!(terminal.screen().trim(), "code 130 []");
    }
    let mut terminal = picking(&env, "pick --query nosuchname");
    terminal.wait_for("0/3").send(keys::ENTER).wait_for("code 130 []");
}

#[test]
fn the_last_used_stands_first() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "a", 5432, &["--kind", "postgres"]);
    save(&env, "b", 5432, &["--kind", "postgres"]);
    ok(&env, &["up", "b"]);
    ok(&env, &["down", "b"]);
    let mut terminal = picking(&env, "pick");
    wait_for_list(&mut terminal, "postgres");
    terminal.send(keys::ENTER).wait_for("code 0 [b]");
}

#[test]
fn keys_choose_what_to_do() {
    let env = some_connections();
    for (key, action) in
        [(keys::ENTER, "connect"), ("\x1bu", "up"), ("\x1be", "edit"), ("\x1bd", "rm")]
    {
        let mut terminal = picking(&env, "pick --with-action --query orders");
        wait_for_list(&mut terminal, "Alt-U up");
        wait_for_list(&mut terminal, "orders-db");
        terminal.send(key).wait_for(&format!("code 0 [{action}\norders-db]"));
    }
    let mut terminal = picking(&env, "pick --with-action --query orders");
    wait_for_list(&mut terminal, "orders-db");
    terminal.send("\x1bc").wait_for("copied localhost:").wait_for("code 0 []");
    assert!(terminal.transcript().contains("\x1b]52;c;bG9jYWxob3N0O"), "to the clipboard");
    // A new one needs nothing to be picked.
    let mut terminal = picking(&env, "pick --with-action --query nosuchname");
    terminal.wait_for("0/3").send("\x1bn").wait_for("code 0 [add]");
}

#[test]
fn an_enter_that_is_quicker_than_the_search_picks_nothing_else() {
    let env = some_connections();
    for _ in 0..5 {
        let mut terminal = picking(&env, "pick");
        wait_for_list(&mut terminal, "orders-db");
        // In one go, as pasted. Either it was found in time, or the list is there again.
        terminal.send("staging\r");
        terminal.wait_until("an answer", |it| it.contains("1/3") || it.contains("code"));
        if !terminal.screen().contains("code") {
            terminal.send(keys::ENTER);
        }
        terminal.wait_for("code 0 [web-2]");
    }
}

#[test]
fn forwards_and_profiles_are_picked_too() {
    let env = some_connections();
    let _cleanup = Cleanup(&env);
    let mut terminal = picking(&env, "pick profiles --query space");
    wait_for_list(&mut terminal, "with space");
    terminal.send(keys::ENTER).wait_for("code 0 [with space]");
    let mut terminal = picking(&env, "pick forwards");
    terminal.wait_for("there is nothing to pick from").wait_for("code 3 []");
    ok(&env, &["up", "web"]);
    let mut terminal = picking(&env, "pick forwards");
    wait_for_list(&mut terminal, "web");
    terminal.send(keys::ENTER).wait_for("code 0 [web]");
    assert_eq!(ok(&env, &["prompt"]).stdout, "⇄ web\n");
    ok(&env, &["down", "web"]);
    assert_eq!(ok(&env, &["prompt"]).stdout, "");
}

#[test]
fn without_a_terminal_there_is_one_sentence() {
    let env = some_connections();
    let mut command = Command::new("setsid");
    let ssmpf = env.ssmpf(&["pick"]);
    command.arg("--wait").arg(ssmpf.get_program()).args(ssmpf.get_args()).env_clear();
    command.envs(ssmpf.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("TERM", "xterm").stdin(Stdio::null());
    let finished = process::run(command);
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    assert!(finished.stderr.contains("picking needs a terminal"), "{finished:#?}");
    assert_eq!(finished.stdout, "");
    let mut terminal = picking(&env, "pick 2>/dev/null");
    terminal.wait_for("code 2 []");
    let mut terminal = picking(&env, "pick | TERM=dumb cat; TERM=dumb ssmpf pick");
    wait_for_list(&mut terminal, "orders-db");
    terminal.send(keys::ESCAPE).wait_for("picking needs a terminal that can move its cursor");
}

#[test]
fn narrow_terminals_show_the_list_alone() {
    let env = some_connections();
    let mut terminal = Terminal::with_size(&env.ssmpf(&["pick"]), 40, 12);
    wait_for_list(&mut terminal, "orders-db");
    assert!(!terminal.screen().contains("destination"), "{}", terminal.screen());
    terminal.send(keys::ESCAPE);
    assert_eq!(terminal.wait_for_end(), 130);
}

#[test]
fn ssmpf_alone_on_a_terminal_connects_what_is_picked() {
    let env = some_connections();
    let mut terminal = Terminal::start(&env.ssmpf(&[""; 0]));
    wait_for_list(&mut terminal, "orders-db");
    terminal.send("orders-db").wait_for("1/3").send(keys::ENTER);
    terminal.wait_for("orders-db  127.0.0.1:").wait_for("ready in").send(keys::CTRL_C);
    assert_eq!(terminal.wait_for_end(), 0);
    let mut terminal = Terminal::start(&env.ssmpf(&[""; 0]));
    wait_for_list(&mut terminal, "orders-db");
    terminal.send(keys::ESCAPE);
    assert_eq!(terminal.wait_for_end(), 130);
}

#[test]
fn ssmpf_alone_elsewhere_or_without_connections_is_help() {
    let env = env();
    let mut terminal = Terminal::start(&env.ssmpf(&[""; 0]));
    assert_eq!(terminal.wait_for_end(), 0);
    assert!(terminal.transcript().contains("Usage:"), "{}", terminal.screen());
    add(&env, "a", &[]);
    let finished = env.run(&[""; 0]);
    assert_eq!(finished.code, Some(0));
    assert!(finished.stdout.contains("Usage:"), "{finished:#?}");
}
