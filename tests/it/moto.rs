//! The calls that find nodes and endpoints, answered by moto: so that we do not only agree with our
//! own emulator. Systems Manager, which moto has only in part, stays with the emulator.

use std::fs::File;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use ssmpf_emulator::Node;
use ssmpf_tests::{PATIENCE, TestEnv, process, servers};

/// What the account of moto has. Prints the ids of the instances as JSON.
const SEED: &str = r#"
import boto3, json, sys
def client(name):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name="eu-west-1",
        aws_access_key_id="x", aws_secret_access_key="x")
ec2 = client("ec2")
def run(count, **tags):
    spec = [{"ResourceType": "instance", "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]
    done = ec2.run_instances(ImageId="ami-12c6146b", MinCount=count, MaxCount=count,
        TagSpecifications=spec)
    return [it["InstanceId"] for it in done["Instances"]]
ids = {
    "bastion": run(1, Name="bastion", Role="jump")[0],
    "gone": run(1, Name="bastion")[0],
    "stopped": run(1, Name="stopped")[0],
    "star": run(1, Name="web-*")[0],
    "web": run(1, Name="web-1")[0],
    "many": run(300, Name="many"),
}
ec2.terminate_instances(InstanceIds=[ids["gone"]])
ec2.stop_instances(InstanceIds=[ids["stopped"]])
found = ec2.describe_instances(InstanceIds=[ids["web"]])["Reservations"][0]["Instances"][0]
ids["web_address"] = found["PrivateIpAddress"]
ids["web_dns"] = found["PrivateDnsName"]
rds = client("rds")
rds.create_db_instance(DBInstanceIdentifier="orders", DBInstanceClass="db.t3.micro",
    Engine="postgres", AllocatedStorage=10, MasterUsername="u", MasterUserPassword="password1")
subnets = [it["SubnetId"] for it in ec2.describe_subnets()["Subnets"]]
ids["vpc"] = ec2.describe_subnets()["Subnets"][0]["VpcId"]
rds.create_db_subnet_group(DBSubnetGroupName="private", DBSubnetGroupDescription="d",
    SubnetIds=subnets)
rds.create_db_cluster(DBClusterIdentifier="stock", Engine="aurora-mysql", MasterUsername="u",
    MasterUserPassword="password1", DBSubnetGroupName="private")
ids["endpoint"] = ec2.create_vpc_endpoint(VpcId=ids["vpc"], VpcEndpointType="Interface",
    ServiceName="com.amazonaws.eu-west-1.ssm", SubnetIds=subnets[:1])["VpcEndpoint"]["VpcEndpointId"]
rds.create_db_proxy(DBProxyName="pool", EngineFamily="POSTGRESQL",
    Auth=[{"AuthScheme": "SECRETS", "SecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s", "IAMAuth": "REQUIRED"}],
    RoleArn="arn:aws:iam::123456789012:role/r", VpcSubnetIds=subnets)
cache = client("elasticache")
cache.create_replication_group(ReplicationGroupId="hot", ReplicationGroupDescription="d",
    Engine="redis", CacheNodeType="cache.t3.micro", NumNodeGroups=1, Port=6379)
cache.create_cache_subnet_group(CacheSubnetGroupName="private", CacheSubnetGroupDescription="d",
    SubnetIds=subnets)
cache.create_cache_cluster(CacheClusterId="warm", Engine="memcached", NumCacheNodes=1,
    CacheNodeType="cache.t3.micro", CacheSubnetGroupName="private")
ecs = client("ecs")
ecs.create_cluster(clusterName="apps")
ecs.register_task_definition(family="api",
    containerDefinitions=[{"name": "api", "image": "x", "memory": 64}])
ecs.create_service(cluster="apps", serviceName="api", taskDefinition="api", desiredCount=0)
print(json.dumps(ids))
"#;

/// A Python that has boto3 and moto.
fn python() -> PathBuf {
    let chosen = std::env::var_os("SSMPF_TESTS_PYTHON").map(PathBuf::from);
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache");
    let python =
        chosen.unwrap_or_else(|| cache.unwrap_or_else(home).join("ssmpf/tests-python/bin/python"));
    assert!(python.exists(), "{} is missing; `tests/run` installs it", python.display());
    python
}

/// A server of moto with an account that has something.
struct Moto {
    server: Child,
    endpoint: String,
    ids: Value,
}

impl Moto {
    fn start(env: &TestEnv) -> Self {
        let port = servers::closed_port();
        let log = File::create(env.home().join("moto.log")).unwrap();
        let server = Command::new(python())
            .args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut moto = Self { server, endpoint, ids: Value::Null };
        let deadline = Instant::now() + 2 * PATIENCE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(Instant::now() < deadline, "moto does not start");
            std::thread::sleep(Duration::from_millis(50));
        }
        let mut seed = Command::new(python());
        seed.args(["-c", SEED, &moto.endpoint]).env("AWS_EC2_METADATA_DISABLED", "true");
        let seeded = process::run(seed);
        assert_eq!(seeded.code, Some(0), "{seeded:#?}");
        moto.ids = serde_json::from_str(&seeded.stdout).unwrap();
        moto
    }

    fn id(&self, name: &str) -> &str {
        self.ids[name].as_str().unwrap()
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// An environment in which all but Systems Manager is moto.
fn env() -> (TestEnv, Moto) {
    let mut env = TestEnv::new();
    let moto = Moto::start(&env);
    for service in ["EC2", "ECS", "RDS", "ELASTICACHE"] {
        env.set(&format!("AWS_ENDPOINT_URL_{service}"), &moto.endpoint);
    }
    let known = ["bastion", "star", "web"].map(|name| moto.id(name).to_owned());
    env.emulator.change_fleet(|fleet| fleet.nodes.extend(known.map(Node::new)));
    (env, moto)
}

#[track_caller]
fn json(env: &TestEnv, arguments: &[&str]) -> Value {
    let finished = env.run(arguments);
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    serde_json::from_str(&finished.stdout).unwrap()
}

#[test]
fn moto_names_instances_and_finds_them_by_every_form() {
    let (env, moto) = env();
    let document = json(&env, &["targets", "--all", "--json"]);
    let rows = document["targets"].as_array().unwrap();
    let row = |id: &str| {
        let found = rows.iter().find(|row| row["target"] == id);
        found.unwrap_or_else(|| panic!("{id} is missing"))
    };
    assert!(document["failures"].as_array().unwrap().is_empty(), "{document}");
    assert_eq!(row(moto.id("bastion"))["name"], "bastion");
    assert_eq!(row(moto.id("bastion"))["status"], "online");
    assert_eq!(row(moto.id("stopped"))["state"], "stopped");
    assert!(!rows.iter().any(|row| row["target"] == moto.id("gone")), "it is terminated");
    for id in moto.ids["many"].as_array().unwrap() {
        assert_eq!(row(id.as_str().unwrap())["status"], "not-managed");
    }

    for (target, id) in [
        ("bastion", moto.id("bastion")),
        ("tag:Role=jump", moto.id("bastion")),
        ("web-1", moto.id("web")),
        (moto.id("web_address"), moto.id("web")),
        (moto.id("web_dns"), moto.id("web")),
    ] {
        let tunnel = env.forward(&["--target", target, "--port", "80"]);
        assert_eq!(tunnel.wait_for("ready")["target"], id, "{target}");
        assert_eq!(tunnel.stop().code, Some(0));
    }
    let forward = |target| env.run(&["forward", "--target", target, "--port", "80"]);
    forward("stopped").fails_with(6, &["stopped"]);
    forward("bastoin").fails_with(3, &["there is bastion"]);
    forward("ecs:apps/api").fails_with(3, &["no task is running"]);
    forward("ecs:appz/api").fails_with(3, &["cluster `appz`", "apps"]);
    assert_eq!(env.emulator.call_count("DescribeInstances"), 0, "it was moto");
}

#[test]
fn moto_lists_databases_and_caches() {
    let (env, moto) = env();
    let document = json(&env, &["endpoints", "--json"]);
    let rows = document["endpoints"].as_array().unwrap();
    let row = |name: &str| {
        let found = rows.iter().find(|row| row["name"] == name);
        found.unwrap_or_else(|| panic!("{name} is missing: {document}"))
    };
    let orders = row("orders");
    assert_eq!((&orders["type"], &orders["kind"]), (&"rds-instance".into(), &"postgres".into()));
    assert_eq!(orders["port"], 5432);
    assert!(orders["host"].as_str().unwrap().contains("rds.amazonaws.com"), "{orders}");
    assert_eq!(row("stock")["kind"], "mysql");
    let pool = row("pool");
    assert_eq!((&pool["port"], &pool["iam_auth"]), (&5432.into(), &true.into()));
    assert_eq!(row("hot")["kind"], "redis");
    assert_eq!(env.emulator.call_count("DescribeDBInstances"), 0, "it was moto");
    assert_eq!(row("stock")["vpc"], moto.id("vpc"), "by its subnet group");
    assert_eq!(row(moto.id("endpoint"))["type"], "vpc-endpoint");
    // moto knows neither serverless caches nor the endpoints of proxies: that is said, and hides
    // nothing else.
    let failures = document["failures"].to_string();
    for unknown in ["serverless", "endpoints of database proxies"] {
        assert!(failures.contains(unknown), "{failures}");
    }
    assert_eq!(document["failures"].as_array().unwrap().len(), 2, "{failures}");
}
