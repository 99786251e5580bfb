//! RDS: instances, clusters, proxies with their endpoints, and the one subnet group there is.

use super::ec2::VPC;
use super::query::{Form, element, wrap};
use super::{ApiError, page};
use crate::fleet::{Database, DatabaseKind};
use crate::state::State;

/// The group that every database and cache is in.
pub(super) const SUBNET_GROUP: &str = "private";

/// Answers an action.
pub(super) fn dispatch(
    action: &str,
    form: &Form,
    region: &str,
    state: &State,
) -> Result<String, ApiError> {
    if action == "DescribeDBSubnetGroups" {
        let group = element("DBSubnetGroupName", SUBNET_GROUP) + &element("VpcId", VPC);
        return Ok(wrap("DBSubnetGroups", &wrap("DBSubnetGroup", &group)));
    }
    let (kind, list, write): (_, _, fn(&Database) -> String) = match action {
        "DescribeDBInstances" => (DatabaseKind::Instance, "DBInstances", instance),
        "DescribeDBClusters" => (DatabaseKind::Cluster, "DBClusters", cluster),
        "DescribeDBProxies" => (DatabaseKind::Proxy, "DBProxies", proxy),
        "DescribeDBProxyEndpoints" => (DatabaseKind::Proxy, "DBProxyEndpoints", proxy_endpoints),
        _ => {
            let text = format!("Could not find operation {action} for version 2014-10-31");
            return Err(ApiError::new("InvalidAction", text));
        }
    };
    let found = of_kinds(&[kind], region, state);
    let most = form.page_size("MaxRecords", 20..=100)?;
    let (entries, next) = page(found, most, form.get("Marker"))?;
    let entries: String = entries.iter().map(write).collect();
    Ok(wrap(list, &entries) + &next.map(|next| element("Marker", &next)).unwrap_or_default())
}

/// Returns what is listed in a Region.
pub(super) fn of_kinds(kinds: &[DatabaseKind], region: &str, state: &State) -> Vec<Database> {
    let fleet = state.fleet.read().unwrap_or_else(|broken| broken.into_inner());
    let here =
        |it: &&Database| kinds.contains(&it.kind) && fleet.is_in(it.region.as_deref(), region);
    fleet.databases.iter().filter(here).cloned().collect()
}

fn status(it: &Database) -> &'static str {
    if it.creating { "creating" } else { "available" }
}

fn instance(it: &Database) -> String {
    let port = it.port.to_string();
    let endpoint = element("Address", &it.host) + &element("Port", &port);
    let endpoint = if it.creating { String::new() } else { wrap("Endpoint", &endpoint) };
    let parts = [
        element("DBInstanceIdentifier", &it.id),
        element("Engine", &it.engine),
        element("DBInstanceStatus", status(it)),
        endpoint,
        wrap("DBSubnetGroup", &element("VpcId", VPC)),
        element("IAMDatabaseAuthenticationEnabled", "true"),
    ];
    wrap("DBInstance", &parts.concat())
}

fn cluster(it: &Database) -> String {
    let reader = it.reader.as_ref().map(|host| element("ReaderEndpoint", host));
    let parts = [
        element("DBClusterIdentifier", &it.id),
        element("Engine", &it.engine),
        element("Status", status(it)),
        element("DBSubnetGroup", SUBNET_GROUP),
        element("Endpoint", &it.host),
        reader.unwrap_or_default(),
        element("Port", &it.port.to_string()),
        element("IAMDatabaseAuthenticationEnabled", "false"),
    ];
    wrap("DBCluster", &parts.concat())
}

fn proxy(it: &Database) -> String {
    let auth = element("AuthScheme", "SECRETS") + &element("IAMAuth", "REQUIRED");
    let parts = [
        element("DBProxyName", &it.id),
        element("Status", status(it)),
        element("EngineFamily", &it.engine),
        element("VpcId", VPC),
        wrap("Auth", &wrap("member", &auth)),
        element("Endpoint", &it.host),
        element("RequireTLS", "true"),
    ];
    wrap("member", &parts.concat())
}

/// Writes the endpoint that the proxy has by itself, and the one for readers.
fn proxy_endpoints(it: &Database) -> String {
    let endpoint = |name: &str, host: &str, role: &str, default: &str| {
        let parts = [
            element("DBProxyEndpointName", name),
            element("DBProxyName", &it.id),
            element("Status", status(it)),
            element("VpcId", VPC),
            element("Endpoint", host),
            element("TargetRole", role),
            element("IsDefault", default),
        ];
        wrap("member", &parts.concat())
    };
    let own = endpoint(&it.id, &it.host, "READ_WRITE", "true");
    let reader = it.reader.as_ref().map(|host| endpoint("readers", host, "READ_ONLY", "false"));
    own + &reader.unwrap_or_default()
}
