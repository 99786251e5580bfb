//! ElastiCache: replication groups, serverless caches, cache clusters, and the one subnet group.

use super::ec2::{SUBNET, VPC};
use super::query::{Form, element, wrap};
use super::rds::{SUBNET_GROUP, of_kinds};
use super::{ApiError, page};
use crate::fleet::{Database, DatabaseKind};
use crate::state::State;

/// Answers an action.
pub(super) fn dispatch(
    action: &str,
    form: &Form,
    region: &str,
    state: &State,
) -> Result<String, ApiError> {
    if action == "DescribeCacheSubnetGroups" {
        let group = element("CacheSubnetGroupName", SUBNET_GROUP) + &element("VpcId", VPC);
        return Ok(wrap("CacheSubnetGroups", &wrap("CacheSubnetGroup", &group)));
    }
    use DatabaseKind::{Memcached, ReplicationGroup, Serverless, ShardedGroup};
    let (kinds, list, write): (&[_], _, fn(&Database) -> String) = match action {
        "DescribeReplicationGroups" => {
            (&[ReplicationGroup, ShardedGroup], "ReplicationGroups", group)
        }
        "DescribeServerlessCaches" => (&[Serverless], "ServerlessCaches", serverless),
        "DescribeCacheClusters" => {
            (&[Memcached, ReplicationGroup, ShardedGroup], "CacheClusters", cluster)
        }
        _ => {
            let text = format!("Could not find operation {action} for version 2015-02-02");
            return Err(ApiError::new("InvalidAction", text));
        }
    };
    let found = of_kinds(kinds, region, state);
    let ((size, range), token) = match action {
        "DescribeServerlessCaches" => (("MaxResults", 1..=50), "NextToken"),
        _ => (("MaxRecords", 20..=100), "Marker"),
    };
    let most = form.page_size(size, range)?;
    let (entries, next) = page(found, most, form.get(token))?;
    let entries: String = entries.iter().map(write).collect();
    Ok(wrap(list, &entries) + &next.map(|next| element(token, &next)).unwrap_or_default())
}

fn endpoint(name: &str, host: &str, port: u16) -> String {
    wrap(name, &(element("Address", host) + &element("Port", &port.to_string())))
}

fn group(it: &Database) -> String {
    let sharded = it.kind == DatabaseKind::ShardedGroup;
    let primary = endpoint("PrimaryEndpoint", &it.host, it.port);
    let reader = it.reader.as_ref().map(|host| endpoint("ReaderEndpoint", host, it.port));
    let node_group = wrap("NodeGroup", &(primary + &reader.unwrap_or_default()));
    let parts = [
        element("ReplicationGroupId", &it.id),
        element("Engine", &it.engine),
        element("Status", "available"),
        element("ClusterEnabled", if sharded { "true" } else { "false" }),
        element("TransitEncryptionEnabled", "true"),
        match sharded {
            true => endpoint("ConfigurationEndpoint", &it.host, it.port),
            false => wrap("NodeGroups", &node_group),
        },
    ];
    wrap("ReplicationGroup", &parts.concat())
}

fn serverless(it: &Database) -> String {
    let reader = it.reader.as_ref().map(|host| endpoint("ReaderEndpoint", host, it.port + 1));
    let parts = [
        element("ServerlessCacheName", &it.id),
        element("Engine", &it.engine),
        element("Status", "available"),
        endpoint("Endpoint", &it.host, it.port),
        wrap("SubnetIds", &element("SubnetId", SUBNET)),
        reader.unwrap_or_default(),
    ];
    wrap("member", &parts.concat())
}

fn cluster(it: &Database) -> String {
    let memcached = it.kind == DatabaseKind::Memcached;
    // The nodes of a replication group are listed here too, with the name of their group.
    let parts = match memcached {
        true => [
            element("CacheClusterId", &it.id),
            element("Engine", &it.engine),
            element("CacheClusterStatus", "available"),
            element("CacheSubnetGroupName", SUBNET_GROUP),
            endpoint("ConfigurationEndpoint", &it.host, it.port),
        ],
        false => [
            element("CacheClusterId", &format!("{}-001", it.id)),
            element("Engine", &it.engine),
            element("CacheClusterStatus", "available"),
            element("CacheSubnetGroupName", SUBNET_GROUP),
            element("ReplicationGroupId", &it.id),
        ],
    };
    wrap("CacheCluster", &parts.concat())
}
