//! The picker on a terminal of its own, and what `ssmpf` alone does.

use std::process::{Command, Stdio};

use ssmpf_tests::{BASTION, Shell, Terminal, TestEnv, keys, process};

use crate::background::{Cleanup, save};
use crate::catalogue::{add, env, import_many, ok, store_of};
use crate::completion::some_connections;

/// Marks a row and goes to the next.
const MARK: &str = keys::TAB;

/// `ssmpf pick` with its stdout in a pipe, as in `$(…)`; what it printed is shown between brackets.
fn picking(env: &TestEnv, arguments: &str) -> Terminal {
    let script = format!("picked=$(ssmpf {arguments}); echo \"code $? [$picked]\"");
    let mut command = env.command("sh");
    let path = Shell::Bash.command(env, "", "");
    let path = path.get_envs().find(|(name, _)| *name == "PATH").unwrap().1.unwrap().to_owned();
    command.env("PATH", path).current_dir(env.home()).args(["-c", &script]);
    Terminal::start(&command)
}

/// Waits until the list is on the screen. What was asked for stands at the prompt before there is a
/// row, so one has to be highlighted too.
#[track_caller]
fn wait_for_list(terminal: &mut Terminal, row: &str) {
    terminal.wait_for(row).wait_until("a prompt and a highlighted row", |screen| {
        screen.lines().filter(|line| line.starts_with('>')).count() >= 2
    });
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
    // In one go, as pasted, and before there is a list at all.
    for (arguments, shown, typed) in
        [("pick", "orders-db", "staging\r"), ("pick --query staging", "> staging", "\r")].repeat(5)
    {
        let mut terminal = picking(&env, arguments);
        terminal.wait_for("> ").wait_for(shown);
        // Either it was found in time, or the list is there again.
        terminal.send(typed);
        terminal.wait_until("an answer", |it| it.contains("1/3") || it.contains("code"));
        if !terminal.screen().contains("code") {
            terminal.send(keys::ENTER);
        }
        terminal.wait_for("code 0 [web-2]");
    }
    let mut terminal = picking(&env, "pick --query nothing-like-it");
    terminal.wait_for("0/3").send(keys::ENTER).wait_for("code 130 []");
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
fn what_was_found_lately_is_picked_without_asking_again() {
    let env = TestEnv::with(|builder| builder.many("node", 2, None)).with_store_key();
    let mut terminal = picking(&env, "pick targets");
    terminal.wait_for("there is nothing to pick from").wait_for("`ssmpf targets` asks AWS");
    terminal.wait_for("code 3 []");
    let mut terminal = picking(&env, "pick endpoints");
    terminal.wait_for("`ssmpf endpoints` asks AWS").wait_for("code 3 []");
    ok(&env, &["targets"]);
    let asked = env.emulator.calls().len();
    let mut terminal = picking(&env, &format!("pick targets --query {BASTION}"));
    wait_for_list(&mut terminal, "1/3");
    terminal.send(keys::ENTER).wait_for(&format!("code 0 [{BASTION}]"));
    let mut terminal = picking(&env, &format!("pick targets --json --query {BASTION}"));
    wait_for_list(&mut terminal, "1/3");
    terminal.send(keys::ENTER).wait_for("code 0 [{").wait_for("\"targets\": [");
    terminal.wait_for("\"status\": \"online\"");
    assert_eq!(env.emulator.calls().len(), asked, "AWS was not asked");
}

#[test]
fn programs_get_all_that_is_known_about_what_was_picked() {
    let env = some_connections();
    let mut terminal = picking(&env, "pick --multi --query web --format jsonl > picked");
    wait_for_list(&mut terminal, "web-2");
    terminal.send(MARK).send(MARK).send(keys::ENTER).wait_for("code 0 []");
    let picked = picked_lines(&env);
    assert_eq!(picked.len(), 2);
    assert_eq!((&picked[0]["name"], &picked[1]["name"]), (&"web".into(), &"web-2".into()));
    assert_eq!((&picked[1]["profile"], &picked[1]["port"]), (&"prod".into(), &5432.into()));
    let mut terminal = picking(&env, "pick --with-action --query orders --format jsonl > picked");
    wait_for_list(&mut terminal, "orders-db");
    terminal.send("\x1bu").wait_for("code 0 []");
    let picked = picked_lines(&env);
    assert_eq!((&picked[0]["action"], picked.len()), (&"up".into(), 1));
    assert_eq!(picked[0]["connections"][0]["host"], "db.internal");
    let mut terminal = picking(&env, "pick profiles --query corp --json > picked");
    terminal.wait_for("0/3").send(keys::ESCAPE).wait_for("code 130 []");
    let mut terminal = picking(&env, "pick profiles --query prod --format jsonl > picked");
    wait_for_list(&mut terminal, "1/3");
    terminal.send(keys::ENTER).wait_for("code 0 []");
    assert_eq!(picked_lines(&env)[0]["name"], "prod");
}

fn picked_lines(env: &TestEnv) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(env.home().join("picked")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

#[test]
fn a_store_that_does_not_open_is_told_about_and_nothing_is_picked() {
    let env = some_connections();
    let sealed = std::fs::read(store_of(&env)).unwrap();
    std::fs::write(store_of(&env), &sealed[..sealed.len() - 1]).unwrap();
    let mut terminal = picking(&env, "pick");
    terminal.wait_for("it is truncated").wait_for("code 10 []");
    let mut terminal = Terminal::start(&env.ssmpf(&[""; 0]));
    assert_eq!(terminal.wait_for_end(), 10);
}

#[test]
fn a_locked_store_asks_for_its_passphrase_before_there_is_a_list() {
    let mut env = TestEnv::new();
    env.set("SSMPF_KEYRING", "off");
    let mut added = env.ssmpf(&["add", "web", "--target", BASTION, "--port", "80"]);
    added.env("SSMPF_PASSPHRASE", "correct horse");
    let added = process::run(added);
    assert_eq!(added.code, Some(0), "{added:#?}");
    let mut terminal = picking(&env, "pick");
    terminal.answer("assphrase", "correct horse");
    wait_for_list(&mut terminal, "web");
    terminal.send(keys::ENTER).wait_for("code 0 [web]");
    let mut terminal = picking(&env, "--no-input pick");
    terminal.wait_for("code 10 []");
}

#[test]
fn what_is_used_often_stands_before_what_is_used_once() {
    let env = env();
    let _cleanup = Cleanup(&env);
    save(&env, "once", 5432, &[]);
    save(&env, "often", 5432, &[]);
    for name in ["often", "often", "often", "once"] {
        ok(&env, &["up", name]);
        ok(&env, &["down", name]);
    }
    assert_eq!(crate::catalogue::json(&env, &["show", "often"])["connection"]["uses"], 3);
    let mut terminal = picking(&env, "pick");
    wait_for_list(&mut terminal, "once");
    terminal.wait_for("uses          3").send(keys::ENTER).wait_for("code 0 [often]");
}

#[test]
fn ten_thousand_rows_are_searched() {
    let env = env();
    import_many(&env, 10_000);
    let mut terminal = picking(&env, "pick");
    wait_for_list(&mut terminal, "10000/10000");
    // Others have these letters too; the one that was meant is the highlighted one.
    terminal.send("c09998").wait_until("its row", |screen| {
        screen.lines().skip(1).any(|line| line.starts_with("> c09998  "))
    });
    terminal.send(keys::ENTER).wait_for("code 0 [c09998]");
}

#[test]
fn wide_letters_stay_in_their_columns_however_narrow_the_terminal() {
    let env = env();
    let description = "数据库".repeat(30);
    save(&env, "a", 5432, &["--description", "größe ✓", "--kind", "redis"]);
    save(&env, "wide", 5432, &["--description", &description, "--kind", "redis"]);
    for columns in [30, 60, 99, 160] {
        let mut terminal = Terminal::with_size(&env.ssmpf(&["pick"]), columns, 12);
        // Beside them is the preview, with a port of its own, as soon as it is there.
        let rows = |screen: &str| -> Vec<String> {
            let is_row = |line: &&str| {
                let name = line.trim_start_matches(['>', ' ']).split(' ').next();
                line.starts_with(['>', ' ']) && matches!(name, Some("a" | "wide"))
            };
            screen.lines().filter(is_row).map(str::to_owned).collect()
        };
        terminal.wait_until("both rows", |screen| {
            let rows = rows(screen);
            rows.len() == 2 && (columns < 60 || rows.iter().all(|row| row.contains("port 5432")))
        });
        let screen = terminal.screen();
        let rows = rows(&screen);
        // The columns in front of the letters are alike, whatever comes behind.
        let at: Vec<_> = rows.iter().filter_map(|row| row.find("port 5432")).collect();
        assert!(at.windows(2).all(|pair| pair[0] == pair[1]), "{screen}");
        terminal.send("wide").wait_for("1/2").send(keys::ENTER);
        assert_eq!(terminal.wait_for_end(), 0);
    }
}

#[test]
fn no_color_means_none() {
    let env = some_connections();
    let colors = |command: &Command| {
        let mut terminal = Terminal::start(command);
        wait_for_list(&mut terminal, "orders-db");
        terminal.send("orders-db").wait_for("1/3").send(keys::ESCAPE);
        assert_eq!(terminal.wait_for_end(), 130);
        let written = terminal.transcript();
        let numbers = written.split("\u{1b}[").skip(1).filter_map(|part| {
            let (numbers, _) = part.split_once('m')?;
            numbers.chars().all(|c| c.is_ascii_digit() || c == ';').then_some(numbers)
        });
        let is_color = |number: &&str| {
            number.parse::<u8>().is_ok_and(|it| matches!(it, 30..=38 | 40..=48 | 90..=107))
        };
        numbers.filter(|it| it.split(';').any(|number| is_color(&number))).count()
    };
    let without = env.ssmpf(&["pick"]);
    let mut with = env.ssmpf(&["pick"]);
    with.env_remove("NO_COLOR");
    assert_eq!(colors(&without), 0);
    assert!(colors(&with) > 0);
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
    let mut dumb = env.command("sh");
    dumb.args(["-c", "TERM=dumb exec \"$0\""]).arg(ssmpf_tests::program("ssmpf"));
    let mut terminal = Terminal::start(&dumb);
    assert_eq!(terminal.wait_for_end(), 0);
    assert!(terminal.transcript().contains("Usage:"), "{}", terminal.screen());
}
