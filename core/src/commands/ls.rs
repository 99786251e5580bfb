//! `ssmpf ls`: the connections, all or some.

use std::borrow::Cow;
use std::collections::BTreeSet;

use ssmpf_schema::ConnectionRecord;

use super::context::Context;
use super::{CommandError, record};
use crate::model::{ConnectionName, Kind, StoredConnection};

/// Which connections; a default means all.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// `@tag`, or text that is somewhere in the connection. All of them must hold.
    pub filters: Vec<String>,
    /// Only those with this profile.
    pub profile: Option<String>,
    /// Only those with this region.
    pub region: Option<String>,
    /// Only those of this kind.
    pub kind: Option<Kind>,
    /// The names that are open in the background, if that is known: what each is told about.
    pub up: Option<BTreeSet<ConnectionName>>,
}

/// Hands the connections that fit to `take`, in the order of their names, and returns what it made
/// of `start()`. None is a success too.
///
/// Several threads may do it, each with the next part of a long list; `merge` puts what comes later
/// behind.
pub fn run<T: Send>(
    request: &Request,
    context: &mut Context,
    start: impl Fn() -> T + Sync,
    take: impl Fn(&mut T, ConnectionRecord<Cow<'_, str>>) + Sync,
    merge: impl Fn(&mut T, T),
) -> Result<T, CommandError> {
    let Some(mut opened) = context.store.open()? else { return Ok(start()) };
    let request = request.prepared();
    let take = |result: &mut T, name: Cow<'_, str>, stored: StoredConnection<'_>| {
        if request.takes(&name, &stored) {
            let up = request.up.as_ref().map(|names| names.contains(&*name));
            take(result, ConnectionRecord { up, ..record::borrowed(name, stored) });
        }
    };
    Ok(opened.fold(start, take, merge)?)
}

impl Request {
    /// Returns whether every connection is asked for.
    pub fn is_everything(&self) -> bool {
        self.filters.is_empty()
            && self.profile.is_none()
            && self.region.is_none()
            && self.kind.is_none()
    }

    /// Filters that are text do not care about case.
    fn prepared(&self) -> Self {
        let mut prepared = self.clone();
        for filter in prepared.filters.iter_mut().filter(|filter| !filter.starts_with('@')) {
            *filter = filter.to_lowercase();
        }
        prepared
    }

    fn takes(&self, name: &str, connection: &StoredConnection<'_>) -> bool {
        let same = |wanted: &Option<String>, found: &Option<Cow<'_, str>>| {
            wanted.as_deref().is_none_or(|wanted| found.as_deref() == Some(wanted))
        };
        same(&self.profile, &connection.profile)
            && same(&self.region, &connection.region)
            && self.kind.as_ref().is_none_or(|kind| *kind == connection.kind)
            && self.filters.iter().all(|filter| fits(filter, name, connection))
    }
}

fn fits(filter: &str, name: &str, connection: &StoredConnection<'_>) -> bool {
    if let Some(tag) = filter.strip_prefix('@') {
        return connection.tags.iter().any(|it| it == tag);
    }
    let contains = |text: &str| text.to_lowercase().contains(filter);
    let destination = || match connection.host.as_deref() {
        Some(host) => format!("{host}:{}", connection.port),
        None => connection.port.to_string(),
    };
    contains(name)
        || connection.description.as_deref().is_some_and(contains)
        || contains(&connection.target)
        || contains(&destination())
        || connection.tags.iter().any(|tag| contains(tag))
}
