//! The questions of `add` that have lists to choose from: profile, target, destination.

use std::collections::{HashMap, HashSet};

use ssmpf_schema::{EndpointRecord, TargetRecord};

use super::CommandError;
use super::choose::{Answer, aligned, choose};
use super::context::{Finder, Person};
use super::fields::{Change, Fields};
use super::questions::{optional, required, tell};
use crate::model::{Port, ProfileName, TargetSpec};

/// What is asked for a profile.
const PROFILE: &str = "AWS profile (empty: whichever is in force)";
/// What is asked for a target.
const TARGET: &str = "Target (i-…, Name, tag:KEY=VALUE, ecs:cluster/service)";
/// What is asked for a destination.
pub(super) const HOST: &str = "Host to connect to (empty: the target itself)";

/// Returns what was found; a failure is told, and then there is nothing to choose from.
pub(super) fn listed<T>(person: &mut dyn Person, found: Option<Result<Vec<T>, String>>) -> Vec<T> {
    match found {
        Some(Ok(found)) => found,
        Some(Err(sentence)) => {
            person.tell(&sentence);
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// Asks for a profile, with those there are to choose from.
pub(super) fn ask_profile(
    person: &mut dyn Person,
    finder: Option<&mut (dyn Finder + '_)>,
) -> Result<Change<ProfileName>, CommandError> {
    let names = finder.map(|finder| finder.profiles()).unwrap_or_default();
    if names.is_empty() {
        return optional(person, PROFILE);
    }
    loop {
        let text = match choose(person, PROFILE, &names)? {
            Answer::Nothing => return Ok(Change::Clear),
            Answer::Listed(at) => names[at].clone(),
            Answer::Meant(text) => text,
            Answer::Typed(text) if names.contains(&text) => text,
            Answer::Typed(text) => {
                person.tell(&format!(
                    "no AWS profile named `{text}`; `={text}` means it all the same"
                ));
                continue;
            }
        };
        match text.parse() {
            Ok(profile) => return Ok(Change::Set(profile)),
            Err(error) => tell(person, &error),
        }
    }
}

/// Asks for a target, with what was found to choose from.
pub(super) fn ask_target(
    person: &mut dyn Person,
    found: &[TargetRecord],
) -> Result<TargetSpec, CommandError> {
    let choices = target_choices(found);
    if choices.is_empty() {
        return required(person, TARGET, None);
    }
    let entries: Vec<String> = choices.iter().map(|(entry, _)| entry.clone()).collect();
    loop {
        match choose(person, TARGET, &entries)? {
            Answer::Listed(at) => return Ok(choices[at].1.clone()),
            Answer::Nothing => person.tell("a connection needs a target"),
            Answer::Typed(text) | Answer::Meant(text) => match text.parse() {
                Ok(target) => return Ok(target),
                Err(error) => tell(person, &error),
            },
        }
    }
}

/// Returns a line and a target for each that can be chosen, those that can be reached first.
///
/// What is stored is what stays the same when a machine or a task is replaced: a name that only one
/// machine has, and the service of a container.
fn target_choices(found: &[TargetRecord]) -> Vec<(String, TargetSpec)> {
    let mut found: Vec<&TargetRecord> = found.iter().collect();
    found.sort_by(|a, b| (!a.reachable, &a.name).cmp(&(!b.reachable, &b.name)));
    let mut names: HashMap<&str, usize> = HashMap::new();
    for name in found.iter().filter_map(|it| it.name.as_deref()) {
        *names.entry(name).or_default() += 1;
    }
    let mut seen = HashSet::new();
    let choice = |it: &&TargetRecord| {
        let service = it.ecs.as_ref().and_then(|ecs| {
            let service = ecs.service.as_ref()?;
            Some(format!("ecs:{}/{service}/{}", ecs.cluster, ecs.container))
        });
        let name = it.name.as_deref().filter(|name| it.ecs.is_none() && names[name] == 1);
        let text = service.or_else(|| name.map(|name| format!("name:{name}")));
        let spec: TargetSpec = text
            .and_then(|text| text.parse().ok())
            .or_else(|| it.target.parse().ok())
            .filter(|spec| seen.insert(TargetSpec::to_string(spec)))?;
        // The short form, where it means the same.
        let short = name.and_then(|name| name.parse::<TargetSpec>().ok());
        let spec = short.filter(|short| short.meaning() == spec.meaning()).unwrap_or(spec);
        let shown = match it.ecs {
            Some(_) => spec.to_string(),
            None => it.name.clone().unwrap_or_else(|| it.target.clone()),
        };
        // The id of a task says nothing, and that of a machine without a name stands there already.
        let id = match it.ecs.is_some() || it.target == shown {
            true => String::new(),
            false => it.target.clone(),
        };
        let address = it.address.clone().unwrap_or_default();
        Some(([shown, id, it.status.clone(), address], spec))
    };
    let (rows, specs): (Vec<_>, Vec<_>) = found.iter().filter_map(choice).unzip();
    aligned(&rows).into_iter().zip(specs).collect()
}

/// Asks for host and port, with what was found to choose from; sets the kind along with them.
pub(super) fn ask_destination(
    fields: &mut Fields,
    person: &mut dyn Person,
    endpoints: &[EndpointRecord],
) -> Result<(), CommandError> {
    if endpoints.is_empty() {
        fields.host = optional(person, HOST)?;
        return Ok(());
    }
    let row = |it: &EndpointRecord| {
        let role = it.role.as_deref().map(|role| format!(" {role}")).unwrap_or_default();
        let place = format!("{}:{}", it.host, it.port);
        [it.name.clone(), format!("{}{role}", it.resource), place]
    };
    let entries = aligned(&endpoints.iter().map(row).collect::<Vec<_>>());
    loop {
        let text = match choose(person, HOST, &entries)? {
            Answer::Nothing => {
                fields.host = Change::Clear;
                return Ok(());
            }
            Answer::Listed(at) => {
                let endpoint = &endpoints[at];
                if endpoint.cluster_mode {
                    person.tell(
                        "it sends clients on to other nodes, which one tunnel does not reach: use \
                         a client that does not follow",
                    );
                }
                fields.port = Port::new(endpoint.port);
                fields.kind = fields.kind.take().or_else(|| endpoint.kind.parse().ok());
                endpoint.host.clone()
            }
            Answer::Typed(text) | Answer::Meant(text) => text,
        };
        match text.parse() {
            Ok(host) => {
                fields.host = Change::Set(host);
                return Ok(());
            }
            Err(error) => tell(person, &error),
        }
    }
}

#[cfg(test)]
mod tests {
    use ssmpf_schema::{EcsRecord, TargetKind};

    use super::*;

    fn record(target: &str, name: &str, reachable: bool) -> TargetRecord {
        TargetRecord {
            target: target.to_owned(),
            kind: TargetKind::Ec2,
            name: Some(name.to_owned()),
            reachable,
            status: "online".to_owned(),
            reason: None,
            state: None,
            address: None,
            availability_zone: None,
            vpc: None,
            platform: None,
            agent_version: None,
            last_ping: None,
            ecs: None,
            profile: None,
            region: "eu-west-1".to_owned(),
        }
    }

    fn specs(found: &[TargetRecord]) -> Vec<String> {
        target_choices(found).iter().map(|(_, spec)| spec.to_string()).collect()
    }

    #[test]
    fn what_is_stored_outlives_the_machine() {
        let found = [
            record("i-0000000000000000a", "bastion", true),
            record("i-0000000000000000b", "twin", true),
            record("i-0000000000000000c", "twin", true),
            record("i-0000000000000000d", "10.0.0.1", true),
            record("i-0000000000000000e", "away", false),
        ];
        assert_eq!(
            specs(&found),
            ["name:10.0.0.1", "bastion", "i-0000000000000000b", "i-0000000000000000c", "away"]
        );
    }

    #[test]
    fn tasks_of_a_service_are_one_choice() {
        let task = |id: &str| TargetRecord {
            ecs: Some(EcsRecord {
                cluster: "apps".to_owned(),
                service: Some("api".to_owned()),
                task: id.to_owned(),
                container: "web".to_owned(),
            }),
            ..record(&format!("ecs:apps_{id}_{id}-1"), "apps/api/web", true)
        };
        assert_eq!(specs(&[task("a"), task("b")]), ["ecs:apps/api/web"]);
    }
}
