//! The endpoints of one place: databases, caches and interface endpoints.

use std::collections::{BTreeSet, HashMap};

use ssmpf_schema::EndpointRecord;

use super::Findings;
use crate::aws::elasticache::{ElastiCache, Groups};
use crate::aws::rds::{Endpoint, Rds};
use crate::aws::vpc::Vpc;
use crate::aws::{AwsContext, AwsFailure};
use crate::model::{Kind, Port};

/// Returns what can be a destination in the region of `context`.
pub async fn in_place(context: &AwsContext) -> Findings<EndpointRecord> {
    // First of all, so that seven calls do not ask for the same sign-in.
    if let Err(failure) = context.credentials().await {
        return Findings { records: Vec::new(), failures: vec![failure], is_dark: true };
    }
    let clients = Clients {
        rds: Rds::new(context),
        caches: ElastiCache::new(context),
        vpc: Vpc::new(context),
    };
    let Clients { rds, caches, vpc } = &clients;
    let (instances, clusters, proxies, groups, serverless, nodes, interfaces) = tokio::join!(
        rds.instances(),
        rds.clusters(),
        rds.proxies(),
        caches.replication_groups(),
        caches.serverless(),
        caches.clusters(),
        vpc.interface_endpoints(),
    );
    let mut read = Read { failures: Vec::new(), is_dark: true };
    let mut databases = read.taken(instances);
    databases.extend(read.taken(clusters));
    let mut proxies = read.taken(proxies);
    let mut in_caches = read.taken(groups);
    let (nodes, members) = read.taken(nodes);
    place_groups(&mut in_caches, &members);
    in_caches.extend(nodes);
    in_caches.extend(read.taken(serverless));
    let interfaces = read.taken(interfaces);

    let is_dark = read.is_dark;
    let more = clients.second_round(&databases, &proxies, &in_caches).await;
    let (more_proxies, database_groups, cache_groups, subnets) = more;
    proxies.extend(read.taken(more_proxies));
    let database_groups = read.taken(database_groups);
    let cache_groups = read.taken(cache_groups);
    let subnets = read.taken(subnets);
    for it in &mut databases {
        it.vpc = it.vpc.take().or_else(|| database_groups.get(it.subnet_group.as_ref()?).cloned());
    }
    for it in &mut in_caches {
        let in_group = || cache_groups.get(it.subnet_group.as_ref()?).cloned();
        let of_subnet = || subnets.get(it.subnet.as_ref()?).cloned();
        it.vpc = it.vpc.clone().or_else(in_group).or_else(of_subnet);
    }
    let all = databases.into_iter().chain(proxies).chain(in_caches).chain(interfaces);
    let records = all.map(|endpoint| record(endpoint, context)).collect();
    Findings { records, failures: read.failures, is_dark }
}

/// What was read, and what could not be.
struct Read {
    failures: Vec<AwsFailure>,
    is_dark: bool,
}

impl Read {
    fn taken<T: Default>(&mut self, answer: Result<T, AwsFailure>) -> T {
        match answer {
            Ok(value) => {
                self.is_dark = false;
                value
            }
            Err(failure) => {
                self.failures.push(failure);
                T::default()
            }
        }
    }
}

struct Clients {
    rds: Rds,
    caches: ElastiCache,
    vpc: Vpc,
}

type Vpcs = HashMap<String, String>;

impl Clients {
    /// Asks for what the first answers only name. What nobody needs is not asked for.
    async fn second_round(
        &self,
        databases: &[Endpoint],
        proxies: &[Endpoint],
        caches: &[Endpoint],
    ) -> (
        Result<Vec<Endpoint>, AwsFailure>,
        Result<Vpcs, AwsFailure>,
        Result<Vpcs, AwsFailure>,
        Result<Vpcs, AwsFailure>,
    ) {
        let in_groups = |endpoints: &[Endpoint]| {
            endpoints.iter().any(|it| it.vpc.is_none() && it.subnet_group.is_some())
        };
        let subnets: BTreeSet<&str> = caches.iter().filter_map(|it| it.subnet.as_deref()).collect();
        let subnets: Vec<&str> = subnets.into_iter().collect();
        tokio::join!(
            async {
                match proxies {
                    [] => Ok(Vec::new()),
                    proxies => self.rds.proxy_endpoints(proxies).await,
                }
            },
            async {
                match in_groups(databases) {
                    true => self.rds.subnet_groups().await,
                    false => Ok(Vpcs::new()),
                }
            },
            async {
                match in_groups(caches) {
                    true => self.caches.subnet_groups().await,
                    false => Ok(Vpcs::new()),
                }
            },
            async {
                match &subnets[..] {
                    [] => Ok(Vpcs::new()),
                    subnets => self.vpc.vpcs_of(subnets).await,
                }
            },
        )
    }
}

/// Puts replication groups where their nodes are.
fn place_groups(endpoints: &mut [Endpoint], members: &Groups) {
    for it in endpoints {
        it.subnet_group = members.get(&it.name).cloned();
    }
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
