//! ECS services: which container of which task is meant.

use super::{listed, not_connected, not_found};
use crate::aws::ecs::{Ecs, Task, TaskContainer};
use crate::aws::{AwsContext, AwsFailure};
use crate::model::{Target, TargetSpec};
use crate::near;

pub(super) async fn candidates(
    context: &AwsContext,
    spec: &TargetSpec,
    cluster: &str,
    service: &str,
    container: Option<&str>,
) -> Result<Vec<Target>, AwsFailure> {
    let ecs = Ecs::new(context);
    let tasks = match is_task_id(service) {
        true => ecs.described(cluster, &[service.to_owned()]).await,
        false => ecs.tasks(cluster, Some(service)).await,
    };
    let tasks = match tasks {
        Ok(tasks) => tasks,
        Err(failure) => return Err(explained(&ecs, failure, spec, cluster, service).await),
    };
    chosen(spec, tasks, container)
}

/// Task ids are 32 hexadecimal digits, in older accounts a UUID; no service needs to be called so.
fn is_task_id(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let rest = text.bytes().filter(|byte| !byte.is_ascii_hexdigit());
    digits == 32 && rest.into_iter().all(|byte| byte == b'-')
}

/// Says what is near, if cluster or service do not exist.
async fn explained(
    ecs: &Ecs,
    failure: AwsFailure,
    spec: &TargetSpec,
    cluster: &str,
    service: &str,
) -> AwsFailure {
    let (what, wanted, known) = match failure.code.as_deref() {
        Some("ClusterNotFoundException") => ("cluster", cluster, ecs.clusters().await),
        Some("ServiceNotFoundException" | "ServiceNotActiveException") => {
            ("service", service, ecs.services(cluster).await)
        }
        _ => return failure,
    };
    // What is near is a courtesy; that it could not be had is no news.
    let mut known = known.unwrap_or_default();
    known.sort();
    let hint = match near::closest(wanted, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "check profile and region".to_owned(),
        None => format!("there is {}", listed(&known)),
    };
    not_found(format!("there is no ECS {what} `{wanted}` for the target `{spec}`"), hint)
}

/// Orders what can be entered: newest task first, in each the container that is most likely meant.
fn chosen(
    spec: &TargetSpec,
    mut tasks: Vec<Task>,
    container: Option<&str>,
) -> Result<Vec<Target>, AwsFailure> {
    if tasks.is_empty() {
        return Err(not_found(
            format!("no task is running for the target `{spec}`"),
            "check the service's desired count and its events",
        ));
    }
    if let Some(name) = container
        && !tasks.iter().any(|task| task.containers.iter().any(|it| it.name == name))
    {
        let names = tasks.iter().flat_map(|task| &task.containers);
        let mut names: Vec<&str> = names.map(|it| it.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        return Err(not_found(
            format!("no task of the target `{spec}` has a container `{name}`"),
            format!("there is {}", listed(&names)),
        ));
    }
    tasks.sort_by_key(|task| std::cmp::Reverse((task.connected, task.started)));
    let (mut targets, mut obstacles) = (Vec::new(), Vec::new());
    for task in &tasks {
        let mut wanted: Vec<&TaskContainer> = task
            .containers
            .iter()
            .filter(|it| container.is_none_or(|name| it.name == name))
            .collect();
        // Containers of a task mostly share its network, so the first that can be entered will do;
        // those that AWS added come last.
        wanted.sort_by_key(|it| it.is_sidecar());
        let open = wanted.iter().find(|it| task.obstacle(it).is_none());
        match open.and_then(|it| task.target(it)) {
            Some(target) => targets.push(target),
            None => obstacles.extend(wanted.first().map(|it| {
                let why = task.obstacle(it);
                let why = why.unwrap_or_else(|| "AWS gave no usable id".to_owned());
                format!("task {}: {why}", task.id)
            })),
        }
    }
    if targets.is_empty() {
        return Err(not_connected(
            format!("no container of the target `{spec}` can be entered: {}", listed(&obstacles)),
            "the service needs `enableExecuteCommand` and a new deployment after that is set, and \
             its task role the four `ssmmessages` actions",
        ));
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use ssmpf_schema::ErrorKind;

    use super::*;

    fn container(name: &str, agent: Option<&str>) -> TaskContainer {
        TaskContainer {
            name: name.to_owned(),
            runtime_id: Some(format!("{name}-1")),
            status: "RUNNING".to_owned(),
            exec_agent: agent.map(str::to_owned),
            ..TaskContainer::default()
        }
    }

    fn task(id: &str, started: i64, containers: Vec<TaskContainer>) -> Task {
        Task {
            cluster: "apps".to_owned(),
            id: id.to_owned(),
            status: "RUNNING".to_owned(),
            exec_enabled: true,
            connected: true,
            started: Some(started),
            containers,
            ..Task::default()
        }
    }

    fn choose(spec: &str, tasks: Vec<Task>, name: Option<&str>) -> Result<Vec<String>, AwsFailure> {
        let targets = chosen(&spec.parse().expect(spec), tasks, name)?;
        Ok(targets.iter().map(Target::to_string).collect())
    }

    #[test]
    fn the_newest_task_comes_first_and_one_without_exec_not_at_all() {
        let open = || vec![container("api", Some("RUNNING"))];
        let closed = Task { exec_enabled: false, ..task("c", 30, open()) };
        let tasks = vec![task("a", 10, open()), task("b", 20, open()), closed];
        let targets = choose("ecs:apps/api", tasks, None).expect("two are open");
        assert_eq!(targets, ["ecs:apps_b_api-1", "ecs:apps_a_api-1"]);
    }

    #[test]
    fn containers_that_aws_added_come_last() {
        let containers = vec![
            container("aws-guardduty-agent-x", Some("RUNNING")),
            container("api", Some("RUNNING")),
        ];
        let targets = choose("ecs:apps/api", vec![task("a", 1, containers)], None);
        assert_eq!(targets.expect("both are open"), ["ecs:apps_a_api-1"]);
    }

    #[test]
    fn a_service_that_cannot_be_entered_says_why() {
        let tasks = vec![task("a", 1, vec![container("api", Some("PENDING"))])];
        let failure = choose("ecs:apps/api", tasks, None).expect_err("the agent is not there yet");
        assert_eq!(failure.kind, ErrorKind::TargetNotConnected);
        assert!(failure.message.contains("PENDING"), "{failure}");
    }

    #[test]
    fn an_unknown_container_is_answered_with_those_there_are() {
        let tasks = vec![task("a", 1, vec![container("api", Some("RUNNING"))])];
        let failure = choose("ecs:apps/api/web", tasks, Some("web")).expect_err("no such one");
        assert_eq!(failure.kind, ErrorKind::NotFound);
        assert!(failure.hint.is_some_and(|hint| hint.contains("api")));
    }

    #[test]
    fn tasks_are_told_from_services_by_their_digits() {
        assert!(is_task_id("0123456789abcdef0123456789abcdef"));
        assert!(is_task_id("01234567-89ab-cdef-0123-456789abcdef"));
        assert!(!is_task_id("api"));
        assert!(!is_task_id("0123456789abcdef"));
    }
}
