//! The configuration of basti: `.basti.yaml`.
//!
//! basti finds its bastion by itself, and asks AWS where a named database is. The file has neither,
//! so a target has to be given, and connections to resources by id are left.

use std::collections::BTreeMap;

use serde::Deserialize;
use ssmpf_model::{Connection, Destination, InvalidInput, Port, TargetSpec, Timestamp};

use super::{Draft, Left, Reading};

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    connections: BTreeMap<String, BastiConnection>,
    #[serde(default)]
    targets: BTreeMap<String, BastiTarget>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BastiConnection {
    target: NamedOrInline,
    local_port: Option<u16>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum NamedOrInline {
    Named(String),
    Inline(Box<BastiTarget>),
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct BastiTarget {
    rds_instance: Option<String>,
    rds_cluster: Option<String>,
    elasticache_redis_cluster: Option<String>,
    elasticache_redis_node: Option<String>,
    elasticache_memcached_cluster: Option<String>,
    elasticache_memcached_node: Option<String>,
    custom_target_host: Option<String>,
    custom_target_port: Option<u16>,
    aws_profile: Option<String>,
    aws_region: Option<String>,
}

impl BastiTarget {
    /// Returns what AWS calls the thing, if it is named by an id of AWS.
    fn resource(&self) -> Option<(&'static str, &str)> {
        [
            ("RDS instance", &self.rds_instance),
            ("RDS cluster", &self.rds_cluster),
            ("ElastiCache cluster", &self.elasticache_redis_cluster),
            ("ElastiCache node", &self.elasticache_redis_node),
            ("ElastiCache cluster", &self.elasticache_memcached_cluster),
            ("ElastiCache node", &self.elasticache_memcached_node),
        ]
        .into_iter()
        .find_map(|(what, id)| Some((what, id.as_deref()?)))
    }
}

/// Reads the file. `bastion` is the node to go through.
pub fn read(
    text: &str,
    bastion: Option<&TargetSpec>,
    now: Timestamp,
) -> Result<Reading, InvalidInput> {
    let config: Config = serde_saphyr::from_str(text).map_err(|error| {
        let first = error.to_string();
        let first = first.lines().next().unwrap_or_default().to_owned();
        InvalidInput::new(
            format!("this is not a configuration of basti: {first}"),
            "give the file `.basti.yaml`",
        )
    })?;
    let mut reading = Reading::default();
    for (name, connection) in &config.connections {
        let target = match &connection.target {
            NamedOrInline::Inline(target) => Some(target.as_ref()),
            NamedOrInline::Named(name) => config.targets.get(name),
        };
        let draft = match target {
            Some(target) => draft(name, connection.local_port, target, bastion, now),
            None => Err("it names a target that is not in the file".to_owned()),
        };
        match draft {
            Ok(draft) => reading.drafts.push(draft),
            Err(why) => reading.left.push(Left::new(name, why)),
        }
    }
    Ok(reading)
}

fn draft(
    name: &str,
    local_port: Option<u16>,
    target: &BastiTarget,
    bastion: Option<&TargetSpec>,
    now: Timestamp,
) -> Result<Draft, String> {
    if let Some((what, id)) = target.resource() {
        return Err(format!(
            "it names the {what} `{id}`, whose address is not in the file; `ssmpf endpoints` finds it"
        ));
    }
    let bastion = bastion.ok_or("basti finds its bastion by itself; say which with `--target`")?;
    let sentence = |error: InvalidInput| error.message;
    let host = target.custom_target_host.as_deref().ok_or("it names no host")?;
    let host = host.parse().map_err(sentence)?;
    let port = target.custom_target_port.and_then(Port::new).ok_or("it names no port")?;
    let local_port = local_port.and_then(Port::new);
    let destination = Destination { host: Some(host), port };
    let mut connection =
        Connection::new(bastion.clone(), destination, local_port.unwrap_or(port), now);
    connection.profile =
        target.aws_profile.as_deref().map(str::parse).transpose().map_err(sentence)?;
    connection.region =
        target.aws_region.as_deref().map(str::parse).transpose().map_err(sentence)?;
    Ok(Draft { name: name.to_owned(), local_port, connection })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
connections:
  database-dev:
    target:
      rdsInstance: my-dev-database
      awsProfile: dev
    localPort: 5432
  custom-target-local:
    target: custom-target
    localPort: 4646
  lost:
    target: nowhere
targets:
  custom-target:
    customTargetVpc: vpc-1234567890
    customTargetHost: 10.0.1.1
    customTargetPort: 4646
    awsProfile: prod
    awsRegion: us-east-1
";

    #[test]
    fn custom_targets_become_connections_through_the_given_bastion() {
        let bastion = "tag:Role=bastion".parse().expect("a target");
        let reading = read(FILE, Some(&bastion), Timestamp::UNIX_EPOCH).expect("it parses");
        assert_eq!(reading.drafts.len(), 1);
        let draft = &reading.drafts[0];
        assert_eq!(draft.name, "custom-target-local");
        assert_eq!(draft.local_port, Port::new(4646));
        assert_eq!(draft.connection.destination.to_string(), "10.0.1.1:4646");
        assert_eq!(draft.connection.region.as_ref().map(|r| r.as_str()), Some("us-east-1"));
        let left: Vec<&str> = reading.left.iter().map(|left| left.name.as_str()).collect();
        assert_eq!(left, ["database-dev", "lost"]);
        assert!(reading.left[0].why.contains("RDS instance `my-dev-database`"));
    }

    #[test]
    fn without_a_bastion_they_are_left_with_the_way_out() {
        let reading = read(FILE, None, Timestamp::UNIX_EPOCH).expect("it parses");
        assert_eq!(reading.drafts, []);
        assert!(reading.left.iter().any(|left| left.why.contains("--target")));
    }

    #[test]
    fn json_is_yaml_and_something_else_is_not() {
        let json = r#"{"connections":{"a":{"target":{"rdsCluster":"x"}}}}"#;
        assert_eq!(read(json, None, Timestamp::UNIX_EPOCH).expect("it parses").left.len(), 1);
        for text in ["connections: [", "- a\n- b", "connections:\n  a: 7"] {
            assert!(read(text, None, Timestamp::UNIX_EPOCH).is_err(), "{text}");
        }
    }
}
