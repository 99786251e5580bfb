//! EC2, as far as nodes are found through it: instances and regions.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Filter;

use super::answer::{self, Pages};
use super::clock::DateWatcher;
use super::config::AwsContext;
use super::error::{AwsFailure, Look, Operation};

const INSTANCES: Look =
    Look { service: "Amazon EC2", action: "ec2:DescribeInstances", what: "the instances" };

const REGIONS: Look = Look {
    service: "Amazon EC2",
    action: "ec2:DescribeRegions",
    what: "the regions of the account",
};

/// Instances per page, 5 to 1000. One is 5 kB of XML and several times that while it is read; more
/// per page would save little, since Systems Manager gives 50 at a time.
const PAGE: i32 = 250;

/// An instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instance {
    /// `i-…`.
    pub id: String,
    /// The value of its tag `Name`.
    pub name: Option<String>,
    /// `running`, `stopped`, …
    pub state: String,
    /// Its private IPv4 address, else its IPv6 address.
    pub address: Option<String>,
    /// The availability zone.
    pub zone: Option<String>,
    /// The VPC.
    pub vpc: Option<String>,
    /// When it was last started, in seconds since 1970.
    pub launched: Option<i64>,
}

impl Instance {
    /// Returns whether it is up.
    pub fn is_running(&self) -> bool {
        self.state == "running"
    }

    /// Returns whether it is gone for good; such an instance lingers in the answers for an hour.
    pub fn is_gone(&self) -> bool {
        matches!(self.state.as_str(), "terminated" | "shutting-down")
    }
}

/// A filter: the name of a property, and the values one of which it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceFilter {
    name: String,
    values: Vec<String>,
}

impl InstanceFilter {
    /// Instances whose property `name` is one of `values`, exactly.
    pub fn exact<T: AsRef<str>>(name: impl Into<String>, values: &[T]) -> Self {
        let values = values.iter().map(|value| escaped(value.as_ref())).collect();
        Self { name: name.into(), values }
    }
}

/// Takes the meaning of wildcards away: `*`, `?` and `\` stand for themselves after a `\`.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for letter in value.chars() {
        if matches!(letter, '*' | '?' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}

/// A client of EC2.
#[derive(Clone, Debug)]
pub struct Ec2 {
    client: Client,
    context: AwsContext,
}

impl Ec2 {
    /// Makes a client for the region of `context`.
    pub fn new(context: &AwsContext) -> Self {
        let config = aws_sdk_ec2::config::Builder::from(context.sdk())
            .retry_config(answer::patient())
            .interceptor(DateWatcher(context.clock().clone()))
            .build();
        Self { client: Client::from_conf(config), context: context.clone() }
    }

    /// Returns all instances that fit every filter, whatever their state.
    pub async fn instances(&self, filters: &[InstanceFilter]) -> Result<Vec<Instance>, AwsFailure> {
        self.instances_until(filters, usize::MAX).await
    }

    /// The same, but asks for no more pages once there are `enough`.
    pub async fn instances_until(
        &self,
        filters: &[InstanceFilter],
        enough: usize,
    ) -> Result<Vec<Instance>, AwsFailure> {
        self.context.credentials().await?;
        let filters: Vec<Filter> = filters
            .iter()
            .map(|filter| {
                let values = Some(filter.values.clone());
                Filter::builder().name(&filter.name).set_values(values).build()
            })
            .collect();
        let filters = Some(filters).filter(|filters| !filters.is_empty());
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(token) = pages.next()
            && found.len() < enough
        {
            let call = self.client.describe_instances();
            let call = call.max_results(PAGE).set_filters(filters.clone()).set_next_token(token);
            let answer = call.send().await;
            let page = answer::explained(&self.context, answer, Operation::Look(INSTANCES)).await?;
            for reservation in page.reservations() {
                found.extend(reservation.instances().iter().filter_map(instance));
            }
            pages.follow(page.next_token);
        }
        Ok(found)
    }

    /// Returns the regions that are enabled for the account, in alphabetical order.
    pub async fn regions(&self) -> Result<Vec<String>, AwsFailure> {
        self.context.credentials().await?;
        let answer = self.client.describe_regions().send().await;
        let answer = answer::explained(&self.context, answer, Operation::Look(REGIONS)).await?;
        let names = answer.regions().iter().filter_map(|region| region.region_name());
        let mut names: Vec<String> = names.map(str::to_owned).collect();
        names.sort();
        Ok(names)
    }
}

fn instance(it: &aws_sdk_ec2::types::Instance) -> Option<Instance> {
    let text = |value: Option<&str>| value.filter(|text| !text.is_empty()).map(str::to_owned);
    let name = it.tags().iter().find(|tag| tag.key() == Some("Name"));
    let state = it.state().and_then(|state| state.name());
    Some(Instance {
        id: text(it.instance_id())?,
        name: text(name.and_then(|tag| tag.value())),
        state: state.map(|state| state.as_str().to_owned()).unwrap_or_default(),
        address: text(it.private_ip_address()).or_else(|| text(it.ipv6_address())),
        zone: text(it.placement().and_then(|placement| placement.availability_zone())),
        vpc: text(it.vpc_id()),
        launched: it.launch_time().map(|time| time.secs()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_wildcards_is_taken_literally() {
        let filter = InstanceFilter::exact("tag:Name", &[r"web-*?\"]);
        assert_eq!(filter.values, [r"web-\*\?\\"]);
    }
}
