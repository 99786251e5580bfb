//! The fleet one gets without describing one.

use super::{Database, DatabaseKind, EcsService, EcsTask, Fleet, Node};
use crate::directory::{Portal, Role};

/// Name and port of the database that the built-in fleet knows.
pub(crate) const DATABASE: (&str, u16) = ("orders.cluster-abc.eu-west-1.rds.amazonaws.com", 5432);

/// Name and port of the web server that the built-in fleet knows.
pub(crate) const WEB: (&str, u16) = ("orders-api.internal", 80);

/// A device and the codes it shows; each is good once.
pub(crate) const MFA_DEVICE: (&str, [&str; 4]) =
    ("arn:aws:iam::123456789012:mfa/alice", ["111111", "222222", "333333", "444444"]);

/// Returns the built-in portal to sign in to.
pub(crate) fn portal() -> Portal {
    Portal::new("https://emulator.awsapps.com/start")
        .assigns("123456789012", "Developer")
        .assigns("210987654321", "ReadOnly")
}

/// Returns the built-in role, which wants a code of the device.
pub(crate) fn role() -> Role {
    Role::new("arn:aws:iam::123456789012:role/Admin").wants_mfa()
}

/// Returns the built-in nodes; the command line adds the servers behind the hosts.
pub(crate) fn fleet() -> Fleet {
    let mut fleet = Fleet::empty();
    fleet.nodes = vec![
        Node::new("i-0123456789abcdef0")
            .named("bastion")
            .address([10, 0, 1, 10])
            .tag("Name", "bastion")
            .tag("env", "prod"),
        Node::new("i-0fedcba9876543210")
            .named("web-1")
            .address([10, 0, 2, 21])
            .tag("Name", "web-1")
            .connection_lost(),
        Node::new("mi-0123456789abcdef0")
            .named("onprem-1")
            .address([192, 168, 7, 30])
            .agent("3.2.1041.0"),
        Node::new("i-00000000000000196")
            .named("old-agent")
            .address([10, 0, 1, 96])
            .tag("Name", "old-agent")
            .agent("3.0.196.0"),
    ];
    let task = |id: &str, digits: &str| EcsTask {
        id: id.into(),
        runtime_id: format!("{id}-{digits}"),
        ..EcsTask::default()
    };
    fleet.add_service(EcsService {
        cluster: "apps".into(),
        service: "api".into(),
        container: "api".into(),
        tasks: vec![
            task("0123456789abcdef0123456789abcdef", "0265927825"),
            task("fedcba9876543210fedcba9876543210", "1873610021"),
        ],
        ..EcsService::default()
    });
    fleet.databases = vec![
        Database {
            kind: DatabaseKind::Cluster,
            id: "orders".into(),
            engine: "aurora-postgresql".into(),
            host: DATABASE.0.into(),
            reader: Some("orders.cluster-ro-abc.eu-west-1.rds.amazonaws.com".into()),
            port: DATABASE.1,
            ..Database::default()
        },
        Database {
            kind: DatabaseKind::ReplicationGroup,
            id: "sessions".into(),
            engine: "valkey".into(),
            host: "master.sessions.abc.euw1.cache.amazonaws.com".into(),
            port: 6379,
            ..Database::default()
        },
    ];
    fleet
}
