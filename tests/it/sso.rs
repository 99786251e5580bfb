//! IAM Identity Center: signing in, renewing, signing out.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use ssmpf_emulator::Portal;
use ssmpf_tests::{BASTION, PATIENCE, Terminal, TestEnv, process, servers};

const START_URL: &str = "https://corp.awsapps.com/start";

const CONFIG: &str = "[sso-session corp]\nsso_region = eu-west-1\n\
    sso_start_url = https://corp.awsapps.com/start\n\
    sso_registration_scopes = sso:account:access\n\
    [profile dev]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = Developer\n\
    region = eu-west-1\n\
    [profile ops]\nsso_session = corp\nsso_account_id = 222222222222\nsso_role_name = Operator\n\
    region = eu-west-1\n\
    [profile old]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\
    sso_account_id = 111111111111\nsso_role_name = Developer\nregion = eu-west-1\n\
    [profile foreign]\nsso_session = corp\nsso_account_id = 999999999999\nsso_role_name = Admin\n\
    region = eu-west-1\n";

pub(crate) fn portal() -> Portal {
    Portal::new(START_URL).assigns("111111111111", "Developer").assigns("222222222222", "Operator")
}

pub(crate) fn env_with(portal: Portal) -> TestEnv {
    let env = TestEnv::with(|builder| builder.portal(portal));
    fs::create_dir_all(env.home().join(".aws")).unwrap();
    fs::write(env.home().join(".aws/config"), CONFIG).unwrap();
    env
}

fn env() -> TestEnv {
    env_with(portal())
}

/// Makes a browser that is curl, and lets the programs of this test use it.
pub(crate) fn with_browser(env: &mut TestEnv) {
    let script = env.home().join("browser");
    let seen = env.home().join("page.html");
    let text = format!("#!/bin/sh\nexec curl -sSL -o {} \"$1\"\n", seen.display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    env.set("BROWSER", script.to_str().unwrap());
}

fn token_path(env: &TestEnv) -> PathBuf {
    let folder = env.home().join(".aws/sso/cache");
    let files = fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
    let mut tokens = files
        .filter(|path| fs::read_to_string(path).is_ok_and(|text| text.contains("accessToken")));
    tokens.next().expect("a sign-in is kept")
}

fn read(path: &std::path::Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

pub(crate) fn change_token(env: &TestEnv, change: impl FnOnce(&mut Value)) {
    let path = token_path(env);
    let mut token = read(&path);
    change(&mut token);
    fs::write(&path, token.to_string()).unwrap();
}

fn forward<'a>(profile: &'a str, port: &'a str) -> Vec<&'a str> {
    vec!["--profile", profile, "--target", BASTION, "--port", port]
}

/// Starts and stops a forward with this profile.
fn opens(env: &TestEnv, profile: &str) {
    let port = servers::echo().port().to_string();
    env.forward(&forward(profile, &port)).stop();
}

fn try_forward(env: &TestEnv, profile: &str) -> process::Finished {
    let mut all = vec!["forward"];
    all.extend(forward(profile, "80"));
    env.run(&all)
}

#[test]
fn signing_in_with_the_browser_opens_every_profile_of_the_session() {
    let mut env = env();
    with_browser(&mut env);
    let finished = env.run(&["login", "--profile", "dev", "--json"]);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    let document: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(document["signed_in_to"], "sso-session `corp`");
    assert!(document["until"].as_str().is_some_and(|time| time.ends_with('Z')), "{document}");
    let page = fs::read_to_string(env.home().join("page.html")).unwrap();
    assert!(page.contains("<h1>Signed in</h1>"), "{page}");

    let path = token_path(&env);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let token = read(&path);
    for key in ["clientId", "clientSecret", "refreshToken", "registrationExpiresAt", "expiresAt"] {
        assert!(token[key].is_string(), "{key} is missing");
    }
    assert_eq!((&token["startUrl"], &token["region"]), (&json!(START_URL), &json!("eu-west-1")));

    opens(&env, "dev");
    opens(&env, "ops");
    let starts: Vec<_> =
        env.emulator.calls().into_iter().filter(|it| it.operation == "StartSession").collect();
    assert!(starts.iter().all(|it| it.access_key.as_ref().unwrap().starts_with("ASIA")));
    assert_eq!(env.emulator.call_count("RegisterClient"), 1);
    // What the portal gave is kept where the AWS CLI keeps it.
    opens(&env, "dev");
    assert_eq!(env.emulator.call_count("GetRoleCredentials"), 2);
}

#[test]
fn without_a_browser_the_address_is_printed() {
    let env = env();
    let mut command = env.ssmpf(&["login", "--sso-session", "corp", "--no-browser"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let url = loop {
        let line = servers::read_line(&mut stderr);
        assert!(!line.is_empty(), "it ended without an address");
        if line.trim().starts_with("http") {
            break line.trim().to_owned();
        }
    };
    assert!(url.contains("/authorize?") && url.contains("code_challenge_method=S256"), "{url}");
    let mut curl = env.command("curl");
    curl.args(["-sSL", &url]);
    let page = process::run(curl);
    assert!(page.stdout.contains("Signed in"), "{page:#?}");
    assert!(process::wait(&mut child, PATIENCE).unwrap().success());
    opens(&env, "dev");
}

#[test]
fn a_code_works_where_there_is_no_browser() {
    let env = env_with(portal().waits_for_the_page());
    let mut command = env.ssmpf(&["login", "--profile", "dev", "--device-code"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let (mut url, mut code) = (String::new(), String::new());
    while code.is_empty() {
        let line = servers::read_line(&mut stderr);
        assert!(!line.is_empty(), "it ended without a code");
        if line.trim().starts_with("http") {
            url = line.trim().to_owned();
        }
        if let Some(text) = line.trim().strip_prefix("The code is ") {
            code = text.to_owned();
        }
    }
    let asked = |e: &ssmpf_emulator::Emulator| e.call_count("CreateToken") > 0;
    assert!(env.emulator.wait_until(PATIENCE, asked), "it asks while nobody has entered the code");
    let mut curl = env.command("curl");
    curl.args(["-sS", &format!("{url}?user_code={code}")]);
    assert!(process::run(curl).stdout.contains("approved"));
    assert!(process::wait(&mut child, PATIENCE).unwrap().success());
    opens(&env, "dev");
}

#[test]
fn profiles_of_the_older_kind_sign_in_with_a_code() {
    let mut env = env();
    with_browser(&mut env);
    let finished = env.run(&["login", "--profile", "old"]);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert!(finished.stderr.contains("The code is "), "{finished:#?}");
    assert!(read(&token_path(&env))["refreshToken"].is_null(), "no scopes, no renewal");
    opens(&env, "old");
    try_forward(&env, "dev").fails_with(4, &["there is no sign-in to sso-session `corp`"]);
}

#[test]
fn signing_in_works_behind_an_authority_of_ones_own() {
    let env = TestEnv::with(|builder| builder.portal(portal()).tls());
    fs::create_dir_all(env.home().join(".aws")).unwrap();
    fs::write(env.home().join(".aws/config"), CONFIG).unwrap();
    let finished = env.run(&["login", "--profile", "dev", "--device-code"]);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    opens(&env, "dev");
}

#[test]
fn a_refusal_is_said_as_such() {
    let mut env = env();
    with_browser(&mut env);
    env.emulator.deny_sign_ins(true);
    env.run(&["login", "--profile", "dev"]).fails_with(4, &["was refused", "access_denied"]);
    env.run(&["login", "--profile", "dev", "--device-code"]).fails_with(4, &["was refused"]);
    try_forward(&env, "dev").fails_with(4, &["there is no sign-in"]);
}

#[test]
fn where_a_sign_in_cannot_be_kept_nobody_is_asked_for_one() {
    let env = env();
    fs::write(env.home().join(".aws/sso"), "in the way").unwrap();
    let finished = env.run(&["login", "--profile", "dev", "--device-code"]);
    finished.fails_with(1, &["no place for the sign-in", ".aws/sso/cache"]);
    assert_eq!(env.emulator.call_count("RegisterClient"), 0);
}

#[test]
fn without_a_terminal_the_command_to_run_is_said() {
    let mut env = env();
    try_forward(&env, "dev")
        .fails_with(4, &["there is no sign-in", "hint: sign in with `ssmpf login --profile dev`"]);
    with_browser(&mut env);
    env.run(&["login", "--profile", "dev"]);
    change_token(&env, |token| {
        token["expiresAt"] = "2020-01-01T00:00:00Z".into();
        token.as_object_mut().unwrap().remove("refreshToken");
    });
    let finished = env.run(&[&["--json", "forward"][..], &forward("dev", "80")].concat());
    assert_eq!(finished.code, Some(4));
    let error: Value = serde_json::from_str(finished.stderr.lines().last().unwrap()).unwrap();
    assert_eq!(error["error"]["kind"], "sign-in-required");
    assert_eq!(error["error"]["message"], "the sign-in to sso-session `corp` has expired");
    assert_eq!(env.emulator.call_count("GetRoleCredentials"), 0, "it is seen in the file");
}

#[test]
fn a_damaged_sign_in_is_named() {
    let mut env = env();
    with_browser(&mut env);
    env.run(&["login", "--profile", "dev"]);
    fs::write(token_path(&env), "{\"accessToken\": \"ha").unwrap();
    try_forward(&env, "dev").fails_with(4, &["cannot be read", "damaged", "ssmpf login"]);
    assert_eq!(env.run(&["login", "--profile", "dev"]).code, Some(0), "a new one overwrites it");
    opens(&env, "dev");
}

#[test]
fn a_sign_in_that_is_due_is_renewed_without_a_person() {
    let mut env = env_with(portal().token_lasts(600));
    with_browser(&mut env);
    env.run(&["login", "--profile", "dev"]);
    let before = read(&token_path(&env));
    opens(&env, "dev");
    let after = read(&token_path(&env));
    assert_ne!(before["accessToken"], after["accessToken"]);
    assert_ne!(before["refreshToken"], after["refreshToken"]);
    assert_eq!(before["clientId"], after["clientId"]);
    change_token(&env, |token| token["expiresAt"] = "2020-01-01T00:00:00UTC".into());
    opens(&env, "ops");
}

#[test]
fn many_that_notice_the_end_at_once_renew_it_once() {
    let mut env = env();
    with_browser(&mut env);
    env.run(&["login", "--profile", "dev"]);
    let signed_in = env.emulator.call_count("CreateToken");
    let expire = || change_token(&env, |it| it["expiresAt"] = "2020-01-01T00:00:00Z".into());
    env.emulator.faults().api_latency(std::time::Duration::from_millis(50));
    expire();
    // Profiles of one process.
    let both = env.run(&["targets", "--profile", "dev", "--profile", "ops", "--json"]);
    let document: Value = serde_json::from_str(&both.stdout).expect("a document");
    assert_eq!(document["failures"], json!([]), "{both:#?}");
    assert_eq!(env.emulator.call_count("CreateToken"), signed_in + 1);
    // Processes.
    expire();
    std::thread::scope(|scope| {
        let all =
            (0..4).map(|_| scope.spawn(|| env.run(&["targets", "--profile", "dev", "--refresh"])));
        for one in all.collect::<Vec<_>>() {
            let finished = one.join().unwrap();
            assert_eq!(finished.code, Some(0), "{finished:#?}");
        }
    });
    assert_eq!(env.emulator.call_count("CreateToken"), signed_in + 2);
}

#[test]
fn a_renewal_that_is_refused_leads_to_a_sign_in() {
    let mut env = env();
    with_browser(&mut env);
    env.run(&["login", "--profile", "dev"]);
    change_token(&env, |token| token["expiresAt"] = "2020-01-01T00:00:00Z".into());
    env.emulator.end_sign_ins();
    try_forward(&env, "dev")
        .fails_with(4, &["has expired", "InvalidGrantException", "ssmpf login"]);
}

#[test]
fn a_session_that_was_ended_on_the_server_is_told_from_one_that_expired() {
    let mut env = env();
    with_browser(&mut env);
    env.run(&["login", "--profile", "dev"]);
    env.emulator.end_sign_ins();
    try_forward(&env, "dev").fails_with(4, &["was ended", "UnauthorizedException", "ssmpf login"]);
}

#[test]
fn a_role_that_is_not_assigned_is_no_matter_of_signing_in() {
    let mut env = env();
    with_browser(&mut env);
    env.run(&["login", "--profile", "foreign"]);
    try_forward(&env, "foreign").fails_with(5, &["Admin", "999999999999", "will not help"]);
}

#[test]
fn a_portal_that_is_busy_is_asked_again() {
    let mut env = env();
    with_browser(&mut env);
    env.run(&["login", "--profile", "dev"]);
    env.emulator.faults().fails("GetRoleCredentials", "TooManyRequestsException", 2);
    opens(&env, "dev");
    fs::remove_dir_all(env.home().join(".aws/cli")).unwrap();
    env.emulator.faults().fails("GetRoleCredentials", "TooManyRequestsException", 9);
    try_forward(&env, "dev").fails_with(1, &["asks for fewer calls"]);
}

#[test]
fn a_moment_without_service_does_not_end_a_sign_in_with_a_code() {
    let env = env();
    env.emulator.faults().fails("CreateToken", "TooManyRequestsException", 4);
    let finished = env.run(&["login", "--profile", "dev", "--device-code"]);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert_eq!(finished.stderr.matches("The code is").count(), 1);
}

#[test]
fn a_registration_is_used_again_until_the_service_forgets_it() {
    let mut env = env();
    with_browser(&mut env);
    for _ in 0..2 {
        assert_eq!(env.run(&["login", "--sso-session", "corp", "--device-code"]).code, Some(0));
    }
    assert_eq!(env.emulator.call_count("RegisterClient"), 1);
    env.emulator.forget_clients();
    assert_eq!(env.run(&["login", "--sso-session", "corp", "--device-code"]).code, Some(0));
    assert_eq!(env.emulator.call_count("RegisterClient"), 2);
}

#[test]
fn on_a_terminal_an_expired_sign_in_is_renewed_and_the_command_goes_on() {
    let mut env = env();
    with_browser(&mut env);
    let port = servers::echo().port().to_string();
    let all = [&["forward"][..], &forward("dev", &port)].concat();
    let terminal = Terminal::start(&env.ssmpf(&all));
    let shown = terminal.wait_for_times("ready in", 1);
    assert!(shown.contains("there is no sign-in"), "{shown}");
    assert!(shown.contains("signed in to sso-session `corp`"), "{shown}");
    process::signal(terminal.id(), "TERM");
}

#[test]
fn no_input_means_that_nobody_is_asked_on_a_terminal_either() {
    let mut env = env();
    with_browser(&mut env);
    let all = [&["--no-input", "forward"][..], &forward("dev", "80")].concat();
    let (code, shown) = Terminal::start(&env.ssmpf(&all)).finish();
    assert_eq!(code, Some(4), "{shown}");
    assert_eq!(env.emulator.call_count("RegisterClient"), 0);
}

#[test]
fn one_sign_in_serves_connections_that_are_opened_together() {
    let mut env = env();
    with_browser(&mut env);
    env.set("SSMPF_PASSPHRASE", "correct horse").set("SSMPF_KEYRING", "off");
    for (name, profile) in [("a", "dev"), ("b", "ops"), ("c", "dev")] {
        let added =
            env.run(&["add", name, "--profile", profile, "--target", BASTION, "--port", "80"]);
        assert_eq!(added.code, Some(0), "{added:#?}");
    }
    let terminal = Terminal::start(&env.ssmpf(&["connect", "a", "b", "c"]));
    terminal.wait_for_times("ready in", 3);
    assert_eq!(env.emulator.call_count("Authorize"), 1);
    process::signal(terminal.id(), "TERM");
}

#[test]
fn signing_out_ends_the_session_and_forgets_its_credentials() {
    let mut env = env();
    with_browser(&mut env);
    env.run(&["login", "--profile", "dev"]);
    opens(&env, "dev");
    let finished = env.run(&["logout"]);
    assert_eq!((finished.code, finished.stderr.as_str()), (Some(0), "signed out\n"));
    assert_eq!(env.emulator.call_count("Logout"), 1);
    assert_eq!(fs::read_dir(env.home().join(".aws/cli/cache")).unwrap().count(), 0);
    try_forward(&env, "dev").fails_with(4, &["there is no sign-in"]);
    let again = env.run(&["logout", "--json"]);
    let done: Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(done["changed"], false);
}

#[test]
fn signing_out_of_one_profile_leaves_the_others() {
    let mut env = env();
    with_browser(&mut env);
    env.run(&["login", "--profile", "dev"]);
    env.run(&["login", "--profile", "old"]);
    assert_eq!(env.run(&["logout", "--profile", "old"]).code, Some(0));
    try_forward(&env, "old").fails_with(4, &["there is no sign-in"]);
    opens(&env, "dev");
}

#[test]
fn profiles_show_who_is_signed_in_without_a_call() {
    let mut env = env();
    with_browser(&mut env);
    let state = |env: &TestEnv| {
        let finished = env.run(&["profiles", "--json"]);
        let listing: Value = serde_json::from_str(&finished.stdout).unwrap();
        let profiles = listing["profiles"].as_array().unwrap().clone();
        let of = |name: &str| {
            let profile = profiles.iter().find(|it| it["name"] == name).unwrap();
            profile["sign_in"]["state"].as_str().unwrap().to_owned()
        };
        (of("dev"), of("ops"), of("old"))
    };
    let text = |a: &str, b: &str, c: &str| (a.to_owned(), b.to_owned(), c.to_owned());
    assert_eq!(state(&env), text("never", "never", "never"));
    env.run(&["login", "--profile", "dev"]);
    let calls = env.emulator.calls().len();
    assert_eq!(state(&env), text("signed-in", "signed-in", "never"));
    change_token(&env, |token| {
        token["expiresAt"] = "2020-01-01T00:00:00Z".into();
        token["registrationExpiresAt"] = "2020-01-01T00:00:00Z".into();
    });
    assert_eq!(state(&env), text("expired", "expired", "never"));
    let table = env.run(&["profiles"]).stdout;
    let row = table.lines().find(|line| line.starts_with("dev ")).unwrap();
    for part in ["sso-session", "expired", "111111111111", "Developer", "eu-west-1"] {
        assert!(row.contains(part), "{part} is missing: {row}");
    }
    assert_eq!(env.run(&["profiles", "--format", "plain"]).stdout, "dev\nforeign\nold\nops\n");
    assert_eq!(env.emulator.calls().len(), calls);
}

#[test]
fn a_session_that_does_not_exist_brings_the_near_name() {
    let env = env();
    env.run(&["login", "--sso-session", "crop"]).fails_with(2, &["did you mean `corp`?"]);
}

#[test]
fn secrets_of_a_sign_in_are_in_no_log() {
    let mut env = env_with(portal().token_lasts(600));
    with_browser(&mut env);
    let mut log = env.run(&["-vv", "login", "--profile", "dev"]).stderr;
    let first = read(&token_path(&env));
    // Renewed on the way, with all that belongs to it.
    log.push_str(
        &env.run(&[
            "-vv",
            "forward",
            "--profile",
            "dev",
            "--target",
            "i-0fedcba9876543210",
            "--port",
            "80",
        ])
        .stderr,
    );
    let second = read(&token_path(&env));
    assert_ne!(first, second);
    assert!(log.len() > 200, "it does log: {log}");
    let folder = fs::read_dir(env.home().join(".aws/cli/cache")).unwrap();
    let role = read(&folder.flatten().next().unwrap().path());
    let secrets = [
        &first["accessToken"],
        &first["refreshToken"],
        &first["clientSecret"],
        &second["accessToken"],
        &second["refreshToken"],
        &role["Credentials"]["SecretAccessKey"],
        &role["Credentials"]["SessionToken"],
    ];
    for secret in secrets {
        assert!(!log.contains(secret.as_str().unwrap()), "{secret} is in the log: {log}");
    }
}
