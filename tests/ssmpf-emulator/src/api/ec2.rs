//! EC2: instances, regions, interface endpoints, and the one subnet in the one VPC.

use jiff::Timestamp;

use super::query::{Form, element, wrap};
use super::rds::of_kinds;
use super::{ApiError, page};
use crate::credentials::ACCOUNT;
use crate::fleet::{Database, DatabaseKind, Node};
use crate::state::State;

/// The VPC that everything is in.
pub(super) const VPC: &str = "vpc-0a1b2c3d";

/// The subnet that everything is in.
pub(super) const SUBNET: &str = "subnet-0a1b2c3d";

/// Answers an action.
pub(super) fn dispatch(
    action: &str,
    form: &Form,
    region: &str,
    state: &State,
) -> Result<String, ApiError> {
    match action {
        "DescribeInstances" => instances(form, region, state),
        "DescribeRegions" => Ok(regions(state)),
        "DescribeSubnets" => Ok(subnets(form)),
        "DescribeVpcEndpoints" => interface_endpoints(form, region, state),
        _ => {
            let text = format!("The action {action} is not valid for this web service.");
            Err(ApiError::new("InvalidAction", text))
        }
    }
}

fn regions(state: &State) -> String {
    let fleet = state.fleet.read().unwrap_or_else(|broken| broken.into_inner());
    let item = |name: &String| {
        let endpoint = format!("ec2.{name}.amazonaws.com");
        let content = element("regionName", name) + &element("regionEndpoint", &endpoint);
        wrap("item", &(content + &element("optInStatus", "opt-in-not-required")))
    };
    wrap("regionInfo", &fleet.regions().iter().map(item).collect::<String>())
}

/// Answers with the subnet, if it is asked for.
fn subnets(form: &Form) -> String {
    let filters = form.filters();
    let asked = |(name, ids): &(&str, Vec<&str>)| *name == "subnet-id" && ids.contains(&SUBNET);
    let subnet = wrap("item", &(element("subnetId", SUBNET) + &element("vpcId", VPC)));
    wrap("subnetSet", if filters.iter().all(asked) { &subnet } else { "" })
}

fn interface_endpoints(form: &Form, region: &str, state: &State) -> Result<String, ApiError> {
    let found = of_kinds(&[DatabaseKind::VpcEndpoint], region, state);
    let most = form.page_size("MaxResults", 5..=1000)?;
    let (endpoints, next) = page(found, most, form.get("NextToken"))?;
    let write = |it: &Database| {
        let zone = it.host.replacen('.', &format!("-{region}a."), 1);
        let names = [Some(zone), Some(it.host.clone()), it.reader.clone()];
        let names = names.into_iter().flatten();
        let names: String = names.map(|it| wrap("item", &element("dnsName", &it))).collect();
        let parts = [
            element("vpcEndpointId", &it.id),
            element("vpcEndpointType", "Interface"),
            element("vpcId", VPC),
            element("serviceName", &format!("com.amazonaws.{region}.{}", it.engine)),
            element("state", if it.creating { "pending" } else { "available" }),
            wrap("dnsEntrySet", &names),
        ];
        wrap("item", &parts.concat())
    };
    let endpoints: String = endpoints.iter().map(write).collect();
    let next = next.map(|next| element("nextToken", &next)).unwrap_or_default();
    Ok(wrap("vpcEndpointSet", &endpoints) + &next)
}

fn instances(form: &Form, region: &str, state: &State) -> Result<String, ApiError> {
    let most = form.page_size("MaxResults", 5..=1000)?;
    let filters = form.filters();
    let ids = form.list("InstanceId");
    let fleet = state.fleet.read().unwrap_or_else(|broken| broken.into_inner());
    let mut found = Vec::new();
    let here =
        |node: &&Node| node.id.starts_with("i-") && fleet.is_in(node.region.as_deref(), region);
    for node in fleet.nodes.iter().filter(here) {
        let wanted = ids.is_empty() || ids.contains(&node.id.as_str());
        if wanted && fits_all(node, &filters)? {
            found.push(node);
        }
    }
    let (nodes, next) = page(found, most, form.get("NextToken"))?;
    let reservations: String = nodes.iter().map(|node| reservation(node, region)).collect();
    let next = next.map(|next| element("nextToken", &next)).unwrap_or_default();
    Ok(wrap("reservationSet", &reservations) + &next)
}

/// Returns the tags; the name people use is one of them.
fn tags(node: &Node) -> Vec<(&str, &str)> {
    let mut tags: Vec<(&str, &str)> =
        node.tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    if node.name != node.id && !tags.iter().any(|(key, _)| *key == "Name") {
        tags.push(("Name", &node.name));
    }
    tags
}

fn private_dns_name(node: &Node) -> String {
    format!("ip-{}.ec2.internal", node.address.to_string().replace(['.', ':'], "-"))
}

fn fits_all(node: &Node, filters: &[(&str, Vec<&str>)]) -> Result<bool, ApiError> {
    for (name, values) in filters {
        let one_is = |text: &str| values.iter().any(|pattern| matches(pattern, text));
        let fits = match *name {
            "instance-state-name" => one_is(node.state.code().1),
            "instance-id" => one_is(&node.id),
            "private-ip-address"
            | "network-interface.addresses.private-ip-address"
            | "ipv6-address"
            | "network-interface.ipv6-addresses.ipv6-address" => {
                name.contains("ipv6") == node.address.is_ipv6() && one_is(&node.address.to_string())
            }
            "private-dns-name" => one_is(&private_dns_name(node)),
            "tag-key" => tags(node).iter().any(|(key, _)| one_is(key)),
            other => match other.strip_prefix("tag:") {
                Some(tag) => tags(node).iter().any(|(key, value)| *key == tag && one_is(value)),
                None => {
                    let text = format!("The filter '{other}' is invalid");
                    return Err(ApiError::new("InvalidParameterValue", text));
                }
            },
        };
        if !fits {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a text fits a pattern with `*` and `?`, which `\` makes ordinary.
fn matches(pattern: &str, text: &str) -> bool {
    let mut pattern_letters = pattern.chars();
    match pattern_letters.next() {
        None => text.is_empty(),
        Some('*') => {
            let rest = pattern_letters.as_str();
            let mut ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.any(|at| matches(rest, &text[at..]))
        }
        Some(letter) => {
            let (wanted, any) = match letter {
                '\\' => (pattern_letters.next(), false),
                letter => (Some(letter), letter == '?'),
            };
            let mut letters = text.chars();
            let found = letters.next();
            found.is_some()
                && (any || found == wanted)
                && matches(pattern_letters.as_str(), letters.as_str())
        }
    }
}

/// Writes an instance with about as many elements as the service does.
fn reservation(node: &Node, region: &str) -> String {
    let (code, state) = node.state.code();
    let address = element("privateIpAddress", &node.address.to_string());
    let launched = Timestamp::from_second(node.launched).unwrap_or_default().to_string();
    let tag = |(key, value): &(&str, &str)| {
        wrap("item", &(element("key", key) + &element("value", value)))
    };
    let tags: String = tags(node).iter().map(tag).collect();
    let up = state == "running";
    let parts = [
        element("instanceId", &node.id),
        element("imageId", "ami-0123456789abcdef0"),
        wrap("instanceState", &(element("code", &code.to_string()) + &element("name", state))),
        element("privateDnsName", &private_dns_name(node)),
        element("instanceType", "t4g.nano"),
        element("launchTime", &launched),
        wrap("placement", &element("availabilityZone", &format!("{region}a"))),
        element("architecture", "arm64"),
        element("rootDeviceType", "ebs"),
        // A terminated instance has neither network nor address.
        if state == "terminated" { String::new() } else { element("vpcId", VPC) + &address },
        element("subnetId", if up { SUBNET } else { "" }),
        wrap("tagSet", &tags),
    ];
    let instances = wrap("instancesSet", &wrap("item", &parts.concat()));
    let id = format!("r-{}", node.id.trim_start_matches("i-"));
    wrap("item", &(element("reservationId", &id) + &element("ownerId", ACCOUNT) + &instances))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_wildcards_unless_they_are_escaped() {
        for (pattern, text, fits) in [
            ("bastion", "bastion", true),
            ("bastion", "bastion-2", false),
            ("bas*", "bastion-2", true),
            ("*st?on*", "bastion-2", true),
            (r"web-\*", "web-*", true),
            (r"web-\*", "web-1", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), fits, "{pattern} {text}");
        }
    }
}
