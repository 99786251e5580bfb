//! The AWS CLI's words.

use ssmpf_model::{Connection, InvalidInput, SessionDocument, TargetMeaning};

use super::quoted;

/// Returns the command, with the calls in front that find the target.
pub(super) fn render(connection: &Connection) -> Result<String, InvalidInput> {
    let document =
        SessionDocument::for_destination(&connection.destination, connection.document.as_ref())?
            .with_local_port(connection.local_port.number());
    // A map of text to lists of text always serializes.
    let parameters = serde_json::to_string(document.parameters()).unwrap_or_default();
    let (before, target) = target(connection);
    let mut command = format!(
        "{before}aws ssm start-session --target {target} --document-name {} --parameters {}",
        quoted(document.name()),
        quoted(&parameters)
    );
    command.push_str(&account(connection));
    if let Some(reason) = &connection.reason {
        command.push_str(&format!(" --reason {}", quoted(reason)));
    }
    Ok(command)
}

/// Returns the options that choose profile and region, with a blank in front.
pub(super) fn account(connection: &Connection) -> String {
    let mut options = String::new();
    if let Some(profile) = &connection.profile {
        options.push_str(&format!(" --profile {}", quoted(profile.as_str())));
    }
    if let Some(region) = &connection.region {
        options.push_str(&format!(" --region {}", quoted(region.as_str())));
    }
    options
}

/// Returns what has to run first, and the word for the target.
pub(super) fn target(connection: &Connection) -> (String, String) {
    let account = account(connection);
    if let TargetMeaning::EcsService { cluster, service, container } = connection.target.meaning() {
        let query = match container {
            Some(container) => {
                format!("tasks[0].containers[?name=='{container}'].runtimeId | [0]")
            }
            None => "tasks[0].containers[0].runtimeId".to_owned(),
        };
        let (cluster_word, service) = (quoted(cluster), quoted(service));
        let before = format!(
            "task=$(aws ecs list-tasks --cluster {cluster_word} --service-name {service} \
             --desired-status RUNNING --query 'taskArns[0]' --output text{account})\n\
             runtime=$(aws ecs describe-tasks --cluster {cluster_word} --tasks \"$task\" --query \
             {} --output text{account})\n",
            quoted(&query)
        );
        return (before, format!("\"ecs:{cluster}_${{task##*/}}_$runtime\""));
    }
    match filters(connection) {
        None => (String::new(), quoted(connection.target.as_str())),
        Some(filters) => {
            let filters: Vec<String> = filters
                .iter()
                .map(|(name, value)| quoted(&format!("Name={name},Values={}", escaped(value))))
                .collect();
            let lookup = format!(
                "\"$(aws ec2 describe-instances --filters {} \
                 Name=instance-state-name,Values=running --query \
                 'Reservations[0].Instances[0].InstanceId' --output text{account})\"",
                filters.join(" ")
            );
            (String::new(), lookup)
        }
    }
}

/// Returns EC2's filters for a target that has to be looked up.
fn filters(connection: &Connection) -> Option<Vec<(String, String)>> {
    let one = |name: &str, value: String| Some(vec![(name.to_owned(), value)]);
    match connection.target.meaning() {
        TargetMeaning::Exact(_) | TargetMeaning::EcsService { .. } => None,
        TargetMeaning::Name(name) => one("tag:Name", name.clone()),
        TargetMeaning::Tags(tags) => {
            Some(tags.iter().map(|(key, value)| (format!("tag:{key}"), value.clone())).collect())
        }
        TargetMeaning::Address(address) if address.is_ipv6() => {
            one("network-interface.ipv6-addresses.ipv6-address", address.to_string())
        }
        TargetMeaning::Address(address) => one("private-ip-address", address.to_string()),
        TargetMeaning::Dns(host) => one("private-dns-name", host.to_string()),
        TargetMeaning::AutoScalingGroup(group) => {
            one("tag:aws:autoscaling:groupName", group.clone())
        }
    }
}

/// Escapes a value for the AWS CLI's shorthand, where commas part values.
fn escaped(value: &str) -> String {
    match value.contains([',', '"', '\\', '=', '[', ']', '{', '}']) {
        true => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
        false => value.to_owned(),
    }
}
