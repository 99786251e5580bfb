//! Other programs' connections, and our own exports, into contents.
//!
//! A reader for each format turns text into a [`Reading`]: drafts of connections, and what could not
//! be taken with the reason. [`merge`] puts the drafts into contents and says what became of them.
//! Nothing here reads files or writes the store, so `--dry-run` is the same without the last step.

pub mod aws_cli;
pub mod basti;
pub mod fernet;
pub mod json;
pub mod ssh_config;

use ssmpf_model::{Connection, ConnectionName, Port, Timestamp};

use crate::contents::Contents;

/// A connection on its way in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What it is called where it comes from.
    pub name: String,
    /// The local port it had there; none means its own.
    pub local_port: Option<Port>,
    /// Everything else. The local port in it does not count.
    pub connection: Connection,
}

/// Something that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// What it is called where it comes from.
    pub name: String,
    /// Why it stayed there: half a sentence.
    pub why: String,
}

impl Left {
    fn new(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), why: why.into() }
    }
}

/// What a reader found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Connections.
    pub drafts: Vec<Draft>,
    /// What is no connection, or cannot be one.
    pub left: Vec<Left>,
}

/// What to do with a name that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Conflict {
    /// Take it under a name with a number behind. The default: nothing is lost.
    #[default]
    Rename,
    /// Leave it.
    Skip,
    /// Put it in the place of the one that is there.
    Replace,
}

/// What became of a reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Every connection that was taken, under its name here.
    pub taken: Vec<ConnectionName>,
    /// Those of them that have another name here: the name there, and the name here.
    pub renamed: Vec<(String, ConnectionName)>,
    /// Those of them that have another local port here: the port there, and the port here.
    pub moved: Vec<(ConnectionName, Port, Port)>,
    /// What was not taken.
    pub left: Vec<Left>,
}

/// Puts what was read into contents.
///
/// A connection that is there already, the same in everything but its times, is left.
pub fn merge(
    reading: Reading,
    contents: &mut Contents,
    conflict: Conflict,
    now: Timestamp,
) -> Summary {
    let mut summary = Summary { left: reading.left, ..Summary::default() };
    for draft in reading.drafts {
        let Some(mut name) = ConnectionName::resembling(&draft.name) else {
            summary.left.push(Left::new(draft.name, "no letter of its name can be kept"));
            continue;
        };
        let mut connection = draft.connection;
        if let Some(there) = contents.connections.get(&name) {
            let wanted = draft.local_port.unwrap_or(there.local_port);
            connection.local_port = wanted;
            if same(there, &connection) {
                summary.left.push(Left::new(draft.name, "it is there already"));
                continue;
            }
            match conflict {
                Conflict::Skip => {
                    let why = format!("there is another connection named `{name}`");
                    summary.left.push(Left::new(draft.name, why));
                    continue;
                }
                Conflict::Rename => {
                    name = name.numbered(|name| contents.connections.contains_key(name));
                }
                Conflict::Replace => {}
            }
        }
        let wanted = draft.local_port;
        let free = wanted.filter(|&port| contents.holder_of(port, &name).is_none());
        connection.local_port = free.unwrap_or_else(|| contents.free_port(&name));
        if let Some(wanted) = wanted.filter(|&wanted| wanted != connection.local_port) {
            summary.moved.push((name.clone(), wanted, connection.local_port));
        }
        connection.updated = now;
        if draft.name != name.as_str() {
            summary.renamed.push((draft.name, name.clone()));
        }
        contents.connections.insert(name.clone(), connection);
        summary.taken.push(name);
    }
    summary
}

/// Returns whether two connections differ in nothing but their times.
fn same(a: &Connection, b: &Connection) -> bool {
    let timeless = |connection: &Connection| {
        let epoch = Timestamp::UNIX_EPOCH;
        Connection {
            created: epoch,
            updated: epoch,
            last_used: None,
            uses: 0,
            ..connection.clone()
        }
    };
    timeless(a) == timeless(b)
}

#[cfg(test)]
mod tests {
    use ssmpf_model::Destination;

    use super::*;

    fn draft(name: &str, host: &str, port: Option<u16>) -> Draft {
        let destination = Destination {
            host: Some(host.parse().expect("a host")),
            port: Port::new(5432).expect("not 0"),
        };
        let target = "bastion".parse().expect("a target");
        Draft {
            name: name.to_owned(),
            local_port: port.and_then(Port::new),
            connection: Connection::new(
                target,
                destination,
                Port::new(5432).expect("not 0"),
                Timestamp::UNIX_EPOCH,
            ),
        }
    }

    fn reading(drafts: &[Draft]) -> Reading {
        Reading { drafts: drafts.to_vec(), left: Vec::new() }
    }

    fn merged(contents: &mut Contents, drafts: &[Draft], conflict: Conflict) -> Summary {
        merge(reading(drafts), contents, conflict, Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_refused_name_is_changed_and_said() {
        let mut contents = Contents::default();
        let drafts = [draft("prod db", "one.internal", None), draft("数", "two.internal", None)];
        let summary = merged(&mut contents, &drafts, Conflict::Rename);
        assert_eq!(summary.renamed, [("prod db".to_owned(), "prod-db".parse().expect("valid"))]);
        assert_eq!(summary.left, [Left::new("数", "no letter of its name can be kept")]);
    }

    #[test]
    fn two_that_become_the_same_name_are_both_kept() {
        let mut contents = Contents::default();
        let drafts = [draft("a b", "one.internal", None), draft("a/b", "two.internal", None)];
        let summary = merged(&mut contents, &drafts, Conflict::Rename);
        let names: Vec<&str> = summary.taken.iter().map(|name| name.as_str()).collect();
        assert_eq!(names, ["a-b", "a-b-2"]);
    }

    #[test]
    fn importing_twice_changes_nothing() {
        let mut contents = Contents::default();
        let drafts = [draft("db", "one.internal", Some(15432))];
        merged(&mut contents, &drafts, Conflict::Rename);
        let before = contents.clone();
        let summary = merged(&mut contents, &drafts, Conflict::Rename);
        assert_eq!(summary.left, [Left::new("db", "it is there already")]);
        assert_eq!(contents, before);
    }

    #[test]
    fn a_taken_name_is_numbered_skipped_or_replaced_as_wanted() {
        for (conflict, names, host) in [
            (Conflict::Rename, &["db", "db-2"][..], "one.internal"),
            (Conflict::Skip, &["db"], "one.internal"),
            (Conflict::Replace, &["db"], "two.internal"),
        ] {
            let mut contents = Contents::default();
            merged(&mut contents, &[draft("db", "one.internal", None)], conflict);
            merged(&mut contents, &[draft("db", "two.internal", None)], conflict);
            let found: Vec<&str> = contents.connections.keys().map(|name| name.as_str()).collect();
            assert_eq!(found, names, "{conflict:?}");
            let destination = &contents.get("db").expect("there").1.destination;
            assert_eq!(destination.host.as_ref().expect("a host").as_str(), host);
        }
    }

    #[test]
    fn a_local_port_is_kept_unless_another_connection_holds_it() {
        let mut contents = Contents::default();
        let drafts =
            [draft("a", "one.internal", Some(15432)), draft("b", "two.internal", Some(15432))];
        let summary = merged(&mut contents, &drafts, Conflict::Rename);
        assert_eq!(contents.get("a").expect("there").1.local_port.number(), 15432);
        let moved = contents.get("b").expect("there").1.local_port;
        assert_eq!(summary.moved.len(), 1);
        assert_eq!(summary.moved[0].2, moved);
    }
}
