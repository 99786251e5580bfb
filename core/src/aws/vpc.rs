//! EC2, as far as endpoints are found through it: interface endpoints, and which VPC a subnet is in.

use std::collections::HashMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, VpcEndpoint};

use super::answer::{self, Pages};
use super::clock::DateWatcher;
use super::config::AwsContext;
use super::error::{AwsFailure, Look, Operation};
use super::rds::{Endpoint, text};

const ENDPOINTS: Look = Look {
    service: "Amazon EC2",
    action: "ec2:DescribeVpcEndpoints",
    what: "the interface endpoints",
};

const SUBNETS: Look =
    Look { service: "Amazon EC2", action: "ec2:DescribeSubnets", what: "the subnets" };

/// Entries per page: the most the service gives.
const PAGE: i32 = 1000;

/// Values that one filter takes at most [EC2: DescribeSubnets].
const FILTER_VALUES: usize = 200;

/// A client of EC2 for networks.
#[derive(Clone, Debug)]
pub struct Vpc {
    client: Client,
    context: AwsContext,
}

impl Vpc {
    /// Makes a client for the region of `context`.
    pub fn new(context: &AwsContext) -> Self {
        let config = aws_sdk_ec2::config::Builder::from(context.sdk())
            .retry_config(answer::patient())
            .interceptor(DateWatcher(context.clock().clone()))
            .build();
        Self { client: Client::from_conf(config), context: context.clone() }
    }

    /// Returns the interface endpoints of AWS services.
    pub async fn interface_endpoints(&self) -> Result<Vec<Endpoint>, AwsFailure> {
        self.context.credentials().await?;
        let filter = Filter::builder().name("vpc-endpoint-type").values("Interface").build();
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(token) = pages.next() {
            let call = self.client.describe_vpc_endpoints().max_results(PAGE);
            let answer = call.filters(filter.clone()).set_next_token(token).send().await;
            let page = answer::explained(&self.context, answer, Operation::Look(ENDPOINTS)).await?;
            found.extend(page.vpc_endpoints().iter().flat_map(interface_endpoint));
            pages.follow(page.next_token);
        }
        Ok(found)
    }

    /// Returns the VPCs of these subnets, under the subnets' ids.
    pub async fn vpcs_of(&self, subnets: &[&str]) -> Result<HashMap<String, String>, AwsFailure> {
        self.context.credentials().await?;
        let mut found = HashMap::new();
        for ids in subnets.chunks(FILTER_VALUES) {
            // A filter, because an id that is gone would make the whole call fail.
            let ids = ids.iter().map(|id| (*id).to_owned()).collect();
            let filter = Filter::builder().name("subnet-id").set_values(Some(ids)).build();
            let mut pages = Pages::default();
            while let Some(token) = pages.next() {
                let call = self.client.describe_subnets().max_results(PAGE);
                let answer = call.filters(filter.clone()).set_next_token(token).send().await;
                let page =
                    answer::explained(&self.context, answer, Operation::Look(SUBNETS)).await?;
                found.extend(page.subnets().iter().filter_map(|subnet| {
                    Some((text(subnet.subnet_id())?, text(subnet.vpc_id())?))
                }));
                pages.follow(page.next_token);
            }
        }
        Ok(found)
    }
}

/// Returns under which hosts an endpoint is reached: its own name, and the service's, which leads to
/// it inside the VPC.
fn interface_endpoint(it: &VpcEndpoint) -> Vec<Endpoint> {
    let Some((service, port)) = it.service_name().and_then(service) else { return Vec::new() };
    let tag = it.tags().iter().find(|tag| tag.key() == Some("Name"));
    let name = tag.and_then(|tag| text(tag.value())).or_else(|| text(it.vpc_endpoint_id()));
    let Some(name) = name else { return Vec::new() };
    let like = Endpoint {
        kind: "vpc-endpoint",
        name,
        port,
        engine: Some(service.to_owned()),
        vpc: text(it.vpc_id()),
        status: text(it.state().map(|state| state.as_str())),
        tls: Some(true),
        ..Endpoint::default()
    };
    let hosts = it.dns_entries().iter().filter_map(|entry| entry.dns_name());
    let (own, private): (Vec<&str>, Vec<&str>) = hosts.partition(|host| host.contains(".vpce."));
    // The others begin with the same and go on with a zone.
    let own = own.into_iter().min_by_key(|host| host.len());
    // `*.execute-api.…` is no host.
    let private = private.into_iter().filter(|host| !host.is_empty() && !host.contains('*'));
    let own = own.map(|host| (host, "own-name"));
    let hosts = own.into_iter().chain(private.map(|host| (host, "private-dns")));
    hosts
        .map(|(host, role)| Endpoint { role: Some(role), host: host.to_owned(), ..like.clone() })
        .collect()
}

/// Returns the service behind an endpoint, and its port. Services of other companies do not say theirs.
fn service(name: &str) -> Option<(&str, u16)> {
    let of_aws = |prefix| name.strip_prefix(prefix);
    let rest = of_aws("com.amazonaws.").or_else(|| of_aws("cn.com.amazonaws."))?;
    // Behind the region: `ecr.dkr`.
    let (region, service) = rest.split_once('.')?;
    let port = match service {
        _ if region == "vpce" || service.is_empty() => return None,
        // Amazon Keyspaces.
        "cassandra" | "cassandra-fips" => 9142,
        "email-smtp" => 587,
        _ => 443,
    };
    Some((service, port))
}

#[cfg(test)]
mod tests {
    use aws_sdk_ec2::types::DnsEntry;

    use super::*;

    #[test]
    fn an_endpoint_has_its_own_name_and_that_of_the_service() {
        let names = [
            "vpce-0a-x1-eu-west-1a.ssm.eu-west-1.vpce.amazonaws.com",
            "vpce-0a-x1.ssm.eu-west-1.vpce.amazonaws.com",
            "ssm.eu-west-1.amazonaws.com",
            "*.ssm.eu-west-1.amazonaws.com",
        ];
        let entries = names.map(|name| DnsEntry::builder().dns_name(name).build()).to_vec();
        let endpoint = VpcEndpoint::builder()
            .vpc_endpoint_id("vpce-0a")
            .service_name("com.amazonaws.eu-west-1.ssm")
            .vpc_id("vpc-1")
            .set_dns_entries(Some(entries))
            .build();
        let found = interface_endpoint(&endpoint);
        let hosts: Vec<_> = found.iter().map(|it| (it.host.as_str(), it.role.unwrap())).collect();
        assert_eq!(hosts, [(names[1], "own-name"), (names[2], "private-dns")]);
        assert_eq!((found[0].name.as_str(), found[0].port), ("vpce-0a", 443));
        assert_eq!(found[0].engine.as_deref(), Some("ssm"));
    }

    #[test]
    fn ports_are_known_for_services_of_aws_alone() {
        assert_eq!(service("com.amazonaws.eu-west-1.ecr.dkr"), Some(("ecr.dkr", 443)));
        assert_eq!(service("cn.com.amazonaws.cn-north-1.ecs"), Some(("ecs", 443)));
        assert_eq!(service("com.amazonaws.eu-west-1.cassandra"), Some(("cassandra", 9142)));
        assert_eq!(service("com.amazonaws.vpce.eu-west-1.vpce-svc-0a1b"), None);
        assert_eq!(service("com.example.thing"), None);
    }
}
