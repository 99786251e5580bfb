//! Clients' words: URIs and JDBC URLs of the local end.

use std::net::IpAddr;

use ssmpf_model::{BindAddress, Connection, InvalidInput, Kind};

/// Returns the address that clients on this machine connect to.
pub(super) fn local_host(connection: &Connection) -> String {
    match connection.bind {
        BindAddress::Loopback | BindAddress::All => "127.0.0.1".to_owned(),
        BindAddress::Address(address) if address.is_unspecified() => match address {
            IpAddr::V4(_) => "127.0.0.1".to_owned(),
            IpAddr::V6(_) => "::1".to_owned(),
        },
        BindAddress::Address(address) => address.to_string(),
    }
}

/// Returns `host:port` of the local end.
fn local_address(connection: &Connection) -> String {
    let host = local_host(connection);
    match host.contains(':') {
        true => format!("[{host}]:{}", connection.local_port),
        false => format!("{host}:{}", connection.local_port),
    }
}

/// Returns a URI of the local end. It never holds a password.
pub fn uri(connection: &Connection) -> String {
    let scheme = match &connection.kind {
        Kind::Postgres | Kind::Redshift => "postgresql",
        Kind::Mysql | Kind::Mariadb => "mysql",
        Kind::Redis if is_encrypted_cache(connection) => "rediss",
        Kind::Redis => "redis",
        Kind::Mongodb => "mongodb",
        Kind::Mssql => "sqlserver",
        Kind::Oracle => "oracle",
        Kind::Clickhouse | Kind::Http => "http",
        Kind::Https | Kind::Opensearch | Kind::Kubernetes => "https",
        Kind::Amqp if connection.destination.port.number() == 5672 => "amqp",
        Kind::Amqp => "amqps",
        Kind::Ssh => "ssh",
        Kind::Rdp => "rdp",
        Kind::Vnc => "vnc",
        Kind::Ldap => "ldap",
        Kind::Memcached | Kind::Cassandra | Kind::Kafka | Kind::Tcp | Kind::Other(_) => "tcp",
    };
    let user = user(connection).map(|user| format!("{}@", encoded(user))).unwrap_or_default();
    let database = database(connection).map(encoded);
    let path = database.map(|name| format!("/{name}")).unwrap_or_default();
    let extra = match connection.kind {
        // The other members of a replica set are not reachable under the names they announce.
        Kind::Mongodb if path.is_empty() => "/?directConnection=true",
        Kind::Mongodb => "?directConnection=true",
        _ => "",
    };
    format!("{scheme}://{user}{}{path}{extra}", local_address(connection))
}

/// Returns a JDBC URL of the local end. It never holds a password.
pub fn jdbc(connection: &Connection) -> Result<String, InvalidInput> {
    let address = local_address(connection);
    let name = database(connection).unwrap_or_default();
    let with_user = |separator: char, name: &str| match user(connection) {
        Some(user) => format!("{separator}{name}={}", encoded(user)),
        None => String::new(),
    };
    let usual = |driver: &str| {
        format!("jdbc:{driver}://{address}/{}{}", encoded(name), with_user('?', "user"))
    };
    Ok(match &connection.kind {
        Kind::Postgres => usual("postgresql"),
        Kind::Mysql => usual("mysql"),
        Kind::Mariadb => usual("mariadb"),
        Kind::Redshift => usual("redshift"),
        Kind::Clickhouse => usual("clickhouse"),
        Kind::Oracle => format!("jdbc:oracle:thin:@//{address}/{name}"),
        Kind::Mssql => {
            let mut url = format!("jdbc:sqlserver://{address};encrypt=true");
            if let Some(host) = &connection.destination.host {
                // So that the certificate is checked for the name it is made for.
                url.push_str(&format!(";hostNameInCertificate={host}"));
            }
            if let Some(name) = database(connection) {
                url.push_str(&format!(";databaseName={{{}}}", name.replace('}', "}}")));
            }
            if let Some(user) = user(connection) {
                url.push_str(&format!(";user={{{}}}", user.replace('}', "}}")));
            }
            url
        }
        other => {
            return Err(InvalidInput::new(
                format!("there is no JDBC URL for a connection of kind {other}"),
                "set the kind of the database with `ssmpf edit NAME --kind …`, or use `--as uri`",
            ));
        }
    })
}

pub(super) fn user(connection: &Connection) -> Option<&str> {
    connection.database.as_ref()?.user.as_deref()
}

pub(super) fn database(connection: &Connection) -> Option<&str> {
    connection.database.as_ref()?.name.as_deref()
}

/// Returns whether the host is named the way ElastiCache names caches with encryption in transit.
fn is_encrypted_cache(connection: &Connection) -> bool {
    let host = connection.destination.host.as_ref().map(|host| host.as_str());
    host.is_some_and(|host| {
        host.contains(".cache.amazonaws.com")
            && (host.starts_with("master.") || host.starts_with("clustercfg."))
    })
}

/// Percent-encodes what a URI keeps for itself [RFC 3986: unreserved].
fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => encoded.push(char::from(byte)),
            false => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
