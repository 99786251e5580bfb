//! Databases and caches listed.

use std::collections::BTreeSet;

use serde_json::Value;
use ssmpf_emulator::{Database, DatabaseKind};
use ssmpf_tests::TestEnv;

use crate::finding::ok;

pub fn database(kind: DatabaseKind, id: &str, engine: &str, port: u16) -> Database {
    Database {
        kind,
        id: id.into(),
        engine: engine.into(),
        host: format!("{id}.internal"),
        reader: Some(format!("{id}-ro.internal")),
        port,
        ..Database::default()
    }
}

#[test]
fn endpoints_of_every_sort_are_listed_with_what_a_connection_needs() {
    let env = TestEnv::with(|builder| {
        builder
            .database(database(DatabaseKind::Instance, "pg", "postgres", 5433))
            .database(Database {
                creating: true,
                ..database(DatabaseKind::Instance, "new", "postgres", 5432)
            })
            .database(database(DatabaseKind::Cluster, "aurora", "aurora-mysql", 3306))
            .database(database(DatabaseKind::Cluster, "docs", "docdb", 27017))
            .database(database(DatabaseKind::Proxy, "proxy", "POSTGRESQL", 0))
            .database(database(DatabaseKind::ReplicationGroup, "cache", "valkey", 6379))
            .database(database(DatabaseKind::ShardedGroup, "sharded", "redis", 6379))
            .database(database(DatabaseKind::Serverless, "less", "valkey", 6379))
            .database(database(DatabaseKind::Memcached, "mem", "memcached", 11211))
            .database(Database {
                host: "vpce-0a-x1.ssm.eu-west-1.vpce.amazonaws.com".into(),
                reader: Some("ssm.eu-west-1.amazonaws.com".into()),
                ..database(DatabaseKind::VpcEndpoint, "vpce-0a", "ssm", 0)
            })
    });
    let document: Value =
        serde_json::from_str(&ok(env.run(&["endpoints", "--json"])).stdout).unwrap();
    let rows: BTreeSet<String> = document["endpoints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| {
            let text = |field: &str| it[field].as_str().unwrap_or("-").to_owned();
            let sort = [text("type"), text("role"), text("kind")].join(" ");
            format!("{}:{} {sort}", text("host"), it["port"])
        })
        .collect();
    let expected = [
        "aurora-ro.internal:3306 rds-cluster reader mysql",
        "aurora.internal:3306 rds-cluster writer mysql",
        "cache-ro.internal:6379 elasticache reader redis",
        "cache.internal:6379 elasticache primary redis",
        "docs-ro.internal:27017 documentdb-cluster reader mongodb",
        "docs.internal:27017 documentdb-cluster writer mongodb",
        "less-ro.internal:6380 elasticache-serverless reader redis",
        "less.internal:6379 elasticache-serverless primary redis",
        "mem.internal:11211 elasticache-cluster configuration memcached",
        "pg.internal:5433 rds-instance - postgres",
        "proxy-ro.internal:5432 rds-proxy reader postgres",
        "proxy.internal:5432 rds-proxy - postgres",
        "ssm.eu-west-1.amazonaws.com:443 vpc-endpoint private-dns https",
        "sharded.internal:6379 elasticache configuration redis",
        "vpce-0a-x1.ssm.eu-west-1.vpce.amazonaws.com:443 vpc-endpoint own-name https",
    ];
    assert_eq!(rows, expected.map(str::to_owned).into());
    assert!(document["failures"].as_array().unwrap().is_empty());
    // Some services state the VPC, some a group of subnets, some a subnet, some only that of the nodes.
    for it in document["endpoints"].as_array().unwrap() {
        assert_eq!(it["vpc"], "vpc-0a1b2c3d", "{it}");
    }
}

#[test]
fn more_databases_than_a_page_holds_are_all_listed() {
    let env = TestEnv::with(|builder| {
        (0..250).fold(builder, |builder, number| {
            let id = format!("db{number:03}");
            builder.database(database(DatabaseKind::Instance, &id, "postgres", 5432))
        })
    });
    let finished = ok(env.run(&["endpoints", "--format", "plain"]));
    assert_eq!(finished.stdout.lines().count(), 250);
    assert_eq!(env.emulator.call_count("DescribeDBInstances"), 3);
}

#[test]
fn one_sort_of_endpoints_that_is_denied_does_not_hide_the_others() {
    let env = TestEnv::with(|builder| {
        builder.deny("elasticache:DescribeServerlessCaches").database(database(
            DatabaseKind::Instance,
            "pg",
            "postgres",
            5432,
        ))
    });
    let finished = ok(env.run(&["endpoints"]));
    assert!(finished.stdout.contains("pg.internal"), "{finished:#?}");
    assert!(finished.stderr.contains("elasticache:DescribeServerlessCaches"), "{finished:#?}");
}

#[test]
fn where_nothing_needs_a_second_question_none_is_asked() {
    let env = TestEnv::with(|builder| {
        builder.database(database(DatabaseKind::Instance, "pg", "postgres", 5432))
    });
    ok(env.run(&["endpoints"]));
    for operation in
        ["DescribeDBProxyEndpoints", "DescribeDBSubnetGroups", "DescribeCacheSubnetGroups"]
    {
        assert_eq!(env.emulator.call_count(operation), 0, "{operation}");
    }
    assert_eq!(env.emulator.call_count("DescribeSubnets"), 0);
}

#[test]
fn a_vpc_that_may_not_be_read_is_unknown_and_named() {
    let env = TestEnv::with(|builder| {
        builder
            .database(database(DatabaseKind::Cluster, "aurora", "aurora-mysql", 3306))
            .deny("rds:DescribeDBSubnetGroups")
    });
    let document: Value =
        serde_json::from_str(&ok(env.run(&["endpoints", "--json"])).stdout).unwrap();
    assert_eq!(document["endpoints"][0]["vpc"], Value::Null);
    assert!(document["failures"].to_string().contains("rds:DescribeDBSubnetGroups"), "{document}");
}

#[test]
fn when_nothing_may_be_read_it_is_a_failure() {
    let actions = [
        "rds:DescribeDBInstances",
        "rds:DescribeDBClusters",
        "rds:DescribeDBProxies",
        "elasticache:DescribeReplicationGroups",
        "elasticache:DescribeServerlessCaches",
        "elasticache:DescribeCacheClusters",
        "ec2:DescribeVpcEndpoints",
    ];
    let env = TestEnv::with(|builder| actions.iter().fold(builder, |it, action| it.deny(action)));
    let finished = env.run(&["endpoints"]);
    finished.fails_with(5, &actions);
}
