//! ECS: clusters, services and tasks.

use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

use super::{ApiError, epoch, input, page};
use crate::credentials::ACCOUNT;
use crate::fleet::{EcsService, EcsTask};
use crate::state::State;

/// Answers an operation.
pub(super) fn dispatch(
    operation: &str,
    body: &[u8],
    region: &str,
    state: &State,
) -> Result<Value, ApiError> {
    let account = Account { region, services: services(region, state) };
    match operation {
        "ListClusters" => account.list_clusters(&input(body)?),
        "ListServices" => account.list_services(&input(body)?),
        "ListTasks" => account.list_tasks(&input(body)?),
        "DescribeTasks" => account.describe_tasks(&input(body)?),
        "DescribeServices" => account.describe_services(&input(body)?),
        _ => Err(ApiError::new("UnknownOperationException", "")),
    }
}

fn services(region: &str, state: &State) -> Vec<EcsService> {
    let fleet = state.fleet.read().unwrap_or_else(|broken| broken.into_inner());
    let here = |service: &&EcsService| fleet.is_in(service.region.as_deref(), region);
    fleet.services.iter().filter(here).cloned().collect()
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Input {
    cluster: Option<String>,
    service_name: Option<String>,
    services: Vec<String>,
    tasks: Vec<String>,
    max_results: Option<usize>,
    next_token: Option<String>,
}

struct Account<'a> {
    region: &'a str,
    services: Vec<EcsService>,
}

impl Account<'_> {
    fn arn(&self, rest: &str) -> String {
        format!("arn:aws:ecs:{}:{ACCOUNT}:{rest}", self.region)
    }

    fn list_clusters(&self, input: &Input) -> Result<Value, ApiError> {
        let names: BTreeSet<&String> = self.services.iter().map(|it| &it.cluster).collect();
        let arns = names.into_iter().map(|name| self.arn(&format!("cluster/{name}")));
        listed("clusterArns", arns.collect(), input, 100)
    }

    fn list_services(&self, input: &Input) -> Result<Value, ApiError> {
        let arns = self.of_cluster(input)?.into_iter();
        let arns = arns.map(|it| self.arn(&format!("service/{}/{}", it.cluster, it.service)));
        listed("serviceArns", arns.collect(), input, 10)
    }

    fn list_tasks(&self, input: &Input) -> Result<Value, ApiError> {
        let mut services = self.of_cluster(input)?;
        if let Some(name) = &input.service_name {
            services.retain(|it| it.service == last_part(name));
            if services.is_empty() {
                return Err(ApiError::new("ServiceNotFoundException", "Service not found."));
            }
        }
        let arns = services.iter().flat_map(|service| {
            let arn = |task: &EcsTask| self.arn(&format!("task/{}/{}", service.cluster, task.id));
            service.tasks.iter().map(arn)
        });
        listed("taskArns", arns.collect(), input, 100)
    }

    fn describe_tasks(&self, input: &Input) -> Result<Value, ApiError> {
        if input.tasks.is_empty() || input.tasks.len() > 100 {
            let text = "Tasks cannot be empty, and are 100 at most.";
            return Err(ApiError::new("InvalidParameterException", text));
        }
        let services = self.of_cluster(input)?;
        let (mut tasks, mut failures) = (Vec::new(), Vec::new());
        for wanted in &input.tasks {
            let all = services
                .iter()
                .flat_map(|service| service.tasks.iter().map(move |task| (*service, task)));
            match all.into_iter().find(|(_, task)| task.id == last_part(wanted)) {
                Some((service, task)) => tasks.push(self.task(service, task)),
                None => failures.push(json!({ "arn": wanted, "reason": "MISSING" })),
            }
        }
        Ok(json!({ "tasks": tasks, "failures": failures }))
    }

    fn describe_services(&self, input: &Input) -> Result<Value, ApiError> {
        let services = self.of_cluster(input)?.into_iter();
        let wanted = |name: &str| input.services.iter().any(|it| last_part(it) == name);
        let services = services.filter(|it| wanted(&it.service)).map(|it| {
            json!({
                "serviceName": it.service,
                "serviceArn": self.arn(&format!("service/{}/{}", it.cluster, it.service)),
                "clusterArn": self.arn(&format!("cluster/{}", it.cluster)),
                "status": "ACTIVE",
                "runningCount": it.tasks.len(),
                "enableExecuteCommand": it.tasks.iter().any(|task| !task.no_exec),
            })
        });
        Ok(json!({ "services": services.collect::<Vec<_>>(), "failures": [] }))
    }

    fn of_cluster(&self, input: &Input) -> Result<Vec<&EcsService>, ApiError> {
        let cluster = last_part(input.cluster.as_deref().unwrap_or("default"));
        let found: Vec<_> = self.services.iter().filter(|it| it.cluster == cluster).collect();
        if found.is_empty() {
            return Err(ApiError::new("ClusterNotFoundException", "Cluster not found."));
        }
        Ok(found)
    }

    fn task(&self, service: &EcsService, task: &EcsTask) -> Value {
        let agent = match task.no_exec {
            true => json!([]),
            false => json!([{ "name": "ExecuteCommandAgent", "lastStatus": "RUNNING" }]),
        };
        let mut containers = vec![json!({
            "name": service.container,
            "runtimeId": task.runtime_id,
            "lastStatus": "RUNNING",
            "networkInterfaces": [{ "privateIpv4Address": "10.0.9.9" }],
            "managedAgents": agent,
        })];
        let sidecars = service.sidecars.iter().map(|name| {
            json!({ "name": name, "runtimeId": format!("{}-side", task.id), "lastStatus": "RUNNING" })
        });
        // In front, where a careless reader would take them.
        containers.splice(0..0, sidecars);
        let started = jiff::Timestamp::from_second(task.started).unwrap_or_default();
        json!({
            "taskArn": self.arn(&format!("task/{}/{}", service.cluster, task.id)),
            "clusterArn": self.arn(&format!("cluster/{}", service.cluster)),
            "group": format!("service:{}", service.service),
            "lastStatus": "RUNNING",
            "desiredStatus": "RUNNING",
            "connectivity": "CONNECTED",
            "enableExecuteCommand": !task.no_exec,
            "startedAt": epoch(started),
            "availabilityZone": format!("{}a", self.region),
            "containers": containers,
        })
    }
}

fn last_part(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn listed(key: &str, arns: Vec<String>, input: &Input, default: usize) -> Result<Value, ApiError> {
    let most = input.max_results.unwrap_or(default);
    if !(1..=100).contains(&most) {
        let text = "maxResults must be between 1 and 100.";
        return Err(ApiError::new("InvalidParameterException", text));
    }
    let (arns, next) = page(arns, most, input.next_token.as_deref())?;
    Ok(json!({ key: arns, "nextToken": next }))
}
