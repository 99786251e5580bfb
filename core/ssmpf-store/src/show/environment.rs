//! Variables that clients read.

use ssmpf_model::{Auth, Connection, ConnectionName, Kind};

use super::client::{database, local_host, uri, user};

/// Returns the environment in which clients find the local end of a connection.
///
/// `SSMPF_<NAME>_HOST`, `_PORT` and `_URL` always; besides, what clients of its kind read by
/// themselves. Secrets are not among them.
pub fn environment(name: &ConnectionName, connection: &Connection) -> Vec<(String, String)> {
    let prefix = prefix(name);
    let (host, port) = (local_host(connection), connection.local_port.to_string());
    let mut variables = vec![
        (format!("{prefix}_HOST"), host.clone()),
        (format!("{prefix}_PORT"), port.clone()),
        (format!("{prefix}_URL"), uri(connection)),
    ];
    let mut set = |name: &str, value: String| variables.push((name.to_owned(), value));
    match connection.kind {
        Kind::Postgres | Kind::Redshift => {
            // The true name, so that certificates fit, at the local address.
            match &connection.destination.host {
                Some(true_host) => {
                    set("PGHOST", true_host.to_string());
                    set("PGHOSTADDR", host);
                }
                None => set("PGHOST", host),
            }
            set("PGPORT", port);
            if let Some(user) = user(connection) {
                set("PGUSER", user.to_owned());
            }
            if let Some(database) = database(connection) {
                set("PGDATABASE", database.to_owned());
            }
            let iam = connection.database.as_ref().is_some_and(|known| known.auth == Auth::Iam);
            if iam {
                // RDS takes IAM tokens over TLS only.
                set("PGSSLMODE", "require".to_owned());
            }
        }
        Kind::Mysql | Kind::Mariadb => {
            set("MYSQL_HOST", host);
            set("MYSQL_TCP_PORT", port);
        }
        Kind::Redis => set("REDIS_URL", uri(connection)),
        Kind::Mongodb => set("MONGODB_URI", uri(connection)),
        Kind::Amqp => set("AMQP_URL", uri(connection)),
        Kind::Mssql => set("SQLCMDSERVER", format!("{host},{port}")),
        _ => {}
    }
    variables
}

/// Returns the beginning of the variables' names: capital letters, digits and `_`.
fn prefix(name: &ConnectionName) -> String {
    let upper = |c: char| match c.is_ascii_alphanumeric() {
        true => c.to_ascii_uppercase(),
        false => '_',
    };
    format!("SSMPF_{}", name.as_str().chars().map(upper).collect::<String>())
}
