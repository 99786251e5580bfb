//! The nodes, tasks, hosts and documents that the emulated account has.
//!
//! The account is invented; what its names stand for is not: a host table maps the names that nodes
//! see to servers on this machine, and agents dial those.

use std::net::{IpAddr, SocketAddr};

use crate::documents::CustomDocument;

pub(crate) mod builtin;
mod database;
mod file;

pub use database::{Database, DatabaseKind};

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
    /// The Region; the fleet's own if unset.
    pub region: Option<String>,
    /// What EC2 says about the instance.
    pub state: InstanceState,
    /// Whether its agent ever registered with Systems Manager.
    pub managed: bool,
    /// When the instance was started, in seconds since 1970.
    pub launched: i64,
}

/// What EC2 says about an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstanceState {
    /// It is up.
    Running,
    /// It is down and can be started.
    Stopped,
    /// It is gone; EC2 shows it for another hour.
    Terminated,
}

impl InstanceState {
    /// Returns the number and the word that EC2 uses.
    pub fn code(self) -> (u16, &'static str) {
        match self {
            InstanceState::Running => (16, "running"),
            InstanceState::Stopped => (80, "stopped"),
            InstanceState::Terminated => (48, "terminated"),
        }
    }
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
            region: None,
            state: InstanceState::Running,
            managed: true,
            launched: 1_700_000_000,
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

    /// Puts the node into another Region than the fleet's own.
    pub fn in_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Stops the instance: Systems Manager does not list it any more.
    pub fn stopped(mut self) -> Self {
        self.state = InstanceState::Stopped;
        self
    }

    /// Terminates the instance: only EC2 still shows it.
    pub fn terminated(mut self) -> Self {
        self.state = InstanceState::Terminated;
        self
    }

    /// Makes it an instance whose agent never registered.
    pub fn unmanaged(mut self) -> Self {
        self.managed = false;
        self
    }

    /// Sets when the instance was started, in seconds since 1970.
    pub fn launched(mut self, seconds: i64) -> Self {
        self.launched = seconds;
        self
    }

    /// Returns whether Systems Manager lists it.
    pub fn is_listed(&self) -> bool {
        self.managed && self.state == InstanceState::Running && !self.is_ecs()
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EcsService {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the service.
    pub service: String,
    /// Name of the container in each task.
    pub container: String,
    /// Names of containers that AWS added to each task; none of them can be entered.
    pub sidecars: Vec<String>,
    /// Ids of the running tasks.
    pub tasks: Vec<EcsTask>,
    /// The Region; the fleet's own if unset.
    pub region: Option<String>,
}

/// A running task.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EcsTask {
    /// The task id.
    pub id: String,
    /// The runtime id of its container.
    pub runtime_id: String,
    /// Whether it was started without execute command.
    pub no_exec: bool,
    /// When it was started, in seconds since 1970.
    pub started: i64,
}

impl EcsService {
    /// Returns the targets of those of the service's tasks that can be entered.
    pub fn targets(&self) -> impl Iterator<Item = String> + '_ {
        self.tasks
            .iter()
            .filter(|task| !task.no_exec)
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
    /// Databases and caches that the account lists.
    pub databases: Vec<Database>,
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
            databases: Vec::new(),
            documents: Vec::new(),
        }
    }

    /// Returns whether something is in this Region.
    pub fn has_region(&self, region: &str) -> bool {
        let nodes = self.nodes.iter().map(|node| &node.region);
        let services = self.services.iter().map(|service| &service.region);
        let databases = self.databases.iter().map(|database| &database.region);
        region == self.region
            || nodes.chain(services).chain(databases).flatten().any(|known| known == region)
    }

    /// Returns the Regions in which something is.
    pub fn regions(&self) -> std::collections::BTreeSet<String> {
        let nodes = self.nodes.iter().map(|node| &node.region);
        let services = self.services.iter().map(|service| &service.region);
        let databases = self.databases.iter().map(|database| &database.region);
        let others = nodes.chain(services).chain(databases).flatten();
        std::iter::once(&self.region).chain(others).cloned().collect()
    }

    /// Returns whether something whose Region is `own` is in `region`.
    pub fn is_in(&self, own: Option<&str>, region: &str) -> bool {
        own.unwrap_or(&self.region) == region
    }

    /// Adds `count` Online instances called `PREFIX-0001` and so on, each with an address of its own.
    pub fn add_many(&mut self, prefix: &str, count: u32, region: Option<&str>) {
        let begin = self.nodes.len() as u32;
        for number in 1..=count {
            let id = begin + number;
            let [_, high, middle, low] = id.to_be_bytes();
            let mut node = Node::new(format!("i-{id:017x}"))
                .named(format!("{prefix}-{number:04}"))
                .address([10, high, middle, low])
                .tag("env", "generated");
            node.region = region.map(str::to_owned);
            self.nodes.push(node);
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
            let mut node =
                Node::new(target).named(format!("{}/{}", service.cluster, service.service));
            node.region.clone_from(&service.region);
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
