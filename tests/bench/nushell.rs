//! The plugin in the real Nushell, beside Nushell's own call of the program in the same run.

use std::fs;
use std::path::Path;
use std::process::Command;

use ssmpf_tests::{process, program};

use crate::catalogue::{self, ROUNDS};
use crate::table::Table;

/// How many connections the store holds.
const CONNECTIONS: usize = 1_000;

/// How often a command is called again in one Nushell.
const AGAIN: usize = 20;

/// Adds the rows of the plugin, if Nushell is there.
pub fn rows(table: &mut Table<'_>, share: u64, nu: Option<&Path>) {
    let name = format!("nushell: {CONNECTIONS} connections");
    if !table.wants(&name) {
        return;
    }
    let Some(nu) = nu else {
        eprintln!("{name}: left out, because Nushell is not named (--nu PATH)");
        return;
    };
    let rounds = ROUNDS / usize::try_from(share).unwrap_or(1).min(4);
    let env = catalogue::store(CONNECTIONS);
    // The plugin looks for the program beside itself, and both have names of their own.
    let built = program("ssmpf");
    let folder = tempfile::tempdir_in(built.parent().expect("a folder")).expect("a folder");
    for name in ["ssmpf", "nu_plugin_ssmpf"] {
        fs::hard_link(program(name), folder.path().join(name)).expect("a link");
    }
    let run = |line: &str| {
        let mut command: Command = env.command(nu);
        command.env("PATH", folder.path()).env("XDG_CONFIG_HOME", env.home());
        command.arg("--plugin-config").arg(env.home().join("plugins")).args(["-c", line]);
        command
    };
    let plugin = folder.path().join("nu_plugin_ssmpf");
    let added = process::run(run(&format!("plugin add '{}'", plugin.display())));
    assert_eq!(added.code, Some(0), "{added:#?}");
    let (external, internal) = ("^ssmpf ls --json | from json | get connections", "ssmpf ls");
    let once = |line: &str| run(&format!("if ({line} | length) != {CONNECTIONS} {{ exit 1 }}"));
    let again = |line: &str| run(&format!("for _ in 1..{AGAIN} {{ {line} | ignore }}"));
    let commands = [
        ("external call".to_owned(), once(external)),
        ("plugin".to_owned(), once(internal)),
        ("Nushell alone".to_owned(), run("null")),
    ];
    for (what, figures) in catalogue::measured(commands, rounds, &env) {
        table.row(&format!("{name}, {what}"), || figures);
    }
    let commands = [
        (format!("{AGAIN} external calls"), again(external)),
        (format!("{AGAIN} calls of the plugin"), again(internal)),
    ];
    for (what, figures) in catalogue::measured(commands, rounds / 4, &env) {
        table.row(&format!("{name}, {what}"), || figures);
    }
}
