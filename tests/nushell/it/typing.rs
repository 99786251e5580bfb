//! TAB, keys and Ctrl-C on a terminal.

use ssmpf_tests::{Terminal, keys};

use crate::forwards::{eventually, processes, save};
use crate::nu::Nu;

/// What the prompt ends with.
pub const PROMPT: &str = "ready> ";

/// Nushell on a terminal, with these lines in its configuration.
pub fn start(nu: &Nu, lines: &str) -> Terminal {
    let folder = nu.env.home().join(".config/nushell");
    std::fs::create_dir_all(&folder).expect("a folder");
    let config = format!(
        "$env.config.show_banner = false
        $env.PROMPT_COMMAND = ''
        $env.PROMPT_COMMAND_RIGHT = ''
        $env.PROMPT_INDICATOR = '{PROMPT}'
        {lines}
        "
    );
    std::fs::write(folder.join("config.nu"), config).expect("written");
    let mut terminal = Terminal::start(&nu.command(&[]));
    terminal.wait_for(PROMPT);
    terminal
}

#[test]
fn ctrl_c_ends_a_stream_and_leaves_nothing_behind() {
    let nu = Nu::new();
    save(&nu, "db", &[]);
    let mut terminal = start(&nu, "");
    terminal.type_line("ssmpf connect db | each {|it| $'--($it.event)--' | print }; print 'over'");
    terminal.wait_for("--ready--").send(keys::CTRL_C);
    eventually("the connection is ended", || {
        processes(&nu).iter().all(|it| !it.contains("connect"))
    });
    let session = nu.env.emulator.sessions().pop().expect("a session");
    assert!(session.terminated_by.is_some(), "the remote session is ended too");
    // The plugin is there for the next command.
    terminal.type_line("ssmpf ls | get name | $'names: ($in | str join ,)'").wait_for("names: db");
    terminal.type_line("exit");
    assert_eq!(terminal.wait_for_end(), 0);
    eventually("no process is left", || processes(&nu).is_empty());
}

#[test]
fn ctrl_c_ends_a_command_that_waits() {
    let nu = Nu::new();
    save(&nu, "db", &[]);
    nu.env.emulator.faults().black_hole(true);
    let mut terminal = start(&nu, "");
    let waits = |nu: &Nu| processes(nu).iter().any(|it| it.contains(" up "));
    terminal.type_line("ssmpf up db");
    eventually("it waits", || waits(&nu) && nu.env.emulator.open_sessions() > 0);
    terminal.send(keys::CTRL_C);
    eventually("it is ended", || !waits(&nu));
    terminal.type_line("ssmpf status | length | $'up: ($in)'").wait_for("up: 0");
    terminal.type_line("exit").wait_until_closed();
    eventually("no process is left", || processes(&nu).is_empty());
    assert_eq!(nu.env.emulator.open_sessions(), 0, "and no session");
}

/// Waits until the command line is so.
#[track_caller]
pub fn wait_for_line(terminal: &mut Terminal, line: &str) {
    let whole = format!("{PROMPT}{line}");
    terminal.wait_until(&whole, |screen| {
        screen.lines().any(|it| it.trim_end().ends_with(whole.trim_end()))
    });
}

#[test]
fn tab_completes_names_tags_profiles_targets_and_words() {
    let nu = Nu::new().with_connections();
    let profiles = nu.env.home().join(".aws/config");
    std::fs::create_dir_all(profiles.parent().expect("a folder")).expect("made");
    std::fs::write(profiles, "[profile staging]\nregion = eu-west-1\n").expect("written");
    for (typed, completed) in [
        ("ssmpf show sta", "ssmpf show stage-db"),
        ("ssmpf up web sta", "ssmpf up web stage-db"),
        ("ssmpf ls @pr", "ssmpf ls @prod"),
        ("ssmpf add x --tag pr", "ssmpf add x --tag prod"),
        ("ssmpf targets --profile sta", "ssmpf targets --profile staging"),
        ("ssmpf add x --target tag:N", "ssmpf add x --target tag:Name=bastion"),
        ("ssmpf add x --kind post", "ssmpf add x --kind postgres"),
        ("ssmpf ls --region ap-northeast-3", "ssmpf ls --region ap-northeast-3"),
        ("ssmpf show web --as jd", "ssmpf show web --as jdbc"),
        ("ssmpf status --wa", "ssmpf status --watch"),
        ("ssmpf endp", "ssmpf endpoints"),
    ] {
        let mut terminal = start(&nu, "");
        terminal.send(typed);
        wait_for_line(&mut terminal, typed);
        terminal.send(keys::TAB);
        wait_for_line(&mut terminal, completed);
    }
}

#[test]
fn several_candidates_are_shown_with_a_line_about_each() {
    let nu = Nu::new().with_connections();
    let mut terminal = start(&nu, "");
    terminal.send("ssmpf show prod-").send(keys::TAB);
    terminal.wait_for("prod-db").wait_for("orders.internal:5432 (prod)");
    assert!(!terminal.screen().contains("stage-db"), "what does not fit is left out");
}

#[test]
fn tab_asks_nothing_when_the_store_is_locked() {
    let mut nu = Nu::new().with_connections();
    nu.env.set("SSMPF_IDENTITY_FILE", "");
    let mut terminal = start(&nu, "");
    terminal.send("ssmpf show we").send(keys::TAB).send("b --as uri");
    wait_for_line(&mut terminal, "ssmpf show web --as uri");
    assert!(!terminal.screen().to_lowercase().contains("passphrase"), "{}", terminal.screen());
}
