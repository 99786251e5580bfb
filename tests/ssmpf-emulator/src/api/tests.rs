//! Calls with real signatures, and what is refused.

use super::*;
use crate::emulator::{Builder, Emulator};
use crate::fleet::Node;
use crate::sigv4::tests::sign_call;
use crate::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY};
use http_body_util::BodyExt;

const NODE: &str = "i-0123456789abcdef0";

fn builder() -> Builder {
    Emulator::builder()
        .node(Node::new(NODE))
        .node(Node::new("i-0fedcba9876543210").connection_lost())
        .node(Node::new("mi-0123456789abcdef0").named("onprem-1"))
}

fn emulator() -> Emulator {
    builder().start_blocking().unwrap()
}

struct Caller<'a> {
    emulator: &'a Emulator,
    access_key: &'a str,
    secret_key: &'a str,
    token: Option<&'a str>,
}

impl<'a> Caller<'a> {
    fn of(emulator: &'a Emulator) -> Self {
        Self {
            emulator,
            access_key: DEFAULT_ACCESS_KEY,
            secret_key: DEFAULT_SECRET_KEY,
            token: None,
        }
    }

    fn send(&self, target: Option<&str>, body: &str) -> (StatusCode, String) {
        let service = if target.is_some() { "ssm" } else { "sts" };
        let mut builder = http::Request::post("/").header("host", "127.0.0.1");
        if let Some(target) = target {
            builder = builder.header("x-amz-target", format!("AmazonSSM.{target}"));
        }
        if let Some(token) = self.token {
            builder = builder.header("x-amz-security-token", token);
        }
        let (mut head, ()) = builder.body(()).unwrap().into_parts();
        sign_call(
            &mut head,
            body.as_bytes(),
            self.access_key,
            self.secret_key,
            "eu-west-1",
            service,
        );
        let reply = answer(&head, body.as_bytes(), self.emulator.state());
        let status = reply.status();
        let body = futures_util::FutureExt::now_or_never(reply.into_body().collect());
        let bytes = body.unwrap().unwrap().to_bytes();
        (status, String::from_utf8(bytes.to_vec()).unwrap())
    }

    fn call(&self, operation: &str, body: Value) -> Value {
        let (status, text) = self.send(Some(operation), &body.to_string());
        assert_eq!(status, 200, "{text}");
        serde_json::from_str(&text).unwrap()
    }

    fn refusal(&self, operation: &str, body: Value) -> (String, String) {
        let (status, text) = self.send(Some(operation), &body.to_string());
        assert_ne!(status, 200, "{text}");
        let error: Value = serde_json::from_str(&text).unwrap();
        let text = |key: &str| error[key].as_str().unwrap().to_owned();
        (text("__type"), text("message"))
    }
}

fn forward(target: &str) -> Value {
    serde_json::json!({
        "Target": target,
        "DocumentName": "AWS-StartPortForwardingSession",
        "Parameters": { "portNumber": ["22"] },
        "Reason": "a test",
    })
}

#[test]
fn a_session_is_started_resumed_and_ended() {
    let emulator = emulator();
    let caller = Caller::of(&emulator);
    let started = caller.call("StartSession", forward(NODE));
    let id = started["SessionId"].as_str().unwrap();
    assert!(id.starts_with("alice@example.com-") && id.len() <= 96);
    let random = id.rsplit('-').next().unwrap();
    assert!(
        random.len() == 26 && random.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    );
    assert!(started["TokenValue"].as_str().unwrap().len() <= 300);

    let active = caller.call("DescribeSessions", serde_json::json!({ "State": "Active" }));
    assert_eq!(active["Sessions"][0]["SessionId"], id);
    assert_eq!(active["Sessions"][0]["Reason"], "a test");
    let resumed = caller.call("ResumeSession", serde_json::json!({ "SessionId": id }));
    assert_ne!(resumed["TokenValue"], started["TokenValue"]);
    assert_ne!(resumed["StreamUrl"], started["StreamUrl"]);
    assert_eq!(emulator.session(id).unwrap().resumes, 1);

    for _ in 0..2 {
        let ended = caller.call("TerminateSession", serde_json::json!({ "SessionId": id }));
        assert_eq!(ended["SessionId"], id);
    }
    let (code, _) = caller.refusal("ResumeSession", serde_json::json!({ "SessionId": id }));
    assert_eq!(code, "DoesNotExistException");
    let filter = serde_json::json!([{ "key": "Status", "value": "Terminated" }]);
    let history = caller
        .call("DescribeSessions", serde_json::json!({ "State": "History", "Filters": filter }));
    assert_eq!(history["Sessions"].as_array().unwrap().len(), 1);
    assert_eq!(emulator.call_count("TerminateSession"), 2);
}

#[test]
fn targets_that_are_unknown_or_lost_are_not_connected() {
    let emulator = emulator();
    let caller = Caller::of(&emulator);
    for target in ["i-0fedcba9876543210", "i-00000000000000000", "ecs:apps_task_runtime"] {
        let (code, message) = caller.refusal("StartSession", forward(target));
        assert_eq!(code, "TargetNotConnected");
        assert_eq!(message, format!("{target} is not connected."));
    }
    emulator.faults().agent_gone(NODE);
    assert_eq!(caller.refusal("StartSession", forward(NODE)).0, "TargetNotConnected");
    let status = caller.call("GetConnectionStatus", serde_json::json!({ "Target": NODE }));
    assert_eq!(status["Status"], "notconnected");
    assert_eq!(caller.refusal("StartSession", forward("vm-1")).0, "ValidationException");
    let scalar = serde_json::json!({ "Target": NODE, "Parameters": { "portNumber": "22" } });
    assert_eq!(caller.refusal("StartSession", scalar).0, "ValidationException");
}

#[test]
fn wrong_credentials_are_told_apart() {
    let emulator = builder()
        .credentials("AKIDGOOD", "secret", Some("token"))
        .expired_credentials("AKIDOLD", "secret", "old")
        .deny("ssm:TerminateSession")
        .start_blocking()
        .unwrap();
    let caller = |access_key, secret_key, token| Caller {
        emulator: &emulator,
        access_key,
        secret_key,
        token,
    };
    let list = || serde_json::json!({});
    let code = |caller: Caller<'_>| caller.refusal("DescribeInstanceInformation", list()).0;
    assert_eq!(code(caller("AKIDNOBODY", "x", None)), "UnrecognizedClientException");
    assert_eq!(code(caller("AKIDGOOD", "wrong", Some("token"))), "InvalidSignatureException");
    assert_eq!(code(caller("AKIDGOOD", "secret", Some("other"))), "UnrecognizedClientException");
    assert_eq!(code(caller("AKIDGOOD", "secret", None)), "UnrecognizedClientException");
    assert_eq!(code(caller("AKIDOLD", "secret", Some("old"))), "ExpiredTokenException");
    let good = caller("AKIDGOOD", "secret", Some("token"));
    assert_eq!(
        good.call("DescribeInstanceInformation", list())["InstanceInformationList"][2]["Name"],
        "onprem-1"
    );
    let (code, text) = good.refusal("TerminateSession", serde_json::json!({ "SessionId": "a-1" }));
    assert_eq!(code, "AccessDeniedException");
    assert!(text.starts_with("User: arn:aws:sts::123456789012:assumed-role/"), "{text}");
    assert!(text.contains("is not authorized to perform: ssm:TerminateSession on resource: arn:aws:ssm:eu-west-1:123456789012:session/a-1"));
}

#[test]
fn failures_are_used_up_one_by_one() {
    let emulator = emulator();
    let caller = Caller::of(&emulator);
    emulator
        .faults()
        .start_fails("ThrottlingException", 2)
        .resume_fails("AccessDeniedException", 1);
    for _ in 0..2 {
        let (code, text) = caller.refusal("StartSession", forward(NODE));
        assert_eq!((code.as_str(), text.as_str()), ("ThrottlingException", "Rate exceeded"));
    }
    let started = caller.call("StartSession", forward(NODE));
    let resume = serde_json::json!({ "SessionId": started["SessionId"] });
    assert_eq!(caller.refusal("ResumeSession", resume.clone()).0, "AccessDeniedException");
    emulator.faults().resume_without_token(true);
    assert_eq!(caller.call("ResumeSession", resume)["TokenValue"], "");
}

#[test]
fn a_clock_that_is_off_gives_a_signature_error_with_both_times() {
    let emulator = emulator();
    emulator.faults().clock_offset(400);
    let (code, text) =
        Caller::of(&emulator).refusal("DescribeInstanceInformation", serde_json::json!({}));
    assert_eq!(code, "InvalidSignatureException");
    assert!(text.starts_with("Signature expired: "), "{text}");
}

#[test]
fn lists_are_filtered_and_paged() {
    let mut builder = builder();
    for number in 0..12 {
        builder = builder.node(Node::new(format!("i-000000000000000{number:02}")));
    }
    let emulator = builder.start_blocking().unwrap();
    let caller = Caller::of(&emulator);
    let list = |body: Value| caller.call("DescribeInstanceInformation", body);
    let first = list(serde_json::json!({}));
    assert_eq!(first["InstanceInformationList"].as_array().unwrap().len(), 10);
    let second = list(serde_json::json!({ "NextToken": first["NextToken"] }));
    assert_eq!(second["InstanceInformationList"].as_array().unwrap().len(), 5);
    assert_eq!(second["NextToken"], "");
    let lost = list(
        serde_json::json!({ "Filters": [{ "Key": "PingStatus", "Values": ["ConnectionLost"] }] }),
    );
    assert_eq!(lost["InstanceInformationList"].as_array().unwrap().len(), 1);
    let unknown = serde_json::json!({ "Filters": [{ "Key": "InstanceIds", "Values": ["i-9"] }] });
    assert_eq!(caller.refusal("DescribeInstanceInformation", unknown).0, "InvalidInstanceId");
}

#[test]
fn sts_answers_in_xml() {
    let emulator = emulator();
    let mut caller = Caller::of(&emulator);
    let body = "Action=GetCallerIdentity&Version=2011-06-15";
    let (status, text) = caller.send(None, body);
    assert_eq!(status, 200);
    assert!(
        text.contains(
            "<Arn>arn:aws:sts::123456789012:assumed-role/Developer/alice@example.com</Arn>"
        )
    );
    caller.secret_key = "wrong";
    let (status, text) = caller.send(None, body);
    assert_eq!(status, 403);
    assert!(text.contains("<Code>SignatureDoesNotMatch</Code>"));
}
