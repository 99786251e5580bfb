//! What `ssmpf init nu` brings, with the plugin and without it.

use ssmpf_tests::{Terminal, keys};

use crate::forwards::{Cleanup, save};
use crate::nu::Nu;
use crate::typing::{PROMPT, start, wait_for_line};

const CTRL_T: &str = "\x14";
const ALT_T: &str = "\x1bt";
const ALT_J: &str = "\x1bj";
const CTRL_G: &str = "\x07";
const LEFT: &str = "\x1b[D";

/// Nushell without the plugin, which loads the file at its start.
fn at_home() -> Nu {
    let nu = Nu::new().with_connections();
    nu.ok("plugin rm ssmpf");
    install(&nu, "");
    nu
}

/// Saves the file as the documents say.
fn install(nu: &Nu, before: &str) {
    nu.ok(&format!(
        "{before}
        mkdir $nu.user-autoload-dirs.0
        ^ssmpf init nu | save --force ($nu.user-autoload-dirs.0 | path join ssmpf.nu)"
    ));
}

/// Waits until the picker is there.
#[track_caller]
fn wait_for_picker(terminal: &mut Terminal) {
    terminal.wait_for("4/4").wait_for("prod-db");
}

#[test]
fn tab_asks_the_program_and_leaves_other_commands_to_others() {
    let nu = at_home();
    for (typed, completed) in [
        ("ssmpf show sta", "ssmpf show stage-db"),
        ("^ssmpf up web sta", "^ssmpf up web stage-db"),
        ("ssmpf ls @pr", "ssmpf ls @prod"),
        ("ssmpf add x --target tag:N", "ssmpf add x --target tag:Name=bastion"),
        ("ssmpf show web --as jd", "ssmpf show web --as jdbc"),
        ("ssmpf endp", "ssmpf endpoints"),
        ("ssmpf status --wa", "ssmpf status --watch"),
        ("nosuch x", "nosuch xylophone"),
    ] {
        let other = "$env.config.completions.external.completer = {|words| [xylophone] }";
        let mut terminal = start(&nu, other);
        terminal.send(typed);
        wait_for_line(&mut terminal, typed);
        terminal.send(keys::TAB);
        wait_for_line(&mut terminal, completed);
    }
}

#[test]
fn tab_serves_the_program_beside_the_plugin() {
    let nu = Nu::new().with_connections();
    install(&nu, "");
    for word in ["ssmpf", "^ssmpf"] {
        let mut terminal = start(&nu, "");
        terminal.send(&format!("{word} show sta")).send(keys::TAB);
        wait_for_line(&mut terminal, &format!("{word} show stage-db"));
    }
}

#[test]
fn a_store_that_is_locked_or_a_program_that_is_gone_leaves_the_line_as_it_is() {
    let mut nu = at_home();
    nu.env.set("SSMPF_IDENTITY_FILE", "");
    let try_it = |nu: &Nu| {
        let mut terminal = start(nu, "");
        terminal.send("ssmpf show we").send(keys::TAB).send("b --as uri");
        terminal.wait_for("ssmpf show web --as uri");
        assert!(!terminal.screen().to_lowercase().contains("passphrase"), "{}", terminal.screen());
    };
    try_it(&nu);
    std::fs::remove_file(nu.program()).expect("it was there");
    try_it(&nu);
}

#[test]
fn ctrl_t_puts_names_at_the_cursor_and_leaves_the_rest_of_the_line() {
    let nu = at_home();
    let mut terminal = start(&nu, "");
    terminal.send("print größe  tail");
    wait_for_line(&mut terminal, "print größe  tail");
    terminal.send(&LEFT.repeat(" tail".len())).send(CTRL_T);
    wait_for_picker(&mut terminal);
    terminal.send("prod-").wait_for("2/4").send(keys::TAB).send(keys::TAB).send(keys::ENTER);
    terminal.wait_until("both names", |screen| {
        let lines = ["print größe prod-db prod-api  tail", "print größe prod-api prod-db  tail"];
        lines.iter().any(|line| screen.contains(&format!("{PROMPT}{line}")))
    });
    // The cursor stands behind what was inserted.
    terminal.send("x").wait_for(" x tail");
}

#[test]
fn escape_leaves_the_line_as_it_was() {
    let nu = at_home();
    for key in [CTRL_T, ALT_J] {
        let mut terminal = start(&nu, "");
        terminal.send("print un");
        wait_for_line(&mut terminal, "print un");
        terminal.send(key);
        wait_for_picker(&mut terminal);
        terminal.send(keys::ESCAPE);
        terminal.wait_until("no picker", |screen| !screen.contains("4/4"));
        terminal.send("touched").send(keys::ENTER).wait_for("\nuntouched");
    }
}

#[test]
fn alt_j_runs_connect_for_what_was_picked() {
    let nu = at_home();
    let mut terminal = start(&nu, "");
    terminal.send(ALT_J);
    wait_for_picker(&mut terminal);
    terminal.wait_for("Alt-U up").send("web").wait_for("1/4").send(keys::ENTER);
    terminal.wait_for(&format!("{PROMPT}^ssmpf connect web"));
    // It runs in the foreground until Ctrl-C, as if typed.
    terminal.wait_for("ready in").send(keys::CTRL_C);
    terminal.wait_until("the prompt again", |screen| screen.matches(PROMPT).count() >= 2);
}

#[test]
fn sf_picks_and_brings_up() {
    let nu = at_home();
    let _cleanup = Cleanup(&nu);
    save(&nu, "zulu", &[]);
    let mut terminal = start(&nu, "");
    terminal.type_line("sf zulu");
    terminal.wait_for("1/5").send("\x1bu").wait_for("ready");
    terminal.type_line("ssmpf prompt").wait_for("⇄ zulu");
}

#[test]
fn a_key_that_somebody_uses_is_left_to_them() {
    let nu = at_home();
    let mine = "$env.config.keybindings ++= [{name: mine modifier: Control keycode: Char_T
        mode: emacs event: {edit: insertstring value: mine}}]";
    let mut terminal = start(&nu, mine);
    terminal.send(CTRL_T);
    wait_for_line(&mut terminal, "mine");
    terminal.send(ALT_T);
    wait_for_picker(&mut terminal);
}

#[test]
fn keys_and_function_can_be_chosen_and_switched_off() {
    let nu = at_home();
    install(&nu, "$env.SSMPF_FUNCTION = 'pf'");
    let settings = "$env.SSMPF_KEY_INSERT = 'control char_g'; $env.SSMPF_KEY_CONNECT = ''";
    let mut terminal = start(&nu, settings);
    terminal.send("print ").send(CTRL_G);
    wait_for_picker(&mut terminal);
    terminal.send("web").wait_for("1/4").send(keys::ENTER);
    wait_for_line(&mut terminal, "print web ");
    terminal.send(keys::CTRL_U);
    terminal.type_line("which sf | length | $'found ($in)'").wait_for("found 0");
    let connect = "$env.config.keybindings | where name == ssmpf_connect | length | $'keys ($in)'";
    terminal.type_line(connect).wait_for("keys 0");
    terminal.type_line("pf web").wait_for("1/4").send(keys::ESCAPE);
}

#[test]
fn loading_twice_does_nothing_more_and_scripts_get_nothing() {
    let nu = at_home();
    let file = nu.ok("$nu.user-autoload-dirs.0 | path join ssmpf.nu");
    let mut terminal = start(&nu, "");
    terminal.type_line(&format!("source '{file}'"));
    let keys = "$env.config.keybindings | where name =~ ssmpf | length | $'keys ($in)'";
    terminal.type_line(keys).wait_for("keys 2");
    assert_eq!(
        nu.value(&format!("source '{file}'; $env.config.completions.external.completer")),
        "null"
    );
    assert_eq!(nu.value(&format!("source '{file}'; '__ssmpf' in $env")), "false");
}
