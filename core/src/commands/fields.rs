//! What `add` and `edit` set: every field of a connection that has a flag.

use crate::model::{
    Auth, BindAddress, Connection, ConnectionName, Database, Destination, DocumentName, Host,
    InvalidInput, Kind, LocalPort, Port, ProfileName, Region, Seconds, SessionDocument, Sessions,
    Tag, TargetSpec,
};
use ssmpf_store::Contents;

/// What happens to a field that may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Change<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It becomes absent.
    Clear,
    /// It takes this value.
    Set(T),
}

impl<T: Clone> Change<T> {
    /// Returns the value that is set, if one is.
    pub fn value(&self) -> Option<&T> {
        match self {
            Change::Set(value) => Some(value),
            _ => None,
        }
    }

    /// Returns whether it stays as it is.
    pub fn is_keep(&self) -> bool {
        matches!(self, Change::Keep)
    }

    fn apply(&self, field: &mut Option<T>) {
        match self {
            Change::Keep => {}
            Change::Clear => *field = None,
            Change::Set(value) => *field = Some(value.clone()),
        }
    }
}

/// The fields to set; a default changes nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields {
    /// A line for people.
    pub description: Change<String>,
    /// Tags to add.
    pub tags: Vec<Tag>,
    /// Tags to take away.
    pub untag: Vec<Tag>,
    /// The AWS profile.
    pub profile: Change<ProfileName>,
    /// The region.
    pub region: Change<Region>,
    /// How the node is found.
    pub target: Option<TargetSpec>,
    /// The host that the agent dials.
    pub host: Change<Host>,
    /// The port that the agent dials.
    pub port: Option<Port>,
    /// What listens there.
    pub kind: Option<Kind>,
    /// The port here.
    pub local_port: Option<LocalPort>,
    /// The address here.
    pub bind: Option<BindAddress>,
    /// The SSM document.
    pub document: Change<DocumentName>,
    /// The reason for CloudTrail.
    pub reason: Change<String>,
    /// Start a session at the first client.
    pub lazy: Option<bool>,
    /// When a lazy session ends.
    pub idle_timeout: Change<Seconds>,
    /// When the forward closes itself.
    pub max_age: Change<Seconds>,
    /// Ask before opening.
    pub guard: Option<bool>,
    /// Keep idle sessions open.
    pub keep_alive: Option<bool>,
    /// How many sessions.
    pub sessions: Option<Sessions>,
    /// The database user.
    pub db_user: Change<String>,
    /// The database.
    pub db_name: Change<String>,
    /// How the database user signs in.
    pub auth: Option<Auth>,
}

impl Fields {
    /// Returns whether nothing would change.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Returns the port to dial: the one given, else the usual one of the kind.
    pub fn port(&self) -> Option<Port> {
        self.port.or_else(|| self.kind.as_ref().and_then(Kind::default_port))
    }

    /// Sets the fields of a connection called `name` in `contents`.
    ///
    /// # Errors
    ///
    /// When the document cannot reach the destination.
    pub fn apply(
        &self,
        name: &ConnectionName,
        connection: &mut Connection,
        contents: &Contents,
    ) -> Result<(), InvalidInput> {
        self.apply_destination(connection);
        self.description.apply(&mut connection.description);
        connection.tags.extend(self.tags.iter().cloned());
        for tag in &self.untag {
            connection.tags.remove(tag);
        }
        self.profile.apply(&mut connection.profile);
        self.region.apply(&mut connection.region);
        if let Some(target) = &self.target {
            connection.target = target.clone();
        }
        match self.local_port {
            None => {}
            Some(LocalPort::Fixed(port)) => connection.local_port = port,
            Some(LocalPort::Auto) => connection.local_port = contents.free_port(name),
        }
        set(&mut connection.bind, self.bind);
        self.document.apply(&mut connection.document);
        self.reason.apply(&mut connection.reason);
        set(&mut connection.lazy, self.lazy);
        self.idle_timeout.apply(&mut connection.idle_timeout);
        self.max_age.apply(&mut connection.max_age);
        set(&mut connection.guard, self.guard);
        set(&mut connection.keep_alive, self.keep_alive);
        set(&mut connection.sessions, self.sessions);
        self.apply_database(connection);
        let document = connection.document.as_ref();
        SessionDocument::for_destination(&connection.destination, document).map(|_| ())
    }

    fn apply_destination(&self, connection: &mut Connection) {
        let guess = |destination: &Destination| {
            let host = destination.host.as_ref().map(Host::as_str);
            Kind::guess(host, destination.port)
        };
        // A kind that was guessed is guessed again; one that was chosen stays.
        let guessed = connection.kind == guess(&connection.destination);
        self.host.apply(&mut connection.destination.host);
        if let Some(port) = self.port {
            connection.destination.port = port;
        }
        match &self.kind {
            Some(kind) => connection.kind = kind.clone(),
            None if guessed => connection.kind = guess(&connection.destination),
            None => {}
        }
    }

    fn apply_database(&self, connection: &mut Connection) {
        let untouched = self.db_user.is_keep() && self.db_name.is_keep() && self.auth.is_none();
        if untouched {
            return;
        }
        let mut database = connection.database.take().unwrap_or_default();
        self.db_user.apply(&mut database.user);
        self.db_name.apply(&mut database.name);
        set(&mut database.auth, self.auth);
        connection.database = Some(database).filter(|database| *database != Database::default());
    }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn connection() -> (ConnectionName, Connection) {
        let destination = Destination {
            host: Some("db.internal".parse().expect("a host")),
            port: Port::new(5432).expect("not 0"),
        };
        let target = "bastion".parse().expect("a target");
        let port = Port::new(20_001).expect("not 0");
        let connection = Connection::new(target, destination, port, Timestamp::UNIX_EPOCH);
        ("db".parse().expect("a name"), connection)
    }

    fn changed(fields: &Fields) -> Connection {
        let (name, mut connection) = connection();
        fields.apply(&name, &mut connection, &Contents::default()).expect("it fits");
        connection
    }

    #[test]
    fn nothing_given_changes_nothing() {
        assert_eq!(changed(&Fields::default()), connection().1);
        assert!(Fields::default().is_empty());
    }

    #[test]
    fn a_guessed_kind_follows_the_port_and_a_chosen_one_stays() {
        let port = Port::new(6379);
        assert_eq!(changed(&Fields { port, ..Fields::default() }).kind, Kind::Redis);
        let (name, mut connection) = connection();
        connection.kind = Kind::Tcp;
        let fields = Fields { port, ..Fields::default() };
        fields.apply(&name, &mut connection, &Contents::default()).expect("it fits");
        assert_eq!(connection.kind, Kind::Tcp);
    }

    #[test]
    fn a_kind_brings_its_port() {
        let fields = Fields { kind: Some(Kind::Mysql), ..Fields::default() };
        assert_eq!(fields.port(), Port::new(3306));
    }

    #[test]
    fn a_database_without_anything_said_about_it_is_none() {
        let fields = Fields { db_user: Change::Clear, ..Fields::default() };
        assert_eq!(changed(&fields).database, None);
        let fields = Fields { auth: Some(Auth::Iam), ..Fields::default() };
        assert_eq!(changed(&fields).database.map(|database| database.auth), Some(Auth::Iam));
    }

    #[test]
    fn a_document_that_cannot_reach_the_destination_is_refused() {
        let (name, mut connection) = connection();
        let document = Change::Set("AWS-StartPortForwardingSession".parse().expect("a name"));
        let fields = Fields { document, ..Fields::default() };
        assert!(fields.apply(&name, &mut connection, &Contents::default()).is_err());
    }
}
