//! DescribeInstanceInformation and GetConnectionStatus.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ApiError, authorize, epoch, page};
use crate::fleet::{Node, Ping};
use crate::lock;
use crate::state::State;

/// Entries of a page unless the caller says otherwise.
const PAGE: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DescribeInstanceInformation {
    #[serde(default)]
    max_results: Option<usize>,
    #[serde(default)]
    next_token: Option<String>,
    #[serde(default)]
    filters: Option<Vec<Filter>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Filter {
    key: String,
    values: Vec<String>,
}

/// Lists the machines; ECS tasks are in no list of this service.
pub(super) fn describe(
    input: DescribeInstanceInformation,
    region: &str,
    state: &State,
) -> Result<Value, ApiError> {
    authorize("ssm:DescribeInstanceInformation", "*", state)?;
    let most = input.max_results.unwrap_or(PAGE);
    if input.max_results.is_some() && !(5..=50).contains(&most) {
        let text = format!("Value '{most}' at 'maxResults' must be between 5 and 50");
        return Err(ApiError::new("ValidationException", text));
    }
    let fleet = state.fleet.read().unwrap_or_else(|broken| broken.into_inner());
    let filters = input.filters.unwrap_or_default();
    let mut found = Vec::new();
    let here = |node: &&Node| node.is_listed() && fleet.is_in(node.region.as_deref(), region);
    for filter in &filters {
        if filter.key == "InstanceIds"
            && filter.values.iter().any(|id| fleet.node(id).is_none_or(|node| !here(&node)))
        {
            let text = format!("Invalid instance id: {}", filter.values.join(", "));
            return Err(ApiError::new("InvalidInstanceId", text));
        }
    }
    for node in fleet.nodes.iter().filter(here) {
        let gone = lock(&state.gone).contains(&node.id);
        if matches_all(node, ping(node, gone), &filters)? {
            found.push((node, ping(node, gone)));
        }
    }
    let (page, next) = page(found, most, input.next_token.as_deref())?;
    let nodes: Vec<Value> = page.iter().map(|(node, ping)| describe_one(node, *ping)).collect();
    // The real service gives an empty token with the last page now and then.
    Ok(json!({ "InstanceInformationList": nodes, "NextToken": next.unwrap_or_default() }))
}

fn ping(node: &Node, gone: bool) -> Ping {
    if gone { Ping::ConnectionLost } else { node.ping }
}

fn resource_type(node: &Node) -> &'static str {
    if node.id.starts_with("mi-") { "ManagedInstance" } else { "EC2Instance" }
}

fn matches_all(node: &Node, ping: Ping, filters: &[Filter]) -> Result<bool, ApiError> {
    for filter in filters {
        let has = |value: &str| filter.values.iter().any(|wanted| wanted == value);
        let matches = match filter.key.as_str() {
            "InstanceIds" => has(&node.id),
            "PingStatus" => has(ping.as_str()),
            "PlatformTypes" => has(&node.platform),
            "ResourceType" => has(resource_type(node)),
            "AgentVersion" => has(&node.agent_version),
            "tag-key" => node.tags.iter().any(|(key, _)| has(key)),
            key => match key.strip_prefix("tag:") {
                Some(tag) => node.tags.iter().any(|(key, value)| key == tag && has(value)),
                None => {
                    let text = format!("{key} is not a valid filter key.");
                    return Err(ApiError::new("InvalidFilterKey", text));
                }
            },
        };
        if !matches {
            return Ok(false);
        }
    }
    Ok(true)
}

fn describe_one(node: &Node, ping: Ping) -> Value {
    let last = match ping {
        Ping::Online => 60,
        Ping::ConnectionLost => 86_400,
    };
    let last = Timestamp::from_second(Timestamp::now().as_second() - last).unwrap_or_default();
    let hybrid = node.id.starts_with("mi-");
    let (platform_name, platform_version) = match node.platform.as_str() {
        "Windows" => ("Microsoft Windows Server 2022 Datacenter", "10.0.20348"),
        "MacOS" => ("macOS", "15.1"),
        _ => ("Amazon Linux", "2023"),
    };
    let mut entry = json!({
        "InstanceId": node.id,
        "PingStatus": ping.as_str(),
        "LastPingDateTime": epoch(last),
        "AgentVersion": node.agent_version,
        "IsLatestVersion": false,
        "PlatformType": node.platform,
        "PlatformName": platform_name,
        "PlatformVersion": platform_version,
        "ResourceType": resource_type(node),
        "IPAddress": node.address.to_string(),
        "ComputerName": format!("ip-{}.ec2.internal", node.address.to_string().replace(['.', ':'], "-")),
        "SourceId": node.id,
        "SourceType": if hybrid { "AWS::SSM::ManagedInstance" } else { "AWS::EC2::Instance" },
    });
    // The name of an EC2 machine is a tag, which this call does not give.
    if hybrid {
        entry["Name"] = node.name.as_str().into();
        entry["ComputerName"] = node.name.as_str().into();
    }
    entry
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetConnectionStatus {
    target: String,
}

/// Says whether an agent's control channel is up.
pub(super) fn connection_status(
    input: GetConnectionStatus,
    state: &State,
) -> Result<Value, ApiError> {
    authorize("ssm:GetConnectionStatus", "*", state)?;
    let fleet = state.fleet.read().unwrap_or_else(|broken| broken.into_inner());
    let gone = lock(&state.gone).contains(&input.target);
    let online = fleet.node(&input.target).is_some_and(|node| ping(node, gone) == Ping::Online);
    let status = if online { "connected" } else { "notconnected" };
    Ok(json!({ "Target": input.target, "Status": status }))
}
