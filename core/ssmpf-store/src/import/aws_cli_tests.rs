use proptest::prelude::*;
use ssmpf_model::document::PORT_FORWARDING;

use super::*;

fn draft(line: &str) -> Draft {
    read(line, Timestamp::UNIX_EPOCH).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn refused(line: &str) -> String {
    read(line, Timestamp::UNIX_EPOCH).expect_err(line).message
}

#[test]
fn the_line_of_the_manual_becomes_a_connection() {
    let draft = draft(
        "aws ssm start-session --target i-0123456789abcdef0 \\\n  \
         --document-name AWS-StartPortForwardingSessionToRemoteHost \\\n  \
         --parameters '{\"host\":[\"orders.abc.eu-west-1.rds.amazonaws.com\"],\
         \"portNumber\":[\"5432\"],\"localPortNumber\":[\"15432\"]}' \\\n  \
         --profile prod --region=eu-west-1 --reason \"on call\"",
    );
    assert_eq!(draft.name, "orders");
    assert_eq!(draft.local_port, Port::new(15432));
    let connection = draft.connection;
    assert_eq!(connection.target.as_str(), "i-0123456789abcdef0");
    assert_eq!(connection.destination.to_string(), "orders.abc.eu-west-1.rds.amazonaws.com:5432");
    assert_eq!(connection.kind, Kind::Postgres);
    assert_eq!(connection.document, None, "it would be chosen anyway");
    assert_eq!(connection.profile.map(|profile| profile.to_string()).as_deref(), Some("prod"));
    assert_eq!(connection.region.map(|region| region.to_string()).as_deref(), Some("eu-west-1"));
    assert_eq!(connection.reason.as_deref(), Some("on call"));
}

#[test]
fn parameters_are_understood_in_every_spelling() {
    for parameters in [
        r#"'{"host":["db.internal"],"portNumber":["5432"],"localPortNumber":["15432"]}'"#,
        r#"'{"host":"db.internal","portNumber":5432,"localPortNumber":"15432"}'"#,
        r#"host=db.internal,portNumber=5432,localPortNumber=15432"#,
        r#"host="db.internal",portNumber="5432",localPortNumber="15432""#,
        r#"'host=["db.internal"],portNumber=["5432"],localPortNumber=["15432"]'"#,
        r#"host=["db.internal"],portNumber=['5432'],localPortNumber=[15432]"#,
        r#"host=db.internal portNumber=5432 localPortNumber=15432"#,
        r#""{\"host\":[\"db.internal\"],\"portNumber\":[\"5432\"],\"localPortNumber\":[\"15432\"]}""#,
    ] {
        let draft = draft(&format!(
            "aws ssm start-session --target mi-0123456789abcdef0 --document-name {REMOTE_HOST} \
             --parameters {parameters}"
        ));
        assert_eq!(draft.connection.destination.to_string(), "db.internal:5432", "{parameters}");
        assert_eq!(draft.local_port, Port::new(15432), "{parameters}");
    }
}

#[test]
fn what_stands_around_the_call_is_read_or_passed_over() {
    let draft = draft(&format!(
        "AWS_PROFILE=prod AWS_REGION=eu-west-1 /usr/local/bin/aws --no-cli-pager --output json ssm \
         start-session --target i-0123abcd --document-name {PORT_FORWARDING} --parameters \
         portNumber=8080 && echo done"
    ));
    assert_eq!(draft.name, "i-0123abcd-8080");
    assert_eq!(draft.connection.destination.host, None);
    assert_eq!(draft.connection.profile.map(|p| p.to_string()).as_deref(), Some("prod"));
    assert_eq!(draft.connection.region.map(|r| r.to_string()).as_deref(), Some("eu-west-1"));
    assert_eq!(draft.local_port, None);
}

#[test]
fn ecs_targets_and_the_ssh_document_are_understood() {
    let target = "ecs:prod_0123456789abcdef0123456789abcdef_0123456789abcdef-265927825";
    let ecs = draft(&format!(
        "aws ssm start-session --target {target} --document-name {PORT_FORWARDING} --parameters \
         '{{\"portNumber\":[\"80\"]}}'"
    ));
    assert_eq!(ecs.connection.target.as_str(), target);
    let ssh = draft(&format!(
        "aws ssm start-session --target i-0123abcd --document-name {SSH} --parameters portNumber=22"
    ));
    assert_eq!(ssh.connection.kind, Kind::Ssh);
    assert_eq!(ssh.connection.document.map(|name| name.to_string()).as_deref(), Some(SSH));
}

#[test]
fn a_document_of_the_account_is_kept() {
    let draft = draft(
        "aws ssm start-session --target i-0123abcd --document-name acme-db --parameters \
         host=db.internal,portNumber=5432",
    );
    assert_eq!(draft.connection.document.map(|name| name.to_string()).as_deref(), Some("acme-db"));
}

#[test]
fn lines_that_are_no_forward_say_why() {
    for (line, words) in [
        ("", "does not call"),
        ("aws s3 ls", "does not call"),
        ("aws ssm start-session --target 'i-0", "a quote without"),
        ("aws ssm start-session --target i-0123abcd", "opens a shell"),
        ("aws ssm start-session --document-name x-y", "names no target"),
        ("aws ssm start-session --target $ID --document-name x-y", "filled in by the shell"),
        (
            "aws ssm start-session --target i-0123abcd --document-name \
             AWS-StartPortForwardingSessionToRemoteHost --parameters portNumber=1",
            "lacks the parameter `host`",
        ),
        (
            "aws ssm start-session --target i-0123abcd --document-name x-y --parameters file://p",
            "in a file",
        ),
        (
            "aws ssm start-session --target i-0123abcd --document-name x-y --parameters '{'",
            "not valid JSON",
        ),
        (
            "aws ssm start-session --target i-0123abcd --document-name x-y --parameters portNumber=0",
            "not a port",
        ),
    ] {
        let message = refused(line);
        assert!(message.contains(words), "{line}: {message}");
    }
}

proptest! {
    #[test]
    fn any_line_gives_a_draft_or_an_error(line in ".{0,120}") {
        let _ = read(&format!("aws ssm start-session {line}"), Timestamp::UNIX_EPOCH);
    }
}
