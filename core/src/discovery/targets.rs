//! The targets of one place: nodes and containers.

use std::collections::HashMap;

use futures_util::{StreamExt, stream};
use ssmpf_schema::{EcsRecord, TargetKind, TargetRecord};

use super::{Findings, time};
use crate::aws::ec2::{Ec2, Instance, InstanceFilter};
use crate::aws::ecs::{Ecs, Task, TaskContainer};
use crate::aws::nodes::{ManagedNode, Nodes};
use crate::aws::{AwsContext, AwsFailure};

/// ECS clusters that are looked at together in one place.
const CLUSTERS_AT_ONCE: usize = 3;

/// States of instances that are listed; what is terminated is gone.
const PRESENT: [&str; 4] = ["pending", "running", "stopping", "stopped"];

/// Returns what sessions can go to in the region of `context`.
///
/// `unmanaged` adds the instances that Systems Manager does not know.
pub async fn in_place(context: &AwsContext, unmanaged: bool) -> Findings<TargetRecord> {
    // First of all, so that three calls do not ask for the same sign-in.
    if let Err(failure) = context.credentials().await {
        return Findings { records: Vec::new(), failures: vec![failure], is_dark: true };
    }
    let (nodes, ec2, ecs) = (Nodes::new(context), Ec2::new(context), Ecs::new(context));
    let states: &[&str] = if unmanaged { &PRESENT } else { &["running"] };
    let filters = [InstanceFilter::exact("instance-state-name", states)];
    let instances = ec2.instances(&filters);
    let (nodes, instances, tasks) = tokio::join!(nodes.all(), instances, tasks(&ecs));
    let place = Place { profile: context.profile(), region: context.region() };
    let mut failures = Vec::new();
    let mut is_dark = true;
    let mut taken = |result: Result<(), AwsFailure>| match result {
        Ok(()) => is_dark = false,
        Err(failure) => failures.push(failure),
    };
    let (nodes, nodes_read) = apart(nodes);
    let (instances, instances_read) = apart(instances);
    let known_nodes = nodes_read.is_ok();
    taken(nodes_read);
    // Names alone are no list, unless instances are listed for themselves.
    match instances_read {
        Err(failure) => taken(Err(failure)),
        Ok(()) if unmanaged => taken(Ok(())),
        Ok(()) => {}
    }
    let mut by_id: HashMap<&str, &Instance> =
        instances.iter().map(|instance| (instance.id.as_str(), instance)).collect();
    let mut records: Vec<TargetRecord> =
        nodes.iter().map(|node| place.node(node, by_id.remove(node.id.as_str()))).collect();
    if unmanaged {
        let rest = instances.iter().filter(|it| by_id.contains_key(it.id.as_str()));
        records.extend(rest.map(|instance| place.instance(instance, known_nodes)));
    }
    let (tasks, unread) = tasks;
    let some = !tasks.is_empty();
    for task in &tasks {
        records.extend(task.containers.iter().filter_map(|it| place.container(task, it)));
    }
    match unread {
        None => taken(Ok(())),
        Some(failure) => {
            taken(Err(failure));
            if some {
                taken(Ok(()));
            }
        }
    }
    Findings { records, failures, is_dark }
}

fn apart<T: Default>(result: Result<T, AwsFailure>) -> (T, Result<(), AwsFailure>) {
    match result {
        Ok(value) => (value, Ok(())),
        Err(failure) => (T::default(), Err(failure)),
    }
}

/// Returns the running tasks of all clusters, and the first failure there was.
async fn tasks(ecs: &Ecs) -> (Vec<Task>, Option<AwsFailure>) {
    let clusters = match ecs.clusters().await {
        Ok(clusters) => clusters,
        Err(failure) => return (Vec::new(), Some(failure)),
    };
    let asked = clusters.into_iter().map(|cluster| {
        let ecs = ecs.clone();
        async move { ecs.tasks(&cluster, None).await }
    });
    let mut answers = stream::iter(asked).buffer_unordered(CLUSTERS_AT_ONCE);
    let (mut found, mut failed) = (Vec::new(), None);
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(tasks) => found.extend(tasks),
            Err(failure) => failed = failed.or(Some(failure)),
        }
    }
    (found, failed)
}

/// What all records of a place share.
struct Place<'a> {
    profile: Option<&'a str>,
    region: &'a str,
}

impl Place<'_> {
    fn record(&self, target: String, kind: TargetKind, status: &str) -> TargetRecord {
        TargetRecord {
            target,
            kind,
            name: None,
            reachable: false,
            status: status.to_owned(),
            reason: None,
            state: None,
            address: None,
            availability_zone: None,
            vpc: None,
            platform: None,
            agent_version: None,
            last_ping: None,
            ecs: None,
            profile: self.profile.map(str::to_owned),
            region: self.region.to_owned(),
        }
    }

    fn node(&self, node: &ManagedNode, instance: Option<&Instance>) -> TargetRecord {
        let kind = if node.is_hybrid() { TargetKind::Hybrid } else { TargetKind::Ec2 };
        let status = match node.ping.as_str() {
            "Online" => "online",
            "ConnectionLost" => "connection-lost",
            "Inactive" => "inactive",
            _ => "unknown",
        };
        let of_instance = |get: fn(&Instance) -> &Option<String>| {
            instance.and_then(|instance| get(instance).clone())
        };
        let host = || node.computer_name.clone().filter(|_| node.is_hybrid());
        TargetRecord {
            name: of_instance(|it| &it.name).or_else(|| node.name.clone()).or_else(host),
            reachable: node.is_online(),
            state: instance.map(|instance| instance.state.clone()),
            address: of_instance(|it| &it.address).or_else(|| node.address.clone()),
            availability_zone: of_instance(|it| &it.zone),
            vpc: of_instance(|it| &it.vpc),
            platform: node.platform.clone(),
            agent_version: node.agent_version.clone(),
            last_ping: node.last_ping.and_then(time),
            ..self.record(node.id.clone(), kind, status)
        }
    }

    fn instance(&self, instance: &Instance, known: bool) -> TargetRecord {
        let status = if known { "not-managed" } else { "unknown" };
        let reason = match (instance.is_running(), known) {
            (false, _) => Some(format!("the instance is {}", instance.state)),
            (true, true) => Some("its agent never registered with Systems Manager".to_owned()),
            (true, false) => None,
        };
        TargetRecord {
            name: instance.name.clone(),
            reason,
            state: Some(instance.state.clone()),
            address: instance.address.clone(),
            availability_zone: instance.zone.clone(),
            vpc: instance.vpc.clone(),
            ..self.record(instance.id.clone(), TargetKind::Ec2, status)
        }
    }

    /// Returns nothing for a container that does not run yet.
    fn container(&self, task: &Task, container: &TaskContainer) -> Option<TargetRecord> {
        let target = task.target(container)?.to_string();
        let reason = task.obstacle(container);
        let owner = task.service.as_deref().unwrap_or(&task.id);
        let status = if reason.is_none() { "exec-ready" } else { "no-exec" };
        Some(TargetRecord {
            name: Some(format!("{}/{owner}/{}", task.cluster, container.name)),
            reachable: reason.is_none(),
            reason,
            state: Some(task.status.to_lowercase()),
            address: container.address.clone(),
            availability_zone: task.zone.clone(),
            ecs: Some(EcsRecord {
                cluster: task.cluster.clone(),
                service: task.service.clone(),
                task: task.id.clone(),
                container: container.name.clone(),
            }),
            ..self.record(target, TargetKind::Ecs, status)
        })
    }
}
