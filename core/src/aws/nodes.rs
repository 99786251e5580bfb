//! Systems Manager, as far as nodes and sessions are listed by it.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{
    InstanceInformationStringFilter, SessionFilter, SessionFilterKey, SessionState,
};
use futures_util::{StreamExt, stream};

use super::answer::{self, Pages};
use super::clock::DateWatcher;
use super::config::AwsContext;
use super::error::{AwsFailure, Look, Operation, SSM};

const NODES: Look =
    Look { service: SSM, action: "ssm:DescribeInstanceInformation", what: "the managed nodes" };

const SESSIONS: Look = Look { service: SSM, action: "ssm:DescribeSessions", what: "the sessions" };

/// Nodes per page: the most the service gives.
const NODE_PAGE: i32 = 50;

/// Sessions per page: the most the service gives.
const SESSION_PAGE: i32 = 200;

/// Values that one filter may have.
const FILTER_VALUES: usize = 100;

/// Single nodes that are asked for together.
const AT_ONCE: usize = 5;

/// A node that registered with Systems Manager. ECS tasks are not among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManagedNode {
    /// `i-…` or `mi-…`.
    pub id: String,
    /// `Online`, `ConnectionLost` or `Inactive`. An agent reports every five minutes.
    pub ping: String,
    /// When it last reported, in seconds since 1970.
    pub last_ping: Option<i64>,
    /// The agent's version.
    pub agent_version: Option<String>,
    /// `Amazon Linux 2023`, …
    pub platform: Option<String>,
    /// The private address as the agent sees it.
    pub address: Option<String>,
    /// The host name as the agent sees it.
    pub computer_name: Option<String>,
    /// The name of a hybrid node. For instances the name is a tag, which EC2 knows.
    pub name: Option<String>,
}

impl ManagedNode {
    /// Returns whether its agent reported lately.
    pub fn is_online(&self) -> bool {
        self.ping == "Online"
    }

    /// Returns whether it is a machine outside of EC2.
    pub fn is_hybrid(&self) -> bool {
        self.id.starts_with("mi-")
    }
}

/// A session that was started, by whomever.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedSession {
    /// Its id.
    pub id: String,
    /// Where it goes.
    pub target: Option<String>,
    /// `Connected`, `Connecting`, `Disconnected`, …
    pub status: Option<String>,
    /// When it was started, in seconds since 1970.
    pub started: Option<i64>,
    /// ARN of whoever started it.
    pub owner: Option<String>,
    /// The document.
    pub document: Option<String>,
    /// The stated reason.
    pub reason: Option<String>,
    /// Minutes after which the service ends it.
    pub max_minutes: Option<u64>,
}

/// A client of Systems Manager that only reads.
#[derive(Clone, Debug)]
pub struct Nodes {
    client: Client,
    context: AwsContext,
}

impl Nodes {
    /// Makes a client for the region of `context`.
    pub fn new(context: &AwsContext) -> Self {
        let config = aws_sdk_ssm::config::Builder::from(context.sdk())
            .retry_config(answer::patient())
            .interceptor(DateWatcher(context.clock().clone()))
            .build();
        Self { client: Client::from_conf(config), context: context.clone() }
    }

    /// Returns every node.
    pub async fn all(&self) -> Result<Vec<ManagedNode>, AwsFailure> {
        self.filtered(Vec::new()).await
    }

    /// Returns the nodes outside of EC2.
    pub async fn hybrid(&self) -> Result<Vec<ManagedNode>, AwsFailure> {
        self.filtered(vec![("ResourceType".to_owned(), vec!["ManagedInstance".to_owned()])]).await
    }

    /// Returns the nodes that bear all of these tags, as key and value.
    pub async fn tagged(&self, tags: &[(String, String)]) -> Result<Vec<ManagedNode>, AwsFailure> {
        let filters = tags.iter().map(|(key, value)| (format!("tag:{key}"), vec![value.clone()]));
        self.filtered(filters.collect()).await
    }

    /// Returns those of `ids` that are registered here.
    pub async fn with_ids(&self, ids: &[String]) -> Result<Vec<ManagedNode>, AwsFailure> {
        let mut found = Vec::new();
        for ids in ids.chunks(FILTER_VALUES) {
            match self.filtered(vec![("InstanceIds".to_owned(), ids.to_vec())]).await {
                Ok(nodes) => found.extend(nodes),
                // One unknown id spoils the call, and the answer does not say which.
                Err(failure) if is_unknown_id(&failure) && ids.len() > 1 => {
                    let alone =
                        ids.iter().cloned().map(|id| {
                            let nodes = self.clone();
                            async move {
                                nodes.filtered(vec![("InstanceIds".to_owned(), vec![id])]).await
                            }
                        });
                    let mut answers = stream::iter(alone).buffer_unordered(AT_ONCE);
                    while let Some(answer) = answers.next().await {
                        match answer {
                            Ok(nodes) => found.extend(nodes),
                            Err(failure) if is_unknown_id(&failure) => {}
                            Err(failure) => return Err(failure),
                        }
                    }
                }
                Err(failure) if is_unknown_id(&failure) => {}
                Err(failure) => return Err(failure),
            }
        }
        Ok(found)
    }

    async fn filtered(
        &self,
        filters: Vec<(String, Vec<String>)>,
    ) -> Result<Vec<ManagedNode>, AwsFailure> {
        self.context.credentials().await?;
        let mut parts = Vec::with_capacity(filters.len());
        for (key, values) in filters {
            let filter = InstanceInformationStringFilter::builder();
            let filter = filter.key(key).set_values(Some(values)).build();
            parts.push(filter.map_err(|error| {
                AwsFailure::usage("the nodes cannot be asked for", "").caused_by(&error)
            })?);
        }
        let filters = Some(parts).filter(|parts| !parts.is_empty());
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(token) = pages.next() {
            let call = self.client.describe_instance_information().max_results(NODE_PAGE);
            let answer = call.set_filters(filters.clone()).set_next_token(token).send().await;
            let page = answer::explained(&self.context, answer, Operation::Look(NODES)).await?;
            found.extend(page.instance_information_list().iter().filter_map(node));
            pages.follow(page.next_token);
        }
        Ok(found)
    }

    /// Returns the live sessions in the region: of `owner`, an ARN, or of everybody.
    pub async fn live_sessions(
        &self,
        owner: Option<&str>,
    ) -> Result<Vec<ListedSession>, AwsFailure> {
        self.context.credentials().await?;
        let owner = owner.map(|owner| {
            SessionFilter::builder().key(SessionFilterKey::Owner).value(owner).build()
        });
        let owner = owner.transpose().map_err(|error| {
            AwsFailure::usage("the sessions cannot be asked for", "").caused_by(&error)
        })?;
        let filters = owner.map(|filter| vec![filter]);
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(token) = pages.next() {
            let call = self.client.describe_sessions().state(SessionState::Active);
            let call = call.max_results(SESSION_PAGE).set_filters(filters.clone());
            let answer = call.set_next_token(token).send().await;
            let page = answer::explained(&self.context, answer, Operation::Look(SESSIONS)).await?;
            found.extend(page.sessions().iter().filter_map(session));
            pages.follow(page.next_token);
        }
        Ok(found)
    }
}

fn is_unknown_id(failure: &AwsFailure) -> bool {
    failure.code.as_deref() == Some("InvalidInstanceId")
}

fn text(value: Option<&str>) -> Option<String> {
    value.filter(|text| !text.is_empty()).map(str::to_owned)
}

fn node(it: &aws_sdk_ssm::types::InstanceInformation) -> Option<ManagedNode> {
    let platform = [it.platform_name(), it.platform_version()];
    let platform: Vec<&str> = platform.into_iter().flatten().filter(|it| !it.is_empty()).collect();
    let kind = it.platform_type().map(|kind| kind.as_str());
    Some(ManagedNode {
        id: text(it.instance_id())?,
        ping: it.ping_status().map(|ping| ping.as_str().to_owned()).unwrap_or_default(),
        last_ping: it.last_ping_date_time().map(|time| time.secs()),
        agent_version: text(it.agent_version()),
        platform: text(Some(platform.join(" ").as_str())).or_else(|| text(kind)),
        address: text(it.ip_address()),
        computer_name: text(it.computer_name()),
        name: text(it.name()),
    })
}

fn session(it: &aws_sdk_ssm::types::Session) -> Option<ListedSession> {
    Some(ListedSession {
        id: text(it.session_id())?,
        target: text(it.target()),
        status: text(it.status().map(|status| status.as_str())),
        started: it.start_date().map(|time| time.secs()),
        owner: text(it.owner()),
        document: text(it.document_name()),
        reason: text(it.reason()),
        max_minutes: it.max_session_duration().and_then(|minutes| minutes.parse().ok()),
    })
}
