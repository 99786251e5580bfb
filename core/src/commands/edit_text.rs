//! A connection as text that a person edits, and back.

use serde_json::{Map, Value};
use ssmpf_schema::ConnectionRecord;

use super::context::Context;
use super::{CommandError, Refusal, record};
use crate::model::{Connection, InvalidInput, SessionDocument};

/// Fields that are not for people to write.
const KEPT: [&str; 4] = ["created", "updated", "last_used", "uses"];

/// Every field that can be written, and what it is.
const FIELDS: [(&str, &str); 19] = [
    ("description", "a line about it"),
    ("tags", "[\"prod\", \"db\"]"),
    ("profile", "AWS profile"),
    ("region", "such as eu-west-1"),
    ("target", "i-…, a Name, tag:KEY=VALUE, an address, asg:GROUP, ecs:CLUSTER/SERVICE"),
    ("host", "what the node connects to; without it, the node itself"),
    ("port", "the port there"),
    ("kind", "postgres, mysql, redis, https, ssh, tcp, …"),
    ("local_port", "the port on this machine"),
    ("bind", "the address to listen on; localhost is the default"),
    ("document", "SSM document instead of Amazon's own"),
    ("reason", "for the session history and CloudTrail"),
    ("lazy", "true: start a session at the first client"),
    ("idle_timeout", "seconds until a lazy session ends"),
    ("max_age", "seconds until the forward closes itself"),
    ("guard", "true: ask before opening it"),
    ("keep_alive", "true: keep idle sessions open, whatever limit the administrator has set"),
    ("sessions", "a number, or \"auto\""),
    ("database", "{ user = \"app\", name = \"orders\", auth = \"iam\" }"),
];

/// Returns the connection called `name` as TOML, every possible field in a comment.
pub fn text(name: &str, context: &mut Context) -> Result<String, CommandError> {
    let contents = context.store.read()?;
    let (name, connection) = contents.get(name)?;
    let mut fields = fields_of(connection);
    fields.retain(|field, _| FIELDS.iter().any(|(known, _)| known == field));
    let written = toml::to_string(&fields).map_err(|error| Refusal::failure(error.to_string()))?;
    let known = FIELDS.iter().map(|(field, meaning)| format!("# {field}: {meaning}\n"));
    Ok(format!(
        "# Connection {name}. Save and close to change it; an unchanged file changes nothing.\n\n\
         {written}\n# Fields:\n{}",
        known.collect::<String>()
    ))
}

/// Puts an edited text in the place of the connection called `name`.
///
/// # Errors
///
/// When the text is no connection. Nothing is changed then.
pub fn apply(
    name: &str,
    text: &str,
    context: &mut Context,
) -> Result<ConnectionRecord, CommandError> {
    let now = context.now;
    context.store.update(|contents| {
        let (name, before) = contents.get(name)?;
        let name = name.clone();
        let mut connection = parse(text, before)?;
        if connection != *before {
            connection.updated = now;
        }
        *contents.get_mut(name.as_str())? = connection.clone();
        Ok(record::of(&name, &connection))
    })
}

fn parse(text: &str, before: &Connection) -> Result<Connection, InvalidInput> {
    let refused = |why: String| {
        InvalidInput::new(format!("the text is not a connection: {why}"), "nothing was changed")
    };
    let mut fields: Map<String, Value> =
        toml::from_str(text).map_err(|error| refused(error.message().to_owned()))?;
    if let Some(field) = fields.keys().find(|field| !FIELDS.iter().any(|(it, _)| it == field)) {
        return Err(refused(format!("there is no field `{field}`")));
    }
    let kept = fields_of(before).into_iter().filter(|(field, _)| KEPT.contains(&field.as_str()));
    fields.extend(kept);
    let json = serde_json::to_string(&fields).map_err(|error| refused(error.to_string()))?;
    let mut connection: Connection =
        serde_json::from_str(&json).map_err(|error| refused(reason(&error)))?;
    connection.unknown = before.unknown.clone();
    SessionDocument::for_destination(&connection.destination, connection.document.as_ref())?;
    Ok(connection)
}

/// Returns what is wrong, without a place in JSON that nobody wrote.
fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_owned()
}

fn fields_of(connection: &Connection) -> Map<String, Value> {
    match serde_json::to_value(connection) {
        Ok(Value::Object(fields)) => fields,
        // A connection always serializes to an object.
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection() -> Connection {
        let json = r#"{"target":"bastion","host":"db.internal","port":5432,"local_port":20001,
            "created":"2026-11-21T12:00:00Z","colour":"red"}"#;
        serde_json::from_str(json).expect("a connection")
    }

    #[test]
    fn what_is_not_in_the_text_is_gone_and_what_it_cannot_say_stays() {
        let text = "# a comment\ntarget = 'bastion'\nport = 6379\nlocal_port = 20001\n";
        let parsed = parse(text, &connection()).expect("a connection");
        assert_eq!(parsed.destination.host, None);
        assert_eq!(parsed.created, connection().created);
        assert_eq!(parsed.unknown, connection().unknown);
    }

    #[test]
    fn mistakes_are_named() {
        let rest = "target = 'bastion'\nlocal_port = 20001\n";
        for (text, words) in [
            ("port = 0\n", "port"),
            ("port = 1\nhots = 'x'\n", "`hots`"),
            ("port = \n", ""),
            ("", "`port`"),
            ("port = 1\ndocument = 'AWS-StartPortForwardingSessionToRemoteHost'\n", "needs a host"),
        ] {
            let error = parse(&format!("{text}{rest}"), &connection()).expect_err(text);
            assert!(error.message.contains(words), "{text}: {error}");
        }
    }
}
