//! Roles, second factors and every other kind of credentials.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::{Value, json};
use sha2::Digest;
use ssmpf_emulator::{Builder, DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Role};
use ssmpf_tests::{BASTION, Terminal, TestEnv, process, servers};

const ADMIN: &str = "arn:aws:iam::222222222222:role/Admin";
const DEVICE: &str = "arn:aws:iam::123456789012:mfa/alice";

/// An environment whose profile `base` has good keys; the variables have none.
fn env(change: impl FnOnce(Builder) -> Builder, config: &str) -> TestEnv {
    let mut env = TestEnv::with(change);
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        env.set(name, "");
    }
    fs::create_dir_all(env.home().join(".aws")).unwrap();
    let keys = format!(
        "[base]\naws_access_key_id = {DEFAULT_ACCESS_KEY}\naws_secret_access_key = \
         {DEFAULT_SECRET_KEY}\n"
    );
    fs::write(env.home().join(".aws/credentials"), keys).unwrap();
    fs::write(env.home().join(".aws/config"), config).unwrap();
    env
}

pub(crate) fn with_mfa() -> TestEnv {
    env(
        |builder| {
            let role = Role::new(ADMIN).wants_mfa().lasting(7200);
            builder.role(role).mfa_device(DEVICE, &["111111", "222222"])
        },
        &format!(
            "[profile admin]\nrole_arn = {ADMIN}\nsource_profile = base\nmfa_serial = {DEVICE}\n\
             region = eu-west-1\n"
        ),
    )
}

fn arguments<'a>(profile: &'a str, port: &'a str) -> Vec<&'a str> {
    vec!["forward", "--profile", profile, "--target", BASTION, "--port", port]
}

fn try_forward(env: &TestEnv, profile: &str) -> process::Finished {
    env.run(&arguments(profile, "80"))
}

/// Starts and stops a forward, and returns the access key that started its session.
fn key_of_forward(env: &TestEnv, profile: &[&str]) -> String {
    let port = servers::echo().port().to_string();
    env.forward(&[profile, &["--target", BASTION, "--port", &port]].concat()).stop();
    let calls = env.emulator.calls();
    let start = calls.iter().rev().find(|call| call.operation == "StartSession").unwrap();
    start.access_key.clone().unwrap()
}

fn is_temporary(key: &str) -> bool {
    key.starts_with("ASIA")
}

fn script(env: &TestEnv, name: &str, text: &str) -> String {
    let path = env.home().join(name);
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_role_that_wants_a_code_asks_for_it_once() {
    let env = with_mfa();
    let port = servers::echo().port().to_string();
    let mut terminal = Terminal::start(&env.ssmpf(&arguments("admin", &port)));
    let question = format!("Enter MFA code for {DEVICE}");
    terminal.wait_for_times(&question, 1);
    terminal.type_line("999999");
    let shown = terminal.wait_for_times(&question, 2);
    assert!(shown.contains("the code is wrong"), "{shown}");
    terminal.type_line("12345");
    let shown = terminal.wait_for_times(&question, 3);
    assert!(shown.contains("a code has six digits"), "{shown}");
    terminal.type_line("111111");
    let shown = terminal.wait_for_times("ready in", 1);
    assert!(!shown.contains("111111"), "the code is not shown: {shown}");
    process::signal(terminal.id(), "TERM");
    assert_eq!(env.emulator.call_count("AssumeRole"), 2, "what is no code is not sent");

    // The next command finds what the code opened, though it has no terminal.
    assert!(is_temporary(&key_of_forward(&env, &["--profile", "admin"])));
    assert_eq!(env.emulator.call_count("AssumeRole"), 2);
}

#[test]
fn login_asks_for_a_code_too() {
    let env = with_mfa();
    let mut terminal = Terminal::start(&env.ssmpf(&["login", "--profile", "admin"]));
    terminal.wait_for_times("Enter MFA code", 1);
    terminal.type_line("222222");
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains(&format!("signed in with a code of {DEVICE}")), "{shown}");
    // The code is good for the next time, too, which is said rather than nothing.
    let again = env.run(&["login", "--profile", "admin"]);
    assert_eq!(again.code, Some(0), "{again:#?}");
    assert_eq!(again.stderr, format!("signed in with a code of {DEVICE}\n"));
    let listing: Value = serde_json::from_str(&env.run(&["profiles", "--json"]).stdout).unwrap();
    let admin = &listing["profiles"][0];
    assert_eq!((&admin["name"], &admin["kind"]), (&json!("admin"), &json!("assume-role-mfa")));
    assert_eq!(admin["sign_in"]["state"], "signed-in");
    assert_eq!(admin["account"], "222222222222");
    assert_eq!(env.run(&["logout", "--profile", "admin"]).code, Some(0));
    try_forward(&env, "admin").fails_with(4, &["wants a code"]);
    env.run(&["login", "--profile", "admin"])
        .fails_with(4, &["was given", "hint: try again on a terminal"]);
}

#[test]
fn without_a_terminal_a_role_that_wants_a_code_names_the_command() {
    let env = with_mfa();
    try_forward(&env, "admin")
        .fails_with(4, &["wants a code of", DEVICE, "`ssmpf login --profile admin`"]);
    assert_eq!(env.emulator.call_count("AssumeRole"), 0);
    let mut terminal = Terminal::start(&env.ssmpf(&arguments("admin", "80")));
    terminal.wait_for_times("Enter MFA code", 1);
    terminal.send(ssmpf_tests::keys::CTRL_C);
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(4), "{shown}");
}

#[test]
fn a_question_that_is_cut_short_leaves_the_terminal_as_it_was() {
    let env = with_mfa();
    let mut terminal = Terminal::start(&env.ssmpf(&arguments("admin", "80")));
    terminal.wait_for_times("Enter MFA code", 1);
    assert!(!terminal.echoes());
    process::signal(terminal.id(), "TERM");
    terminal.wait_until_closed();
    assert!(terminal.echoes());
}

#[test]
fn a_device_of_somebody_else_is_named() {
    let env = env(
        |builder| builder.role(Role::new(ADMIN).wants_mfa()),
        &format!(
            "[profile admin]\nrole_arn = {ADMIN}\nsource_profile = base\nmfa_serial = {DEVICE}\n\
             region = eu-west-1\n"
        ),
    );
    let mut terminal = Terminal::start(&env.ssmpf(&arguments("admin", "80")));
    terminal.wait_for_times("Enter MFA code", 1);
    terminal.type_line("123456");
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(4), "{shown}");
    assert!(shown.contains("is not your device"), "{shown}");
}

#[test]
fn a_chain_of_roles_is_walked_with_all_that_it_wants() {
    let middle = "arn:aws:iam::123456789012:role/hub/Middle";
    let env = env(
        |builder| {
            let middle = Role::new(middle).wants_external_id("xyz").lasting(7200);
            builder.role(middle).role(Role::new(ADMIN))
        },
        &format!(
            "[profile middle]\nrole_arn = {middle}\nsource_profile = base\nexternal_id = xyz\n\
             duration_seconds = 7200\n[profile admin]\nrole_arn = {ADMIN}\nsource_profile = middle\n\
             role_session_name = alice\nregion = eu-west-1\n"
        ),
    );
    assert!(is_temporary(&key_of_forward(&env, &["--profile", "admin"])));
    assert_eq!(env.emulator.call_count("AssumeRole"), 2);
}

#[test]
fn what_is_wrong_with_a_role_is_said() {
    let role = |more: &str| {
        let text = format!(
            "[profile admin]\nrole_arn = {ADMIN}\nsource_profile = base\nregion = eu-west-1\n{more}"
        );
        env(|builder| builder.role(Role::new(ADMIN).wants_external_id("x")), &text)
    };
    try_forward(&role(""), "admin").fails_with(5, &["may not be assumed", "mfa_serial"]);
    try_forward(&role("external_id = x\nduration_seconds = 43200\n"), "admin")
        .fails_with(2, &["`duration_seconds` is more than", "MaxSessionDuration"]);
    let circle = "[profile a]\nrole_arn = A\nsource_profile = b\nregion = eu-west-1\n\
        [profile b]\nrole_arn = B\nsource_profile = a\n";
    try_forward(&env(|builder| builder, circle), "a").fails_with(2, &["round in a circle"]);
    let expired = env(
        |builder| {
            let builder = builder.role(Role::new(ADMIN));
            builder.expired_credentials("ASIAEXPIRED000000001", "secret", "token")
        },
        &format!(
            "[profile admin]\nrole_arn = {ADMIN}\nsource_profile = old\nregion = eu-west-1\n\
             [profile old]\naws_access_key_id = ASIAEXPIRED000000001\n\
             aws_secret_access_key = secret\naws_session_token = token\n"
        ),
    );
    try_forward(&expired, "admin").fails_with(4, &["have expired", "ExpiredToken"]);
}

#[test]
fn the_same_role_session_name_is_used_at_every_renewal() {
    let mut env = env(
        |builder| builder.role(Role::new(ADMIN)),
        &format!(
            "[profile admin]\nrole_arn = {ADMIN}\nsource_profile = base\nregion = eu-west-1\n"
        ),
    );
    env.set("USER", "alice");
    let port = servers::echo().port().to_string();
    let tunnel = env.forward(&["--profile", "admin", "--target", BASTION, "--port", &port]);
    let identity = tunnel.wait_for("signed_in_as");
    assert_eq!(identity["arn"], "arn:aws:sts::222222222222:assumed-role/Admin/alice");
    assert_eq!(
        (&identity["account"], &identity["role"]),
        (&json!("222222222222"), &json!("Admin"))
    );
    tunnel.stop();
}

#[test]
fn a_web_identity_opens_a_role() {
    let mut env = env(
        |builder| builder.role(Role::new(ADMIN)).web_identity("header.claims.signature"),
        "[profile web]\nregion = eu-west-1\n",
    );
    let token = env.home().join("token");
    fs::write(&token, "header.claims.signature\n").unwrap();
    let config = format!(
        "[profile web]\nregion = eu-west-1\nrole_arn = {ADMIN}\nweb_identity_token_file = {}\n",
        token.display()
    );
    fs::write(env.home().join(".aws/config"), config).unwrap();
    assert!(is_temporary(&key_of_forward(&env, &["--profile", "web"])));
    env.set("AWS_ROLE_ARN", ADMIN).set("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap());
    assert!(is_temporary(&key_of_forward(&env, &[])));
    fs::write(&token, "other").unwrap();
    try_forward(&env, "web").fails_with(4, &["web identity token", "InvalidIdentityToken"]);
    fs::remove_file(&token).unwrap();
    try_forward(&env, "web").fails_with(4, &["cannot be read", "web_identity_token_file"]);
}

#[test]
fn a_program_may_print_credentials() {
    let env = env(|builder| builder, "");
    let answer = json!({
        "Version": 1,
        "AccessKeyId": DEFAULT_ACCESS_KEY,
        "SecretAccessKey": DEFAULT_SECRET_KEY,
    });
    let program = script(&env, "helper", &format!("echo '{answer}'"));
    let failing = script(&env, "failing", "echo 'the vault is sealed' >&2; exit 3");
    let config = format!(
        "[profile good]\nregion = eu-west-1\ncredential_process = {program}\n\
         [profile bad]\nregion = eu-west-1\ncredential_process = {failing}\n"
    );
    fs::write(env.home().join(".aws/config"), config).unwrap();
    assert_eq!(key_of_forward(&env, &["--profile", "good"]), DEFAULT_ACCESS_KEY);
    try_forward(&env, "bad").fails_with(4, &["profile `bad`", "the vault is sealed"]);
}

#[test]
fn a_profile_of_aws_login_is_used_and_signed_in_to_with_the_cli() {
    let mut env = env(
        |builder| builder.credentials("ASIACONSOLE00000001", "secret", Some("token")),
        "[profile console]\nregion = eu-west-1\nlogin_session = arn:aws:iam::123456789012:user/me\n",
    );
    try_forward(&env, "console").fails_with(4, &["there is no sign-in", "ssmpf login"]);
    env.run(&["login", "--profile", "console"]).fails_with(4, &["AWS CLI"]);
    // A stand-in for the CLI that leaves what the real one leaves.
    let cache = env.home().join("logins");
    let bin = env.home().join("bin");
    fs::create_dir_all(&bin).unwrap();
    let content = json!({
        "accessToken": {
            "accessKeyId": "ASIACONSOLE00000001", "secretAccessKey": "secret",
            "sessionToken": "token", "accountId": "123456789012",
            "expiresAt": "2099-01-01T00:00:00Z",
        },
        "tokenType": "aws_sigv4", "refreshToken": "r", "idToken": "i",
        "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": "",
    });
    let text = format!(
        "[ \"$*\" = 'login --profile console' ] || exit 9\nmkdir -p {0}\nname=$(printf %s \
         arn:aws:iam::123456789012:user/me | sha256sum | cut -d' ' -f1)\n\
         cat > {0}/$name.json <<'END'\n{content}\nEND",
        cache.display()
    );
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    env.set("PATH", &path).set("AWS_LOGIN_CACHE_DIRECTORY", cache.to_str().unwrap());
    let of_version = |number: &str| {
        format!("[ \"$1\" = --version ] && exec echo aws-cli/{number} Python/3.13\n{text}")
    };
    script(&env, "bin/aws", &of_version("2.31.9"));
    env.run(&["login", "--profile", "console"]).fails_with(4, &["version 2.31", "2.32"]);
    assert!(!cache.exists(), "it was not even started");
    script(&env, "bin/aws", &of_version("2.32.0"));
    let finished = env.run(&["login", "--profile", "console"]);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert_eq!(key_of_forward(&env, &["--profile", "console"]), "ASIACONSOLE00000001");
}

/// A key of nobody, for proofs to the emulator.
const DPOP_KEY: &str = "-----BEGIN EC PRIVATE KEY-----\n\
    MHcCAQEEIMTRsoTWVlGxN9H0tjl4mVsA04PGNbGDPcrLXIOVT0oloAoGCCqGSM49\n\
    AwEHoUQDQgAELMw/UXEP1h3JlolbyTj5R94hNTqUUXO/lQK8MYoKcqpUlfRSGy+o\n\
    +MeCK/Vv6EmDh00sQRQHiy3JCyG/GBjmrg==\n-----END EC PRIVATE KEY-----\n";

#[test]
fn what_aws_login_left_is_renewed_until_the_session_is_over() {
    let config = "[profile console]\nregion = eu-west-1\nlogin_session = arn:aws:iam::123456789012:user/me\n";
    let mut env = env(|builder| builder.console_session("first"), config);
    let cache = env.home().join("logins");
    fs::create_dir_all(&cache).unwrap();
    env.set("AWS_LOGIN_CACHE_DIRECTORY", cache.to_str().unwrap());
    // SHA-256 of the ARN.
    let name = sha2::Sha256::digest("arn:aws:iam::123456789012:user/me");
    let name: String = name.iter().map(|byte| format!("{byte:02x}")).collect();
    let file = cache.join(format!("{name}.json"));
    let write = |refresh: &str| {
        let content = json!({
            "accessToken": {
                "accessKeyId": "ASIAOVER", "secretAccessKey": "s", "sessionToken": "t",
                "accountId": "123456789012", "expiresAt": "2020-01-01T00:00:00Z",
            },
            "tokenType": "aws_sigv4", "refreshToken": refresh, "idToken": "i",
            "clientId": "arn:aws:signin:::devtools/same-device", "dpopKey": DPOP_KEY,
        });
        fs::write(&file, content.to_string()).unwrap();
    };
    write("first");
    assert!(is_temporary(&key_of_forward(&env, &["--profile", "console"])));
    assert_eq!(env.emulator.call_count("CreateOAuth2Token"), 1);
    let kept: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    assert_ne!(kept["refreshToken"], "first");
    write("first");
    env.emulator.faults().fails("CreateOAuth2Token", "INSUFFICIENT_PERMISSIONS", 1);
    try_forward(&env, "console").fails_with(5, &["SignInLocalDevelopmentAccess"]);
    try_forward(&env, "console").fails_with(4, &["has expired", "`ssmpf login --profile console`"]);
}

#[test]
fn a_profile_that_one_does_not_sign_in_to_says_so() {
    let env = env(|builder| builder, "");
    env.run(&["login", "--profile", "base"])
        .fails_with(2, &["is of a kind that one does not sign in to"]);
}

#[test]
fn a_container_is_asked_when_the_environment_says_so() {
    let key = "ASIACONTAINER0000001";
    let mut env = env(|builder| builder.credentials(key, "secret", Some("token")), "");
    let body = json!({
        "AccessKeyId": key, "SecretAccessKey": "secret", "Token": "token",
        "Expiration": "2099-01-01T00:00:00Z",
    })
    .to_string();
    let address = servers::start(move |mut stream| {
        use std::io::{Read, Write};
        let _ = stream.read(&mut [0; 4096]);
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
             Connection: close\r\n\r\n{body}",
            body.len()
        );
        let _ = stream.write_all(head.as_bytes());
    });
    env.set("AWS_SESSION_TOKEN", "");
    env.run(&["forward", "--target", BASTION, "--port", "80"])
        .fails_with(4, &["no AWS credentials"]);
    env.set("AWS_CONTAINER_CREDENTIALS_FULL_URI", &format!("http://{address}/role"));
    assert_eq!(key_of_forward(&env, &[]), key);
}

#[test]
fn the_account_is_shown_and_its_absence_is_no_failure() {
    let env = env(|builder| builder, "");
    let port = servers::echo().port().to_string();
    let terminal = Terminal::start(&env.ssmpf(&arguments("base", &port)));
    terminal.wait_for_times("account 123456789012 as Developer", 1);
    terminal.wait_for_times("ready in", 1);
    process::signal(terminal.id(), "TERM");
    drop(terminal);
    env.emulator.faults().fails("GetCallerIdentity", "AccessDenied", 9);
    assert_eq!(key_of_forward(&env, &["--profile", "base"]), DEFAULT_ACCESS_KEY);
}

#[test]
fn nothing_waits_for_an_sts_that_does_not_answer() {
    let mut env = env(|builder| builder, "");
    env.set("AWS_ENDPOINT_URL_STS", &format!("http://{}", servers::deaf()));
    let port = servers::echo().port().to_string();
    let tunnel = env.forward(&["--profile", "base", "--target", BASTION, "--port", &port]);
    // One attempt alone would take 20 s.
    let ready = tunnel.wait_for("ready");
    assert!(ready["took_seconds"].as_f64().unwrap() < 15.0, "{ready}");
    assert_eq!(tunnel.stop().code, Some(0));
}

#[test]
fn an_instance_is_asked_for_its_role_when_the_profile_says_so() {
    let key = "ASIAINSTANCE00000001";
    let mut env = env(
        |builder| builder.credentials(key, "secret", Some("token")).role(Role::new(ADMIN)),
        &format!(
            "[profile instance]\nregion = eu-west-1\nrole_arn = {ADMIN}\n\
             credential_source = Ec2InstanceMetadata\n"
        ),
    );
    let metadata = servers::start(move |mut stream| {
        use std::io::{Read, Write};
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let request = String::from_utf8_lossy(&buffer[..count]).into_owned();
            let path = request.split(' ').nth(1).unwrap_or_default().to_owned();
            let role = "bastion-role";
            let body = if request.starts_with("PUT /latest/api/token") {
                "session".to_owned()
            } else if path.ends_with(role) {
                json!({
                    "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-01-01T00:00:00Z",
                    "AccessKeyId": key, "SecretAccessKey": "secret", "Token": "token",
                    "Expiration": "2099-01-01T00:00:00Z", "AccountId": "123456789012",
                })
                .to_string()
            } else {
                role.to_owned()
            };
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\
                 x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n{body}",
                body.len()
            );
            if stream.write_all(answer.as_bytes()).is_err() {
                break;
            }
        }
    });
    env.set("AWS_EC2_METADATA_DISABLED", "").set("AWS_SESSION_TOKEN", "");
    env.set("AWS_EC2_METADATA_SERVICE_ENDPOINT", &format!("http://{metadata}/"));
    assert!(is_temporary(&key_of_forward(&env, &["--profile", "instance"])));
    assert_eq!(env.emulator.call_count("AssumeRole"), 1);
    // Without a profile the endpoint in the environment is what asks for it.
    assert_eq!(key_of_forward(&env, &[]), key);
}

#[test]
fn endpoints_of_a_services_section_are_used_for_each_service() {
    let env = env(
        |builder| builder.role(Role::new(ADMIN)),
        &format!(
            "[profile admin]\nregion = eu-west-1\nrole_arn = {ADMIN}\nsource_profile = base\n\
             services = local\n"
        ),
    );
    let endpoint = env.emulator.endpoint();
    let services = format!(
        "[services local]\nssm =\n  endpoint_url = {endpoint}\nsts =\n  endpoint_url = {endpoint}\n"
    );
    let path = env.home().join(".aws/config");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{config}{services}")).unwrap();
    let port = servers::echo().port().to_string();
    let mut command = env.ssmpf(&arguments("admin", &port));
    command.args(["--format", "jsonl"]).env_remove("AWS_ENDPOINT_URL");
    let tunnel = ssmpf_tests::Tunnel::start(command);
    tunnel.wait_for("ready");
    tunnel.stop();
    assert_eq!(env.emulator.call_count("AssumeRole"), 1);
}

#[test]
fn a_clock_that_is_off_does_not_keep_a_role_from_being_assumed() {
    let env = env(
        |builder| builder.role(Role::new(ADMIN).lasting(43_200)),
        &format!(
            "[profile admin]\nregion = eu-west-1\nrole_arn = {ADMIN}\nsource_profile = base\n\
             duration_seconds = 43200\n"
        ),
    );
    env.emulator.faults().clock_offset(3600);
    assert!(is_temporary(&key_of_forward(&env, &["--profile", "admin"])));
}

#[test]
fn a_file_of_an_editor_that_marks_its_files_is_told_from_a_broken_one() {
    let env = env(|builder| builder, "\u{feff}[profile a]\nregion = eu-west-1\n");
    env.run(&["profiles"])
        .fails_with(2, &["cannot be read", ".aws/config begins with a byte order"]);
}

#[test]
fn a_file_that_the_aws_cli_refuses_is_named_with_the_line() {
    let env = env(|builder| builder, "[profile a]\nregion = eu-west-1\nRegion = eu-west-2\n");
    let finished = env.run(&["profiles"]);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    assert!(finished.stderr.contains("line 3: `region` is there twice"), "{finished:#?}");
}

#[test]
fn a_broken_file_is_named_with_its_line() {
    let env = env(|builder| builder, "[profile a]\nregion = eu-west-1\n[profile b\n");
    for arguments in
        [&["profiles"][..], &["login"], &["forward", "--target", BASTION, "--port", "1"]]
    {
        env.run(arguments).fails_with(2, &["cannot be read", ".aws/config", "line 3"]);
    }
}
