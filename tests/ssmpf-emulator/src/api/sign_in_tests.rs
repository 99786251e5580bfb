//! What the portal and STS take, and what they refuse.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{answer, sso_oidc};
use crate::directory::{Portal, Role};
use crate::emulator::Emulator;
use crate::sigv4::tests::sign_call;
use crate::{DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY};

const START_URL: &str = "https://corp.awsapps.com/start";
const REDIRECT: &str = "http://127.0.0.1:50000/oauth/callback";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const ROLE: &str = "arn:aws:iam::222222222222:role/Admin";
const DEVICE: &str = "arn:aws:iam::123456789012:mfa/alice";

fn emulator() -> Emulator {
    let portal = Portal::new(START_URL).assigns("111111111111", "Developer").waits_for_the_page();
    let builder = Emulator::builder().portal(portal).role(Role::new(ROLE).wants_mfa());
    builder.mfa_device(DEVICE, &["111111", "222222"]).start_blocking().unwrap()
}

struct Answer {
    status: u16,
    location: String,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        serde_json::from_str(&self.text).unwrap()
    }

    /// The word for why it was refused.
    fn refusal(&self) -> String {
        assert_ne!(self.status, 200, "{}", self.text);
        let body: Value = serde_json::from_str(&self.text).unwrap();
        body["error"].as_str().unwrap().to_owned()
    }
}

fn send(emulator: &Emulator, request: http::Request<()>, body: &[u8]) -> Answer {
    let (head, ()) = request.into_parts();
    let reply = answer(&head, body, emulator.state());
    let location = reply.headers().get("location").map(|it| it.to_str().unwrap().to_owned());
    let status = reply.status().as_u16();
    let bytes = reply.into_body().collect().now_or_never().unwrap().unwrap().to_bytes();
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    Answer { status, location: location.unwrap_or_default(), text }
}

fn post(emulator: &Emulator, path: &str, body: &Value) -> Answer {
    let request = http::Request::post(path).body(()).unwrap();
    assert!(
        sso_oidc::operation(&http::Request::post(path).body(()).unwrap().into_parts().0).is_some()
    );
    send(emulator, request, body.to_string().as_bytes())
}

fn get(emulator: &Emulator, path: &str, token: &str) -> Answer {
    let request = http::Request::get(path).header("x-amz-sso_bearer_token", token);
    send(emulator, request.body(()).unwrap(), b"")
}

fn register(emulator: &Emulator, scopes: &[&str]) -> Value {
    let body = json!({
        "clientName": "test", "clientType": "public", "scopes": scopes,
        "grantTypes": ["authorization_code", "refresh_token"], "issuerUrl": START_URL,
        "redirectUris": ["http://127.0.0.1/oauth/callback"],
    });
    post(emulator, "/client/register", &body).json()
}

fn authorize(emulator: &Emulator, client: &Value, redirect: &str) -> Answer {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let path = format!(
        "/authorize?response_type=code&client_id={}&redirect_uri={redirect}&state=s\
         &code_challenge_method=S256&scopes=sso:account:access&code_challenge={challenge}",
        client["clientId"].as_str().unwrap()
    );
    get(emulator, &path, "")
}

fn code(emulator: &Emulator, client: &Value) -> String {
    let answer = authorize(emulator, client, REDIRECT);
    assert_eq!(answer.status, 302, "{}", answer.text);
    let query = answer.location.strip_prefix(&format!("{REDIRECT}?code=")).unwrap().to_owned();
    query.strip_suffix("&state=s").unwrap().to_owned()
}

fn exchange(client: &Value, more: Value) -> Value {
    let mut body =
        json!({ "clientId": client["clientId"], "clientSecret": client["clientSecret"] });
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body
}

fn with_code(client: &Value, code: &str) -> Value {
    let grant = json!({
        "grantType": "authorization_code", "code": code, "redirectUri": REDIRECT,
        "codeVerifier": VERIFIER,
    });
    exchange(client, grant)
}

#[test]
fn a_code_is_good_once_and_only_with_all_that_belongs_to_it() {
    let emulator = emulator();
    let client = register(&emulator, &["sso:account:access"]);
    for (field, wrong, refusal) in [
        ("codeVerifier", "x".repeat(64), "InvalidGrant"),
        ("redirectUri", "http://127.0.0.1:50001/oauth/callback".to_owned(), "InvalidGrant"),
        ("code", "guessed".to_owned(), "InvalidGrant"),
        ("clientSecret", "guessed".to_owned(), "InvalidClient"),
        ("grantType", "password".to_owned(), "UnsupportedGrantType"),
    ] {
        let mut body = with_code(&client, &code(&emulator, &client));
        body[field] = wrong.into();
        assert_eq!(post(&emulator, "/token", &body).refusal(), refusal, "{field}");
    }
    let body = with_code(&client, &code(&emulator, &client));
    let token = post(&emulator, "/token", &body).json();
    assert_eq!(token["tokenType"], "Bearer");
    assert_eq!(post(&emulator, "/token", &body).refusal(), "InvalidGrant");
}

#[test]
fn the_page_sends_nobody_to_an_address_that_is_not_registered() {
    let emulator = emulator();
    let client = register(&emulator, &["sso:account:access"]);
    for elsewhere in [
        "http://evil.example:80/oauth/callback",
        "http://127.0.0.1:50000/other",
        "https://127.0.0.1:50000/oauth/callback",
        "http://127.0.0.1/oauth/callback",
    ] {
        assert_eq!(authorize(&emulator, &client, elsewhere).status, 400, "{elsewhere}");
    }
    emulator.deny_sign_ins(true);
    assert!(authorize(&emulator, &client, REDIRECT).location.contains("error=access_denied"));
    let none = register(&emulator, &["another:scope"]);
    assert_eq!(authorize(&emulator, &none, REDIRECT).status, 400);
}

#[test]
fn a_refresh_token_is_good_once() {
    let emulator = emulator();
    let client = register(&emulator, &["sso:account:access"]);
    let token = with_code(&client, &code(&emulator, &client));
    let token = post(&emulator, "/token", &token).json();
    let grant = json!({ "grantType": "refresh_token", "refreshToken": token["refreshToken"] });
    let body = exchange(&client, grant);
    let next = post(&emulator, "/token", &body).json();
    assert_ne!(next["accessToken"], token["accessToken"]);
    assert_eq!(post(&emulator, "/token", &body).refusal(), "InvalidGrant");
}

#[test]
fn a_device_waits_for_its_page() {
    let emulator = emulator();
    let body = json!({ "clientName": "test", "clientType": "public" });
    let client = post(&emulator, "/client/register", &body).json();
    let start = exchange(&client, json!({ "startUrl": "https://other.awsapps.com/start" }));
    assert_eq!(post(&emulator, "/device_authorization", &start).refusal(), "InvalidRequest");
    let start = exchange(&client, json!({ "startUrl": START_URL }));
    let device = post(&emulator, "/device_authorization", &start).json();
    let grant = json!({
        "grantType": "urn:ietf:params:oauth:grant-type:device_code",
        "deviceCode": device["deviceCode"],
    });
    let ask = exchange(&client, grant);
    for _ in 0..3 {
        assert_eq!(post(&emulator, "/token", &ask).refusal(), "AuthorizationPending");
    }
    assert_eq!(get(&emulator, "/device?user_code=AAAA-AAAA", "").status, 404);
    let page = device["verificationUriComplete"].as_str().unwrap();
    let (_, path) = page.split_once("/device").unwrap();
    assert_eq!(get(&emulator, &format!("/device{path}"), "").status, 200);
    let token = post(&emulator, "/token", &ask).json();
    assert!(token["refreshToken"].is_null(), "no scopes, no renewal");
}

#[test]
fn the_portal_knows_tokens_and_assignments() {
    let emulator = emulator();
    let client = register(&emulator, &["sso:account:access"]);
    let token = with_code(&client, &code(&emulator, &client));
    let token = post(&emulator, "/token", &token).json();
    let token = token["accessToken"].as_str().unwrap();
    let accounts = get(&emulator, "/assignment/accounts?max_result=1", token).json();
    assert_eq!(accounts["accountList"][0]["accountId"], "111111111111");
    let roles = get(&emulator, "/assignment/roles?account_id=111111111111", token).json();
    assert_eq!(roles["roleList"][0]["roleName"], "Developer");
    let credentials = |role: &str, token: &str| {
        let path = format!("/federation/credentials?account_id=111111111111&role_name={role}");
        get(&emulator, &path, token)
    };
    let given = credentials("Developer", token).json();
    assert!(given["roleCredentials"]["expiration"].as_i64().unwrap() > 1_000_000_000_000);
    assert_eq!(credentials("Admin", token).refusal(), "Forbidden");
    assert_eq!(credentials("Developer", "guessed").refusal(), "Unauthorized");
    let out = http::Request::post("/logout").header("x-amz-sso_bearer_token", token);
    assert_eq!(send(&emulator, out.body(()).unwrap(), b"").status, 200);
    assert_eq!(credentials("Developer", token).refusal(), "Unauthorized");
}

#[test]
fn nothing_is_renewed_without_a_proof() {
    let emulator = Emulator::builder().console_session("first").start_blocking().unwrap();
    let body = json!({ "grantType": "refresh_token", "refreshToken": "first", "clientId": "c" });
    for proof in ["", "a.b.c", "e30.e30.AAAA"] {
        let request = http::Request::post("/v1/token").header("dpop", proof).body(()).unwrap();
        let answer = send(&emulator, request, body.to_string().as_bytes());
        assert_eq!(answer.refusal(), "INVALID_REQUEST", "{proof}");
    }
}

/// Calls STS with the fixed keys.
fn sts(emulator: &Emulator, form: &str) -> Answer {
    let request = http::Request::post("/").header("host", "127.0.0.1").body(()).unwrap();
    let (mut head, ()) = request.into_parts();
    let keys = (DEFAULT_ACCESS_KEY, DEFAULT_SECRET_KEY);
    sign_call(&mut head, form.as_bytes(), keys.0, keys.1, "eu-west-1", "sts");
    send(emulator, http::Request::from_parts(head, ()), form.as_bytes())
}

#[test]
fn a_role_that_wants_a_code_takes_each_once() {
    let emulator = emulator();
    let assume = |more: &str| {
        let role = "arn%3Aaws%3Aiam%3A%3A222222222222%3Arole%2FAdmin";
        let form = format!("Action=AssumeRole&RoleArn={role}&RoleSessionName=alice{more}");
        sts(&emulator, &form).text
    };
    let device = "&SerialNumber=arn%3Aaws%3Aiam%3A%3A123456789012%3Amfa%2Falice";
    assert!(assume("").contains("not authorized to perform: sts:AssumeRole"));
    assert!(assume(device).contains("must provide both"));
    let code = format!("{device}&TokenCode=111111");
    let given = assume(&code);
    assert!(given.contains("<Arn>arn:aws:sts::222222222222:assumed-role/Admin/alice</Arn>"));
    assert!(assume(&code).contains("invalid MFA one time pass code"));
    let long = format!("{device}&TokenCode=222222&DurationSeconds=43200");
    assert!(assume(&long).contains("exceeds the MaxSessionDuration"));
    let other = "&SerialNumber=other&TokenCode=222222";
    assert!(assume(other).contains("unable to validate MFA code"));
}

#[test]
fn a_session_token_is_known_afterwards() {
    let emulator = emulator();
    let given = sts(&emulator, "Action=GetSessionToken&DurationSeconds=900").text;
    let (_, rest) = given.split_once("<AccessKeyId>").unwrap();
    let (key, _) = rest.split_once('<').unwrap();
    assert!(emulator.state().key(key).is_some_and(|key| !key.expired));
    emulator.faults().clock_offset(901);
    assert!(emulator.state().key(key).is_some_and(|key| key.expired));
}
