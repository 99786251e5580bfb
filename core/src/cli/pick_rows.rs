//! What `ssmpf pick` shows of each kind of thing, and what is behind each row for programs.

use std::collections::BTreeSet;
use std::sync::Arc;

use ssmpf_schema::{
    ConnectionRecord, EndpointRecord, ForwardState, ForwardStatus, PickedDocument, TargetRecord,
};

use super::args::Global;
use super::args_shell::PickWhat;
use super::complete::{aws_files, forwards};
use super::error::Failure;
use super::settings::Settings;
use super::{background, catalogue, finding, sign_in};
use crate::background::Record;
use crate::commands::{ls, profiles, record};
use crate::model::document::SessionDocument;
use crate::model::{Destination, Port, Timestamp};
use crate::output::{catalogue as render, finding as render_finding, json};
use crate::picker::Row;

/// Rows, and what is behind each.
pub(super) struct List {
    pub(super) rows: Vec<Row>,
    records: Vec<Behind>,
    /// What to do if there are none.
    pub(super) hint: &'static str,
}

/// What is known about a row.
#[derive(Clone)]
enum Behind {
    Connection(Arc<ConnectionRecord>),
    Forward(Box<ForwardStatus>),
    Target(Arc<TargetRecord>),
    Endpoint(Arc<EndpointRecord>),
    Profile(String),
}

impl List {
    /// Collects what can be picked. Nothing is asked of the network.
    pub(super) fn of(
        what: PickWhat,
        global: &Global,
        settings: &Settings,
    ) -> Result<Self, Failure> {
        let kept = || finding::cache(&settings.aws_without_connection());
        let place = settings.aws_without_connection();
        let (profile, region) = (place.profile.as_deref(), place.region.as_deref());
        let (hint, all): (_, Vec<(Row, Behind)>) = match what {
            PickWhat::Connections => {
                let found = connections(global, settings)?.into_iter().map(connection_row);
                ("`ssmpf add` makes a connection", found.collect())
            }
            PickWhat::Forwards => {
                let running = forwards::running().into_iter().map(forward_row);
                ("`ssmpf up` starts a forward", running.collect())
            }
            PickWhat::Targets => {
                let found = kept().map(|cache| cache.targets(profile, region)).unwrap_or_default();
                let hint = "`ssmpf targets` asks AWS; what it finds can be picked for twelve hours";
                (hint, found.into_iter().map(target_row).collect())
            }
            PickWhat::Endpoints => {
                let found =
                    kept().map(|cache| cache.endpoints(profile, region)).unwrap_or_default();
                let hint =
                    "`ssmpf endpoints` asks AWS; what it finds can be picked for twelve hours";
                (hint, found.into_iter().map(endpoint_row).collect())
            }
            PickWhat::Profiles => {
                let names = aws_files::profiles().into_iter().map(profile_row);
                ("`aws configure sso` makes a profile", names.collect())
            }
        };
        let (rows, records) = all.into_iter().unzip();
        Ok(Self { rows, records, hint })
    }

    /// Takes the rows, to be shown.
    pub(super) fn take_rows(&mut self) -> Vec<Row> {
        std::mem::take(&mut self.rows)
    }

    /// Returns a document with what was picked.
    pub(super) fn document(
        &self,
        action: Option<String>,
        values: Vec<String>,
        places: &[usize],
        settings: &Settings,
    ) -> Result<PickedDocument, Failure> {
        let mut document = PickedDocument::new(action, values);
        let picked = places.iter().filter_map(|&place| self.records.get(place));
        let mut names = BTreeSet::new();
        for record in picked.cloned() {
            match record {
                Behind::Connection(it) => document.connections.push(Arc::unwrap_or_clone(it)),
                Behind::Forward(it) => document.forwards.push(*it),
                Behind::Target(it) => document.targets.push(Arc::unwrap_or_clone(it)),
                Behind::Endpoint(it) => document.endpoints.push(Arc::unwrap_or_clone(it)),
                Behind::Profile(name) => _ = names.insert(name),
            }
        }
        if !names.is_empty() {
            let all = sign_in::waited_for(settings, profiles::run())?.profiles;
            document.profiles = all.into_iter().filter(|it| names.contains(&it.name)).collect();
        }
        Ok(document)
    }
}

/// Returns a document as one line for each thing that was picked.
pub(super) fn lines(document: &PickedDocument) -> String {
    let connections = document.connections.iter().map(json::line);
    connections
        .chain(document.forwards.iter().map(json::line))
        .chain(document.targets.iter().map(json::line))
        .chain(document.endpoints.iter().map(json::line))
        .chain(document.profiles.iter().map(json::line))
        .collect()
}

/// All connections, those used lately and often first, then by name.
fn connections(global: &Global, settings: &Settings) -> Result<Vec<ConnectionRecord>, Failure> {
    let mut context = catalogue::context(global, settings)?;
    let now = context.now;
    let found = ls::run(
        &ls::Request { up: background::running(), ..ls::Request::default() },
        &mut context,
        Vec::new,
        |found, it| found.push(record::owned(it)),
        |found: &mut Vec<ConnectionRecord>, mut more| found.append(&mut more),
    );
    catalogue::show_warnings(&mut context, settings);
    let mut found = found?;
    // It keeps the order of those that are alike.
    found.sort_by_cached_key(|it| std::cmp::Reverse((liking(it, now), it.last_used.clone())));
    Ok(found)
}

/// How likely a connection is meant: how often it was used, and how long that is ago. The factors are
/// those of zoxide, times four.
fn liking(connection: &ConnectionRecord, now: Timestamp) -> u64 {
    let last_used = connection.last_used.as_deref().and_then(|time| time.parse().ok());
    let Some(last_used) = last_used else { return 0 };
    let hours = now.duration_since(last_used).as_hours();
    let factor = match hours {
        ..1 => 16,
        1..24 => 8,
        24..168 => 2,
        _ => 1,
    };
    // Those from before uses were counted were used once at least.
    u64::from(connection.uses.max(1)) * factor
}

fn connection_row(it: ConnectionRecord) -> (Row, Behind) {
    let mut columns = render::row(&it);
    columns.push(it.description.clone().unwrap_or_default());
    let (value, it) = (it.name.clone(), Arc::new(it));
    let behind = Behind::Connection(Arc::clone(&it));
    let preview = move || {
        let state = match it.up {
            Some(true) => "up, in the background",
            Some(false) => "not up in the background",
            None => "not known",
        };
        let uses = match it.uses {
            0 => String::new(),
            times => format!("uses          {times}\n"),
        };
        let (line, details) = (render::one_line(&it), render::details(&it));
        let call = call(&it).map(|document| format!("calls         StartSession, {document}\n"));
        let call = call.unwrap_or_default();
        format!("{line}\n\n{details}{uses}\nstate         {state}\n{call}")
    };
    (Row { value, columns, preview: Box::new(preview) }, behind)
}

/// The document that a session of this connection is started with.
fn call(it: &ConnectionRecord) -> Option<String> {
    let host = it.host.as_deref().map(str::parse).transpose().ok()?;
    let destination = Destination { host, port: Port::new(it.port)? };
    let named = it.document.as_deref().map(str::parse).transpose().ok()?;
    let document = SessionDocument::for_destination(&destination, named.as_ref()).ok()?;
    Some(document.name().to_owned())
}

fn forward_row(it: Record) -> (Row, Behind) {
    let port = it.local_port.map(|port| port.to_string()).unwrap_or_default();
    let columns = vec![it.name.clone(), port, it.destination.clone(), it.target.clone()];
    let value = it.name.clone();
    let behind = Behind::Forward(Box::new(it.status(ForwardState::Unknown)));
    let preview = move || {
        let of = |text: &Option<String>| text.clone().unwrap_or_default();
        format!(
            "{}\n\ndestination  {}\ntarget       {}\nprofile      {}\nregion       {}\n\
             started      {}\nprocess      {}\n",
            it.name,
            it.destination,
            it.target,
            of(&it.profile),
            of(&it.region),
            it.started,
            it.pid
        )
    };
    (Row { value, columns, preview: Box::new(preview) }, behind)
}

fn target_row(it: TargetRecord) -> (Row, Behind) {
    let columns = render_finding::target_row(&it);
    let (value, it) = (it.target.clone(), Arc::new(it));
    let behind = Behind::Target(Arc::clone(&it));
    (Row { value, columns, preview: Box::new(move || json::document(&*it)) }, behind)
}

fn endpoint_row(it: EndpointRecord) -> (Row, Behind) {
    let columns = render_finding::endpoint_row(&it);
    // As `-L` takes it.
    let value = match it.host.contains(':') {
        true => format!("[{}]:{}", it.host, it.port),
        false => format!("{}:{}", it.host, it.port),
    };
    let it = Arc::new(it);
    let behind = Behind::Endpoint(Arc::clone(&it));
    (Row { value, columns, preview: Box::new(move || json::document(&*it)) }, behind)
}

fn profile_row(name: String) -> (Row, Behind) {
    let preview = {
        let name = name.clone();
        move || format!("{name}\n\n`ssmpf profiles` shows whether somebody is signed in\n")
    };
    let behind = Behind::Profile(name.clone());
    (Row { value: name.clone(), columns: vec![name], preview: Box::new(preview) }, behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(uses: u32, last_used: Option<&str>) -> ConnectionRecord {
        let json = r#"{"name":"a","description":null,"tags":[],"profile":null,"region":null,
            "target":"b","host":null,"port":1,"kind":"tcp","local_port":1,"bind":"localhost",
            "document":null,"reason":null,"lazy":false,"idle_timeout_seconds":null,
            "max_age_seconds":null,"guard":false,"keep_alive":false,"sessions":null,
            "database":null,"created":"2026-01-01T00:00:00Z","updated":"2026-01-01T00:00:00Z",
            "last_used":null}"#;
        let record: ConnectionRecord = serde_json::from_str(json).expect("a record");
        ConnectionRecord { uses, last_used: last_used.map(str::to_owned), ..record }
    }

    #[test]
    fn what_is_used_lately_and_often_is_liked_best() {
        let now: Timestamp = "2026-11-21T12:00:00Z".parse().expect("a time");
        let liking = |uses, last_used| liking(&used(uses, last_used), now);
        let (just_now, today) = (Some("2026-11-21T11:30:00.000Z"), Some("2026-11-21T02:00:00Z"));
        let (this_week, long_ago) = (Some("2026-11-17T12:00:00Z"), Some("2026-01-01T00:00:00Z"));
        assert!(liking(1, just_now) > liking(1, today));
        assert!(liking(1, today) > liking(1, this_week));
        assert!(liking(3, today) > liking(1, just_now), "often, and today");
        assert!(liking(9, long_ago) > liking(1, this_week), "a habit");
        assert!(liking(1, this_week) > liking(1, long_ago));
        assert!(liking(0, long_ago) > liking(0, None), "once at least");
        // The clock of another machine.
        assert_eq!(liking(1, Some("2027-01-01T00:00:00Z")), liking(1, just_now));
    }
}
