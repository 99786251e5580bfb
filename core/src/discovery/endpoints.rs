//! The endpoints of one place: databases and caches.

use ssmpf_schema::EndpointRecord;

use super::Findings;
use crate::aws::AwsContext;
use crate::aws::elasticache::ElastiCache;
use crate::aws::rds::{Endpoint, Rds};
use crate::model::{Kind, Port};

/// Returns what can be a destination in the region of `context`.
pub async fn in_place(context: &AwsContext) -> Findings<EndpointRecord> {
    // First of all, so that six calls do not ask for the same sign-in.
    if let Err(failure) = context.credentials().await {
        return Findings { records: Vec::new(), failures: vec![failure], is_dark: true };
    }
    let (rds, caches) = (Rds::new(context), ElastiCache::new(context));
    let (instances, clusters, proxies, groups, serverless, nodes) = tokio::join!(
        rds.instances(),
        rds.clusters(),
        rds.proxies(),
        caches.replication_groups(),
        caches.serverless(),
        caches.clusters(),
    );
    let mut findings = Findings { records: Vec::new(), failures: Vec::new(), is_dark: true };
    for answer in [instances, clusters, proxies, groups, serverless, nodes] {
        match answer {
            Ok(endpoints) => {
                findings.is_dark = false;
                let records = endpoints.into_iter().map(|endpoint| record(endpoint, context));
                findings.records.extend(records);
            }
            Err(failure) => findings.failures.push(failure),
        }
    }
    findings
}

fn record(it: Endpoint, context: &AwsContext) -> EndpointRecord {
    EndpointRecord {
        resource: it.kind.to_owned(),
        kind: kind(&it).as_str().to_owned(),
        name: it.name,
        role: it.role.map(str::to_owned),
        host: it.host,
        port: it.port,
        engine: it.engine,
        vpc: it.vpc,
        status: it.status,
        iam_auth: it.iam_auth,
        tls: it.tls,
        cluster_mode: it.cluster_mode,
        profile: context.profile().map(str::to_owned),
        region: context.region().to_owned(),
    }
}

/// Returns what listens there: by the engine, else by the port.
fn kind(it: &Endpoint) -> Kind {
    let engine = it.engine.as_deref().unwrap_or_default();
    let starts = |words: &[&str]| words.iter().any(|word| engine.starts_with(word));
    if starts(&["aurora-postgresql", "postgres"]) {
        Kind::Postgres
    } else if starts(&["aurora-mysql", "mysql"]) || engine == "aurora" {
        Kind::Mysql
    } else if starts(&["mariadb"]) {
        Kind::Mariadb
    } else if starts(&["oracle", "custom-oracle"]) {
        Kind::Oracle
    } else if starts(&["sqlserver", "custom-sqlserver"]) {
        Kind::Mssql
    } else if starts(&["docdb"]) {
        Kind::Mongodb
    } else if starts(&["neptune"]) {
        Kind::Https
    } else if starts(&["redis", "valkey"]) {
        Kind::Redis
    } else if starts(&["memcached"]) {
        Kind::Memcached
    } else {
        Port::new(it.port).map(|port| Kind::guess(Some(&it.host), port)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engines_lead_to_the_kind_that_clients_need() {
        let of = |engine: &str| {
            let engine = Some(engine.to_owned());
            kind(&Endpoint { engine, port: 1, ..Endpoint::default() })
        };
        for (engine, kind) in [
            ("aurora-postgresql", Kind::Postgres),
            ("mysql", Kind::Mysql),
            ("sqlserver-ex", Kind::Mssql),
            ("oracle-se2-cdb", Kind::Oracle),
            ("docdb", Kind::Mongodb),
            ("valkey", Kind::Redis),
            ("db2-se", Kind::Tcp),
        ] {
            assert_eq!(of(engine), kind, "{engine}");
        }
    }
}
