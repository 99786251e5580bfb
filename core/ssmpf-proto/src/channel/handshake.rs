//! The client's part of the handshake: what the agent asks for and what is answered.

use serde_json::Value;

use crate::agent_version::AgentVersion;
use crate::message::handshake::{
    ActionStatus, HandshakeRequest, HandshakeResponse, KMS_ENCRYPTION, ProcessedAction,
    RequestedAction, SESSION_TYPE, SessionTypeParameters,
};

/// Session type of port forwarding and ssh.
pub const PORT_SESSION: &str = "Port";

/// What the agent said of the session.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terms {
    /// The agent's version; `None` if it does not say or says no version.
    pub agent_version: Option<AgentVersion>,
    /// `Port`, `Standard_Stream`, …; empty if the agent does not say.
    pub session_type: String,
    /// The document's properties after substitution.
    pub properties: Value,
    /// An action that was asked for and cannot be done.
    pub unsupported: Option<String>,
}

impl Terms {
    /// A property of the session document, if it is text.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name)?.as_str()
    }
}

/// Reads the agent's demands and answers each one.
pub fn answer(request: &HandshakeRequest, client_version: &str) -> (Terms, HandshakeResponse) {
    let mut terms = Terms { agent_version: request.agent_version.parse().ok(), ..Terms::default() };
    let processed: Vec<_> = request
        .requested_client_actions
        .iter()
        .map(|action| answer_one(action, &mut terms))
        .collect();
    let errors: Vec<_> = processed
        .iter()
        .filter(|action| !action.error.is_empty())
        .map(|action| action.error.clone())
        .collect();
    let response = HandshakeResponse {
        client_version: client_version.to_owned(),
        processed_client_actions: processed,
        errors: (!errors.is_empty()).then_some(errors),
    };
    (terms, response)
}

fn answer_one(action: &RequestedAction, terms: &mut Terms) -> ProcessedAction {
    let name = &action.action_type;
    match name.as_str() {
        SESSION_TYPE => {
            let parameters = serde_json::from_value(action.action_parameters.clone());
            let Ok(SessionTypeParameters { session_type, properties }) = parameters else {
                let cause = "its parameters are not understood";
                return ProcessedAction::failure(name, ActionStatus::FAILED, cause);
            };
            let known = session_type == PORT_SESSION;
            terms.session_type = session_type;
            terms.properties = properties;
            if known {
                ProcessedAction::success(name)
            } else {
                let cause = format!("session type {} is not served here", terms.session_type);
                ProcessedAction::failure(name, ActionStatus::FAILED, &cause)
            }
        }
        // Port sessions are never encrypted this way; shells will be.
        KMS_ENCRYPTION => unsupported(name, terms),
        other => unsupported(other, terms),
    }
}

fn unsupported(name: &str, terms: &mut Terms) -> ProcessedAction {
    terms.unsupported.get_or_insert_with(|| name.to_owned());
    ProcessedAction::failure(name, ActionStatus::UNSUPPORTED, "not supported by this client")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(actions: Value) -> HandshakeRequest {
        serde_json::from_value(json!({
            "AgentVersion": "3.3.987.0", "RequestedClientActions": actions,
        }))
        .unwrap()
    }

    #[test]
    fn a_port_session_is_accepted_with_its_properties() {
        let (terms, response) = answer(
            &request(json!([{"ActionType": "SessionType", "ActionParameters": {
                "SessionType": "Port",
                "Properties": {"portNumber": "5432", "type": "LocalPortForwarding"}}}])),
            "1.2.3.4",
        );
        assert_eq!(terms.property("portNumber"), Some("5432"));
        assert_eq!(response.processed_client_actions[0].action_status, ActionStatus::SUCCESS);
        assert_eq!(response.errors, None);
    }

    #[test]
    fn an_unknown_action_is_answered_with_status_three_and_its_error_repeated() {
        let (terms, response) =
            answer(&request(json!([{"ActionType": "Dance", "ActionParameters": null}])), "1.2.3.4");
        assert_eq!(terms.unsupported.as_deref(), Some("Dance"));
        let action = &response.processed_client_actions[0];
        assert_eq!(action.action_status, ActionStatus::UNSUPPORTED);
        assert_eq!(response.errors, Some(vec![action.error.clone()]));
    }
}
