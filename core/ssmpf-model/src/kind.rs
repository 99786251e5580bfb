//! What listens at a destination.

use std::fmt;
use std::str::FromStr;

use crate::{InvalidInput, Port, near};

/// What listens at the destination: gives default ports, the environment for clients, and the check
/// that says "it answers".
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// PostgreSQL, Aurora PostgreSQL.
    Postgres,
    /// MySQL, Aurora MySQL.
    Mysql,
    /// MariaDB.
    Mariadb,
    /// Redis, Valkey, ElastiCache.
    Redis,
    /// Memcached.
    Memcached,
    /// MongoDB, DocumentDB.
    Mongodb,
    /// Microsoft SQL Server.
    Mssql,
    /// Oracle Database.
    Oracle,
    /// Amazon Redshift.
    Redshift,
    /// Cassandra, Keyspaces.
    Cassandra,
    /// ClickHouse.
    Clickhouse,
    /// OpenSearch, Elasticsearch.
    Opensearch,
    /// Apache Kafka, MSK.
    Kafka,
    /// RabbitMQ, Amazon MQ: AMQP.
    Amqp,
    /// The API server of a Kubernetes cluster.
    Kubernetes,
    /// Plain HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// An SSH server.
    Ssh,
    /// Windows Remote Desktop.
    Rdp,
    /// A VNC server.
    Vnc,
    /// LDAP.
    Ldap,
    /// Anything that speaks TCP.
    #[default]
    Tcp,
    /// A word that a newer version stored. It is kept, and treated like `tcp`.
    Other(String),
}

/// Every kind, its word, and the ports it listens on, the default in front.
///
/// Default ports are those of the service registry (IANA) or the project's own documents; for the
/// managed services, what AWS sets up. Where two kinds share a port, the earlier one is the guess.
const KINDS: [(Kind, &str, &[u16]); 22] = [
    (Kind::Postgres, "postgres", &[5432, 5433, 6432]),
    (Kind::Mysql, "mysql", &[3306]),
    (Kind::Mariadb, "mariadb", &[3306]),
    (Kind::Redis, "redis", &[6379, 6380]),
    (Kind::Memcached, "memcached", &[11211]),
    (Kind::Mongodb, "mongodb", &[27017]),
    (Kind::Mssql, "mssql", &[1433]),
    (Kind::Oracle, "oracle", &[1521]),
    (Kind::Redshift, "redshift", &[5439]),
    (Kind::Cassandra, "cassandra", &[9042, 9142]),
    (Kind::Clickhouse, "clickhouse", &[8123]),
    (Kind::Https, "https", &[443, 8443]),
    (Kind::Opensearch, "opensearch", &[443, 9200]),
    (Kind::Kubernetes, "kubernetes", &[443, 6443]),
    (Kind::Kafka, "kafka", &[9092, 9094, 9096, 9098]),
    (Kind::Amqp, "amqp", &[5671, 5672]),
    (Kind::Http, "http", &[80, 8000, 8080, 3000]),
    (Kind::Ssh, "ssh", &[22]),
    (Kind::Rdp, "rdp", &[3389]),
    (Kind::Vnc, "vnc", &[5900]),
    (Kind::Ldap, "ldap", &[389]),
    (Kind::Tcp, "tcp", &[]),
];

/// Other words people use.
const ALIASES: [(&str, Kind); 10] = [
    ("postgresql", Kind::Postgres),
    ("pg", Kind::Postgres),
    ("valkey", Kind::Redis),
    ("mongo", Kind::Mongodb),
    ("documentdb", Kind::Mongodb),
    ("sqlserver", Kind::Mssql),
    ("elasticsearch", Kind::Opensearch),
    ("k8s", Kind::Kubernetes),
    ("eks", Kind::Kubernetes),
    ("rabbitmq", Kind::Amqp),
];

impl Kind {
    /// Returns every kind that can be chosen.
    pub fn all() -> impl Iterator<Item = &'static Kind> {
        KINDS.iter().map(|(kind, ..)| kind)
    }

    /// Returns the word for the kind.
    pub fn as_str(&self) -> &str {
        match self {
            Kind::Other(word) => word,
            known => known.known().unwrap_or("tcp"),
        }
    }

    /// Returns the word for the kind, unless only a newer version knows it.
    pub fn known(&self) -> Option<&'static str> {
        KINDS.iter().find(|(kind, ..)| kind == self).map(|(_, word, _)| *word)
    }

    /// Returns the port such a service listens on by default.
    pub fn default_port(&self) -> Option<Port> {
        let (_, _, ports) = KINDS.iter().find(|(kind, ..)| kind == self)?;
        ports.first().copied().and_then(Port::new)
    }

    /// Returns the kind that usually listens on `port`.
    pub fn usual_at(port: Port) -> Option<&'static Kind> {
        let (kind, ..) = KINDS.iter().find(|(_, _, ports)| ports.contains(&port.number()))?;
        Some(kind)
    }

    /// Guesses the kind from a destination: AWS's host names say more than the port.
    pub fn guess(host: Option<&str>, port: Port) -> Kind {
        let host = host.unwrap_or("").to_ascii_lowercase();
        let usual = Kind::usual_at(port).cloned().unwrap_or_default();
        if !host.contains(".amazonaws.com") {
            return usual;
        }
        let service = |label: &str| host.split('.').any(|part| part == label);
        if service("eks") {
            Kind::Kubernetes
        } else if service("es") || service("aoss") {
            Kind::Opensearch
        } else if service("cache") && usual != Kind::Memcached {
            Kind::Redis
        } else if service("docdb") {
            Kind::Mongodb
        } else {
            usual
        }
    }

    /// Reads a stored word, keeping one that only a newer version knows.
    pub(crate) fn stored(word: &str) -> Option<Kind> {
        let shaped = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if let Some((kind, ..)) = KINDS.iter().find(|(_, known, _)| *known == word) {
            return Some(kind.clone());
        }
        (!word.is_empty() && word.len() <= 64 && word.bytes().all(shaped))
            .then(|| Kind::Other(word.to_owned()))
    }
}

impl FromStr for Kind {
    type Err = InvalidInput;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let word = text.to_ascii_lowercase();
        if let Some((kind, ..)) = KINDS.iter().find(|(_, known, _)| *known == word) {
            return Ok(kind.clone());
        }
        if let Some((_, kind)) = ALIASES.iter().find(|(known, _)| *known == word) {
            return Ok(kind.clone());
        }
        let words = || KINDS.iter().map(|(_, word, _)| *word);
        let all = || words().collect::<Vec<_>>().join(", ");
        let hint = match near::closest(&word, words()) {
            Some(near) => format!("did you mean `{near}`? Known are: {}", all()),
            None => format!("known are: {}; `tcp` fits everything", all()),
        };
        Err(InvalidInput::new(format!("`{text}` is not a kind of connection"), hint))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(number: u16) -> Port {
        Port::new(number).expect("not 0")
    }

    #[test]
    fn every_kind_reads_back_from_its_word() {
        for kind in Kind::all() {
            assert_eq!(kind.as_str().parse().as_ref(), Ok(kind));
        }
        for (word, kind) in ALIASES {
            assert_eq!(word.parse(), Ok(kind), "{word}");
        }
        assert_eq!("PostgreSQL".parse(), Ok(Kind::Postgres));
    }

    #[test]
    fn a_mistyped_kind_is_refused_with_the_nearest() {
        let error = "postgers".parse::<Kind>().expect_err("mistyped");
        assert!(error.hint.contains("did you mean `postgres`?"), "{}", error.hint);
    }

    #[test]
    fn default_ports_lead_back_to_their_kind_or_to_one_that_shares_the_port() {
        for kind in Kind::all() {
            let Some(port) = kind.default_port() else { continue };
            let guess = Kind::usual_at(port).expect("known");
            assert_eq!(guess.default_port(), Some(port), "{kind}");
        }
    }

    #[test]
    fn host_names_of_aws_say_more_than_the_port() {
        for (host, number, kind) in [
            ("abc.gr7.eu-west-1.eks.amazonaws.com", 443, Kind::Kubernetes),
            ("vpc-logs-abc.eu-west-1.es.amazonaws.com", 443, Kind::Opensearch),
            ("master.cache-1.abc.euw1.cache.amazonaws.com", 6390, Kind::Redis),
            ("memo.abc.cfg.euw1.cache.amazonaws.com", 11211, Kind::Memcached),
            ("docs.cluster-abc.eu-west-1.docdb.amazonaws.com", 27017, Kind::Mongodb),
            ("orders.abc.eu-west-1.rds.amazonaws.com", 5432, Kind::Postgres),
            ("api.internal", 443, Kind::Https),
            ("api.internal", 12345, Kind::Tcp),
        ] {
            assert_eq!(Kind::guess(Some(host), port(number)), kind, "{host}");
        }
        assert_eq!(Kind::guess(None, port(22)), Kind::Ssh);
    }

    #[test]
    fn a_word_of_a_newer_version_is_kept() {
        assert_eq!(Kind::stored("neo4j"), Some(Kind::Other("neo4j".to_owned())));
        assert_eq!(Kind::stored("postgres"), Some(Kind::Postgres));
        assert_eq!(Kind::stored("not a word"), None);
    }
}
