//! The JSON payloads of messages that are not stream data, and of the first text message.

use bytes::{BufMut, BytesMut};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::handshake::null_is_default;

/// The first message on every new websocket: one JSON text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct OpenDataChannel {
    /// Always `1.0`.
    pub message_schema_version: String,
    /// Fresh on every connection.
    pub request_id: Uuid,
    /// The secret from StartSession or ResumeSession.
    pub token_value: String,
    /// The same for the life of the session.
    pub client_id: Uuid,
    /// The version this client claims.
    pub client_version: String,
}

impl std::fmt::Debug for OpenDataChannel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenDataChannel")
            .field("request_id", &self.request_id)
            .field("client_id", &self.client_id)
            .field("client_version", &self.client_version)
            .finish_non_exhaustive()
    }
}

/// Confirms one numbered message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledge {
    /// Type of the confirmed message.
    #[serde(rename = "AcknowledgedMessageType", default, deserialize_with = "null_is_default")]
    pub message_type: String,
    /// Its id, as text.
    #[serde(rename = "AcknowledgedMessageId", default, deserialize_with = "null_is_default")]
    pub message_id: String,
    /// Its number: the only field that receivers match.
    #[serde(rename = "AcknowledgedMessageSequenceNumber")]
    pub sequence: i64,
    /// Always true.
    #[serde(rename = "IsSequentialMessage", default)]
    pub sequential: bool,
}

impl Acknowledge {
    /// Appends the JSON that confirms `sequence`, in the official peers' key order.
    ///
    /// Written by hand: one of these leaves for every message that arrives.
    pub fn write(message_type: &str, message_id: Uuid, sequence: i64, out: &mut BytesMut) {
        out.put_slice(br#"{"AcknowledgedMessageType":""#);
        out.put_slice(message_type.as_bytes());
        out.put_slice(br#"","AcknowledgedMessageId":""#);
        let mut text = Uuid::encode_buffer();
        out.put_slice(message_id.hyphenated().encode_lower(&mut text).as_bytes());
        out.put_slice(br#"","AcknowledgedMessageSequenceNumber":"#);
        put_decimal(sequence, out);
        out.put_slice(br#","IsSequentialMessage":true}"#);
    }
}

fn put_decimal(number: i64, out: &mut BytesMut) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    let mut rest = number.unsigned_abs();
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        out.put_u8(b'-');
    }
    out.put_slice(&digits[at..]);
}

/// The service's word that a session is over.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ChannelClosed {
    /// Id of this notice.
    #[serde(deserialize_with = "null_is_default")]
    pub message_id: String,
    /// When, as text.
    #[serde(deserialize_with = "null_is_default")]
    pub created_date: String,
    /// To whom.
    #[serde(deserialize_with = "null_is_default")]
    pub destination_id: String,
    /// Which session.
    #[serde(deserialize_with = "null_is_default")]
    pub session_id: String,
    /// `channel_closed` again.
    #[serde(deserialize_with = "null_is_default")]
    pub message_type: String,
    /// Version of this layout.
    pub schema_version: i64,
    /// Why, for the user; often empty.
    #[serde(deserialize_with = "null_is_default")]
    pub output: String,
}

/// The agent's word to the service that it is connected or leaving.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AgentSessionState {
    /// Version of this layout: 1.
    pub schema_version: i64,
    /// `Connected` or `Terminating`.
    #[serde(deserialize_with = "null_is_default")]
    pub session_state: String,
    /// Which session.
    #[serde(deserialize_with = "null_is_default")]
    pub session_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_acknowledgement_is_written_as_the_official_client_does() {
        let id: Uuid = "dd01e56b-ff48-483e-a508-b5f073f31b16".parse().unwrap();
        let mut out = BytesMut::new();
        Acknowledge::write("input_stream_data", id, 0, &mut out);
        assert_eq!(
            out,
            r#"{"AcknowledgedMessageType":"input_stream_data","AcknowledgedMessageId":"dd01e56b-ff48-483e-a508-b5f073f31b16","AcknowledgedMessageSequenceNumber":0,"IsSequentialMessage":true}"#
        );
    }

    #[test]
    fn debug_output_of_the_first_message_hides_the_token() {
        let open = OpenDataChannel {
            message_schema_version: "1.0".into(),
            request_id: Uuid::nil(),
            token_value: "very-secret".into(),
            client_id: Uuid::nil(),
            client_version: "1.2.764.0".into(),
        };
        assert!(!format!("{open:?}").contains("very-secret"));
    }

    proptest! {
        #[test]
        fn any_acknowledgement_is_read_back(sequence: i64, id: u128) {
            let mut out = BytesMut::new();
            Acknowledge::write("output_stream_data", Uuid::from_u128(id), sequence, &mut out);
            let read: Acknowledge = serde_json::from_slice(&out).unwrap();
            prop_assert_eq!(read.sequence, sequence);
            prop_assert_eq!(read.message_id, Uuid::from_u128(id).to_string());
        }
    }
}
