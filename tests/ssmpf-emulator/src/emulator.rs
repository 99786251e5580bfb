//! The emulator: built, started on a free port, stopped when dropped.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::agent::AgentOptions;
use crate::api::Call;
use crate::credentials::{Credentials, KeyPair};
use crate::directory::{Directory, Portal, Role};
use crate::documents::CustomDocument;
use crate::faults::{Faults, LineFaults};
use crate::fleet::{Database, EcsService, Fleet, Host, Node, Route};
use crate::gateway::relay::{Absence, Policy};
use crate::lock;
use crate::server;
use crate::session::{SessionInfo, SessionState};
use crate::state::{Config, State};
use crate::tls::Tls;

/// Describes an emulator before it starts.
#[derive(Debug, Clone)]
pub struct Builder {
    fleet: Fleet,
    config: Config,
    agent: AgentOptions,
    line: LineFaults,
    port: u16,
    tls: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            fleet: Fleet::empty(),
            config: Config {
                region: "eu-west-1".into(),
                credentials: Credentials::default(),
                require_signed_upgrade: false,
                token_life: Duration::from_secs(60),
                relay: Policy { absence: Absence::Hold(1000), closed_messages: 1 },
                ended_gives_empty_token: false,
                denied_actions: Vec::new(),
                directory: Directory::default(),
            },
            agent: AgentOptions::default(),
            line: LineFaults::default(),
            port: 0,
            tls: false,
        }
    }
}

impl Builder {
    /// Replaces the whole fleet.
    pub fn fleet(mut self, fleet: Fleet) -> Self {
        self.fleet = fleet;
        self
    }

    /// Adds a node, in the place of one with the same id.
    pub fn node(mut self, node: Node) -> Self {
        self.fleet.nodes.retain(|other| other.id != node.id);
        self.fleet.nodes.push(node);
        self
    }

    /// Maps a name and port that nodes can dial to a server on this machine.
    pub fn host(mut self, name: &str, port: u16, address: SocketAddr) -> Self {
        self.fleet.map(Host::new(name, port, address));
        self
    }

    /// Maps a name, and one port or all of them, to a server, a refusal or a black hole.
    pub fn route(mut self, name: &str, port: Option<u16>, route: Route) -> Self {
        self.fleet.map(Host::with_route(name, port, route));
        self
    }

    /// Adds an ECS service with its running tasks.
    pub fn ecs(mut self, service: EcsService) -> Self {
        self.fleet.add_service(service);
        self
    }

    /// Adds a database or cache that the account lists.
    pub fn database(mut self, database: Database) -> Self {
        self.fleet.databases.push(database);
        self
    }

    /// Adds `count` Online instances to a Region, called `PREFIX-0001` and so on.
    pub fn many(mut self, prefix: &str, count: u32, region: Option<&str>) -> Self {
        self.fleet.add_many(prefix, count, region);
        self
    }

    /// Adds a session document of the account.
    pub fn document(mut self, document: CustomDocument) -> Self {
        self.fleet.documents.push(document);
        self
    }

    /// Sets the Region.
    pub fn region(mut self, region: &str) -> Self {
        self.fleet.region = region.into();
        self
    }

    /// Makes a key pair the good one; with others it becomes one of several.
    pub fn credentials(mut self, access: &str, secret: &str, session_token: Option<&str>) -> Self {
        let keys = &mut self.config.credentials.keys;
        keys.retain(|key| key.access_key != access && key.access_key != crate::DEFAULT_ACCESS_KEY);
        keys.push(KeyPair {
            access_key: access.into(),
            secret_key: secret.into(),
            session_token: session_token.map(str::to_owned),
            expired: false,
        });
        self
    }

    /// Adds a key pair whose session token has expired.
    pub fn expired_credentials(mut self, access: &str, secret: &str, session_token: &str) -> Self {
        self.config.credentials.keys.push(KeyPair {
            access_key: access.into(),
            secret_key: secret.into(),
            session_token: Some(session_token.into()),
            expired: true,
        });
        self
    }

    /// Sets the caller's role session name, after which sessions are named.
    pub fn session_name(mut self, name: &str) -> Self {
        self.config.credentials.session_name = name.into();
        self
    }

    /// Denies an IAM action, such as `ssm:StartSession` or `ssmmessages:OpenDataChannel`.
    pub fn deny(mut self, action: &str) -> Self {
        self.config.denied_actions.push(action.into());
        self
    }

    /// Adds a role that can be assumed.
    pub fn role(mut self, role: Role) -> Self {
        self.config.directory.roles.push(role);
        self
    }

    /// Adds a device that shows these codes; each is good once.
    pub fn mfa_device(mut self, serial: &str, codes: &[&str]) -> Self {
        let codes = codes.iter().map(|code| (*code).to_owned()).collect();
        self.config.directory.devices.push((serial.into(), codes));
        self
    }

    /// Takes this web identity token for any role.
    pub fn web_identity(mut self, token: &str) -> Self {
        self.config.directory.web_identity_tokens.push(token.into());
        self
    }

    /// Opens a portal of IAM Identity Center.
    pub fn portal(mut self, portal: Portal) -> Self {
        self.config.directory.portal = Some(portal);
        self
    }

    /// Renews what `aws login` left, once for this refresh token and then for each that it gives.
    pub fn console_session(mut self, refresh_token: &str) -> Self {
        self.config.directory.console_tokens.push(refresh_token.into());
        self
    }

    /// Refuses websocket upgrades without a signature.
    pub fn require_signed_websocket(mut self) -> Self {
        self.config.require_signed_upgrade = true;
        self
    }

    /// Sets how long a token is good.
    pub fn token_life(mut self, life: Duration) -> Self {
        self.config.token_life = life;
        self
    }

    /// Sets what happens to the agent's messages while no client is there.
    pub fn absence(mut self, absence: Absence) -> Self {
        self.config.relay.absence = absence;
        self
    }

    /// Tells a client so many times that its session is over; 0 leaves it to the closed socket.
    pub fn channel_closed_messages(mut self, times: usize) -> Self {
        self.config.relay.closed_messages = times;
        self
    }

    /// Answers ResumeSession for an ended session with an empty token instead of an error.
    pub fn ended_gives_empty_token(mut self) -> Self {
        self.config.ended_gives_empty_token = true;
        self
    }

    /// Lets agents send as fast as the client reads.
    pub fn unpaced(mut self) -> Self {
        self.agent.pace = None;
        self
    }

    /// Changes how agents behave.
    pub fn agents(mut self, change: impl FnOnce(&mut AgentOptions)) -> Self {
        change(&mut self.agent);
        self
    }

    /// Sets the seed of everything random on the line.
    pub fn seed(mut self, seed: u64) -> Self {
        self.line.seed = seed;
        self
    }

    /// Listens on a certain port instead of a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Speaks TLS, with an authority that the environment names in `AWS_CA_BUNDLE`.
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Starts the emulator on threads of its own.
    pub async fn start(self) -> io::Result<Emulator> {
        self.start_blocking()
    }

    /// Starts the emulator on threads of its own, from code that is not async.
    pub fn start_blocking(self) -> io::Result<Emulator> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("emulator")
            .enable_all()
            .build()?;
        let tls = if self.tls { Some(Tls::new()?) } else { None };
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let listener = {
            let _context = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let scheme = if tls.is_some() { "wss" } else { "ws" };
        let config = Config { region: self.fleet.region.clone(), ..self.config };
        let state = Arc::new(State::new(
            config,
            self.fleet,
            self.agent,
            self.line,
            format!("{scheme}://127.0.0.1:{port}"),
            runtime.handle().clone(),
        ));
        let acceptor = tls.as_ref().map(|tls| tls.acceptor.clone());
        runtime.spawn(server::serve(listener, acceptor, state.clone()));
        Ok(Emulator { state, port, tls, runtime: Some(runtime) })
    }
}

/// A running emulator; dropping it stops everything.
pub struct Emulator {
    state: Arc<State>,
    port: u16,
    tls: Option<Tls>,
    runtime: Option<Runtime>,
}

impl Emulator {
    /// Returns a builder with an empty fleet in `eu-west-1`.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Returns the port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the endpoint of all API calls.
    pub fn endpoint(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}", self.port)
    }

    /// Returns the variables with which an AWS client reaches the emulator.
    pub fn environment(&self) -> Vec<(String, String)> {
        let credentials = &self.state.config.credentials;
        let mut variables = vec![
            ("AWS_ENDPOINT_URL", self.endpoint()),
            ("AWS_REGION", self.state.config.region.clone()),
            ("AWS_DEFAULT_REGION", self.state.config.region.clone()),
        ];
        if let Some(key) = credentials.keys.iter().find(|key| !key.expired) {
            variables.push(("AWS_ACCESS_KEY_ID", key.access_key.clone()));
            variables.push(("AWS_SECRET_ACCESS_KEY", key.secret_key.clone()));
            if let Some(token) = &key.session_token {
                variables.push(("AWS_SESSION_TOKEN", token.clone()));
            }
        }
        if let Some(tls) = &self.tls {
            variables.push(("AWS_CA_BUNDLE", tls.bundle().display().to_string()));
        }
        variables.push(("AWS_EC2_METADATA_DISABLED", "true".into()));
        let own = |(name, value): (&str, String)| (name.to_owned(), value);
        variables.into_iter().map(own).collect()
    }

    /// Returns the switches for faults in all sessions and in the API.
    pub fn faults(&self) -> Faults {
        Faults::of(self.state.clone(), None)
    }

    /// Returns the switches for faults in one session.
    pub fn session_faults(&self, id: &str) -> Option<Faults> {
        let session = self.state.session(id)?;
        Some(Faults::of(self.state.clone(), Some(session)))
    }

    /// Returns all sessions, the oldest first.
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.state.sessions().iter().map(|session| session.info()).collect()
    }

    /// Returns one session.
    pub fn session(&self, id: &str) -> Option<SessionInfo> {
        self.state.session(id).map(|session| session.info())
    }

    /// Returns how many sessions are not over.
    pub fn open_sessions(&self) -> usize {
        let over = |state: SessionState| state.is_over();
        self.state.sessions().iter().filter(|session| !over(session.state())).count()
    }

    /// Returns the API calls so far.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.state.calls).clone()
    }

    /// Makes somebody else, by ARN, the owner of sessions to come; `None` is the caller again.
    pub fn sessions_belong_to(&self, owner: Option<&str>) {
        *lock(&self.state.other_owner) = owner.map(str::to_owned);
    }

    /// Returns how many API calls were being answered at once, at most.
    pub fn most_calls_at_once(&self) -> usize {
        self.state.most_in_flight.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Returns how often an operation was called.
    pub fn call_count(&self, operation: &str) -> usize {
        lock(&self.state.calls).iter().filter(|call| call.operation == operation).count()
    }

    /// Makes the pages of the portal say no, or yes again.
    pub fn deny_sign_ins(&self, deny: bool) {
        lock(&self.state.given).denies = deny;
    }

    /// Ends every sign-in to the portal on the server, as an administrator does.
    pub fn end_sign_ins(&self) {
        let mut given = lock(&self.state.given);
        given.tokens.clear();
        given.refresh_tokens.clear();
    }

    /// Forgets all clients of the portal.
    pub fn forget_clients(&self) {
        lock(&self.state.given).clients.clear();
    }

    /// Changes how the agents of sessions to come behave.
    pub fn change_agents(&self, change: impl FnOnce(&mut AgentOptions)) {
        change(&mut lock(&self.state.agent_options));
    }

    /// Changes nodes, hosts and documents; running sessions keep what they resolved.
    pub fn change_fleet(&self, change: impl FnOnce(&mut Fleet)) {
        change(&mut self.state.fleet.write().unwrap_or_else(|broken| broken.into_inner()));
    }

    /// Returns a copy of the fleet.
    pub fn fleet(&self) -> Fleet {
        self.state.fleet.read().unwrap_or_else(|broken| broken.into_inner()).clone()
    }

    /// Waits, at most for `limit`, until `condition` holds, and returns whether it does.
    pub fn wait_until(&self, limit: Duration, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let until = std::time::Instant::now() + limit;
        loop {
            if condition(self) {
                return true;
            }
            if std::time::Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Returns the service behind the port.
    #[cfg(test)]
    pub(crate) fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// Runs a task for as long as the emulator lives.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.state.runtime.spawn(task);
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            if tokio::runtime::Handle::try_current().is_ok() {
                runtime.shutdown_background();
            } else {
                runtime.shutdown_timeout(Duration::from_secs(1));
            }
        }
    }
}
