//! The JSON of the handshake.
//!
//! The agent asks for actions (the type of the session, encryption); the client answers each one
//! and the agent confirms. Fields and their order are the official peers'.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Name of the action that says what kind of session this is.
pub const SESSION_TYPE: &str = "SessionType";
/// Name of the action that asks for encryption with a KMS key.
pub const KMS_ENCRYPTION: &str = "KMSEncryption";

/// The agent's first message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HandshakeRequest {
    /// Version of the agent, four components; empty or absent when it does not say.
    #[serde(default, deserialize_with = "null_is_default")]
    pub agent_version: String,
    /// What the client is asked to do, in order.
    #[serde(default, deserialize_with = "null_is_default")]
    pub requested_client_actions: Vec<RequestedAction>,
}

/// One thing the client is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RequestedAction {
    /// `SessionType`, `KMSEncryption`, or a later one.
    #[serde(default, deserialize_with = "null_is_default")]
    pub action_type: String,
    /// Its parameters, of a shape that depends on the action.
    #[serde(default)]
    pub action_parameters: Value,
}

/// Parameters of the `SessionType` action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionTypeParameters {
    /// `Port`, `Standard_Stream`, `InteractiveCommands` or `NonInteractiveCommands`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub session_type: String,
    /// Properties of the session document after substitution; null for shells.
    #[serde(default)]
    pub properties: Value,
}

/// Parameters of the `KMSEncryption` action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KmsParameters {
    /// The key to ask for a data key.
    #[serde(rename = "KMSKeyId", default, deserialize_with = "null_is_default")]
    pub key_id: String,
    /// Base64 of 16 random bytes for the encryption context; absent from old agents.
    #[serde(rename = "Challenge", default, skip_serializing_if = "Option::is_none")]
    pub challenge: Option<String>,
}

/// The client's first message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HandshakeResponse {
    /// Version the client claims, four components: the agent derives mux and keepalive from it.
    #[serde(default, deserialize_with = "null_is_default")]
    pub client_version: String,
    /// One answer for each requested action, in the same order.
    #[serde(default, deserialize_with = "null_is_default")]
    pub processed_client_actions: Vec<ProcessedAction>,
    /// Texts of what failed, or null.
    #[serde(default)]
    pub errors: Option<Vec<String>>,
}

/// The answer to one requested action.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProcessedAction {
    /// The action answered.
    #[serde(default, deserialize_with = "null_is_default")]
    pub action_type: String,
    /// Whether it was done.
    #[serde(default)]
    pub action_status: ActionStatus,
    /// What came of it, of a shape that depends on the action.
    #[serde(default)]
    pub action_result: Value,
    /// Why it failed, or empty.
    #[serde(default, deserialize_with = "null_is_default")]
    pub error: String,
}

/// Whether an action was done: a number on the wire.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ActionStatus(pub u32);

impl ActionStatus {
    /// Done.
    pub const SUCCESS: Self = Self(1);
    /// Tried, and failed.
    pub const FAILED: Self = Self(2);
    /// The client does not know this action.
    pub const UNSUPPORTED: Self = Self(3);
}

impl ProcessedAction {
    /// Answers an action with success and no result.
    pub fn success(action_type: &str) -> Self {
        Self {
            action_type: action_type.to_owned(),
            action_status: ActionStatus::SUCCESS,
            action_result: Value::Null,
            error: String::new(),
        }
    }

    /// Answers an action with a failure, in the wording the official client uses.
    pub fn failure(action_type: &str, status: ActionStatus, cause: &str) -> Self {
        Self {
            action_type: action_type.to_owned(),
            action_status: status,
            action_result: Value::Null,
            error: format!("Failed to process action {action_type}: {cause}"),
        }
    }
}

/// The agent's end of the handshake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct HandshakeComplete {
    /// How long it took at the agent, in nanoseconds.
    #[serde(default)]
    pub handshake_time_to_complete: i64,
    /// Text for the user; usually empty.
    #[serde(default, deserialize_with = "null_is_default")]
    pub customer_message: String,
}

/// Both messages of the encryption challenge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EncryptionChallenge {
    /// Base64 of encrypted random bytes.
    #[serde(default, deserialize_with = "null_is_default")]
    pub challenge: String,
}

/// The peers are written in Go, where an absent list or text may arrive as null.
pub(crate) fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_looks_like_the_official_clients() {
        let response = HandshakeResponse {
            client_version: "1.2.764.0".into(),
            processed_client_actions: vec![ProcessedAction::success(SESSION_TYPE)],
            errors: None,
        };
        assert_eq!(
            serde_json::to_string(&response).unwrap(),
            r#"{"ClientVersion":"1.2.764.0","ProcessedClientActions":[{"ActionType":"SessionType","ActionStatus":1,"ActionResult":null,"Error":""}],"Errors":null}"#
        );
    }

    #[test]
    fn nulls_and_unknown_keys_are_tolerated() {
        let request: HandshakeRequest = serde_json::from_str(
            r#"{"AgentVersion":null,"RequestedClientActions":null,"Later":{"a":1}}"#,
        )
        .unwrap();
        assert_eq!(request.agent_version, "");
        assert!(request.requested_client_actions.is_empty());
    }
}
