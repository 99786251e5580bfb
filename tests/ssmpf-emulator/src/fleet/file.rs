//! The fleet as a TOML file.
//!
//! ```toml
//! region = "eu-west-1"
//!
//! [[node]]                          # online unless told otherwise
//! id = "i-0123456789abcdef0"
//! name = "bastion"
//! agent = "3.3.3572.0"              # decides between mux and basic port sessions
//! tags = { env = "prod" }
//!
//! [[host]]                          # what nodes can resolve and dial
//! name = "db.internal"
//! port = 5432                       # left out: every port
//! to = "127.0.0.1:15432"            # or: loopback, refuse or blackhole = true
//!
//! [[ecs]]
//! cluster = "apps"
//! service = "api"
//! tasks = [{ id = "0123456789abcdef0123456789abcdef" }]      # exec = false: cannot be entered
//!
//! [[database]]                      # also: cluster, proxy, replication-group, sharded-group,
//! kind = "instance"                 # serverless, memcached, vpc-endpoint
//! id = "orders"
//! engine = "postgres"
//! host = "db.internal"
//! port = 5432
//!
//! [[many]]                          # instances called web-0001 to web-5000
//! prefix = "web"
//! count = 5000
//!
//! [[document]]                      # a session document that fixes host and port
//! name = "Team-Database"
//! host = "db.internal"
//! port = "5432"
//! parameters = ["localPortNumber"]
//! ```

use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{Database, EcsService, EcsTask, Fleet, Host, InstanceState, Node, Ping, Route};
use crate::documents::CustomDocument;

/// Why a fleet file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FleetFileError {
    /// The text is not the TOML we know.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    /// A host leads nowhere or to two places.
    #[error("host `{0}` needs exactly one of `to`, `refuse = true` and `blackhole = true`")]
    Route(String),
    /// A node id that no service would give.
    #[error("node id `{0}` is not `i-…`, `mi-…` or `ecs:…`")]
    Id(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default = "default_region")]
    region: String,
    #[serde(default)]
    node: Vec<NodeEntry>,
    #[serde(default)]
    host: Vec<HostEntry>,
    #[serde(default)]
    ecs: Vec<EcsEntry>,
    #[serde(default)]
    document: Vec<CustomDocument>,
    #[serde(default)]
    database: Vec<Database>,
    #[serde(default)]
    many: Vec<ManyEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ManyEntry {
    prefix: String,
    count: u32,
    region: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeEntry {
    id: String,
    name: Option<String>,
    #[serde(default = "default_online")]
    online: bool,
    agent: Option<String>,
    platform: Option<String>,
    address: Option<IpAddr>,
    #[serde(default)]
    tags: std::collections::BTreeMap<String, String>,
    deny_loopback: Option<bool>,
    region: Option<String>,
    #[serde(default)]
    state: StateEntry,
    #[serde(default = "default_online")]
    managed: bool,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateEntry {
    #[default]
    Running,
    Stopped,
    Terminated,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HostEntry {
    name: String,
    port: Option<u16>,
    to: Option<SocketAddr>,
    #[serde(default)]
    loopback: bool,
    #[serde(default)]
    refuse: bool,
    #[serde(default)]
    blackhole: bool,
    resolves_to: Option<IpAddr>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EcsEntry {
    cluster: String,
    service: String,
    container: Option<String>,
    #[serde(default)]
    sidecars: Vec<String>,
    tasks: Vec<TaskEntry>,
    region: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaskEntry {
    id: String,
    runtime_id: Option<String>,
    #[serde(default = "default_online")]
    exec: bool,
}

fn default_region() -> String {
    "eu-west-1".into()
}

fn default_online() -> bool {
    true
}

/// Reads a fleet.
pub(super) fn parse(text: &str) -> Result<Fleet, FleetFileError> {
    let file: File = toml::from_str(text)?;
    let mut fleet = Fleet { region: file.region, documents: file.document, ..Fleet::empty() };
    for entry in file.node {
        fleet.nodes.push(node(entry)?);
    }
    for entry in file.host {
        fleet.map(host(entry)?);
    }
    for entry in file.ecs {
        fleet.add_service(service(entry));
    }
    fleet.databases = file.database;
    for ManyEntry { prefix, count, region } in file.many {
        fleet.add_many(&prefix, count, region.as_deref());
    }
    Ok(fleet)
}

fn node(entry: NodeEntry) -> Result<Node, FleetFileError> {
    if !["i-", "mi-", "ecs:"].iter().any(|prefix| entry.id.starts_with(prefix)) {
        return Err(FleetFileError::Id(entry.id));
    }
    let mut node = Node::new(entry.id);
    if let Some(name) = entry.name {
        node.name = name;
    }
    if !entry.online {
        node.ping = Ping::ConnectionLost;
    }
    if let Some(agent) = entry.agent {
        node.agent_version = agent;
    }
    if let Some(platform) = entry.platform {
        node.platform = platform;
    }
    if let Some(address) = entry.address {
        node.address = address;
    }
    node.tags = entry.tags.into_iter().collect();
    node.deny_loopback = entry.deny_loopback;
    node.region = entry.region;
    node.managed = entry.managed;
    node.state = match entry.state {
        StateEntry::Running => InstanceState::Running,
        StateEntry::Stopped => InstanceState::Stopped,
        StateEntry::Terminated => InstanceState::Terminated,
    };
    Ok(node)
}

fn host(entry: HostEntry) -> Result<Host, FleetFileError> {
    let route = match (entry.to, entry.loopback, entry.refuse, entry.blackhole) {
        (Some(address), false, false, false) => Route::Server(address),
        (None, true, false, false) => Route::SamePort(Ipv4Addr::LOCALHOST.into()),
        (None, false, true, false) => Route::Refuse,
        (None, false, false, true) => Route::BlackHole,
        _ => return Err(FleetFileError::Route(entry.name)),
    };
    Ok(Host { resolves_to: entry.resolves_to, ..Host::with_route(entry.name, entry.port, route) })
}

fn service(entry: EcsEntry) -> EcsService {
    EcsService {
        container: entry.container.unwrap_or_else(|| entry.service.clone()),
        cluster: entry.cluster,
        service: entry.service,
        sidecars: entry.sidecars,
        region: entry.region,
        tasks: entry
            .tasks
            .into_iter()
            .map(|task| EcsTask {
                runtime_id: task.runtime_id.unwrap_or_else(|| format!("{}-0000000001", task.id)),
                no_exec: !task.exec,
                started: 1_700_000_000,
                id: task.id,
            })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_describes_nodes_hosts_tasks_and_documents() {
        let fleet = Fleet::from_toml(
            r#"
            region = "us-east-1"
            [[node]]
            id = "i-0123456789abcdef0"
            name = "bastion"
            agent = "3.3.4851.0"
            tags = { env = "test" }
            [[node]]
            id = "mi-0123456789abcdef0"
            online = false
            [[host]]
            name = "db.internal"
            port = 5432
            to = "127.0.0.1:15432"
            [[host]]
            name = "filtered.internal"
            blackhole = true
            [[ecs]]
            cluster = "apps"
            service = "api"
            tasks = [{ id = "aaaa" }]
            [[document]]
            name = "Team-Database"
            host = "db.internal"
            port = "5432"
            parameters = ["localPortNumber"]
            "#,
        )
        .unwrap();

        assert_eq!(fleet.region, "us-east-1");
        assert_eq!(fleet.node("i-0123456789abcdef0").unwrap().name, "bastion");
        assert_eq!(fleet.nodes[1].ping, Ping::ConnectionLost);
        assert!(fleet.node("ecs:apps_aaaa_aaaa-0000000001").is_some());
        assert_eq!(fleet.hosts[1].route, Route::BlackHole);
        assert_eq!(fleet.documents[0].name, "Team-Database");
    }

    #[test]
    fn a_host_that_leads_to_two_places_is_refused() {
        let text = "[[host]]\nname = 'a'\nto = '127.0.0.1:1'\nrefuse = true";
        assert!(matches!(Fleet::from_toml(text), Err(FleetFileError::Route(_))));
    }

    #[test]
    fn unknown_keys_are_refused() {
        let text = "[[node]]\nid = 'i-1'\nnmae = 'x'";
        assert!(matches!(Fleet::from_toml(text), Err(FleetFileError::Syntax(_))));
    }
}
