//! How saved connections and what happened to them look.

use ssmpf_schema::{ConnectionRecord, ImportSummary, RecipientsDocument, StoreDocument};

use super::printable::one_line as one_line_of;
use super::table::Table;

/// Returns the table of `ls`, still without rows.
pub fn table() -> Table {
    Table::new(&[
        "NAME",
        "LOCAL",
        "UP",
        "DESTINATION",
        "TARGET",
        "KIND",
        "PROFILE",
        "REGION",
        "TAGS",
    ])
}

/// Returns the row of a connection.
pub fn row<T: AsRef<str>>(connection: &ConnectionRecord<T>) -> Vec<String> {
    let owned = |value: &T| one_line_of(value.as_ref()).into_owned();
    let text = |value: &Option<T>| value.as_ref().map(owned).unwrap_or_default();
    vec![
        owned(&connection.name),
        connection.local_port.to_string(),
        if connection.up == Some(true) { "up".to_owned() } else { String::new() },
        destination(connection),
        owned(&connection.target),
        owned(&connection.kind),
        text(&connection.profile),
        text(&connection.region),
        tags(&connection.tags),
    ]
}

/// Returns a connection in one line.
pub fn one_line(connection: &ConnectionRecord) -> String {
    format!(
        "{}: {}:{} → {} via {}",
        connection.name,
        connection.bind,
        connection.local_port,
        destination(connection),
        connection.target
    )
}

/// Returns all that is known about a connection, one field per line.
pub fn details(connection: &ConnectionRecord) -> String {
    let it = connection;
    let span = |seconds: Option<u64>| {
        seconds.and_then(ssmpf_model::Seconds::new).map(|span| span.to_string())
    };
    let switch = |on: bool| on.then(|| "yes".to_owned());
    let database = it.database.as_ref();
    let tags = tags(&it.tags);
    let fields: [(&str, Option<String>); 24] = [
        ("name", Some(it.name.clone())),
        ("description", it.description.clone()),
        ("tags", Some(tags).filter(|tags| !tags.is_empty())),
        ("profile", it.profile.clone()),
        ("region", it.region.clone()),
        ("target", Some(it.target.clone())),
        ("destination", Some(destination(it))),
        ("kind", Some(it.kind.clone())),
        ("local port", Some(it.local_port.to_string())),
        ("up", it.up.and_then(switch)),
        ("bind", Some(it.bind.clone()).filter(|bind| bind != "localhost")),
        ("document", it.document.clone()),
        ("reason", it.reason.clone()),
        ("lazy", switch(it.lazy)),
        ("idle timeout", span(it.idle_timeout_seconds)),
        ("max age", span(it.max_age_seconds)),
        ("guard", switch(it.guard)),
        ("keep alive", switch(it.keep_alive)),
        ("sessions", it.sessions.map(|number| number.to_string())),
        ("db user", database.and_then(|database| database.user.clone())),
        ("db name", database.and_then(|database| database.name.clone())),
        ("auth", database.map(|database| database.auth.clone())),
        ("created", Some(it.created.clone())),
        ("last used", Some(it.last_used.clone().unwrap_or_else(|| "never".to_owned()))),
    ];
    let shown = fields.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    shown.map(|(name, value)| format!("{name:<12}  {}\n", one_line_of(value))).collect()
}

/// Returns what an import took and what it left.
pub fn summary(summary: &ImportSummary) -> String {
    let verb = if summary.dry_run { "would take" } else { "took" };
    let mut text = String::new();
    for taken in &summary.taken {
        let was = taken.renamed_from.as_ref();
        let was = was.map(|was| format!(" (was `{was}`)")).unwrap_or_default();
        text.push_str(&format!("{verb} {}{was}\n", taken.name));
        for note in &taken.notes {
            text.push_str(&format!("  {note}\n"));
        }
    }
    for left in &summary.left {
        text.push_str(&format!("left `{}`: {}\n", left.name, left.reason));
    }
    let (taken, left) = (summary.taken.len(), summary.left.len());
    text.push_str(&format!("{taken} taken, {left} left\n"));
    text
}

/// Returns what is in a store.
pub fn store(document: &StoreDocument) -> String {
    let Some(contents) = document.contents.as_ref().filter(|_| document.exists) else {
        return format!("{}: there is no store yet\n", document.path);
    };
    let others = match contents.recipients {
        0 => String::new(),
        count => format!(", sealed to {count} more"),
    };
    format!(
        "{}: {} connections in {} bytes{others}, opened with the {}\n",
        document.path,
        contents.connections,
        contents.size,
        contents.key_source.as_deref().unwrap_or("key")
    )
}

/// Returns whom a store is sealed to, one key per line.
pub fn recipients(document: &RecipientsDocument) -> String {
    let own = document.own.iter().map(|key| format!("{key}  (yourself)\n"));
    let others = document.others.iter().map(|key| format!("{key}\n"));
    own.chain(others).collect()
}

fn tags<T: AsRef<str>>(tags: &[T]) -> String {
    tags.iter().map(|tag| format!("@{}", tag.as_ref())).collect::<Vec<_>>().join(" ")
}

fn destination<T: AsRef<str>>(connection: &ConnectionRecord<T>) -> String {
    match connection.host.as_ref().map(AsRef::as_ref) {
        // An address of version 6 needs its brackets to be told from the port.
        Some(host) if host.contains(':') => format!("[{host}]:{}", connection.port),
        Some(host) => format!("{host}:{}", connection.port),
        None => format!("port {} of the target", connection.port),
    }
}
