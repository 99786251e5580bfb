//! ECS, as far as containers are found through it.

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{Connectivity, DesiredStatus};

use super::answer::{self, Pages};
use super::clock::DateWatcher;
use super::config::AwsContext;
use super::error::{AwsFailure, Look, Operation};
use crate::model::Target;

const fn look(action: &'static str, what: &'static str) -> Operation<'static> {
    Operation::Look(Look { service: "Amazon ECS", action, what })
}

/// Entries per page: the most the service gives.
const PAGE: i32 = 100;

/// Tasks that one call describes.
const DESCRIBED: usize = 100;

/// Beginnings of the names of containers that AWS adds to tasks.
const SIDECARS: [&str; 3] = ["ecs-service-connect-", "aws-guardduty-agent-", "aws-otel-collector"];

/// A running task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Name of its cluster.
    pub cluster: String,
    /// Name of its service, if it belongs to one.
    pub service: Option<String>,
    /// Its id.
    pub id: String,
    /// `RUNNING`, `PENDING`, …
    pub status: String,
    /// Whether execute command was enabled when it started.
    pub exec_enabled: bool,
    /// Whether its container instance or Fargate reports to ECS.
    pub connected: bool,
    /// When it was started, in seconds since 1970.
    pub started: Option<i64>,
    /// The availability zone.
    pub zone: Option<String>,
    /// Its containers.
    pub containers: Vec<TaskContainer>,
}

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskContainer {
    /// Its name.
    pub name: String,
    /// Its runtime id; absent until it runs.
    pub runtime_id: Option<String>,
    /// `RUNNING`, `PENDING`, …
    pub status: String,
    /// What the agent for execute command is doing: `RUNNING`, … Absent without one.
    pub exec_agent: Option<String>,
    /// Why that agent is not running.
    pub exec_reason: Option<String>,
    /// Its private address.
    pub address: Option<String>,
}

impl Task {
    /// Returns what StartSession calls a container, if it runs.
    pub fn target(&self, container: &TaskContainer) -> Option<Target> {
        let runtime = container.runtime_id.as_ref()?;
        format!("ecs:{}_{}_{runtime}", self.cluster, self.id).parse().ok()
    }

    /// Returns why no session can go to a container, or `None` if one can.
    pub fn obstacle(&self, container: &TaskContainer) -> Option<String> {
        if self.status != "RUNNING" {
            return Some(format!("the task is {}", self.status));
        }
        if !self.exec_enabled {
            return Some("execute command is not enabled".to_owned());
        }
        if container.status != "RUNNING" {
            return Some(format!("the container is {}", container.status));
        }
        match container.exec_agent.as_deref() {
            Some("RUNNING") if container.runtime_id.is_some() => None,
            Some("RUNNING") => Some("the container has no runtime id".to_owned()),
            None => Some("there is no agent for execute command".to_owned()),
            Some(status) => {
                let reason = container.exec_reason.as_ref();
                let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
                Some(format!("the agent for execute command is {status}{reason}"))
            }
        }
    }
}

impl TaskContainer {
    /// Returns whether AWS added it to the task.
    pub fn is_sidecar(&self) -> bool {
        SIDECARS.iter().any(|prefix| self.name.starts_with(prefix))
    }
}

/// A client of ECS.
#[derive(Clone, Debug)]
pub struct Ecs {
    client: Client,
    context: AwsContext,
}

impl Ecs {
    /// Makes a client for the region of `context`.
    pub fn new(context: &AwsContext) -> Self {
        let config = aws_sdk_ecs::config::Builder::from(context.sdk())
            .retry_config(answer::patient())
            .interceptor(DateWatcher(context.clock().clone()))
            .build();
        Self { client: Client::from_conf(config), context: context.clone() }
    }

    /// Returns the names of all clusters.
    pub async fn clusters(&self) -> Result<Vec<String>, AwsFailure> {
        self.context.credentials().await?;
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(token) = pages.next() {
            let call = self.client.list_clusters().max_results(PAGE).set_next_token(token);
            let what = look("ecs:ListClusters", "the ECS clusters");
            let page = answer::explained(&self.context, call.send().await, what).await?;
            found.extend(page.cluster_arns().iter().map(|arn| last_part(arn).to_owned()));
            pages.follow(page.next_token);
        }
        Ok(found)
    }

    /// Returns the names of all services of a cluster.
    pub async fn services(&self, cluster: &str) -> Result<Vec<String>, AwsFailure> {
        self.context.credentials().await?;
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(token) = pages.next() {
            let call = self.client.list_services().cluster(cluster).max_results(PAGE);
            let what = look("ecs:ListServices", "the ECS services");
            let answer = call.set_next_token(token).send().await;
            let page = answer::explained(&self.context, answer, what).await?;
            found.extend(page.service_arns().iter().map(|arn| last_part(arn).to_owned()));
            pages.follow(page.next_token);
        }
        Ok(found)
    }

    /// Returns the tasks of a cluster that are meant to run: all, or those of one service.
    pub async fn tasks(
        &self,
        cluster: &str,
        service: Option<&str>,
    ) -> Result<Vec<Task>, AwsFailure> {
        self.context.credentials().await?;
        let (mut ids, mut pages) = (Vec::new(), Pages::default());
        while let Some(token) = pages.next() {
            let call = self.client.list_tasks().cluster(cluster).max_results(PAGE);
            let call = call.desired_status(DesiredStatus::Running);
            let call = call.set_service_name(service.map(str::to_owned)).set_next_token(token);
            let what = look("ecs:ListTasks", "the ECS tasks");
            let page = answer::explained(&self.context, call.send().await, what).await?;
            ids.extend_from_slice(page.task_arns());
            pages.follow(page.next_token);
        }
        self.described(cluster, &ids).await
    }

    /// Returns those of these tasks that exist, by id or ARN.
    pub async fn described(&self, cluster: &str, ids: &[String]) -> Result<Vec<Task>, AwsFailure> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(DESCRIBED) {
            let call = self.client.describe_tasks().cluster(cluster);
            let answer = call.set_tasks(Some(ids.to_vec())).send().await;
            let what = look("ecs:DescribeTasks", "the ECS tasks");
            let page = answer::explained(&self.context, answer, what).await?;
            found.extend(page.tasks().iter().filter_map(task));
        }
        Ok(found)
    }
}

/// Returns what stands behind the last `/` of an ARN.
fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn task(it: &aws_sdk_ecs::types::Task) -> Option<Task> {
    let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
    let containers = it.containers().iter().filter_map(|it| {
        let agents = it.managed_agents().iter();
        let agent = agents
            .into_iter()
            .find(|agent| agent.name().is_some_and(|name| name.as_str() == "ExecuteCommandAgent"));
        let networks = it.network_interfaces().iter();
        Some(TaskContainer {
            name: text(it.name())?,
            runtime_id: text(it.runtime_id()),
            status: text(it.last_status()).unwrap_or_default(),
            exec_agent: text(agent.and_then(|agent| agent.last_status())),
            exec_reason: text(agent.and_then(|agent| agent.reason())),
            address: networks.into_iter().find_map(|it| text(it.private_ipv4_address())),
        })
    });
    Some(Task {
        // Old ARNs of tasks lack the cluster.
        cluster: last_part(it.cluster_arn()?).to_owned(),
        service: it.group().and_then(|group| text(group.strip_prefix("service:"))),
        id: last_part(it.task_arn()?).to_owned(),
        status: text(it.last_status()).unwrap_or_default(),
        exec_enabled: it.enable_execute_command(),
        connected: it.connectivity() != Some(&Connectivity::Disconnected),
        started: it.started_at().map(|time| time.secs()),
        zone: text(it.availability_zone()),
        containers: containers.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running() -> (Task, TaskContainer) {
        let container = TaskContainer {
            name: "app".to_owned(),
            runtime_id: Some("0123-45".to_owned()),
            status: "RUNNING".to_owned(),
            exec_agent: Some("RUNNING".to_owned()),
            ..TaskContainer::default()
        };
        let task = Task {
            cluster: "my_apps".to_owned(),
            id: "0123456789abcdef".to_owned(),
            status: "RUNNING".to_owned(),
            exec_enabled: true,
            containers: vec![container.clone()],
            ..Task::default()
        };
        (task, container)
    }

    #[test]
    fn a_container_is_named_as_start_session_takes_it() {
        let (task, container) = running();
        let target = task.target(&container).expect("it runs");
        assert_eq!(target.to_string(), "ecs:my_apps_0123456789abcdef_0123-45");
        assert_eq!(task.obstacle(&container), None);
    }

    #[test]
    fn every_obstacle_is_said() {
        let (task, container) = running();
        let disabled = Task { exec_enabled: false, ..task.clone() };
        assert!(disabled.obstacle(&container).is_some_and(|it| it.contains("not enabled")));
        let pending = TaskContainer {
            exec_agent: Some("PENDING".to_owned()),
            exec_reason: Some("no route".to_owned()),
            ..container.clone()
        };
        assert!(task.obstacle(&pending).is_some_and(|it| it.contains("PENDING: no route")));
        let agentless = TaskContainer { exec_agent: None, ..container };
        assert!(task.obstacle(&agentless).is_some());
    }
}
