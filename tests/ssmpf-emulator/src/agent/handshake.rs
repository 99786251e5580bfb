//! The JSON of the handshake.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::documents::SessionPlan;

/// The client's answer.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Response {
    /// Version that the client states.
    #[serde(rename = "ClientVersion", default)]
    pub(super) client_version: String,
    #[serde(rename = "ProcessedClientActions", default)]
    actions: Option<Vec<ProcessedAction>>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProcessedAction {
    #[serde(default)]
    action_type: String,
    #[serde(default)]
    action_status: i64,
    #[serde(default)]
    error: Option<String>,
}

impl Response {
    /// Reads a response.
    pub(super) fn parse(payload: &[u8]) -> Option<Self> {
        serde_json::from_slice(payload).ok()
    }

    /// Returns the failure of the first action that is not a success.
    pub(super) fn check(&self) -> Result<(), String> {
        for action in self.actions.iter().flatten() {
            if action.action_status != 1 {
                return Err(format!(
                    "{} failed on client with status {} error: {}",
                    action.action_type,
                    action.action_status,
                    action.error.as_deref().unwrap_or_default()
                ));
            }
        }
        Ok(())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request<'a> {
    agent_version: &'a str,
    requested_client_actions: [Action<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Action<'a> {
    action_type: &'static str,
    action_parameters: SessionTypeParameters<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SessionTypeParameters<'a> {
    session_type: &'a str,
    properties: &'a Option<BTreeMap<String, String>>,
}

/// Returns the payload that opens the handshake.
pub(super) fn request(agent_version: &str, plan: &SessionPlan) -> Vec<u8> {
    let action = Action {
        action_type: "SessionType",
        action_parameters: SessionTypeParameters {
            session_type: &plan.session_type,
            properties: &plan.properties,
        },
    };
    json(&Request { agent_version, requested_client_actions: [action] })
}

/// Returns the payload that ends the handshake.
pub(super) fn complete(took: Duration) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Complete {
        handshake_time_to_complete: u64,
        customer_message: &'static str,
    }
    json(&Complete { handshake_time_to_complete: took.as_nanos() as u64, customer_message: "" })
}

/// Returns the payload that tells the service that the agent is there.
pub(super) fn session_state(session_id: &str) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct SessionStateContent<'a> {
        schema_version: u32,
        session_state: &'static str,
        session_id: &'a str,
    }
    json(&SessionStateContent { schema_version: 1, session_state: "Connected", session_id })
}

/// Returns the text with which a session ends whose handshake failed.
pub(super) fn failure(cause: &str) -> String {
    format!("Encountered error while initiating handshake. {cause}")
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("strings and numbers are JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_has_the_captured_form() {
        let properties = [
            ("type", "LocalPortForwarding"),
            ("portNumber", "19000"),
            ("localPortNumber", "23001"),
        ];
        let properties = properties.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let plan = SessionPlan { session_type: "Port".into(), properties: Some(properties.into()) };
        assert_eq!(
            String::from_utf8(request("3.3.1142.0", &plan)).unwrap(),
            r#"{"AgentVersion":"3.3.1142.0","RequestedClientActions":[{"ActionType":"SessionType","ActionParameters":{"SessionType":"Port","Properties":{"localPortNumber":"23001","portNumber":"19000","type":"LocalPortForwarding"}}}]}"#
        );
    }

    #[test]
    fn any_status_but_success_is_a_failure() {
        let answer = |status: u8| {
            let text = format!(
                r#"{{"ClientVersion":"1.2.764.0","ProcessedClientActions":[{{"ActionType":"SessionType","ActionStatus":{status},"ActionResult":null,"Error":"no"}}],"Errors":null}}"#
            );
            Response::parse(text.as_bytes()).unwrap().check()
        };
        assert!(answer(1).is_ok());
        assert!(answer(2).unwrap_err().contains("SessionType failed on client with status 2"));
        assert!(answer(3).is_err());
    }
}
