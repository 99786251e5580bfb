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
        "proxy.internal:5432 rds-proxy - postgres",
        "sharded.internal:6379 elasticache configuration redis",
    ];
    assert_eq!(rows, expected.map(str::to_owned).into());
    assert!(document["failures"].as_array().unwrap().is_empty());
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
