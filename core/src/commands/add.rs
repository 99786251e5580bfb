//! `ssmpf add`: a new connection, from flags, or from answers where a person is there to give them.

use ssmpf_schema::ConnectionRecord;
use ssmpf_store::import::{Draft, aws_cli};
use ssmpf_store::{CatalogueError, Contents};

use super::add_lists::{HOST, ask_destination, ask_profile, ask_target, listed};
use super::context::{Context, Finder, Person};
use super::fields::Fields;
use super::questions::{optional, required};
use super::{CommandError, record};
use crate::model::{
    Connection, ConnectionName, Destination, InvalidInput, LocalPort, Port, Timestamp,
};

/// What to add.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Its name; asked for when it is missing.
    pub name: Option<ConnectionName>,
    /// The rest.
    pub fields: Fields,
    /// An `aws ssm start-session …` line that says what the fields do not.
    pub from: Option<String>,
}

/// Adds a connection and returns it.
///
/// Name, target and port are needed. If all are given nothing is asked; else a person is asked for
/// these and for what usually goes with them.
pub fn run(mut request: Request, context: &mut Context) -> Result<ConnectionRecord, CommandError> {
    let now = context.now;
    let draft = request.from.as_deref().map(|line| aws_cli::read(line, now)).transpose()?;
    if let Some(draft) = &draft {
        name_after(draft, &mut request, context)?;
    } else if let Some(person) = &mut context.person
        && !request.is_complete()
    {
        // Read now: no answer is to be in vain because of a name that is taken.
        let contents = context.store.read()?;
        let finder = context.finder.as_mut().map(|finder| finder.as_mut() as &mut dyn Finder);
        ask(&mut request, person.as_mut(), finder, &contents)?;
    }
    let name = request.name.ok_or_else(|| missing("a name", "ssmpf add NAME …"))?;
    let fields = request.fields;
    let Draft { local_port, connection: base, .. } = match draft {
        Some(draft) => draft,
        None => from_fields(&name, &fields, now)?,
    };
    let (connection, holder) = context.store.update(|contents| {
        let mut connection = base;
        connection.local_port = local_port.unwrap_or_else(|| contents.free_port(&name));
        fields.apply(&name, &mut connection, contents)?;
        contents.add(name.clone(), connection.clone())?;
        let holder = contents.holder_of(connection.local_port, &name).cloned();
        Ok::<_, CommandError>((connection, holder))
    })?;
    warn_of_shared_port(&connection, holder, context);
    Ok(record::of(&name, &connection))
}

impl Request {
    fn is_complete(&self) -> bool {
        self.name.is_some() && self.fields.target.is_some() && self.fields.port().is_some()
    }
}

/// Gives a pasted line the name that was asked for, or one like its own.
fn name_after(
    draft: &Draft,
    request: &mut Request,
    context: &mut Context,
) -> Result<(), CommandError> {
    if request.name.is_some() {
        return Ok(());
    }
    let own = ConnectionName::resembling(&draft.name);
    request.name = match &mut context.person {
        Some(person) => {
            let own = own.as_ref().map(ConnectionName::as_str);
            Some(required(person.as_mut(), "Name", own)?)
        }
        None => own,
    };
    Ok(())
}

fn from_fields(
    name: &ConnectionName,
    fields: &Fields,
    now: Timestamp,
) -> Result<Draft, InvalidInput> {
    let target = fields.target.clone().ok_or_else(|| missing("a target", "--target TARGET"))?;
    let port = fields
        .port()
        .ok_or_else(|| missing("a port to connect to", "--port PORT, or --kind KIND"))?;
    let destination = Destination { host: fields.host.value().cloned(), port };
    // Any port will do here: the store chooses one.
    let connection = Connection::new(target, destination, port, now);
    Ok(Draft { name: name.to_string(), local_port: None, connection })
}

/// Warns that two connections cannot be open at the same time.
pub(super) fn warn_of_shared_port(
    connection: &Connection,
    holder: Option<ConnectionName>,
    context: &mut Context,
) {
    if let Some(holder) = holder {
        context.warn(
            format!("local port {} is also that of `{holder}`", connection.local_port),
            "only one of them can be open at a time; `--local-port auto` finds a free one",
        );
    }
}

/// Asks for a name until it is a new one; one that was given has to be.
fn ask_name(
    given: Option<ConnectionName>,
    person: &mut dyn Person,
    contents: &Contents,
) -> Result<ConnectionName, CommandError> {
    let is_given = given.is_some();
    let mut name = given.map_or_else(|| required(person, "Name", None), Ok)?;
    while contents.get(name.as_str()).is_ok() {
        let taken = CatalogueError::Taken { name };
        if is_given {
            return Err(taken.into());
        }
        person.tell(&format!("{taken}; {}", taken.hint()));
        name = required(person, "Name", None)?;
    }
    Ok(name)
}

fn missing(what: &str, flag: &str) -> InvalidInput {
    InvalidInput::new(format!("a connection needs {what}"), format!("give it with `{flag}`"))
}

/// Asks for what no flag says, with lists to choose from where a finder has them.
fn ask(
    request: &mut Request,
    person: &mut dyn Person,
    mut finder: Option<&mut (dyn Finder + '_)>,
    contents: &Contents,
) -> Result<(), CommandError> {
    request.name = Some(ask_name(request.name.take(), person, contents)?);
    let fields = &mut request.fields;
    if fields.profile.is_keep() {
        fields.profile = ask_profile(person, finder.as_deref_mut())?;
    }
    if fields.region.is_keep() {
        fields.region = optional(person, "Region (empty: the profile's)")?;
    }
    let profile = fields.profile.value().map(|profile| profile.as_str().to_owned());
    let region = fields.region.value().map(|region| region.as_str().to_owned());
    if fields.target.is_none() {
        let found = finder
            .as_deref_mut()
            .map(|finder| finder.targets(profile.as_deref(), region.as_deref()));
        let found = listed(person, found);
        fields.target = Some(ask_target(person, &found)?);
    }
    if fields.host.is_keep() && fields.port.is_none() {
        let found = finder.map(|finder| finder.endpoints(profile.as_deref(), region.as_deref()));
        let endpoints = listed(person, found);
        ask_destination(fields, person, &endpoints)?;
    } else if fields.host.is_keep() {
        fields.host = optional(person, HOST)?;
    }
    if fields.port.is_none() {
        let usual = fields.port().map(|port| port.to_string());
        fields.port = Some(required::<Port>(person, "Port to connect to", usual.as_deref())?);
    }
    if fields.local_port.is_none() {
        fields.local_port = Some(required::<LocalPort>(person, "Local port", Some("auto"))?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::fields::Change;

    /// Gives one answer after another and remembers what was told.
    struct Scripted {
        answers: Vec<&'static str>,
        told: usize,
    }

    impl Person for Scripted {
        fn ask(&mut self, _: &str, _: Option<&str>) -> std::io::Result<Option<String>> {
            match self.answers.is_empty() {
                true => Ok(None),
                false => Ok(Some(self.answers.remove(0).to_owned())),
            }
        }

        fn ask_secret(&mut self, _: &str) -> std::io::Result<Option<ssmpf_store::Passphrase>> {
            Ok(None)
        }

        fn tell(&mut self, _: &str) {
            self.told += 1;
        }
    }

    #[test]
    fn a_wrong_answer_is_explained_and_asked_for_again() {
        let answers =
            vec!["my db", "db", "", "eu-west-1", "bastion", "db.internal", "0", "5432", ""];
        let mut person = Scripted { answers, told: 0 };
        let mut request = Request::default();
        ask(&mut request, &mut person, None, &Contents::default())
            .expect("every question is answered");
        assert_eq!(request.name.expect("asked for").as_str(), "db");
        assert_eq!(request.fields.port, Port::new(5432));
        assert_eq!(request.fields.local_port, Some(LocalPort::Auto));
        assert_eq!(request.fields.profile, Change::Clear);
        assert_eq!(person.told, 2);
    }

    #[test]
    fn what_a_flag_says_is_not_asked() {
        let mut person = Scripted { answers: vec!["", "", "", ""], told: 0 };
        let mut request = Request {
            name: Some("db".parse().expect("a name")),
            fields: Fields {
                target: Some("bastion".parse().expect("a target")),
                kind: Some(crate::model::Kind::Postgres),
                ..Fields::default()
            },
            from: None,
        };
        ask(&mut request, &mut person, None, &Contents::default())
            .expect_err("port and local port were left to ask");
        person.answers = vec![""];
        ask(&mut request, &mut person, None, &Contents::default())
            .expect("the kind brings the port");
    }

    #[test]
    fn a_name_that_is_taken_costs_no_other_answer() {
        let mut contents = Contents::default();
        let name: ConnectionName = "db".parse().expect("a name");
        let fields = Fields {
            target: Some("bastion".parse().expect("a target")),
            port: Port::new(5432),
            ..Fields::default()
        };
        let draft = from_fields(&name, &fields, Timestamp::now()).expect("complete");
        contents.add(name.clone(), draft.connection).expect("free");
        let mut person = Scripted { answers: vec!["db", "db2", "", ""], told: 0 };
        let mut request = Request::default();
        ask(&mut request, &mut person, None, &contents).expect_err("the target was left to ask");
        assert_eq!(request.name.as_ref().map(ConnectionName::as_str), Some("db2"));
        assert_eq!(person.told, 1);
        request.name = Some(name);
        person.answers = vec!["never asked for"];
        ask(&mut request, &mut person, None, &contents).expect_err("it is taken");
        assert_eq!(person.answers.len(), 1);
    }

    #[test]
    fn ending_the_questions_adds_nothing() {
        let mut person = Scripted { answers: vec![], told: 0 };
        assert!(ask(&mut Request::default(), &mut person, None, &Contents::default()).is_err());
    }
}
