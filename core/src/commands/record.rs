//! A connection as machines read it.

use ssmpf_schema::{ConnectionRecord, DatabaseRecord};

use crate::events::rfc3339;
use crate::model::{Connection, ConnectionName, Sessions, Tag};

/// Returns the connection as a part of documents.
pub fn of(name: &ConnectionName, connection: &Connection) -> ConnectionRecord {
    let database = connection.database.as_ref().map(|database| DatabaseRecord {
        user: database.user.clone(),
        name: database.name.clone(),
        auth: database.auth.to_string(),
    });
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
        sessions: match connection.sessions {
            Sessions::Auto => None,
            Sessions::Count(number) => Some(number.get()),
        },
        up: None,
        database,
        created: rfc3339(connection.created),
        updated: rfc3339(connection.updated),
        last_used: connection.last_used.map(rfc3339),
    }
}
