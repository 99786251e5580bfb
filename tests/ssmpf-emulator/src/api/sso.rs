//! The portal of IAM Identity Center: accounts, roles, and credentials for them.

use http::request::Parts;
use hyper::Method;
use serde_json::{Value, json};

use super::rest::{self, RestError};
use super::sts::{self, Form};
use crate::directory::Portal;
use crate::lock;
use crate::server::Reply;
use crate::state::State;

/// Accounts or roles in a page unless fewer are asked for.
const PAGE: usize = 100;

/// Returns the operation that a request to this service asks for.
pub(super) fn operation(head: &Parts) -> Option<&'static str> {
    match (&head.method, head.uri.path()) {
        (&Method::GET, "/federation/credentials") => Some("GetRoleCredentials"),
        (&Method::GET, "/assignment/accounts") => Some("ListAccounts"),
        (&Method::GET, "/assignment/roles") => Some("ListAccountRoles"),
        (&Method::POST, "/logout") => Some("Logout"),
        _ => None,
    }
}

/// Answers a request.
pub(super) fn answer(operation: &str, head: &Parts, state: &State) -> Reply {
    let query = sts::form(head.uri.query().unwrap_or_default().as_bytes());
    let token = head.headers.get("x-amz-sso_bearer_token").and_then(|value| value.to_str().ok());
    rest::reply(dispatch(operation, &query, token.unwrap_or_default(), state))
}

fn dispatch(operation: &str, query: &Form, token: &str, state: &State) -> Result<Value, RestError> {
    let end = lock(&state.given).tokens.get(token).copied();
    let portal = state.config.directory.portal.as_ref();
    let portal = portal.filter(|_| end.is_some_and(|end| end > state.now())).ok_or_else(|| {
        RestError::new(401, "UnauthorizedException", "Session token not found or invalid")
    })?;
    match operation {
        "GetRoleCredentials" => role_credentials(query, portal, state),
        "ListAccounts" => {
            let mut accounts: Vec<_> = portal.assignments.iter().map(|(it, _)| it).collect();
            accounts.dedup();
            let accounts = accounts
                .into_iter()
                .map(|id| json!({ "accountId": id, "accountName": format!("account-{id}") }));
            page("accountList", accounts.collect(), query)
        }
        "ListAccountRoles" => {
            let account = required(query, "account_id")?;
            let roles = portal.assignments.iter().filter(|(it, _)| it == account);
            let roles =
                roles.map(|(account, role)| json!({ "accountId": account, "roleName": role }));
            page("roleList", roles.collect(), query)
        }
        _ => {
            lock(&state.given).tokens.remove(token);
            Ok(Value::Null)
        }
    }
}

fn role_credentials(query: &Form, portal: &Portal, state: &State) -> Result<Value, RestError> {
    let (account, role) = (required(query, "account_id")?, required(query, "role_name")?);
    if !portal.assignments.iter().any(|(a, r)| a == account && r == role) {
        return Err(RestError::new(403, "ForbiddenException", "No access"));
    }
    let user = &state.config.credentials.session_name;
    let arn = format!(
        "arn:aws:sts::{account}:assumed-role/AWSReservedSSO_{role}_0123456789abcdef/{user}"
    );
    let issued = lock(&state.given).issue(arn, portal.role_seconds, state.now());
    Ok(json!({
        "roleCredentials": {
            "accessKeyId": issued.key.access_key,
            "secretAccessKey": issued.key.secret_key,
            "sessionToken": issued.key.session_token,
            "expiration": issued.expires.as_millisecond(),
        }
    }))
}

fn page(name: &str, all: Vec<Value>, query: &Form) -> Result<Value, RestError> {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<usize>().ok());
    let (start, most) = (number("next_token").unwrap_or(0), number("max_result").unwrap_or(PAGE));
    let total = all.len();
    let items: Vec<Value> = all.into_iter().skip(start).take(most.clamp(1, PAGE)).collect();
    let end = start + items.len();
    Ok(json!({ name: items, "nextToken": (end < total).then(|| end.to_string()) }))
}

fn required<'a>(query: &'a Form, name: &str) -> Result<&'a String, RestError> {
    query.get(name).ok_or_else(|| {
        RestError::new(400, "InvalidRequestException", &format!("{name} is missing"))
    })
}
