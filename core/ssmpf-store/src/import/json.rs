//! Our own export: the contents as JSON, without recipients and without a seal.

use serde_json::Value;

use super::{Draft, Reading};
use crate::contents::{Contents, ContentsError};

/// Reads an export, or the opened store itself.
pub fn read(text: &[u8]) -> Result<Reading, ContentsError> {
    let contents = Contents::from_json(text)?;
    let drafts = contents.connections.into_iter().map(|(name, connection)| Draft {
        name: name.to_string(),
        local_port: Some(connection.local_port),
        connection,
    });
    Ok(Reading { drafts: drafts.collect(), left: Vec::new() })
}

/// Writes the export: indented, for people and for version control. Not encrypted.
pub fn write(contents: &Contents) -> String {
    let exported = Contents { recipients: Vec::new(), ..contents.clone() };
    // Through a value, so that it is indented but for what newer versions stored.
    let value: Value = serde_json::from_slice(exported.to_json().expose()).unwrap_or_default();
    let mut text = serde_json::to_string_pretty(&value).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use ssmpf_model::Timestamp;

    use super::*;
    use crate::import::{Conflict, merge};

    #[test]
    fn an_export_comes_back_as_it_was() {
        let json = br#"{"version":1,"connections":{"db":{"target":"bastion","port":5432,
            "local_port":15432,"tags":["prod"],"created":"2026-11-21T12:00:00Z"}}}"#;
        let contents = Contents::from_json(json).expect("it parses");
        let text = write(&contents);
        assert!(text.starts_with("{\n"), "{text}");
        let mut back = Contents::default();
        let created = contents.get("db").expect("there").1.created;
        merge(read(text.as_bytes()).expect("it parses"), &mut back, Conflict::Rename, created);
        assert_eq!(back, contents);
        assert_ne!(created, Timestamp::UNIX_EPOCH);
    }
}
