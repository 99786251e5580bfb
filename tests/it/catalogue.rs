//! Saved connections: kept, found, changed; and what is said when that does not work.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;
use ssmpf_tests::{BASTION, Finished, IDENTITY, TestEnv, process};

pub(crate) fn env() -> TestEnv {
    TestEnv::new().with_store_key()
}

pub(crate) fn store_of(env: &TestEnv) -> PathBuf {
    env.home().join(".local/share/ssmpf/store.age")
}

#[track_caller]
pub(crate) fn ok(env: &TestEnv, arguments: &[&str]) -> Finished {
    let finished = env.run(arguments);
    assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:#?}");
    finished
}

#[track_caller]
pub(crate) fn json(env: &TestEnv, arguments: &[&str]) -> Value {
    let mut all = arguments.to_vec();
    all.push("--json");
    serde_json::from_str(&ok(env, &all).stdout).unwrap()
}

#[track_caller]
pub(crate) fn add(env: &TestEnv, name: &str, more: &[&str]) {
    let mut arguments = vec!["add", name, "--target", BASTION, "--port", "5432"];
    arguments.extend_from_slice(more);
    ok(env, &arguments);
}

fn names(env: &TestEnv, filters: &[&str]) -> Vec<String> {
    let mut arguments = vec!["ls", "--format", "plain"];
    arguments.extend_from_slice(filters);
    ok(env, &arguments).stdout.lines().map(str::to_owned).collect()
}

/// A second reader of the contract: nothing more and nothing less than these fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Listing {
    schema: String,
    connections: Vec<Connection>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Connection {
    name: String,
    description: Option<String>,
    tags: Vec<String>,
    profile: Option<String>,
    region: Option<String>,
    target: String,
    host: Option<String>,
    port: u16,
    kind: String,
    local_port: u16,
    bind: String,
    document: Option<String>,
    reason: Option<String>,
    lazy: bool,
    idle_timeout_seconds: Option<u64>,
    max_age_seconds: Option<u64>,
    guard: bool,
    keep_alive: bool,
    sessions: Option<u16>,
    up: Option<bool>,
    database: Option<Database>,
    created: String,
    updated: String,
    last_used: Option<String>,
    uses: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)]
struct Database {
    user: Option<String>,
    name: Option<String>,
    auth: String,
}

#[test]
fn what_is_added_is_listed_as_documented() {
    let env = env();
    let everything = [
        "add",
        "prod-db",
        "--target",
        "tag:Role=bastion",
        "--host",
        "orders.internal",
        "--kind",
        "postgres",
        "--tag",
        "prod",
        "--tag",
        "@db",
        "--description",
        "orders",
        "--profile",
        "prod",
        "--region",
        "eu-west-1",
        "--local-port",
        "15432",
        "--reason",
        "on call",
        "--lazy",
        "--keep-alive",
        "--idle-timeout",
        "15m",
        "--max-age",
        "8h",
        "--guard",
        "--sessions",
        "auto",
        "--db-user",
        "app",
        "--db-name",
        "orders",
        "--auth",
        "iam",
        "--bind",
        "127.0.0.1",
    ];
    ok(&env, &everything);
    let text = ok(&env, &["ls", "--json"]).stdout;
    let listing: Listing = serde_json::from_str(&text).unwrap();
    assert_eq!(listing.schema, "ssmpf/1");
    let it = &listing.connections[0];
    assert_eq!((it.port, it.local_port, it.kind.as_str()), (5432, 15432, "postgres"));
    assert_eq!(it.tags, ["db", "prod"]);
    assert!(it.lazy && it.keep_alive);
    assert_eq!((it.idle_timeout_seconds, it.max_age_seconds), (Some(900), Some(28800)));
    assert_eq!(it.sessions, None, "as many as it needs");
    assert_eq!(it.database.as_ref().unwrap().auth, "iam");
    assert!(it.created.ends_with('Z') && it.last_used.is_none());

    let table = ok(&env, &["ls"]).stdout;
    for part in ["NAME", "prod-db", "15432", "orders.internal:5432", "tag:Role=bastion", "@prod"] {
        assert!(table.contains(part), "{part} is missing: {table}");
    }
    let details = ok(&env, &["show", "prod-db"]).stdout;
    for part in ["orders", "15m", "8h", "iam", "never"] {
        assert!(details.contains(part), "{part} is missing: {details}");
    }
    let calls = env.emulator.calls().len();
    assert_eq!(calls, 0, "nothing was asked of AWS");
}

#[test]
fn an_empty_list_is_a_success_and_needs_no_key() {
    let env = TestEnv::new();
    assert_eq!(ok(&env, &["ls"]).stdout, "");
    assert_eq!(json(&env, &["ls"])["connections"], Value::Array(vec![]));
    assert!(!store_of(&env).exists(), "reading makes no store");
}

#[test]
fn filters_choose_by_tag_text_kind_profile_and_region() {
    let env = env();
    add(&env, "a-db", &["--tag", "prod", "--profile", "one", "--region", "eu-west-1"]);
    add(&env, "b-db", &["--tag", "dev", "--profile", "two", "--description", "Billing"]);
    add(&env, "cache", &["--tag", "prod", "--kind", "redis"]);
    assert_eq!(names(&env, &[]), ["a-db", "b-db", "cache"]);
    assert_eq!(names(&env, &["@prod"]), ["a-db", "cache"]);
    assert_eq!(names(&env, &["@prod", "db"]), ["a-db"]);
    assert_eq!(names(&env, &["billing"]), ["b-db"]);
    assert_eq!(names(&env, &["--kind", "redis"]), ["cache"]);
    assert_eq!(names(&env, &["--profile", "two"]), ["b-db"]);
    assert_eq!(names(&env, &["--region", "eu-west-1"]), ["a-db"]);
    assert!(names(&env, &["nothing-like-that"]).is_empty());
    assert_eq!(ok(&env, &["ls", "--format", "jsonl"]).stdout.lines().count(), 3);
}

#[test]
fn connections_are_changed_copied_renamed_and_removed() {
    let env = env();
    add(&env, "db", &["--tag", "prod"]);
    let port = json(&env, &["show", "db"])["connection"]["local_port"].clone();
    let edited = json(&env, &["edit", "db", "--port", "6379", "--tag", "x", "--untag", "prod"]);
    assert_eq!(edited["connection"]["kind"], "redis", "the kind was guessed, and is again");
    assert_eq!(edited["connection"]["tags"], serde_json::json!(["x"]));
    assert_eq!(edited["connection"]["local_port"], port, "it stays");

    let copy = json(&env, &["cp", "db", "copy"]);
    assert_ne!(copy["connection"]["local_port"], port, "a copy has its own");
    let renamed = json(&env, &["mv", "db", "base"]);
    assert_eq!(renamed["connection"]["local_port"], port);
    assert_eq!(names(&env, &[]), ["base", "copy"]);

    let removed = json(&env, &["rm", "@x", "-y"]);
    assert_eq!(removed["removed"], serde_json::json!(["base", "copy"]));
    assert!(names(&env, &[]).is_empty());
}

#[test]
fn an_unknown_name_exits_with_3_and_brings_the_nearest() {
    let env = env();
    add(&env, "prod-db", &["--tag", "prod"]);
    for arguments in [
        &["show", "prod-bd"][..],
        &["edit", "prod-bd", "--port", "1"],
        &["rm", "prod-bd", "-y"],
        &["mv", "prod-bd", "x"],
        &["cp", "prod-bd", "x"],
        &["connect", "prod-bd"],
        &["export", "prod-bd"],
    ] {
        env.run(arguments).fails_with(3, &["no connection named `prod-bd`", "`prod-db`", "hint:"]);
    }
    env.run(&["rm", "@prdo", "-y"]).fails_with(3, &["@prdo", "@prod"]);
    let failed = env.run(&["show", "prod-bd", "--json"]);
    let document: Value = serde_json::from_str(&failed.stderr).unwrap();
    assert_eq!(document["error"]["kind"], "not-found");
}

#[test]
fn mistakes_are_usage_errors_and_change_nothing() {
    let env = env();
    add(&env, "db", &[]);
    let before = std::fs::read(store_of(&env)).unwrap();
    for (arguments, texts) in [
        (&["add", "my db", "--target", BASTION, "--port", "1"][..], &["`my db`", "hint:"][..]),
        (&["add", "db", "--target", BASTION, "--port", "1"], &["`db` already", "ssmpf edit db"]),
        (&["add", "x", "--target", BASTION], &["needs a port", "--port"]),
        (&["add", "x", "--port", "1"], &["needs a target", "--target"]),
        (&["add"], &["needs a name"]),
        (&["add", "x", "--target", "i-123", "--port", "1"], &["i-123"]),
        (&["add", "x", "--target", BASTION, "--port", "1", "--kind", "postgers"], &["`postgres`"]),
        (&["add", "x", "--target", BASTION, "--port", "1", "--max-age", "soon"], &["soon"]),
        (&["edit", "db"], &["what to change in `db`"]),
        (&["cp", "db", "db"], &["already"]),
        (&["show", "db", "--as", "awscli"], &["`aws-cli`"]),
        (&["rm", "db"], &["nobody to ask", "-y"]),
    ] {
        env.run(arguments).fails_with(2, texts);
    }
    assert_eq!(std::fs::read(store_of(&env)).unwrap(), before, "byte for byte");
}

#[test]
fn without_a_terminal_nobody_is_asked_and_the_store_says_what_it_needs() {
    let mut env = TestEnv::new();
    env.set("SSMPF_KEYRING", "off");
    env.run(&["add", "db", "--target", BASTION, "--port", "1"])
        .fails_with(10, &["SSMPF_PASSPHRASE", "hint:"]);
    assert!(!store_of(&env).exists(), "never as plain text");
}

#[test]
fn a_passphrase_opens_the_store_and_a_wrong_one_leaves_it_alone() {
    let mut env = TestEnv::new();
    env.set("SSMPF_KEYRING", "off").set("SSMPF_PASSPHRASE", "correct horse");
    add(&env, "db", &[]);
    let before = std::fs::read(store_of(&env)).unwrap();
    env.set("SSMPF_PASSPHRASE", "wrong horse");
    for arguments in [&["ls"][..], &["rm", "db", "-y"], &["connect", "db"]] {
        env.run(arguments).fails_with(10, &["SSMPF_PASSPHRASE", "wrong", "hint:"]);
    }
    assert_eq!(std::fs::read(store_of(&env)).unwrap(), before, "byte for byte");

    env.set("SSMPF_PASSPHRASE", "correct horse").set("SSMPF_NEW_PASSPHRASE", "battery staple");
    ok(&env, &["passwd"]);
    assert_eq!(std::fs::read(store_of(&env)).unwrap(), before, "not rewritten");
    env.run(&["ls"]).fails_with(10, &["wrong"]);
    env.set("SSMPF_PASSPHRASE", "battery staple");
    assert_eq!(names(&env, &[]), ["db"]);
}

#[test]
fn a_damaged_store_is_named_as_such_and_never_overwritten() {
    let env = env();
    add(&env, "db", &[]);
    let path = store_of(&env);
    let whole = std::fs::read(&path).unwrap();
    for damaged in [&whole[..whole.len() - 9], b"", b"not a store"] {
        std::fs::write(&path, damaged).unwrap();
        env.run(&["ls"]).fails_with(10, &["store.age", "hint:"]);
        env.run(&["add", "x", "--target", BASTION, "--port", "1"]).fails_with(10, &["store.age"]);
        assert_eq!(std::fs::read(&path).unwrap(), damaged);
    }
}

#[test]
fn many_processes_adding_at_once_lose_nothing() {
    let env = env();
    let mut running: Vec<_> = (0..12)
        .map(|number| {
            let name = format!("c{number:02}");
            env.ssmpf(&["add", &name, "--target", BASTION, "--port", "5432", "-q"]).spawn().unwrap()
        })
        .collect();
    for child in &mut running {
        assert!(process::wait(child, ssmpf_tests::PATIENCE).unwrap().success());
    }
    assert_eq!(names(&env, &[]).len(), 12);
    let listing = json(&env, &["ls"]);
    let ports: std::collections::BTreeSet<u64> = listing["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it["local_port"].as_u64().unwrap())
        .collect();
    assert_eq!(ports.len(), 12, "each has a port of its own");
}

#[test]
fn every_form_of_show_prints_something() {
    let env = env();
    add(&env, "db", &["--host", "db.internal", "--db-user", "app", "--db-name", "orders"]);
    for (form, part) in [
        ("aws-cli", "start-session"),
        ("ssh-config", "ProxyCommand"),
        ("env", "PGPORT"),
        ("uri", "postgresql://"),
        ("jdbc", "jdbc:postgresql:"),
    ] {
        let finished = env.run(&["show", "db", "--as", form]);
        if finished.code == Some(0) {
            assert!(finished.stdout.contains(part), "{form}: {finished:#?}");
        } else {
            finished.fails_with(2, &["hint:"]);
        }
    }
    assert_eq!(json(&env, &["show", "db", "--as", "uri"])["format"], "uri");
}

#[test]
fn the_store_can_be_found_checked_copied_and_opened_by_age() {
    let env = env();
    env.run(&["store", "backup", "x"]).fails_with(1, &["no store", "ssmpf add"]);
    add(&env, "db", &[]);
    let path = ok(&env, &["store", "path"]).stdout;
    assert_eq!(PathBuf::from(path.trim_end()), store_of(&env));
    let verified = json(&env, &["store", "verify"]);
    assert_eq!(verified["contents"]["connections"], 1);
    assert_eq!(verified["contents"]["key_source"], "identity-file");
    let copy = env.home().join("copy.age");
    ok(&env, &["store", "backup", copy.to_str().unwrap()]);
    assert_eq!(std::fs::read(&copy).unwrap(), std::fs::read(store_of(&env)).unwrap());
    env.run(&["store", "backup", copy.to_str().unwrap()])
        .fails_with(2, &["copy.age is there already"]);

    let exported = ok(&env, &["store", "export-identity"]).stdout;
    assert!(exported.contains(IDENTITY), "the key itself");
    let mut age = env.command("age");
    age.args(["-d", "-i"]).arg(env.home().join("identity")).arg(store_of(&env));
    let opened = process::run(age);
    assert!(opened.stdout.contains("\"db\""), "{opened:#?}");
}

/// Imports so many connections and returns their names in order.
pub(crate) fn import_many(env: &TestEnv, count: usize) -> Vec<String> {
    let one = |number| {
        let connection = serde_json::json!({
            "description": "x".repeat(100), "target": BASTION, "port": 5432, "local_port": 20_000,
        });
        (format!("c{number:05}"), connection)
    };
    let connections: serde_json::Map<_, _> = (0..count).map(one).collect();
    let names = connections.keys().cloned().collect();
    let export = env.home().join("export.json");
    let text = serde_json::json!({"version": 1, "connections": connections}).to_string();
    std::fs::write(&export, text).unwrap();
    ok(env, &["import", "json", export.to_str().unwrap()]);
    names
}

#[test]
fn a_large_store_damaged_at_its_end_prints_nothing_of_its_beginning() {
    let env = env();
    let names = import_many(&env, 4_000);
    assert_eq!(self::names(&env, &[]), names);
    let sealed = std::fs::read(store_of(&env)).unwrap();
    assert!(sealed.len() > 1_000_000, "several parts");
    let mut flipped = sealed.clone();
    *flipped.last_mut().unwrap() ^= 1;
    for damaged in [flipped, sealed[..sealed.len() - 1].to_vec()] {
        std::fs::write(store_of(&env), damaged).unwrap();
        for format in ["json", "jsonl", "plain", "table"] {
            let finished = env.run(&["ls", "--format", format]);
            assert_eq!((finished.code, finished.stdout.as_str()), (Some(10), ""), "{format}");
        }
        let finished = env.run(&["show", &names[0]]);
        assert_eq!((finished.code, finished.stdout.as_str()), (Some(10), ""));
    }
}

#[test]
fn a_store_that_age_sealed_is_read_as_well() {
    let env = env();
    let names = import_many(&env, 3_000);
    let export = ok(&env, &["export"]).stdout;
    let pretty: Value = serde_json::from_str(&export).unwrap();
    let pretty = serde_json::to_string_pretty(&pretty).unwrap();
    let plain = process::run({
        let mut age = env.command("age");
        age.args(["-d", "-i"]).arg(env.home().join("identity")).arg(store_of(&env));
        age
    });
    // In the lines that we write, and in another form of the same JSON.
    for text in [plain.stdout, pretty] {
        std::fs::write(env.home().join("plain"), text).unwrap();
        let mut age = env.command("age");
        age.args(["-e", "-i"]).arg(env.home().join("identity")).arg("-o").arg(store_of(&env));
        let sealed = process::run({
            age.arg(env.home().join("plain"));
            age
        });
        assert_eq!(sealed.code, Some(0), "{sealed:#?}");
        assert_eq!(self::names(&env, &[]), names);
        ok(&env, &["show", &names[2_999]]);
    }
}

#[test]
fn a_store_can_be_sealed_to_others() {
    let env = env();
    add(&env, "db", &[]);
    let other = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
    let added = json(&env, &["store", "recipients", "add", other]);
    assert_eq!(added["others"], serde_json::json!([other]));
    assert_eq!(added["own"].as_array().unwrap().len(), 1);
    let removed = json(&env, &["store", "recipients", "remove", other]);
    assert_eq!(removed["others"], serde_json::json!([]));
    env.run(&["store", "recipients", "remove", other]).fails_with(3, &[other]);
    env.run(&["store", "recipients", "add", "nonsense"]).fails_with(2, &["nonsense"]);
}

#[test]
fn the_words_of_the_older_script_still_work() {
    let env = env();
    ok(&env, &["--new", "db", "--target", BASTION, "--port", "5432"]);
    assert!(ok(&env, &["--list"]).stdout.contains("db"));
    env.run(&["--connect", "dbb"]).fails_with(3, &["`db`"]);
    ok(&env, &["--delete", "db", "-y"]);
    env.run(&["--change-password"]).fails_with(10, &["no passphrase to change"]);
}

#[test]
fn nothing_secret_is_said_and_the_file_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let env = env();
    add(&env, "db", &["--host", "very-private.internal"]);
    let mode = std::fs::metadata(store_of(&env)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let sealed = std::fs::read(store_of(&env)).unwrap();
    let text = String::from_utf8_lossy(&sealed);
    assert!(!text.contains("very-private"), "what is kept is encrypted");
    for arguments in [&["-vv", "ls"][..], &["-vv", "store", "verify"], &["-vv", "show", "db"]] {
        let finished = ok(&env, arguments);
        let said = format!("{}{}", finished.stdout, finished.stderr);
        assert!(!said.contains("AGE-SECRET-KEY"), "{said}");
    }
}

#[test]
fn open_permissions_are_repaired_with_a_warning() {
    use std::os::unix::fs::PermissionsExt;
    let env = env();
    add(&env, "db", &[]);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(store_of(&env), open).unwrap();
    assert!(ok(&env, &["ls"]).stderr.contains("warning:"));
    assert!(!ok(&env, &["ls"]).stderr.contains("warning:"), "once");
}

#[test]
fn every_command_of_the_documentation_works() {
    let env = env();
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let text = std::fs::read_to_string(root.join("docs/catalogue.md")).unwrap();
    let mut script = String::from("set -e\ncd \"$HOME\"\n");
    let mut inside = false;
    for line in text.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => script.push_str(&format!(
                "{line} || {{ echo 'FAILED: {}'; exit 1; }}\n",
                line.replace('\'', "")
            )),
            _ => {}
        }
    }
    let folder = env.home().join("bin");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(ssmpf_tests::program("ssmpf"), folder.join("ssmpf")).unwrap();
    let mut shell = env.command("sh");
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").unwrap());
    shell.env("PATH", path).arg("-c").arg(&script);
    let finished = process::run(shell);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert!(script.lines().count() > 20, "it has commands: {script}");
}
