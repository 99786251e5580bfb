//! The AWS CLI, botocore and moto: programs that are not ours agree about files and calls.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};
use ssmpf_emulator::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY, Portal, Role};
use ssmpf_tests::{BASTION, PATIENCE, Terminal, TestEnv, process, servers};

const ADMIN: &str = "arn:aws:iam::222222222222:role/Admin";
const DEVICE: &str = "arn:aws:iam::123456789012:mfa/alice";

const CONFIG: &str = "[sso-session corp]\nsso_region = eu-west-1\n\
    sso_start_url = https://corp.awsapps.com/start\n\
    sso_registration_scopes = sso:account:access\n\
    [profile dev]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = Developer\n\
    region = eu-west-1\n\
    [profile old]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\
    sso_account_id = 111111111111\nsso_role_name = Developer\nregion = eu-west-1\n\
    [profile admin]\nrole_arn = arn:aws:iam::222222222222:role/Admin\nsource_profile = base\n\
    mfa_serial = arn:aws:iam::123456789012:mfa/alice\nregion = eu-west-1\n\
    [profile base]\naws_access_key_id = AKIDEMULATOR00000001\n\
    aws_secret_access_key = emulatorSecretKeyThatOpensNothingAtAll00\nregion = eu-west-1\n";

/// Version 2 of the AWS CLI; version 1 cannot sign in.
fn aws_cli() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/bin", "/usr/local/bin"].map(PathBuf::from));
    let is_second = |program: &PathBuf| {
        let output = Command::new(program).arg("--version").output();
        output.is_ok_and(|output| output.stdout.starts_with(b"aws-cli/2"))
    };
    let mut programs = folders.into_iter().map(|folder| folder.join("aws"));
    programs.find(is_second).expect("version 2 of the AWS CLI is installed; `tests/run` does it")
}

/// A Python that has boto3 and moto.
fn python() -> PathBuf {
    let chosen = std::env::var_os("SSMPF_TESTS_PYTHON").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    let python =
        chosen.unwrap_or_else(|| cache.unwrap_or_else(home).join("ssmpf/tests-python/bin/python"));
    assert!(python.exists(), "{} is missing; `tests/run` installs it", python.display());
    python
}

fn env() -> TestEnv {
    let portal = Portal::new("https://corp.awsapps.com/start")
        .assigns("111111111111", "Developer")
        .token_lasts(8 * 3600);
    env_with(portal)
}

fn env_with(portal: Portal) -> TestEnv {
    let mut env = TestEnv::with(|builder| {
        let builder = builder.role(Role::new(ADMIN).wants_mfa());
        builder.portal(portal).mfa_device(DEVICE, &["111111", "222222"])
    });
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        env.set(name, "");
    }
    fs::create_dir_all(env.home().join(".aws")).unwrap();
    fs::write(env.home().join(".aws/config"), CONFIG).unwrap();
    teach_endpoints(&env);
    env
}

/// Leads the AWS CLI to the emulator: versions before 2.13 read no AWS_ENDPOINT_URL, but all of them
/// read models from this folder, among them the rules by which endpoints are found.
fn teach_endpoints(env: &TestEnv) {
    let flag = |name: &str| {
        json!({ "builtIn": format!("AWS::{name}"), "required": true, "default": false,
            "documentation": "", "type": "Boolean" })
    };
    let text = |name: &str| json!({ "builtIn": name, "required": false, "documentation": "", "type": "String" });
    let rules = json!({
        "version": "1.0",
        "parameters": {
            "Region": text("AWS::Region"), "Endpoint": text("SDK::Endpoint"),
            "UseDualStack": flag("UseDualStack"), "UseFIPS": flag("UseFIPS"),
        },
        "rules": [{ "conditions": [], "type": "endpoint", "endpoint": {
            "url": env.emulator.endpoint(), "properties": {}, "headers": {},
        }}],
    });
    for service in ["sso/2019-06-10", "sso-oidc/2019-06-10", "sts/2011-06-15"] {
        let folder = env.home().join(".aws/models").join(service);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("endpoint-rule-set-1.json"), rules.to_string()).unwrap();
    }
}

fn aws(env: &TestEnv, arguments: &[&str]) -> Command {
    let mut command = env.command(aws_cli());
    // An empty variable is a key to some versions.
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.args(arguments).env("AWS_PAGER", "").env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Who the AWS CLI is with this profile.
fn cli_identity(env: &TestEnv, profile: &str) -> process::Finished {
    let arguments = ["sts", "get-caller-identity", "--profile", profile, "--output", "json"];
    process::run(aws(env, &arguments))
}

/// Who botocore is with this profile; it has no cache for codes, but one for sign-ins.
fn botocore_identity(env: &TestEnv, profile: &str) -> process::Finished {
    let mut command = env.command(python());
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    let code = "import boto3, sys\n\
        client = boto3.Session(profile_name=sys.argv[1]).client('sts')\n\
        print(client.get_caller_identity()['Arn'])";
    command.args(["-c", code, profile]);
    process::run(command)
}

#[track_caller]
fn is_developer(finished: &process::Finished) {
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    let role = "arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Developer_";
    assert!(finished.stdout.contains(role), "{finished:#?}");
}

fn opens(env: &TestEnv, profile: &str) {
    let port = servers::echo().port().to_string();
    env.forward(&["--profile", profile, "--target", BASTION, "--port", &port]).stop();
}

fn login(env: &TestEnv, profile: &str) {
    let finished = env.run(&["login", "--profile", profile, "--device-code"]);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
}

fn cli_login(env: &TestEnv, profile: &str) {
    let arguments = ["sso", "login", "--no-browser", "--profile", profile];
    let finished = process::run(aws(env, &arguments));
    assert_eq!(finished.code, Some(0), "{finished:#?}");
}

fn expire_token(env: &TestEnv) {
    for entry in fs::read_dir(env.home().join(".aws/sso/cache")).unwrap().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap();
        let mut file: Value = serde_json::from_str(&text).unwrap();
        if file.get("accessToken").is_some() {
            file["expiresAt"] = "2020-01-01T00:00:00Z".into();
            fs::write(entry.path(), file.to_string()).unwrap();
        }
    }
}

#[test]
fn the_aws_cli_and_botocore_use_our_sign_in() {
    let env = env();
    for profile in ["dev", "old"] {
        login(&env, profile);
        is_developer(&cli_identity(&env, profile));
        is_developer(&botocore_identity(&env, profile));
    }
    assert_eq!(env.emulator.call_count("RegisterClient"), 2);
}

#[test]
fn we_use_the_sign_in_of_the_aws_cli() {
    let env = env();
    for profile in ["dev", "old"] {
        cli_login(&env, profile);
        opens(&env, profile);
    }
    let listing: Value = serde_json::from_str(&env.run(&["profiles", "--json"]).stdout).unwrap();
    for profile in listing["profiles"].as_array().unwrap() {
        let signed_in = ["dev", "old"].contains(&profile["name"].as_str().unwrap());
        assert_eq!(profile["sign_in"]["state"] == "signed-in", signed_in, "{profile}");
    }
}

#[test]
fn each_uses_the_registration_of_the_other() {
    let env = env();
    cli_login(&env, "dev");
    login(&env, "dev");
    cli_login(&env, "dev");
    assert_eq!(env.emulator.call_count("RegisterClient"), 1);
}

#[test]
fn each_renews_the_sign_in_of_the_other() {
    let env = env();
    login(&env, "dev");
    expire_token(&env);
    is_developer(&botocore_identity(&env, "dev"));
    expire_token(&env);
    opens(&env, "dev");
    expire_token(&env);
    is_developer(&cli_identity(&env, "dev"));
    opens(&env, "dev");
    assert_eq!(env.emulator.call_count("StartDeviceAuthorization"), 1);
}

#[test]
fn each_signs_the_other_out() {
    let env = env();
    login(&env, "dev");
    assert_eq!(process::run(aws(&env, &["sso", "logout"])).code, Some(0));
    env.run(&["forward", "--profile", "dev", "--target", BASTION, "--port", "80"])
        .fails_with(4, &["there is no sign-in"]);
    cli_login(&env, "dev");
    is_developer(&cli_identity(&env, "dev"));
    assert_eq!(env.run(&["logout"]).stderr, "signed out\n");
    assert_ne!(cli_identity(&env, "dev").code, Some(0));
}

#[test]
fn a_code_given_to_one_serves_the_other() {
    let env = env();
    let mut terminal = Terminal::start(&env.ssmpf(&["login", "--profile", "admin"]));
    terminal.wait_for_times("Enter MFA code", 1);
    terminal.type_line("111111");
    assert_eq!(terminal.finish().0, Some(0));
    let finished = cli_identity(&env, "admin");
    assert!(finished.stdout.contains("assumed-role/Admin/"), "{finished:#?}");
    assert_eq!(env.emulator.call_count("AssumeRole"), 1);

    fs::remove_dir_all(env.home().join(".aws/cli")).unwrap();
    let arguments = ["sts", "get-caller-identity", "--profile", "admin"];
    let mut terminal = Terminal::start(&aws(&env, &arguments));
    terminal.wait_for_times("Enter MFA code", 1);
    terminal.type_line("222222");
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    opens(&env, "admin");
    assert_eq!(env.emulator.call_count("AssumeRole"), 2);
}

#[test]
fn the_list_of_profiles_is_that_of_the_aws_cli() {
    let env = env();
    let write = |name: &str, text: &str| fs::write(env.home().join(".aws").join(name), text);
    write(
        "config",
        "[default]\nregion = a\n[profile \"with space\"]\nregion = b\n[profile a]\nregion = c\n\
         [sso-session my-sso]\nsso_region = x\n[preview]\nx = y\n\
         [services local]\nssm =\n  endpoint_url = http://x\n[foo]\nbar = 1\n\
         [profile user@corp.example]\nregion = d\n[profile a/b:c+d%e]\nregion = e # no comment\n",
    )
    .unwrap();
    write(
        "credentials",
        "[a]\nregion = d\n[only-creds]\nregion = f\n[profile weird]\nregion = e\n",
    )
    .unwrap();
    let sorted = |text: &str| {
        let mut names: Vec<String> = text.lines().map(str::to_owned).collect();
        names.sort();
        names
    };
    let theirs = process::run(aws(&env, &["configure", "list-profiles"]));
    assert_eq!(theirs.code, Some(0), "{theirs:#?}");
    let ours = env.run(&["profiles", "--format", "plain"]);
    assert_eq!(sorted(&ours.stdout), sorted(&theirs.stdout));
    assert_eq!(sorted(&ours.stdout).len(), 7);
}

/// A server of moto on a free port.
struct Moto(Child, String);

impl Moto {
    fn start(folder: &Path) -> Self {
        let port = servers::closed_port();
        let log = fs::File::create(folder.join("moto.log")).unwrap();
        let child = Command::new(python())
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let moto = Self(child, format!("http://127.0.0.1:{port}"));
        let deadline = Instant::now() + 2 * PATIENCE;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "moto does not start");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        moto
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn moto_takes_our_calls_to_sts() {
    let mut env = env();
    let moto = Moto::start(env.home());
    env.set("AWS_ENDPOINT_URL_STS", &moto.1);
    let mut terminal = Terminal::start(&env.ssmpf(&["login", "--profile", "admin"]));
    terminal.wait_for_times("Enter MFA code", 1);
    terminal.type_line("654321");
    let (code, shown) = terminal.finish();
    assert_eq!(code, Some(0), "{shown}");
    assert_eq!(env.emulator.call_count("AssumeRole"), 0, "it was moto");
    let folder = fs::read_dir(env.home().join(".aws/cli/cache")).unwrap();
    let file = folder.flatten().next().expect("it is kept").path();
    let kept: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert!(kept["AssumedRoleUser"]["Arn"].as_str().unwrap().contains("assumed-role/Admin/"));
    assert!(kept["Credentials"]["Expiration"].as_str().unwrap().ends_with("UTC"));

    env.set("AWS_ACCESS_KEY_ID", DEFAULT_ACCESS_KEY);
    env.set("AWS_SECRET_ACCESS_KEY", DEFAULT_SECRET_KEY);
    let port = servers::echo().port().to_string();
    let tunnel = env.forward(&["--target", BASTION, "--port", &port]);
    let identity = tunnel.wait_for("signed_in_as");
    assert_eq!(identity["account"], "123456789012");
    assert_eq!(env.emulator.call_count("GetCallerIdentity"), 0, "it was moto");
    tunnel.stop();
}
