//! Every failure that is the plugin's own, and the core's.

use ssmpf_tests::TestEnv;

use crate::nu::Nu;

#[test]
fn the_core_says_what_is_wrong_and_nushell_shows_where() {
    let nu = Nu::new().with_connections();
    let error = nu.error("ssmpf show prod-bd");
    assert_eq!(error.code, "ssmpf::not-found");
    assert_eq!(error.message, "no connection named `prod-bd`");
    assert_eq!(error.label, "not found");
    assert!(error.help.contains("did you mean `prod-db`?"), "{error:#?}");
    assert_eq!(error.place, "prod-bd");
    let error = nu.error("ssmpf edit web --port 70000");
    assert_eq!(error.code, "ssmpf::usage");
    assert_eq!(error.place, "--port 70000");
}

#[test]
fn a_failure_of_a_stream_is_an_error_too() {
    let nu = Nu::new();
    let error = nu.error("ssmpf connect nobody");
    assert_eq!(error.code, "ssmpf::not-found");
    let error = nu.error("ssmpf logs nobody | get event");
    assert_eq!(error.code, "ssmpf::not-found", "{error:#?}");
}

#[test]
fn a_locked_store_says_how_to_open_it_and_nothing_is_asked() {
    let nu = Nu::new().with_connections();
    let mut nu = nu;
    nu.env.set("SSMPF_IDENTITY_FILE", "");
    for line in ["ssmpf ls", "[web] | ssmpf up", "ssmpf show web"] {
        let error = nu.error(line);
        assert_eq!(error.code, "ssmpf::store-locked", "{error:#?}");
        assert!(error.help.contains("^ssmpf unlock"), "{error:#?}");
    }
    assert_eq!(nu.value("ssmpf | get connections"), "null", "a summary is given all the same");
}

#[test]
fn aws_failures_keep_their_kind() {
    let nu = Nu::in_env(TestEnv::new().with_store_key()).with_connections();
    let error = nu.error("ssmpf up stage-db");
    assert!(error.code.starts_with("ssmpf::"), "{error:#?}");
    let missing = nu.error("ssmpf add gone --target i-0ffffffffffffffff --port 1; ssmpf up gone");
    assert_eq!(missing.code, "ssmpf::target-not-connected", "{missing:#?}");
}

#[test]
fn a_missing_program_is_named_with_the_places() {
    let nu = Nu::new();
    std::fs::remove_file(nu.program()).expect("it was there");
    let error = nu.error("ssmpf ls");
    assert_eq!(error.code, "ssmpf::program-missing");
    assert!(error.help.contains(&nu.program().display().to_string()), "{error:#?}");
    assert!(
        error.help.contains("PATH") && error.help.contains("$env.config.plugins"),
        "{error:#?}"
    );
    assert_eq!(error.place, "ssmpf ls");
}

#[test]
fn a_configured_program_is_taken_and_a_wrong_one_is_said() {
    let nu = Nu::new();
    let other = nu.env.home().join("elsewhere");
    std::fs::create_dir(&other).expect("made");
    let other = other.join("my-ssmpf");
    std::os::unix::fs::symlink(ssmpf_tests::program("ssmpf"), &other).expect("a link");
    let configured =
        |path: &str| format!("$env.config.plugins = {{ssmpf: {{path: '{path}'}}}}; ssmpf");
    let path = other.display().to_string();
    assert_eq!(nu.ok(&format!("{} | get program", configured(&path))), path);
    let error = nu.error(&configured("/nowhere/ssmpf"));
    assert_eq!(error.code, "ssmpf::program-missing");
    assert!(error.help.contains("/nowhere/ssmpf"), "{error:#?}");
}

#[test]
fn programs_of_other_times_are_recognised() {
    for (script, code, says) in [
        (r#"echo '{"schema":"ssmpf/0","connections":[]}'"#, "core-too-old", "speaks ssmpf/0"),
        (r#"echo '{"schema":"ssmpf/2","connections":[]}'"#, "core-too-new", "speaks ssmpf/2"),
        (
            r#"echo '{"schema":"ssmpf/2","connections":{"db":{}}}'"#,
            "core-too-new",
            "speaks ssmpf/2",
        ),
        (r#"echo '{"schema":"ssmpf/1","connections":{"db":{}}}'"#, "core-too-old", "no JSON"),
        (r#"echo '{"connections":[]}'"#, "core-too-old", "no schema"),
        (r#"echo '{"schema":"ssmpf/1"}'"#, "core-too-old", "`connections`"),
        ("echo hello", "core-too-old", "no JSON"),
        ("echo 'what is this?' >&2; exit 64", "core-too-old", "what is this?"),
        ("kill -9 $$", "core-too-old", "killed"),
        (
            r#"echo '{"schema":"ssmpf/1","error":{"kind":"usage","message":"unexpected argument '"'--end-with-stdin'"' found","hint":null,"causes":[]}}' >&2; exit 2"#,
            "core-too-old",
            "--end-with-stdin",
        ),
    ] {
        let nu = Nu::new();
        nu.replace_program(script);
        let error = nu.error("ssmpf ls");
        assert_eq!(error.code, format!("ssmpf::{code}"), "{script}: {error:#?}");
        assert!(error.message.contains(says), "{script}: {error:#?}");
        assert!(error.help.contains("release"), "{script}: {error:#?}");
    }
}

#[test]
fn what_a_newer_program_of_the_same_schema_adds_is_shown() {
    let nu = Nu::new();
    nu.replace_program(
        r#"echo '{"schema":"ssmpf/1","news":1,"connections":[{"name":"db","port":1,"mood":{"colour":"red"}}]}'"#,
    );
    assert_eq!(
        nu.value("ssmpf ls | select name port mood"),
        "[[name, port, mood]; [db, 1, {colour: red}]]"
    );
    nu.replace_program(
        r#"echo '{"schema":"ssmpf/1","error":{"kind":"too-hot","message":"`web` burns","hint":"wait","causes":[]}}' >&2; exit 77"#,
    );
    let error = nu.error("ssmpf show web");
    assert_eq!((error.code.as_str(), error.help.as_str()), ("ssmpf::too-hot", "wait"));
}

#[test]
fn commands_of_the_program_that_the_plugin_does_not_have_are_pointed_to() {
    let nu = Nu::new();
    let error = nu.error("ssmpf pick");
    assert_eq!(error.code, "ssmpf::input");
    assert!(error.help.contains("^ssmpf pick"), "{error:#?}");
    assert_eq!(error.place, "pick");
}
