//! The nodes, tasks, hosts and documents that the emulated account has.
//!
//! The account is invented; what its names stand for is not: a host table maps the names that nodes
//! see to servers on this machine, and agents dial those.

use std::net::{IpAddr, SocketAddr};

use crate::documents::CustomDocument;

pub(crate) mod builtin;
mod file;

pub use file::FleetFileError;

/// Whether a node's agent reports to the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ping {
    /// The agent is connected.
    Online,
    /// The agent was connected once.
    ConnectionLost,
}

impl Ping {
    /// Returns the word that the service uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Ping::Online => "Online",
            Ping::ConnectionLost => "ConnectionLost",
        }
    }
}

/// A machine or container that runs an agent.
#[derive(Debug, Clone)]
pub struct Node {
    /// What `StartSession` takes: `i-…`, `mi-…` or `ecs:cluster_task_runtime`.
    pub id: String,
    /// The name people use.
    pub name: String,
    /// Whether sessions can be started.
    pub ping: Ping,
    /// Version that the agent states; it decides between mux and basic port sessions.
    pub agent_version: String,
    /// `Linux`, `Windows` or `MacOS`.
    pub platform: String,
    /// Address that the node reports.
    pub address: IpAddr,
    /// Tags, for filters.
    pub tags: Vec<(String, String)>,
    /// Whether a remote host must not be a loopback address; decided by the version if unset.
    pub deny_loopback: Option<bool>,
}

impl Node {
    /// Returns an Online Linux node with a recent agent that may dial loopback.
    pub fn new(id: impl Into<String>) -> Self {
        let id = id.into();
        Self {
            name: id.clone(),
            id,
            ping: Ping::Online,
            agent_version: "3.3.3572.0".into(),
            platform: "Linux".into(),
            address: IpAddr::from([10, 0, 1, 10]),
            tags: Vec::new(),
            deny_loopback: None,
        }
    }

    /// Sets the name.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Makes the agent connected.
    pub fn online(mut self) -> Self {
        self.ping = Ping::Online;
        self
    }

    /// Makes the agent unreachable.
    pub fn connection_lost(mut self) -> Self {
        self.ping = Ping::ConnectionLost;
        self
    }

    /// Sets the agent's version.
    pub fn agent(mut self, version: impl Into<String>) -> Self {
        self.agent_version = version.into();
        self
    }

    /// Sets the platform.
    pub fn platform(mut self, platform: impl Into<String>) -> Self {
        self.platform = platform.into();
        self
    }

    /// Sets the reported address.
    pub fn address(mut self, address: impl Into<IpAddr>) -> Self {
        self.address = address.into();
        self
    }

    /// Adds a tag.
    pub fn tag(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push((key.into(), value.into()));
        self
    }

    /// Refuses or allows loopback addresses as remote hosts, whatever the version says.
    pub fn deny_loopback(mut self, deny: bool) -> Self {
        self.deny_loopback = Some(deny);
        self
    }

    /// Returns whether this is a container of an ECS task.
    pub fn is_ecs(&self) -> bool {
        self.id.starts_with("ecs:")
    }
}

/// What a remote name and port lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// A server on this machine.
    Server(SocketAddr),
    /// The same port of this machine's loopback address.
    SamePort(IpAddr),
    /// Nobody listens: the dial is refused at once.
    Refuse,
    /// A firewall drops the packets: the dial hangs.
    BlackHole,
}

/// A name that nodes can resolve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The name as the node sees it.
    pub name: String,
    /// The port, or every port.
    pub port: Option<u16>,
    /// Where it leads.
    pub route: Route,
    /// The address the name seems to have, for the agent's deny list.
    pub resolves_to: Option<IpAddr>,
}

impl Host {
    /// Returns a name whose `port` is the server at `address`.
    pub fn new(name: impl Into<String>, port: u16, address: SocketAddr) -> Self {
        Self::with_route(name, Some(port), Route::Server(address))
    }

    /// Returns a name that leads to `route`.
    pub fn with_route(name: impl Into<String>, port: Option<u16>, route: Route) -> Self {
        Self { name: name.into(), port, route, resolves_to: None }
    }
}

/// An ECS service and its running tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcsService {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the service.
    pub service: String,
    /// Name of the container in each task.
    pub container: String,
    /// Ids of the running tasks.
    pub tasks: Vec<EcsTask>,
}

/// A running task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcsTask {
    /// The task id.
    pub id: String,
    /// The runtime id of its container.
    pub runtime_id: String,
}

impl EcsService {
    /// Returns the targets of the service's tasks.
    pub fn targets(&self) -> impl Iterator<Item = String> + '_ {
        self.tasks
            .iter()
            .map(|task| format!("ecs:{}_{}_{}", self.cluster, task.id, task.runtime_id))
    }
}

/// Everything the emulated account has in its Region.
#[derive(Debug, Clone)]
pub struct Fleet {
    /// The Region.
    pub region: String,
    /// Machines and containers with an agent.
    pub nodes: Vec<Node>,
    /// Names that the nodes resolve.
    pub hosts: Vec<Host>,
    /// ECS services; each task also has a node.
    pub services: Vec<EcsService>,
    /// The account's own session documents.
    pub documents: Vec<CustomDocument>,
}

impl Fleet {
    /// Returns a fleet without nodes, in `eu-west-1`.
    pub fn empty() -> Self {
        Self {
            region: "eu-west-1".into(),
            nodes: Vec::new(),
            hosts: Vec::new(),
            services: Vec::new(),
            documents: Vec::new(),
        }
    }

    /// Returns the fleet that `up`, `exec` and `demo` have without a file.
    pub fn builtin() -> Self {
        builtin::fleet()
    }

    /// Reads a fleet from its TOML text.
    pub fn from_toml(text: &str) -> Result<Self, FleetFileError> {
        file::parse(text)
    }

    /// Returns the node with this target id.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// Adds an ECS service, and a node for each of its tasks.
    pub fn add_service(&mut self, service: EcsService) {
        for target in service.targets() {
            let node = Node::new(target).named(format!("{}/{}", service.cluster, service.service));
            self.nodes.push(node.agent("3.3.3185.0"));
        }
        self.services.push(service);
    }

    /// Maps a host; an earlier mapping of the same name and port is replaced.
    pub fn map(&mut self, host: Host) {
        self.hosts.retain(|known| {
            !(known.name.eq_ignore_ascii_case(&host.name) && known.port == host.port)
        });
        self.hosts.push(host);
    }
}
