//! A connection as machines read it.

use std::borrow::Cow;

use ssmpf_schema::{ConnectionRecord, DatabaseRecord};

use crate::events::rfc3339;
use crate::model::{
    Connection, ConnectionName, Database, Sessions, StoredConnection, StoredTime, Tag,
};

/// Returns the connection as a part of documents.
pub fn of(name: &ConnectionName, connection: &Connection) -> ConnectionRecord {
    ConnectionRecord {
        name: name.to_string(),
        description: connection.description.clone(),
        tags: connection.tags.iter().map(Tag::to_string).collect(),
        profile: connection.profile.as_ref().map(ToString::to_string),
        region: connection.region.as_ref().map(ToString::to_string),
        target: connection.target.to_string(),
        host: connection.destination.host.as_ref().map(|host| host.as_str().to_owned()),
        port: connection.destination.port.number(),
        kind: connection.kind.to_string(),
        local_port: connection.local_port.number(),
        bind: connection.bind.to_string(),
        document: connection.document.as_ref().map(|document| document.as_str().to_owned()),
        reason: connection.reason.clone(),
        lazy: connection.lazy,
        idle_timeout_seconds: connection.idle_timeout.map(|span| span.get()),
        max_age_seconds: connection.max_age.map(|span| span.get()),
        guard: connection.guard,
        keep_alive: connection.keep_alive,
        sessions: sessions(connection.sessions),
        database: connection.database.as_ref().map(database),
        up: None,
        created: rfc3339(connection.created),
        updated: rfc3339(connection.updated),
        last_used: connection.last_used.map(rfc3339),
        uses: connection.uses,
    }
}

/// Returns a connection as it lies in the store as a part of documents, its text still borrowed.
pub fn borrowed<'a>(
    name: Cow<'a, str>,
    stored: StoredConnection<'a>,
) -> ConnectionRecord<Cow<'a, str>> {
    ConnectionRecord {
        name,
        up: None,
        database: stored.database.as_ref().map(database),
        description: stored.description,
        tags: stored.tags,
        profile: stored.profile,
        region: stored.region,
        target: stored.target,
        host: stored.host,
        port: stored.port.number(),
        kind: match stored.kind.known() {
            Some(word) => word.into(),
            None => stored.kind.to_string().into(),
        },
        local_port: stored.local_port.number(),
        bind: match stored.bind.is_default() {
            true => "localhost".into(),
            false => stored.bind.to_string().into(),
        },
        document: stored.document,
        reason: stored.reason,
        lazy: stored.lazy,
        idle_timeout_seconds: stored.idle_timeout.map(|span| span.get()),
        max_age_seconds: stored.max_age.map(|span| span.get()),
        guard: stored.guard,
        keep_alive: stored.keep_alive,
        sessions: sessions(stored.sessions),
        created: written(&stored.created).into(),
        updated: written(&stored.updated).into(),
        last_used: stored.last_used.map(|time| written(&time).into()),
        uses: stored.uses,
    }
}

/// Returns a borrowed record with text of its own.
pub fn owned(record: ConnectionRecord<Cow<'_, str>>) -> ConnectionRecord {
    let text = |text: Option<Cow<'_, str>>| text.map(Cow::into_owned);
    ConnectionRecord {
        name: record.name.into_owned(),
        description: text(record.description),
        tags: record.tags.into_iter().map(Cow::into_owned).collect(),
        profile: text(record.profile),
        region: text(record.region),
        target: record.target.into_owned(),
        host: text(record.host),
        port: record.port,
        kind: record.kind.into_owned(),
        local_port: record.local_port,
        bind: record.bind.into_owned(),
        document: text(record.document),
        reason: text(record.reason),
        lazy: record.lazy,
        idle_timeout_seconds: record.idle_timeout_seconds,
        max_age_seconds: record.max_age_seconds,
        guard: record.guard,
        sessions: record.sessions,
        keep_alive: record.keep_alive,
        database: record.database,
        up: record.up,
        created: record.created.into_owned(),
        updated: record.updated.into_owned(),
        last_used: text(record.last_used),
        uses: record.uses,
    }
}

fn written(time: &StoredTime<'_>) -> String {
    time.to_the_millisecond().unwrap_or_else(|| rfc3339(time.timestamp()))
}

fn sessions(sessions: Sessions) -> Option<u16> {
    match sessions {
        Sessions::Auto => None,
        Sessions::Count(number) => Some(number.get()),
    }
}

fn database(database: &Database) -> DatabaseRecord {
    DatabaseRecord {
        user: database.user.clone(),
        name: database.name.clone(),
        auth: database.auth.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::KnownWords;

    const FULL: &str = r#"{"description":"x","profile":"p","region":"eu-west-1","target":" tag:a=b ","host":"[fd00::1]","kind":"pg","document":"acme","reason":"r","port":5432,"local_port":1,"bind":"127.0.0.1","tags":["@b","a","b"],"lazy":true,"idle_timeout":600,"max_age":28800,"guard":true,"keep_alive":true,"sessions":3,"database":{"user":"app","auth":"iam"},"created":"2026-11-21T12:00:00.123456Z","updated":"2026-11-21T12:00:00Z","last_used":"2026-11-21T13:00:00+01:00","uses":3}"#;
    const LEAST: &str =
        r#"{"target":"b","port":443,"local_port":1,"sessions":"auto","kind":"new-kind"}"#;

    #[test]
    fn a_borrowed_connection_reads_as_the_connection_itself() {
        for json in [FULL, LEAST] {
            let name: ConnectionName = "db".parse().expect("a name");
            let whole: Connection = serde_json::from_str(json).expect("a connection");
            let mut stored: StoredConnection = serde_json::from_str(json).expect("a connection");
            stored.check(&mut KnownWords::default()).expect("a connection");
            let whole = serde_json::to_string(&of(&name, &whole)).expect("JSON");
            let lies = serde_json::to_string(&borrowed("db".into(), stored)).expect("JSON");
            assert_eq!(lies, whole);
        }
    }
}
