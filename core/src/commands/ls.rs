//! `ssmpf ls`: the connections, all or some.

use ssmpf_schema::Listing;

use super::context::Context;
use super::{CommandError, record};
use crate::model::{Connection, ConnectionName, Kind};

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
}

/// Returns the connections that fit. None is a success too.
pub fn run(request: &Request, context: &mut Context) -> Result<Listing, CommandError> {
    let contents = context.store.read()?;
    let found = contents.connections.iter().filter(|(name, it)| request.takes(name, it));
    Ok(Listing::new(found.map(|(name, it)| record::of(name, it)).collect()))
}

impl Request {
    /// Returns whether every connection is asked for.
    pub fn is_everything(&self) -> bool {
        self.filters.is_empty()
            && self.profile.is_none()
            && self.region.is_none()
            && self.kind.is_none()
    }

    fn takes(&self, name: &ConnectionName, connection: &Connection) -> bool {
        let same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        same(&self.profile, connection.profile.as_ref().map(|profile| profile.as_str()))
            && same(&self.region, connection.region.as_ref().map(|region| region.as_str()))
            && self.kind.as_ref().is_none_or(|kind| *kind == connection.kind)
            && self.filters.iter().all(|filter| fits(filter, name, connection))
    }
}

fn fits(filter: &str, name: &ConnectionName, connection: &Connection) -> bool {
    if let Some(tag) = filter.strip_prefix('@') {
        return connection.has_tag(tag);
    }
    let wanted = filter.to_lowercase();
    let contains = |text: &str| text.to_lowercase().contains(&wanted);
    contains(name.as_str())
        || connection.description.as_deref().is_some_and(contains)
        || contains(connection.target.as_str())
        || contains(&connection.destination.to_string())
        || connection.tags.iter().any(|tag| contains(tag.as_str()))
}
