//! One function for each kind of candidate; `args` names them where a value of that kind is typed.

use std::collections::BTreeSet;
use std::ffi::OsStr;

use clap::CommandFactory;
use clap_complete::CompletionCandidate;
use ssmpf_schema::ConnectionRecord;
use ssmpf_store::show::As;

use super::super::args::Cli;
use super::super::help;
use super::line::Line;
use super::regions::REGIONS;
use super::{aws_files, catalogue, forwards};
use crate::model::Kind;

/// What TAB shows.
type Candidates = Vec<CompletionCandidate>;

/// Saved connections.
pub(in crate::cli) fn connections(typed: &OsStr) -> Candidates {
    let Some(typed) = typed.to_str().map(str::to_owned) else { return Candidates::new() };
    let found = catalogue::read(move |found, record| {
        if record.name.starts_with(&typed) {
            found.push((record.name.to_string(), about(record)));
        }
    });
    all(found)
}

/// Saved connections, or `@tag`; what is on the line already is left out.
pub(in crate::cli) fn connections_or_tags(typed: &OsStr) -> Candidates {
    let mut found = connections(typed);
    if typed.is_empty() || typed.as_encoded_bytes().starts_with(b"@") {
        found.extend(tags(OsStr::new("")).into_iter().map(|tag| tag.add_prefix("@")));
    }
    let typed = typed.as_encoded_bytes();
    found.retain(|it| {
        it.get_value().as_encoded_bytes().starts_with(typed)
            && !it.get_value().to_str().is_some_and(Line::has)
    });
    found
}

/// Tags of saved connections.
pub(in crate::cli) fn tags(typed: &OsStr) -> Candidates {
    let found = catalogue::distinct(|found, record| {
        found.extend(record.tags.iter().map(|tag| (tag.to_string(), String::new())));
    });
    fitting(typed, found)
}

/// Forwards that are up.
pub(in crate::cli) fn forwards(typed: &OsStr) -> Candidates {
    let found = forwards::running().into_iter();
    fitting(typed, found.map(|record| (record.name, record.destination)))
}

/// Forwards that are up, or `@tag` of one; what is on the line already is left out.
pub(in crate::cli) fn forwards_or_tags(typed: &OsStr) -> Candidates {
    let running = forwards::running();
    let tags: BTreeSet<String> = running.iter().flat_map(|record| record.tags.clone()).collect();
    let names = running.into_iter().map(|record| (record.name, record.destination));
    let tags = tags.into_iter().map(|tag| (format!("@{tag}"), String::new()));
    fitting(typed, names.chain(tags).filter(|(value, _)| !Line::has(value)))
}

/// Sign-ins to IAM Identity Center of the AWS configuration file.
pub(in crate::cli) fn sso_sessions(typed: &OsStr) -> Candidates {
    fitting(typed, aws_files::sso_sessions().into_iter().map(|name| (name, String::new())))
}

/// Nodes that saved connections go through, and the ways to name others.
pub(in crate::cli) fn targets(typed: &OsStr) -> Candidates {
    let mut found = catalogue::distinct(|found, record| {
        found.push((record.target.to_string(), format!("as in {}", record.name)));
    });
    found.extend(
        [
            ("tag:", "a tag of the node: tag:KEY=VALUE"),
            ("asg:", "a node of an Auto Scaling group: asg:GROUP"),
            ("ecs:", "a task of ECS: ecs:CLUSTER/SERVICE[/CONTAINER]"),
        ]
        .map(|(value, help)| (value.to_owned(), help.to_owned())),
    );
    fitting(typed, found)
}

/// Hosts that saved connections lead to.
pub(in crate::cli) fn hosts(typed: &OsStr) -> Candidates {
    let found = catalogue::distinct(|found, record| {
        if let Some(host) = &record.host {
            found.push((host.to_string(), format!("as in {}", record.name)));
        }
    });
    fitting(typed, found)
}

/// Profiles of the AWS configuration files.
pub(in crate::cli) fn profiles(typed: &OsStr) -> Candidates {
    fitting(typed, aws_files::profiles().into_iter().map(|name| (name, String::new())))
}

/// Regions of AWS.
pub(in crate::cli) fn regions(typed: &OsStr) -> Candidates {
    fitting(typed, REGIONS.map(|(region, place)| (region.to_owned(), place.to_owned())))
}

/// What listens at the destination.
pub(in crate::cli) fn kinds(typed: &OsStr) -> Candidates {
    let port = |kind: &Kind| {
        kind.default_port().map(|port| format!("port {}", port.number())).unwrap_or_default()
    };
    fitting(typed, Kind::all().map(|kind| (kind.as_str().to_owned(), port(kind))))
}

/// What `show --as` can write.
pub(in crate::cli) fn forms(typed: &OsStr) -> Candidates {
    fitting(typed, As::ALL.map(|(_, word)| (word.to_owned(), String::new())))
}

/// How a database user signs in.
pub(in crate::cli) fn sign_ins(typed: &OsStr) -> Candidates {
    let known = [("password", "as the database knows it"), ("iam", "with a token of IAM")];
    fitting(typed, known.map(|(value, help)| (value.to_owned(), help.to_owned())))
}

/// Where one number is chosen by the program: a local port, a count of sessions.
pub(in crate::cli) fn auto(typed: &OsStr) -> Candidates {
    fitting(typed, [("auto".to_owned(), String::new())])
}

/// What `help` explains: topics and commands.
pub(in crate::cli) fn help_topics(typed: &OsStr) -> Candidates {
    let topics = help::TOPICS.map(|topic| (topic.to_owned(), "topic".to_owned()));
    let command = Cli::command();
    let about = |it: &clap::Command| it.get_about().map(ToString::to_string).unwrap_or_default();
    let commands = command.get_subcommands().map(|it| (it.get_name().to_owned(), about(it)));
    fitting(typed, topics.into_iter().chain(commands))
}

/// A line about a connection: what it is for and whose account it is in.
fn about<T: AsRef<str>>(record: &ConnectionRecord<T>) -> String {
    let text = |value: &Option<T>| value.as_ref().map(|value| value.as_ref().to_owned());
    let place = || match text(&record.host) {
        Some(host) => format!("{host}:{}", record.port),
        None => format!("port {} of {}", record.port, record.target.as_ref()),
    };
    let what = text(&record.description).unwrap_or_else(place);
    match text(&record.profile) {
        Some(profile) => format!("{what} ({profile})"),
        None => what,
    }
}

fn fitting(typed: &OsStr, values: impl IntoIterator<Item = (String, String)>) -> Candidates {
    let Some(typed) = typed.to_str() else { return Candidates::new() };
    all(values.into_iter().filter(|(value, _)| value.starts_with(typed)))
}

fn all(values: impl IntoIterator<Item = (String, String)>) -> Candidates {
    let candidate = |(value, help): (String, String)| {
        CompletionCandidate::new(value).help((!help.is_empty()).then(|| help.into()))
    };
    values.into_iter().map(candidate).collect()
}
