//! Which Nushell type each field of the core's JSON has: one table for each kind of record.
//!
//! JSON knows neither times nor durations nor sizes; these tables do. A test holds them against the
//! JSON Schema of the contract, field by field. Fields that are not here, because a newer core has
//! them, pass through in the type that JSON gives them.

use nu_protocol::Type;

/// What a field is.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// Yes or no.
    Bool,
    /// RFC 3339 text, which becomes a datetime.
    Time,
    /// Seconds, which become a duration. The column's name loses its `_seconds`.
    Seconds,
    /// Bytes, or bytes per second, which become a filesize.
    Bytes,
    /// A list of texts.
    Texts,
    /// A record.
    Record(&'static [Column]),
    /// A table.
    Table(&'static [Column]),
}

/// A field of a record.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name in JSON.
    pub field: &'static str,
    /// What it is.
    pub shape: Shape,
    /// Whether it can be `null`, which becomes nothing.
    pub nullable: bool,
}

impl Column {
    /// Returns its name in Nushell.
    pub fn name(&self) -> &'static str {
        match self.shape {
            Shape::Seconds => self.field.strip_suffix("_seconds").unwrap_or(self.field),
            _ => self.field,
        }
    }

    /// Returns its type in Nushell.
    pub fn nu_type(&self) -> Type {
        if self.nullable {
            return Type::Any;
        }
        match self.shape {
            Shape::Text => Type::String,
            Shape::Int => Type::Int,
            Shape::Bool => Type::Bool,
            Shape::Time => Type::Date,
            Shape::Seconds => Type::Duration,
            Shape::Bytes => Type::Filesize,
            Shape::Texts => Type::List(Box::new(Type::String)),
            Shape::Record(columns) => record_type(columns),
            Shape::Table(columns) => table_type(columns),
        }
    }
}

/// Returns the type of a record with these columns.
pub fn record_type(columns: &[Column]) -> Type {
    Type::Record(named_types(columns).into())
}

/// Returns the type of a table with these columns.
pub fn table_type(columns: &[Column]) -> Type {
    Type::Table(named_types(columns).into())
}

fn named_types(columns: &[Column]) -> Vec<(String, Type)> {
    columns.iter().map(|it| (it.name().to_owned(), it.nu_type())).collect()
}

/// A field that is always known.
const fn known(field: &'static str, shape: Shape) -> Column {
    Column { field, shape, nullable: false }
}

/// A field that may be `null`.
const fn maybe(field: &'static str, shape: Shape) -> Column {
    Column { field, shape, nullable: true }
}

/// A saved connection.
pub const CONNECTION: &[Column] = &[
    known("name", Shape::Text),
    maybe("description", Shape::Text),
    known("tags", Shape::Texts),
    maybe("profile", Shape::Text),
    maybe("region", Shape::Text),
    known("target", Shape::Text),
    maybe("host", Shape::Text),
    known("port", Shape::Int),
    known("kind", Shape::Text),
    known("local_port", Shape::Int),
    known("bind", Shape::Text),
    maybe("document", Shape::Text),
    maybe("reason", Shape::Text),
    known("lazy", Shape::Bool),
    maybe("idle_timeout_seconds", Shape::Seconds),
    maybe("max_age_seconds", Shape::Seconds),
    known("guard", Shape::Bool),
    known("keep_alive", Shape::Bool),
    maybe("sessions", Shape::Int),
    maybe("up", Shape::Bool),
    maybe("database", Shape::Record(DATABASE)),
    known("created", Shape::Time),
    known("updated", Shape::Time),
    maybe("last_used", Shape::Time),
    known("uses", Shape::Int),
];

/// How to sign in to a database.
pub const DATABASE: &[Column] =
    &[maybe("user", Shape::Text), maybe("name", Shape::Text), known("auth", Shape::Text)];

/// A forward in the background.
pub const FORWARD: &[Column] = &[
    known("name", Shape::Text),
    known("state", Shape::Text),
    maybe("address", Shape::Text),
    known("addresses", Shape::Texts),
    maybe("destination", Shape::Text),
    maybe("target", Shape::Text),
    maybe("node", Shape::Text),
    maybe("profile", Shape::Text),
    maybe("region", Shape::Text),
    known("tags", Shape::Texts),
    known("session_ids", Shape::Texts),
    known("clients", Shape::Int),
    known("clients_total", Shape::Int),
    known("bytes_sent", Shape::Bytes),
    known("bytes_received", Shape::Bytes),
    known("sent_per_second", Shape::Bytes),
    known("received_per_second", Shape::Bytes),
    maybe("started", Shape::Time),
    maybe("up_since", Shape::Time),
    known("reconnects", Shape::Int),
    maybe("last_problem", Shape::Record(PROBLEM)),
    maybe("next_rotation", Shape::Time),
    maybe("closes_at", Shape::Time),
    maybe("version", Shape::Text),
    maybe("pid", Shape::Int),
    maybe("log", Shape::Text),
];

/// Something that went wrong while a forward went on.
pub const PROBLEM: &[Column] =
    &[known("time", Shape::Time), maybe("kind", Shape::Text), known("message", Shape::Text)];

/// What `down` says.
pub const DOWN: &[Column] = &[known("stopped", Shape::Texts), known("not_up", Shape::Texts)];

/// A connection that was taken over from JSON.
pub const IMPORTED: &[Column] =
    &[known("name", Shape::Text), maybe("renamed_from", Shape::Text), known("notes", Shape::Texts)];

/// A target.
pub const TARGET: &[Column] = &[
    known("target", Shape::Text),
    known("kind", Shape::Text),
    maybe("name", Shape::Text),
    known("reachable", Shape::Bool),
    known("status", Shape::Text),
    maybe("reason", Shape::Text),
    maybe("state", Shape::Text),
    maybe("address", Shape::Text),
    maybe("availability_zone", Shape::Text),
    maybe("vpc", Shape::Text),
    maybe("platform", Shape::Text),
    maybe("agent_version", Shape::Text),
    maybe("last_ping", Shape::Time),
    maybe("ecs", Shape::Record(ECS)),
    maybe("profile", Shape::Text),
    known("region", Shape::Text),
];

/// Where in ECS a container is.
pub const ECS: &[Column] = &[
    known("cluster", Shape::Text),
    maybe("service", Shape::Text),
    known("task", Shape::Text),
    known("container", Shape::Text),
];

/// A host and port that a node may reach.
pub const ENDPOINT: &[Column] = &[
    known("type", Shape::Text),
    known("name", Shape::Text),
    maybe("role", Shape::Text),
    known("host", Shape::Text),
    known("port", Shape::Int),
    known("kind", Shape::Text),
    maybe("engine", Shape::Text),
    maybe("vpc", Shape::Text),
    maybe("status", Shape::Text),
    maybe("iam_auth", Shape::Bool),
    maybe("tls", Shape::Bool),
    known("cluster_mode", Shape::Bool),
    maybe("profile", Shape::Text),
    known("region", Shape::Text),
];

/// A live session.
pub const SESSION: &[Column] = &[
    known("session_id", Shape::Text),
    maybe("target", Shape::Text),
    maybe("status", Shape::Text),
    maybe("started", Shape::Time),
    maybe("owner", Shape::Text),
    maybe("document", Shape::Text),
    maybe("reason", Shape::Text),
    maybe("max_duration_seconds", Shape::Seconds),
    maybe("profile", Shape::Text),
    known("region", Shape::Text),
];

/// A place that was looked at.
pub const PLACE: &[Column] = &[
    maybe("profile", Shape::Text),
    known("region", Shape::Text),
    known("found", Shape::Int),
    known("asked", Shape::Time),
    known("cached", Shape::Bool),
];

/// What could not be read, and where.
pub const PLACE_FAILURE: &[Column] = &[
    maybe("profile", Shape::Text),
    maybe("region", Shape::Text),
    known("error", Shape::Record(ERROR)),
];

/// A failure.
pub const ERROR: &[Column] = &[
    known("kind", Shape::Text),
    known("message", Shape::Text),
    maybe("hint", Shape::Text),
    known("causes", Shape::Texts),
];

/// All that `targets` says.
pub const TARGETS: &[Column] = &[
    known("targets", Shape::Table(TARGET)),
    known("places", Shape::Table(PLACE)),
    known("failures", Shape::Table(PLACE_FAILURE)),
];

/// All that `endpoints` says.
pub const ENDPOINTS: &[Column] = &[
    known("endpoints", Shape::Table(ENDPOINT)),
    known("places", Shape::Table(PLACE)),
    known("failures", Shape::Table(PLACE_FAILURE)),
];

/// All that `sessions` says.
pub const SESSIONS: &[Column] = &[
    known("sessions", Shape::Table(SESSION)),
    known("places", Shape::Table(PLACE)),
    known("failures", Shape::Table(PLACE_FAILURE)),
];

/// An AWS profile.
pub const PROFILE: &[Column] = &[
    known("name", Shape::Text),
    known("kind", Shape::Text),
    maybe("region", Shape::Text),
    maybe("account", Shape::Text),
    maybe("role", Shape::Text),
    maybe("sso_session", Shape::Text),
    maybe("source_profile", Shape::Text),
    known("sign_in", Shape::Record(SIGN_IN)),
    maybe("problem", Shape::Text),
];

/// Whether somebody is signed in to a profile.
pub const SIGN_IN: &[Column] = &[known("state", Shape::Text), maybe("until", Shape::Time)];

/// What `login` says.
pub const SIGNED_IN: &[Column] = &[known("signed_in_to", Shape::Text), maybe("until", Shape::Time)];

/// What a command says that did something and has nothing to show.
pub const DONE: &[Column] = &[known("message", Shape::Text), known("changed", Shape::Bool)];

/// What events have, all kinds together: time, connection and event always, and some of the others.
pub const EVENT: &[Column] = &[
    known("time", Shape::Time),
    maybe("connection", Shape::Text),
    known("event", Shape::Text),
    known("account", Shape::Text),
    known("address", Shape::Text),
    known("addresses", Shape::Texts),
    maybe("agent_version", Shape::Text),
    known("arn", Shape::Text),
    known("attempt", Shape::Int),
    known("bytes_received", Shape::Bytes),
    known("bytes_sent", Shape::Bytes),
    known("client", Shape::Int),
    known("clients_stay", Shape::Bool),
    known("destination", Shape::Text),
    known("document", Shape::Text),
    known("exit_code", Shape::Int),
    maybe("hint", Shape::Text),
    known("kind", Shape::Text),
    known("lazy", Shape::Bool),
    known("message", Shape::Text),
    known("missing", Shape::Int),
    maybe("mode", Shape::Text),
    known("old_session_id", Shape::Text),
    known("peer", Shape::Text),
    maybe("profile", Shape::Text),
    maybe("reason", Shape::Text),
    known("region", Shape::Text),
    known("retry_in_seconds", Shape::Seconds),
    known("role", Shape::Text),
    maybe("rotates_in_seconds", Shape::Seconds),
    maybe("session_id", Shape::Text),
    known("sessions", Shape::Int),
    known("target", Shape::Text),
    known("took_seconds", Shape::Seconds),
];

#[cfg(test)]
#[path = "columns_tests.rs"]
mod tests;
