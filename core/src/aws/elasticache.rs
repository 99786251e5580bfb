//! ElastiCache, as far as endpoints are found through it.

use std::collections::HashMap;

use aws_sdk_elasticache::Client;
use aws_sdk_elasticache::types::{CacheCluster, ReplicationGroup, ServerlessCache};

use super::answer::{self, Pages};
use super::clock::DateWatcher;
use super::config::AwsContext;
use super::error::{AwsFailure, Look, Operation};
use super::rds::{Endpoint, port, text};

const fn look(action: &'static str, what: &'static str) -> Operation<'static> {
    Operation::Look(Look { service: "Amazon ElastiCache", action, what })
}

/// Entries per page: the most the service gives.
const PAGE: i32 = 100;

/// Serverless caches per page: the most the service gives.
const SERVERLESS_PAGE: i32 = 50;

/// A client of ElastiCache.
#[derive(Clone, Debug)]
pub struct ElastiCache {
    client: Client,
    context: AwsContext,
}

impl ElastiCache {
    /// Makes a client for the region of `context`.
    pub fn new(context: &AwsContext) -> Self {
        let config = aws_sdk_elasticache::config::Builder::from(context.sdk())
            .retry_config(answer::patient())
            .interceptor(DateWatcher(context.clock().clone()))
            .build();
        Self { client: Client::from_conf(config), context: context.clone() }
    }

    /// Returns the endpoints of replication groups: Redis and Valkey.
    pub async fn replication_groups(&self) -> Result<Vec<Endpoint>, AwsFailure> {
        self.context.credentials().await?;
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(marker) = pages.next() {
            let call = self.client.describe_replication_groups().max_records(PAGE);
            let what = look("elasticache:DescribeReplicationGroups", "the replication groups");
            let answer = call.set_marker(marker).send().await;
            let page = answer::explained(&self.context, answer, what).await?;
            found.extend(page.replication_groups().iter().flat_map(replication_group));
            pages.follow(page.marker);
        }
        Ok(found)
    }

    /// Returns the endpoints of serverless caches.
    pub async fn serverless(&self) -> Result<Vec<Endpoint>, AwsFailure> {
        self.context.credentials().await?;
        let (mut found, mut pages) = (Vec::new(), Pages::default());
        while let Some(token) = pages.next() {
            let call = self.client.describe_serverless_caches().max_results(SERVERLESS_PAGE);
            let what = look("elasticache:DescribeServerlessCaches", "the serverless caches");
            let answer = call.set_next_token(token).send().await;
            let page = answer::explained(&self.context, answer, what).await?;
            found.extend(page.serverless_caches().iter().flat_map(serverless));
            pages.follow(page.next_token);
        }
        Ok(found)
    }

    /// Returns the endpoints of Memcached clusters, and of Redis nodes outside of any group; and of
    /// replication groups, which state none themselves, the subnet group.
    pub async fn clusters(&self) -> Result<(Vec<Endpoint>, Groups), AwsFailure> {
        self.context.credentials().await?;
        let (mut found, mut groups) = (Vec::new(), Groups::new());
        let mut pages = Pages::default();
        while let Some(marker) = pages.next() {
            let call = self.client.describe_cache_clusters().max_records(PAGE);
            let what = look("elasticache:DescribeCacheClusters", "the cache clusters");
            let answer = call.show_cache_node_info(true).set_marker(marker).send().await;
            let page = answer::explained(&self.context, answer, what).await?;
            found.extend(page.cache_clusters().iter().flat_map(cluster));
            groups.extend(page.cache_clusters().iter().filter_map(|it| {
                Some((text(it.replication_group_id())?, text(it.cache_subnet_group_name())?))
            }));
            pages.follow(page.marker);
        }
        Ok((found, groups))
    }

    /// Returns the VPCs of groups of subnets, under the groups' names.
    pub async fn subnet_groups(&self) -> Result<HashMap<String, String>, AwsFailure> {
        self.context.credentials().await?;
        let (mut found, mut pages) = (HashMap::new(), Pages::default());
        while let Some(marker) = pages.next() {
            let call = self.client.describe_cache_subnet_groups().max_records(PAGE);
            let what = look("elasticache:DescribeCacheSubnetGroups", "the subnet groups of caches");
            let answer = call.set_marker(marker).send().await;
            let page = answer::explained(&self.context, answer, what).await?;
            found.extend(page.cache_subnet_groups().iter().filter_map(|group| {
                Some((text(group.cache_subnet_group_name())?, text(group.vpc_id())?))
            }));
            pages.follow(page.marker);
        }
        Ok(found)
    }
}

/// Subnet groups, under the ids of the replication groups whose nodes are in them.
pub type Groups = HashMap<String, String>;

type Stated<'a> = Option<&'a aws_sdk_elasticache::types::Endpoint>;

/// Puts an endpoint together from what `like` says and where it is.
fn at(like: &Endpoint, role: &'static str, endpoint: Stated<'_>) -> Option<Endpoint> {
    let endpoint = endpoint?;
    Some(Endpoint {
        role: Some(role),
        host: text(endpoint.address())?,
        port: port(endpoint.port())?,
        ..like.clone()
    })
}

fn replication_group(it: &ReplicationGroup) -> Vec<Endpoint> {
    let clustered = it.cluster_enabled().unwrap_or(false);
    let Some(name) = text(it.replication_group_id()) else { return Vec::new() };
    let like = Endpoint {
        kind: "elasticache",
        name,
        engine: text(it.engine()).or_else(|| Some("redis".to_owned())),
        status: text(it.status()),
        tls: it.transit_encryption_enabled(),
        cluster_mode: clustered,
        ..Endpoint::default()
    };
    let configuration = at(&like, "configuration", it.configuration_endpoint());
    let groups = it.node_groups().iter().filter(|_| !clustered).flat_map(|group| {
        [("primary", group.primary_endpoint()), ("reader", group.reader_endpoint())]
    });
    let groups = groups.filter_map(|(role, endpoint)| at(&like, role, endpoint));
    configuration.into_iter().chain(groups).collect()
}

fn serverless(it: &ServerlessCache) -> Vec<Endpoint> {
    let Some(name) = text(it.serverless_cache_name()) else { return Vec::new() };
    let like = Endpoint {
        kind: "elasticache-serverless",
        name,
        engine: text(it.engine()),
        subnet: it.subnet_ids().first().and_then(|id| text(Some(id))),
        status: text(it.status()),
        // Always so [ElastiCache: serverless].
        tls: Some(true),
        cluster_mode: it.engine() != Some("memcached"),
        ..Endpoint::default()
    };
    let hosts = [("primary", it.endpoint()), ("reader", it.reader_endpoint())];
    hosts.into_iter().filter_map(|(role, endpoint)| at(&like, role, endpoint)).collect()
}

fn cluster(it: &CacheCluster) -> Vec<Endpoint> {
    // Members of a replication group are reached through the group.
    if it.replication_group_id().is_some_and(|group| !group.is_empty()) {
        return Vec::new();
    }
    let Some(name) = text(it.cache_cluster_id()) else { return Vec::new() };
    let like = Endpoint {
        kind: "elasticache-cluster",
        name,
        engine: text(it.engine()),
        subnet_group: text(it.cache_subnet_group_name()),
        status: text(it.cache_cluster_status()),
        tls: it.transit_encryption_enabled(),
        ..Endpoint::default()
    };
    let configuration = at(&like, "configuration", it.configuration_endpoint());
    let nodes = it.cache_nodes().iter().filter_map(|node| at(&like, "node", node.endpoint()));
    configuration.into_iter().chain(nodes).collect()
}

#[cfg(test)]
mod tests {
    use aws_sdk_elasticache::types::{Endpoint as Stated, NodeGroup};

    use super::*;

    fn stated(host: &str) -> Stated {
        Stated::builder().address(host).port(6379).build()
    }

    #[test]
    fn a_group_in_cluster_mode_has_one_endpoint_that_sends_clients_on() {
        let shard = NodeGroup::builder().primary_endpoint(stated("shard.cache")).build();
        let group = ReplicationGroup::builder()
            .replication_group_id("orders")
            .cluster_enabled(true)
            .configuration_endpoint(stated("cfg.cache"))
            .node_groups(shard)
            .build();
        let endpoints = replication_group(&group);
        let hosts: Vec<_> = endpoints.iter().map(|it| it.host.as_str()).collect();
        assert_eq!(hosts, ["cfg.cache"]);
        assert!(endpoints[0].cluster_mode);
    }

    #[test]
    fn a_group_without_cluster_mode_has_a_primary_and_a_reader() {
        let shard = NodeGroup::builder()
            .primary_endpoint(stated("main.cache"))
            .reader_endpoint(stated("read.cache"))
            .build();
        let group =
            ReplicationGroup::builder().replication_group_id("orders").node_groups(shard).build();
        let roles: Vec<_> = replication_group(&group).iter().filter_map(|it| it.role).collect();
        assert_eq!(roles, ["primary", "reader"]);
    }

    #[test]
    fn members_of_a_group_are_not_listed_again() {
        let member = CacheCluster::builder().cache_cluster_id("a").replication_group_id("b");
        assert!(cluster(&member.build()).is_empty());
    }
}
