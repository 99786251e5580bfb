use std::process::Command;

use proptest::prelude::*;
use serde_json::Value;
use ssmpf_model::Timestamp;

use super::*;
use crate::import;

fn name() -> ConnectionName {
    "prod-db".parse().expect("valid")
}

/// A connection from its JSON, with the fields that every one has.
fn connection(fields: &str) -> Connection {
    let mut json: Value = serde_json::from_str(
        r#"{"target":"i-0123456789abcdef0","host":"db.internal","port":5432,"local_port":15432}"#,
    )
    .expect("JSON");
    let more: Value = serde_json::from_str(fields).expect("JSON");
    for (key, value) in more.as_object().expect("an object") {
        json[key] = value.clone();
    }
    serde_json::from_value(json).expect("a connection")
}

fn shown(fields: &str, form: As) -> String {
    render(&name(), &connection(fields), form).expect("it can be shown")
}

#[test]
fn the_aws_cli_is_called_as_we_would_call_the_service() {
    assert_eq!(
        shown(r#"{"profile":"my prod","region":"eu-west-1","reason":"it's on call"}"#, As::AwsCli),
        "aws ssm start-session --target i-0123456789abcdef0 --document-name \
         AWS-StartPortForwardingSessionToRemoteHost --parameters \
         '{\"host\":[\"db.internal\"],\"localPortNumber\":[\"15432\"],\"portNumber\":[\"5432\"]}' \
         --profile 'my prod' --region eu-west-1 --reason 'it'\\''s on call'\n"
    );
}

#[test]
fn a_target_that_is_not_an_id_is_looked_up_by_the_command_itself() {
    for (target, words) in [
        ("bastion", "--filters Name=tag:Name,Values=bastion Name=instance-state-name"),
        ("tag:Role=bastion,tag:Env=a b", "Name=tag:Role,Values=bastion 'Name=tag:Env,Values=a b'"),
        ("10.0.3.7", "Name=private-ip-address,Values=10.0.3.7"),
        ("ip-10-0-3-7.ec2.internal", "Name=private-dns-name,Values=ip-10-0-3-7.ec2.internal"),
        ("asg:bastions", "Name=tag:aws:autoscaling:groupName,Values=bastions"),
        ("ecs:prod/web/app", "--target \"ecs:prod_${task##*/}_$runtime\""),
    ] {
        let text = shown(&format!(r#"{{"target":"{target}"}}"#), As::AwsCli);
        assert!(text.contains(words), "{target}: {text}");
        assert!(sh_accepts(&text), "{text}");
    }
}

#[test]
fn what_is_shown_for_the_aws_cli_can_be_added_again() {
    for fields in [
        "{}",
        r#"{"host":null}"#,
        r#"{"host":null,"port":22,"document":"AWS-StartSSHSession","kind":"ssh"}"#,
        r#"{"document":"acme-db","reason":"a 'quoted' \"reason\""}"#,
        r#"{"host":"fd00::7","profile":"x y","region":"eu-west-1"}"#,
    ] {
        let original = connection(fields);
        let line = render(&name(), &original, As::AwsCli).expect("it can be shown");
        let draft = import::aws_cli::read(&line, Timestamp::UNIX_EPOCH).expect("it can be read");
        let mut back = draft.connection;
        back.local_port = original.local_port;
        assert_eq!(back, original, "{line}");
    }
}

#[test]
fn openssh_gets_an_entry_of_its_own() {
    assert_eq!(
        shown(r#"{"profile":"prod"}"#, As::SshConfig),
        "Host prod-db\n    HostName i-0123456789abcdef0\n    ProxyCommand sh -c 'aws ssm \
         start-session --target %h --document-name AWS-StartSSHSession --parameters portNumber=%p \
         --profile prod'\n    LocalForward 15432 db.internal:5432\n    ExitOnForwardFailure yes\n"
    );
    let own = shown(r#"{"host":null,"port":2222,"kind":"ssh"}"#, As::SshConfig);
    assert!(own.ends_with("    Port 2222\n"), "{own}");
    let error = render(&name(), &connection(r#"{"target":"ecs:a/b"}"#), As::SshConfig);
    assert!(error.is_err());
}

#[test]
fn what_is_shown_for_openssh_can_be_imported_again() {
    let text = shown(r#"{"bind":"*"}"#, As::SshConfig);
    let reading = import::ssh_config::read(&text, Timestamp::UNIX_EPOCH);
    assert_eq!(reading.left, []);
    let forward = &reading.drafts[1].connection;
    assert_eq!(forward.destination.to_string(), "db.internal:5432");
    assert_eq!(forward.bind.to_string(), "*");
}

#[test]
fn clients_of_postgres_see_the_true_name_at_the_local_address() {
    assert_eq!(
        shown(r#"{"database":{"user":"app user","name":"orders","auth":"iam"}}"#, As::Env),
        "export SSMPF_PROD_DB_HOST=127.0.0.1\n\
         export SSMPF_PROD_DB_PORT=15432\n\
         export SSMPF_PROD_DB_URL=postgresql://app%20user@127.0.0.1:15432/orders\n\
         export PGHOST=db.internal\n\
         export PGHOSTADDR=127.0.0.1\n\
         export PGPORT=15432\n\
         export PGUSER='app user'\n\
         export PGDATABASE=orders\n\
         export PGSSLMODE=require\n"
    );
}

#[test]
fn uris_name_the_local_end() {
    for (fields, uri) in [
        (r#"{"kind":"mysql","bind":"::1"}"#, "mysql://[::1]:15432"),
        (r#"{"kind":"redis","bind":"*"}"#, "redis://127.0.0.1:15432"),
        (r#"{"kind":"mongodb"}"#, "mongodb://127.0.0.1:15432/?directConnection=true"),
        (r#"{"kind":"https"}"#, "https://127.0.0.1:15432"),
        (r#"{"kind":"tcp"}"#, "tcp://127.0.0.1:15432"),
        (r#"{"kind":"neo4j"}"#, "tcp://127.0.0.1:15432"),
    ] {
        assert_eq!(shown(fields, As::Uri), format!("{uri}\n"));
    }
}

#[test]
fn jdbc_is_for_databases_only() {
    let database = r#""database":{"user":"app","name":"orders"}"#;
    assert_eq!(
        shown(&format!("{{{database}}}"), As::Jdbc),
        "jdbc:postgresql://127.0.0.1:15432/orders?user=app\n"
    );
    assert_eq!(
        shown(&format!(r#"{{"kind":"mssql",{database}}}"#), As::Jdbc),
        "jdbc:sqlserver://127.0.0.1:15432;encrypt=true;hostNameInCertificate=db.internal;\
         databaseName={orders};user={app}\n"
    );
    let error = render(&name(), &connection(r#"{"kind":"ssh"}"#), As::Jdbc).expect_err("no URL");
    assert!(error.message.contains("kind ssh"));
}

#[test]
fn kubectl_gets_the_true_name_for_the_certificate() {
    let text = shown(
        r#"{"kind":"kubernetes","host":"abc.gr7.eu-west-1.eks.amazonaws.com","port":443,"region":"eu-west-1"}"#,
        As::Kubeconfig,
    );
    let yaml: Value = serde_saphyr::from_str(&text).expect("YAML");
    let cluster = &yaml["clusters"][0]["cluster"];
    assert_eq!(cluster["server"], "https://127.0.0.1:15432");
    assert_eq!(cluster["tls-server-name"], "abc.gr7.eu-west-1.eks.amazonaws.com");
    let args = &yaml["users"][0]["user"]["exec"]["args"];
    assert_eq!(args[5], "eu-west-1");
    assert!(render(&name(), &connection("{}"), As::Kubeconfig).is_err());
}

#[test]
fn a_mistyped_form_is_refused_with_the_nearest() {
    let error = "kubeconf".parse::<As>().expect_err("mistyped");
    assert!(error.hint.contains("did you mean `kubeconfig`?"), "{}", error.hint);
}

/// Returns whether a POSIX shell can read the text.
fn sh_accepts(text: &str) -> bool {
    Command::new("sh").args(["-n", "-c", text]).status().expect("a shell").success()
}

proptest! {
    #[test]
    fn a_quoted_word_is_read_as_it_was(word in "[^\u{0}]{0,40}") {
        let words = shlex::split(&quoted(&word)).expect("quotes are closed");
        prop_assert_eq!(words, [word]);
    }
}
