//! The documents of the catalogue: connections, what happened to them, and the store they lie in.

use serde::{Deserialize, Serialize};

use crate::{EndpointRecord, ForwardStatus, ProfileRecord, SCHEMA, TargetRecord};

/// A saved connection.
// `T` is its text: owned, or borrowed from where it was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "json-schema", schemars(rename = "ConnectionRecord"))]
pub struct ConnectionRecord<T = String> {
    /// Its name.
    pub name: T,
    /// A line for people.
    pub description: Option<T>,
    /// Its tags, without the `@`, in alphabetical order.
    pub tags: Vec<T>,
    /// The AWS profile; `null` means whichever is in force.
    pub profile: Option<T>,
    /// The region; `null` means the profile's.
    pub region: Option<T>,
    /// How the node is found, as the user wrote it.
    pub target: T,
    /// The host that the node connects to; `null` means the node itself.
    pub host: Option<T>,
    /// The port that the node connects to.
    pub port: u16,
    /// What listens there.
    pub kind: T,
    /// The port on this machine.
    pub local_port: u16,
    /// The address to listen on; `localhost` is loopback in both families.
    pub bind: T,
    /// The SSM document; `null` means whichever fits.
    pub document: Option<T>,
    /// What goes to CloudTrail as the reason.
    pub reason: Option<T>,
    /// Whether a session starts at the first client only.
    pub lazy: bool,
    /// Seconds without a client until a lazy connection's session is ended.
    pub idle_timeout_seconds: Option<u64>,
    /// Seconds until the forward closes itself.
    pub max_age_seconds: Option<u64>,
    /// Whether opening it asks first and wants a reason.
    pub guard: bool,
    /// Whether idle sessions are kept open, whatever idle limit the administrator has set.
    pub keep_alive: bool,
    /// How many sessions carry the traffic; `null` means as many as it needs.
    pub sessions: Option<u16>,
    /// Whether it is open in the background: `ls` and `show` say so; `null` means not known.
    #[serde(default)]
    pub up: Option<bool>,
    /// How to sign in to the database behind it.
    pub database: Option<DatabaseRecord>,
    /// When it was added, RFC 3339.
    pub created: T,
    /// When it was last changed, RFC 3339.
    pub updated: T,
    /// When it was last opened, RFC 3339; `null` means never.
    pub last_used: Option<T>,
    /// How often it was opened. Stores of earlier versions did not count.
    #[serde(default)]
    pub uses: u32,
}

/// How to sign in to a database. Never a password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DatabaseRecord {
    /// The database user.
    pub user: Option<String>,
    /// The database.
    pub name: Option<String>,
    /// `password` or `iam`.
    pub auth: String,
}

/// What `ls` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Listing {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The connections in the order of their names.
    pub connections: Vec<ConnectionRecord>,
}

impl Listing {
    /// Wraps connections with the schema they belong to.
    pub fn new(connections: Vec<ConnectionRecord>) -> Self {
        Self { schema: SCHEMA.to_owned(), connections }
    }
}

/// What `show`, `add`, `edit`, `mv` and `cp` print: the connection as it is now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ConnectionDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The connection.
    pub connection: ConnectionRecord,
}

impl ConnectionDocument {
    /// Wraps a connection with the schema it belongs to.
    pub fn new(connection: ConnectionRecord) -> Self {
        Self { schema: SCHEMA.to_owned(), connection }
    }
}

/// What `show --as` prints: a connection in another program's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct RenderingDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Name of the connection.
    pub name: String,
    /// Whose words they are, such as `aws-cli`.
    pub format: String,
    /// The text.
    pub text: String,
}

/// What `rm` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct RemovedDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Names of the connections that are gone.
    pub removed: Vec<String>,
}

/// What `import` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct ImportSummary {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What was read, such as `json`.
    pub source: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The connections that were taken.
    pub taken: Vec<Imported>,
    /// What was left where it is.
    pub left: Vec<LeftOut>,
}

/// A connection that was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct Imported {
    /// Its name here.
    pub name: String,
    /// What it was called there, if that was not possible here.
    pub renamed_from: Option<String>,
    /// What could not be taken along, one sentence each.
    pub notes: Vec<String>,
}

/// Something that was not imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct LeftOut {
    /// What it is called there.
    pub name: String,
    /// Why it was left.
    pub reason: String,
}

/// What `store path` and `store verify` print.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct StoreDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Where the store lies.
    pub path: String,
    /// Where the identity lies if a passphrase protects it.
    pub identity_path: String,
    /// Whether there is a store yet.
    pub exists: bool,
    /// What is in it; `null` when nobody looked.
    pub contents: Option<StoreContents>,
}

/// What is in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct StoreContents {
    /// Bytes on disk.
    pub size: u64,
    /// How many connections.
    pub connections: u64,
    /// How many others it is sealed to.
    pub recipients: u64,
    /// Where the key came from; `null` when none was needed.
    pub key_source: Option<String>,
}

/// What `store recipients` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct RecipientsDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// Our own public keys.
    pub own: Vec<String>,
    /// The public keys of the others.
    pub others: Vec<String>,
}

/// What a person picked: names, and one list with all that is known about them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct PickedDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What to do with it: the name of a command; `null` unless that was asked for.
    pub action: Option<String>,
    /// What is printed without JSON: names, ids of targets, `HOST:PORT` of endpoints; in the order of
    /// the list.
    pub picked: Vec<String>,
    /// The connections, if those were picked from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub connections: Vec<ConnectionRecord>,
    /// The forwards, if those were picked from, as far as is known without asking them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub forwards: Vec<ForwardStatus>,
    /// The targets, if those were picked from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetRecord>,
    /// The endpoints, if those were picked from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointRecord>,
    /// The AWS profiles, if those were picked from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub profiles: Vec<ProfileRecord>,
}

impl PickedDocument {
    /// Wraps names with the schema they belong to.
    pub fn new(action: Option<String>, picked: Vec<String>) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            action,
            picked,
            connections: Vec::new(),
            forwards: Vec::new(),
            targets: Vec::new(),
            endpoints: Vec::new(),
            profiles: Vec::new(),
        }
    }
}

/// What a command prints that did something and has nothing to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct DoneDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// One sentence about it, for people.
    pub message: String,
    /// Whether anything changed.
    pub changed: bool,
}
