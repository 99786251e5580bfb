//! TAB in the real shells, and what it may not do.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Stdio;

use ssmpf_tests::shell::PROMPT;
use ssmpf_tests::{BASTION, Shell, Terminal, TestEnv, keys, process};

use crate::background::{Cleanup, save};
use crate::catalogue::{env, json, ok, store_of};

/// An environment with a few connections, AWS profiles and files.
pub(crate) fn some_connections() -> TestEnv {
    let env = env();
    save(&env, "orders-db", 5432, &["--tag", "prod", "--host", "db.internal"]);
    save(&env, "web", 5432, &["--description", "the größe: of 数据 'quoted'"]);
    save(&env, "web-2", 5432, &["--tag", "staging", "--profile", "prod"]);
    let aws = env.home().join(".aws");
    std::fs::create_dir_all(&aws).unwrap();
    std::fs::write(
        aws.join("config"),
        "[default]\n[profile prod]\n[profile with space]\n[sso-session corp]\n",
    )
    .unwrap();
    std::fs::write(env.home().join("my store.age"), "").unwrap();
    std::fs::create_dir(env.home().join("folder")).unwrap();
    env
}

/// Types part of a line and TAB, waits until the line is so, and takes it back.
#[track_caller]
fn completes(terminal: &mut Terminal, typed: &str, line: &str) {
    terminal.send(typed).wait_for(&format!("{PROMPT}{typed}"));
    terminal.send(keys::TAB);
    let whole = format!("{PROMPT}{line}");
    terminal
        .wait_until(&whole, |screen| screen.lines().any(|it| it.trim_end() == whole.trim_end()));
    // The cursor tells whether a blank is behind the word.
    terminal.send("x").wait_for(&format!("{whole}x"));
    terminal.send(keys::CTRL_U);
    terminal.wait_until("an empty line", |screen| !screen.contains(&whole));
}

/// Every kind of argument, as all shells complete it: what is typed, and the line after TAB.
const LINES: &[(&str, &str)] = &[
    ("ssmpf imp", "ssmpf import "),
    ("ssmpf show or", "ssmpf show orders-db "),
    ("ssmpf show orders-db --as jd", "ssmpf show orders-db --as jdbc "),
    ("ssmpf edit or", "ssmpf edit orders-db "),
    ("ssmpf rm web-", "ssmpf rm web-2 "),
    ("ssmpf connect o", "ssmpf connect orders-db "),
    ("ssmpf connect orders-db web-", "ssmpf connect orders-db web-2 "),
    ("ssmpf connect @pr", "ssmpf connect @prod "),
    ("ssmpf ls @st", "ssmpf ls @staging "),
    ("ssmpf ls --kind postg", "ssmpf ls --kind postgres "),
    ("ssmpf add x --target i-0", "ssmpf add x --target i-0123456789abcdef0 "),
    ("ssmpf add x --target as", "ssmpf add x --target asg:"),
    ("ssmpf add x --host db", "ssmpf add x --host db.internal "),
    ("ssmpf add x --tag st", "ssmpf add x --tag staging "),
    ("ssmpf add x --auth i", "ssmpf add x --auth iam "),
    ("ssmpf add x --local-port a", "ssmpf add x --local-port auto "),
    ("ssmpf forward --engine p", "ssmpf forward --engine plugin "),
    ("ssmpf ls --profile pr", "ssmpf ls --profile prod "),
    ("ssmpf --profile=pr", "ssmpf --profile=prod "),
    ("ssmpf ls --region us-gov-w", "ssmpf ls --region us-gov-west-1 "),
    ("ssmpf ls --format=jsonl", "ssmpf ls --format=jsonl "),
    ("ssmpf ls --col", "ssmpf ls --color "),
    ("ssmpf import ssh", "ssmpf import ssh-config "),
    ("ssmpf logs nosuch", "ssmpf logs nosuch"),
    ("ssmpf up web-", "ssmpf up web-2 "),
    ("ssmpf login --sso-session co", "ssmpf login --sso-session corp "),
    ("ssmpf pick forw", "ssmpf pick forwards "),
    ("ssmpf store rec", "ssmpf store recipients "),
    ("ssmpf store recipients ad", "ssmpf store recipients add "),
    ("ssmpf completions pow", "ssmpf completions powershell "),
    ("ssmpf init f", "ssmpf init fish "),
    ("ssmpf help exit", "ssmpf help exit-codes "),
    ("ssmpf help forw", "ssmpf help forward "),
    ("ssmpf --store fold", "ssmpf --store folder/"),
];

#[track_caller]
fn completes_every_kind(shell: Shell) {
    let env = some_connections();
    let mut terminal = shell.start(&env);
    for (typed, line) in LINES {
        completes(&mut terminal, typed, line);
    }
    let quoted = match shell {
        Shell::Bash | Shell::Fish | Shell::Zsh => r"with\ space ",
    };
    completes(&mut terminal, "ssmpf --profile wi", &format!("ssmpf --profile {quoted}"));
    let file = r"ssmpf --store my\ store.age ";
    completes(&mut terminal, "ssmpf --store my", file);
}

#[test]
fn tab_completes_every_kind_of_argument_in_bash() {
    completes_every_kind(Shell::Bash);
}

#[test]
fn tab_completes_every_kind_of_argument_in_zsh() {
    completes_every_kind(Shell::Zsh);
}

#[test]
fn tab_completes_every_kind_of_argument_in_fish() {
    completes_every_kind(Shell::Fish);
}

#[test]
fn zsh_and_fish_show_what_a_connection_is_about() {
    let env = some_connections();
    let _cleanup = Cleanup(&env);
    ok(&env, &["up", "web"]);
    for shell in [Shell::Zsh, Shell::Fish] {
        let mut terminal = shell.start(&env);
        terminal.send("ssmpf show web").send(keys::TAB).send(keys::TAB);
        terminal.wait_for("the größe: of 数据 'quoted'");
        terminal.wait_for("(prod)");
        terminal.wait_until("what is up", |screen| {
            screen.lines().any(|line| line.starts_with("web ") && line.contains(", up"))
        });
    }
}

/// The candidates for these words, as bash gets them. Says nothing on stderr, or the test fails.
#[track_caller]
pub(crate) fn candidates(env: &TestEnv, words: &[&str]) -> Vec<String> {
    let mut command = env.ssmpf(&[&["--", "ssmpf"], words].concat());
    command.env("SSMPF_COMPLETE", "bash").stdin(Stdio::null());
    let finished = process::run(command);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), ""), "{words:?}");
    finished.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn the_store_and_the_flags_of_the_line_are_those_that_count() {
    let env = some_connections();
    let other = env.home().join("other.age");
    let other = other.to_str().unwrap();
    ok(&env, &["--store", other, "add", "elsewhere", "--target", BASTION, "--port", "1"]);
    assert_eq!(candidates(&env, &["show", ""]), ["orders-db", "web", "web-2"]);
    assert_eq!(candidates(&env, &["--store", other, "show", ""]), ["elsewhere"]);
    let named = format!("--store={other}");
    assert_eq!(candidates(&env, &[&named, "show", ""]), ["elsewhere"]);
    assert_eq!(candidates(&env, &["rm", "web", ""]), ["orders-db", "web-2", "@prod", "@staging"]);
}

#[test]
fn what_was_found_lately_completes_without_asking_again() {
    let env = TestEnv::with(|builder| builder.many("node", 2, None)).with_store_key();
    assert_eq!(candidates(&env, &["add", "x", "--target", "i-"]), [""; 0]);
    let found: serde_json::Value = json(&env, &["targets"]);
    let ids = found["targets"].as_array().unwrap().iter().map(|it| it["target"].as_str().unwrap());
    let ids: BTreeSet<&str> = ids.filter(|id| id.starts_with("i-")).collect();
    assert_eq!(ids.len(), 3);
    let asked = env.emulator.calls().len();
    let offered = candidates(&env, &["add", "x", "--target", "i-"]);
    assert_eq!(offered.iter().map(String::as_str).collect::<BTreeSet<_>>(), ids);
    // With another profile or region, somebody else would answer.
    assert_eq!(candidates(&env, &["--profile", "x", "add", "x", "--target", "i-"]), [""; 0]);
    assert_eq!(candidates(&env, &["--region=us-east-2", "add", "x", "--target", "i-"]), [""; 0]);
    assert_eq!(env.emulator.calls().len(), asked, "AWS was not asked");
}

#[test]
fn a_store_that_does_not_open_gives_no_names_and_no_word() {
    let env = some_connections();
    let store = store_of(&env);
    let no_names = |env: &TestEnv| {
        assert_eq!(candidates(env, &["connect", "w"]), [""; 0]);
        assert_eq!(candidates(env, &["add", "x", "--target", "ta"]), ["tag:"]);
        assert_eq!(candidates(env, &["ls", "--kind", "postg"]), ["postgres"]);
    };
    // Damaged.
    let sealed = std::fs::read(&store).unwrap();
    std::fs::write(&store, &sealed[..sealed.len() / 2]).unwrap();
    no_names(&env);
    // Not a store, and not even a file.
    std::fs::write(&store, b"\0\xff").unwrap();
    no_names(&env);
    std::fs::remove_file(&store).unwrap();
    std::fs::create_dir(&store).unwrap();
    no_names(&env);
    // Not there.
    std::fs::remove_dir(&store).unwrap();
    no_names(&env);
    assert!(!store.exists(), "nothing is made by asking");
}

#[test]
fn a_locked_store_gives_no_names_and_runs_no_command() {
    let mut env = TestEnv::new();
    env.set("SSMPF_KEYRING", "off").set("SSMPF_PASSPHRASE", "correct horse");
    ok(&env, &["add", "web", "--target", BASTION, "--port", "80"]);
    let trace = env.home().join("trace");
    let command = format!("touch {}; echo correct horse", trace.display());
    env.set("SSMPF_PASSPHRASE", "").set("SSMPF_PASSPHRASE_COMMAND", &command);
    let mut terminal = Shell::Bash.start(&env);
    terminal.send("ssmpf show w").send(keys::TAB).send(keys::TAB).send("|").wait_for("show w|");
    assert!(!trace.exists(), "a command that may ask somebody is not run");
    assert!(!terminal.screen().to_lowercase().contains("passphrase"), "{}", terminal.screen());
}

#[test]
fn lines_that_make_no_sense_complete_to_nothing() {
    let env = some_connections();
    for words in [&["nonsense", "x", ""][..], &["--nonsense", ""], &["show", "--", "--as", "x"]] {
        candidates(&env, words);
    }
    let mut command = env.ssmpf(&["--"]);
    command.env("SSMPF_COMPLETE", "bash");
    assert_eq!(process::run(command).stdout, "");
    let mut command = env.ssmpf(&["ls"]);
    command.env("SSMPF_COMPLETE", "nosuchshell");
    let finished = process::run(command);
    assert_eq!((finished.code, finished.stdout.as_str()), (Some(0), ""));
}

#[test]
fn bash_completes_in_the_middle_of_a_line_and_behind_a_quote() {
    let env = some_connections();
    let mut terminal = Shell::Bash.start(&env);
    terminal.send("ssmpf show or --json").wait_for("--json");
    terminal.send(&"\x1b[D".repeat(" --json".len())).send(keys::TAB);
    terminal.wait_for("ssmpf show orders-db  --json").send(keys::CTRL_U);
    let mut terminal = Shell::Bash.start_with(&env, "set -eu", Shell::Bash.init_line());
    terminal.send("ssmpf show or").send(keys::TAB).wait_for("orders-db ");
}

#[test]
fn the_files_of_packages_work_without_init() {
    let env = some_connections();
    for shell in Shell::ALL {
        let home = env.home();
        let printed = ok(&env, &["completions", shell.name()]).stdout;
        let (file, before, after) = match shell {
            Shell::Bash => (home.join("c.bash"), "", ". ~/c.bash"),
            Shell::Zsh => (home.join("zfunc/_ssmpf"), "fpath=(~/zfunc $fpath)", ""),
            Shell::Fish => (home.join(".config/fish/completions/ssmpf.fish"), "", ""),
        };
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, printed).unwrap();
        let mut terminal = shell.start_with(&env, before, after);
        for _ in 0..2 {
            completes(&mut terminal, "ssmpf show or", "ssmpf show orders-db ");
        }
    }
}

#[test]
fn linters_have_nothing_to_say_about_the_shell_files() {
    let env = TestEnv::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let check = |program: &str, arguments: &[&str]| {
        let mut command = env.command(program);
        command.args(arguments).current_dir(&root);
        let finished = process::run(command);
        assert_eq!(finished.code, Some(0), "{program} {arguments:?}: {finished:#?}");
    };
    let bash = ["completions/ssmpf.bash", "shell/ssmpf.bash"];
    check("shellcheck", &[&["--shell=bash", "--severity=style"], &bash[..]].concat());
    for file in bash {
        check("bash", &["-n", file]);
    }
    for file in ["completions/_ssmpf", "shell/ssmpf.zsh"] {
        check("zsh", &["-n", file]);
    }
    for file in ["completions/ssmpf.fish", "shell/ssmpf.fish"] {
        check("fish", &["-n", file]);
        check("fish_indent", &["--check", file]);
    }
}

/// What bash 3.2, the one of macOS, does not know: the beginning of a pattern of each, and since when.
const NEWER_THAN_BASH_3: &[(&str, &str)] = &[
    ("declare -A", "4.0"),
    ("local -A", "4.0"),
    ("declare -g", "4.2"),
    ("local -n", "4.3"),
    ("declare -n", "4.3"),
    ("mapfile", "4.0"),
    ("readarray", "4.0"),
    ("compopt", "4.0"),
    ("coproc", "4.0"),
    ("globstar", "4.0"),
    ("|&", "4.0"),
    ("&>>", "4.0"),
    (";&", "4.0"),
    (",,}", "4.0"),
    ("^^}", "4.0"),
    ("[[ -v ", "4.2"),
    ("%(", "4.2"),
    ("\\u", "4.2"),
    (": -1}", "4.2"),
    ("[-1]", "4.3"),
    ("@Q}", "4.4"),
    ("@A}", "4.4"),
    ("EPOCH", "5.0"),
    ("SRANDOM", "5.1"),
    ("wait -n", "4.3"),
    ("lastpipe", "4.2"),
    ("inherit_errexit", "4.4"),
    ("nosort", "4.4"),
    ("READLINE_", "4.0"),
    ("bind -m \"$1\" -X", "4.3"),
];

#[test]
fn the_files_for_bash_use_nothing_newer_than_bash_3_but_behind_a_question_for_the_version() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let mut found = BTreeSet::new();
    for file in ["completions/ssmpf.bash", "shell/ssmpf.bash"] {
        for line in read(file).lines().filter(|line| !line.trim_start().starts_with('#')) {
            let newer = NEWER_THAN_BASH_3.iter().filter(|(text, _)| line.contains(text));
            found.extend(newer.map(|(text, _)| format!("{file}: {text}")));
        }
    }
    // Keys need 4.0 and are bound behind that question only; so is the order of candidates, with 4.4.
    let asked = [
        "completions/ssmpf.bash: nosort",
        "shell/ssmpf.bash: READLINE_",
        "shell/ssmpf.bash: bind -m \"$1\" -X",
    ];
    assert_eq!(found, asked.map(str::to_owned).into());
    for (file, question, behind) in [
        ("completions/ssmpf.bash", "BASH_VERSINFO[1]} -ge 4", "nosort"),
        ("shell/ssmpf.bash", "BASH_VERSINFO[0]} -ge 4", "__ssmpf_bind_insert \"$"),
        ("shell/ssmpf.bash", "BASH_VERSINFO[1]} -ge 3", "__ssmpf_bind_connect \"$"),
    ] {
        let text = read(file);
        let last = |part: &str| text.rfind(part).unwrap_or_else(|| panic!("{part} in {file}"));
        assert!(last(question) < last(behind), "{file}");
    }
}

#[test]
fn ten_thousand_connections_complete() {
    let env = env();
    let connection = serde_json::json!({
        "target": BASTION, "port": 5432, "kind": "postgres",
        "local_port": 20000, "created": "2026-11-01T00:00:00Z", "updated": "2026-11-01T00:00:00Z",
    });
    let connections: serde_json::Map<_, _> =
        (0..10_000).map(|it| (format!("service-{it:05}"), connection.clone())).collect();
    let file = env.home().join("export.json");
    let text = serde_json::json!({"version": 1, "connections": connections}).to_string();
    std::fs::write(&file, text).unwrap();
    ok(&env, &["import", "json", file.to_str().unwrap()]);
    assert_eq!(candidates(&env, &["show", "service-"]).len(), 10_000);
    for shell in Shell::ALL {
        let mut terminal = shell.start(&env);
        completes(&mut terminal, "ssmpf show service-0123", "ssmpf show service-0123");
        completes(&mut terminal, "ssmpf show service-01234", "ssmpf show service-01234 ");
    }
}

#[test]
fn down_logs_and_restart_complete_what_is_up() {
    let env = some_connections();
    let _cleanup = Cleanup(&env);
    ok(&env, &["up", "web", "orders-db"]);
    for command in ["down", "restart", "status", "wait"] {
        assert_eq!(candidates(&env, &[command, ""]), ["orders-db", "web", "@prod"], "{command}");
        assert_eq!(candidates(&env, &[command, "web", ""]), ["orders-db", "@prod"], "{command}");
    }
    assert_eq!(candidates(&env, &["logs", ""]), ["orders-db", "web"]);
    ok(&env, &["down", "--all"]);
    assert_eq!(candidates(&env, &["logs", "w"]), [""; 0]);
}
