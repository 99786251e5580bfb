//! Databases and caches that the emulated account lists; what they lead to is a matter of hosts.

use serde::Deserialize;

/// What lists a database, and how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DatabaseKind {
    /// RDS: an instance.
    #[default]
    Instance,
    /// RDS: a cluster with a writer and a reader.
    Cluster,
    /// RDS: a proxy, with an endpoint of its own for readers if there is a reader.
    Proxy,
    /// ElastiCache: a replication group without cluster mode.
    ReplicationGroup,
    /// ElastiCache: a replication group in cluster mode.
    ShardedGroup,
    /// ElastiCache: a serverless cache.
    Serverless,
    /// ElastiCache: Memcached.
    Memcached,
    /// EC2: an interface endpoint of the service that `engine` names. Its reader is the service's own
    /// name, which leads to it inside the VPC.
    VpcEndpoint,
}

/// A database or cache.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// What lists it.
    #[serde(default)]
    pub kind: DatabaseKind,
    /// Its identifier.
    pub id: String,
    /// The engine, such as `postgres`.
    pub engine: String,
    /// Where it, or its writer, listens.
    pub host: String,
    /// Where its reader listens.
    #[serde(default)]
    pub reader: Option<String>,
    /// The port; a proxy has none.
    #[serde(default)]
    pub port: u16,
    /// The Region; the fleet's own if unset.
    #[serde(default)]
    pub region: Option<String>,
    /// Whether it is still being made: then it has no endpoint.
    #[serde(default)]
    pub creating: bool,
}
