//! What a person at a terminal is asked, and that leaving in the middle loses nothing.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use ssmpf_tests::{BASTION, Terminal, TestEnv, keys};

use crate::catalogue::{add, env, json, ok, store_of};

/// `ssmpf` on a terminal.
fn at_terminal(env: &TestEnv, arguments: &[&str]) -> Terminal {
    Terminal::start(&env.ssmpf(arguments))
}

/// `ssmpf` in a shell on a terminal that shows its settings afterwards.
fn with_settings_after(env: &TestEnv, arguments: &[&str]) -> Terminal {
    let mut shell = env.command("sh");
    // The shell itself lives on when Ctrl-C ends what runs in it.
    shell.args(["-c", "trap : INT; \"$@\"; echo \"code $?\"; stty -a; echo \"the\" end", "sh"]);
    shell.arg(ssmpf_tests::program("ssmpf")).args(arguments);
    Terminal::start(&shell)
}

#[track_caller]
fn ends_with_a_sane_terminal(mut terminal: Terminal, code: u32) {
    terminal.wait_for("the end");
    let screen = terminal.screen();
    assert!(screen.contains(&format!("code {code}\n")), "{screen}");
    for setting in [" echo ", " icanon ", "isig "] {
        assert!(screen.contains(setting), "{setting} is off: {screen}");
    }
}

/// An environment without key file and keyring: there is only the person.
fn with_a_person() -> TestEnv {
    let mut env = TestEnv::new();
    env.set("SSMPF_KEYRING", "off");
    env
}

/// The same with a store that a passphrase opens.
fn with_a_passphrase(passphrase: &str) -> TestEnv {
    let mut env = with_a_person();
    let mut adding = env.ssmpf(&["add", "db", "--target", BASTION, "--port", "5432"]);
    adding.env("SSMPF_PASSPHRASE", passphrase);
    assert_eq!(ssmpf_tests::process::run(adding).code, Some(0));
    env.set("SSMPF_KEYRING", "off");
    env
}

#[test]
fn three_wrong_passphrases_exit_with_10_and_leave_the_store_byte_for_byte() {
    let env = with_a_passphrase("correct horse");
    let identity = store_of(&env).with_file_name("identity.age");
    let before = (std::fs::read(store_of(&env)).unwrap(), std::fs::read(&identity).unwrap());
    for arguments in [&["ls"][..], &["add", "x", "--target", BASTION, "--port", "1"]] {
        let mut terminal = at_terminal(&env, arguments);
        terminal.answer("Passphrase of the store:", "wrong 1");
        terminal.answer("(2 of 3):", "wrong 2");
        terminal.answer("(3 of 3):", "wrong 3");
        assert_eq!(terminal.wait_for_end(), 10, "{}", terminal.screen());
        assert!(!terminal.transcript().contains("wrong 1"), "what is typed is not shown");
    }
    let after = (std::fs::read(store_of(&env)).unwrap(), std::fs::read(&identity).unwrap());
    assert_eq!(after, before);
}

#[test]
fn the_right_passphrase_at_the_third_attempt_opens() {
    let env = with_a_passphrase("größer als 8");
    let mut terminal = at_terminal(&env, &["ls", "--format", "plain"]);
    terminal.answer("Passphrase of the store:", "wrong");
    terminal.answer("(2 of 3):", "");
    // Letters beyond ASCII, one too many, and a line taken back.
    terminal.wait_for("(3 of 3):").send("nonsense").send(keys::CTRL_U);
    terminal.send("größer als 8ü").send(keys::BACKSPACE).send(keys::ENTER);
    assert_eq!(terminal.wait_for_end(), 0, "{}", terminal.screen());
    assert!(terminal.screen().contains("\ndb"), "{}", terminal.screen());
}

#[test]
fn the_first_passphrase_is_asked_for_until_it_comes_twice_the_same() {
    let env = with_a_person();
    let mut terminal = at_terminal(&env, &["add", "db", "--target", BASTION, "--port", "5432"]);
    terminal.answer("New passphrase for the store:", "");
    terminal.wait_until("the question again", |screen| screen.matches("New pass").count() == 2);
    terminal.type_line("one").answer("The same again:", "other");
    terminal.wait_until("the question again", |screen| screen.matches("New pass").count() == 3);
    terminal.type_line("one");
    terminal.wait_until("the repetition", |screen| screen.matches("same again:").count() == 2);
    terminal.type_line("one");
    assert_eq!(terminal.wait_for_end(), 0, "{}", terminal.screen());
    let mut listing = env.ssmpf(&["ls", "--format", "plain"]);
    listing.env("SSMPF_PASSPHRASE", "one");
    assert_eq!(ssmpf_tests::process::run(listing).stdout, "db\n");
}

#[test]
fn a_passphrase_is_changed_by_typing_the_new_one_twice() {
    let env = with_a_passphrase("old one");
    let mut terminal = at_terminal(&env, &["passwd"]);
    terminal.answer("Passphrase of the store:", "old one");
    terminal.answer("New passphrase for the store:", "new one");
    terminal.answer("The same again:", "new one");
    assert_eq!(terminal.wait_for_end(), 0, "{}", terminal.screen());
    let mut listing = env.ssmpf(&["ls", "--format", "plain"]);
    listing.env("SSMPF_PASSPHRASE", "new one");
    assert_eq!(ssmpf_tests::process::run(listing).stdout, "db\n");
}

#[test]
fn leaving_at_a_hidden_prompt_leaves_the_terminal_as_it_was() {
    let env = with_a_passphrase("correct horse");
    let before = std::fs::read(store_of(&env)).unwrap();
    for key in [keys::CTRL_C, keys::CTRL_D] {
        let mut terminal = with_settings_after(&env, &["rm", "db"]);
        terminal.wait_for("Passphrase of the store:").send("corr").send(key);
        ends_with_a_sane_terminal(terminal, 10);
    }
    assert_eq!(std::fs::read(store_of(&env)).unwrap(), before);
}

#[test]
fn leaving_at_a_question_adds_nothing() {
    let env = env();
    for (key, code) in [(keys::CTRL_C, 130), (keys::CTRL_D, 1)] {
        let mut terminal = with_settings_after(&env, &["add"]);
        terminal.answer("Name:", "db").wait_for("AWS profile").send(key);
        ends_with_a_sane_terminal(terminal, code);
    }
    assert!(!store_of(&env).exists());
    // Escape is a letter like another, and not one that names consist of.
    let mut terminal = at_terminal(&env, &["add"]);
    terminal.wait_for("Name:").send(keys::ESCAPE).send(keys::ENTER);
    terminal.wait_for("`\\u{1b}` cannot name a connection").send(keys::CTRL_D);
    assert_eq!(terminal.wait_for_end(), 1);
}

#[test]
fn add_asks_for_everything_that_no_flag_says() {
    let env = env();
    let mut terminal = at_terminal(&env, &["add"]);
    terminal.answer("Name:", "my db").wait_for("cannot name a connection").type_line("db");
    terminal.answer("AWS profile", "prod").answer("Region", "eu-west-1");
    terminal.answer("Target", "tag:Role=bastion").answer("Host", "db.internal");
    terminal.answer("Port to connect to:", "5432").answer("Local port [auto]:", "");
    assert_eq!(terminal.wait_for_end(), 0, "{}", terminal.screen());
    let shown = json(&env, &["show", "db"]);
    let connection = &shown["connection"];
    for (field, value) in [
        ("profile", "prod"),
        ("region", "eu-west-1"),
        ("target", "tag:Role=bastion"),
        ("host", "db.internal"),
        ("kind", "postgres"),
    ] {
        assert_eq!(connection[field], value, "{field}");
    }
}

#[test]
fn every_question_of_add_has_a_flag_that_answers_it() {
    let questions = [
        ("AWS profile", &["--profile", "prod"][..]),
        ("Region", &["--region", "eu-west-1"]),
        ("Target", &["--target", BASTION]),
        ("Host", &["--host", "db.internal"]),
        ("Local port", &["--local-port", "auto"]),
        ("Name", &["db"]),
    ];
    let env = env();
    // The port is left to ask, so that the others could be asked too.
    let mut arguments = vec!["add"];
    arguments.extend(questions.iter().flat_map(|(_, flags)| flags.iter()));
    let mut terminal = at_terminal(&env, &arguments);
    terminal.answer("Port to connect to:", "5432");
    assert_eq!(terminal.wait_for_end(), 0, "{}", terminal.screen());
    for (question, _) in questions {
        assert!(!terminal.screen().contains(&format!("{question}:")), "{}", terminal.screen());
    }
    assert_eq!(terminal.screen().matches(": ").count(), 2, "{}", terminal.screen());
}

#[test]
fn without_input_nothing_is_asked_even_on_a_terminal() {
    let env = env();
    let mut terminal = at_terminal(&env, &["add", "db", "--no-input"]);
    assert_eq!(terminal.wait_for_end(), 2, "{}", terminal.screen());
    let env = with_a_passphrase("pass");
    let mut terminal = at_terminal(&env, &["ls", "--no-input"]);
    assert_eq!(terminal.wait_for_end(), 10, "{}", terminal.screen());
}

#[test]
fn rm_asks_and_takes_only_yes_for_an_answer() {
    let env = env();
    add(&env, "db", &[]);
    for answer in ["", "n", "yeah", keys::ESCAPE] {
        let mut terminal = at_terminal(&env, &["rm", "db"]);
        terminal.answer("Remove `db`? [y/N]", answer);
        assert_eq!(terminal.wait_for_end(), 1, "{}", terminal.screen());
    }
    ok(&env, &["show", "db"]);
    let mut terminal = at_terminal(&env, &["rm", "db"]);
    terminal.answer("Remove `db`? [y/N]", "y");
    assert_eq!(terminal.wait_for_end(), 0, "{}", terminal.screen());
    env.run(&["show", "db"]).fails_with(3, &["no connection"]);
}

/// An editor that does to the text what this script says; `$1` is the file.
fn editor(env: &mut TestEnv, script: &str) {
    let file = env.home().join("editor");
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    env.set("EDITOR", file.to_str().unwrap());
}

fn drafts(env: &TestEnv) -> Vec<PathBuf> {
    let folder = store_of(env).parent().unwrap().to_owned();
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    all.filter(|path| path.to_str().unwrap().contains("edit-")).collect()
}

#[test]
fn the_editor_changes_a_connection() {
    let mut env = env();
    add(&env, "db", &["--tag", "prod"]);
    editor(&mut env, "sed -i 's/^port = 5432/port = 6379/' \"$1\"");
    let mut terminal = at_terminal(&env, &["edit", "db"]);
    assert_eq!(terminal.wait_for_end(), 0, "{}", terminal.screen());
    assert!(terminal.screen().contains("changed db"), "{}", terminal.screen());
    let shown = json(&env, &["show", "db"]);
    assert_eq!(shown["connection"]["port"], 6379);
    assert!(drafts(&env).is_empty());
}

#[test]
fn a_text_that_is_no_connection_changes_nothing_and_is_kept() {
    let mut env = env();
    add(&env, "db", &[]);
    let before = std::fs::read(store_of(&env)).unwrap();
    editor(&mut env, "sed -i 's/^port = 5432/port = 70000/' \"$1\"");
    let mut terminal = at_terminal(&env, &["edit", "db"]);
    assert_eq!(terminal.wait_for_end(), 2, "{}", terminal.screen());
    let screen = terminal.screen();
    assert!(screen.contains("70000") && screen.contains("your text is in"), "{screen}");
    assert_eq!(std::fs::read(store_of(&env)).unwrap(), before);
    let kept = drafts(&env);
    assert!(std::fs::read_to_string(&kept[0]).unwrap().contains("port = 70000"));
    let mode = std::fs::metadata(&kept[0]).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn an_editor_that_changes_nothing_or_fails_changes_nothing() {
    let mut env = env();
    add(&env, "db", &[]);
    let before = std::fs::read(store_of(&env)).unwrap();
    for (script, code, words) in
        [("true", 0, "nothing was changed"), ("exit 3", 1, "editor failed")]
    {
        editor(&mut env, script);
        let mut terminal = at_terminal(&env, &["edit", "db"]);
        assert_eq!(terminal.wait_for_end(), code, "{}", terminal.screen());
        assert!(terminal.screen().contains(words), "{}", terminal.screen());
        assert_eq!(std::fs::read(store_of(&env)).unwrap(), before);
        assert!(drafts(&env).is_empty());
    }
}

#[test]
fn what_was_written_before_the_editor_failed_is_kept() {
    let mut env = env();
    add(&env, "db", &[]);
    editor(&mut env, "sed -i 's/^port = 5432/port = 6379/' \"$1\"; exit 3");
    let mut terminal = at_terminal(&env, &["edit", "db"]);
    assert_eq!(terminal.wait_for_end(), 1, "{}", terminal.screen());
    assert!(terminal.screen().contains("your text is in"), "{}", terminal.screen());
    assert!(std::fs::read_to_string(&drafts(&env)[0]).unwrap().contains("port = 6379"));
    assert_eq!(json(&env, &["show", "db"])["connection"]["port"], 5432);
}

#[test]
fn the_table_fits_the_terminal() {
    let env = env();
    add(
        &env,
        "db",
        &["--host", "a-very-long-name-of-a-host.abcdefghijkl.eu-west-1.rds.amazonaws.com"],
    );
    let mut terminal = Terminal::with_size(&env.ssmpf(&["ls"]), 60, 20);
    assert_eq!(terminal.wait_for_end(), 0);
    let rows: Vec<String> = terminal.screen().lines().map(str::to_owned).collect();
    assert_eq!(rows.len(), 2, "no line is broken: {rows:#?}");
    assert!(rows[1].starts_with("db"), "{rows:#?}");
}

#[test]
fn a_guarded_connection_asks_before_it_opens() {
    let env = env();
    add(&env, "db", &["--guard"]);
    let mut terminal = at_terminal(&env, &["connect", "db"]);
    terminal.answer("`db` is guarded. Open it? [y/N]", "n");
    assert_eq!(terminal.wait_for_end(), 1, "{}", terminal.screen());
    let mut terminal = at_terminal(&env, &["connect", "db"]);
    terminal.answer("Open it? [y/N]", "y").answer("Reason:", "on call").wait_for("ready");
    terminal.send(keys::CTRL_C);
    assert_eq!(terminal.wait_for_end(), 0, "{}", terminal.screen());
}
