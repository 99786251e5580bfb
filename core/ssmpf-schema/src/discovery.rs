//! The documents of what can be reached: targets, endpoints, live sessions.

use serde::{Deserialize, Serialize};

use crate::{ErrorBody, SCHEMA};

/// What `targets` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TargetsDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The targets, ordered by profile, region, kind and name.
    pub targets: Vec<TargetRecord>,
    /// Where it was looked.
    pub places: Vec<PlaceRecord>,
    /// What could not be read.
    pub failures: Vec<PlaceFailure>,
}

/// What a session can go to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct TargetRecord {
    /// What StartSession takes: `i-…`, `mi-…` or `ecs:cluster_task_runtime`.
    pub target: String,
    /// What it is.
    pub kind: TargetKind,
    /// The tag `Name`, the name of a hybrid node, or `cluster/service/container`.
    pub name: Option<String>,
    /// Whether a session could be started when it was last heard of.
    pub reachable: bool,
    /// `online`, `connection-lost` or `inactive` for nodes, `not-managed` for instances that Systems
    /// Manager does not know, `exec-ready` or `no-exec` for containers.
    pub status: String,
    /// Why no session can go there, where that is known.
    pub reason: Option<String>,
    /// What EC2 says about the instance: `running`, `stopped`, …
    pub state: Option<String>,
    /// The private address.
    pub address: Option<String>,
    /// The availability zone.
    pub availability_zone: Option<String>,
    /// The VPC.
    pub vpc: Option<String>,
    /// The operating system.
    pub platform: Option<String>,
    /// The version of the agent.
    pub agent_version: Option<String>,
    /// When the agent last reported, RFC 3339.
    pub last_ping: Option<String>,
    /// Where in ECS it is.
    pub ecs: Option<EcsRecord>,
    /// The AWS profile it was found with; `null` means whichever was in force.
    pub profile: Option<String>,
    /// The region.
    pub region: String,
}

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum TargetKind {
    /// An EC2 instance.
    Ec2,
    /// A machine outside of EC2.
    Hybrid,
    /// A container of an ECS task.
    Ecs,
}

impl TargetKind {
    /// Returns the word for it in documents.
    pub const fn as_str(self) -> &'static str {
        match self {
            TargetKind::Ec2 => "ec2",
            TargetKind::Hybrid => "hybrid",
            TargetKind::Ecs => "ecs",
        }
    }
}

/// Where in ECS a container is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct EcsRecord {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the service; `null` for a task that belongs to none.
    pub service: Option<String>,
    /// Id of the task.
    pub task: String,
    /// Name of the container.
    pub container: String,
}

/// A place that was looked at: a profile and a region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct PlaceRecord {
    /// The AWS profile; `null` means whichever was in force.
    pub profile: Option<String>,
    /// The region.
    pub region: String,
    /// How much was found there.
    pub found: u64,
    /// When AWS was asked, RFC 3339.
    pub asked: String,
    /// Whether the answer was kept from an earlier run.
    pub cached: bool,
}

/// Something that could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct PlaceFailure {
    /// The AWS profile; `null` means whichever was in force.
    pub profile: Option<String>,
    /// The region; `null` if it did not come to that.
    pub region: Option<String>,
    /// Why.
    pub error: ErrorBody,
}

/// What is printed on stderr for a [`PlaceFailure`] when one object per line was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct FailureDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What could not be read.
    pub failure: PlaceFailure,
}

/// What `endpoints` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct EndpointsDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The endpoints, ordered by profile, region, type and name.
    pub endpoints: Vec<EndpointRecord>,
    /// Where it was looked.
    pub places: Vec<PlaceRecord>,
    /// What could not be read.
    pub failures: Vec<PlaceFailure>,
}

/// A host and port that a node may be able to reach.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct EndpointRecord {
    /// What it is in AWS: `rds-instance`, `rds-cluster`, `rds-proxy`, `documentdb-cluster`,
    /// `neptune-cluster`, `elasticache`, `elasticache-serverless`, `elasticache-cluster` or
    /// `vpc-endpoint`.
    #[serde(rename = "type")]
    pub resource: String,
    /// Its identifier.
    pub name: String,
    /// `writer`, `reader`, `custom`, `primary`, `configuration` or `node`; `own-name` or `private-dns`
    /// of a `vpc-endpoint`; `null` if there is one.
    pub role: Option<String>,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The kind that a connection to it has, such as `postgres`.
    pub kind: String,
    /// The engine in AWS's word, such as `aurora-postgresql`; of a `vpc-endpoint` the service, such as
    /// `ssm`.
    pub engine: Option<String>,
    /// The VPC.
    pub vpc: Option<String>,
    /// `available`, …
    pub status: Option<String>,
    /// Whether it takes IAM tokens for passwords.
    pub iam_auth: Option<bool>,
    /// Whether it speaks TLS only.
    pub tls: Option<bool>,
    /// Whether it sends clients on to other nodes, which one tunnel does not reach.
    pub cluster_mode: bool,
    /// The AWS profile it was found with; `null` means whichever was in force.
    pub profile: Option<String>,
    /// The region.
    pub region: String,
}

/// What `sessions` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SessionsDocument {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// The live sessions, the newest first.
    pub sessions: Vec<SessionRecord>,
    /// Where it was looked.
    pub places: Vec<PlaceRecord>,
    /// What could not be read.
    pub failures: Vec<PlaceFailure>,
}

/// A live session in the account, whichever program started it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "json-schema", derive(schemars::JsonSchema))]
pub struct SessionRecord {
    /// Its id: what `sessions end` takes.
    pub session_id: String,
    /// Where it goes.
    pub target: Option<String>,
    /// `Connected`, `Connecting`, `Disconnected`, …, in AWS's word.
    pub status: Option<String>,
    /// When it was started, RFC 3339.
    pub started: Option<String>,
    /// ARN of whoever started it.
    pub owner: Option<String>,
    /// The document.
    pub document: Option<String>,
    /// The stated reason.
    pub reason: Option<String>,
    /// Seconds after which the service ends it; `null` means no limit.
    pub max_duration_seconds: Option<u64>,
    /// The AWS profile; `null` means whichever was in force.
    pub profile: Option<String>,
    /// The region.
    pub region: String,
}

impl FailureDocument {
    /// Wraps a failure with the schema it belongs to.
    pub fn new(failure: PlaceFailure) -> Self {
        Self { schema: SCHEMA.to_owned(), failure }
    }
}
