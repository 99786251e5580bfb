//! RDS, as far as endpoints are found through it.
//!
//! DocumentDB and Neptune share its back end, so their clusters are in its answers too.

use std::collections::HashMap;

use aws_sdk_rds::Client;

use super::answer::{self, Pages};
use super::clock::DateWatcher;
use super::config::AwsContext;
use super::error::{AwsFailure, Look, Operation};

const fn look(action: &'static str, what: &'static str) -> Operation<'static> {
    Operation::Look(Look { service: "Amazon RDS", action, what })
}

/// Entries per page: the most the service gives.
const PAGE: i32 = 100;

/// A host and port that a service listens on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// What it is: an instance, the writer of a cluster, …
    pub kind: &'static str,
    /// `writer`, `reader`, `custom`, … where there are several.
    pub role: Option<&'static str>,
    /// Name of the instance, cluster, proxy or cache.
    pub name: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// `aurora-postgresql`, `valkey`, …
    pub engine: Option<String>,
    /// The VPC, if the service states it.
    pub vpc: Option<String>,
    /// Name of the group of subnets that it is in, where that is stated instead.
    pub subnet_group: Option<String>,
    /// One of its subnets, where those are stated instead.
    pub subnet: Option<String>,
    /// `available`, `creating`, …
    pub status: Option<String>,
    /// Whether it takes IAM tokens for passwords.
    pub iam_auth: Option<bool>,
    /// Whether it speaks TLS only.
    pub tls: Option<bool>,
    /// Whether it sends clients on to other nodes, which one tunnel does not reach.
    pub cluster_mode: bool,
}

/// A client of RDS.
#[derive(Clone, Debug)]
pub struct Rds {
    client: Client,
    context: AwsContext,
}

impl Rds {
    /// Makes a client for the region of `context`.
    pub fn new(context: &AwsContext) -> Self {
        let config = aws_sdk_rds::config::Builder::from(context.sdk())
            .retry_config(answer::patient())
            .interceptor(DateWatcher(context.clock().clone()))
            .build();
        Self { client: Client::from_conf(config), context: context.clone() }
    }

    /// Returns the instances that can be reached by themselves or as members of a cluster.
    pub async fn instances(&self) -> Result<Vec<Endpoint>, AwsFailure> {
        self.context.credentials().await?;
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(marker) = pages.next() {
            let call = self.client.describe_db_instances().max_records(PAGE).set_marker(marker);
            let what = look("rds:DescribeDBInstances", "the database instances");
            let page = answer::explained(&self.context, call.send().await, what).await?;
            found.extend(page.db_instances().iter().filter_map(instance));
            pages.follow(page.marker);
        }
        Ok(found)
    }

    /// Returns the endpoints of clusters: writer, reader, and the user's own.
    pub async fn clusters(&self) -> Result<Vec<Endpoint>, AwsFailure> {
        self.context.credentials().await?;
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(marker) = pages.next() {
            let call = self.client.describe_db_clusters().max_records(PAGE).set_marker(marker);
            let what = look("rds:DescribeDBClusters", "the database clusters");
            let page = answer::explained(&self.context, call.send().await, what).await?;
            found.extend(page.db_clusters().iter().flat_map(cluster));
            pages.follow(page.marker);
        }
        Ok(found)
    }

    /// Returns the proxies.
    pub async fn proxies(&self) -> Result<Vec<Endpoint>, AwsFailure> {
        self.context.credentials().await?;
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(marker) = pages.next() {
            let call = self.client.describe_db_proxies().max_records(PAGE).set_marker(marker);
            let what = look("rds:DescribeDBProxies", "the database proxies");
            let page = answer::explained(&self.context, call.send().await, what).await?;
            found.extend(page.db_proxies().iter().filter_map(proxy));
            pages.follow(page.marker);
        }
        Ok(found)
    }

    /// Returns the endpoints of `proxies` besides the one each of them has.
    pub async fn proxy_endpoints(&self, proxies: &[Endpoint]) -> Result<Vec<Endpoint>, AwsFailure> {
        self.context.credentials().await?;
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(marker) = pages.next() {
            let call = self.client.describe_db_proxy_endpoints();
            let what = look("rds:DescribeDBProxyEndpoints", "the endpoints of database proxies");
            let answer = call.max_records(PAGE).set_marker(marker).send().await;
            let page = answer::explained(&self.context, answer, what).await?;
            let endpoints = page.db_proxy_endpoints().iter();
            found.extend(endpoints.filter_map(|it| proxy_endpoint(it, proxies)));
            pages.follow(page.marker);
        }
        Ok(found)
    }

    /// Returns the VPCs of groups of subnets, under the groups' names.
    pub async fn subnet_groups(&self) -> Result<HashMap<String, String>, AwsFailure> {
        self.context.credentials().await?;
        let (mut found, mut pages) = (HashMap::new(), Pages::default());
        while let Some(marker) = pages.next() {
            let call = self.client.describe_db_subnet_groups().max_records(PAGE);
            let what = look("rds:DescribeDBSubnetGroups", "the subnet groups of databases");
            let answer = call.set_marker(marker).send().await;
            let page = answer::explained(&self.context, answer, what).await?;
            found.extend(page.db_subnet_groups().iter().filter_map(|group| {
                Some((text(group.db_subnet_group_name())?, text(group.vpc_id())?))
            }));
            pages.follow(page.marker);
        }
        Ok(found)
    }
}

pub(super) fn text(value: Option<&str>) -> Option<String> {
    value.filter(|text| !text.is_empty()).map(str::to_owned)
}

/// Returns a port that a service stated, if it is one.
pub(super) fn port(value: Option<i32>) -> Option<u16> {
    u16::try_from(value?).ok().filter(|port| *port != 0)
}

fn instance(it: &aws_sdk_rds::types::DbInstance) -> Option<Endpoint> {
    // Absent while it is being created.
    let endpoint = it.endpoint()?;
    Some(Endpoint {
        kind: "rds-instance",
        name: text(it.db_instance_identifier())?,
        host: text(endpoint.address())?,
        port: port(endpoint.port())?,
        engine: text(it.engine()),
        vpc: text(it.db_subnet_group().and_then(|group| group.vpc_id())),
        status: text(it.db_instance_status()),
        iam_auth: it.iam_database_authentication_enabled(),
        ..Endpoint::default()
    })
}

fn cluster(it: &aws_sdk_rds::types::DbCluster) -> Vec<Endpoint> {
    let Some(port) = port(it.port()) else { return Vec::new() };
    let engine = it.engine().unwrap_or_default();
    let kind = match engine {
        "docdb" => "documentdb-cluster",
        "neptune" => "neptune-cluster",
        _ => "rds-cluster",
    };
    let hosts = [("writer", it.endpoint()), ("reader", it.reader_endpoint())];
    let own = it.custom_endpoints().iter().map(|host| ("custom", Some(host.as_str())));
    let endpoints = hosts.into_iter().chain(own).filter_map(|(role, host)| {
        Some(Endpoint {
            kind,
            role: Some(role),
            name: text(it.db_cluster_identifier())?,
            host: text(host)?,
            port,
            engine: text(it.engine()),
            subnet_group: text(it.db_subnet_group()),
            status: text(it.status()),
            iam_auth: it.iam_database_authentication_enabled(),
            ..Endpoint::default()
        })
    });
    endpoints.collect()
}

fn proxy(it: &aws_sdk_rds::types::DbProxy) -> Option<Endpoint> {
    let (engine, port) = match it.engine_family()? {
        // The service states no port for a proxy: it is the usual one of the family.
        "MYSQL" => ("mysql", 3306),
        "POSTGRESQL" => ("postgres", 5432),
        "SQLSERVER" => ("sqlserver", 1433),
        _ => return None,
    };
    let iam = it.auth().iter().filter_map(|auth| auth.iam_auth());
    Some(Endpoint {
        kind: "rds-proxy",
        name: text(it.db_proxy_name())?,
        host: text(it.endpoint())?,
        port,
        engine: Some(engine.to_owned()),
        vpc: text(it.vpc_id()),
        status: text(it.status().map(|status| status.as_str())),
        iam_auth: Some(iam.into_iter().any(|iam| iam.as_str() != "DISABLED")),
        tls: it.require_tls(),
        ..Endpoint::default()
    })
}

/// Returns an endpoint that somebody added to a proxy; what it leads to is known of the proxy alone.
fn proxy_endpoint(
    it: &aws_sdk_rds::types::DbProxyEndpoint,
    proxies: &[Endpoint],
) -> Option<Endpoint> {
    // The one that a proxy has by itself is listed with it.
    if it.is_default() == Some(true) {
        return None;
    }
    let proxy = proxies.iter().find(|proxy| Some(proxy.name.as_str()) == it.db_proxy_name())?;
    let is_reader = it.target_role().is_some_and(|role| role.as_str() == "READ_ONLY");
    Some(Endpoint {
        role: Some(if is_reader { "reader" } else { "custom" }),
        host: text(it.endpoint()).filter(|host| *host != proxy.host)?,
        vpc: text(it.vpc_id()),
        status: text(it.status().map(|status| status.as_str())),
        ..proxy.clone()
    })
}

#[cfg(test)]
mod tests {
    use aws_sdk_rds::types::{DbProxyEndpoint, DbProxyEndpointTargetRole};

    use super::*;

    #[test]
    fn added_endpoints_of_a_proxy_have_its_port_and_their_own_vpc() {
        let proxy = Endpoint {
            kind: "rds-proxy",
            name: "pool".to_owned(),
            host: "pool.proxy".to_owned(),
            port: 5432,
            vpc: Some("vpc-1".to_owned()),
            ..Endpoint::default()
        };
        let stated = DbProxyEndpoint::builder()
            .db_proxy_name("pool")
            .endpoint("reader.pool.proxy")
            .vpc_id("vpc-2")
            .target_role(DbProxyEndpointTargetRole::ReadOnly);
        let found = proxy_endpoint(&stated.clone().build(), std::slice::from_ref(&proxy)).unwrap();
        assert_eq!((found.role, found.port), (Some("reader"), 5432));
        assert_eq!(found.vpc.as_deref(), Some("vpc-2"));
        let default = stated.clone().is_default(true).build();
        assert_eq!(proxy_endpoint(&default, std::slice::from_ref(&proxy)), None);
        assert_eq!(proxy_endpoint(&stated.build(), &[]), None, "nobody knows its port");
    }
}
